package plan

import (
	"fmt"
	"slices"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// records: the ControllerRevision and the ConfigMap come first, so that a later operator resolves the same (P8). What a
// changed spec does not need any more goes at the same time.
func records(v *view) (Decision, bool) {
	if !v.Target.Recorded {
		return v.progress(RecordRevision{v.Target.Revision}, v1alpha1.ReasonPending, "the spec is recorded as revision "+v.Target.Revision)
	}
	for _, r := range v.Revisions {
		if v.unneeded(r) {
			return v.progress(RemoveRevision{r.Name}, v1alpha1.ReasonPending, "revision "+r.Name+" is not wanted any more")
		}
	}
	if len(v.OldPreflights) > 0 {
		return v.progress(RemovePreflight{v.OldPreflights[0]}, v1alpha1.ReasonPending, "preflight "+v.OldPreflights[0]+" is not needed any more")
	}
	return Decision{}, false
}

// unneeded: it was to become the target's successor once, and never ran.
func (v *view) unneeded(r Revision) bool {
	if r.Name == v.Target.Revision || r.Name == v.LastStatus.Revision || r.mayExecute() || r.hasAttempt() {
		return false
	}
	return v.chain == nil || v.chain.Revision != r.Name
}

// restoreProblem: the Savepoint of spec.restore is looked up only where it would take effect (P5).
func restoreProblem(v *view) (Decision, bool) {
	if v.Target.RestoreProblem == "" || !v.restores() && !v.begins() {
		return Decision{}, false
	}
	return v.stall(v1alpha1.ReasonSavepointNotFound, v.Target.RestoreProblem+v.runsOn())
}

// wentBack: trying again what could not be activated would stop the job again.
func wentBack(v *view) (Decision, bool) {
	m := v.LastStatus.Stalled
	if m == nil || m.Reason != v1alpha1.ReasonWentBack || v.live == nil || !v.live.executes() || !v.changes() {
		return Decision{}, false
	}
	return v.stall(m.Reason, m.Message)
}

// goesBack: a spec that was changed again after the stop, to something that cannot start, leaves nobody running, and so do
// settings or a restore that cannot be activated. What was stopped is known to run.
func goesBack(v *view) (Decision, bool) {
	switch {
	case v.Activation.Failures >= toldAfter && v.changes():
		d, ok := v.goBack(v.Activation.Message)
		d.Phase, d.Verdict, d.Reason = v1alpha1.PhaseStalled, Stalled, v1alpha1.ReasonWentBack
		d.Message += "; change the spec"
		return d, ok
	case !v.changesRevision():
		return Decision{}, false
	case v.checked() && v.Preflight.State == Refused:
		return v.goBack(v.Preflight.Message)
	case v.checked() && v.Preflight.Trouble != nil:
		return v.goBack(v.Preflight.Trouble.Message)
	case v.target != nil && v.target.CoordinatorPod().Trouble != nil:
		return v.goBack(v.target.CoordinatorPod().Trouble.Message)
	default:
		return Decision{}, false
	}
}

// goBack activates the live revision again, as it was, if the operator stopped it for a successor. A job that its user
// stopped stays stopped.
func (v *view) goBack(because string) (Decision, bool) {
	if !v.live.in(rest.Stopped) || v.Job.Desired == v1alpha1.Suspended || v.outcome() != outcome.Stopped || v.live.Coordinator.Settings == nil {
		return Decision{}, false
	}
	if !v.mayBeginAgain() || v.Now.Before(v.Activation.RetryAt) {
		return Decision{}, false
	}
	return v.progress(Activate{Revision: v.live.Name, ExpectedAttempt: v.newest, Settings: *v.live.Coordinator.Settings},
		v1alpha1.ReasonActivating, fmt.Sprintf("revision %s goes on, because what was to follow it cannot start: %s", v.live.Name, because))
}

// checked: the preflight is about this generation.
func (v *view) checked() bool {
	return v.Preflight.Name != "" && v.Preflight.Generation == v.Job.Generation
}

// preflights: before anything is stopped, or started for the first time, a Job of the target finds out whether the image
// pulls, the text plans and the state fits (P3, P9). What failed for a reason that may pass is repeated.
func preflights(v *view) (Decision, bool) {
	if !v.changesRevision() && !v.begins() && !v.restores() {
		return Decision{}, false
	}
	p := v.Preflight
	switch {
	case p.State == NotStarted:
		return v.checks(StartPreflight{v.Target.Revision})
	case !v.checked():
		return v.checks(RemovePreflight{p.Name})
	case p.State == Checking:
		return v.checking()
	case p.State == Refused && !p.Permanent && v.repeatDue(p.FinishedAt):
		return v.checks(RemovePreflight{p.Name})
	case p.State == Refused:
		return v.stallAt(v1alpha1.StepPreflight, v1alpha1.ReasonPreflightFailed, p.said())
	default:
		return Decision{}, false
	}
}

// checking waits for a preflight, and says what that waits for.
func (v *view) checking() (Decision, bool) {
	p := v.Preflight
	switch {
	case p.Trouble != nil:
		return v.stallAt(v1alpha1.StepPreflight, p.Trouble.Reason, p.Trouble.Message)
	case !p.Pod.Exists && v.since(p.PodlessSince) >= checklessAfter:
		return v.stallAt(v1alpha1.StepPreflight, v1alpha1.ReasonPodUnhealthy, fmt.Sprintf("Job %s, which checks revision %s, has had no pod for %s: `kubectl describe job %s` "+
			"shows in its Events what refuses it, such as a quota or an admission policy", p.Name, v.Target.Revision, seconds(v.since(p.PodlessSince)), p.Name))
	case v.since(p.Pod.HomelessSince) >= homelessAfter:
		return v.stallAt(v1alpha1.StepPreflight, v1alpha1.ReasonPodUnhealthy, v.homeless(p.Pod))
	default:
		d, ok := v.checks(Wait{})
		if d.Verdict == Progressing {
			d.Message += because(p.Pod.Waiting)
		}
		return d, ok
	}
}

// homeless says that no node takes a pod, and what helps.
func (v *view) homeless(p Pod) string {
	message := fmt.Sprintf("no node has taken pod %s for %s%s: add room, or ask for less in spec.worker", p.Name, seconds(v.since(p.HomelessSince)), because(p.Waiting))
	if v.changesRevision() && !v.Target.StopFirst {
		message += "; an upgrade needs room for one more pod, unless spec.upgrade.surge is false"
	}
	return message
}

// checks acts on the preflight. While it is repeated, the job says what the last one said.
func (v *view) checks(a Action) (Decision, bool) {
	if d, ok := v.stillStalled(a, v1alpha1.StepPreflight, v1alpha1.ReasonPreflightFailed, v1alpha1.ReasonImagePullFailed, v1alpha1.ReasonPodUnhealthy); ok {
		return d, true
	}
	message := fmt.Sprintf("revision %s is checked against the newest checkpoint", v.Target.Revision) + v.runsOn()
	if v.changesRevision() && v.live.executes() && !v.Target.StopFirst {
		message += "; that needs room for one more pod (or spec.upgrade.surge: false)"
	}
	return v.step(v1alpha1.StepPreflight, a, v1alpha1.ReasonPreflight, message)
}

// stillStalled tries again what held this generation up for one of these reasons. Until that comes to something, the job
// says what it said: a client that waits for it is not to see it hover.
func (v *view) stillStalled(a Action, s v1alpha1.UpgradeStep, reasons ...string) (Decision, bool) {
	m := v.LastStatus.Stalled
	if m == nil || !slices.Contains(reasons, m.Reason) {
		return Decision{}, false
	}
	d, _ := v.stall(m.Reason, m.Message)
	d.Action, d.Requeue = a, Hurry
	if v.changes() {
		d.Upgrade = v.upgrade(s)
	}
	return d, true
}

func (p Preflight) said() string {
	if p.Remedy == "" {
		return p.Message
	}
	return p.Message + "; " + p.Remedy
}

// stallAt is stall in the middle of an upgrade: what runs is untouched.
func (v *view) stallAt(s v1alpha1.UpgradeStep, reason, message string) (Decision, bool) {
	d, _ := v.stall(reason, message+v.runsOn())
	if v.changes() {
		d.Upgrade = v.upgrade(s)
	}
	return d, true
}

// stopsFirst: the live attempt is stopped and its pod ends, then the target's pod is started. What is checked before is that
// the target could go on; if it cannot all the same, the job is down until its spec is changed.
func stopsFirst(v *view) (Decision, bool) {
	if !v.Target.StopFirst || !v.changesRevision() {
		return Decision{}, false
	}
	if v.live != nil && v.live.executes() && !v.live.in(rest.Recovering) {
		return v.stopLive(v1alpha1.ReasonStopping)
	}
	for _, r := range v.Revisions {
		ends := fmt.Sprintf("pod %s ends, to make room for that of revision %s", r.CoordinatorPod().Name, v.Target.Revision)
		switch {
		case r.Name == v.Target.Revision || r.Replicas == 0 && !v.lingers(r):
		case r.Replicas > 0 && v.inProgress() != nil:
			return v.step(v1alpha1.StepStopping, Wait{}, v1alpha1.ReasonStopping, fmt.Sprintf("Savepoint %s is in progress; the pods end after it", v.inProgress().Name))
		case r.Replicas > 0 && r.Coordinator == nil && r.CoordinatorPod().Running && r.CoordinatorPod().Trouble == nil && v.since(r.SilentSince) < silentAfter:
			return v.step(v1alpha1.StepStopping, Wait{}, v1alpha1.ReasonUnreachable, fmt.Sprintf("waiting for the coordinator in pod %s, which is to be stopped, to answer", r.CoordinatorPod().Name))
		case r.Replicas > 0:
			return v.step(v1alpha1.StepStopping, ScaleDown{r.Name}, v1alpha1.ReasonStopping, ends)
		default:
			return v.step(v1alpha1.StepStopping, Wait{}, v1alpha1.ReasonStopping, ends)
		}
	}
	return Decision{}, false
}

// standsBy: the target's pod is there and its coordinator answers, or a reason is given why not.
func standsBy(v *view) (Decision, bool) {
	t := v.target
	switch {
	case t == nil:
		return v.awaitPod(StartRevision{v.Target.Revision}, fmt.Sprintf("revision %s is started", v.Target.Revision))
	case t.Coordinator != nil:
		return Decision{}, false
	case t.CoordinatorPod().Trouble != nil:
		return v.stallAt(v1alpha1.StepStandby, t.CoordinatorPod().Trouble.Reason, t.CoordinatorPod().Trouble.Message)
	case !t.CoordinatorPod().Exists && v.since(t.PodlessSince) >= podlessAfter:
		return v.stallAt(v1alpha1.StepStandby, v1alpha1.ReasonPodUnhealthy, fmt.Sprintf("StatefulSet %s has had no pod for %s: `kubectl describe statefulset %s` "+
			"shows in its Events what refuses it, such as a quota or an admission policy", v.setName(t), seconds(v.since(t.PodlessSince)), v.setName(t)))
	case !t.CoordinatorPod().Exists:
		return v.awaitPod(Wait{}, fmt.Sprintf("waiting for the pod of revision %s to be created", t.Name))
	case !t.CoordinatorPod().Running && v.since(t.CoordinatorPod().HomelessSince) >= homelessAfter:
		return v.stallAt(v1alpha1.StepStandby, v1alpha1.ReasonPodUnhealthy, v.homeless(t.CoordinatorPod()))
	case !t.CoordinatorPod().Running && v.since(t.CoordinatorPod().ScheduledAt) >= startsWithin:
		return v.stallAt(v1alpha1.StepStandby, v1alpha1.ReasonPodUnhealthy, fmt.Sprintf("pod %s has a node, and has not started for %s%s: `kubectl describe pod %s` "+
			"shows in its Events what it waits for, such as a Secret or a volume", t.CoordinatorPod().Name, seconds(v.since(t.CoordinatorPod().ScheduledAt)), because(t.CoordinatorPod().Waiting), t.CoordinatorPod().Name))
	case !t.CoordinatorPod().Running:
		return v.awaitPod(Wait{}, fmt.Sprintf("pod %s starts%s", t.CoordinatorPod().Name, because(t.CoordinatorPod().Waiting)))
	case t.Untrusted || v.since(t.SilentSince) >= silentAfter || v.since(t.CoordinatorPod().GoneBy) >= lostAfter:
		return v.unanswered(*t, v1alpha1.ReasonPending)
	default:
		return v.awaitPod(Wait{}, fmt.Sprintf("waiting for the coordinator in pod %s to answer", t.CoordinatorPod().Name))
	}
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// awaitPod is a step of an upgrade, a recovery, or a first start.
func (v *view) awaitPod(a Action, message string) (Decision, bool) {
	if v.changesRevision() {
		return v.step(v1alpha1.StepStandby, a, v1alpha1.ReasonStandby, message+v.runsOn())
	}
	d, _ := v.progress(a, v1alpha1.ReasonPending, message)
	if v.LastStatus.Attempt > 0 && v.LastStatus.Outcome != outcome.Stopped {
		d.Phase, d.Reason = v1alpha1.PhaseRecovering, v1alpha1.ReasonRecovering
		d.Message += "; the job goes on from its newest checkpoint"
	}
	return d, true
}

// stops: one Savepoint of mode Stop for the attempt and the generation. An attempt of another revision that recovers is not
// stopped: the successor starts from where the recovery would, and its claim fences the attempt (P1).
func stops(v *view) (Decision, bool) {
	if v.live == nil || !v.live.executes() || !v.changes() || v.live.in(rest.Recovering) && v.changesRevision() {
		return Decision{}, false
	}
	return v.stopLive(v1alpha1.ReasonStopping)
}
