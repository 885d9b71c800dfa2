package manifest

import (
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
	or(&spec.DesiredState, v1alpha1.Running)
	completeSettings(spec)
	or(&spec.MaxParallelism, 1024)

	c := &spec.Checkpoint
	if local && c.Storage == nil {
		or(&c.Storage, LocalCheckpoints)
		or(&spec.Savepoint.Storage, LocalSavepoints)
	}
	or(&c.Mode, v1alpha1.ExactlyOnce)
	or(&c.Incremental, true)
	or(&c.OnDelete, v1alpha1.Retain)

	or(&spec.State.Backend, v1alpha1.Heap)
	or(&spec.Upgrade.AllowNonRestoredState, false)
	or(&spec.Upgrade.Surge, true)
	or(&spec.Restore.Nonce, 0)
	or(&spec.Restore.TakeOver, false)
	or(&spec.Restore.AllowRepeatedOutput, false)
	withoutEmpty(&spec.Worker)
}

// withoutEmpty makes empty lists and mappings none: an empty one says that the layer below does not count, and after the
// last layer that is the same as nothing.
func withoutEmpty(pod *v1alpha1.PodSpec) {
	orNone(&pod.Resources.Limits)
	orNone(&pod.Resources.Requests)
	t := &pod.PodTemplate
	orNone(&t.Labels)
	orNone(&t.Annotations)
	orNone(&t.NodeSelector)
	if len(t.ImagePullSecrets) == 0 {
		t.ImagePullSecrets = nil
	}
	if len(t.Tolerations) == 0 {
		t.Tolerations = nil
	}
}

func orNone[M ~map[K]V, K comparable, V any](m *M) {
	if len(*m) == 0 {
		*m = nil
	}
}

// or gives a field that is not written a value.
func or[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}
