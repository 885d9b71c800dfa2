package task_test

import (
	"math"
	"sync/atomic"
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
	"github.com/weirstream/weir/engine/state"
)

var seenState = state.Descriptor{Name: "seen", Kind: state.Value, Key: []string{"key"}, Value: []string{"n"}, CellBytes: 8}.
	Expires(state.TTL{MS: 60_000, Processing: true})

// seen writes a cell for each key.
type seen struct {
	operator.Stateless
	ctx   operator.Context
	table *atomic.Pointer[state.Table]
	cells [batch.TargetRows][]byte
}

func (o *seen) Open(ctx operator.Context) error {
	t, err := ctx.Table(seenState)
	o.ctx = ctx
	o.table.Store(&t)
	return err
}

func (o *seen) Process(_ int, b *batch.Batch, out operator.Output) error {
	for from := 0; from < len(b.Hash); {
		end := (*o.table.Load()).Resolve(b, from, o.cells[:])
		for ; from < end; from++ {
			seenState.TTL.Use(o.cells[from], o.ctx.ProcessingTime())
		}
	}
	return out.Emit(b)
}

// TestAnIdleSubtaskTakesOutWhatHasExpired though no row comes any more.
func TestAnIdleSubtaskTakesOutWhatHasExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := enginetest.NewPartitions[row](1)
		var table atomic.Pointer[state.Table]
		g := &graph.Graph{}
		from := g.Add(graph.Node{UID: "numbers", Name: "source", Source: &graph.Source{Source: in}})
		keyed := g.Add(graph.Node{UID: "key", Name: "keyBy", Inputs: []graph.Edge{{From: from}},
			Operator: func() (operator.Operator, error) { return &keyBy{}, nil }})
		at := g.Add(graph.Node{UID: "seen", Name: "seen", Inputs: []graph.Edge{{From: keyed, Kind: graph.Keyed}},
			State: []state.Descriptor{seenState}, Fingerprint: "seen",
			Operator: func() (operator.Operator, error) { return &seen{table: &table}, nil }})
		g.Add(graph.Node{UID: "sink", Name: "sink", Inputs: []graph.Edge{{From: at}}, Sink: newCollected()})
		d := newDriver(t, backendtest.NewStore(t, nil), g, nil)
		d.start(1)
		d.command(0, message.Assign{Split: connector.Split{ID: "a", Spec: []byte{0}}, MaxTime: math.MinInt64})
		d.all(message.WatermarkBound{MaxTime: math.MaxInt64})
		pass := func(passed time.Duration, want int) {
			t.Helper()
			<-time.After(passed) // of the test's own clock
			synctest.Wait()
			if n := (*table.Load()).Len(); n != want {
				t.Errorf("there are %d cells, want %d", n, want)
			}
			d.all(message.WatermarkBound{MaxTime: math.MaxInt64}) // so that what was read happened before the subtask goes on
			synctest.Wait()
		}
		in.Append(0, row{Key: "a"}, row{Key: "b"}, row{Key: "c"})
		pass(30*time.Second, 3)
		in.Append(0, row{Key: "a"})
		pass(29*time.Second, 3)
		pass(16*time.Second, 1) // a quarter of the TTL after b and c have expired
		pass(30*time.Second, 0)
		d.stop()
	})
}
