package controllertest

import (
	"context"
	"fmt"

	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// operation is one request and how far it is. All but done is guarded by bucket.mu.
type operation struct {
	request string // tells a repetition from another request under the same id
	state   rest.Operation
	target  string
	drain   bool
	done    chan struct{} // closed when state is final
}

func newOperation(id string, kind rest.OperationKind, details string) *operation {
	return &operation{request: fmt.Sprintf("%s %s", kind, details), done: make(chan struct{}),
		state: rest.Operation{ID: id, Kind: kind, Status: rest.InProgress}}
}

func newSavepoint(id, target string) *operation {
	op := newOperation(id, rest.SavepointOperation, target)
	op.target = target
	return op
}

func newStop(id, target string, drain bool) *operation {
	op := newOperation(id, rest.StopOperation, fmt.Sprintf("%s drain=%v", target, drain))
	op.target, op.drain = target, drain
	return op
}

// fail and finish make it final, the latter with the attempt that an activation began.
func (op *operation) fail(why error) {
	op.state.Status, op.state.Error = rest.Undone, restError(why)
	op.state.SizeBytes, op.state.CopiedBytes = 0, 0
	close(op.done)
}

func (op *operation) finish(attempt int64) {
	op.state.Status, op.state.Attempt = rest.Done, attempt
	close(op.done)
}

// made makes it final with a savepoint, or with the checkpoint that it was to be made of.
func (op *operation) made(path string, checkpoint, copied int64) {
	op.state.Path, op.state.CheckpointID, op.state.SizeBytes, op.state.CopiedBytes = path, checkpoint, sizeOf(checkpoint), copied
	op.finish(0)
}

// servedBy tells whether a checkpoint with an outcome is what was asked for.
func (op *operation) servedBy(end outcome.Outcome) bool {
	switch {
	case op.state.Kind == rest.SavepointOperation || end == outcome.Completed:
		return true
	case op.drain:
		return end == outcome.Drained
	default:
		return end == outcome.Stopped
	}
}

// begin takes a savepoint or stop, or finds the one of the same id.
func (c *coordinator) begin(op *operation) (rest.Operation, error) {
	c.bucket.mu.Lock()
	defer c.bucket.mu.Unlock()
	b := &c.bucket.mu.behaviour
	switch {
	case op.target != "":
	case c.settings != nil:
		op.target = c.settings.SavepointStorage
	default:
		op.target = c.savepoints
	}
	if op.state.Kind == rest.SavepointOperation && op.target == "" {
		return rest.Operation{}, &rest.Error{Code: rest.BadRequest, Message: "there is no place for the savepoint",
			Remedy: "name a target, or set spec.savepoint.storage"}
	}
	if old, known, err := c.repeatedLocked(op); known || err != nil {
		return old, err
	}
	if b.Refuse != nil {
		return rest.Operation{}, b.Refuse
	}
	op.state.SizeBytes, op.state.CopiedBytes = 1000, 250
	c.operations[op.state.ID] = op
	return op.state, nil
}

// repeatedLocked is what became of the same request before. What failed left nothing behind, and is made again.
func (c *coordinator) repeatedLocked(op *operation) (state rest.Operation, known bool, err error) {
	old := c.operations[op.state.ID]
	switch {
	case old == nil:
		return rest.Operation{}, false, nil
	case old.request != op.request:
		return rest.Operation{}, false, &rest.Error{Code: rest.Conflict, Remedy: "choose another id",
			Message: fmt.Sprintf("id %s was used for another request: %s", op.state.ID, old.request)}
	}
	return old.state, old.state.Status != rest.Undone, nil
}

// advanceLocked brings a savepoint or stop to its end.
func (c *coordinator) advanceLocked(op *operation) {
	b := &c.bucket.mu.behaviour
	if len(b.FailOperations) > 0 {
		op.fail(b.FailOperations[0])
		b.FailOperations = b.FailOperations[1:]
		return
	}
	if c.state == rest.Starting {
		return
	}
	if c.state != rest.Running {
		if why := c.finishesLocked(); why != nil {
			op.fail(why)
			return
		}
		c.finishLocked(c.settingsLocked())
	}
	if c.foundLocked(op) {
		return
	}
	head := c.bucket.headLocked()
	switch {
	case c.state != rest.Running && !op.servedBy(head.Outcome):
		op.fail(conflict("the job has ended before, with outcome %s", head.Outcome))
		return
	case c.state != rest.Running:
	case op.state.Kind == rest.StopOperation && op.drain:
		head = c.publishLocked(outcome.Drained, op.state.ID)
	case op.state.Kind == rest.StopOperation:
		head = c.publishLocked(outcome.Stopped, op.state.ID)
	case head == nil:
		return // the first checkpoint is still to come
	}
	switch {
	case head == nil:
		op.fail(&rest.Error{Code: rest.Unavailable, Message: c.failure})
	case op.target == "":
		op.made(head.Path, head.ID, 0)
	default:
		op.made(c.bucket.exportLocked(op.state.ID, op.target), head.ID, sizeOf(head.ID))
	}
}

// settingsLocked are those of the newest attempt here, or of the manifest.
func (c *coordinator) settingsLocked() rest.Settings {
	if c.settings != nil {
		return *c.settings
	}
	s := c.bucket.beganLocked().Settings
	s.SavepointStorage, s.Restore = c.savepoints, rest.Restore{}
	return s
}

// finishesLocked says why an attempt may not serve requests to a job that does not run (P3); nil: it may.
func (c *coordinator) finishesLocked() error {
	newest, began := c.bucket.newestLocked(), c.bucket.beganLocked()
	switch {
	case newest != nil && newest.Owner != c.owner:
		return conflict("the newest attempt, %d, is that of %s", newest.Number, newest.Owner)
	case began == nil:
		return conflict("no attempt runs here, and none ever did")
	case c.bucket.outcomeLocked() == outcome.None:
		return conflict("no attempt runs here, and the job is not stopped: attempt %d of revision %s is the newest that ran", began.Number, began.Revision)
	case newest.Number > began.Number && newest.Revision != c.revision:
		return conflict("attempt %d of revision %s has claimed the job, and may be about to begin", newest.Number, newest.Revision)
	}
	return nil
}

// foundLocked answers a request whose savepoint was made before: a stop that comes late does not end an attempt that began
// since.
func (c *coordinator) foundLocked(op *operation) bool {
	found, ok := c.bucket.mu.savepoints[op.state.ID]
	if !ok || op.target == "" || found.path != c.bucket.savepointPath(op.state.ID, op.target) {
		return false
	}
	if !op.servedBy(found.outcome) {
		op.fail(&rest.Error{Code: rest.Conflict, Message: fmt.Sprintf("under id %s there is a savepoint that is not of this %s", op.state.ID, op.state.Kind),
			Remedy: "choose another id"})
		return true
	}
	op.made(found.path, found.checkpoint, sizeOf(found.checkpoint))
	return true
}

// find returns an operation by its id, when it is final or ctx is done.
func (c *coordinator) find(ctx context.Context, id string) (rest.Operation, error) {
	c.bucket.mu.Lock()
	op := c.operations[id]
	c.bucket.mu.Unlock()
	if op == nil {
		return rest.Operation{}, &rest.Error{Code: rest.NotFound, Message: fmt.Sprintf("nothing was asked for under id %s", id)}
	}
	select {
	case <-op.done:
	case <-ctx.Done():
	}
	c.bucket.mu.Lock()
	defer c.bucket.mu.Unlock()
	return op.state, nil
}
