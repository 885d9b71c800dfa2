package task_test

import (
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/internal/backend/backendtest"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/internal/task"
)

// alarm is an operator that waits for processing time, and tells of its calls. It emits a row for each.
type alarm struct {
	operator.Stateless
	told *alarms
	ctx  operator.Context
	next int64 // math.MaxInt64: it waits for nothing
	rows batch.Rows[row]
	out  batch.Batch
}

// alarms is what all subtasks of an alarm tell, and what they do.
type alarms struct {
	first int64 // when they want to be called first
	// after is when a call, or a row, wants the next one.
	after func(now int64) int64
	mu    sync.Mutex
	calls []int64
	rows  int
	ended int // how many calls there were when event time had ended
}

func (o *alarm) Open(ctx operator.Context) error {
	o.ctx, o.next = ctx, o.told.first
	return nil
}

func (o *alarm) Process(_ int, b *batch.Batch, out operator.Output) error {
	o.told.mu.Lock()
	o.told.rows += b.Len()
	o.told.mu.Unlock()
	o.next = min(o.next, o.told.after(o.ctx.ProcessingTime()))
	return out.Emit(b)
}

func (o *alarm) Watermark(ms int64, _ operator.Output) (int64, error) {
	if ms == math.MaxInt64 {
		o.told.mu.Lock()
		o.told.ended = len(o.told.calls)
		o.told.mu.Unlock()
	}
	return ms, nil
}

func (o *alarm) NextTimer() (int64, bool) { return o.next, o.next < math.MaxInt64 }

func (o *alarm) ProcessingTime(ms int64, out operator.Output) error {
	o.told.mu.Lock()
	o.told.calls = append(o.told.calls, ms)
	o.told.mu.Unlock()
	o.next = o.told.after(ms)
	o.rows.V = append(o.rows.V[:0], row{Key: "alarm", At: ms})
	o.out = batch.Batch{Data: &o.rows}
	return out.Emit(&o.out)
}

func (a *alarms) all() ([]int64, int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]int64(nil), a.calls...), a.rows
}

// alarmGraph is source -> alarm -> sink.
func alarmGraph(src connector.Source, a *alarms, sink connector.Sink) *graph.Graph {
	g := &graph.Graph{}
	from := g.Add(graph.Node{UID: "numbers", Name: "source", Source: &graph.Source{Source: src}})
	at := g.Add(graph.Node{UID: "alarm", Name: "alarm", Inputs: []graph.Edge{{From: from}},
		Operator: func() (operator.Operator, error) { return &alarm{told: a}, nil }})
	g.Add(graph.Node{UID: "sink", Name: "sink", Inputs: []graph.Edge{{From: at}}, Sink: sink})
	return g
}

// ticking is a clock on which a millisecond passes with each look at it, but for one step back.
type ticking struct {
	mu    sync.Mutex
	looks int64
}

func (c *ticking) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	if c.looks > 40 {
		return time.UnixMilli(c.looks - 20)
	}
	return time.UnixMilli(c.looks)
}

func (c *ticking) Timer(d time.Duration) (<-chan time.Time, func()) {
	return task.SystemClock{}.Timer(d)
}

// TestProcessingTimePassesBetweenTheBatchesOfABusySource and never goes back, nor after the end of the input.
func TestProcessingTimePassesBetweenTheBatchesOfABusySource(t *testing.T) {
	n := &numbers{splits: 2, rows: 20000, keys: 3}
	a := &alarms{first: math.MaxInt64, after: func(now int64) int64 { return now + 5 }}
	d := newDriver(t, backendtest.NewStore(t, nil), alarmGraph(n, a, newCollected()), n.names())
	d.cfg.Clock = &ticking{}
	d.start(1)
	d.finish()
	calls, _ := a.all()
	if len(calls) < 10 {
		t.Errorf("there were %d calls", len(calls))
	}
	if len(calls) != a.ended {
		t.Errorf("there were %d calls, %d of them after the end of the input", len(calls), len(calls)-a.ended)
	}
	for i, at := range calls {
		if i > 0 && at < calls[i-1]+5 {
			t.Errorf("there was a call at %d and the next at %d", calls[i-1], at)
		}
	}
	emitted := 0
	for _, r := range d.committed {
		if r.Key == "alarm" {
			emitted++
		}
	}
	if emitted != len(calls) {
		t.Errorf("%d rows of %d calls came out", emitted, len(calls))
	}
}

// TestAStormOfTimersHoldsUpNeitherRowsNorBarriers though one is always due.
func TestAStormOfTimersHoldsUpNeitherRowsNorBarriers(t *testing.T) {
	n := &numbers{splits: 2, rows: 3000, keys: 3}
	a := &alarms{after: func(int64) int64 { return 0 }}
	d := newDriver(t, backendtest.NewStore(t, nil), alarmGraph(n, a, newCollected()), n.names())
	d.start(1)
	d.checkpoint(message.Continue)
	d.finish()
	calls, rows := a.all()
	if rows != 6000 {
		t.Errorf("%d rows came, want 6000", rows)
	}
	if len(calls) != a.ended {
		t.Errorf("there were %d calls, %d of them after the end of the input", len(calls), len(calls)-a.ended)
	}
}

// TestAnIdleSubtaskWakesForItsTimers at their time, and not for the pause of its source before it.
func TestAnIdleSubtaskWakesForItsTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := enginetest.NewPartitions[row](1)
		begun := time.Now()
		a := &alarms{first: math.MaxInt64, after: func(now int64) int64 { return now + 90_000 }}
		g := alarmGraph(in, a, newCollected())
		d := newDriver(t, backendtest.NewStore(t, nil), g, nil)
		d.start(1)
		d.command(0, message.Assign{Split: connector.Split{ID: "a", Spec: []byte{0}}, MaxTime: math.MinInt64})
		d.all(message.WatermarkBound{MaxTime: math.MaxInt64})
		in.Append(0, row{Key: "k"})
		pass := func(d time.Duration, want int) {
			t.Helper()
			<-time.After(d) // of the test's own clock
			synctest.Wait()
			if calls, _ := a.all(); len(calls) != want {
				t.Errorf("%v after the beginning there were %d calls, want %d", time.Since(begun), len(calls), want)
			}
		}
		pass(89*time.Second, 0)
		pass(2*time.Second, 1)
		pass(88*time.Second, 1)
		pass(91*time.Second, 3)
		d.stop()
	})
}
