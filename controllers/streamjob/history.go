package streamjob

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/plan"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// historyLength is how many attempts a status remembers.
const historyLength = 10

// keepHistory puts the newest attempt on top, once, and says how those before it ended. status is still that of before.
func keepHistory(s *scope, status *v1alpha1.StreamJobStatus, r *plan.Revision) {
	c := r.Coordinator
	if len(status.History) == 0 || status.History[0].Attempt < c.Attempt || s.facts.Target.Volatile && !c.StartTime.IsZero() && status.History[0].StartedAt.Time.Before(startOf(c, s.facts.Now)) {
		begun := v1alpha1.AttemptStatus{Attempt: c.Attempt, Revision: r.Name, Parallelism: int32(c.Parallelism),
			RestoredFrom: c.RestoredFrom, StartedAt: metav1.NewTime(startOf(c, s.facts.Now))}
		if len(status.History) > 0 {
			previous := &status.History[0]
			if previous.Outcome == "" {
				previous.Outcome = string(endOf(s, previous.Attempt))
			}
			begun.Reason = reasonOf(s, previous, &begun)
		} else {
			begun.Reason = v1alpha1.ReasonStarted
		}
		status.History = append([]v1alpha1.AttemptStatus{begun}, status.History...)
		status.History = status.History[:min(historyLength, len(status.History))]
	}
	if top := &status.History[0]; top.Attempt == c.Attempt {
		top.Outcome = string(outcomeOf(c))
		top.RestoredFrom, top.Parallelism = c.RestoredFrom, int32(c.Parallelism)
	}
}

func startOf(c *rest.Job, now time.Time) time.Time {
	if c.StartTime.IsZero() {
		return now.UTC().Truncate(time.Second)
	}
	return c.StartTime.UTC().Truncate(time.Second)
}

// outcomeOf is how an attempt ended, as its coordinator says; empty: it goes on.
func outcomeOf(c *rest.Job) outcome.Outcome {
	switch {
	case c.State.Executes():
		return outcome.None
	case c.State == rest.Failed && c.FailureKind == rest.FailedFenced:
		return outcome.Fenced
	case c.State == rest.Failed:
		return outcome.Failed
	case c.Chain != nil && c.Chain.Outcome != outcome.None:
		return c.Chain.Outcome
	default:
		return outcome.Outcome(c.State)
	}
}

// endOf is how an attempt ended of which nobody saw the end: by one of the job's stops, or else it was lost.
func endOf(s *scope, attempt int64) outcome.Outcome {
	for _, p := range s.facts.Savepoints {
		if p.Purpose != "" && p.Phase == v1alpha1.SavepointCompleted && plan.StoppedAttempt(s.job.Name, p.Name) == attempt {
			return outcome.Stopped
		}
	}
	return outcome.Lost
}

// reasonOf is why an attempt was begun: as the purpose of the stop before it says, or how it differs from the one before.
func reasonOf(s *scope, previous, begun *v1alpha1.AttemptStatus) string {
	for _, p := range s.facts.Savepoints {
		if reason := reasons[p.Purpose]; reason != "" && plan.StoppedAttempt(s.job.Name, p.Name) == previous.Attempt {
			return reason
		}
	}
	switch {
	case previous.Revision != begun.Revision:
		return v1alpha1.ReasonUpgraded
	case previous.Outcome == string(outcome.Stopped):
		return v1alpha1.ReasonResumed
	default:
		return v1alpha1.ReasonRecovered
	}
}

// reasons of attempts by the purpose of the stop before them.
var reasons = map[string]string{
	plan.PurposeUpgrade:     v1alpha1.ReasonUpgraded,
	plan.PurposeRescale:     v1alpha1.ReasonRescaled,
	plan.PurposeReconfigure: v1alpha1.ReasonReconfigured,
	plan.PurposeSuspend:     v1alpha1.ReasonResumed,
	plan.PurposeRestore:     v1alpha1.ReasonRestored,
}
