package job

import (
	"errors"

	"github.com/weirstream/weir/engine/internal/attempt"
	"github.com/weirstream/weir/engine/rest"
)

// withSettings returns the configuration of an attempt that is activated with s, which is complete: a zero is a value.
func withSettings(c Config, s Settings, takeOver bool) (Config, error) {
	if wrong := attempt.WrongSettings(s, c.MaxParallelism); wrong != "" {
		return Config{}, &rest.Error{Code: rest.BadRequest, Message: "settings: " + wrong}
	}
	c.Settings, c.TakeOver = s, takeOver
	return c, nil
}

// startError answers who asked for an attempt that did not begin.
func startError(err error) error {
	var already *rest.Error
	if errors.As(err, &already) {
		return already
	}
	code := rest.Conflict
	if attempt.KindOf(err) == rest.FailedTransiently && !attempt.IsTooLate(err) {
		code = rest.Unavailable
	}
	return &rest.Error{Code: code, Message: err.Error()}
}
