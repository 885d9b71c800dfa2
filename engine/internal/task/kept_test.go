package task_test

import (
	"math"
	"slices"
	"testing"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/backend/backendtest"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/internal/operator"
)

// folding keeps all rows back until it is told to flush.
type folding struct {
	operator.Stateless
	kept batch.Rows[row]
}

func (o *folding) Process(_ int, b *batch.Batch, _ operator.Output) error {
	o.kept.V = append(o.kept.V, b.Data.(*batch.Rows[row]).V...)
	return nil
}

func (o *folding) Flush(out operator.Output) error {
	err := out.Emit(batch.Of(&o.kept))
	o.kept.V = o.kept.V[:0]
	return err
}

// behindSink puts an operator before the sink of a graph of the harness.
func behindSink(g *graph.Graph, f operator.Factory) *graph.Graph {
	sink := g.Nodes[len(g.Nodes)-1]
	g.Nodes = g.Nodes[:len(g.Nodes)-1]
	at := g.Add(graph.Node{UID: "extra", Name: "extra", Inputs: sink.Inputs, Operator: f})
	sink.Inputs = []graph.Edge{{From: at}}
	g.Add(sink)
	return g
}

// TestWhatAnOperatorKeepsBackGoesOutBeforeABarrier: no snapshot holds it, so after a failure it would be missing.
func TestWhatAnOperatorKeepsBackGoesOutBeforeABarrier(t *testing.T) {
	src, sink := &numbers{splits: 3, rows: 4000, keys: 50}, newCollected()
	g := behindSink(countGraph(src, sink), func() (operator.Operator, error) { return &folding{}, nil })
	d := newDriver(t, backendtest.NewStore(t, nil), g, src.names())
	for _, parallelism := range []int{2, 1} {
		d.start(parallelism)
		d.await(sink, 1000)
		d.checkpoint(message.Continue)
		d.stop()
	}
	d.start(2)
	d.finish()
	d.checkCounts(src)
}

// hesitant keys rows, and says that it may still emit some that are ten milliseconds behind event time, until that ends.
type hesitant struct{ keyBy }

func (*hesitant) Watermark(ms int64, _ operator.Output) (int64, error) {
	if ms == math.MaxInt64 {
		return ms, nil
	}
	return ms - 10, nil
}

// TestTheWatermarkThatAnOperatorForwardsHoldsBehindIt compares with TestTheEndOfASplitLetsTheWatermarkAdvance.
func TestTheWatermarkThatAnOperatorForwardsHoldsBehindIt(t *testing.T) {
	got, highest := watermarksOfOneSplit(t, func(g *graph.Graph) {
		for i := range g.Nodes {
			if g.Nodes[i].UID == "key" {
				g.Nodes[i].Operator = func() (operator.Operator, error) { return &hesitant{}, nil }
			}
		}
	})
	if want := []int64{highest - 20, math.MaxInt64}; !slices.Equal(got, want) {
		t.Errorf("the watermarks behind it are %v, want %v", got, want)
	}
}
