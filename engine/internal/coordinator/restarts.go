package coordinator

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/outcome"
)

// phase is what the tasks are doing.
type phase uint8

const (
	// idle: nothing was deployed.
	idle phase = iota
	// deploying: some subtasks have not said that they run.
	deploying
	// running: all subtasks run.
	running
	// cancelling: the execution has failed, or is not needed any more, and is being stopped.
	cancelling
	// waiting: nothing runs; the next execution is deployed after a delay.
	waiting
)

// execution is the current run of the tasks. Under one coordinator it is numbered by restart (P1 "Names").
type execution struct {
	name  message.Execution
	phase phase
	up    map[message.Subtask]bool // those that run
	// ran: all subtasks have run once, so that what the attempt began from was read to its end, and is whole.
	ran bool

	since    time.Duration // when it began to run
	delay    time.Duration // before the next one
	cancelBy time.Duration
	deployAt time.Duration

	failures int // since the delay started anew
	repeats  repeats
	last     error

	// fatal is the permanent error that ends the run, by fatalBy at the latest.
	fatal   error
	fatalBy time.Duration
}

// deploy starts an execution from the newest complete checkpoint.
func (c *Coordinator) deploy() {
	x := &c.execution
	if x.phase != idle {
		x.name.Restart++
		if err := c.restoreSources(); err != nil {
			c.exit(outcome.Failed, err)
			return
		}
	}
	x.phase = deploying
	x.up = map[message.Subtask]bool{}
	c.emit(Deploy{Execution: x.name, From: c.chain.head, Continues: c.continues()})
	for _, s := range c.sources {
		c.assignWaiting(s)
	}
}

// reported takes a message of a subtask. This is where messages of other executions are refused (P1), be they of another
// restart or of another attempt: what carries them need not know which is the newest.
func (c *Coordinator) reported(e Reported) {
	x := &c.execution
	failed, isFailure := e.Report.(message.Failed)
	alive := x.phase == deploying || x.phase == running
	if e.Execution != x.name || !alive && !(isFailure && x.phase == cancelling) {
		c.status.dropped++
		return
	}
	if isFailure {
		c.taskFailed(failureOf(failed))
		return
	}
	switch r := e.Report.(type) {
	case message.Running:
		if c.known(r.Subtask) {
			c.subtaskRuns(r.Subtask)
		}
	case message.Ack:
		if c.known(r.Subtask) {
			c.acked(r)
		}
	case message.Decline:
		if c.known(r.Subtask) {
			c.declined(r)
		}
	default:
		c.sourceReported(r)
	}
}

func failureOf(f message.Failed) error {
	if f.Task == "" {
		return f.Err
	}
	return fmt.Errorf("subtask %s/%d: %w", f.Task, f.Index, f.Err)
}

// known tells whether the job has a subtask. If not the execution is not the one that was deployed.
func (c *Coordinator) known(t message.Subtask) bool {
	if t.Index >= 0 && t.Index < c.tasks[t.Task] {
		return true
	}
	c.taskFailed(fmt.Errorf("a message came from subtask %s/%d, which the job does not have", t.Task, t.Index))
	return false
}

func (c *Coordinator) subtaskRuns(t message.Subtask) {
	x := &c.execution
	x.up[t] = true
	if x.phase == deploying && len(x.up) == c.subtasks {
		x.phase = running
		x.ran = true
		x.since = c.now
		c.chain.next = c.now + c.cfg.Interval
	}
}

// taskFailed restarts the execution, or ends the run if the error is permanent (P13). A permanent error counts also when
// it arrives after the transient ones that it may have caused. Once a checkpoint with an outcome is complete no task
// matters any more (P3).
func (c *Coordinator) taskFailed(err error) {
	x := &c.execution
	switch {
	case c.chain.ending != outcome.None || c.fenced(err):
	case x.phase == cancelling:
		if fault.ClassOf(err) == fault.Permanent {
			c.fail(err)
		}
	case x.repeats.permanent(err, c.headID()):
		c.stopTasks(err)
		c.fail(err)
	default:
		c.restartTasks(err, c.nextDelay())
	}
}

// headID is the position of P13: failures are at the same one if no checkpoint has completed in between.
func (c *Coordinator) headID() int64 {
	if c.chain.head == nil {
		return 0
	}
	return c.chain.head.ID
}

// fail ends the run with a permanent error. If a checkpoint is being published the end waits for the decision: it may be
// the one that ends the job, and then the error has come too late to matter.
func (c *Coordinator) fail(err error) {
	x := &c.execution
	if x.fatal == nil {
		x.fatal = err
		x.fatalBy = c.now + c.cfg.FinishDeadline
	}
}

// nextDelay is the delay before the next restart, longer for each failure, until the job has run for long without one.
func (c *Coordinator) nextDelay() time.Duration {
	x, p := &c.execution, c.cfg.Restart
	if x.phase == running && c.now-x.since >= p.ResetAfter {
		x.failures = 0
	}
	x.failures++
	return RestartDelay(p, x.failures, c.cfg.Random())
}

// restartTasks stops the execution; the next one is deployed after delay.
func (c *Coordinator) restartTasks(err error, delay time.Duration) {
	c.logf(slog.LevelWarn, "the job restarts: %v", err)
	c.execution.delay = delay
	c.status.restarts++
	c.stopTasks(err)
}

// stopTasks stops the execution because of an error. A checkpoint that is not being published yet is aborted; one that is
// may be what the next execution starts from.
func (c *Coordinator) stopTasks(err error) {
	c.execution.last = err
	if ck := c.chain.current; ck != nil && ck.stage == acking {
		c.abort(fmt.Errorf("the execution stops: %w", err))
	}
	c.cancelTasks()
}

// cancelTasks cancels what runs.
func (c *Coordinator) cancelTasks() {
	x := &c.execution
	if x.phase != deploying && x.phase != running {
		return
	}
	x.phase = cancelling
	x.cancelBy = c.now + c.cfg.CancelDeadline
	c.emit(CancelTasks{Execution: x.name})
}

func (c *Coordinator) tasksStopped(e TasksStopped) {
	x := &c.execution
	if x.phase != cancelling || e.Execution != x.name {
		return
	}
	x.phase = waiting
	x.deployAt = c.now + x.delay
}

// undecided tells whether it is not known which checkpoint is the newest complete one (P1).
func (c *Coordinator) undecided() bool {
	return c.chain.current != nil && c.chain.current.stage == publishing
}

// advanceFailure ends the run for a permanent error.
func (c *Coordinator) advanceFailure() {
	x := &c.execution
	if x.fatal != nil && c.chain.ending == outcome.None && (!c.undecided() || c.reached(x.fatalBy)) {
		c.exit(outcome.Failed, x.fatal)
	}
}

// advanceExecution deploys the next execution when it is due, and gives up one that does not stop.
func (c *Coordinator) advanceExecution() {
	x := &c.execution
	if x.fatal != nil || c.chain.ending != outcome.None {
		return
	}
	switch {
	case x.phase == cancelling && c.reached(x.cancelBy):
		c.exit(outcome.Failed, fault.AsTransient(fmt.Errorf("the tasks did not stop within %v, so they cannot be restarted in this process: %w",
			c.cfg.CancelDeadline, x.last)))
	case x.phase == waiting && !c.undecided() && c.reached(x.deployAt):
		c.deploy()
	}
}
