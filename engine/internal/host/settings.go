package host

import (
	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/internal/attempt"
	"github.com/weirstream/weir/engine/rest"
)

// withSettings returns the configuration of an attempt that is activated with s, which is complete: a zero is a value.
func withSettings(cfg config.Config, s config.Settings, takeOver bool) (config.Config, error) {
	if wrong := attempt.WrongSettings(s, cfg.MaxParallelism); wrong != "" {
		return config.Config{}, &rest.Error{Code: rest.BadRequest, Message: "settings: " + wrong}
	}
	cfg.Settings, cfg.TakeOver = s, takeOver
	return cfg, nil
}
