package streamjob

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/plan"
	"github.com/weirstream/weir/controllers/resources"
)

// act does one thing, and returns what was done, for an Event; empty: nothing that is worth one.
func (r *Reconciler) act(ctx context.Context, s *scope, action plan.Action) (done string, err error) {
	switch a := action.(type) {
	case plan.AddFinalizer:
		return "", r.setFinalizer(ctx, s.job, controllerutil.AddFinalizer)
	case plan.RemoveFinalizer:
		return r.removeFinalizer(ctx, s, a)
	case plan.RecordRevision:
		return r.record(ctx, s)
	case plan.StartPreflight:
		return r.startPreflight(ctx, s)
	case plan.RemovePreflight:
		return "", r.removeTask(ctx, s, a.Name)
	case plan.StartRevision:
		return r.startRevision(ctx, s, a.Revision)
	case plan.RequestStop:
		return r.requestStop(ctx, s, a)
	case plan.Activate:
		return r.activate(ctx, s, a)
	case plan.ScaleDown:
		return r.scaleDown(ctx, s, a.Revision)
	case plan.PutBack:
		return r.putBack(ctx, s, a.Revision)
	case plan.RemoveOrphans:
		return r.removeOrphans(ctx, s)
	case plan.RemoveRevision:
		return r.removeRevision(ctx, s, a.Revision)
	case plan.StartDiscard:
		return r.startDiscard(ctx, s, a.Revision)
	default:
		return "", fmt.Errorf("unknown action %T", a)
	}
}

// setFinalizer writes the finalizers that change leaves, over those that were read.
func (r *Reconciler) setFinalizer(ctx context.Context, job *v1alpha1.StreamJob, change func(client.Object, string) bool) error {
	changed := job.DeepCopy()
	if !change(changed, v1alpha1.Finalizer) {
		return nil
	}
	err := r.Client.Patch(ctx, changed, client.MergeFromWithOptions(job, client.MergeFromWithOptimisticLock{}))
	return client.IgnoreNotFound(err)
}

func (r *Reconciler) removeFinalizer(ctx context.Context, s *scope, a plan.RemoveFinalizer) (string, error) {
	if err := r.setFinalizer(ctx, s.job, controllerutil.RemoveFinalizer); err != nil {
		return "", err
	}
	if a.Left == "" {
		return "", nil
	}
	log.FromContext(ctx).Info("the StreamJob goes, and its folder in storage stays", "folder", a.Left) // with its namespace no Event is taken
	return "the StreamJob goes, and leaves " + a.Left, nil
}

// +kubebuilder:rbac:groups="",resources=services,verbs=create;get;patch
// +kubebuilder:rbac:groups="",resources=secrets,verbs=create;patch

// record writes the revision of the spec, and what all its pods need. Only then anything of it is made.
func (r *Reconciler) record(ctx context.Context, s *scope) (string, error) {
	j, err := r.objects(s, s.resolution.revision, s.resolution.forPods(), s.job.Generation)
	if err != nil {
		return "", err
	}
	isNew := s.controllerRevision(s.resolution.revision) == nil
	if err := r.recordRevision(ctx, s, j); err != nil {
		return "", err
	}
	if err := r.applyShared(ctx, s, j); err != nil {
		return "", err
	}
	// Last: it is what says that the rest is there.
	if err := r.ours(ctx, s.job, &corev1.ConfigMap{}, "ConfigMap", resources.Name(s.job.Name, s.resolution.revision)); err != nil {
		return "", err
	}
	if err := r.apply(ctx, j.ConfigMap()); err != nil {
		return "", err
	}
	if err := r.prune(ctx, s); err != nil {
		return "", err
	}
	if !isNew {
		return "", nil
	}
	return "recorded revision " + s.resolution.revision, nil
}

// keepShared writes what the pods of all revisions need once in an operator's life, because its key may be another than
// that of the last, and again where it is not there, or a pod may be without it: the Secret cannot be looked at.
func (r *Reconciler) keepShared(ctx context.Context, s *scope) error {
	if !s.facts.Target.Recorded || !s.facts.Job.DeletedAt.IsZero() || s.facts.Target.Problem != "" || len(s.orphans) > 0 {
		return nil
	}
	if !slices.ContainsFunc(s.facts.Revisions, func(v plan.Revision) bool { return v.Replicas > 0 }) {
		return nil
	}
	j, err := r.targetObjects(s)
	if err != nil {
		return err
	}
	at := s.memory.shared
	switch {
	case at.IsZero(), s.service == nil, !j.ServiceFits(s.service):
	case s.waitsForSecret() && !s.facts.Now.Before(at.Add(r.Pace.Poll)):
	case s.ails() && !s.facts.Now.Before(at.Add(sharedAgain)):
	default:
		return nil
	}
	return r.applyShared(ctx, s, j)
}

