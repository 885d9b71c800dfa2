package operations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/rest"
)

// keptOperations is how many operations are remembered, those that are not final included. A request repeated for one that
// was forgotten has it carried out again, which a savepoint's id and an activation's expected attempt make harmless.
const keptOperations = 512

// MostWaiting bounds the requests that wait for an attempt, and those of each kind that a running one has not answered.
const MostWaiting = 64

// ErrTooMany says that MostWaiting requests wait.
var ErrTooMany = &rest.Error{Code: rest.Unavailable, Message: "too many requests wait already", Remedy: "ask again"}

// List is what was asked of a job from outside, by the ids that the askers chose (P3). It outlives the attempts of a process,
// and may be used from any goroutine.
type List struct {
	handsOn bool
	mu      struct {
		sync.Mutex
		byID  map[string]*operation
		order []string // the ids, oldest first
	}
}

// New returns an empty list. handsOn says that what an attempt did not come to take is left for the process to hand on;
// otherwise nothing comes after the attempt.
func New(handsOn bool) *List {
	o := &List{handsOn: handsOn}
	o.mu.byID = map[string]*operation{}
	return o
}

// operation is one request. All fields but asked and done are guarded by List.mu.
type operation struct {
	request Request // tells a repetition from another request under the same id
	state   rest.Operation
	done    chan struct{} // closed when state is final
	fetched bool          // the final state was given to someone
	held    Holder
}

// Holder is who has an operation.
type Holder uint8

// The holders of an operation.
const (
	// Nobody: it waits for an attempt, or for what becomes of one.
	Nobody Holder = iota
	// Mailed: it is in the mailbox of an attempt, which may end before it looks there.
	Mailed
	// Stepped: the coordinator of an attempt knows of it: it is final at the attempt's end.
	Stepped
)

// Repeated returns the operation of a request that was made before. A request that failed has left nothing behind, and is
// made again. Another request under the same id is refused.
func (o *List) Repeated(r rest.Request) (op rest.Operation, ok bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.repeatedLocked(r)
}

func (o *List) repeatedLocked(r rest.Request) (op rest.Operation, ok bool, err error) {
	old := o.mu.byID[r.ID]
	switch {
	case old == nil:
		return rest.Operation{}, false, nil
	case !old.request.Equal(r):
		return rest.Operation{}, false, &rest.Error{Code: rest.Conflict,
			Message: fmt.Sprintf("id %s was used for another request: %s", r.ID, old.request), Remedy: "choose another id"}
	}
	return old.state, old.state.Status != rest.Undone, nil
}

// Begin returns the operation of a request, and whether it is new: then who called it has it carried out. by says who gets
// it now.
func (o *List) Begin(r Request, by Holder) (op rest.Operation, isNew bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	op, known, err := o.repeatedLocked(r.Request)
	if known || err != nil {
		return op, false, err
	}
	if by != Nobody && o.unansweredLocked(r.Kind) >= MostWaiting {
		return rest.Operation{}, false, ErrTooMany
	}
	fresh := &operation{request: r, held: by, done: make(chan struct{}),
		state: rest.Operation{ID: r.ID, Kind: r.Kind, Status: rest.InProgress}}
	if o.mu.byID[r.ID] == nil {
		o.mu.order = append(o.mu.order, r.ID)
	}
	o.mu.byID[r.ID] = fresh
	o.forgetLocked()
	return fresh.state, true, nil
}

// unansweredLocked counts the requests of a kind that are not final. Kinds are counted apart, so that savepoints, which users
// may ask for, keep nobody from a stop.
func (o *List) unansweredLocked(kind rest.OperationKind) int {
	n := 0
	for _, op := range o.mu.byID {
		if op.state.Kind == kind && !op.state.Status.Final() {
			n++
		}
	}
	return n
}

// forgetLocked bounds what is remembered: the oldest that are final go.
func (o *List) forgetLocked() {
	excess := len(o.mu.order) - keptOperations
	o.mu.order = slices.DeleteFunc(o.mu.order, func(id string) bool {
		forget := excess > 0 && o.mu.byID[id].state.Status.Final()
		if forget {
			excess--
			delete(o.mu.byID, id)
		}
		return forget
	})
}

// Give notes who has the operation now.
func (o *List) Give(id string, to Holder) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if op := o.mu.byID[id]; op != nil {
		op.held = to
	}
}

