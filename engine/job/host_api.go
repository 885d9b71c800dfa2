package job

import (
	"context"
	"fmt"

	"github.com/weirstream/weir/engine/internal/attempt"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/internal/operations"
	"github.com/weirstream/weir/engine/internal/overlap"
	"github.com/weirstream/weir/engine/rest"
)

// Savepoint asks for a savepoint; an empty target is spec.savepoint.storage. Of a job that has ended it is made of the
// last checkpoint (P3).
func (c *Host) Savepoint(_ context.Context, id, target string) (rest.Operation, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, err := operations.Savepoint(c.settingsLocked(), c.graph, id, target)
	if err != nil {
		return rest.Operation{}, err
	}
	return c.askLocked(r)
}

// Stop asks for the end of the job, after a savepoint. A job that has been stopped so gives the savepoint of its last
// checkpoint, however often it is asked (P3).
func (c *Host) Stop(_ context.Context, id, target string, drain bool) (rest.Operation, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, err := operations.Stop(c.settingsLocked(), c.graph, id, target, drain)
	if err != nil {
		return rest.Operation{}, err
	}
	return c.askLocked(r)
}

// Checkpoint asks for a checkpoint now.
func (c *Host) Checkpoint(_ context.Context, id string) (rest.Operation, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.askRunningLocked(operations.Checkpoint(id))
}

// Cancel asks for the end of the attempt at once.
func (c *Host) Cancel(_ context.Context, id string) (rest.Operation, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.askRunningLocked(operations.Cancel(id))
}

// Operation returns what became of a request, when it is final or ctx is done.
func (c *Host) Operation(ctx context.Context, id string) (rest.Operation, error) {
	return c.operations.Wait(ctx, id)
}

// settingsLocked is the configuration of the newest attempt.
func (c *Host) settingsLocked() Config {
	if c.mu.job != nil {
		return c.mu.job.Config()
	}
	return c.cfg
}

func (c *Host) runsLocked() bool { return c.mu.phase == running && !c.mu.job.Over() }

// askLocked gives a request to the attempt that runs, or lets it wait until there is something to say about it.
func (c *Host) askLocked(r operations.Request) (rest.Operation, error) {
	if c.runsLocked() {
		return c.mu.job.Ask(r)
	}
	if err := c.refusesLocked(len(c.mu.requests) >= operations.MostWaiting); err != nil {
		return rest.Operation{}, err
	}
	op, isNew, err := c.operations.Begin(r, operations.Nobody)
	if err == nil && isNew {
		c.mu.requests = append(c.mu.requests, r)
		c.signal()
	}
	return op, err
}

// askRunningLocked gives a request to the attempt that runs, or refuses it.
func (c *Host) askRunningLocked(r operations.Request) (rest.Operation, error) {
	op, known, err := c.operations.Repeated(r)
	switch {
	case known || err != nil:
		return op, err
	case c.runsLocked():
		return c.mu.job.Ask(r)
	case c.mu.phase == beginning || c.mu.phase == running:
		return rest.Operation{}, &rest.Error{Code: rest.Unavailable, Message: "an attempt is starting or ending", Remedy: "ask again"}
	}
	return rest.Operation{}, &rest.Error{Code: rest.Conflict, Message: "no attempt of the job runs here"}
}

// refusesLocked refuses what would never be carried out.
func (c *Host) refusesLocked(full bool) error {
	switch {
	case c.mu.phase == left:
		return errLeaving
	case full:
		return operations.ErrTooMany
	}
	return nil
}

var errLeaving = &rest.Error{Code: rest.Unavailable, Message: "the coordinator is ending"}

// signal wakes the goroutine of Run.
func (c *Host) signal() {
	select {
	case c.wake <- struct{}{}:
	default: // it is about to look already
	}
}

// Activate asks for an attempt (P3). It is carried out once, however often it is sent: under one id, and under another,
// because the newest attempt is then not the expected one. It is final when others would go on from the attempt, or nothing
// was begun.
func (c *Host) Activate(_ context.Context, q rest.ActivateRequest) (rest.Operation, error) {
	if q.Revision != c.cfg.Revision {
		return rest.Operation{}, &rest.Error{Code: rest.Conflict,
			Message: fmt.Sprintf("the activation is of revision %s, and this is %s", q.Revision, c.cfg.Revision)}
	}
	cfg, err := withSettings(c.cfg, q.Settings, q.TakeOver)
	if err != nil {
		return rest.Operation{}, err
	}
	if err := overlap.Check(cfg, c.graph); err != nil { // the settings may name another place for savepoints
		return rest.Operation{}, &rest.Error{Code: rest.BadRequest, Message: "settings: " + err.Error()}
	}
	a := &activation{cfg: cfg, asked: coordinator.Activation{ExpectedAttempt: q.ExpectedAttempt, AllowEmpty: q.AllowEmpty}}
	if a.request, err = operations.Activation(q); err != nil {
		return rest.Operation{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	op, known, err := c.operations.Repeated(a.request)
	switch {
	case known || err != nil:
		return op, err
	case c.runsLocked() && !c.mu.job.Ending():
		return c.alreadyRunsLocked(a)
	}
	if err := c.refusesLocked(c.mu.activation != nil); err != nil {
		return rest.Operation{}, err
	}
	op, _, err = c.operations.Begin(a.request, operations.Nobody)
	if err == nil {
		a.after = len(c.mu.requests)
		c.mu.activation = a
		c.signal()
	}
	return op, err
}

// alreadyRunsLocked answers an activation while an attempt runs: it is the one that was asked for, or in its way.
func (c *Host) alreadyRunsLocked(a *activation) (rest.Operation, error) {
	if err := inTheWay(c.mu.job, a); err != nil {
		return rest.Operation{}, err
	}
	op, _, err := c.operations.Begin(a.request, operations.Nobody)
	if err != nil {
		return op, err
	}
	c.operations.Finish(a.request.ID, activatedAs(c.mu.job))
	op, _, err = c.operations.Repeated(a.request)
	return op, err
}

// activatedAs makes an activation's operation say which attempt it began.
func activatedAs(h *attempt.Handle) func(*rest.Operation) {
	return func(op *rest.Operation) { op.Status, op.Attempt = rest.Done, h.Number() }
}

// inTheWay returns a conflict unless an attempt is what an activation asks for.
func inTheWay(h *attempt.Handle, a *activation) error {
	if h.Number() == a.asked.ExpectedAttempt+1 && h.Config().Settings == a.cfg.Settings {
		return nil
	}
	return &rest.Error{Code: rest.Conflict, Remedy: "stop it first, and expect the attempt that is then the newest",
		Message: fmt.Sprintf("attempt %d runs here already, and is not what the activation asks for", h.Number())}
}
