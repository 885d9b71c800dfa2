package host

import (
	"math/rand/v2"
	"time"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/attempt"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// ended decides what follows an attempt. before and why are what was shown before it. What is shown comes first and who asked is
// answered last: who then looks at the status finds what came of it.
//
// The cases are in the order of who decides. An outcome ends the job, whatever else went wrong. An interrupt, and an attempt that
// somebody asked for and that did not begin, leave things as they were: the operator decides anew. An attempt that was to serve
// a job that has ended leaves it ended, and what it failed with is shown. A refusal makes the process wait. Only what is left is
// the process's own to begin again.
func (h *Host) ended(w work, result attempt.Result, err error, before rest.State, why failure) {
	began := h.hasBegun()
	f := failureOf(err, began)
	if err != nil {
		h.log.Error("the attempt has ended", "error", err)
	}
	switch {
	case began && result.Outcome != outcome.None:
		h.waitIn(rest.StateAfter(result.Outcome), failure{})
	case result.Outcome == outcome.Interrupted:
		h.show(before, why)
	case !began && !w.unrequested():
		h.show(before, f.insteadOf(why, err))
	case len(w.requests) > 0:
		h.show(before, f)
	case !began && attempt.IsRefused(err):
		h.waitIn(rest.Standby, failure{}) // the chain says why
	default:
		h.failedUnasked(w, began, f, err)
	}
	h.failed(w, err)
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
func (h *Host) failedUnasked(w work, began bool, f failure, err error) {
	switch {
	case f.kind != rest.FailedTransiently:
		h.waitIn(rest.Failed, f)
	case h.repeats(err):
		h.waitIn(rest.Failed, failure{f.text, rest.FailedPermanently})
	default:
		h.again(w, began, f)
	}
}

// waitIn shows a state in which the process begins nothing by itself any more.
func (h *Host) waitIn(s rest.State, f failure) {
	h.own.unasked = nil
	h.show(s, f)
}

// show says what the process is doing, while no attempt runs.
func (h *Host) show(s rest.State, f failure) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.phase, h.mu.shown, h.mu.failure = waiting, s, f
}

// hasBegun tells whether the attempt that has ended did begin.
func (h *Host) hasBegun() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.phase == running
}

// again lets an attempt that failed transiently be begun once more, with what it had.
func (h *Host) again(w work, began bool, f failure) {
	cfg := w.cfg
	state := rest.Starting
	if began {
		state = rest.Recovering
		cfg = h.newest().Config()
	}
	h.own.unasked = &cfg
	h.own.failures++
	delay := coordinator.RestartDelay(h.cfg.Restart, h.own.failures, rand.Float64())
	h.own.nextLook = time.Now().Add(delay)
	h.log.Warn("the attempt is begun again", "in", delay)
	h.show(state, f)
}

// repeats tells whether an error that nobody classified has come three times, so that it is permanent (P13).
func (h *Host) repeats(err error) bool {
	if fault.ClassOf(err) != fault.Unknown {
		h.own.equal = 0
		return false
	}
	if err.Error() != h.own.last {
		h.own.last, h.own.equal = err.Error(), 0
	}
	h.own.equal++
	return h.own.equal >= coordinator.EqualFailures
}
