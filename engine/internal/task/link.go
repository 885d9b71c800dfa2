package task

import (
	"context"
	"fmt"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/state"
)

// receiver takes what an operator sends on: the next link of the chain, or an output to another task.
type receiver interface {
	Emit(b *batch.Batch) error
	Watermark(ms int64) error
	Idle(idle bool) error
	End() error
	// Flush sends on what is kept back.
	Flush() error
}

// link is one operator or sink in a subtask, or the root of a source's, and what its rows go to.
type link struct {
	uid     string
	node    *graph.Node
	task    *subtask
	next    []receiver // all, of every output: watermarks, idleness and the end go to them
	main    []receiver // those of the main output
	side    map[string]*sideOutput
	metrics *counters

	// What the node is decides which of these is set.
	op       operator.Operator
	writer   connector.Writer
	backend  backend.Backend // nil: no keyed state
	items    []*state.Items  // by operator state of the node
	prepared prepared        // of a sink

	forwarded int64 // the last watermark that was passed on
}

func newLink(t *subtask, n *graph.Node) *link {
	s := &link{uid: n.UID, node: n, task: t, metrics: newCounters(), forwarded: none, side: map[string]*sideOutput{}}
	for _, name := range n.Side {
		s.side[name] = &sideOutput{link: s}
	}
	return s
}

// open makes what the node is, with its state restored.
func (s *link) open(ctx context.Context) (err error) {
	exec := s.task.exec
	switch {
	case s.node.Sink != nil:
		s.writer, err = s.node.Sink.Writer(ctx, connector.WriterContext{
			Job: exec.cfg.Job, UID: s.uid, Attempt: exec.name.Attempt, Restart: exec.name.Restart,
			Subtask: s.task.index, Parallelism: s.task.parallelism,
		})
		return err
	case s.node.Operator != nil:
		if err := s.openState(ctx); err != nil {
			return err
		}
		if s.op, err = s.node.Operator(); err != nil {
			return err
		}
		return s.op.Open(&operatorContext{ctx, s})
	}
	return nil
}

func (s *link) openState(ctx context.Context) (err error) {
	exec := s.task.exec
	cfg := exec.cfg
	var restored *snapshot.OperatorState
	if exec.from != nil {
		restored = exec.from.Operator(s.uid)
	}
	if err := s.openItems(restored); err != nil || len(s.node.State) == 0 {
		return err
	}
	var conversions map[string]state.Conversion
	if restored != nil {
		if conversions, err = s.node.Conversions(restored); err != nil {
			return fault.Permanentf("", "restore it with the job that wrote it, or give the operator another uid to start empty",
				"the state of %s cannot be read: %w", s.uid, err)
		}
	}
	first, end := state.GroupRange(s.task.index, s.task.parallelism, cfg.MaxParallelism)
	s.backend, err = cfg.Backend(backend.Scope{
		UID: s.uid, Subtask: s.task.index, Incremental: cfg.Incremental,
		FirstGroup: first, EndGroup: end, MaxParallelism: cfg.MaxParallelism, States: s.node.State, Conversions: conversions,
		Now: s.task.processingTime(),
	})
	if err != nil || restored == nil {
		return err
	}
	if err := s.backend.Restore(ctx, restored.Subtasks, exec.blocks); err != nil {
		return err
	}
	if exec.continues && restored.Parallelism == s.task.parallelism {
		for _, of := range restored.Subtasks {
			if of.Index == s.task.index {
				s.backend.Continue(of)
			}
		}
	}
	return nil
}

// openItems makes the operator states, with the subtask's share of what all subtasks had.
func (s *link) openItems(restored *snapshot.OperatorState) error {
	for _, d := range s.node.OperatorState {
		var had []*state.Items
		if restored != nil {
			convert, err := s.node.ItemConversion(restored, d)
			for i := 0; i < len(restored.Subtasks) && err == nil; i++ {
				var items *state.Items
				items, err = state.ReadItems(restored.Subtasks[i].Extra, d, convert)
				had = append(had, items)
			}
			if err != nil {
				return fault.Permanentf("", "restore an older snapshot", "the operator state %s of %s cannot be read: %w", d.Name, s.uid, err)
			}
		}
		s.items = append(s.items, state.Share(d.Kind, had, s.task.index, s.task.parallelism))
	}
	return nil
}

// freezeItems encodes the operator states as they are now.
func (s *link) freezeItems() []byte {
	if len(s.items) == 0 {
		return nil
	}
	names := make([]string, len(s.items))
	for i, d := range s.node.OperatorState {
		names[i] = d.Name
	}
	return state.AppendItems(nil, names, s.items)
}

// Emit handles a batch of the link's only input.
func (s *link) Emit(b *batch.Batch) error { return s.process(0, b) }

func (s *link) process(input int, b *batch.Batch) error {
	s.metrics.in(b)
	return s.call(func() error {
		if s.writer != nil {
			return s.writer.Write(s.task.ctx, b)
		}
		return s.op.Process(input, b, (*fanOut)(s))
	})
}

// call runs code of the link's operator or sink: whatever goes wrong meanwhile is told of it.
func (s *link) call(f func() error) error {
	before := s.task.current
	s.task.current = s
	if err := f(); err != nil {
		return inOperator(s.uid, err)
	}
	s.task.current = before
	return nil
}

// fanOut is the output of a link: the next ones are called one after the other.
type fanOut link

