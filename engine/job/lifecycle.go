package job

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/weirstream/weir/engine/fault"
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
	unasked *Config
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
	cfg   Config
	// activation, or requests, are what it is made for; neither: the process begins it by itself.
	activation *activation
	requests   []operations.Request
}

func (w work) byItself() bool { return w.activation == nil && len(w.requests) == 0 }

// Run returns after Interrupt, when ctx is done (an attempt is then ended at once, without a last checkpoint), or with an
// error if something of an attempt cannot be ended, so that the process must. That a job fails does not end it.
func (c *Host) Run(ctx context.Context) (err error) {
	idle, cancel := attempt.UntilInterrupt(ctx, c.opt.Interrupt)
	defer cancel()
	defer func() { err = errors.Join(err, c.leave()) }()
	for {
		w, ok := c.await(idle)
		if !ok {
			return nil
		}
		if err := c.carryOut(ctx, w); err != nil {
			return err
		}
	}
}

// leave answers whoever still waits.
func (c *Host) leave() error {
	c.mu.Lock()
	c.mu.phase = left
	c.mu.Unlock()
	c.operations.Close(errLeaving)
	if c.own.observer == nil {
		return nil
	}
	return c.own.observer.Close()
}

// await returns the next attempt to make; false: the process is to end.
func (c *Host) await(ctx context.Context) (work, bool) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		if w, ok := c.asked(ctx); ok {
			return w, true
		}
		if !time.Now().Before(c.own.nextLook) {
			if w, ok := c.beginUnasked(ctx); ok {
				return w, true
			}
		}
		timer.Reset(max(0, time.Until(c.own.nextLook)))
		select {
		case <-c.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return work{}, false
}

// lookTimeout bounds a look at the chain.
const lookTimeout = 30 * time.Second

// look reads the head of the chain, and keeps it for the status.
func (c *Host) look(ctx context.Context) (snapshot.Head, error) {
	return c.lookAnd(ctx, func(snapshot.Head) {})
}

// lookAnd is look, with what follows from the head for the status: nobody sees the one without the other.
func (c *Host) lookAnd(ctx context.Context, followLocked func(snapshot.Head)) (snapshot.Head, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	c.own.nextLook = time.Now().Add(c.refresh)
	head, chain, err := c.lookNow(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.mu.unseen = failure{err.Error(), attempt.KindOf(err)}
		return head, err
	}
	c.mu.chain, c.mu.unseen = &chain, failure{}
	followLocked(head)
	return head, nil
}

func (c *Host) lookNow(ctx context.Context) (head snapshot.Head, chain rest.Chain, err error) {
	if c.own.observer == nil {
		if c.own.observer, err = jobfolder.Observe(ctx, c.cfg); err != nil {
			return head, chain, err
		}
	}
	return c.own.observer.Look(ctx)
}

// beginUnasked looks at the chain, and decides whether to begin by itself. A process that does never says that it waits: whoever
// activated it then would come too late.
func (c *Host) beginUnasked(ctx context.Context) (work, bool) {
	verdict, why := coordinator.Standby, ""
	_, err := c.lookAnd(ctx, func(head snapshot.Head) {
		if c.own.unasked == nil {
			return
		}
		verdict, why = coordinator.Admit(attempt.ChainOf(head), coordinator.Applicant{Owner: c.cfg.Owner, Revision: c.cfg.Revision})
		if begins(verdict) {
			c.mu.phase = beginning
		}
	})
	switch {
	case err != nil || c.own.unasked == nil:
		return work{}, false // the status says why, and the next look is due soon
	case begins(verdict):
		return work{cfg: *c.own.unasked}, true
	}
	c.log.Info("waiting to be activated", "reason", why)
	c.waitIn(rest.Standby, failure{})
	return work{}, false
}

// begins tells that an attempt may be made.
func begins(v coordinator.Verdict) bool { return v == coordinator.Begin || v == coordinator.Finish }

// show says what the process is doing, while no attempt runs.
func (c *Host) show(s rest.State, f failure) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.phase, c.mu.shown, c.mu.failure = waiting, s, f
}

// asked returns the attempt that somebody asks for.
func (c *Host) asked(ctx context.Context) (work, bool) {
	activation, requests := c.takeAsked()
	switch {
	case len(requests) > 0:
		return c.finish(ctx, requests)
	case activation != nil:
		return c.activate(ctx, activation)
	}
	return work{}, false
}

