package task

import (
	"context"
	"errors"
	"log/slog"

	"github.com/weirstream/weir/engine/internal/exchange"
	"github.com/weirstream/weir/engine/internal/message"
)

// flushEvery is after how many batches a subtask sends partial batches on, so that rows for a consumer that gets few
// do not wait for the next watermark.
const flushEvery = 64

// subtask is one of the parallel instances of a task. Its goroutine owns everything but parts and commands.
type subtask struct {
	id     message.Subtask
	index  int
	exec   *Execution
	ctx    context.Context
	cancel context.CancelFunc

	stages  []*stage // in topological order, the root first
	outputs []*exchange.Output
	gate    *exchange.Gate // nil: a source
	source  *source        // nil: it has a gate
	current *stage         // whose code is running
	parts   *parts
}

func (t *subtask) report(r message.Report) { t.exec.spec.Report(r) }

// run is the life of the subtask.
func (t *subtask) run() {
	err := t.guard(t.open)
	if err == nil {
		t.report(message.Running{Subtask: t.id})
		err = t.guard(t.loop)
	}
	cancelled := t.ctx.Err() != nil
	t.cancel() // what is being written is of no use any more
	if closing := t.guard(t.close); closing != nil {
		t.exec.spec.Logger.Warn("closing a subtask failed",
			slog.String("task", t.id.Task), slog.Int("subtask", t.index), slog.Any("error", closing))
	}
	if !cancelled {
		t.report(message.Failed{Subtask: t.id, Err: err})
	}
}

func (t *subtask) open() error {
	for _, s := range t.stages {
		t.current = s
		if err := s.open(t.ctx); err != nil {
			return inOperator(s.uid, err)
		}
	}
	t.current = t.stages[0]
	if t.source != nil {
		return inOperator(t.stages[0].uid, t.source.open())
	}
	return nil
}

func (t *subtask) loop() error {
	if t.source != nil {
		return inOperator(t.stages[0].uid, t.source.loop())
	}
	return t.consume()
}

func (t *subtask) close() error {
	var errs []error
	for _, s := range t.stages {
		t.current = s
		errs = append(errs, s.close())
	}
	if t.source != nil {
		errs = append(errs, inOperator(t.stages[0].uid, t.source.close()))
	}
	return errors.Join(errs...)
}

// consume handles what the gate gives until it is cancelled.
func (t *subtask) consume() error {
	for batches := 0; ; {
		e, ok, err := t.gate.Poll()
		if err == nil && !ok {
			if err := t.flush(); err != nil {
				return err
			}
			e, err = t.gate.Next()
		}
		if err != nil {
			return err
		}
		if err := t.handle(e); err != nil {
			return err
		}
		if batches++; batches%flushEvery == 0 {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
}

func (t *subtask) handle(e exchange.Element) error {
	root := t.stages[0]
	switch e.Kind {
	case exchange.Batch:
		if err := root.process(e.Input, e.Batch); err != nil {
			return err
		}
		t.gate.Recycle(e)
	case exchange.Watermark:
		return root.Watermark(e.Value)
	case exchange.Idle, exchange.Active:
		return root.Idle(e.Kind == exchange.Idle)
	case exchange.EndOfInput:
		return root.End()
	case exchange.Barrier:
		return t.snapshot(e.Value, t.gate.AlignmentTime())
	case exchange.Superseded:
		t.superseded(e.Value)
	}
	return nil
}

// flush sends what waits in partial batches.
func (t *subtask) flush() error {
	for _, o := range t.outputs {
		if err := o.Flush(); err != nil {
			return err
		}
	}
	return nil
}
