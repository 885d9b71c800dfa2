package controllertest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// activate begins an attempt (P3), or says what became of the activation of this id. What cannot be one is refused at once;
// what the chain does not allow is taken, and fails.
func (c *coordinator) activate(r rest.ActivateRequest) (rest.Operation, error) {
	c.bucket.mu.Lock()
	defer c.bucket.mu.Unlock()
	b := &c.bucket.mu.behaviour
	if b.RefuseActivation != nil {
		return rest.Operation{}, b.RefuseActivation
	}
	if r.Revision != c.revision {
		return rest.Operation{}, conflict("the activation is of revision %s, and this is %s", r.Revision, c.revision)
	}
	if wrong := wrongSettings(r.Settings); wrong != "" {
		return rest.Operation{}, &rest.Error{Code: rest.BadRequest, Message: "settings: " + wrong}
	}
	op, err := newActivation(r)
	if err != nil {
		return rest.Operation{}, err
	}
	if old, known, err := c.repeatedLocked(op); known || err != nil {
		return old, err
	}
	if c.state.Executes() && (c.attempt != r.ExpectedAttempt+1 || *c.settings != r.Settings) {
		return rest.Operation{}, conflict("attempt %d runs here already, and is not what the activation asks for", c.attempt)
	}
	c.operations[r.ID] = op
	switch {
	case c.state.Executes():
		op.finish(c.attempt)
	case c.refusesLocked(op, r):
	case b.FailActivation != nil:
		c.bucket.claimLocked(Attempt{Owner: c.owner, Revision: c.revision, Pod: c.pod, Settings: r.Settings, Failed: true})
		op.fail(b.FailActivation)
	case c.bucket.outcomeLocked().Final() && !c.bucket.restoresLocked(r.Settings.Restore):
		op.finish(c.finishLocked(r.Settings))
	default:
		op.finish(c.beginLocked(r.Settings, false))
	}
	return op.state, nil
}

// newActivation is one that nothing has come of yet.
func newActivation(r rest.ActivateRequest) (*operation, error) {
	id := r.ID
	r.ID = ""
	details, err := json.Marshal(r)
	return newOperation(id, rest.ActivateOperation, string(details)), err
}

// refusesLocked fails an activation that the chain does not allow, and says on the status what is wrong with the job. That
// another was there before, or the activation comes late, is nothing wrong.
func (c *coordinator) refusesLocked(op *operation, r rest.ActivateRequest) bool {
	chain, restores := c.bucket.chainLocked(), c.bucket.restoresLocked(r.Settings.Restore)
	var why error
	kind := rest.FailureKind("")
	switch repeats := c.bucket.repeatsLocked(r.Settings.Restore); {
	case r.ExpectedAttempt != chain.Attempt:
		why = conflict("the activation expects attempt %d, and the newest is %d", r.ExpectedAttempt, chain.Attempt)
	case chain.Attempt > 0 && chain.Owner != c.owner && chain.Outcome == outcome.None && !r.TakeOver:
		why, kind = conflict("the job is run by %s (attempt %d)", chain.Owner, chain.Attempt), rest.FailedFenced
	case chain.Began == 0 && chain.Checkpoint == nil && !r.AllowEmpty && !restores:
		why, kind = conflict("there is nothing to go on from, and the activation does not say that there may be nothing"), rest.FailedNoState
	case repeats != "":
		why, kind = conflict("%s; to accept that, use restore.allowRepeatedOutput", repeats), rest.FailedPermanently
	default:
		return false
	}
	if kind != "" {
		c.failure, c.failureKind = why.Error(), kind
	}
	op.fail(why)
	return true
}

// wrongSettings says what no attempt can run with; empty: nothing.
func wrongSettings(s rest.Settings) string {
	switch {
	case s.Parallelism < 1 || s.Parallelism > mostParallelism:
		return fmt.Sprintf("parallelism %d is not within 1 and %d", s.Parallelism, mostParallelism)
	case s.Interval < time.Millisecond || s.Timeout < time.Millisecond:
		return fmt.Sprintf("interval %v, timeout %v", s.Interval, s.Timeout)
	case s.Retained < 1 || s.TolerableFailures < 0:
		return fmt.Sprintf("retained %d, tolerableFailures %d", s.Retained, s.TolerableFailures)
	}
	return ""
}

func conflict(format string, args ...any) error {
	return &rest.Error{Code: rest.Conflict, Message: fmt.Sprintf(format, args...)}
}