// Emit hands a batch on.
func (o *fanOut) Emit(b *batch.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	o.metrics.out(b)
	return emit(b, o.main)
}

func emit(b *batch.Batch, to []receiver) error {
	for _, r := range to {
		if err := r.Emit(b); err != nil {
			return err
		}
	}
	return nil
}

// sideOutput is a side output of a link.
type sideOutput struct {
	link *link
	next []receiver
}

// Emit hands a batch on.
func (o *sideOutput) Emit(b *batch.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	o.link.metrics.out(b)
	return emit(b, o.next)
}

// send lets the rows of an output, the main one if it has no name, go to a receiver.
func (s *link) send(output string, to receiver) {
	s.next = append(s.next, to)
	if output == "" {
		s.main = append(s.main, to)
		return
	}
	s.side[output].next = append(s.side[output].next, to)
}

// Watermark lets the operator act on event time, then passes on the watermark that holds for what it emits later.
func (s *link) Watermark(ms int64) error {
	s.metrics.watermark.Store(ms)
	forward := ms
	if s.op != nil {
		err := s.call(func() (err error) {
			if err = s.op.Flush((*fanOut)(s)); err == nil {
				forward, err = s.op.Watermark(ms, (*fanOut)(s))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if s.backend != nil {
		s.backend.AdvanceWatermark(ms)
	}
	if forward <= s.forwarded {
		return s.forward(receiver.Flush)
	}
	s.forwarded = forward
	return s.forward(func(r receiver) error { return r.Watermark(forward) })
}

// Flush lets the operator emit what it keeps back, then those behind it.
func (s *link) Flush() error {
	if err := s.flush(); err != nil {
		return err
	}
	return s.forward(receiver.Flush)
}

func (s *link) flush() error {
	if s.op == nil {
		return nil
	}
	return s.call(func() error { return s.op.Flush((*fanOut)(s)) })
}

// Idle passes idleness on.
func (s *link) Idle(idle bool) error {
	if err := s.flush(); err != nil {
		return err
	}
	return s.forward(func(r receiver) error { return r.Idle(idle) })
}

// End passes the end of input on; the watermark before it was the end of event time, on which the operators have acted.
func (s *link) End() error {
	if err := s.flush(); err != nil {
		return err
	}
	return s.forward(receiver.End)
}

func (s *link) forward(f func(receiver) error) error {
	for _, r := range s.next {
		if err := f(r); err != nil {
			return err
		}
	}
	return nil
}

func (s *link) close() error {
	var err error
	switch {
	case s.writer != nil:
		err = s.writer.Close()
	case s.op != nil:
		err = s.op.Close()
	}
	if s.backend != nil && err == nil {
		err = s.backend.Close()
	}
	return inOperator(s.uid, err)
}

// operatorContext is what a link offers to its operator.
type operatorContext struct {
	context.Context
	of *link
}

// UID is the operator's.
func (c *operatorContext) UID() string { return c.of.uid }

// Subtask is the index of the subtask and the number of all.
func (c *operatorContext) Subtask() (index, parallelism int) {
	return c.of.task.index, c.of.task.parallelism
}

// Table returns a declared state of cells, restored.
func (c *operatorContext) Table(d state.Descriptor) (state.Table, error) {
	if c.of.backend == nil {
		return nil, fmt.Errorf("the operator declares no keyed state, so it has no state %q", d.Name)
	}
	return c.of.backend.Table(d.Name)
}

// Sorted returns a declared sorted map, restored.
func (c *operatorContext) Sorted(d state.Descriptor) (state.Sorted, error) {
	if c.of.backend == nil {
		return nil, fmt.Errorf("the operator declares no keyed state, so it has no state %q", d.Name)
	}
	return c.of.backend.Sorted(d.Name)
}

// Timers returns declared timers, restored.
func (c *operatorContext) Timers(d state.Descriptor) (state.Timers, error) {
	if c.of.backend == nil {
		return nil, fmt.Errorf("the operator declares no keyed state, so it has no timers %q", d.Name)
	}
	return c.of.backend.Timers(d.Name)
}

// Items returns a declared operator state, restored.
func (c *operatorContext) Items(d state.Descriptor) (*state.Items, error) {
	for i, declared := range c.of.node.OperatorState {
		if declared.Name == d.Name {
			return c.of.items[i], nil
		}
	}
	return nil, fmt.Errorf("the operator declares no operator state %q", d.Name)
}

// SideOutput is one that the operator declares.
func (c *operatorContext) SideOutput(name string) operator.Output { return c.of.side[name] }

// RestoredWatermark is what the operator had acted on in the key group of a hash.
func (c *operatorContext) RestoredWatermark(hash uint64) int64 {
	if c.of.backend == nil {
		return snapshot.NoTime
	}
	return c.of.backend.RestoredWatermark(hash)
}

// MaxRestoredWatermark is the highest that the operator had acted on in any of its key groups.
func (c *operatorContext) MaxRestoredWatermark() int64 {
	if c.of.backend == nil {
		return snapshot.NoTime
	}
	return c.of.backend.MaxRestoredWatermark()
}

// ProcessingTime is that of the subtask.
func (c *operatorContext) ProcessingTime() int64 { return c.of.task.processingTime() }

// Late counts rows that came too late.
func (c *operatorContext) Late(records int) { c.of.metrics.late.Add(int64(records)) }

// Skipped counts rows that were dropped because the table says so.
func (c *operatorContext) Skipped(records int) { c.of.metrics.skipped.Add(int64(records)) }
