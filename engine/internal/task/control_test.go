package task_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/backend/backendtest"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storagetest"
)

func TestAPartThatCannotBeWrittenIsDeclinedAndTheJobGoesOn(t *testing.T) {
	failures := 1
	store := backendtest.NewStore(t, func(b storage.Bucket) storage.Bucket {
		return storagetest.Faulty(b, func(op storagetest.Operation) storagetest.Fault {
			if op.Name == "write" && failures > 0 {
				failures--
				return storagetest.Denied
			}
			return storagetest.NoFault
		})
	})
	src, sink := &numbers{splits: 4, rows: 5000, keys: 100}, newCollected()
	d := newDriver(t, store, countGraph(src, sink), src.names())
	d.cfg.Classify = func(err error) error {
		if errors.Is(err, storage.ErrPermission) {
			return &fault.Error{Class: fault.Permanent, Err: err}
		}
		return err
	}
	d.start(2)
	d.await(sink, 20000)
	id := d.trigger(message.Continue)
	d.until(func() bool { return d.declined[id].Checkpoint == id })
	if err := d.declined[id].Err; err.Class != fault.Permanent || !strings.Contains(err.Text, "write") {
		t.Errorf("declined with %v, class %v; want the store's error as it was classified", err, err.Class)
	}
	d.abort(id)
	d.checkpoint(message.Continue)
	d.finish()
	d.checkCounts(src)
}

func TestOutputPreparedForAnAbortedCheckpointIsCommittedWithTheNext(t *testing.T) {
	src, sink := &numbers{splits: 4, rows: 5000, keys: 100}, newCollected()
	d := newDriver(t, backendtest.NewStore(t, nil), countGraph(src, sink), src.names())
	d.start(2)
	d.await(sink, 20000)
	id := d.trigger(message.Continue)
	d.until(func() bool { return len(d.acks[id]) == d.subtasks() })
	d.abort(id) // another part failed, or the checkpoint could not be published
	d.finish()
	d.checkCounts(src)
}

// TestOutputOfACheckpointThatIsAbortedWhileItIsPreparedIsCommittedWithTheNext aborts the checkpoint from within Prepare:
// the barrier has come, and what earlier barriers left behind is not forgotten yet.
func TestOutputOfACheckpointThatIsAbortedWhileItIsPreparedIsCommittedWithTheNext(t *testing.T) {
	src, sink := &numbers{splits: 4, rows: 5000, keys: 100}, newCollected()
	d := newDriver(t, backendtest.NewStore(t, nil), countGraph(src, sink), src.names())
	var once sync.Once
	aborted := make(chan struct{})
	sink.fail = func(checkpoint int64) error {
		once.Do(func() {
			d.abort(checkpoint)
			close(aborted)
		})
		return nil
	}
	d.start(2)
	d.await(sink, 20000)
	id := d.trigger(message.Continue)
	<-aborted
	d.finish()
	if len(d.acks[id]) == d.subtasks() {
		t.Error("every subtask acknowledged the aborted checkpoint")
	}
	d.checkCounts(src)
}

// TestASlowSinkHoldsTheSourceBack lets the sink take nothing. When everything waits, the source has read no more than
// the queues hold; when the sink goes on, nothing is missing.
func TestASlowSinkHoldsTheSourceBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, sink := &numbers{splits: 6, rows: 20000, keys: 1000}, newCollected()
		sink.hold = make(chan struct{})
		const parallelism = 2
		d := newDriver(t, backendtest.NewStore(t, nil), countGraph(src, sink), src.names())
		d.start(parallelism)
		for d.running < d.subtasks() {
			d.next()
		}
		synctest.Wait()
		for len(d.mailbox) > 0 {
			d.next()
		}
		synctest.Wait()
		read := int64(0)
		for _, m := range d.exec.Metrics() {
			if m.UID == "numbers" {
				read += m.RecordsOut
			}
		}
		const channels = parallelism * parallelism
		if most := int64(channels * 10 * 2 * batch.TargetRows); read == 0 || read > most {
			t.Errorf("the source has read %d rows while the sink took none, want 1 to %d", read, most)
		}
		close(sink.hold)
		d.finish()
		d.checkCounts(src)
	})
}

// TestCancelEndsEveryGoroutine cancels a job whose sink, exchange and source all wait. That nothing is left is checked by
// synctest, which fails a test that leaves a goroutine behind.
func TestCancelEndsEveryGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, sink := &numbers{splits: 6, rows: 20000, keys: 1000}, newCollected()
		sink.hold = make(chan struct{})
		d := newDriver(t, backendtest.NewStore(t, nil), countGraph(src, sink), src.names())
		d.start(3)
		for range 3 * 3 {
			d.next()
		}
		synctest.Wait()
		d.trigger(message.Continue)
		d.stop()
		for len(d.mailbox) > 0 {
			if f, ok := d.next().(message.Failed); ok {
				t.Errorf("a subtask that was cancelled reports %v", f.Err)
			}
		}
	})
}

