package manifest

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/engine/config"
)

// times and numbers say in which field of a spec each setting of the engine stands.
var (
	times = []struct {
		config.Time
		in func(*v1alpha1.StreamJobSpec) **metav1.Duration
	}{
		{config.Interval, func(s *v1alpha1.StreamJobSpec) **metav1.Duration { return &s.Checkpoint.Interval }},
		{config.Timeout, func(s *v1alpha1.StreamJobSpec) **metav1.Duration { return &s.Checkpoint.Timeout }},
		{config.MinPause, func(s *v1alpha1.StreamJobSpec) **metav1.Duration { return &s.Checkpoint.MinPause }},
		{config.RestartInitialDelay, func(s *v1alpha1.StreamJobSpec) **metav1.Duration { return &s.Restart.InitialDelay }},
		{config.RestartMaxDelay, func(s *v1alpha1.StreamJobSpec) **metav1.Duration { return &s.Restart.MaxDelay }},
		{config.RestartResetAfter, func(s *v1alpha1.StreamJobSpec) **metav1.Duration { return &s.Restart.ResetAfter }},
	}
	numbers = []struct {
		config.Number
		in func(*v1alpha1.StreamJobSpec) **int32
	}{
		{config.Parallelism, func(s *v1alpha1.StreamJobSpec) **int32 { return &s.Parallelism }},
		{config.Retained, func(s *v1alpha1.StreamJobSpec) **int32 { return &s.Checkpoint.Retained }},
		{config.TolerableFailures, func(s *v1alpha1.StreamJobSpec) **int32 { return &s.Checkpoint.TolerableFailures }},
	}
)

// completeSettings gives every setting that nobody wrote its default.
func completeSettings(spec *v1alpha1.StreamJobSpec) {
	for _, t := range times {
		or(t.in(spec), metav1.Duration{Duration: t.Default})
	}
	for _, n := range numbers {
		or(n.in(spec), int32(n.Default))
	}
}

// settings checks each setting of a complete spec by itself.
func (r *rules) settings(spec *v1alpha1.StreamJobSpec) {
	for _, n := range numbers {
		within(r, n.Field, int(**n.in(spec)), n.Least, n.Most)
	}
	for _, t := range times {
		r.atLeast(t.Field, (*t.in(spec)).Duration, t.Least)
	}
}

// Settings are what a spec says of an attempt beside its revision (P8): all of it, if the spec is complete. Where
// spec.restore names a Savepoint, the caller puts its path into Restore.Path.
func Settings(spec *v1alpha1.StreamJobSpec) config.Settings {
	s := config.Settings{
		WholeCheckpoints: spec.Checkpoint.Incremental != nil && !*spec.Checkpoint.Incremental,
		SavepointStorage: orZero(spec.Savepoint.Storage),
		Restore: config.Restore{
			Path:                  orZero(spec.Restore.Path),
			Nonce:                 orZero(spec.Restore.Nonce),
			AllowNonRestoredState: orZero(spec.Upgrade.AllowNonRestoredState),
			InitEmpty:             config.NamesOf(spec.Upgrade.InitEmpty...),
			AllowRepeatedOutput:   orZero(spec.Restore.AllowRepeatedOutput),
		},
	}
	for _, t := range times {
		*t.Of(&s) = orZero(*t.in(spec)).Duration
	}
	for _, n := range numbers {
		*n.Of(&s) = int(orZero(*n.in(spec)))
	}
	return s
}

// configOf is a complete spec as the engine takes it.
func configOf(s *v1alpha1.StreamJobSpec) config.Config {
	return config.Config{
		Job:            *s.JobID,
		Revision:       revision(s),
		Storage:        *s.Checkpoint.Storage,
		MaxParallelism: int(*s.MaxParallelism),
		Settings:       Settings(s),
		TakeOver:       *s.Restore.TakeOver,
	}
}

// orZero is what a pointer points to, or the zero value.
func orZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
