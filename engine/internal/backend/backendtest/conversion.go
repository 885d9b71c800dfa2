package backendtest

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/state"
)

// tail is the last byte of a cell of 28 bytes: how often it was converted.
const tail = 27

// converted are the states of the suite with wider cells, and how those become them.
func converted(conversions bool) func(subtask, parallelism int) backend.Scope {
	return func(subtask, parallelism int) backend.Scope {
		s := scopeOf(subtask, parallelism)
		s.States = []state.Descriptor{states[0], states[1]}
		s.States[1].CellBytes = 28
		if conversions {
			s.Conversions = map[string]state.Conversion{"sums": {CellBytes: states[1].CellBytes, Convert: func(cell, earlier []byte) {
				copy(cell, earlier[:8])
				cell[tail]++
			}}}
		}
		return s
	}
}

// conversion restores what a history has come to with wider cells in one of the states, lets it go on, and restores that.
func conversion(t *testing.T, factory backend.Factory, seed uint64, incremental bool) {
	h := &run{t: t, want: model{}, checkpoints: checkpoints{
		t: t, r: rand.New(rand.NewPCG(seed, 2)), store: NewStore(t, nil), factory: factory, scope: scopeOf, incremental: incremental}}
	h.backends = []backend.Backend{open(t, factory, h.scopeOf(0, 1))}
	changes := func(n int) {
		for range n {
			h.integers = h.r.IntN(2) == 0
			h.update()
			h.remove()
			h.dropWindow()
		}
	}
	for range 5 {
		changes(5)
		snap := h.take(h.backends, h.disturb) // several runs, if it is incremental
		if h.r.IntN(2) == 0 {
			continue
		}
		h.want = content(t, h.restore(snap, 1)...)
		h.backends = h.restore(snap, h.otherParallelism(len(h.backends)))
	}
	frozen := maps.Clone(h.want)
	snap := h.take(h.backends, func() {})
	h.scope = converted(true)
	h.backends = h.restore(snap, h.otherParallelism(len(h.backends)))
	now := h.scope(0, 1).States
	compare(t, "converted", contentOf(t, now, h.backends...), frozen)
	once := map[place]bool{}
	tails(t, h.backends, func(p place, n byte) {
		if n != 1 {
			t.Fatalf("%v was converted %d times, or upon another cell", p, n)
		}
		once[p] = true
	})

	changes(2)
	h.scope = converted(false)
	want := maps.Clone(h.want)
	snap = h.take(h.backends, func() {})
	h.backends = h.restore(snap, h.otherParallelism(len(h.backends)))
	compare(t, "restored after that", contentOf(t, now, h.backends...), want)
	tails(t, h.backends, func(p place, n byte) {
		if n > 1 || n == 1 && !once[p] {
			t.Fatalf("%v was converted %d times, once %v", p, n, once[p])
		}
	})
}

// tails visits the last byte of each cell of the wider state.
func tails(t *testing.T, backends []backend.Backend, visit func(place, byte)) {
	t.Helper()
	for _, b := range backends {
		tb := table(t, b, "sums")
		for _, w := range tb.Windows(nil) {
			tb.Range(w, func(_ uint64, key, cell []byte) bool {
				visit(place{"sums", w, string(key)}, cell[tail])
				return true
			})
		}
	}
}

// unconverted restores cells of another width without saying how they are to be read.
func unconverted(t *testing.T, factory backend.Factory) {
	store, scope := NewStore(t, nil), scopeOf(0, 1)
	b := open(t, factory, scope)
	Add(t, table(t, b, "sums"), []place{{"sums", 1000, "k"}}, model{})
	snap := store.write(scope, store.freeze(b))
	restored := open(t, factory, converted(false)(0, 1))
	if err := restored.Restore(t.Context(), snap.Metadata.Operator("op").Subtasks, snap); err == nil {
		key := []byte("k")
		t.Errorf("cells of %d bytes are taken for cells of 28: %v", states[1].CellBytes,
			binary.LittleEndian.Uint64(table(t, restored, "sums").Lookup(xxh3.Hash(key), 1000, key)))
	}
}