// takeAsked returns what is next. Requests that came before an activation are not for its attempt; those that came after it
// wait for that.
func (c *Host) takeAsked() (*activation, []operations.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := len(c.mu.requests)
	if c.mu.activation != nil {
		first, c.mu.activation.after = c.mu.activation.after, 0
	}
	requests := c.mu.requests[:first:first]
	c.mu.requests = c.mu.requests[first:]
	return c.mu.activation, requests
}

// activate looks at the chain before an activation is carried out: one that comes twice takes nothing and leaves nothing.
func (c *Host) activate(ctx context.Context, a *activation) (work, bool) {
	head, err := c.look(ctx)
	if err == nil && head.Newest.N != a.asked.ExpectedAttempt {
		_, why := coordinator.Admit(attempt.ChainOf(head), coordinator.Applicant{Activation: &a.asked})
		err = &attempt.RefusedError{Verdict: coordinator.Standby, Why: why}
	}
	if err != nil {
		c.refuse(a, err)
		return work{}, false
	}
	return work{entry: attempt.Entry{Activation: &a.asked}, cfg: a.cfg, activation: a}, true
}

// refuse ends an activation that is not carried out.
func (c *Host) refuse(a *activation, err error) {
	c.log.Warn("the activation was not carried out", "id", a.request.ID, "expected attempt", a.asked.ExpectedAttempt, "error", err)
	c.mu.Lock()
	c.mu.activation = nil
	c.mu.Unlock()
	c.operations.Fail(a.request.ID, startError(err))
}

// finish makes of requests to a job that does not run an attempt that serves them from its last checkpoint (P3).
func (c *Host) finish(ctx context.Context, requests []operations.Request) (work, bool) {
	head, err := c.look(ctx)
	if err == nil {
		applicant := coordinator.Applicant{Owner: c.cfg.Owner, Revision: c.cfg.Revision, OnlyFinish: true}
		verdict, why := coordinator.Admit(attempt.ChainOf(head), applicant)
		switch {
		case verdict == coordinator.Finish:
		case c.own.unasked != nil:
			err = &rest.Error{Code: rest.Unavailable, Message: "an attempt is about to begin", Remedy: "ask again"}
		default:
			err = &attempt.RefusedError{Verdict: verdict, Why: why}
		}
	}
	if err != nil {
		c.failAll(requests, err)
		return work{}, false
	}
	c.mu.Lock()
	cfg := c.settingsLocked()
	c.mu.Unlock()
	return work{entry: attempt.Entry{OnlyFinish: true}, cfg: cfg, requests: requests}, true
}

func (c *Host) failAll(requests []operations.Request, err error) {
	for _, r := range requests {
		c.operations.Fail(r.ID, startError(err))
	}
}

// carryOut makes an attempt, and returns when nothing of it is left.
func (c *Host) carryOut(ctx context.Context, w work) error {
	c.mu.Lock()
	before, why := c.mu.shown, c.mu.failure
	c.mu.phase = beginning
	if w.activation != nil {
		c.mu.failure = failure{} // it is tried anew
	}
	c.mu.Unlock()
	defer c.handOn()
	a := attempt.Spec{
		Config: w.cfg, Graph: c.graph, Options: c.opt, Entry: w.entry, Operations: c.operations,
		Started: func(h *attempt.Handle) { c.started(w, h) },
	}
	for _, r := range w.requests {
		a.Requests = append(a.Requests, r.Event)
	}
	begun := time.Now()
	result, err := attempt.Run(ctx, a)
	if time.Since(begun) >= c.cfg.Restart.ResetAfter {
		c.own.failures = 0
	}
	var stuck *attempt.StuckError
	if errors.As(err, &stuck) {
		c.failed(w, err)
		return err
	}
	if ctx.Err() == nil && result.Outcome != outcome.Interrupted {
		if _, lookErr := c.look(ctx); lookErr != nil {
			c.log.Warn("the chain cannot be read", "error", lookErr)
		}
	}
	c.ended(w, result, err, before, why)
	return nil
}

// handOn lets the requests that an attempt did not come to take wait for what follows it, before those that came later. All
// are mailed under the lock, so that none is on its way any more.
func (c *Host) handOn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := c.operations.Untaken()
	c.mu.requests = append(left, c.mu.requests...)
	if c.mu.activation != nil {
		c.mu.activation.after += len(left)
	}
}

