package job

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

// keptOperations is how many operations are remembered, those that are not final included. Whoever asks again for one that
// was forgotten has it carried out again, which a savepoint's id and an activation's expected attempt make harmless.
const keptOperations = 512

// operations are what was asked of the job from outside, by the ids that the askers chose (P3). They outlive the attempts
// of a process.
type operations struct {
	handsOn bool
	mu      struct {
		sync.Mutex
		byID  map[string]*operation
		order []string // the ids, oldest first
	}
}

// newOperations returns none. handsOn says that what an attempt did not come to take is for whoever made it to hand on;
// otherwise nothing comes after the attempt.
func newOperations(handsOn bool) *operations {
	o := &operations{handsOn: handsOn}
	o.mu.byID = map[string]*operation{}
	return o
}

// operation is one request. All fields but asked and done are guarded by operations.mu.
type operation struct {
	asked   request // tells a repetition from another request under the same id
	state   rest.Operation
	done    chan struct{} // closed when state is final
	fetched bool          // the final state was given to someone
	held    holder
}

// holder is who has an operation.
type holder uint8

const (
	nobody  holder = iota
	mailed         // it is in the mailbox of an attempt, which may end before it looks there
	stepped        // the coordinator of an attempt knows of it: it is final at the attempt's end
)

// request is something that is asked for under an id.
type request struct {
	id   string
	kind rest.OperationKind
	// details tell requests of one kind apart.
	details string
	// event tells an attempt's coordinator of it; nil: it is not for attempts.
	event coordinator.Event
}

// outlives tells that the request makes sense to a job whose attempt has ended: its last checkpoint, or the next attempt,
// can serve it (P3).
func (r request) outlives() bool {
	return r.kind == rest.SavepointOperation || r.kind == rest.StopOperation
}

func (r request) String() string { return fmt.Sprintf("%s %s", r.kind, r.details) }

// repeated returns the operation of a request that was made before. A request that failed has left nothing behind, and is
// made again. Another request under the same id is refused.
func (o *operations) repeated(r request) (op rest.Operation, ok bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.repeatedLocked(r)
}

func (o *operations) repeatedLocked(r request) (op rest.Operation, ok bool, err error) {
	old := o.mu.byID[r.id]
	switch {
	case old == nil:
		return rest.Operation{}, false, nil
	case old.asked.String() != r.String():
		return rest.Operation{}, false, &rest.Error{Code: rest.Conflict,
			Message: fmt.Sprintf("id %s was used for another request: %s", r.id, old.asked), Remedy: "choose another id"}
	}
	return old.state, old.state.Status != rest.Undone, nil
}

// begin returns the operation of a request, and whether it is new. by says who gets it now.
func (o *operations) begin(r request, by holder) (op rest.Operation, isNew bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	op, known, err := o.repeatedLocked(r)
	if known || err != nil {
		return op, false, err
	}
	if by != nobody && o.unansweredLocked(r.kind) >= mostWaiting {
		return rest.Operation{}, false, errTooMany
	}
	fresh := &operation{asked: r, held: by, done: make(chan struct{}),
		state: rest.Operation{ID: r.id, Kind: r.kind, Status: rest.InProgress}}
	if o.mu.byID[r.id] == nil {
		o.mu.order = append(o.mu.order, r.id)
	}
	o.mu.byID[r.id] = fresh
	o.forgetLocked()
	return fresh.state, true, nil
}

// unansweredLocked counts the requests of a kind that are not final. Kinds are counted apart, so that savepoints, which users
// may ask for, keep nobody from a stop.
func (o *operations) unansweredLocked(kind rest.OperationKind) int {
	n := 0
	for _, op := range o.mu.byID {
		if op.state.Kind == kind && !op.state.Status.Final() {
			n++
		}
	}
	return n
}

// forgetLocked bounds what is remembered: the oldest that are final go.
func (o *operations) forgetLocked() {
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

// give notes who has the operation now.
func (o *operations) give(id string, to holder) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if op := o.mu.byID[id]; op != nil {
		op.held = to
	}
}

// untaken returns the requests, oldest first, that lay in the mailbox of an attempt when it ended: nobody has them any
// more, and nothing was done about them.
func (o *operations) untaken() []request {
	o.mu.Lock()
	defer o.mu.Unlock()
	var left []request
	for _, id := range o.mu.order {
		if op := o.mu.byID[id]; op.held == mailed && !op.state.Status.Final() {
			op.held = nobody
			left = append(left, op.asked)
		}
	}
	return left
}

// finish makes an operation final.
func (o *operations) finish(id string, set func(*rest.Operation)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.finishLocked(o.mu.byID[id], set)
}

func (o *operations) finishLocked(op *operation, set func(*rest.Operation)) {
	if op == nil || op.state.Status.Final() {
		return
	}
	set(&op.state)
	close(op.done)
}

// fail makes an operation final that was not carried out.
func (o *operations) fail(id string, err error) {
	o.finish(id, func(op *rest.Operation) { op.Status, op.Error = rest.Undone, restError(err) })
}

// wait returns an operation when it is final or ctx is done.
func (o *operations) wait(ctx context.Context, id string) (rest.Operation, error) {
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

// copying tells how far the copying of a savepoint is.
func (o *operations) copying(id string, size, copied int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if op := o.mu.byID[id]; op != nil && !op.state.Status.Final() {
		op.state.SizeBytes, op.state.CopiedBytes = size, max(copied, op.state.CopiedBytes)
	}
}

// reply carries the coordinator's answer to a request.
func (o *operations) reply(e coordinator.Reply, path func(checkpoint int64) string) {
	o.finish(e.ID, func(op *rest.Operation) {
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

// end makes all operations final that an attempt had when it ended, but for those that wait for the next.
func (o *operations) end(exit *coordinator.Exit) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, op := range o.mu.byID {
		o.endLocked(op, exit)
	}
}

// endOf does that for one that came as the attempt ended.
func (o *operations) endOf(id string, exit *coordinator.Exit) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if op := o.mu.byID[id]; op != nil {
		o.endLocked(op, exit)
	}
}

func (o *operations) endLocked(op *operation, exit *coordinator.Exit) {
	waits := o.handsOn && op.asked.outlives()
	if op.held == stepped || op.held == mailed && !waits {
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

// close makes all operations final when the process ends.
func (o *operations) close(why *rest.Error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, op := range o.mu.byID {
		o.finishLocked(op, func(state *rest.Operation) { state.Status, state.Error = rest.Undone, why })
	}
}

// unfetched tells whether there is an operation whose end is known and that nobody has asked about yet.
func (o *operations) unfetched() bool {
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
