package task

import (
	"errors"
	"fmt"
	"math"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/snapshot"
)

// Every so many batches the watermark is sent, with what waits in partial batches; and progress is reported.
const (
	watermarkEvery = 16
	progressEvery  = 64
)

// source is the root of a source subtask: it obeys commands and reads.
type source struct {
	task       *subtask
	root       *link
	event      *graph.EventTime // nil: no event time
	reader     connector.Reader
	told       told
	timestamps operator.Operator // sets event time; nil: the reader does

	splits  *splits
	pace    *pace // shared by the source's subtasks
	into    *batch.Batch
	timed   batch.Batch // what is emitted: the rows with their split watermarks
	marks   []int64
	reading *split // whose rows get their event time
	batches int

	trigger  int64 // last
	wanted   bool  // a first split was asked for
	paused   bool
	last     bool // no more splits
	ended    bool
	warned   bool // of event time in the future
	idleness idleness
}

func newSource(t *subtask, n *graph.Node, p *pace) *source {
	s := &source{task: t, root: t.chain[0], event: n.Source.Event, pace: p}
	delay := int64(0)
	if s.event != nil {
		delay = s.event.DelayMS
		s.idleness.timeout = s.event.Idle
	}
	s.splits = newSplits(delay)
	return s
}

func (s *source) open() (err error) {
	src := s.root.node.Source
	s.into = emptyLike(src.Payload())
	if s.event != nil && s.event.Timestamps != nil {
		if s.timestamps, err = s.event.Timestamps(); err != nil {
			return err
		}
		if err = s.timestamps.Open(&operatorContext{s.task.ctx, s.root}); err != nil {
			return err
		}
	}
	s.reader, err = src.Reader(s.task.ctx, connector.ReaderContext{
		Subtask: s.task.index, Parallelism: s.task.parallelism, BatchRows: batchRows(src.RowsPerSecond),
	})
	s.idleness.lag, _ = s.reader.(connector.LagReporter)
	s.told.listener, _ = s.reader.(connector.CheckpointListener)
	return err
}

func (s *source) close() error {
	var err error
	if s.reader != nil {
		err = s.reader.Close()
	}
	if s.timestamps != nil && err == nil {
		err = s.timestamps.Close()
	}
	return err
}

// step reads one batch.
func (s *source) step() (pause, error) {
	switch {
	case s.paused || s.ended:
		return pause{needed: true}, nil
	case len(s.splits.active) == 0 && s.last:
		return pause{}, s.end()
	case len(s.splits.active) == 0:
		if !s.wanted {
			s.wanted = true
			s.task.report(message.SplitWanted{Subtask: s.task.id})
		}
		return s.awaitInput(nil)
	}
	if wait := s.pace.wait(s.task.exec.cfg.Clock); wait > 0 {
		p, err := s.awaitInput(nil)
		p.limit, p.due = wait, nil
		return p, err
	}
	s.into.Reset()
	p, err := s.reader.Next(s.task.ctx, s.into)
	if err != nil {
		return pause{}, err
	}
	if err := s.take(p); err != nil || p.Done || p.Wait == nil {
		return pause{}, err
	}
	return s.awaitInput(p.Wait)
}

// awaitInput is the pause of a source that has nothing to read, after its progress was told.
func (s *source) awaitInput(ready <-chan struct{}) (pause, error) {
	s.progress()
	if err := s.advance(); err != nil {
		return pause{}, err
	}
	return pause{needed: true, ready: ready, limit: s.idleIn(), due: s.becomeIdle}, nil
}

// take emits what was read, and remembers how far that is.
func (s *source) take(p connector.Progress) error {
	rows := s.into.Len()
	s.root.metrics.skipped.Add(p.Skipped)
	sp := s.splits.find(p.Split)
	switch {
	case sp == nil && p.Stands(rows, nil), sp != nil && p.Stands(rows, sp.position):
		return fmt.Errorf("the reader of %d splits returned no row, no other position and nothing to wait for", len(s.splits.active))
	case p.Split == "" && rows == 0:
		return nil
	case sp == nil:
		return fmt.Errorf("the reader returned %d rows of split %q, which it does not have", rows, p.Split)
	}
	if rows > 0 {
		if err := s.woken(sp); err != nil {
			return err
		}
		if err := s.emit(sp); err != nil {
			return s.placed(err)
		}
		s.warnOfFuture(sp)
		s.pace.spent(s.task.exec.cfg.Clock, rows)
	}
	sp.position = append(sp.position[:0], p.Position...)
	if p.Done {
		return s.finish(sp, p.PassedOver)
	}
	s.batches++
	if s.batches%progressEvery == 0 {
		s.progress()
		if err := s.becomeIdle(); err != nil { // a reader that is always busy never rests
			return err
		}
	}
	if s.batches%watermarkEvery == 0 {
		return s.advance()
	}
	return nil
}

