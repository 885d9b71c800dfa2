package streamjob

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/plan"
)

// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// maxNote is what an Event's note may hold.
const maxNote = 1024

// tell makes an Event of something that was done.
func (r *Reconciler) tell(job *v1alpha1.StreamJob, d plan.Decision, done string) {
	kind := corev1.EventTypeNormal
	if a, ok := d.Action.(plan.RemoveFinalizer); ok && a.Left != "" {
		kind = corev1.EventTypeWarning
	}
	r.event(job, kind, d.Reason, verb(d.Action), done)
}

// tellChange makes an Event of a verdict that is new.
func (r *Reconciler) tellChange(before, after *v1alpha1.StreamJob, d plan.Decision) {
	was := meta.FindStatusCondition(before.Status.Conditions, v1alpha1.ConditionReady)
	if was != nil && was.Reason == d.Reason && was.ObservedGeneration == after.Generation {
		return
	}
	kind := corev1.EventTypeNormal
	if d.Verdict == plan.Stalled {
		kind = corev1.EventTypeWarning
	}
	r.event(after, kind, d.Reason, d.Verdict.String(), d.Message)
}

// event is one, unless it says what the last one said.
func (r *Reconciler) event(job *v1alpha1.StreamJob, kind, reason, action, note string) {
	m := r.memory.job(client.ObjectKeyFromObject(job))
	if said := reason + action + note; m.told == said {
		return
	} else {
		m.told = said
	}
	if len(note) > maxNote {
		note = strings.ToValidUTF8(note[:maxNote-4], "") + " ..."
	}
	r.Recorder.Eventf(job, nil, kind, reason, action, "%s", note)
}

// verb names an action, as Events have it.
func verb(a plan.Action) string {
	switch a.(type) {
	case plan.RecordRevision:
		return "Record"
	case plan.StartPreflight:
		return "Check"
	case plan.StartRevision:
		return "Start"
	case plan.RequestStop:
		return "Stop"
	case plan.Activate:
		return "Activate"
	case plan.ScaleDown:
		return "ScaleDown"
	case plan.PutBack:
		return "PutBack"
	case plan.RemoveRevision, plan.RemoveOrphans:
		return "Remove"
	case plan.StartDiscard:
		return "Discard"
	default:
		return "Release"
	}
}
