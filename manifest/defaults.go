package manifest

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
)

// Folders of a local job that names none, relative to the working directory.
const (
	LocalCheckpoints = ".weir/checkpoints"
	LocalSavepoints  = ".weir/savepoints"
)

// complete resolves every field that nobody wrote to its default, so that a revision says all (P8).
func complete(spec *v1alpha1.StreamJobSpec, name string, local bool) {
	or(&spec.JobID, name)
	or(&spec.Parallelism, 1)
	or(&spec.MaxParallelism, 1024)

	c := &spec.Checkpoint
	if local && c.Storage == nil {
		or(&c.Storage, LocalCheckpoints)
		or(&spec.Savepoint.Storage, LocalSavepoints)
	}
	orLasting(&c.Interval, 10*time.Second)
	orLasting(&c.Timeout, 10*time.Minute)
	orLasting(&c.MinPause, 0)
	or(&c.Mode, v1alpha1.ExactlyOnce)
	or(&c.TolerableFailures, 3)
	or(&c.Retained, 3)

	or(&spec.State.Backend, v1alpha1.Heap)
	or(&spec.Upgrade.AllowNonRestoredState, false)
	or(&spec.Restore.Nonce, 0)
	or(&spec.Restore.TakeOver, false)
	or(&spec.Restore.AllowRepeatedOutput, false)
	orLasting(&spec.Restart.InitialDelay, time.Second)
	orLasting(&spec.Restart.MaxDelay, time.Minute)
	orLasting(&spec.Restart.ResetAfter, time.Hour)
}

// or gives a field that is not written a value.
func or[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}

func orLasting(field **metav1.Duration, d time.Duration) { or(field, metav1.Duration{Duration: d}) }
