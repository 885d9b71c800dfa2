package streamjob

import (
	"cmp"
	"context"
	"slices"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/resources"
)

// keep is how many ControllerRevisions, and how many of the operator's own final Savepoints, stay as objects.
const keep = 10

// recordRevision writes the ControllerRevision of the target. Its data never changes; its number does when a job returns to
// it, so that the newest is the one with the highest.
func (r *Reconciler) recordRevision(ctx context.Context, s *scope, j *resources.Job) error {
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
// which the operator stopped attempts. What those left in storage stays.
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
	stops := slices.DeleteFunc(slices.Clone(s.savepoints), func(p v1alpha1.Savepoint) bool {
		return !s.made(&p) || p.Status.Phase != v1alpha1.SavepointCompleted && p.Status.Phase != v1alpha1.SavepointFailed
	})
	slices.SortFunc(stops, func(a, b v1alpha1.Savepoint) int { return b.CreationTimestamp.Compare(a.CreationTimestamp.Time) })
	for i := keep; i < len(stops); i++ {
		if err := r.remove(ctx, &stops[i], stops[i].UID); err != nil {
			return err
		}
	}
	return nil
}
