package streamjob

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/plan"
	"github.com/weirstream/weir/controllers/resources"
)

// keep is how many ControllerRevisions, and how many of the operator's own final Savepoints, stay.
const keep = 10

// recordRevision writes the ControllerRevision of the target. Its data never changes; its number does when a job returns to
// it, so that the newest is the one with the highest.
func (r *Reconciler) recordRevision(ctx context.Context, s *scope, j *resources.Objects) error {
	highest := int64(0)
	for _, c := range s.recorded {
		highest = max(highest, c.number)
	}
	known := s.controllerRevision(s.resolution.revision)
	if known == nil {
		object, err := j.ControllerRevision(highest+1, s.resolution.source)
		if err != nil {
			return err
		}
		return r.apply(ctx, object)
	}
	if known.number == highest {
		return nil
	}
	as, err := r.objects(s, known.name, known.recorded.Spec, generationOf(known.object))
	if err != nil {
		return err
	}
	object, err := as.ControllerRevision(highest+1, known.recorded.Source)
	if err != nil {
		return err
	}
	return r.apply(ctx, object)
}

// prune deletes the oldest ControllerRevisions, but none of which something is there, and the oldest final Savepoints by
// which the operator stopped attempts, with what those left in storage.
func (r *Reconciler) prune(ctx context.Context, s *scope) error {
	old := slices.Clone(s.recorded)
	slices.SortFunc(old, func(a, b recordedRevision) int { return cmp.Compare(b.number, a.number) })
	for _, c := range old[min(keep, len(old)):] {
		if c.name == s.job.Status.Revision || c.name == s.resolution.revision || s.set(c.name) != nil {
			continue
		}
		if err := r.remove(ctx, c.object, c.object.UID); err != nil {
			return err
		}
	}
	return r.pruneStops(ctx, s)
}

// pruneStops deletes the operator's own Savepoints but the newest, and those that a restore needs or may: what a StreamJob
// names, or has begun from. A finalizer has the savepoint removed from storage first; an operator that dies between the two
// writes leaves a Savepoint that is deleted the next time.
func (r *Reconciler) pruneStops(ctx context.Context, s *scope) error {
	stops := slices.DeleteFunc(slices.Clone(s.savepoints), func(p v1alpha1.Savepoint) bool {
		return !plan.Made(&p, s.job) || !p.DeletionTimestamp.IsZero() || p.Status.Phase != v1alpha1.SavepointCompleted && p.Status.Phase != v1alpha1.SavepointFailed
	})
	if len(stops) <= keep {
		return nil
	}
	var all v1alpha1.StreamJobList
	options := []client.ListOption{}
	if r.OneNamespace {
		options = append(options, client.InNamespace(s.job.Namespace))
	}
	if err := r.Client.List(ctx, &all, options...); err != nil {
		return fmt.Errorf("list StreamJobs: %w", err)
	}
	slices.SortFunc(stops, func(a, b v1alpha1.Savepoint) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(plan.StoppedAttempt(s.job.Name, b.Name), plan.StoppedAttempt(s.job.Name, a.Name)))
	})
	for i := keep; i < len(stops); i++ {
		p := &stops[i]
		if slices.ContainsFunc(all.Items, func(job v1alpha1.StreamJob) bool { return mayRestore(&job, p) }) {
			continue
		}
		before := p.DeepCopy()
		if p.Status.Path != "" && controllerutil.AddFinalizer(p, v1alpha1.Finalizer) { // what failed has left nothing
			if err := r.Client.Patch(ctx, p, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); client.IgnoreNotFound(err) != nil {
				return fmt.Errorf("have Savepoint %s removed from storage: %w", p.Name, err)
			}
		}
		if err := r.remove(ctx, p, p.UID); err != nil {
			return err
		}
	}
	return nil
}

// mayRestore tells whether a StreamJob is to be restored from a Savepoint, or runs from there and may have nothing else yet.
func mayRestore(job *v1alpha1.StreamJob, p *v1alpha1.Savepoint) bool {
	restore := &job.Spec.Restore
	if ref := restore.SavepointRef; ref != nil && ref.Name == p.Name && job.Namespace == p.Namespace {
		return true
	}
	path := p.Status.Path
	if path == "" {
		return false
	}
	return restore.Path != nil && *restore.Path == path || job.Status.RestoredFrom == path ||
		slices.ContainsFunc(job.Status.History, func(a v1alpha1.AttemptStatus) bool { return a.RestoredFrom == path })
}
