package savepoint

import (
	"time"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/coordinators"
	"github.com/weirstream/weir/controllers/plan"
	"github.com/weirstream/weir/engine/rest"
)

// defaultDeadline is that of spec.deadline, and defaultBackoffLimit that of spec.backoffLimit.
const (
	defaultDeadline     = 10 * time.Minute
	defaultBackoffLimit = 6
)

// facts are what was observed of one Savepoint and its job. Nothing in them is written to.
type facts struct {
	now       time.Time
	savepoint *v1alpha1.Savepoint
	// job is the StreamJob; nil: there is none.
	job *v1alpha1.StreamJob
	// coordinators are those of the job's pods that have an address.
	coordinators []coordinators.Answer
	// operators are the Savepoints by which the operator stops the job or stopped it; none if this is one of them.
	operators []plan.Savepoint
	// answer is what a coordinator said to the request of this pass; nil: none was made.
	answer *answer
	// disposal is the Job that removes the savepoint from storage.
	disposal disposal
	// jitter is a random number in [0,1).
	jitter float64
	pace   Pace
}

// answer is what the coordinator in a pod said to a request.
type answer struct {
	pod string
	coordinators.Reply
}

// disposal is how far the Job is that removes a savepoint from storage.
type disposal struct {
	state disposalState
	// message says why it failed, or why it cannot be made.
	message string
}

type disposalState int

const (
	notDisposed disposalState = iota
	disposing
	disposed
	disposeFailed
	// cannotDispose: there is nothing to make a Job of.
	cannotDispose
)

func (f *facts) mode() v1alpha1.SavepointMode {
	if m := f.savepoint.Spec.Mode; m != nil {
		return *m
	}
	return v1alpha1.Continue
}

func (f *facts) deadline() time.Time {
	d := defaultDeadline
	if s := f.savepoint.Spec.Deadline; s != nil {
		d = s.Duration
	}
	return f.savepoint.CreationTimestamp.Add(d)
}

func (f *facts) backoffLimit() int32 {
	if l := f.savepoint.Spec.BackoffLimit; l != nil {
		return *l
	}
	return defaultBackoffLimit
}

// operation is what became of the Savepoint's request, as the coordinators know it: a success before what is under way,
// and that before a failure, because a job's earlier pod may have failed what its later one does. The failure of one that ends
// is no try: its end may be why, and the next pod is asked. Nil: nobody knows of any.
func (f *facts) operation() *rest.Operation {
	var best *rest.Operation
	rank := map[rest.Status]int{rest.Undone: 1, rest.InProgress: 2, rest.Done: 3}
	for _, c := range f.coordinators {
		if c.Operation != nil && !(c.Ending && c.Operation.Status == rest.Undone) && (best == nil || rank[c.Operation.Status] > rank[best.Status]) {
			best = c.Operation
		}
	}
	return best
}

// candidate is the coordinator that can make the savepoint now; nil: none can. A running attempt can always. A job that has
// ended is exported from its last checkpoint, if it ended as the mode asks for (P3).
func (f *facts) candidate() *coordinators.Answer {
	var best *coordinators.Answer
	for i := range f.coordinators {
		c := &f.coordinators[i]
		if c.Job != nil && !c.Ending && plan.Serves(f.mode(), c.Job) && f.heldBy(c) == "" && (best == nil || preferred(c.Job, best.Job)) {
			best = c
		}
	}
	return best
}

// heldBy is the operator's Savepoint that comes before this one at a coordinator that answers; empty: none does.
func (f *facts) heldBy(c *coordinators.Answer) string {
	was, known := readAsked(f.savepoint)
	return plan.HeldBy(f.operators, f.mode(), c.Job, known && was.Attempt == c.Attempt())
}

// preferred tells whether a is asked rather than b: what runs before what ended, and what ended before what never began.
func preferred(a, b *rest.Job) bool {
	rank := func(j *rest.Job) int {
		switch {
		case j.State == rest.Running:
			return 2
		case j.State == rest.Standby && (j.Chain == nil || j.Chain.Revision != j.Revision):
			return 0
		}
		return 1
	}
	if ra, rb := rank(a), rank(b); ra != rb {
		return ra > rb
	}
	return a.Attempt > b.Attempt
}