// emit sends the rows that were read down the chain, with event time and split watermarks if the source has them.
func (s *source) emit(sp *split) error {
	if s.event == nil {
		return (*fanOut)(s.root).Emit(s.into)
	}
	s.reading = sp
	if s.timestamps == nil {
		return (*eventOutput)(s).Emit(s.into)
	}
	return s.timestamps.Process(0, s.into, (*eventOutput)(s)) // which may drop rows, and so emit nothing
}

// placed adds to the error of a row where the record stands that the row is of, if the reader can say that.
func (s *source) placed(err error) error {
	var row *operator.RowError
	placer, ok := s.reader.(connector.Locator)
	if !ok || !errors.As(err, &row) {
		return err
	}
	return &fault.Error{Class: fault.ClassOf(err), Place: placer.Locate(row.Row), Err: err}
}

// eventOutput takes the rows once they have event time.
type eventOutput source

// Emit gives the rows their split watermarks, and sends them on.
func (o *eventOutput) Emit(b *batch.Batch) error {
	if o.reading == nil || b.Len() > o.into.Len() || len(b.Time) != b.Len() {
		return fmt.Errorf("the source has event time, but emitted %d rows with %d times for %d rows that were read",
			b.Len(), len(b.Time), o.into.Len())
	}
	o.marks = o.splits.mark(o.reading, o.marks[:0], b.Time)
	o.reading = nil
	o.timed = *b
	o.timed.SplitWatermark = o.marks
	return (*fanOut)(o.root).Emit(&o.timed)
}

// finish ends a split whose last rows are emitted.
func (s *source) finish(sp *split, passedOver bool) error {
	s.told.finish(sp)
	s.splits.finish(sp)
	if err := s.advance(); err != nil {
		return err
	}
	s.wanted = true // the report asks for another one
	s.task.report(message.SplitDone{Subtask: s.task.id, Split: sp.ID, MaxTime: sp.maxTime, PassedOver: passedOver})
	return nil
}

// end emits the end of event time and of the input.
func (s *source) end() error {
	s.ended = true
	if err := s.raise(math.MaxInt64); err != nil {
		return err
	}
	if err := s.task.end(); err != nil {
		return err
	}
	s.task.report(message.Ended{Subtask: s.task.id})
	return nil
}

// advance sends the watermark on if it is higher, and what waits in partial batches in any case.
func (s *source) advance() error {
	if s.event != nil {
		if ms, higher := s.splits.advance(); higher {
			return s.root.Watermark(ms)
		}
	}
	return s.task.flush()
}

func (s *source) raise(ms int64) error {
	if !s.splits.raise(ms) {
		return nil
	}
	return s.root.Watermark(ms)
}

// progress tells how far the splits are, while others wait for that or follow it (P4).
func (s *source) progress() {
	if s.event == nil || s.splits.bound == math.MaxInt64 && !s.splits.watched {
		return
	}
	for _, sp := range s.splits.active {
		if sp.maxTime > sp.told {
			sp.told = sp.maxTime
			s.task.report(message.SplitProgress{Subtask: s.task.id, Split: sp.ID, MaxTime: sp.maxTime})
		}
	}
}

func (s *source) obey(c message.Command) error {
	switch c := c.(type) {
	case message.Trigger:
		return s.inject(c)
	case message.Resume:
		s.paused = false
	case message.Assign:
		return s.assign(c)
	case message.Follow:
		s.splits.follow = c.MaxTime
	case message.WatermarkBound:
		s.splits.bound, s.splits.watched = c.MaxTime, c.Watched
		if c.MaxTime != math.MaxInt64 {
			return s.wake() // a split that has not started holds the watermark, here too
		}
	case message.NoMoreSplits:
		s.last = true
	default:
		return fmt.Errorf("unknown command %T", c)
	}
	return nil
}

func (s *source) assign(a message.Assign) error {
	if s.ended {
		return fmt.Errorf("split %s was assigned after the end of input", a.Split.ID)
	}
	if err := s.splits.assign(a); err != nil {
		return err
	}
	if err := s.woken(s.splits.find(a.Split.ID)); err != nil {
		return err
	}
	return s.reader.Add(a.Split, a.Position)
}

// inject takes the subtask's part of a checkpoint and sends its barrier on.
func (s *source) inject(c message.Trigger) error {
	if c.ID <= s.trigger {
		return fmt.Errorf("checkpoint %d was triggered after %d", c.ID, s.trigger)
	}
	s.trigger = c.ID
	var err error
	if c.Mode == message.Drain {
		err = s.raise(math.MaxInt64)
	} else if !s.paused {
		err = s.advance()
	}
	if err != nil {
		return err
	}
	if c.Mode != message.Continue {
		s.paused = true
	}
	s.told.remember(c.ID, s.splits.active)
	return s.task.snapshot(c.ID, 0)
}

func (s *source) completed(checkpoint int64) error { return s.told.completed(checkpoint) }

// abort has nothing to do: a source aligns nothing.
func (s *source) abort(int64) {}

// cancel has nothing to do: nobody sends to a source.
func (s *source) cancel() {}

func (s *source) splitStates() []snapshot.SplitState { return s.splits.snapshot() }
