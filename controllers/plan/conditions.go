package plan

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
)

// Conditions are what a decision says, all about the same generation. Of Ready, Progressing and Stalled one is true (P12).
// A condition that says the same as before keeps the time of its last transition.
func Conditions(f Facts, d Decision, previous []metav1.Condition) []metav1.Condition {
	v := viewOf(f)
	result := slices.Clone(previous)
	for _, c := range []metav1.Condition{
		truth(v1alpha1.ConditionReady, d.Verdict == Ready, d.Reason, d.Message),
		truth(v1alpha1.ConditionProgressing, d.Verdict == Progressing, d.Reason, d.Message),
		truth(v1alpha1.ConditionStalled, d.Verdict == Stalled, d.Reason, d.Message),
		v.checkpointFresh(d),
		v.upgradeSafe(d),
		paused(d),
	} {
		c.ObservedGeneration = f.Job.Generation
		c.LastTransitionTime = metav1.NewTime(f.Now)
		c.Message = shorten(c.Message)
		meta.SetStatusCondition(&result, c)
	}
	return result
}

func truth(kind string, holds bool, reason, message string) metav1.Condition {
	c := metav1.Condition{Type: kind, Status: metav1.ConditionFalse, Reason: reason, Message: message}
	if holds {
		c.Status = metav1.ConditionTrue
	}
	return c
}

func unknown(kind, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: metav1.ConditionUnknown, Reason: reason, Message: message}
}

// checkpointFresh is about the newest checkpoint of a job that runs, or should.
func (v *view) checkpointFresh(d Decision) metav1.Condition {
	const kind = v1alpha1.ConditionCheckpointFresh
	age, has := v.checkpointAge()
	switch stale := v.stale(age); {
	case v.Target.Volatile:
		return truth(kind, false, v1alpha1.ReasonNotDurable, "checkpoint.storage is mem://: checkpoints are gone with the pod")
	case d.Verdict == Ready && d.Reason != v1alpha1.ReasonRunning:
		return unknown(kind, v1alpha1.ReasonNotRunning, "the job does not run")
	case !has:
		return truth(kind, false, v1alpha1.ReasonNone, "there is no complete checkpoint yet")
	case v.Target.Problem != "":
		return unknown(kind, v1alpha1.ReasonInvalidSpec, "the spec does not say how often there is to be one")
	case stale != "":
		return truth(kind, false, v1alpha1.ReasonStale, stale)
	default:
		return truth(kind, true, v1alpha1.ReasonFresh, "the newest complete checkpoint is younger than "+seconds(v.Target.Fresh))
	}
}

// upgradeSafe is about the target and the newest checkpoint.
func (v *view) upgradeSafe(d Decision) metav1.Condition {
	const kind = v1alpha1.ConditionUpgradeSafe
	switch {
	case v.Target.Problem != "":
		return truth(kind, false, v1alpha1.ReasonInvalidSpec, v.Target.Problem)
	case v.live != nil && v.live == v.target && !v.restores(), v.missed(v.target) && d.Verdict == Ready:
		return truth(kind, true, v1alpha1.ReasonChecked, "the job runs as its spec says")
	case v.checked() && v.Preflight.State == Passed:
		return truth(kind, true, v1alpha1.ReasonChecked, "the spec fits the newest checkpoint")
	case v.checked() && v.Preflight.State == Refused:
		return truth(kind, false, v1alpha1.ReasonPreflightFailed, v.Preflight.said())
	default:
		return unknown(kind, v1alpha1.ReasonNotChecked, "the spec has not been checked against the newest checkpoint")
	}
}

func paused(d Decision) metav1.Condition {
	if d.Verdict == Ready && d.Reason == v1alpha1.ReasonSuspended {
		return truth(v1alpha1.ConditionPaused, true, v1alpha1.ReasonSuspended, d.Message)
	}
	return truth(v1alpha1.ConditionPaused, false, v1alpha1.ReasonNotPaused, "the job is to run")
}

// shorten keeps a message to what people read, with its beginning, which says what is wrong, and its end, which says what to
// do. The whole is in the log of the pod that said it.
func shorten(message string) string {
	const begin, end, dots = 280, 200, " ... "
	if len(message) <= begin+len(dots)+end {
		return message
	}
	return strings.ToValidUTF8(message[:begin], "") + dots + strings.ToValidUTF8(message[len(message)-end:], "")
}