// broken is an operator that fails in a way of the test's choice.
type broken struct {
	operator.Stateless
	fail func() error
}

func (o *broken) Process(int, *batch.Batch, operator.Output) error { return o.fail() }

func TestAFailureNamesTheOperatorAndKeepsItsClass(t *testing.T) {
	permanent := fault.Permanentf("row 7", "mend it", "it is bad")
	for _, c := range []struct {
		name  string
		fail  func() error
		class fault.Class
		text  string
	}{
		{"a permanent error", func() error { return fmt.Errorf("process: %w", permanent) }, fault.Permanent, "operator broken: process: row 7: it is bad; mend it"},
		{"a transient error", func() error { return fault.AsTransient(errors.New("no answer")) }, fault.Transient, "operator broken: no answer"},
		{"an error without a class", func() error { return errors.New("odd") }, fault.Unknown, "operator broken: odd"},
		{"a panic is permanent and shows where", func() error { panic("boom") }, fault.Permanent, "control_test.go"},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := &numbers{splits: 1, rows: 10, keys: 1}
			g := &graph.Graph{}
			from := g.Add(graph.Node{UID: "numbers", Source: &graph.Source{Source: src}})
			bad := g.Add(graph.Node{UID: "broken", Inputs: []graph.Edge{{From: from}},
				Operator: func() (operator.Operator, error) { return &broken{fail: c.fail}, nil }})
			g.Add(graph.Node{UID: "sink", Inputs: []graph.Edge{{From: bad}}, Sink: newCollected()})
			d := newDriver(t, backendtest.NewStore(t, nil), g, src.names())
			d.start(1)
			for len(d.failed) == 0 {
				d.next()
			}
			err := d.failed[0].Err
			if fault.ClassOf(err) != c.class || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), "operator broken: ") {
				t.Errorf("class %v, error %q; want class %v and %q", fault.ClassOf(err), err, c.class, c.text)
			}
		})
	}
}

// brokenSource is numbers whose readers fail.
type brokenSource struct{ numbers }

func (s *brokenSource) Reader(ctx context.Context, c connector.ReaderContext) (connector.Reader, error) {
	r, err := s.numbers.Reader(ctx, c)
	return &brokenReader{r}, err
}

type brokenReader struct{ connector.Reader }

func (*brokenReader) Next(context.Context, *batch.Batch) (connector.Progress, error) {
	return connector.Progress{}, errors.New("odd")
}

// standing is numbers whose readers stop to say anything, though they have a split.
type standing struct {
	numbers
	says func(connector.Progress) connector.Progress // in the place of what a reader says after the first batch
}

func (s *standing) Reader(ctx context.Context, c connector.ReaderContext) (connector.Reader, error) {
	r, err := s.numbers.Reader(ctx, c)
	return &standingReader{Reader: r, says: s.says}, err
}

type standingReader struct {
	connector.Reader
	says func(connector.Progress) connector.Progress
	last connector.Progress
}

func (r *standingReader) Next(ctx context.Context, into *batch.Batch) (connector.Progress, error) {
	if r.last.Split != "" {
		return r.says(r.last), nil
	}
	p, err := r.Reader.Next(ctx, into)
	r.last = p
	return p, err
}

func TestASourceWhoseReaderStandsStillFailsInsteadOfSpinning(t *testing.T) {
	for name, says := range map[string]func(connector.Progress) connector.Progress{
		"it says nothing":               func(connector.Progress) connector.Progress { return connector.Progress{} },
		"it repeats where it is":        func(last connector.Progress) connector.Progress { return last },
		"it only drops malformed input": func(connector.Progress) connector.Progress { return connector.Progress{Skipped: 1} },
	} {
		t.Run(name, func(t *testing.T) {
			src := &standing{numbers{splits: 1, rows: 1 << 20, keys: 10}, says}
			d := newDriver(t, backendtest.NewStore(t, nil), countGraph(src, newCollected()), src.names())
			d.start(1)
			for len(d.failed) == 0 {
				d.next()
			}
			if err := d.failed[0].Err; !strings.Contains(err.Error(), "operator numbers: the reader of 1 splits returned no row") {
				t.Error(err)
			}
		})
	}
}