// waitsForSecret: a pod has a node, and its container has not started: its Secret may be gone.
func (s *scope) waitsForSecret() bool {
	return slices.ContainsFunc(s.facts.Revisions, func(v plan.Revision) bool {
		return v.Replicas > 0 && slices.ContainsFunc(v.Pods, func(p plan.Pod) bool { return !p.Running && !p.ScheduledAt.IsZero() })
	})
}

// ails: a pod does not answer.
func (s *scope) ails() bool {
	return slices.ContainsFunc(s.facts.Revisions, func(v plan.Revision) bool { return v.Replicas > 0 && len(v.Pods) > 0 && v.Coordinator == nil })
}

// sharedAgain is the time after which it is written again for the sake of a pod that runs and does not answer.
const sharedAgain = time.Minute

// applyShared writes what the pods of all revisions need. The Secret may not be read: its name is reserved.
func (r *Reconciler) applyShared(ctx context.Context, s *scope, j *resources.Objects) error {
	id, err := r.Coordinators.Identity(s.job.UID)
	if err != nil {
		return err
	}
	if err := r.apply(ctx, j.Secret(id)); err != nil {
		return err
	}
	if err := r.ours(ctx, s.job, &corev1.Service{}, "Service", resources.ServiceName(s.job.Name)); err != nil {
		return err
	}
	if err := r.apply(ctx, j.Service()); err != nil {
		return err
	}
	s.memory.shared = s.facts.Now
	return nil
}

// apply is server-side: what the operator says of an object is so, however often it says it.
func (r *Reconciler) apply(ctx context.Context, o runtime.ApplyConfiguration) error {
	return r.Client.Apply(ctx, o, client.FieldOwner(resources.FieldOwner), client.ForceOwnership)
}

// objects are those of a revision.
func (r *Reconciler) objects(s *scope, revision string, spec v1alpha1.StreamJobSpec, generation int64) (*resources.Objects, error) {
	return resources.NewObjects(resources.Input{Name: s.job.Name, Namespace: s.job.Namespace, UID: s.job.UID, Generation: generation,
		Spec: spec, Revision: revision, Owner: r.owner(s.job)})
}

// targetObjects are those of the target.
func (r *Reconciler) targetObjects(s *scope) (*resources.Objects, error) {
	return r.objects(s, s.resolution.revision, s.resolution.forPods(), s.job.Generation)
}

func (r *Reconciler) startPreflight(ctx context.Context, s *scope) (string, error) {
	j, err := r.targetObjects(s)
	if err != nil {
		return "", err
	}
	if err := r.createTask(ctx, j.Preflight()); err != nil {
		return "", err
	}
	return fmt.Sprintf("checks revision %s against the newest checkpoint", s.resolution.revision), nil
}

// createTask creates a Job. It is not applied: one of an earlier generation that the cache does not show yet must not be
// taken for the answer to this one.
func (r *Reconciler) createTask(ctx context.Context, task *batchv1ac.JobApplyConfiguration) error {
	text, err := json.Marshal(task)
	if err != nil {
		return fmt.Errorf("write Job %s: %w", *task.Name, err)
	}
	var object batchv1.Job
	if err := json.Unmarshal(text, &object); err != nil {
		return fmt.Errorf("write Job %s: %w", *task.Name, err)
	}
	return client.IgnoreAlreadyExists(r.Client.Create(ctx, &object, client.FieldOwner(resources.FieldOwner)))
}

// removeTask deletes a Job and its pods.
func (r *Reconciler) removeTask(ctx context.Context, s *scope, name string) error {
	for i := range s.tasks {
		if task := &s.tasks[i]; task.Name == name {
			return r.remove(ctx, task, task.UID)
		}
	}
	return nil
}

