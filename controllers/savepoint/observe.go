package savepoint

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/plan"
	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/engine/rest"
)

// observe finds out all that decides about a Savepoint. A coordinator that does not answer is a fact, not an error.
func (r *Reconciler) observe(ctx context.Context, s *v1alpha1.Savepoint) (*facts, error) {
	f := &facts{now: r.Now(), savepoint: s, jitter: r.Random(), pace: r.Pace}
	if s.Spec.JobRef.Name == "" { // only if it cannot be read
		return f, nil
	}
	job := &v1alpha1.StreamJob{}
	switch err := r.Client.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: s.Spec.JobRef.Name}, job); {
	case apierrors.IsNotFound(err):
		return f, nil
	case err != nil:
		return nil, fmt.Errorf("read StreamJob %s: %w", s.Spec.JobRef.Name, err)
	}
	f.job = job
	pods, err := r.pods(ctx, job)
	if err != nil {
		return nil, err
	}
	for i := range pods {
		f.coordinators = append(f.coordinators, r.Coordinators.Ask(ctx, &pods[i], job.UID, string(s.UID)))
	}
	if f.operators, err = r.operators(ctx, job, s); err != nil {
		return nil, err
	}
	return f, nil
}

// operators are the Savepoints by which the operator stops a job or stopped it, without those that are being deleted. None if
// s is one of them.
func (r *Reconciler) operators(ctx context.Context, job *v1alpha1.StreamJob, s *v1alpha1.Savepoint) ([]plan.Savepoint, error) {
	if plan.Made(s, job) {
		return nil, nil
	}
	var list v1alpha1.SavepointList
	if err := r.Client.List(ctx, &list, client.InNamespace(job.Namespace), client.MatchingLabels{v1alpha1.LabelJob: job.Name}); err != nil {
		return nil, fmt.Errorf("list the Savepoints of StreamJob %s: %w", job.Name, err)
	}
	var made []plan.Savepoint
	for i := range list.Items {
		if o := &list.Items[i]; plan.Made(o, job) && o.DeletionTimestamp.IsZero() {
			made = append(made, plan.SavepointOf(o, job))
		}
	}
	return made, nil
}

// pods are those of a job's coordinators that can be asked how they are.
func (r *Reconciler) pods(ctx context.Context, job *v1alpha1.StreamJob) ([]corev1.Pod, error) {
	selector, err := labels.Parse(resources.PodSelector(job.Name))
	if err != nil {
		return nil, fmt.Errorf("select the pods of StreamJob %s: %w", job.Name, err)
	}
	var list corev1.PodList
	if err := r.Client.List(ctx, &list, client.InNamespace(job.Namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return nil, fmt.Errorf("list the pods of StreamJob %s: %w", job.Name, err)
	}
	var live []corev1.Pod
	for _, p := range list.Items {
		if resources.CoordinatorRuns(&p) {
			live = append(live, p)
		}
	}
	return live, nil
}

// request asks the coordinator in a pod for the savepoint, under the object's UID (P3).
func (r *Reconciler) request(ctx context.Context, f *facts, pod string) (*answer, error) {
	p := &corev1.Pod{}
	if err := r.Client.Get(ctx, client.ObjectKey{Namespace: f.savepoint.Namespace, Name: pod}, p); err != nil {
		return nil, fmt.Errorf("read pod %s: %w", pod, err)
	}
	a := &answer{pod: pod}
	id, target := string(f.savepoint.UID), ""
	if s := f.savepoint.Spec.Storage; s != nil {
		target = *s
	}
	switch f.mode() {
	case v1alpha1.Continue:
		a.Reply = r.Coordinators.Savepoint(ctx, p, f.job.UID, rest.SavepointRequest{ID: id, Target: target})
	default:
		a.Reply = r.Coordinators.Stop(ctx, p, f.job.UID, rest.StopRequest{ID: id, Target: target, Drain: f.mode() == v1alpha1.Drain})
	}
	return a, nil
}

// observeDisposal finds out how far the Job is that removes the savepoint.
func (r *Reconciler) observeDisposal(ctx context.Context, s *v1alpha1.Savepoint) (disposal, error) {
	job := &batchv1.Job{}
	switch err := r.Client.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: resources.DisposeName(s.UID)}, job); {
	case apierrors.IsNotFound(err):
		return disposal{}, nil
	case err != nil:
		return disposal{}, fmt.Errorf("read Job %s: %w", resources.DisposeName(s.UID), err)
	}
	for _, c := range job.Status.Conditions {
		switch {
		case c.Status != corev1.ConditionTrue:
		case c.Type == batchv1.JobComplete:
			return disposal{state: disposed}, nil
		case c.Type == batchv1.JobFailed:
			return disposal{state: disposeFailed, message: r.lastWords(ctx, job, c.Message)}, nil
		}
	}
	return disposal{state: disposing}, nil
}

