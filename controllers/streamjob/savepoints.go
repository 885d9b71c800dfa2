package streamjob

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/plan"
)

// savepointFacts are the Savepoints that may decide: the operator's, what is not final, what stopped this job, and what has
// the name of a stop. What stopped another StreamJob of the same name, before this one was made, does not hold this one.
func (s *scope) savepointFacts() []plan.Savepoint {
	var all []plan.Savepoint
	for i := range s.savepoints {
		p := &s.savepoints[i]
		mode := v1alpha1.Continue
		if p.Spec.Mode != nil {
			mode = *p.Spec.Mode
		}
		f := plan.Savepoint{Name: p.Name, Mode: mode, Phase: p.Status.Phase, JobGeneration: p.Status.JobGeneration,
			Checkpoint: p.Status.CheckpointID, Message: said(p)}
		if s.made(p) {
			f.Purpose = p.Labels[v1alpha1.LabelPurpose]
		}
		if p.Status.Phase == v1alpha1.SavepointDeleting || !p.DeletionTimestamp.IsZero() {
			continue
		}
		old := f.Final() && (p.Status.JobUID != s.job.UID || mode == v1alpha1.Continue)
		if f.Purpose == "" && old && plan.StoppedAttempt(s.job.Name, p.Name) == 0 {
			continue
		}
		all = append(all, f)
	}
	return all
}

// made tells that the operator made a Savepoint for this job.
func (s *scope) made(p *v1alpha1.Savepoint) bool {
	return p.Labels[v1alpha1.LabelPurpose] != "" && metav1.IsControlledBy(p, s.job)
}

// said is what a Savepoint tells: how far it is, or why it failed.
func said(p *v1alpha1.Savepoint) string {
	if p.Status.Phase == v1alpha1.SavepointInProgress && p.Status.Progress != "" {
		return p.Status.Progress
	}
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); c != nil {
		return c.Message
	}
	return ""
}
