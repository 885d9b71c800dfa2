package task_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/backend/backendtest"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/internal/operator"
)

// firing is a count that calls a row late when event time had passed it before the restore, as windows that have fired do,
// and that notes the watermarks it is given.
type firing struct {
	count
	ctx   operator.Context
	notes *notes
}

type notes struct {
	mu         sync.Mutex
	watermarks []int64
}

func (o *firing) Open(ctx operator.Context) error {
	o.ctx = ctx
	return o.count.Open(ctx)
}

func (o *firing) Process(input int, b *batch.Batch, out operator.Output) error {
	for i, hash := range b.Hash {
		if b.Time[i] <= o.ctx.RestoredWatermark(hash) {
			o.ctx.Late(1)
		}
	}
	return o.count.Process(input, b, out)
}

func (o *firing) Watermark(ms int64, _ operator.Output) (int64, error) {
	o.notes.mu.Lock()
	defer o.notes.mu.Unlock()
	o.notes.watermarks = append(o.notes.watermarks, ms)
	return ms, nil
}

// firingGraph is eventGraph with firing as its operator with state.
func firingGraph(src connector.Source, sink connector.Sink, n *notes) *graph.Graph {
	g := eventGraph(src, sink, 0)
	for i := range g.Nodes {
		if g.Nodes[i].UID == "count" {
			g.Nodes[i].Operator = func() (operator.Operator, error) { return &firing{notes: n}, nil }
		}
	}
	return g
}

// TestWhatHasFiredIsRestoredWithTheKeyGroups restores, at several parallelisms, a job whose event time has come far with one
// split, and reads another split from its beginning.
func TestWhatHasFiredIsRestoredWithTheKeyGroups(t *testing.T) {
	for _, parallelism := range []int{1, 2, 3} {
		t.Run(fmt.Sprint(parallelism), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src, sink := &numbers{splits: 2, rows: 1000, keys: 50, rate: 1000, batchRows: func() int { return 20 }}, newCollected()
				d := newDriver(t, backendtest.NewStore(t, nil), firingGraph(src, sink, &notes{}), src.names())
				d.start(1)
				d.all(message.WatermarkBound{MaxTime: math.MaxInt64}) // as if the second split were found only after the restore
				d.await(sink, 8*500)
				d.checkpoint(message.Pause)
				fired := watermarks(d, "count")[0]
				d.stop()
				if fired < 400 {
					t.Fatalf("the watermark is %d after 500 rows", fired)
				}
				d.start(parallelism)
				d.finish()
				want, late := 0, int64(0)
				for i := range src.rows {
					if src.row("split-1", i).Time <= fired {
						want++
					}
				}
				for _, m := range d.exec.Metrics() {
					late += m.Late
				}
				if late != int64(want) {
					t.Errorf("%d rows were late, want %d: those that event time had passed at %d", late, want, fired)
				}
			})
		})
	}
}

// watermarksOfOneSplit returns the watermarks that count is given when one split is read to its end, and the highest event
// time of its rows. That no other split follows is said before the split is assigned, and no time passes for the clock's
// watermarks: one comes with the end of the split, one with the end of event time.
func watermarksOfOneSplit(t *testing.T, change func(*graph.Graph)) (watermarks []int64, highest int64) {
	t.Helper()
	src, n := &numbers{splits: 1, rows: 100, keys: 10}, &notes{}
	synctest.Test(t, func(t *testing.T) {
		g := firingGraph(src, newCollected(), n)
		change(g)
		d := newDriver(t, backendtest.NewStore(t, nil), g, nil)
		d.start(1)
		d.all(message.WatermarkBound{MaxTime: math.MaxInt64})
		d.all(message.Assign{Split: connector.Split{ID: "split-0"}, MaxTime: math.MinInt64})
		d.all(message.NoMoreSplits{})
		d.until(func() bool { return d.ended == 1 })
		d.stop()
	})
	highest = math.MinInt64
	for i := range src.rows {
		highest = max(highest, src.row("split-0", i).Time)
	}
	return n.watermarks, highest
}

// TestTheEndOfASplitLetsTheWatermarkAdvance has a split that ends before a watermark is due, and nothing to wait for after it.
func TestTheEndOfASplitLetsTheWatermarkAdvance(t *testing.T) {
	got, highest := watermarksOfOneSplit(t, func(*graph.Graph) {})
	if want := []int64{highest - 10, math.MaxInt64}; !slices.Equal(got, want) {
		t.Errorf("the watermarks are %v, want %v", got, want)
	}
}

// TestASubtaskIsNotIdleWhileSplitsWait has a split that waits for the only reader that is busy.
func TestASubtaskIsNotIdleWhileSplitsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, sink := &numbers{splits: 1, rows: 100000, keys: 10, rate: 10, batchRows: func() int { return 1 }}, newCollected()
		d := newDriver(t, backendtest.NewStore(t, nil), eventGraph(src, sink, 10*time.Second), nil)
		d.start(2)
		d.command(0, message.Assign{Split: connector.Split{ID: "split-0"}, MaxTime: math.MinInt64})
		d.all(message.WatermarkBound{MaxTime: 50})
		<-time.After(time.Hour) // of the test's own clock
		synctest.Wait()
		for i, ms := range watermarks(d, "count") {
			if ms != math.MinInt64 {
				t.Errorf("subtask %d is at %d: the source subtask without a split counts as idle", i, ms)
			}
		}
		d.stop()
	})
}

// TestEventTimeFarInTheFutureIsSaidOnce has rows of the year 9999.
func TestEventTimeFarInTheFutureIsSaidOnce(t *testing.T) {
	for _, c := range []struct {
		name  string
		shift int64
		want  int
	}{{"in the past", 0, 0}, {"in the year 9999", 253402300000000, 1}} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			src := &shifted{numbers{splits: 1, rows: 5000, keys: 10}, c.shift}
			d := newDriver(t, backendtest.NewStore(t, nil), eventGraph(src, newCollected(), 0), src.names())
			d.cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
			d.start(1)
			d.finish()
			if n := strings.Count(log.String(), "in the future"); n != c.want {
				t.Errorf("said %d times, want %d:\n%s", n, c.want, &log)
			}
			if c.want > 0 && (!strings.Contains(log.String(), "split-0") || !strings.Contains(log.String(), "on-null")) {
				t.Errorf("neither split nor remedy is in %s", &log)
			}
		})
	}
}

// shifted is numbers at another time.
type shifted struct {
	numbers
	by int64
}

func (s *shifted) Reader(ctx context.Context, c connector.ReaderContext) (connector.Reader, error) {
	return &shiftedReader{numbersReader{source: &s.numbers, rows: c.BatchRows}, s.by}, nil
}

type shiftedReader struct {
	numbersReader
	by int64
}

func (r *shiftedReader) Next(ctx context.Context, into *batch.Batch) (connector.Progress, error) {
	p, err := r.numbersReader.Next(ctx, into)
	for i := range into.Time {
		into.Time[i] += r.by
	}
	return p, err
}
