package task

import (
	"fmt"

	"github.com/weirstream/weir/engine/internal/exchange"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/snapshot"
)

// flushEvery is after how many elements a consumer sends partial batches on, so that rows for a consumer behind it that
// gets few do not wait for the next watermark.
const flushEvery = 64

// consumer is the input of a subtask that gets its rows from other tasks.
type consumer struct {
	task  *subtask
	gate  *exchange.Gate
	steps int
}

func (c *consumer) open() error { return nil }

func (c *consumer) close() error { return nil }

func (c *consumer) completed(int64) error { return nil }

func (c *consumer) abort(checkpoint int64) { c.gate.Abort(checkpoint) }

func (c *consumer) cancel() { c.gate.Cancel() }

func (c *consumer) splitStates() []snapshot.SplitState { return nil }

func (c *consumer) obey(command message.Command) error {
	return fmt.Errorf("command %T came to a subtask that is no source", command)
}

func (c *consumer) step() (pause, error) {
	e, ok, err := c.gate.Poll()
	if err != nil || !ok {
		return pause{needed: true, ready: c.gate.Ready()}, err
	}
	if err := c.handle(e); err != nil {
		return pause{}, err
	}
	if c.steps++; c.steps%flushEvery == 0 {
		return pause{}, c.task.flush()
	}
	return pause{}, nil
}

func (c *consumer) handle(e exchange.Element) error {
	root := c.task.chain[0]
	switch e.Kind {
	case exchange.Batch:
		if err := root.process(e.Input, e.Batch); err != nil {
			return err
		}
		c.gate.Recycle(e)
	case exchange.Watermark:
		return root.Watermark(e.Value)
	case exchange.Idle, exchange.Active:
		return root.Idle(e.Kind == exchange.Idle)
	case exchange.EndOfInput:
		return c.task.end()
	case exchange.Barrier:
		return c.task.snapshot(e.Value, c.gate.AlignmentTime())
	case exchange.Superseded:
		c.task.superseded(e.Value)
	}
	return nil
}
