package streamjob

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/plan"
	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// report writes what was decided into the status, before it is done, and an Event if it says something new. A status that
// says nothing new but numbers is written at most every Pace.Progress (P12).
func (r *Reconciler) report(ctx context.Context, s *scope, d plan.Decision) error {
	job := s.job.DeepCopy()
	job.Status = statusAfter(s, d)
	if equality.Semantic.DeepEqual(s.job.Status, job.Status) {
		return nil
	}
	if onlyNumbers(&s.job.Status, &job.Status) && s.facts.Now.Before(s.memory.written.Add(r.Pace.Progress)) {
		return nil
	}
	patch := client.MergeFromWithOptions(s.job, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Status().Patch(ctx, job, patch); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("write the status of StreamJob %s: %w", job.Name, err))
	}
	s.memory.written = s.facts.Now
	if _, waits := d.Action.(plan.Wait); waits || d.Verdict != plan.Progressing { // else what is done tells it
		r.tellChange(s.job, job, d)
	}
	s.job = job
	return nil
}

// statusAfter is the status that says what was observed and decided. The old one is not changed.
func statusAfter(s *scope, d plan.Decision) v1alpha1.StreamJobStatus {
	status := *s.job.Status.DeepCopy()
	status.ObservedGeneration = s.job.Generation
	status.Conditions = plan.Conditions(s.facts, d, status.Conditions)
	status.Phase, status.Upgrade = d.Phase, d.Upgrade
	status.Selector = resources.PodSelector(s.job.Name)
	if d.Verdict != plan.Ready || d.Reason != v1alpha1.ReasonRunning { // a job that runs may miss an answer
		status.Parallelism, status.Workers = 0, 0
	}
	newest := newestAttempt(s.facts.Revisions, status.Attempt)
	if s.facts.Target.Volatile { // each pod counts its own
		newest = plan.Live(s.facts)
	}
	if newest != nil {
		observeAttempt(s, &status, newest)
	}
	if d.Reason == v1alpha1.ReasonFenced && len(status.History) > 0 && status.History[0].Outcome == "" {
		status.History[0].Outcome = string(outcome.Fenced)
	}
	return status
}

// newestAttempt is the revision whose coordinator runs, or ran, the newest attempt; nil: none answers that is not older
// than the one that is known.
func newestAttempt(all []plan.Revision, known int64) *plan.Revision {
	var newest *plan.Revision
	for i := range all {
		r := &all[i]
		if c := r.Coordinator; c != nil && c.State != rest.Standby && c.Attempt >= max(known, 1) && (newest == nil || c.Attempt > newest.Coordinator.Attempt) {
			newest = r
		}
	}
	return newest
}

// observeAttempt takes over what a coordinator says of its attempt.
func observeAttempt(s *scope, status *v1alpha1.StreamJobStatus, r *plan.Revision) {
	c := r.Coordinator
	keepHistory(s, status, r)
	status.Revision, status.Attempt, status.Restarts, status.RestoredFrom = r.Name, c.Attempt, c.Restarts, c.RestoredFrom
	status.RecordsIn, status.RecordsOut, status.RecordsLate = c.RecordsIn, c.RecordsOut, c.RecordsLate
	if c.State.Executes() {
		status.Parallelism, status.Workers = int32(c.Parallelism), 1 // one pod does all, see the package resources
	}
	point := c.LastCheckpoint
	if point == nil && c.Chain != nil {
		point = c.Chain.Checkpoint
	}
	if point == nil {
		return
	}
	at := metav1.NewTime(plan.CompletedAt(*point).UTC().Truncate(time.Second)) // as the API keeps it
	status.LastCheckpoint = &v1alpha1.CheckpointStatus{ID: point.ID, Path: point.Path, Time: at, Size: point.SizeBytes,
		Duration: metav1.Duration{Duration: time.Duration(point.DurationMs) * time.Millisecond}}
	if !s.facts.Target.Volatile {
		status.RecoveryPoint = &v1alpha1.RecoveryPoint{Path: point.Path, CheckpointID: point.ID, Time: at}
	}
}

// onlyNumbers tells that two statuses differ in nothing that somebody waits for.
func onlyNumbers(before, after *v1alpha1.StreamJobStatus) bool {
	b, a := before.DeepCopy(), after.DeepCopy()
	for _, s := range []*v1alpha1.StreamJobStatus{b, a} {
		s.RecordsIn, s.RecordsOut, s.RecordsLate, s.Restarts = 0, 0, 0, 0
		s.LastCheckpoint, s.Upgrade = nil, withoutTimes(s.Upgrade)
		if s.RecoveryPoint != nil {
			s.RecoveryPoint = &v1alpha1.RecoveryPoint{} // that there is one matters
		}
		for i := range s.Conditions {
			s.Conditions[i].Message, s.Conditions[i].LastTransitionTime = "", metav1.Time{}
		}
	}
	return equality.Semantic.DeepEqual(b, a)
}

// withoutTimes leaves out what the API server rounds.
func withoutTimes(u *v1alpha1.UpgradeStatus) *v1alpha1.UpgradeStatus {
	if u == nil {
		return nil
	}
	u.StartedAt = metav1.Time{}
	return u
}
