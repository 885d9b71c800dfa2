package plan

import (
	"fmt"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// invalidSpec: what cannot be resolved is told; what runs stays, and what was stopped for a successor goes on.
func invalidSpec(v *view) (Decision, bool) {
	if v.Target.Problem == "" {
		return Decision{}, false
	}
	return v.unresolved(v1alpha1.ReasonInvalidSpec, v.Target.Problem)
}

// unreadableRecord: what a revision's record says of defaults and image is not guessed.
func unreadableRecord(v *view) (Decision, bool) {
	if v.Unreadable == "" {
		return Decision{}, false
	}
	return v.unresolved(v1alpha1.ReasonRecordUnreadable, v.Unreadable+
		": if a later operator wrote it, run that one; else delete it, and what is needed of it is recorded anew")
}

// unresolved: nobody knows what the spec means.
func (v *view) unresolved(reason, problem string) (Decision, bool) {
	if d, ok := v.goBack(problem); ok {
		return d, true
	}
	return v.stall(reason, problem+v.runsOn())
}

// finished: the chain's outcome is Completed or Drained (P3), or was when a coordinator could last be asked.
func finished(v *view) (Decision, bool) {
	end := v.outcome()
	if end == outcome.None {
		end = v.LastStatus.Outcome
	}
	if !end.Final() || v.live != nil && v.live.executes() {
		return Decision{}, false
	}
	if d, ok := v.takePods(v1alpha1.ReasonFinishing, "the job is over: its pods end"); ok {
		return d, true
	}
	if v.LastStatus.Revision != "" && v.Target.Revision != v.LastStatus.Revision {
		return v.stall(v1alpha1.ReasonTerminated, fmt.Sprintf("the job is over (%s) and never runs again, so that its new spec has no effect: "+
			"create a StreamJob with another spec.jobID, from one of its savepoints if it is to go on", end))
	}
	if nonce := v.Target.Settings.Restore.Nonce; nonce != 0 && nonce != v.LastStatus.Nonce {
		return v.stall(v1alpha1.ReasonTerminated, fmt.Sprintf("the job is over (%s) and never runs again, so that spec.restore has no effect: "+
			"create a StreamJob with another spec.jobID that restores the savepoint, or set spec.restore.nonce back", end))
	}
	reason, message := v1alpha1.ReasonCompleted, "the bounded input is processed, and its output is committed"
	if end == outcome.Drained {
		reason, message = v1alpha1.ReasonDrained, "the job was drained: every window has fired, and its output is committed"
	}
	return Decision{Action: Wait{}, Phase: v1alpha1.PhaseCompleted, Verdict: Ready, Reason: reason, Message: message}, true
}

// stopUnderWay: a stop that was asked for is waited for, also if the spec has changed since: it ends within its deadline.
func stopUnderWay(v *view) (Decision, bool) {
	s := v.ending()
	if s == nil {
		return Decision{}, false
	}
	message := fmt.Sprintf("Savepoint %s stops the job", s.Name)
	if s.Message != "" {
		message += ": " + s.Message
	}
	action := Action(Wait{})
	if r := v.scaledAway(); s.ours() && !s.Final() && r != nil {
		action = StartRevision{r.Name}
		message += fmt.Sprintf("; the pod of revision %s, which was taken away, is started again for it", r.Name)
	}
	switch {
	case s.Purpose == PurposeSuspend || !s.ours() && s.Mode == v1alpha1.Stop:
		return v.progress(action, v1alpha1.ReasonSuspending, message)
	case !s.ours():
		return v.wait(v1alpha1.ReasonFinishing, message)
	default:
		d, _ := v.step(v1alpha1.StepStopping, action, v1alpha1.ReasonStopping, message)
		if d.Upgrade != nil {
			d.Upgrade.Savepoint = s.Name
		}
		return d, true
	}
}

// scaledAway is the revision that ran last, if somebody has taken its pod away for good: the operator does that only once
// the stop is final. A pod serves the stop of a job that has ended from its last checkpoint, or goes on and stops again.
func (v *view) scaledAway() *Revision {
	for i := range v.Revisions {
		if r := &v.Revisions[i]; r.Name == v.LastStatus.Revision && r.Replicas == 0 && !r.CoordinatorPod().Exists {
			return r
		}
	}
	return nil
}

// stoppedByUser: a Savepoint of mode Stop stops the job until its spec is newer; the status remembers it when the Savepoint
// is deleted.
func stoppedByUser(v *view) (Decision, bool) {
	if v.Job.Desired == v1alpha1.Suspended || v.live != nil && v.live.executes() {
		return Decision{}, false
	}
	by := ""
	switch s := v.userStop(); {
	case s != nil && s.JobGeneration == v.Job.Generation:
		by = " by Savepoint " + s.Name
	case !v.LastStatus.Paused:
		return Decision{}, false
	}
	return v.rests(fmt.Sprintf("stopped%s; it runs again when its spec changes: set spec.desiredState to Suspended, and back to Running", by))
}

// suspends: the head of a suspended job is Stopped, and it has no pods. If the stop fails, the job runs on and says why.
func suspends(v *view) (Decision, bool) {
	if v.Job.Desired != v1alpha1.Suspended {
		return Decision{}, false
	}
	if v.live != nil && v.live.executes() {
		return v.stopLive(v1alpha1.ReasonSuspending)
	}
	if v.live == nil && v.LastStatus.Attempt > 0 {
		for _, r := range v.Revisions {
			if r.Replicas > 0 && r.mayExecute() {
				return v.unanswered(r, v1alpha1.ReasonSuspending)
			}
		}
	}
	return v.rests("suspended; set spec.desiredState to Running to go on from the newest checkpoint")
}

// stopLive asks for the Savepoint that stops the live attempt, unless a coordinator works on a user's: that one first.
func (v *view) stopLive(reason string) (Decision, bool) {
	name := v.stopName()
	s := v.savepoint(name)
	switch {
	case (s == nil || s.Purpose == "") && v.inProgress() != nil:
		return v.step(v1alpha1.StepStopping, Wait{}, reason, fmt.Sprintf("Savepoint %s is in progress; the job is stopped after it", v.inProgress().Name))
	case s == nil && v.live.in(rest.Stopping):
		return v.step(v1alpha1.StepStopping, Wait{}, reason, "the job is ending")
	case s != nil && s.Purpose == "":
		return v.stall(v1alpha1.ReasonStopFailed, fmt.Sprintf("the job runs on, because Savepoint %s, which is not the operator's, has the name of the one that is to stop it; "+
			"delete that Savepoint, or change the spec", s.Name))
	case s == nil:
		return v.step(v1alpha1.StepStopping, RequestStop{name, v.newest, v.purpose()}, reason, fmt.Sprintf("Savepoint %s stops the job (%s)", name, v.purpose()))
	case s.Phase == v1alpha1.SavepointFailed:
		return v.stall(v1alpha1.ReasonStopFailed, fmt.Sprintf("the job runs on, because Savepoint %s that was to stop it failed: %s; "+
			"delete that Savepoint to try again, or change the spec", s.Name, s.Message))
	default: // completed: what the coordinator said is older
		return v.step(v1alpha1.StepStopping, Wait{}, reason, fmt.Sprintf("Savepoint %s is complete; the coordinator is about to say that it stopped", name))
	}
}

// rests takes the pods of a stopped job, then is Ready.
func (v *view) rests(message string) (Decision, bool) {
	if d, ok := v.takePods(v1alpha1.ReasonSuspending, "the job is stopped: its pods end"); ok {
		return d, true
	}
	return Decision{Action: Wait{}, Phase: v1alpha1.PhaseSuspended, Verdict: Ready, Reason: v1alpha1.ReasonSuspended, Message: message}, true
}

// takePods scales what has pods down, after the savepoints that need them, and waits until they are gone.
func (v *view) takePods(reason, message string) (Decision, bool) {
	if !v.hasPods() {
		return Decision{}, false
	}
	d, _ := v.wait(reason, message)
	d.Phase = v1alpha1.PhaseSuspended
	if reason == v1alpha1.ReasonFinishing {
		d.Phase = v1alpha1.PhaseCompleted
	}
	s := v.inProgress()
	if s == nil {
		s = v.userAsks()
	}
	if s != nil {
		d.Message = fmt.Sprintf("Savepoint %s is in progress; the pods end after it", s.Name)
		return d, true
	}
	for _, r := range v.Revisions {
		if r.Replicas > 0 && !r.executes() {
			d.Action = ScaleDown{r.Name}
			break
		}
	}
	return d, true
}

// unanswered waits for a pod that may run the job but does not say so; after a while somebody has to look.
func (v *view) unanswered(r Revision, reason string) (Decision, bool) {
	since, gone := v.since(r.SilentSince), r.CoordinatorPod().GoneBy
	switch {
	case r.Untrusted && since < identifiesWithin:
		return v.wait(reason, fmt.Sprintf("waiting for pod %s to take the identity that the job has now, as after the operator's key was replaced", r.CoordinatorPod().Name))
	case r.Untrusted:
		return v.stall(v1alpha1.ReasonUnreachable, fmt.Sprintf("the coordinator in pod %s has another identity than the job's, as after the operator's key was replaced: "+
			"delete the pod; the job goes on from its newest checkpoint", r.CoordinatorPod().Name))
	case !gone.IsZero() && v.since(gone) >= lostAfter:
		return v.stall(v1alpha1.ReasonUnreachable, fmt.Sprintf("pod %s was to end %s ago, and its node does not say that it did: if the node is lost, "+
			"`kubectl delete pod %s --force`; the job goes on from its newest checkpoint, and what still runs there is fenced", r.CoordinatorPod().Name, seconds(v.since(gone)), r.CoordinatorPod().Name))
	case since >= silentAfter:
		return v.stall(v1alpha1.ReasonUnreachable, fmt.Sprintf("the coordinator in pod %s has not answered for %s: look at its log, and at the network policies "+
			"between the operator and port 8443 of the pod; the job goes on from its newest checkpoint if the pod is deleted", r.CoordinatorPod().Name, seconds(since)))
	}
	return v.wait(reason, fmt.Sprintf("waiting for the coordinator in pod %s to answer", r.CoordinatorPod().Name))
}

// runsOn is what to add to bad news: that the job is well, or how it comes back.
func (v *view) runsOn() string {
	switch {
	case v.live.executes():
		return "; revision " + v.live.Name + " runs on"
	case v.Target.StopFirst && v.changesRevision():
		return "; revision " + v.LastStatus.Revision + " was stopped for it, and goes on when the spec is set back"
	default:
		return ""
	}
}
