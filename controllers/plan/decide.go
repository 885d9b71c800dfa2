package plan

import (
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/engine/rest"
)

// rule decides, or leaves the decision to the next.
type rule struct {
	name   string
	decide func(*view) (Decision, bool)
}

// rules in their order: the first that decides, does. The last always decides.
var rules = []rule{
	// deletion.go
	{"a deleted job that retains its storage leaves nothing to do", retained},
	{"a finalizer cannot hang", finalizerExpires},
	{"a deleted job's pods go before its storage", deletedPods},
	{"a deleted job's storage is discarded", discards},
	{"the finalizer is there for onDelete: Delete", finalizerFollows},

	// meddling.go
	{"what a former StreamJob of this name left is removed", removesOrphans},
	{"what was changed by hand is put back", putsBack},

	// run.go
	{"one missed answer of a healthy coordinator changes nothing", missesAnAnswer},

	// rest.go
	{"a record that cannot be read changes nothing that runs", unreadableRecord},
	{"an invalid spec changes nothing that runs", invalidSpec},
	{"a finished job never runs again", finished},
	{"one stop at a time", stopUnderWay},
	{"a job stopped by its user's Savepoint rests until its spec changes", stoppedByUser},
	{"a suspended job is stopped with a savepoint", suspends},

	// change.go
	{"a revision is recorded before anything of it is made", records},
	{"a savepoint to restore is there before anything stops", restoreProblem},
	{"what went back stays so until its spec changes", wentBack},
	{"a stopped job goes back to what it ran when its successor cannot start", goesBack},
	{"a new revision is checked against the newest checkpoint first", preflights},
	{"without room for two pods the old one goes first", stopsFirst},
	{"a revision stands by before anything stops", standsBy},
	{"what runs is stopped with a savepoint", stops},

	// activate.go
	{"a permanent failure is its user's to decide", failedPermanently},
	{"an old revision that may still answer is waited for", oldMayAnswer},
	{"another owner's job is left alone", fenced},
	{"a job that had state does not start empty", stateMissing},
	{"an activation that failed is repeated with backoff", activationBackoff},
	{"the target is activated from the chain's head", activates},

	// run.go
	{"what is superseded is removed", cleansUp},
	{"a job that runs is watched", watches},
}

// Decide returns the next action and what to say meanwhile.
func Decide(f Facts) Decision {
	v := viewOf(f)
	for _, r := range rules {
		if d, ok := r.decide(v); ok {
			d.Rule = r.name
			return v.orRefused(d)
		}
	}
	panic("plan: the last rule did not decide")
}

// orRefused tells that the API server refuses what was decided. It is tried all the same.
func (v *view) orRefused(d Decision) Decision {
	if v.Refused == nil || v.Refused.Action != d.Action.String() {
		return d
	}
	d.Phase, d.Verdict, d.Reason, d.Message = v1alpha1.PhaseStalled, Stalled, v.Refused.Reason, v.Refused.Message+v.runsOn()
	return d
}

// StoppedAttempt is the attempt in the name of a Savepoint that stops one; 0: it is none.
func StoppedAttempt(job, name string) int64 {
	number, _, ok := strings.Cut(strings.TrimPrefix(name, job+"-"), "-g")
	attempt, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil {
		return 0
	}
	return attempt
}

// wait waits for something that comes by itself.
func (v *view) wait(reason, message string) (Decision, bool) {
	return v.progress(Wait{}, reason, message)
}

// progress acts on the way to Ready.
func (v *view) progress(a Action, reason, message string) (Decision, bool) {
	return Decision{Action: a, Phase: v.phase(), Verdict: Progressing, Reason: reason, Message: message, Requeue: Hurry}, true
}

// step acts as a step of an upgrade.
func (v *view) step(s v1alpha1.UpgradeStep, a Action, reason, message string) (Decision, bool) {
	d, _ := v.progress(a, reason, message)
	if v.changes() {
		d.Phase, d.Upgrade = v1alpha1.PhaseUpgrading, v.upgrade(s)
	}
	return d, true
}

// stall waits for somebody to act.
func (v *view) stall(reason, message string) (Decision, bool) {
	d := Decision{Action: Wait{}, Phase: v1alpha1.PhaseStalled, Verdict: Stalled, Reason: reason, Message: message}
	if v.hasPods() || v.Preflight.State != NotStarted {
		d.Requeue = Poll
	}
	return d, true
}

// phase is the word for a job that is on its way.
func (v *view) phase() v1alpha1.Phase {
	switch {
	case v.LastStatus.Upgrade != nil && v.LastStatus.Upgrade.To == v.Target.Revision:
		return v1alpha1.PhaseUpgrading
	case v.live != nil && v.live.executes() && !v.live.in(rest.Starting):
		return v1alpha1.PhaseRunning
	case v.LastStatus.Attempt == 0 && v.live == nil && v.target == nil:
		return v1alpha1.PhasePending
	default:
		return v1alpha1.PhaseStarting
	}
}

// upgrade is what the status says about the change under way; its start is remembered.
func (v *view) upgrade(s v1alpha1.UpgradeStep) *v1alpha1.UpgradeStatus {
	u := &v1alpha1.UpgradeStatus{To: v.Target.Revision, Step: s}
	u.StartedAt.Time = v.Now
	if m := v.LastStatus.Upgrade; m != nil && m.To == u.To {
		u.StartedAt, u.Savepoint = m.StartedAt, m.Savepoint
	}
	if s == v1alpha1.StepStopping && v.live != nil {
		u.Savepoint = v.stopName()
	}
	return u
}

// seconds rounds a duration for people.
func seconds(d time.Duration) string { return d.Round(time.Second).String() }