// started notes that an attempt has begun: others go on from what it did.
func (c *Host) started(w work, j *attempt.Handle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.phase, c.mu.job, c.mu.chain, c.mu.failure = running, j, nil, failure{}
	for _, r := range w.requests {
		c.operations.Give(r.ID, operations.Stepped) // the attempt begins with them
	}
	for _, r := range c.mu.requests {
		c.operations.Give(r.ID, operations.Mailed)
		j.Give(r)
	}
	c.mu.requests = nil
	a := c.mu.activation
	if a == nil || w.activation == nil && j.Ending() {
		return // what waits is carried out after this attempt
	}
	c.mu.activation = nil
	err := inTheWay(j, a)
	if w.activation != nil || err == nil {
		c.operations.Finish(a.request.ID, activatedAs(j))
		return
	}
	c.operations.Fail(a.request.ID, err)
}

// ended decides what follows an attempt. before and why are what was shown before it.
func (c *Host) ended(w work, result Result, err error, before rest.State, why failure) {
	began := c.hasBegun()
	f := failureOf(err, began)
	if err != nil {
		c.log.Error("the attempt has ended", "error", err)
	}
	switch {
	case began && result.Outcome != outcome.None:
		c.waitIn(rest.StateAfter(result.Outcome), failure{})
	case result.Outcome == outcome.Interrupted:
		c.show(before, why)
	case !began && !w.byItself():
		c.show(before, f.insteadOf(why, err))
	case len(w.requests) > 0:
		c.show(before, f)
	case !began && attempt.IsRefused(err):
		c.waitIn(rest.Standby, failure{}) // the chain says why
	default:
		c.failedUnasked(w, began, f, err)
	}
	c.failed(w, err)
}

// failureOf is how the status shows the error of an attempt.
func failureOf(err error, began bool) failure {
	if err == nil {
		return failure{}
	}
	f := failure{err.Error(), attempt.KindOf(err)}
	if began && fault.ClassOf(err) == fault.Unknown && f.kind == rest.FailedTransiently {
		f.kind = rest.FailedPermanently // an attempt ends with an error that has come too often (P13)
	}
	return f
}

// insteadOf is what the status shows of an attempt that somebody asked for and that did not begin: what was wrong before, if
// nothing comes of the error but what the operation says.
func (f failure) insteadOf(why failure, err error) failure {
	if attempt.IsTooLate(err) || f.kind == rest.FailedTransiently {
		return why
	}
	return f
}

// failedUnasked follows an attempt that ended with an error, and that the process may begin again by itself.
func (c *Host) failedUnasked(w work, began bool, f failure, err error) {
	switch {
	case f.kind != rest.FailedTransiently:
		c.waitIn(rest.Failed, f)
	case c.repeats(err):
		c.waitIn(rest.Failed, failure{f.text, rest.FailedPermanently})
	default:
		c.again(w, began, f)
	}
}

// waitIn shows a state in which the process begins nothing by itself any more.
func (c *Host) waitIn(s rest.State, f failure) {
	c.own.unasked = nil
	c.show(s, f)
}

// hasBegun tells whether the attempt that has ended did begin.
func (c *Host) hasBegun() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.phase == running
}

// failed answers what the attempt was made for, if that has not been answered.
func (c *Host) failed(w work, err error) {
	if err == nil {
		err = errLeaving
	}
	c.mu.Lock()
	mine := w.activation != nil && c.mu.activation == w.activation
	c.mu.Unlock()
	if mine {
		c.refuse(w.activation, err)
	}
	c.failAll(w.requests, err)
}

// again lets an attempt that failed transiently be begun once more, with what it had.
func (c *Host) again(w work, began bool, f failure) {
	cfg := w.cfg
	state := rest.Starting
	if began {
		state = rest.Recovering
		cfg = c.newest().Config()
	}
	c.own.unasked = &cfg
	c.own.failures++
	delay := coordinator.RestartDelay(c.cfg.Restart, c.own.failures, rand.Float64())
	c.own.nextLook = time.Now().Add(delay)
	c.log.Warn("the attempt is begun again", "in", delay)
	c.show(state, f)
}

// repeats tells whether an error that nobody classified has come three times, so that it is permanent (P13).
func (c *Host) repeats(err error) bool {
	if fault.ClassOf(err) != fault.Unknown {
		c.own.equal = 0
		return false
	}
	if err.Error() != c.own.last {
		c.own.last, c.own.equal = err.Error(), 0
	}
	c.own.equal++
	return c.own.equal >= coordinator.EqualFailures
}
