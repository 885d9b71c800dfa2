package coordinator

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weirstream/weir/engine/outcome"
)

// interrupt is a wish of the process's environment to end soon.
type interrupt struct {
	requested bool
	by        time.Duration
	taken     bool // the last checkpoint is complete
	done      bool // its commits are confirmed
}

// interrupted begins the end by a signal: one more checkpoint, without outcome, so that the next start goes on from here
// (P3). The second signal ends the run at once.
func (c *Coordinator) interrupted() {
	if c.interrupt.requested {
		c.exit(outcome.Interrupted, errors.New("interrupted a second time, before the last checkpoint was done"))
		return
	}
	c.interrupt.requested = true
	c.interrupt.by = c.now + c.cfg.InterruptDeadline
}

// advanceInterrupt ends an interrupted run: after its last checkpoint, at the deadline, or at once if no checkpoint can be
// taken because the tasks neither run nor are about to. What is complete but not committed is committed by the next start.
func (c *Coordinator) advanceInterrupt() {
	ck := c.chain.current
	switch {
	case !c.interrupt.requested:
	case c.chain.ending != outcome.None:
		if c.reached(c.interrupt.by) {
			err := fmt.Errorf("interrupted while the job was ending with outcome %s", c.chain.ending.Word())
			if len(c.chain.commits) > 0 {
				err = c.notCommitted(c.cfg.InterruptDeadline)
			}
			c.exit(outcome.Interrupted, err)
		}
	case c.interrupt.done:
		c.exit(outcome.Interrupted, nil)
	case c.interrupt.taken:
		if c.reached(c.interrupt.by) {
			c.exit(outcome.Interrupted, c.notCommitted(c.cfg.InterruptDeadline))
		}
	case ck == nil && c.execution.phase != running && c.execution.phase != deploying:
		err := errors.New("there is no last checkpoint: the tasks were not running")
		if c.execution.last != nil {
			err = fmt.Errorf("%w: %w", err, c.execution.last)
		}
		c.exit(outcome.Interrupted, err)
	case c.reached(c.interrupt.by):
		c.exit(outcome.Interrupted, fmt.Errorf("there is no last checkpoint: it was not done within %v", c.cfg.InterruptDeadline))
	}
}

// advanceEnd ends the run after a checkpoint with an outcome: its commits and all before are confirmed, and every request
// that can be served from it is answered (P3, P4).
func (c *Coordinator) advanceEnd() {
	if c.chain.ending == outcome.None || len(c.chain.commits) > 0 {
		return
	}
	if !slices.ContainsFunc(c.requests, func(r *request) bool { return !r.replied }) {
		c.exit(c.chain.ending, nil)
	}
}
