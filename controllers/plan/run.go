package plan

import (
	"cmp"
	"fmt"
	"time"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/engine/rest"
)

// cleansUp removes, once the target runs, what it took over from and what checked it. A savepoint that is still being
// copied by an old pod is finished first.
func cleansUp(v *view) (Decision, bool) {
	if v.live == nil || v.live != v.target || !v.live.in(rest.Running) {
		return Decision{}, false
	}
	d, _ := watches(v)
	d.Requeue = Hurry
	if v.inProgress() == nil {
		for _, r := range v.Revisions {
			if r.Name != v.live.Name {
				d.Action = RemoveRevision{r.Name}
				return d, true
			}
		}
	}
	if v.Preflight.Name != "" {
		d.Action = RemovePreflight{v.Preflight.Name}
		return d, true
	}
	return Decision{}, false
}

// missesAnAnswer: a coordinator that is slow once, or a packet that is lost, is nothing that anybody should hear of.
func missesAnAnswer(v *view) (Decision, bool) {
	t := v.target
	if v.LastStatus.Running == "" || !v.missed(t) || v.since(t.AnsweredAt) >= missedFor {
		return Decision{}, false
	}
	return Decision{Action: Wait{}, Phase: v1alpha1.PhaseRunning, Verdict: Ready, Reason: v1alpha1.ReasonRunning, Message: v.LastStatus.Running, Requeue: Hurry}, true
}

// missed: the pod that the status speaks of runs, answered before, and does not now.
func (v *view) missed(t *Revision) bool {
	return v.live == nil && t != nil && t.Name == v.LastStatus.Revision && t.Coordinator == nil && t.CoordinatorPod().Running && t.CoordinatorPod().GoneBy.IsZero() && !t.Untrusted && !t.AnsweredAt.IsZero()
}

// watches says how the live attempt is doing. It decides whatever the other rules left.
func watches(v *view) (Decision, bool) {
	if v.target == nil || !v.target.executes() || v.live != nil && v.live != v.target && v.live.executes() {
		return v.wait(v1alpha1.ReasonPending, "waiting for what runs to come to rest")
	}
	c := v.target.Coordinator // without an attempt while it claims
	switch c.State {
	case rest.Running:
		if v.live != v.target {
			return v.wait(v1alpha1.ReasonPending, "another attempt has superseded the one that runs")
		}
		return v.runs()
	case rest.Recovering:
		d, _ := v.wait(v1alpha1.ReasonRecovering, "the job starts again from its newest checkpoint"+because(c.Failure))
		d.Phase = v1alpha1.PhaseRecovering
		return d, true
	case rest.Stopping:
		return v.wait(v1alpha1.ReasonFinishing, "the end of the job is made durable")
	default: // Starting: the last step of an upgrade, or a recovery of the pod
		message := "the next attempt is claimed"
		if c.Attempt > 0 {
			message = fmt.Sprintf("attempt %d starts%s", c.Attempt, from(c.RestoredFrom))
		}
		d, _ := v.wait(v1alpha1.ReasonStarting, message)
		if m := v.LastStatus.Upgrade; m != nil && m.To == v.Target.Revision {
			d.Upgrade = v.upgrade(v1alpha1.StepActivating)
		} else {
			d.Phase = v1alpha1.PhaseStarting
		}
		return d, true
	}
}

func from(path string) string {
	if path == "" {
		return ""
	}
	return " from " + path
}

// runs: a job that runs is Ready once it has shown, by a checkpoint of this attempt, that it can go on from here.
func (v *view) runs() (Decision, bool) {
	c := v.live.Coordinator
	d := Decision{Action: Wait{}, Phase: v1alpha1.PhaseRunning, Verdict: Progressing, Requeue: Poll}
	age, has := v.checkpointAge()
	switch stale := v.stale(age); {
	case c.CompletedCheckpoints == 0 || !has:
		d.Reason = v1alpha1.ReasonFirstCheckpoint
		d.Message = fmt.Sprintf("attempt %d runs and has no complete checkpoint yet%s", c.Attempt, because(c.CheckpointFailure))
		d.Requeue = Hurry
	case stale != "":
		d.Reason, d.Message = v1alpha1.ReasonStale, stale
	default:
		d.Verdict, d.Reason = Ready, v1alpha1.ReasonRunning
		d.Message = fmt.Sprintf("attempt %d runs with parallelism %d and takes checkpoints", c.Attempt, c.Parallelism)
	}
	return d, true
}

// stale says why a job cannot count on its newest complete checkpoint, of this age; empty: it is fresh.
func (v *view) stale(age time.Duration) string {
	var c rest.Job
	if v.live != nil {
		c = *v.live.Coordinator
	}
	why := because(cmp.Or(c.CheckpointFailure, c.Failure))
	switch {
	case age > v.Target.Fresh:
		return fmt.Sprintf("the newest complete checkpoint is %s old; at most %s is expected%s", seconds(age), seconds(v.Target.Fresh), why)
	case c.FailedCheckpointsInARow >= StaleAfter:
		return fmt.Sprintf("%d checkpoints in a row have failed since the newest complete one%s", c.FailedCheckpointsInARow, why)
	default:
		return ""
	}
}

// checkpointAge is that of the newest complete checkpoint.
func (v *view) checkpointAge() (time.Duration, bool) {
	at := v.LastStatus.LastCheckpoint
	if v.live != nil {
		if c := v.live.Coordinator.LastCheckpoint; c != nil {
			at = CompletedAt(*c)
		}
	}
	if at.IsZero() {
		return 0, false
	}
	return max(0, v.Now.Sub(at)), true
}

// CompletedAt is when a checkpoint was complete, by its coordinator's clock.
func CompletedAt(c rest.Checkpoint) time.Time {
	return c.TriggerTime.Add(time.Duration(c.DurationMs) * time.Millisecond)
}
