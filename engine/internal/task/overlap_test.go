package task_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/backend/backendtest"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/storage"
)

// slow is a bucket in which objects are begun only when the test lets them.
type slow struct {
	storage.Bucket
	hold  chan struct{}
	begun *atomic.Int64
}

func (s *slow) Writer(ctx context.Context, key string) (storage.Writer, error) {
	s.begun.Add(1)
	select {
	case <-s.hold:
		return s.Bucket.Writer(ctx, key)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestAtMostTwoCheckpointsAreWrittenAtATimeAndAnAbortEndsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold, begun := make(chan struct{}), &atomic.Int64{}
		store := backendtest.NewStore(t, func(b storage.Bucket) storage.Bucket { return &slow{b, hold, begun} })
		src := &numbers{splits: 1, rows: 3000, keys: 10}
		d := newDriver(t, store, countGraph(src, newCollected()), src.names())
		d.start(1)
		d.until(func() bool { return d.ended == 1 })
		first, second, third := d.trigger(message.Continue), d.trigger(message.Continue), d.trigger(message.Continue)
		synctest.Wait()
		if begun.Load() != 2 {
			t.Errorf("%d checkpoints are being written, want 2", begun.Load())
		}
		d.abort(first)
		synctest.Wait()
		if begun.Load() != 3 {
			t.Errorf("%d checkpoints were begun after one was aborted, want 3", begun.Load())
		}
		close(hold)
		d.until(func() bool { return len(d.acks[second]) == 1 && len(d.acks[third]) == 1 })
		if len(d.acks[first]) > 0 || d.declined[first].Checkpoint == first {
			t.Error("the aborted checkpoint was acknowledged or declined")
		}
		d.complete(third)
		d.stop()
	})
}

// both hands on what it gets from its inputs.
type both struct{ operator.Stateless }

func (both) Process(_ int, b *batch.Batch, out operator.Output) error { return out.Emit(b) }

// TestRowsThatPartAndMeetAgainAreExact sends every row on two ways that meet in a union, through a checkpoint and a
// rescale.
func TestRowsThatPartAndMeetAgainAreExact(t *testing.T) {
	src, sink := &numbers{splits: 5, rows: 4000, keys: 50}, newCollected()
	pass := func() (operator.Operator, error) { return both{}, nil }
	g := countGraph(src, sink)
	tail := g.Nodes[1:]
	g.Nodes = g.Nodes[:1:1]
	g.Add(graph.Node{UID: "left", Inputs: []graph.Edge{{From: 0}}, Operator: pass})
	g.Add(graph.Node{UID: "right", Inputs: []graph.Edge{{From: 0}}, Operator: pass})
	g.Add(graph.Node{UID: "union", Inputs: []graph.Edge{{From: 1}, {From: 2}}, Operator: pass})
	for i, n := range tail {
		n.Inputs = []graph.Edge{{From: 3 + i, Kind: n.Inputs[0].Kind}}
		g.Add(n)
	}
	d := newDriver(t, backendtest.NewStore(t, nil), g, src.names())
	for _, p := range []int{2, 1, 3} {
		d.start(p)
		d.await(sink, 40000)
		d.checkpoint(message.Continue)
		d.trigger(message.Continue)
		d.stop()
	}
	d.start(2)
	d.finish()
	want := map[row]int{}
	seen := map[string]int64{}
	for _, split := range src.names() {
		for i := range src.rows {
			key := src.row(split, i).Key
			for range 2 {
				seen[key]++
				want[row{Key: key, At: seen[key]}]++
			}
		}
	}
	for _, r := range d.committed {
		want[row{Key: r.Key, At: r.At}]--
	}
	for r, n := range want {
		if n != 0 {
			t.Fatalf("%s was committed %d times too few", fmt.Sprint(r), n)
		}
	}
}
