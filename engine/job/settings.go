package job

import (
	"fmt"
	"time"

	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/storage"
)

// settingsOf is the part of a configuration that an activation says (P8).
func settingsOf(c Config) rest.Settings {
	return rest.Settings{
		Parallelism: c.Parallelism,
		IntervalMs:  c.Interval.Milliseconds(), TimeoutMs: c.Timeout.Milliseconds(), MinPauseMs: c.MinPause.Milliseconds(),
		Retained: c.Retained, TolerableFailures: c.TolerableFailures,
		RestartInitialDelayMs: c.Restart.InitialDelay.Milliseconds(),
		RestartMaxDelayMs:     c.Restart.MaxDelay.Milliseconds(),
		RestartResetAfterMs:   c.Restart.ResetAfter.Milliseconds(),
		SavepointStorage:      c.SavepointStorage,
		Restore: rest.Restore{
			Path: c.Restore.From, Nonce: c.Restore.Nonce,
			AllowNonRestoredState: c.Restore.AllowNonRestoredState, AllowRepeatedOutput: c.Restore.AllowRepeatedOutput,
		},
	}
}

// withSettings returns the configuration of an attempt that is activated with s, which is complete: a zero is a value.
func (c Config) withSettings(s rest.Settings, takeOver bool) (Config, error) {
	if wrong := wrongSettings(s, c.MaxParallelism); wrong != "" {
		return Config{}, &rest.Error{Code: rest.BadRequest, Message: "settings: " + wrong}
	}
	c.Parallelism = s.Parallelism
	c.Interval, c.Timeout, c.MinPause = milliseconds(s.IntervalMs), milliseconds(s.TimeoutMs), milliseconds(s.MinPauseMs)
	c.Retained, c.TolerableFailures = s.Retained, s.TolerableFailures
	c.Restart = RestartPolicy{
		InitialDelay: milliseconds(s.RestartInitialDelayMs),
		MaxDelay:     milliseconds(s.RestartMaxDelayMs),
		ResetAfter:   milliseconds(s.RestartResetAfterMs),
	}
	c.SavepointStorage = s.SavepointStorage
	c.Restore = Restore{
		From: s.Restore.Path, Nonce: s.Restore.Nonce, TakeOver: takeOver,
		AllowNonRestoredState: s.Restore.AllowNonRestoredState, AllowRepeatedOutput: s.Restore.AllowRepeatedOutput,
	}
	return c, nil
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// mostMs bounds times in settings, so that they fit a time.Duration.
const mostMs = int64(1) << 40

// wrongSettings says what no attempt can run with; empty: nothing.
func wrongSettings(s rest.Settings, maxParallelism int) string {
	for _, t := range []struct {
		name  string
		ms    int64
		least int64
	}{
		{"intervalMs", s.IntervalMs, 1}, {"timeoutMs", s.TimeoutMs, 1}, {"minPauseMs", s.MinPauseMs, 0},
		{"restartInitialDelayMs", s.RestartInitialDelayMs, 1}, {"restartMaxDelayMs", s.RestartMaxDelayMs, s.RestartInitialDelayMs},
		{"restartResetAfterMs", s.RestartResetAfterMs, 0},
	} {
		if t.ms < t.least || t.ms > mostMs {
			return fmt.Sprintf("%s %d is not within %d and %d", t.name, t.ms, t.least, mostMs)
		}
	}
	switch {
	case s.Parallelism < 1 || s.Parallelism > maxParallelism:
		return fmt.Sprintf("parallelism %d is not within 1 and maxParallelism, %d", s.Parallelism, maxParallelism)
	case s.Retained < 1:
		return fmt.Sprintf("retained %d is less than 1", s.Retained)
	case s.TolerableFailures < 0:
		return fmt.Sprintf("tolerableFailures %d is negative", s.TolerableFailures)
	}
	for _, place := range []struct{ name, url string }{{"savepointStorage", s.SavepointStorage}, {"restore.path", s.Restore.Path}} {
		if place.url == "" {
			continue
		}
		if _, err := storage.ParseURL(place.url); err != nil {
			return fmt.Sprintf("%s: %v", place.name, err)
		}
	}
	return ""
}
