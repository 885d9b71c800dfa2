package resources

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/engine/rest"
)

// Settings are what a complete spec says of an attempt beside its revision (P8). Where spec.restore names a Savepoint, the
// caller puts its path into Restore.Path.
func Settings(spec *v1alpha1.StreamJobSpec) rest.Settings {
	return rest.Settings{
		Parallelism:           int(value(spec.Parallelism)),
		IntervalMs:            milliseconds(spec.Checkpoint.Interval),
		TimeoutMs:             milliseconds(spec.Checkpoint.Timeout),
		MinPauseMs:            milliseconds(spec.Checkpoint.MinPause),
		Retained:              int(value(spec.Checkpoint.Retained)),
		TolerableFailures:     int(value(spec.Checkpoint.TolerableFailures)),
		RestartInitialDelayMs: milliseconds(spec.Restart.InitialDelay),
		RestartMaxDelayMs:     milliseconds(spec.Restart.MaxDelay),
		RestartResetAfterMs:   milliseconds(spec.Restart.ResetAfter),
		SavepointStorage:      value(spec.Savepoint.Storage),
		Restore: rest.Restore{
			Path:                  value(spec.Restore.Path),
			Nonce:                 value(spec.Restore.Nonce),
			AllowNonRestoredState: value(spec.Upgrade.AllowNonRestoredState),
			AllowRepeatedOutput:   value(spec.Restore.AllowRepeatedOutput),
		},
	}
}

// StopFirst tells that an upgrade has no room for a second pod: spec.upgrade.surge is false.
func StopFirst(spec *v1alpha1.StreamJobSpec) bool {
	surge := spec.Upgrade.Surge
	return surge != nil && !*surge
}

// value is what a pointer points to, or the zero value.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func milliseconds(d *metav1.Duration) int64 { return value(d).Duration.Milliseconds() }
