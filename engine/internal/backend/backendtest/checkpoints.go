package backendtest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/snapshot"
)

// checkpoints are those of a history, one at a time, as a coordinator takes them: each becomes complete, fails or is aborted
// before the next, and what is complete is swept.
type checkpoints struct {
	t       *testing.T
	r       *rand.Rand
	store   *Store
	factory backend.Factory
	scope   func(subtask, parallelism int) backend.Scope
	// incremental: what is written are runs.
	incremental bool
}

func (c *checkpoints) scopeOf(subtask, parallelism int) backend.Scope {
	s := c.scope(subtask, parallelism)
	s.Incremental = c.incremental
	return s
}

// take takes a checkpoint of backends, while meanwhile changes them, and returns it, complete.
func (c *checkpoints) take(backends []backend.Backend, meanwhile func()) *snapshot.Snapshot {
	c.t.Helper()
	id, written := c.write(backends, meanwhile)
	return c.store.publish(id, c.scope(0, 1), written)
}

// lose takes one that is written and does not become complete.
func (c *checkpoints) lose(backends []backend.Backend, meanwhile func()) {
	c.t.Helper()
	c.write(backends, meanwhile)
}

// abort takes one that is given up before it is written.
func (c *checkpoints) abort(backends []backend.Backend) {
	id := c.store.id()
	for _, b := range backends {
		b.Freeze(id, c.store.done).Release()
	}
}

func (c *checkpoints) write(backends []backend.Backend, meanwhile func()) (int64, snapshot.OperatorState) {
	c.t.Helper()
	id := c.store.id()
	var parts []backend.Frozen
	for _, b := range backends {
		parts = append(parts, b.Freeze(id, c.store.done))
	}
	var written snapshot.OperatorState
	failed := make(chan error)
	go func() {
		var err error
		written, err = c.store.writeParts(id, c.scope(0, 1), parts)
		failed <- err
	}()
	meanwhile()
	if err := <-failed; err != nil {
		c.t.Fatal(err)
	}
	return id, written
}

// restore returns backends with what a checkpoint holds, at some parallelism. Those that have the key groups of a subtask that has
// written it go on from its runs, or not.
func (c *checkpoints) restore(snap *snapshot.Snapshot, parallelism int) []backend.Backend {
	c.t.Helper()
	o := snap.Metadata.Operator("op")
	goOn := parallelism == o.Parallelism && c.r.IntN(4) > 0
	if c.r.IntN(3) == 0 {
		snap, goOn = c.savepoint(snap), false
		o = snap.Metadata.Operator("op")
	}
	var backends []backend.Backend
	for i := range parallelism {
		b := open(c.t, c.factory, c.scopeOf(i, parallelism))
		if err := b.Restore(c.t.Context(), o.Subtasks, snap); err != nil {
			c.t.Fatal(err)
		}
		if goOn {
			b.Continue(o.Subtasks[i])
		}
		backends = append(backends, b)
	}
	return backends
}

// savepoint makes one of a checkpoint: whole, whatever runs that lies in.
func (c *checkpoints) savepoint(of *snapshot.Snapshot) *snapshot.Snapshot {
	c.t.Helper()
	s, err := snapshot.Export(c.t.Context(), of, c.store.bucket, fmt.Sprintf("of-%d", of.Metadata.ID), backend.WriteWhole, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, f := range s.Metadata.Files() {
		if f.RunKey() != "" {
			c.t.Fatalf("a savepoint names the run %s", f.Path)
		}
	}
	return s
}

// otherParallelism returns one to restore with: most often the same.
func (c *checkpoints) otherParallelism(now int) int {
	return []int{now, now, 1, 2, 3, 7}[c.r.IntN(6)]
}

// both runs a history with and without runs, for several seeds.
func both(t *testing.T, history func(t *testing.T, seed uint64, incremental bool)) {
	for seed := range uint64(12) {
		for _, incremental := range []bool{false, true} {
			t.Run(fmt.Sprintf("seed %d, incremental %v", seed, incremental), func(t *testing.T) { history(t, seed, incremental) })
		}
	}
}