func TestThoseWhoExchangeRowsWithASubtaskThatFailsFailAfterIt(t *testing.T) {
	rows := numbers{splits: 2, rows: 1 << 20, keys: 100}
	odd := func() (operator.Operator, error) {
		return &broken{fail: func() error { return errors.New("odd") }}, nil
	}
	counts := func() (operator.Operator, error) { return &count{}, nil }
	for _, c := range []struct {
		name   string
		source connector.Source
		keyed  func() (operator.Operator, error)
		fails  string // the task that fails first
		after  string // the one that fails after it
	}{
		{"its producers, which wait for room", &rows, odd, "count", "numbers"},
		{"its consumers, which wait for rows", &brokenSource{rows}, counts, "numbers", "count"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := countGraph(c.source, newCollected())
			g.Nodes[2].Operator = c.keyed
			d := newDriver(t, backendtest.NewStore(t, nil), g, rows.names())
			d.start(2)
			for failed := map[string]int{}; failed[c.after] < 2; {
				f, ok := d.next().(message.Failed)
				if !ok {
					continue
				}
				failed[f.Task]++
				if failed[c.fails] == 0 {
					t.Errorf("%v fails first, with %v", f.Subtask, f.Err)
				}
				if f.Task == c.after && f.Err.Class != fault.Transient {
					t.Errorf("%v fails with %v, class %v", f.Subtask, f.Err, f.Err.Class)
				}
			}
		})
	}
}

func TestASinkThatCannotPrepareFailsTheSubtask(t *testing.T) {
	src, sink := &numbers{splits: 1, rows: 10, keys: 1}, newCollected()
	sink.fail = func(int64) error { return fault.AsTransient(errors.New("the store is down")) }
	d := newDriver(t, backendtest.NewStore(t, nil), countGraph(src, sink), src.names())
	d.start(1)
	id := d.trigger(message.Continue)
	for len(d.failed) == 0 {
		d.next()
	}
	if err := d.failed[0].Err; fault.ClassOf(err) != fault.Transient || !strings.Contains(err.Error(), "operator sink: the store is down") {
		t.Errorf("it failed with %v", err)
	}
	if len(d.acks[id]) > 0 {
		t.Error("the checkpoint was acknowledged")
	}
}

func TestTheRateIsThatOfTheWholeJob(t *testing.T) {
	for splits, rows := range map[int]int{2: 500, 1: 1000} { // also if a subtask has nothing to read
		t.Run(fmt.Sprintf("%d splits for 2 subtasks", splits), func(t *testing.T) { testRate(t, splits, rows) })
	}
}

func testRate(t *testing.T, splits, rows int) {
	synctest.Test(t, func(t *testing.T) {
		src := &numbers{splits: splits, rows: rows, keys: 10, rate: 100}
		d := newDriver(t, backendtest.NewStore(t, nil), countGraph(src, newCollected()), src.names())
		begin := time.Now()
		d.start(2)
		d.checkpoint(message.Continue) // is not held up by the pace
		if took := time.Since(begin); took > time.Second {
			t.Errorf("a checkpoint took %v", took)
		}
		d.finish()
		if took := time.Since(begin); took < 9*time.Second || took > 11*time.Second {
			t.Errorf("1000 rows at 100 rows/s took %v", took)
		}
		d.checkCounts(src)
	})
}

func TestAPausedJobEmitsNothingUntilItIsResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, sink := &numbers{splits: 2, rows: 5000, keys: 10, rate: 1000, batchRows: func() int { return 20 }}, newCollected()
		d := newDriver(t, backendtest.NewStore(t, nil), countGraph(src, sink), src.names())
		d.start(2)
		d.await(sink, 8000)
		d.checkpoint(message.Pause)
		before := sink.seen
		<-time.After(time.Hour) // of the test's own clock
		d.checkpoint(message.Pause)
		if sink.seen != before || len(d.committed) != before {
			t.Errorf("%d rows were written before the pause, %d committed, %d written in it", before, len(d.committed), sink.seen-before)
		}
		d.all(message.Resume{})
		d.finish()
		d.checkCounts(src)
	})
}

func eventGraph(src connector.Source, sink connector.Sink, idle time.Duration) *graph.Graph {
	g := countGraph(src, sink)
	g.Nodes[0].Source.Event = &graph.EventTime{DelayMS: 10, Idle: idle}
	return g
}

func watermarks(d *driver, uid string) []int64 {
	var all []int64
	for _, m := range d.exec.Metrics() {
		if m.UID == uid {
			all = append(all, m.Watermark)
		}
	}
	return all
}

func TestDrainEndsEventTimeBeforeTheBarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, sink := &numbers{splits: 2, rows: 5000, keys: 10, rate: 1000, batchRows: func() int { return 20 }}, newCollected()
		d := newDriver(t, backendtest.NewStore(t, nil), eventGraph(src, sink, 0), src.names())
		d.start(2)
		d.await(sink, 8000)
		d.checkpoint(message.Drain)
		for i, ms := range watermarks(d, "count") {
			if ms != math.MaxInt64 {
				t.Errorf("subtask %d is at %d", i, ms)
			}
		}
		if len(d.committed) != sink.seen {
			t.Errorf("%d rows of %d were committed", len(d.committed), sink.seen)
		}
	})
}

