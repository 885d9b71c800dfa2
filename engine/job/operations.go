package job

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/rest"
)

// operations are what was asked of the job from outside, by the ids that the askers chose (P3). They are kept for the life
// of the run: an id costs little, and forgetting one could do a thing twice.
type operations struct {
	mu   sync.Mutex
	byID map[string]*operation // guarded by mu
}

// operation is one request. All fields but done are guarded by operations.mu.
type operation struct {
	request string // what was asked for, to tell a repetition from another request under the same id
	state   rest.Operation
	done    chan struct{} // closed when state is final
	fetched bool          // the final state was given to someone
}

// begin returns the operation of an id, and whether it is new. Another request under the same id is refused.
func (o *operations) begin(id string, kind rest.OperationKind, request string) (op rest.Operation, isNew bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	request = fmt.Sprintf("%s %s", kind, request)
	if old := o.byID[id]; old != nil && (old.state.Status != rest.Undone || old.request != request) {
		if old.request != request {
			return rest.Operation{}, false, &rest.Error{Code: rest.Conflict,
				Message: fmt.Sprintf("id %s was used for another request: %s", id, old.request), Remedy: "choose another id"}
		}
		return old.state, false, nil
	}
	// Also a request that failed is made again: it left nothing behind.
	fresh := &operation{request: request, done: make(chan struct{}),
		state: rest.Operation{ID: id, Kind: kind, Status: rest.InProgress}}
	o.byID[id] = fresh
	return fresh.state, true, nil
}

// finish makes an operation final.
func (o *operations) finish(id string, set func(*rest.Operation)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	op := o.byID[id]
	if op == nil || op.state.Status.Final() {
		return
	}
	set(&op.state)
	close(op.done)
}

// wait returns an operation when it is final or ctx is done.
func (o *operations) wait(ctx context.Context, id string) (rest.Operation, error) {
	o.mu.Lock()
	op := o.byID[id]
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

// reply carries the coordinator's answer to a request.
func (o *operations) reply(e coordinator.Reply, path func(checkpoint int64) string) {
	o.finish(e.ID, func(op *rest.Operation) {
		if e.Err != nil {
			op.Status, op.Error = rest.Undone, restError(e.Err)
			return
		}
		op.Status, op.CheckpointID, op.Path = rest.Done, e.Result.Checkpoint, e.Result.Path
		if op.Path == "" {
			op.Path = path(e.Result.Checkpoint)
		}
	})
}

// end makes all operations final when the run has ended: a cancel has done what it was asked for, others have not.
func (o *operations) end(exit *coordinator.Exit) {
	o.mu.Lock()
	var open []string
	for id, op := range o.byID {
		if !op.state.Status.Final() {
			open = append(open, id)
		}
	}
	o.mu.Unlock()
	for _, id := range open {
		o.finish(id, func(op *rest.Operation) {
			if op.Kind == rest.CancelOperation {
				op.Status = rest.Done
				return
			}
			op.Status = rest.Undone
			op.Error = &rest.Error{Code: rest.Unavailable, Message: fmt.Sprintf("the job ended before: %v", exit.Outcome)}
			if exit.Err != nil {
				op.Error.Message += ": " + exit.Err.Error()
			}
		})
	}
}

// unfetched returns a channel for one of the operations whose end nobody has asked about yet; nil: there is none.
func (o *operations) unfetched() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, op := range o.byID {
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
