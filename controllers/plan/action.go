package plan

import (
	"fmt"
	"time"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/engine/rest"
)

// Action is the one thing to do now. Every action may be repeated: it is addressed by name, or by the attempt it expects.
type Action interface {
	fmt.Stringer
	action()
}

// The actions.
type (
	// Wait does nothing until the next observation.
	Wait struct{}
	// AddFinalizer holds the StreamJob until its storage is cleared.
	AddFinalizer struct{}
	// RemoveFinalizer lets it go. Left names what stays in storage although it should not; empty: nothing.
	RemoveFinalizer struct{ Left string }
	// RecordRevision writes the target's ControllerRevision and ConfigMap.
	RecordRevision struct{ Revision string }
	// StartPreflight creates the Job that checks the target.
	StartPreflight struct{ Revision string }
	// RemovePreflight deletes such a Job.
	RemovePreflight struct{ Name string }
	// StartRevision makes the StatefulSet of a revision have its pod.
	StartRevision struct{ Revision string }
	// RequestStop creates the Savepoint of mode Stop, called Name, that ends an attempt.
	RequestStop struct {
		Name    string
		Attempt int64
		Purpose string
	}
	// Activate begins the attempt after ExpectedAttempt.
	Activate struct {
		Revision        string
		ExpectedAttempt int64
		AllowEmpty      bool
		TakeOver        bool
		Settings        rest.Settings
	}
	// ScaleDown takes the pod from a revision.
	ScaleDown struct{ Revision string }
	// PutBack writes what somebody changed of a revision's objects as it was.
	PutBack struct{ Revision string }
	// RemoveOrphans deletes what a former StreamJob of this name left without an owner.
	RemoveOrphans struct{}
	// RemoveRevision deletes a revision's StatefulSet and ConfigMap.
	RemoveRevision struct{ Revision string }
	// StartDiscard creates the Job that removes the job's folder.
	StartDiscard struct{ Revision string }
)

func (Wait) action()            {}
func (AddFinalizer) action()    {}
func (RemoveFinalizer) action() {}
func (RecordRevision) action()  {}
func (StartPreflight) action()  {}
func (RemovePreflight) action() {}
func (StartRevision) action()   {}
func (RequestStop) action()     {}
func (Activate) action()        {}
func (ScaleDown) action()       {}
func (PutBack) action()         {}
func (RemoveOrphans) action()   {}
func (RemoveRevision) action()  {}
func (StartDiscard) action()    {}

func (Wait) String() string              { return "wait" }
func (AddFinalizer) String() string      { return "add finalizer" }
func (a RecordRevision) String() string  { return "record revision " + a.Revision }
func (a StartPreflight) String() string  { return "start preflight of " + a.Revision }
func (a RemovePreflight) String() string { return "remove preflight " + a.Name }
func (a StartRevision) String() string   { return "start revision " + a.Revision }
func (a RequestStop) String() string     { return fmt.Sprintf("request stop %s (%s)", a.Name, a.Purpose) }
func (a ScaleDown) String() string       { return "scale down " + a.Revision }
func (a PutBack) String() string         { return "put back revision " + a.Revision }
func (RemoveOrphans) String() string     { return "remove orphans" }
func (a RemoveRevision) String() string  { return "remove revision " + a.Revision }
func (a StartDiscard) String() string    { return "discard by " + a.Revision }

func (a RemoveFinalizer) String() string {
	if a.Left == "" {
		return "remove finalizer"
	}
	return "remove finalizer, leaving " + a.Left
}

func (a Activate) String() string {
	s := fmt.Sprintf("activate %s after attempt %d with parallelism %d", a.Revision, a.ExpectedAttempt, a.Settings.Parallelism)
	if a.Settings.Restore.Path != "" {
		s += fmt.Sprintf(" restoring %s (nonce %d)", a.Settings.Restore.Path, a.Settings.Restore.Nonce)
	}
	if a.AllowEmpty {
		s += ", empty allowed"
	}
	if a.TakeOver {
		s += ", taking over"
	}
	return s
}

// Guarded tells that an action must not be done on stale facts: it ends or begins an attempt, or removes something. Whoever
// acts observes once more, past every cache, and acts only if the decision is the same.
func Guarded(a Action) bool {
	switch a.(type) {
	case Activate, RequestStop, ScaleDown, PutBack, RemoveOrphans, RemoveRevision, RemoveFinalizer, StartDiscard:
		return true
	default:
		return false
	}
}

// Verdict is how a job stands, as kstatus asks.
type Verdict int

// The verdicts. Exactly one holds.
const (
	Progressing Verdict = iota // on its way to Ready, and nobody has to act
	Ready                      // what the spec says
	Stalled                    // nothing goes on until somebody acts
)

func (v Verdict) String() string { return [...]string{"Progressing", "Ready", "Stalled"}[v] }

// Decision is what to do, and what to say about it.
type Decision struct {
	// Rule is the one that decided.
	Rule    string
	Action  Action
	Phase   v1alpha1.Phase
	Verdict Verdict
	// Reason and Message are those of the Ready condition. The message of a stalled job says what to do.
	Reason, Message string
	// Upgrade is the change that is under way; nil: none is.
	Upgrade *v1alpha1.UpgradeStatus
	// Requeue is when to look again without an event; 0: events suffice.
	Requeue time.Duration
}

// The pace of observation.
const (
	// Poll is the time between two looks at a coordinator.
	Poll = 5 * time.Second
	// Hurry is that while something is on its way.
	Hurry = time.Second
)
