package resources

import (
	corev1 "k8s.io/api/core/v1"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
)

const (
	// deadlineSeconds is how long a Job may take, retries included; it is counted from its start, so that a pod that
	// cannot be scheduled or whose image cannot be pulled ends with it too.
	deadlineSeconds = 300
	// backoffLimit is how many pods of a Job may fail and be replaced: for storage that is away for a moment.
	backoffLimit = 2
)

// task is a Job: a verb of the job's image with the job's identity at its buckets.
type task struct {
	name, purpose string
	labels        map[string]string
	owner         *metav1ac.OwnerReferenceApplyConfiguration
	args          []string
	// small: see process.
	small bool
}

// run makes the Job of a task. Its pods stay as they ended: their termination messages are the result.
func (j *Objects) run(t task) *batchv1ac.JobApplyConfiguration {
	labels := with(t.labels, v1alpha1.LabelPurpose, t.purpose)
	return batchv1ac.Job(t.name, j.in.Namespace).
		WithLabels(labels).
		WithAnnotations(j.generation()).
		WithOwnerReferences(t.owner).
		WithSpec(batchv1ac.JobSpec().
			WithBackoffLimit(backoffLimit).
			WithActiveDeadlineSeconds(deadlineSeconds).
			WithTemplate(j.pod(process{
				component: t.purpose,
				labels:    labels,
				small:     t.small,
				args:      append([]string{t.purpose, manifestFlag}, t.args...),
				restart:   corev1.RestartPolicyNever,
			})))
}

// Preflight checks that the revision's image can be pulled, that its SQL or program plans, and that its state fits the newest
// checkpoint, or what spec.restore names (P3, P9).
func (j *Objects) Preflight() *batchv1ac.JobApplyConfiguration {
	return j.run(task{
		name:    PreflightName(j.in.Name, j.in.Revision, value(j.in.Spec.Restore.Nonce)),
		purpose: PurposePreflight, labels: j.labels(), owner: j.owner(),
		args:  []string{"--revision=" + j.in.Revision, "--owner=" + j.in.Owner},
		small: StopFirst(&j.in.Spec),
	})
}

// Discard claims the job's next attempt, so that no other can publish, and deletes its folder (onDelete: Delete).
func (j *Objects) Discard() *batchv1ac.JobApplyConfiguration {
	return j.run(task{
		name: DiscardName(j.in.Name), purpose: PurposeDiscard, labels: j.labels(), owner: j.owner(),
		args: []string{"--owner=" + j.in.Owner}, small: true,
	})
}

// Dispose deletes a savepoint from storage with the identity of the job it was made of (deletionPolicy: Delete). The Job
// belongs to the Savepoint.
func (j *Objects) Dispose(s *v1alpha1.Savepoint) *batchv1ac.JobApplyConfiguration {
	return j.run(task{
		name: DisposeName(s.UID), purpose: PurposeDispose, labels: j.labels(),
		owner: ownedBy(v1alpha1.SavepointKind, s.Name, s.UID),
		args:  []string{"--path=" + s.Status.Path},
		small: true,
	})
}
