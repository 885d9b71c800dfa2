package host

import (
	"context"
	"errors"
	"time"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/internal/attempt"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/internal/jobfolder"
	"github.com/weirstream/weir/engine/internal/operations"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
)

// lifecycle is where a Host is in its life.
type lifecycle struct {
	// unasked is what the process would begin by itself; nil: it waits to be activated.
	unasked *config.Config
	// failures of that in a row, and how often the last came, to tell an error that will not pass (P13).
	failures int
	equal    int
	last     string
	// nextLook is when the chain is looked at, and with it whether to begin by itself.
	nextLook time.Time
	observer *jobfolder.Folder // nil: not opened yet
}

// work is an attempt that is to be made.
type work struct {
	entry attempt.Entry
	cfg   config.Config
	// activation, or requests, are what it is made for; neither: the process begins it by itself.
	activation *activation
	requests   []operations.Request
}

func (w work) unrequested() bool { return w.activation == nil && len(w.requests) == 0 }

// Run returns after Interrupt, when ctx is done (an attempt is then ended at once, without a last checkpoint), or with an
// error if something of an attempt cannot be ended, so that the process must. That a job fails does not end it.
//
// It waits for a reason to make an attempt, makes it, and waits again: one after the other, because two attempts of one process
// would write into one folder under one lock. Whoever asks meanwhile is answered by the methods of the API, which leave in mu
// what this goroutine is to carry out.
func (h *Host) Run(ctx context.Context) (err error) {
	idle, cancel := attempt.UntilInterrupt(ctx, h.process.Interrupt)
	defer cancel()
	defer func() { err = errors.Join(err, h.leave()) }()
	for {
		w, ok := h.await(idle)
		if !ok {
			return nil
		}
		if err := h.carryOut(ctx, w); err != nil {
			return err
		}
	}
}

// leave answers the requests that still wait.
func (h *Host) leave() error {
	h.mu.Lock()
	h.mu.phase = left
	h.mu.Unlock()
	h.operations.Close(errLeaving)
	if h.own.observer == nil {
		return nil
	}
	return h.own.observer.Close()
}

// await returns the next attempt to make; false: the process is to end. What somebody asks for comes before what the process
// would begin by itself: an activation brings settings, and a beginning without them would be in its way. A look is due at
// once when the process starts, and then after each interval, so that the status is never older than that.
func (h *Host) await(ctx context.Context) (work, bool) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		if w, ok := h.nextWork(ctx); ok {
			return w, true
		}
		if !time.Now().Before(h.own.nextLook) {
			if w, ok := h.beginUnasked(ctx); ok {
				return w, true
			}
		}
		timer.Reset(max(0, time.Until(h.own.nextLook))) // asked may have looked, too, and put it off
		select {
		case <-h.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return work{}, false
}

// beginUnasked looks at the chain, and decides whether to begin by itself. A process that does never says that it waits: whoever
// activated it then would come too late.
func (h *Host) beginUnasked(ctx context.Context) (work, bool) {
	verdict, why := coordinator.Standby, ""
	_, err := h.lookAnd(ctx, func(head snapshot.Head) {
		if h.own.unasked == nil {
			return
		}
		verdict, why = coordinator.Admit(attempt.ChainOf(head), coordinator.Applicant{Owner: h.cfg.Owner, Revision: h.cfg.Revision})
		if begins(verdict) {
			h.mu.phase = beginning
		}
	})
	switch {
	case err != nil || h.own.unasked == nil:
		return work{}, false // the status says why, and the next look is due soon
	case begins(verdict):
		return work{cfg: *h.own.unasked}, true
	}
	h.log.Info("waiting to be activated", "reason", why)
	h.waitIn(rest.Standby, failure{})
	return work{}, false
}

// begins tells that an attempt may be made.
func begins(v coordinator.Verdict) bool { return v == coordinator.Begin || v == coordinator.Finish }

// carryOut makes an attempt, and returns when nothing of it is left. From here until started the phase is beginning: requests
// wait, and nobody is told yes or no before it is known whether there is an attempt. After its end the chain is looked at
// before anything is shown, because the state and the chain that a status shows must be of one moment. What the attempt did not
// come to take is handed on last, when its phase is over: it waits again, in front of what came later.
func (h *Host) carryOut(ctx context.Context, w work) error {
	h.mu.Lock()
	before, why := h.mu.shown, h.mu.failure
	h.mu.phase = beginning
	if w.activation != nil {
		h.mu.failure = failure{} // it is tried anew
	}
	h.mu.Unlock()
	defer h.handOn()
	a := attempt.Spec{
		Config: w.cfg, Graph: h.graph, Process: h.process, Entry: w.entry, Operations: h.operations,
		Started: func(a *attempt.Handle) { h.started(w, a) },
	}
	for _, r := range w.requests {
		a.Requests = append(a.Requests, r.Resolved())
	}
	begun := time.Now()
	result, err := attempt.Run(ctx, a)
	if time.Since(begun) >= h.cfg.Restart.ResetAfter {
		h.own.failures = 0
	}
	// What is stuck may still write: no other attempt may follow in this process.
	var stuck *attempt.StuckError
	if errors.As(err, &stuck) {
		h.failed(w, err)
		return err
	}
	if ctx.Err() == nil && result.Outcome != outcome.Interrupted {
		if _, lookErr := h.readHead(ctx); lookErr != nil {
			h.log.Warn("the chain cannot be read", "error", lookErr)
		}
	}
	h.ended(w, result, err, before, why)
	return nil
}

// handOn lets the requests that an attempt did not come to take wait for what follows it, before those that came later. All
// are mailed under the lock, so that none is on its way any more.
func (h *Host) handOn() {
	h.mu.Lock()
	defer h.mu.Unlock()
	left := h.operations.Untaken()
	h.mu.requests = append(left, h.mu.requests...)
	if h.mu.activation != nil {
		h.mu.activation.after += len(left)
	}
}

// started notes that an attempt has begun: others go on from what it did. All happens under one lock, so that a request either
// waits here and is mailed now, or finds the attempt running. Requests go to it before the activation is answered: they were
// asked first.
func (h *Host) started(w work, begun *attempt.Handle) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.phase, h.mu.attempt, h.mu.chain, h.mu.failure = running, begun, nil, failure{}
	for _, r := range w.requests {
		h.operations.Give(r.ID, operations.Stepped) // the attempt begins with them
	}
	for _, r := range h.mu.requests {
		h.operations.Give(r.ID, operations.Mailed)
		begun.Give(r)
	}
	h.mu.requests = nil
	a := h.mu.activation
	if a == nil || w.activation == nil && begun.Ending() {
		return // what waits is carried out after this attempt
	}
	h.mu.activation = nil
	err := inTheWay(begun, a)
	if w.activation != nil || err == nil {
		h.operations.Finish(a.request.ID, activatedAs(begun))
		return
	}
	h.operations.Fail(a.request.ID, err)
}
