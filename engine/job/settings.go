package job

import (
	"fmt"

	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// withSettings returns the configuration of an attempt that is activated with s, which is complete: a zero is a value.
func withSettings(c Config, s Settings, takeOver bool) (Config, error) {
	if wrong := wrongSettings(s, c.MaxParallelism); wrong != "" {
		return Config{}, &rest.Error{Code: rest.BadRequest, Message: "settings: " + wrong}
	}
	c.Settings, c.TakeOver = s, takeOver
	return c, nil
}

// wrongSettings says what no attempt can run with; empty: nothing.
func wrongSettings(s Settings, maxParallelism int) string {
	if wrong := s.Check(maxParallelism); wrong != "" {
		return wrong
	}
	for _, place := range []struct{ name, url string }{{"savepointStorage", s.SavepointStorage}, {"restore.path", s.Restore.Path}} {
		if place.url == "" {
			continue
		}
		if _, err := storageurl.Parse(place.url); err != nil {
			return fmt.Sprintf("%s: %v", place.name, err)
		}
	}
	return ""
}
