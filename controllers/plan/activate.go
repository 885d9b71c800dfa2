package plan

import (
	"fmt"
	"strings"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// mayActivate: the target's coordinator is at rest or in standby, and nothing executes that a stop could still end well.
func (v *view) mayActivate() bool {
	return v.target.in(rest.Standby, rest.Stopped, rest.Failed, rest.Cancelled) &&
		(v.live == nil || !v.live.executes() || v.live.in(rest.Recovering))
}

// failedPermanently: repeating does not help (P13); another revision, other settings or another restore may.
func failedPermanently(v *view) (Decision, bool) {
	if !v.mayActivate() || v.live != v.target || !v.live.in(rest.Failed) || v.changes() {
		return Decision{}, false
	}
	switch c := v.live.Coordinator; c.FailureKind {
	case rest.FailedTransiently:
		return Decision{}, false
	case rest.FailedNoState:
		return v.noState()
	default:
		return v.stall(v1alpha1.ReasonJobFailed, fmt.Sprintf("the job failed, and repeating does not help: %s; change the spec; "+
			"or, if the cause is gone, set spec.desiredState to Suspended, and back to Running", c.Failure))
	}
}

// oldMayAnswer: the last revision's pod runs but does not say what it does. For a while it is given the chance to be
// stopped with a savepoint.
func oldMayAnswer(v *view) (Decision, bool) {
	if !v.mayActivate() || v.live != nil || v.outcome() != outcome.None {
		return Decision{}, false
	}
	for _, r := range v.Revisions {
		if r.Name != v.target.Name && r.Name == v.LastStatus.Revision && r.CoordinatorPod().Running && r.Coordinator == nil && r.CoordinatorPod().Trouble == nil && v.since(r.SilentSince) < silentAfter {
			return v.step(v1alpha1.StepStopping, Wait{}, v1alpha1.ReasonUnreachable,
				fmt.Sprintf("waiting for the coordinator in pod %s, which is to be stopped, to answer", r.CoordinatorPod().Name))
		}
	}
	return Decision{}, false
}

// fenced: a chain whose newest attempt is another owner's (P5).
func fenced(v *view) (Decision, bool) {
	if !v.mayActivate() || v.live != nil {
		return Decision{}, false
	}
	switch {
	case v.chain == nil:
		return v.unread()
	case !v.foreign():
		return Decision{}, false
	case v.superseded() && !v.takesBack() && (v.target.in(rest.Failed) || v.Target.TakeOver):
		return v.stall(v1alpha1.ReasonFenced, fmt.Sprintf("%s has taken over the job; suspend this StreamJob, or, to take the job back, "+
			"set spec.restore.takeOver: true; if it is set already, change the spec otherwise", v.ownerName()))
	case v.mayTakeOver() || v.LivingOwners[v.chain.Owner] == "":
		return Decision{}, false // a foreign cluster's is tried: the coordinator knows how long it has been quiet
	default:
		return v.stall(v1alpha1.ReasonFenced, fmt.Sprintf("%s runs the job in %s; give this StreamJob another spec.jobID, delete the other, "+
			"or set spec.restore.takeOver: true", v.ownerName(), v.Target.Folder))
	}
}

// unread: the target's coordinator has not seen storage yet. Credentials that are refused do not come right by themselves.
func (v *view) unread() (Decision, bool) {
	c := v.target.Coordinator
	if c.FailureKind == rest.FailedPermanently {
		d, ok := v.stallAt(v1alpha1.StepStandby, v1alpha1.ReasonActivationFailed, fmt.Sprintf("pod %s cannot read %s: %s; check spec.checkpoint.storage, "+
			"and the Secret of spec.checkpoint.credentialsSecret: a new pod tries it again", v.target.CoordinatorPod().Name, v.Target.Folder, c.Failure))
		if at := v.target.CoordinatorPod().ScheduledAt; !at.IsZero() && v.repeatDue(at) { // its environment is that of its start: a Secret that was mended is not in it
			d.Action = ScaleDown{v.target.Name}
		}
		return d, ok
	}
	return v.wait(v1alpha1.ReasonPending, fmt.Sprintf("waiting for pod %s to have read %s%s", v.target.CoordinatorPod().Name, v.Target.Folder, because(c.Failure)))
}

// foreign: the newest attempt is another owner's.
func (v *view) foreign() bool {
	return v.live == nil && v.chain != nil && v.chain.Attempt > 0 && v.chain.Owner != v.Owner
}

// superseded: the chain was this owner's, and another took it while it ran.
func (v *view) superseded() bool {
	return v.foreign() && v.LastStatus.Attempt > 0 && !v.LastStatus.Outcome.EndsChain()
}

// takesBack: the user said so knowing of it, by a spec that is newer than the status that tells. Otherwise two owners whose
// specs both say so would take the job from each other for ever.
func (v *view) takesBack() bool {
	told := v.LastStatus.Stalled != nil && v.LastStatus.Stalled.Reason == v1alpha1.ReasonFenced
	return v.Target.TakeOver && v.LastStatus.Outcome == outcome.Fenced && !told
}

// mayTakeOver: its owner stopped it, is a StreamJob of this cluster that is gone, or the user says so.
func (v *view) mayTakeOver() bool {
	return v.Target.TakeOver && (!v.superseded() || v.takesBack()) || v.chain.Outcome != outcome.None || !v.OwnersUnknown && sameCluster(v.chain.Owner, v.Owner) && v.LivingOwners[v.chain.Owner] == ""
}

func sameCluster(a, b string) bool {
	a, _, slash := strings.Cut(a, "/")
	b, _, _ = strings.Cut(b, "/")
	return slash && a == b
}

func (v *view) ownerName() string {
	if name := v.LivingOwners[v.chain.Owner]; name != "" {
		return "StreamJob " + name
	}
	return fmt.Sprintf("another owner (%q)", v.chain.Owner)
}

// stateMissing: the status had a recovery point, and the folder holds nothing (P5).
func stateMissing(v *view) (Decision, bool) {
	if !v.mayActivate() || v.live != nil || v.Target.Volatile || v.restores() && v.Target.Settings.Restore.Path != "" {
		return Decision{}, false
	}
	if v.chain.Attempt == 0 && v.LastStatus.RecoveryPoint || v.target.Coordinator.FailureKind == rest.FailedNoState {
		return v.noState()
	}
	return Decision{}, false
}

func (v *view) noState() (Decision, bool) {
	return v.stall(v1alpha1.ReasonStateMissing, fmt.Sprintf("the job had checkpoints in %s, and there are none any more; bring them back, "+
		"restore a savepoint with spec.restore.path and a new spec.restore.nonce, or delete the StreamJob and apply it again to start empty", v.Target.Folder))
}

// activationBackoff: what was refused is tried again later, and told from the third time on; another owner's at once.
func activationBackoff(v *view) (Decision, bool) {
	a := v.Activation
	if !v.mayActivate() || a.Failures == 0 || !v.Now.Before(a.RetryAt) {
		return Decision{}, false
	}
	switch {
	case v.foreign() && !v.mayTakeOver():
		return v.stallAt(v1alpha1.StepActivating, v1alpha1.ReasonFenced, fmt.Sprintf("%s ran the job in %s: %s; it is tried again every minute, "+
			"and goes on after 5 minutes without a checkpoint; to go on at once, set spec.restore.takeOver: true", v.ownerName(), v.Target.Folder, a.Message))
	case a.Failures < toldAfter:
		return v.step(v1alpha1.StepActivating, Wait{}, v1alpha1.ReasonActivating, "the activation is tried again: "+a.Message)
	default:
		return v.stallAt(v1alpha1.StepActivating, v1alpha1.ReasonActivationFailed,
			fmt.Sprintf("the activation failed %d times and is tried again: %s; change the spec if that does not pass", a.Failures, a.Message))
	}
}

// activates begins the attempt after the newest that anybody knows of. An owner that stopped, or is gone, is taken over.
func activates(v *view) (Decision, bool) {
	if !v.mayActivate() {
		return Decision{}, false
	}
	if v.live == v.target && v.live.in(rest.Stopped) && v.outcome() == outcome.None && !v.changes() {
		return v.wait(v1alpha1.ReasonRecovering, fmt.Sprintf("pod %s was told to end; the job goes on in the next", v.target.CoordinatorPod().Name))
	}
	a := Activate{
		Revision:        v.target.Name,
		ExpectedAttempt: v.expected(),
		AllowEmpty:      v.mayBeEmpty(),
		TakeOver:        v.foreign() && v.mayTakeOver(),
		Settings:        v.Target.Settings,
	}
	if d, ok := v.stillStalled(a, v1alpha1.StepActivating, v1alpha1.ReasonFenced, v1alpha1.ReasonActivationFailed); ok {
		return d, true
	}
	return v.step(v1alpha1.StepActivating, a, v1alpha1.ReasonActivating, fmt.Sprintf("attempt %d begins with revision %s", a.ExpectedAttempt+1, a.Revision))
}

// expected is the newest attempt that the target's coordinator is to find.
func (v *view) expected() int64 {
	if own := v.target.chain(); v.Target.Volatile && own != nil {
		return own.Attempt
	}
	return v.newest
}

// mayBeEmpty: nobody has ever seen a checkpoint of the job, or they were gone with the pod by agreement (P5).
func (v *view) mayBeEmpty() bool {
	if v.Target.Volatile {
		return true
	}
	seen := v.LastStatus.RecoveryPoint || v.chain != nil && v.chain.Checkpoint != nil || v.live != nil && v.live.Coordinator.LastCheckpoint != nil
	return !seen
}
