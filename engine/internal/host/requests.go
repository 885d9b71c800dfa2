package host

import (
	"context"
	"errors"

	"github.com/weirstream/weir/engine/internal/attempt"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/internal/operations"
	"github.com/weirstream/weir/engine/rest"
)

// nextWork returns the attempt that an activation or requests are for; false: none is wanted.
func (h *Host) nextWork(ctx context.Context) (work, bool) {
	activation, requests := h.takeRequests()
	switch {
	case len(requests) > 0:
		return h.finish(ctx, requests)
	case activation != nil:
		return h.activate(ctx, activation)
	}
	return work{}, false
}

// takeRequests takes the activation or the requests that are next. Requests that came before an activation are not for its attempt; those that came after it
// wait for that.
func (h *Host) takeRequests() (*activation, []operations.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := len(h.mu.requests)
	if h.mu.activation != nil {
		first, h.mu.activation.after = h.mu.activation.after, 0
	}
	requests := h.mu.requests[:first:first]
	h.mu.requests = h.mu.requests[first:]
	return h.mu.activation, requests
}

// activate looks at the chain before an activation is carried out: one that comes twice takes nothing and leaves nothing.
func (h *Host) activate(ctx context.Context, a *activation) (work, bool) {
	head, err := h.readHead(ctx)
	if err == nil && head.Newest.N != a.expects.ExpectedAttempt {
		_, why := coordinator.Admit(attempt.ChainOf(head), coordinator.Applicant{Activation: &a.expects})
		err = &attempt.RefusedError{Verdict: coordinator.Standby, Why: why}
	}
	if err != nil {
		h.refuse(a, err)
		return work{}, false
	}
	return work{entry: attempt.Entry{Activation: &a.expects}, cfg: a.cfg, activation: a}, true
}

// refuse ends an activation that is not carried out.
func (h *Host) refuse(a *activation, err error) {
	h.log.Warn("the activation was not carried out", "id", a.request.ID, "expected attempt", a.expects.ExpectedAttempt, "error", err)
	h.mu.Lock()
	h.mu.activation = nil
	h.mu.Unlock()
	h.operations.Fail(a.request.ID, startError(err))
}

// finish makes of requests to a job that does not run an attempt that serves them from its last checkpoint (P3).
func (h *Host) finish(ctx context.Context, requests []operations.Request) (work, bool) {
	head, err := h.readHead(ctx)
	if err == nil {
		applicant := coordinator.Applicant{Owner: h.cfg.Owner, Revision: h.cfg.Revision, OnlyFinish: true}
		verdict, why := coordinator.Admit(attempt.ChainOf(head), applicant)
		switch {
		case verdict == coordinator.Finish:
		case h.own.unasked != nil:
			err = &rest.Error{Code: rest.Unavailable, Message: "an attempt is about to begin", Remedy: "ask again"}
		default:
			err = &attempt.RefusedError{Verdict: verdict, Why: why}
		}
	}
	if err != nil {
		h.failAll(requests, err)
		return work{}, false
	}
	h.mu.Lock()
	cfg := h.settingsLocked()
	h.mu.Unlock()
	return work{entry: attempt.Entry{OnlyFinish: true}, cfg: cfg, requests: requests}, true
}

func (h *Host) failAll(requests []operations.Request, err error) {
	for _, r := range requests {
		h.operations.Fail(r.ID, startError(err))
	}
}

// failed answers what the attempt was made for, if that has not been answered.
func (h *Host) failed(w work, err error) {
	if err == nil {
		err = errLeaving
	}
	h.mu.Lock()
	mine := w.activation != nil && h.mu.activation == w.activation
	h.mu.Unlock()
	if mine {
		h.refuse(w.activation, err)
	}
	h.failAll(w.requests, err)
}

// startError answers who asked for an attempt that did not begin.
func startError(err error) error {
	var already *rest.Error
	if errors.As(err, &already) {
		return already
	}
	code := rest.Conflict
	if attempt.KindOf(err) == rest.FailedTransiently && !attempt.IsTooLate(err) {
		code = rest.Unavailable
	}
	return &rest.Error{Code: code, Message: err.Error()}
}
