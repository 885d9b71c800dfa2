package host

import (
	"context"
	"fmt"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/internal/attempt"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/internal/operations"
	"github.com/weirstream/weir/engine/internal/overlap"
	"github.com/weirstream/weir/engine/rest"
)

// Ask begins what is asked for, or refuses it. A savepoint and a stop of a job that has ended are made of the last checkpoint
// (P3): a job that has been stopped gives the savepoint of that, however often it is asked. A checkpoint and a cancel are for
// an attempt that runs.
func (h *Host) Ask(r rest.Request) (rest.Operation, error) {
	if r.Kind == rest.ActivateOperation {
		return h.askActivation(r)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	resolved, err := operations.Resolve(h.settingsLocked(), h.graph, r)
	switch {
	case err != nil:
		return rest.Operation{}, err
	case r.Kind == rest.CheckpointOperation || r.Kind == rest.CancelOperation:
		return h.askRunningLocked(resolved)
	}
	return h.askLocked(resolved)
}

// Operation returns what became of a request, when it is final or ctx is done.
func (h *Host) Operation(ctx context.Context, id string) (rest.Operation, error) {
	return h.operations.Wait(ctx, id)
}

// settingsLocked is the configuration of the newest attempt.
func (h *Host) settingsLocked() config.Config {
	if h.mu.attempt != nil {
		return h.mu.attempt.Config()
	}
	return h.cfg
}

func (h *Host) runsLocked() bool { return h.mu.phase == running && !h.mu.attempt.Over() }

// askLocked gives a request to the attempt that runs, or lets it wait until there is something to say about it.
func (h *Host) askLocked(r operations.Request) (rest.Operation, error) {
	if h.runsLocked() {
		return h.mu.attempt.Ask(r)
	}
	if err := h.refusesLocked(len(h.mu.requests) >= operations.MostWaiting); err != nil {
		return rest.Operation{}, err
	}
	op, isNew, err := h.operations.Begin(r, operations.Nobody)
	if err == nil && isNew {
		h.mu.requests = append(h.mu.requests, r)
		h.signal()
	}
	return op, err
}

// askRunningLocked gives a request to the attempt that runs, or refuses it.
func (h *Host) askRunningLocked(r operations.Request) (rest.Operation, error) {
	op, known, err := h.operations.Repeated(r.Request)
	switch {
	case known || err != nil:
		return op, err
	case h.runsLocked():
		return h.mu.attempt.Ask(r)
	case h.mu.phase == beginning || h.mu.phase == running:
		return rest.Operation{}, &rest.Error{Code: rest.Unavailable, Message: "an attempt is starting or ending", Remedy: "ask again"}
	}
	return rest.Operation{}, &rest.Error{Code: rest.Conflict, Message: "no attempt of the job runs here"}
}

// refusesLocked refuses what would never be carried out.
func (h *Host) refusesLocked(full bool) error {
	switch {
	case h.mu.phase == left:
		return errLeaving
	case full:
		return operations.ErrTooMany
	}
	return nil
}

var errLeaving = &rest.Error{Code: rest.Unavailable, Message: "the coordinator is ending"}

// signal wakes the goroutine of Run.
func (h *Host) signal() {
	select {
	case h.wake <- struct{}{}:
	default: // it is about to look already
	}
}

// askActivation takes a request for an attempt (P3). It is carried out once, however often it is sent: under one id, and under
// another, because the newest attempt is then not the expected one. It is final when others would go on from the attempt, or
// nothing was begun.
func (h *Host) askActivation(r rest.Request) (rest.Operation, error) {
	q := r.Activate
	if q.Revision != h.cfg.Revision {
		return rest.Operation{}, &rest.Error{Code: rest.Conflict,
			Message: fmt.Sprintf("the activation is of revision %s, and this is %s", q.Revision, h.cfg.Revision)}
	}
	cfg, err := withSettings(h.cfg, q.Settings, q.TakeOver)
	if err != nil {
		return rest.Operation{}, err
	}
	if err := overlap.Check(cfg, h.graph); err != nil { // the settings may name another place for savepoints
		return rest.Operation{}, &rest.Error{Code: rest.BadRequest, Message: "settings: " + err.Error()}
	}
	a := &activation{request: r, cfg: cfg, expects: coordinator.Activation{ExpectedAttempt: q.ExpectedAttempt, AllowEmpty: q.AllowEmpty}}
	h.mu.Lock()
	defer h.mu.Unlock()
	op, known, err := h.operations.Repeated(a.request)
	switch {
	case known || err != nil:
		return op, err
	case h.runsLocked() && !h.mu.attempt.Ending():
		return h.alreadyRunsLocked(a)
	}
	if err := h.refusesLocked(h.mu.activation != nil); err != nil {
		return rest.Operation{}, err
	}
	op, _, err = h.operations.Begin(operations.Request{Request: a.request}, operations.Nobody)
	if err == nil {
		a.after = len(h.mu.requests)
		h.mu.activation = a
		h.signal()
	}
	return op, err
}

// alreadyRunsLocked answers an activation while an attempt runs: it is the one that was asked for, or in its way.
func (h *Host) alreadyRunsLocked(a *activation) (rest.Operation, error) {
	if err := inTheWay(h.mu.attempt, a); err != nil {
		return rest.Operation{}, err
	}
	op, _, err := h.operations.Begin(operations.Request{Request: a.request}, operations.Nobody)
	if err != nil {
		return op, err
	}
	h.operations.Finish(a.request.ID, activatedAs(h.mu.attempt))
	op, _, err = h.operations.Repeated(a.request)
	return op, err
}

// activatedAs makes an activation's operation say which attempt it began.
func activatedAs(h *attempt.Handle) func(*rest.Operation) {
	return func(op *rest.Operation) { op.Status, op.Attempt = rest.Done, h.Number() }
}

// inTheWay returns a conflict unless an attempt is what an activation asks for.
func inTheWay(h *attempt.Handle, a *activation) error {
	if h.Number() == a.expects.ExpectedAttempt+1 && h.Config().Settings == a.cfg.Settings {
		return nil
	}
	return &rest.Error{Code: rest.Conflict, Remedy: "stop it first, and expect the attempt that is then the newest",
		Message: fmt.Sprintf("attempt %d runs here already, and is not what the activation asks for", h.Number())}
}