// Untaken returns the requests, oldest first, that lay in the mailbox of an attempt when it ended: nobody has them any
// more, and nothing was done about them.
func (o *List) Untaken() []Request {
	o.mu.Lock()
	defer o.mu.Unlock()
	var left []Request
	for _, id := range o.mu.order {
		if op := o.mu.byID[id]; op.held == Mailed && !op.state.Status.Final() {
			op.held = Nobody
			left = append(left, op.request)
		}
	}
	return left
}

// Finish makes an operation final, as set says; one that is final stays as it is.
func (o *List) Finish(id string, set func(*rest.Operation)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.finishLocked(o.mu.byID[id], set)
}

func (o *List) finishLocked(op *operation, set func(*rest.Operation)) {
	if op == nil || op.state.Status.Final() {
		return
	}
	set(&op.state)
	close(op.done)
}

// Fail makes an operation final that was not carried out.
func (o *List) Fail(id string, err error) {
	o.Finish(id, func(op *rest.Operation) { op.Status, op.Error = rest.Undone, restError(err) })
}

// Wait returns an operation when it is final or ctx is done.
func (o *List) Wait(ctx context.Context, id string) (rest.Operation, error) {
	o.mu.Lock()
	op := o.mu.byID[id]
	o.mu.Unlock()
	if op == nil {
		return rest.Operation{}, &rest.Error{Code: rest.NotFound, Message: fmt.Sprintf("nothing was asked for under id %s", id)}
	}
	select {
	case <-op.done:
	case <-ctx.Done():
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	op.fetched = op.fetched || op.state.Status.Final()
	return op.state, nil
}

// Copying notes how far the copying of a savepoint is, in bytes.
func (o *List) Copying(id string, size, copied int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if op := o.mu.byID[id]; op != nil && !op.state.Status.Final() {
		op.state.SizeBytes, op.state.CopiedBytes = size, max(copied, op.state.CopiedBytes)
	}
}

// Reply carries the coordinator's answer to a request.
func (o *List) Reply(e coordinator.Reply, path func(checkpoint int64) string) {
	o.Finish(e.ID, func(op *rest.Operation) {
		if e.Err != nil {
			op.Status, op.Error = rest.Undone, restError(e.Err)
			return
		}
		op.Status, op.CheckpointID, op.Path, op.SizeBytes = rest.Done, e.Result.Checkpoint, e.Result.Path, e.Result.Bytes
		if op.Path == "" {
			op.Path = path(e.Result.Checkpoint)
			return
		}
		op.CopiedBytes = op.SizeBytes
	})
}

// End makes all operations final that an attempt had when it ended, but for those that wait for the next.
func (o *List) End(exit *coordinator.Exit) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, op := range o.mu.byID {
		o.endLocked(op, exit)
	}
}

// EndOf is End for one operation, which came as the attempt ended.
func (o *List) EndOf(id string, exit *coordinator.Exit) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if op := o.mu.byID[id]; op != nil {
		o.endLocked(op, exit)
	}
}

func (o *List) endLocked(op *operation, exit *coordinator.Exit) {
	waits := o.handsOn && makesSavepoint(op.request.Request)
	if op.held == Stepped || op.held == Mailed && !waits {
		o.finishLocked(op, atEnd(exit))
	}
}

// atEnd is what becomes of an operation of an attempt that has ended: a cancel has done what it was asked for, others have
// not.
func atEnd(exit *coordinator.Exit) func(*rest.Operation) {
	return func(op *rest.Operation) {
		if op.Kind == rest.CancelOperation {
			op.Status = rest.Done
			return
		}
		op.Status = rest.Undone
		op.Error = &rest.Error{Code: rest.Unavailable, Message: fmt.Sprintf("the job ended before: %v", exit.Outcome)}
		if exit.Err != nil {
			op.Error.Message += ": " + exit.Err.Error()
		}
	}
}

// Close makes all operations final when the process ends.
func (o *List) Close(why *rest.Error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, op := range o.mu.byID {
		o.finishLocked(op, func(state *rest.Operation) { state.Status, state.Error = rest.Undone, why })
	}
}

// Unfetched tells whether there is an operation whose end is known and that nobody has asked about yet.
func (o *List) Unfetched() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, op := range o.mu.byID {
		if op.state.Status.Final() && !op.fetched {
			return true
		}
	}
	return false
}

func restError(err error) *rest.Error {
	var already *rest.Error
	if errors.As(err, &already) {
		return already
	}
	code := rest.Internal
	if fault.ClassOf(err) == fault.Permanent {
		code = rest.Conflict
	}
	return &rest.Error{Code: code, Message: err.Error()}
}
