package config

import (
	"fmt"
	"time"
)

// Number declares a setting that is a whole number.
type Number struct {
	Name    string // in JSON
	Field   string // of a StreamJob
	Default int
	// Least and Most are the bounds; both are within.
	Least, Most int
	Of          func(*Settings) *int
}

// Time declares a setting that is a duration, in whole milliseconds.
type Time struct {
	Name    string // in JSON, where it is a number of milliseconds
	Field   string // of a StreamJob
	Default time.Duration
	Least   time.Duration
	Of      func(*Settings) *time.Duration
}

// Longest bounds every Time: what is meant to be longer is meant to be never.
const Longest = 10 * 365 * 24 * time.Hour

// The settings that have a default and bounds.
var (
	// Parallelism is also bounded by Config.MaxParallelism. Each pair of subtasks on a keyed edge has a channel of its own, so
	// that memory grows with the square of it; at Most it is about 1 GB.
	Parallelism = Number{"parallelism", "spec.parallelism", 1, 1, 512, func(s *Settings) *int { return &s.Parallelism }}

	Interval = Time{"intervalMs", "spec.checkpoint.interval", 10 * time.Second, time.Millisecond,
		func(s *Settings) *time.Duration { return &s.Interval }}
	Timeout = Time{"timeoutMs", "spec.checkpoint.timeout", 10 * time.Minute, time.Millisecond,
		func(s *Settings) *time.Duration { return &s.Timeout }}
	MinPause = Time{"minPauseMs", "spec.checkpoint.minPause", 0, 0,
		func(s *Settings) *time.Duration { return &s.MinPause }}
	Retained          = Number{"retained", "spec.checkpoint.retained", 3, 1, 1000, func(s *Settings) *int { return &s.Retained }}
	TolerableFailures = Number{"tolerableFailures", "spec.checkpoint.tolerableFailures", 3, 0, 1_000_000,
		func(s *Settings) *int { return &s.TolerableFailures }}

	RestartInitialDelay = Time{"restartInitialDelayMs", "spec.restart.initialDelay", time.Second, time.Millisecond,
		func(s *Settings) *time.Duration { return &s.Restart.InitialDelay }}
	RestartMaxDelay = Time{"restartMaxDelayMs", "spec.restart.maxDelay", time.Minute, time.Millisecond,
		func(s *Settings) *time.Duration { return &s.Restart.MaxDelay }}
	RestartResetAfter = Time{"restartResetAfterMs", "spec.restart.resetAfter", time.Hour, time.Second,
		func(s *Settings) *time.Duration { return &s.Restart.ResetAfter }}
)

// Numbers and Times are all that are declared.
var (
	Numbers = []Number{Parallelism, Retained, TolerableFailures}
	Times   = []Time{Interval, Timeout, MinPause, RestartInitialDelay, RestartMaxDelay, RestartResetAfter}
)

// Check says what no attempt can run with; empty: nothing. Places are not looked at: whoever opens them knows what they may be.
func (s *Settings) Check(maxParallelism int) string {
	for _, t := range Times {
		if d := *t.Of(s); d < t.Least || d > Longest {
			return fmt.Sprintf("%s %d is not within %d and %d", t.Name, d.Milliseconds(), t.Least.Milliseconds(), Longest.Milliseconds())
		}
	}
	if s.Restart.MaxDelay < s.Restart.InitialDelay {
		return fmt.Sprintf("%s %d is less than %s, %d", RestartMaxDelay.Name, s.Restart.MaxDelay.Milliseconds(),
			RestartInitialDelay.Name, s.Restart.InitialDelay.Milliseconds())
	}
	for _, n := range Numbers {
		if v := *n.Of(s); v < n.Least || v > n.Most {
			return fmt.Sprintf("%s %d is not within %d and %d", n.Name, v, n.Least, n.Most)
		}
	}
	if s.Parallelism > maxParallelism {
		return fmt.Sprintf("%s %d is more than maxParallelism, %d", Parallelism.Name, s.Parallelism, maxParallelism)
	}
	return ""
}