// lastWords is what a pod of a failed Job left, or else what is said of the Job.
func (r *Reconciler) lastWords(ctx context.Context, job *batchv1.Job, otherwise string) string {
	var pods corev1.PodList
	if err := r.Client.List(ctx, &pods, client.InNamespace(job.Namespace), client.MatchingLabels{batchv1.JobNameLabel: job.Name}); err != nil {
		log.FromContext(ctx).Error(err, "what the pods of a failed Job left cannot be read", "job", job.Name)
		return otherwise
	}
	for i := range pods.Items {
		if result, ok := resources.ReadResult(&pods.Items[i]); ok && result.Message != "" {
			if result.Remedy != "" {
				return result.Message + "; " + result.Remedy
			}
			return result.Message
		}
	}
	return otherwise
}

// dispose makes the Job that removes the savepoint from storage, with the identity that the job's pods have there. That
// there is nothing to make one of is told by cannotDispose.
func (r *Reconciler) dispose(ctx context.Context, f *facts, path string) (disposal, error) {
	spec, revision, err := r.resolved(ctx, f.job)
	if err != nil {
		return disposal{}, err
	}
	if revision == "" {
		return disposal{state: cannotDispose, message: "StreamJob " + f.job.Name + " has no revision whose image and credentials could be used"}, nil
	}
	job, err := resources.NewObjects(resources.Input{Name: f.job.Name, Namespace: f.job.Namespace, UID: f.job.UID, Generation: f.job.Generation,
		Spec: spec, Revision: revision, Owner: r.ClusterID + "/" + string(f.job.UID)})
	if err != nil {
		return disposal{state: cannotDispose, message: err.Error()}, nil //nolint:nilerr // it is told, and does not hold up the object
	}
	s := f.savepoint.DeepCopy()
	s.Status.Path = path
	switch err := r.Client.Apply(ctx, job.Dispose(s), client.FieldOwner(resources.FieldOwner), client.ForceOwnership); {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause), apierrors.IsInvalid(err), apierrors.IsForbidden(err):
		return disposal{state: cannotDispose, message: err.Error()}, nil
	case err != nil:
		return disposal{}, fmt.Errorf("make the Job that removes %s: %w", path, err)
	}
	return disposal{state: disposing}, nil
}

// resolved is the spec of the revision that runs or ran last, of which a pod can be made; revision is empty if none is left.
func (r *Reconciler) resolved(ctx context.Context, job *v1alpha1.StreamJob) (spec v1alpha1.StreamJobSpec, revision string, err error) {
	var list corev1.ConfigMapList
	if err := r.Client.List(ctx, &list, client.InNamespace(job.Namespace), client.MatchingLabels(resources.Labels(job.Name))); err != nil {
		return spec, "", fmt.Errorf("list the revisions of StreamJob %s: %w", job.Name, err)
	}
	newest := int64(-1)
	for i := range list.Items {
		of := list.Items[i].Labels[v1alpha1.LabelRevision]
		read, generation, err := resources.ReadConfigMap(&list.Items[i])
		if of == "" || err != nil {
			continue // none of ours, or damaged: another one may do
		}
		if of == job.Status.Revision {
			return read, of, nil
		}
		if generation > newest {
			newest, spec, revision = generation, read, of
		}
	}
	return spec, revision, nil
}
