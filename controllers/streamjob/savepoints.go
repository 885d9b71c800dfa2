package streamjob

import (
	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/plan"
)

// savepointFacts are the Savepoints that may decide: the operator's, what is not final, what stopped this job, and what has
// the name of a stop. What stopped another StreamJob of the same name, before this one was made, does not hold this one.
func (s *scope) savepointFacts() []plan.Savepoint {
	var all []plan.Savepoint
	for i := range s.savepoints {
		p := &s.savepoints[i]
		if p.Status.Phase == v1alpha1.SavepointDeleting || !p.DeletionTimestamp.IsZero() {
			continue
		}
		f := plan.SavepointOf(p, s.job)
		old := f.Final() && (p.Status.JobUID != s.job.UID || f.Mode == v1alpha1.Continue)
		if f.Purpose == "" && old && plan.StoppedAttempt(s.job.Name, p.Name) == 0 {
			continue
		}
		all = append(all, f)
	}
	return all
}