// TestAnIdleSubtaskHoldsEventTimeBackForItsTimeoutOnly has one split for two subtasks of a source that never ends.
func TestAnIdleSubtaskHoldsEventTimeBackForItsTimeoutOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, sink := &numbers{splits: 1, rows: 100000, keys: 10, rate: 100, batchRows: func() int { return 20 }}, newCollected()
		d := newDriver(t, backendtest.NewStore(t, nil), eventGraph(src, sink, 10*time.Second), nil)
		d.start(2)
		d.command(0, message.Assign{Split: connector.Split{ID: "split-0"}, MaxTime: math.MinInt64})
		d.all(message.WatermarkBound{MaxTime: math.MaxInt64})
		<-time.After(9 * time.Second)
		synctest.Wait()
		for i, ms := range watermarks(d, "count") {
			if ms != math.MinInt64 {
				t.Errorf("subtask %d is at %d although the other source subtask may still get a split", i, ms)
			}
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		for i, ms := range watermarks(d, "count") {
			if ms == math.MinInt64 {
				t.Errorf("subtask %d is held back by an idle one", i)
			}
		}
		d.stop()
	})
}

func TestSplitsAreReportedWhileOthersWaitForThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, sink := &numbers{splits: 1, rows: 1000, keys: 10, rate: 100, batchRows: func() int { return 20 }}, newCollected()
		d := newDriver(t, backendtest.NewStore(t, nil), eventGraph(src, sink, 0), nil)
		d.start(1)
		d.command(0, message.WatermarkBound{MaxTime: 50})
		d.command(0, message.Assign{Split: connector.Split{ID: "split-0"}, MaxTime: math.MinInt64})
		last := int64(math.MinInt64)
		for last < 500 {
			if p, ok := d.next().(message.SplitProgress); ok {
				if p.Split != "split-0" || p.MaxTime <= last {
					t.Fatalf("progress %v after %d", p, last)
				}
				last = p.MaxTime
			}
		}
		if got := watermarks(d, "count")[0]; got != 40 {
			t.Errorf("the watermark is %d, want 40: the hold minus the delay", got)
		}
		d.stop()
	})
}

// discard is a sink that keeps nothing.
type discard struct{ *collected }

func (discard) Writer(ctx context.Context, w connector.WriterContext) (connector.Writer, error) {
	return discardWriter{}, nil
}

type discardWriter struct{}

func (discardWriter) Write(context.Context, *batch.Batch) error        { return nil }
func (discardWriter) Prepare(context.Context, int64) ([][]byte, error) { return nil, nil }
func (discardWriter) Close() error                                     { return nil }

func TestAllocationsDoNotGrowWithTheRows(t *testing.T) {
	for _, p := range []int{1, 2} {
		t.Run(fmt.Sprintf("parallelism %d", p), func(t *testing.T) {
			few, many := allocations(t, p, 500), allocations(t, p, 1500) // the first fill the queues
			if rows := 1000 * batch.TargetRows; many > few+uint64(rows)/1000 {
				t.Errorf("%d allocations for %d rows more", many-few, rows)
			}
		})
	}
}

// allocations of a run over a number of batches, from the start of its subtasks to the end of the input.
func allocations(t *testing.T, parallelism, batches int) uint64 {
	src := &repeated{batches: batches}
	d := newDriver(t, backendtest.NewStore(t, nil), countGraph(src, discard{newCollected()}), []string{"split"})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	d.start(parallelism)
	d.until(func() bool { return d.ended == parallelism })
	d.stop()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

// repeated is a source that hands out the same rows over and over, without an allocation.
type repeated struct {
	numbers
	batches int
}

func (r *repeated) Reader(context.Context, connector.ReaderContext) (connector.Reader, error) {
	rows := make([]row, batch.TargetRows)
	for i := range rows {
		rows[i].Key = fmt.Sprint("key", i)
	}
	return &repeatedReader{rows: rows, left: r.batches}, nil
}

type repeatedReader struct {
	rows []row
	left int
	id   string
}

func (r *repeatedReader) Add(s connector.Split, _ []byte) error {
	r.id = s.ID
	return nil
}

func (r *repeatedReader) Next(_ context.Context, into *batch.Batch) (connector.Progress, error) {
	rows := into.Data.(*batch.Rows[row])
	rows.V = append(rows.V, r.rows...)
	r.left--
	return connector.Progress{Split: r.id, Done: r.left == 0}, nil
}

func (r *repeatedReader) Close() error { return nil }
