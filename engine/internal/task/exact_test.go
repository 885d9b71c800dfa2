package task_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/weirstream/weir/engine/internal/backend/backendtest"
	"github.com/weirstream/weir/engine/internal/message"
)

func TestCountsEqualThoseOfAPlainLoopAtEveryParallelism(t *testing.T) {
	for _, p := range []int{1, 2, 3, 7} {
		t.Run(fmt.Sprintf("parallelism %d", p), func(t *testing.T) {
			src := &numbers{splits: 9, rows: 3000, keys: 500}
			d := newDriver(t, backendtest.NewStore(t, nil), countGraph(src, newCollected()), src.names())
			d.start(p)
			d.finish()
			d.checkCounts(src)
		})
	}
}

// TestKillsAndRescalesLoseAndRepeatNothing runs a job in pieces: checkpoints at random moments, some of them aborted, kills
// at random moments, and another parallelism after each.
func TestKillsAndRescalesLoseAndRepeatNothing(t *testing.T) {
	killsAndRescales(t, func(*driver, *rand.Rand) {})
}

// TestEveryOperatorMayHaveAParallelismOfItsOwn is the same with each operator rescaled for itself.
func TestEveryOperatorMayHaveAParallelismOfItsOwn(t *testing.T) {
	killsAndRescales(t, func(d *driver, r *rand.Rand) {
		for i := range d.graph.Nodes {
			d.graph.Nodes[i].Parallelism = []int{0, 1, 2, 3, 4, 7}[r.IntN(6)]
		}
		d.cfg.Incremental = r.IntN(4) > 0
	})
}

func killsAndRescales(t *testing.T, rescale func(*driver, *rand.Rand)) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			r := newRandom(seed)
			var mu sync.Mutex
			sizes := rand.New(rand.NewPCG(seed, 3))
			src := &numbers{splits: 1 + r.IntN(12), rows: 1 + r.IntN(3000), keys: 1 + r.IntN(700), batchRows: func() int {
				mu.Lock()
				defer mu.Unlock()
				return 1 + sizes.IntN(400)
			}}
			sink := newCollected()
			d := newDriver(t, backendtest.NewStore(t, nil), countGraph(src, sink), src.names())
			for range r.IntN(6) {
				rescale(d, r)
				d.start([]int{1, 2, 3, 7}[r.IntN(4)])
				for range r.IntN(5) {
					d.await(sink, r.IntN(src.splits*src.rows))
					if r.IntN(4) == 0 {
						d.abort(d.trigger(message.Continue))
						continue
					}
					d.checkpoint(message.Continue)
				}
				d.trigger(message.Continue) // dies with the kill
				d.stop()
			}
			rescale(d, r)
			d.start([]int{1, 2, 3, 7}[r.IntN(4)])
			d.finish()
			d.checkCounts(src)
		})
	}
}

// await handles reports until the sink has seen some more rows, or the input has ended.
func (d *driver) await(sink *collected, more int) {
	d.t.Helper()
	sink.mu.Lock()
	target := sink.seen + more/8
	sink.mu.Unlock()
	d.until(func() bool {
		sink.mu.Lock()
		defer sink.mu.Unlock()
		return sink.seen >= target || d.ended == d.readers()
	})
}
