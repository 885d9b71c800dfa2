package task

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/internal/exchange"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/snapshot"
)

// subtask is one of the parallel instances of a task. Its goroutine owns everything but parts and commands.
type subtask struct {
	id          message.Subtask
	index       int
	parallelism int // of its task
	exec        *execution
	ctx         context.Context
	cancel      context.CancelFunc

	chain    []*link // in topological order, the root first
	outputs  []*exchange.Output
	input    input
	commands *commandQueue
	current  *link // whose code is running
	parts    *parts

	timed     []timed           // those that may wait for processing time
	expiring  []backend.Backend // those with states that have a TTL
	nextSweep int64             // the processing time at which they want to be swept; math.MaxInt64: not yet
	now       int64             // processing time, as it was last seen
	ended     bool              // the input has
}

// input is where a subtask gets what it does next: the reader of a source, or the gate of a consumer.
type input interface {
	open() error
	// obey carries out a command of the coordinator.
	obey(c message.Command) error
	// step does what is next, and leaves at most one batch half done when it fails. If there is nothing to do, it says what
	// to wait for.
	step() (pause, error)
	// completed tells the reader of a source, if it wants to know, that a checkpoint is complete.
	completed(checkpoint int64) error
	// abort gives up a checkpoint. Any goroutine may call it.
	abort(checkpoint int64)
	// splitStates are the splits that a checkpoint finds half read, with their positions.
	splitStates() []snapshot.SplitState
	// cancel wakes those who wait for the subtask to take something from them.
	cancel()
	close() error
}

// pause is what a subtask waits for besides commands. The zero value is no pause.
type pause struct {
	needed bool
	ready  <-chan struct{} // nil: nothing but a command or the limit ends it
	limit  time.Duration   // 0: none
	// due is called when the limit has passed; nil: nothing is due.
	due func() error
}

func (t *subtask) report(r message.Report) { t.exec.report(r) }

// run is the life of the subtask.
func (t *subtask) run() {
	err := t.guard(t.open)
	if err == nil {
		t.report(message.Running{Subtask: t.id})
		err = t.guard(t.loop)
	}
	cancelled := t.exec.ctx.Err() != nil // whose end reaches the gates before it reaches t.ctx
	t.cancel()                           // what is being written is of no use any more
	if cancelled {
		t.warn("telling of a complete checkpoint failed", t.guard(t.obeyLast))
	}
	t.warn("closing a subtask failed", t.guard(t.close))
	if !cancelled {
		t.report(message.Failed{Subtask: t.id, Err: t.exec.cfg.failure(err)})
		t.cancelExchanges()
	}
}

// cancelExchanges lets those fail who wait for the subtask, now that its own error is told: theirs would hide it.
func (t *subtask) cancelExchanges() {
	t.input.cancel()
	for _, o := range t.outputs {
		o.Cancel()
	}
}

func (t *subtask) open() error {
	for _, s := range t.chain {
		t.current = s
		if err := s.open(t.ctx); err != nil {
			return inOperator(s.uid, err)
		}
	}
	t.listTimed()
	t.current = t.chain[0]
	return inOperator(t.chain[0].uid, t.input.open())
}

// loop obeys, fires timers, and does one step after the other, until the subtask is cancelled. Commands come first, so that a barrier
// waits for one batch at most, of rows and of timers.
func (t *subtask) loop() error {
	for {
		for _, c := range t.commands.take() {
			if err := t.obey(c); err != nil {
				return inOperator(t.chain[0].uid, err)
			}
		}
		var p pause
		err := t.fireTimers()
		t.sweep()
		if err == nil {
			p, err = t.input.step()
		}
		if err == nil && p.needed {
			err = t.wait(p)
		}
		if err == nil {
			err = t.ctx.Err()
		}
		if err != nil {
			return inOperator(t.chain[0].uid, err)
		}
	}
}

// obey carries out a command.
func (t *subtask) obey(c message.Command) error {
	if c, ok := c.(message.Completed); ok {
		return t.completed(c.ID)
	}
	return t.input.obey(c)
}

// obeyLast tells what became complete before the subtask was cancelled: a stop cancels it as soon as its checkpoint is.
func (t *subtask) obeyLast() error {
	for _, c := range t.commands.take() {
		if c, ok := c.(message.Completed); ok {
			if err := t.completed(c.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// completed tells who wants to know that a checkpoint is complete.
func (t *subtask) completed(checkpoint int64) error {
	for _, s := range t.chain {
		listener, ok := s.op.(operator.CheckpointListener)
		if !ok {
			continue
		}
		if err := s.call(func() error { return listener.CheckpointComplete(checkpoint) }); err != nil {
			return err
		}
	}
	return t.input.completed(checkpoint)
}

// wait ends with the pause, with a command, when a timer is due, or when the subtask is cancelled. Nothing is kept back meanwhile.
func (t *subtask) wait(p pause) error {
	if err := t.flush(); err != nil {
		return err
	}
	limit, isDue := t.untilTimer()
	if isDue {
		return nil
	}
	if limit == 0 || p.limit > 0 && p.limit <= limit {
		limit = p.limit
	} else {
		p.due = nil
	}
	var after <-chan time.Time
	if limit > 0 {
		var stop func()
		after, stop = t.exec.cfg.Clock.Timer(limit)
		defer stop()
	}
	select {
	case <-t.commands.signal:
	case <-p.ready:
	case <-after:
		if p.due != nil {
			return p.due()
		}
	case <-t.ctx.Done():
	}
	return nil
}

func (t *subtask) close() error {
	var errs []error
	for _, s := range t.chain {
		t.current = s
		errs = append(errs, s.close())
	}
	return errors.Join(append(errs, inOperator(t.chain[0].uid, t.input.close()))...)
}

// warn logs what went wrong when nobody can do anything about it any more.
func (t *subtask) warn(what string, err error) {
	if err != nil {
		t.exec.cfg.Logger.Warn(what, slog.String("task", t.id.Task), slog.Int("subtask", t.index), slog.Any("error", err))
	}
}

// flush sends on what operators and partial batches keep back.
func (t *subtask) flush() error { return t.chain[0].Flush() }