// remove deletes an object, if it is still the one that was seen, with all that it owns.
func (r *Reconciler) remove(ctx context.Context, o client.Object, uid types.UID) error {
	err := r.Client.Delete(ctx, o, client.Preconditions{UID: &uid}, client.PropagationPolicy(metav1.DeletePropagationBackground))
	return client.IgnoreNotFound(err)
}

// startRevision gives a revision its pod.
func (r *Reconciler) startRevision(ctx context.Context, s *scope, revision string) (string, error) {
	j, err := r.sharedObjects(ctx, s, revision)
	if err != nil {
		return "", err
	}
	if err := r.ours(ctx, s.job, &appsv1.StatefulSet{}, "StatefulSet", resources.Name(s.job.Name, revision)); err != nil {
		return "", err
	}
	if err := r.apply(ctx, j.StatefulSet(resources.Pods)); err != nil {
		return "", err
	}
	return "started a pod of revision " + revision, nil
}

// sharedObjects makes what the pods of a revision need: of the target as its spec says, of an older one as it was recorded.
func (r *Reconciler) sharedObjects(ctx context.Context, s *scope, revision string) (*resources.Objects, error) {
	if revision == s.resolution.revision {
		j, err := r.targetObjects(s)
		if err != nil {
			return nil, err
		}
		return j, r.applyShared(ctx, s, j)
	}
	j, err := r.recordedObjects(s, revision)
	if err != nil || s.config(revision) != nil {
		return j, err
	}
	return j, r.apply(ctx, j.ConfigMap())
}

// requestStop creates the Savepoint that stops the attempt. Its name says which: there is one, however often it is asked for.
func (r *Reconciler) requestStop(ctx context.Context, s *scope, a plan.RequestStop) (string, error) {
	j, err := r.targetObjects(s)
	if err != nil {
		return "", err
	}
	err = r.Client.Create(ctx, j.StopSavepoint(a.Attempt, a.Purpose), client.FieldOwner(resources.FieldOwner))
	if apierrors.IsAlreadyExists(err) {
		return "", r.ours(ctx, s.job, &v1alpha1.Savepoint{}, v1alpha1.SavepointKind, a.Name)
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("asked for Savepoint %s, which stops attempt %d (%s)", a.Name, a.Attempt, a.Purpose), nil
}

// scaleDown takes the pod from a StatefulSet, if it is still the one that was seen.
func (r *Reconciler) scaleDown(ctx context.Context, s *scope, revision string) (string, error) {
	set := s.set(revision)
	if set == nil {
		return "", nil
	}
	patch := fmt.Appendf(nil, `{"metadata":{"uid":%q},"spec":{"replicas":0}}`, set.UID)
	err := r.Client.Patch(ctx, set.DeepCopy(), client.RawPatch(types.MergePatchType, patch), client.FieldOwner(resources.FieldOwner))
	if err != nil {
		return "", client.IgnoreNotFound(err)
	}
	return "took the pod from revision " + revision, nil
}

func (s *scope) set(revision string) *appsv1.StatefulSet {
	for i := range s.sets {
		if s.sets[i].Labels[v1alpha1.LabelRevision] == revision {
			return &s.sets[i]
		}
	}
	return nil
}

// removeRevision deletes what runs a revision. Its ControllerRevision stays, for those who ask later what it was.
func (r *Reconciler) removeRevision(ctx context.Context, s *scope, revision string) (string, error) {
	if set := s.set(revision); set != nil {
		if err := r.remove(ctx, set, set.UID); err != nil {
			return "", err
		}
	}
	if uid, ok := s.configNames[revision]; ok {
		config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.job.Namespace, Name: resources.Name(s.job.Name, revision)}}
		if err := r.remove(ctx, config, uid); err != nil {
			return "", err
		}
	}
	return "removed revision " + revision, nil
}

// startDiscard creates the Job that removes the folder, with the manifest of a revision that is there.
func (r *Reconciler) startDiscard(ctx context.Context, s *scope, revision string) (string, error) {
	config := s.config(revision)
	if config == nil {
		return "", fmt.Errorf("ConfigMap %s cannot be read", resources.Name(s.job.Name, revision))
	}
	j, err := r.objects(s, revision, config.spec, config.generation)
	if err != nil {
		return "", err
	}
	if err := r.createTask(ctx, j.Discard()); err != nil {
		return "", err
	}
	return "removes " + s.facts.Target.Folder, nil
}
