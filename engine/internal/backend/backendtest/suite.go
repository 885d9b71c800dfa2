// Package backendtest holds the conformance suite of state backends: a random history of operations, freezes and
// restores against a plain Go map, and what package backend promises besides.
package backendtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/state"
)

// Run checks a backend.
func Run(t *testing.T, factory backend.Factory) {
	t.Run("a random history equals that of a map, also when it is frozen and restored", func(t *testing.T) {
		both(t, func(t *testing.T, seed uint64, incremental bool) { history(t, factory, seed, incremental) })
	})
	t.Run("a random history of sorted maps equals that of a map in order, also when it is frozen and restored", func(t *testing.T) {
		both(t, func(t *testing.T, seed uint64, incremental bool) { sortedHistory(t, factory, seed, incremental) })
	})
	t.Run("a random history of timers equals that of a set in order, also when it is frozen and restored", func(t *testing.T) {
		both(t, func(t *testing.T, seed uint64, incremental bool) { timerHistory(t, factory, seed, incremental) })
	})
	t.Run("a random history of what expires equals that of a map, also when it is frozen and restored, with other TTLs or none", func(t *testing.T) {
		both(t, func(t *testing.T, seed uint64, incremental bool) { expiringHistory(t, factory, seed, incremental) })
	})
	t.Run("values of entries are converted when they are restored", func(t *testing.T) { values(t, factory) })
	t.Run("what has expired is not restored from an earlier run", func(t *testing.T) { rewritten(t, factory) })
	t.Run("what has expired goes in calls that take out a part", func(t *testing.T) { sweeping(t, factory) })
	t.Run("timers are restored from cells of windows, which they were once", func(t *testing.T) { timersOfCells(t, factory) })
	t.Run("cells of other values are converted when they are restored, and written whole in the next checkpoint", func(t *testing.T) {
		both(t, func(t *testing.T, seed uint64, incremental bool) { conversion(t, factory, seed, incremental) })
		unconverted(t, factory)
	})
	t.Run("what is frozen stays as it was, while the state is changed and another version is written", func(t *testing.T) { isolation(t, factory) })
	t.Run("a batch of new keys is resolved in prefixes whose cells stay valid", func(t *testing.T) { prefixes(t, factory) })
	t.Run("keys that are new in one batch have cells of their own", func(t *testing.T) { newTogether(t, factory) })
	t.Run("every key group keeps the watermark that it acted on, with and without cells", func(t *testing.T) { watermarks(t, factory) })
	t.Run("a restore refuses what does not belong to it", func(t *testing.T) { refusals(t, factory) })
	t.Run("empty state writes nothing", func(t *testing.T) {
		b := open(t, factory, scopeOf(0, 1))
		store := NewStore(t, nil)
		snap := store.write(scopeOf(0, 1), store.freeze(b))
		if files := snap.Metadata.Files(); len(files) > 0 {
			t.Errorf("it wrote %d files", len(files))
		}
	})
}

const groups = 16

var states = []state.Descriptor{
	{Name: "counts", Kind: state.Value, CellBytes: 8},
	{Name: "sums", Kind: state.WindowValue, CellBytes: 20},
}

func scopeOf(subtask, parallelism int) backend.Scope {
	first, end := state.GroupRange(subtask, parallelism, groups)
	return backend.Scope{UID: "op", Subtask: subtask, FirstGroup: first, EndGroup: end, MaxParallelism: groups, States: states}
}

func open(t testing.TB, factory backend.Factory, s backend.Scope) backend.Backend {
	t.Helper()
	b, err := factory(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func table(t testing.TB, b backend.Backend, name string) state.Table {
	t.Helper()
	tb, err := b.Table(name)
	if err != nil {
		t.Fatal(err)
	}
	return tb
}

// place is where a cell is.
type place struct {
	State  string
	Window int64
	Key    string
}

// model is the oracle: the number in each cell.
type model map[place]uint64

// content is what the backends hold between them.
func content(t testing.TB, backends ...backend.Backend) model {
	t.Helper()
	return contentOf(t, states, backends...)
}

// contentOf is what backends of these states hold between them.
func contentOf(t testing.TB, states []state.Descriptor, backends ...backend.Backend) model {
	t.Helper()
	m := model{}
	for _, b := range backends {
		for _, d := range states {
			tb := table(t, b, d.Name)
			windows := tb.Windows(nil)
			if !slices.IsSorted(windows) || len(slices.Compact(slices.Clone(windows))) != len(windows) {
				t.Fatalf("windows are not in ascending order, each once: %v", windows)
			}
			before := len(m)
			for _, w := range windows {
				tb.Range(w, func(hash uint64, key, cell []byte) bool {
					p := place{d.Name, w, string(key)}
					if _, twice := m[p]; twice || hash != xxh3.Hash(key) || len(cell) != d.CellBytes {
						t.Fatalf("%v is visited twice, or with hash %x or %d bytes", p, hash, len(cell))
					}
					m[p] = binary.LittleEndian.Uint64(cell)
					return true
				})
			}
			if len(m)-before != tb.Len() {
				t.Fatalf("state %s holds %d cells but says %d", d.Name, len(m)-before, tb.Len())
			}
		}
	}
	return m
}

func compare(t testing.TB, what string, got, want model) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// keyOf makes integers of eight bytes, or keys of many lengths, around what a backend may hold in special ways.
func keyOf(r *rand.Rand, integers bool) string {
	n := r.IntN(300)
	if integers {
		return string(binary.LittleEndian.AppendUint64(nil, uint64(n)-1))
	}
	lengths := []int{0, 1, 2, 3, 4, 7, 8, 9, 14, 15, 16, 17, 40, 300}
	k := fmt.Sprintf("%d-%s", n, strings.Repeat("k", 300))
	return k[:lengths[n%len(lengths)]] + string(rune('a'+n%7))
}

// run is a history under way.
type run struct {
	t *testing.T
	checkpoints
	backends []backend.Backend // one for each subtask
	want     model
	integers bool // the keys
}

func history(t *testing.T, factory backend.Factory, seed uint64, incremental bool) {
	h := &run{t: t, want: model{}, checkpoints: checkpoints{
		t: t, r: rand.New(rand.NewPCG(seed, 1)), store: NewStore(t, nil), factory: factory, scope: scopeOf, incremental: incremental}}
	h.backends = []backend.Backend{open(t, factory, h.scopeOf(0, 1))}
	turn := h.r.IntN(400) // most histories begin with integer keys, some keep to them
	for i := range 300 {
		h.integers = i < turn || h.r.IntN(2) == 0
		switch n := h.r.IntN(100); {
		case n < 60:
			h.update()
		case n < 72:
			h.remove()
		case n < 76:
			h.dropWindow()
		case n < 84:
			h.lookup()
		case n < 86:
			h.abort(h.backends)
		case n < 88:
			h.lose(h.backends, h.disturb)
		case n < 97:
			h.complete()
		default:
			h.goBack()
		}
	}
	compare(t, "at the end", content(t, h.backends...), h.want)
	h.goBack()
	compare(t, "after a last restore", content(t, h.backends...), h.want)
}

func (h *run) window(d state.Descriptor) int64 {
	if d.Kind == state.Value {
		return 0
	}
	return int64(h.r.IntN(7)-3) * 1000
}

func (h *run) owner(hash uint64) backend.Backend {
	return h.backends[state.Owner(state.KeyGroup(hash, groups), len(h.backends), groups)]
}

// update adds to the cells of a batch of keys.
func (h *run) update() {
	d := states[h.r.IntN(len(states))]
	byOwner := map[backend.Backend][]place{}
	for range 1 + h.r.IntN(60) {
		p := place{d.Name, h.window(d), keyOf(h.r, h.integers)}
		b := h.owner(xxh3.HashString(p.Key))
		byOwner[b] = append(byOwner[b], p)
	}
	for b, places := range byOwner {
		Add(h.t, table(h.t, b, d.Name), places, h.want)
	}
}

// Add resolves the cells of places and adds one to each, in the table and in the oracle.
func Add(t testing.TB, tb state.Table, places []place, want model) {
	t.Helper()
	rows, cells := batch.Batch{}, make([][]byte, len(places))
	for _, p := range places {
		rows.Hash = append(rows.Hash, xxh3.HashString(p.Key))
		rows.Window = append(rows.Window, p.Window)
		rows.Keys.AppendString(p.Key)
	}
	for from := 0; from < len(places); {
		end := tb.Resolve(&rows, from, cells)
		if end <= from || end > len(places) {
			t.Fatalf("Resolve of %d rows from %d returned %d", len(places), from, end)
		}
		for i := from; i < end; i++ {
			n := binary.LittleEndian.Uint64(cells[i]) + 1
			binary.LittleEndian.PutUint64(cells[i], n)
			want[places[i]]++
			if n != want[places[i]] {
				t.Fatalf("%v is %d, want %d", places[i], n, want[places[i]])
			}
		}
		from = end
	}
}

func (h *run) remove() {
	d := states[h.r.IntN(len(states))]
	for range h.r.IntN(40) {
		p := place{d.Name, h.window(d), keyOf(h.r, h.integers)}
		hash := xxh3.HashString(p.Key)
		table(h.t, h.owner(hash), d.Name).Delete(hash, p.Window, []byte(p.Key))
		delete(h.want, p)
	}
}

func (h *run) dropWindow() {
	d := states[h.r.IntN(len(states))]
	w := h.window(d)
	for _, b := range h.backends {
		table(h.t, b, d.Name).DropWindow(w)
	}
	maps.DeleteFunc(h.want, func(p place, _ uint64) bool { return p.State == d.Name && p.Window == w })
}

func (h *run) lookup() {
	d := states[h.r.IntN(len(states))]
	p := place{d.Name, h.window(d), keyOf(h.r, h.integers)}
	hash := xxh3.HashString(p.Key)
	cell := table(h.t, h.owner(hash), d.Name).Lookup(hash, p.Window, []byte(p.Key))
	n, there := h.want[p]
	if there != (cell != nil) || there && binary.LittleEndian.Uint64(cell) != n {
		h.t.Fatalf("Lookup of %v returned %v, want %d (%v)", p, cell, n, there)
	}
}

// disturb changes the state while it is written.
func (h *run) disturb() {
	for range 1 + h.r.IntN(3) {
		h.update()
		h.remove()
		h.dropWindow()
	}
}

// complete takes a checkpoint, and looks at what it holds; the history goes on.
func (h *run) complete() {
	frozen := maps.Clone(h.want)
	snap := h.take(h.backends, h.disturb)
	p := h.otherParallelism(len(h.backends))
	compare(h.t, fmt.Sprintf("checkpoint %d at parallelism %d", snap.Metadata.ID, p), content(h.t, h.restore(snap, p)...), frozen)
}

// goBack takes a checkpoint, lets the state change while it is written, and goes back to it, at another parallelism or not.
func (h *run) goBack() {
	frozen := maps.Clone(h.want)
	snap := h.take(h.backends, h.disturb)
	h.want = frozen
	h.backends = h.restore(snap, h.otherParallelism(len(h.backends)))
	compare(h.t, fmt.Sprintf("restored at parallelism %d", len(h.backends)), content(h.t, h.backends...), h.want)
}

func isolation(t *testing.T, factory backend.Factory) {
	store, scope := NewStore(t, nil), scopeOf(0, 1)
	b := open(t, factory, scope)
	r := rand.New(rand.NewPCG(3, 3))
	want := model{}
	var versions []backend.Frozen
	var images []model
	for range 4 {
		for i := range 20 {
			d := states[r.IntN(2)]
			p := place{d.Name, int64(d.Kind-state.Value) * 1000, keyOf(r, i%2 == 0)}
			Add(t, table(t, b, d.Name), []place{p}, want)
		}
		versions, images = append(versions, store.freeze(b)), append(images, maps.Clone(want))
	}
	table(t, b, "sums").DropWindow(1000)
	for _, i := range []int{2, 0, 3, 1} {
		snap := store.write(scope, versions[i])
		restored := open(t, factory, scope)
		if err := restored.Restore(t.Context(), snap.Metadata.Operator("op").Subtasks, snap); err != nil {
			t.Fatal(err)
		}
		compare(t, fmt.Sprintf("version %d", i), content(t, restored), images[i])
	}
}

func prefixes(t *testing.T, factory backend.Factory) {
	b, want := open(t, factory, scopeOf(0, 1)), model{}
	var places []place
	for i := range 5000 {
		places = append(places, place{"counts", 0, fmt.Sprintf("key-%d", i/2)})
	}
	Add(t, table(t, b, "counts"), places, want)
	b.Freeze(1, 0).Release()
	held := b.Freeze(2, 0)
	Add(t, table(t, b, "counts"), places, want)
	held.Release()
	compare(t, "after a freeze", content(t, b), want)
}

// newTogether resolves in one batch, for the first time, an integer and keys that begin with the bytes of zero or of -1: words that an
// implementation may give a meaning. Keys of other lengths are there already.
func newTogether(t *testing.T, factory backend.Factory) {
	integer := func(n int) string { return string(binary.LittleEndian.AppendUint64(nil, uint64(n))) }
	scope := backend.Scope{UID: "op", EndGroup: 1, MaxParallelism: 1, States: states} // all meet in one key group
	for n := 1; n < 400; n++ {
		b, want := open(t, factory, scope), model{}
		at := func(keys ...string) {
			var places []place
			for _, k := range keys {
				places = append(places, place{"counts", 0, k})
			}
			Add(t, table(t, b, "counts"), places, want)
		}
		at("other", "more than fifteen bytes")
		at("one", integer(n), integer(0), integer(-1), integer(n)+"abc", integer(0)+"abc", integer(-1)+"abc")
		compare(t, fmt.Sprintf("with the integer %d", n), content(t, b), want)
	}
}

func watermarks(t *testing.T, factory backend.Factory) {
	store := NewStore(t, nil)
	var parts []backend.Frozen
	for i, acted := range []int64{100, 200} {
		b := open(t, factory, scopeOf(i, 2))
		b.AdvanceWatermark(acted)
		b.AdvanceWatermark(acted - 50) // it does not go back
		parts = append(parts, store.freeze(b))
	}
	snap := store.write(scopeOf(0, 1), parts...)
	b := open(t, factory, scopeOf(0, 1))
	hashes := []uint64{0, math.MaxUint64}
	for _, h := range hashes {
		if got := b.RestoredWatermark(h); got != snapshot.NoTime {
			t.Errorf("new state has acted on %d", got)
		}
	}
	if err := b.Restore(t.Context(), snap.Metadata.Operator("op").Subtasks, snap); err != nil {
		t.Fatal(err)
	}
	check := func(b backend.Backend, want ...int64) {
		t.Helper()
		for i, h := range hashes {
			if got := b.RestoredWatermark(h); got != want[i] {
				t.Errorf("hash %x: restored watermark %d, want %d", h, got, want[i])
			}
		}
		if got := b.MaxRestoredWatermark(); got != slices.Max(want) {
			t.Errorf("the highest restored watermark is %d, want %d", got, slices.Max(want))
		}
	}
	check(b, 100, 200)
	b.AdvanceWatermark(150)
	snap = store.write(scopeOf(0, 1), store.freeze(b))
	again := open(t, factory, scopeOf(0, 1))
	if err := again.Restore(t.Context(), snap.Metadata.Operator("op").Subtasks, snap); err != nil {
		t.Fatal(err)
	}
	check(again, 150, 200)
}

func refusals(t *testing.T, factory backend.Factory) {
	store := NewStore(t, nil)
	b := open(t, factory, scopeOf(0, 1))
	Add(t, table(t, b, "counts"), []place{{"counts", 0, "a"}, {"counts", 0, "b"}}, model{})
	snap := store.write(scopeOf(0, 1), store.freeze(b))
	subtasks := snap.Metadata.Operator("op").Subtasks

	wider := scopeOf(0, 1)
	wider.States = []state.Descriptor{{Name: "counts", Kind: state.Value, CellBytes: 16}}
	if err := open(t, factory, wider).Restore(t.Context(), subtasks, snap); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("cells of another width: %v, want a permanent error", err)
	}
	other := scopeOf(0, 1)
	other.States = states[1:]
	if err := open(t, factory, other).Restore(t.Context(), subtasks, snap); fault.ClassOf(err) != fault.Permanent {
		t.Errorf("a state that is not declared: %v, want a permanent error", err)
	}
	moved := slices.Clone(subtasks)
	moved[0].Files = slices.Clone(moved[0].Files)
	moved[0].Files[0].Blocks = slices.Clone(moved[0].Files[0].Blocks)
	block := &moved[0].Files[0].Blocks[0]
	block.Group = (block.Group + 1) % groups
	var corrupt *snapshot.CorruptError
	if err := open(t, factory, scopeOf(0, 1)).Restore(t.Context(), moved, snap); !errors.As(err, &corrupt) {
		t.Errorf("keys of another key group: %v, want a *snapshot.CorruptError", err)
	}
	if _, err := b.Table("unknown"); err == nil {
		t.Error("a table that is not declared was returned")
	}

	// An entry of a sorted map in a block of another key group.
	maps := scopeOf(0, 1)
	maps.States = sortedStates
	with := open(t, factory, maps)
	entries, err := with.Sorted("entries")
	if err != nil {
		t.Fatal(err)
	}
	entries.Put(xxh3.HashString("a"), []byte("a"), []byte("name"), []byte("value"))
	if _, err := with.Table("entries"); err == nil {
		t.Error("a sorted map was returned as a table of cells")
	}
	snap = NewStore(t, nil).write(maps, with.Freeze(1, 0))
	moved = slices.Clone(snap.Metadata.Operator("op").Subtasks)
	block = &moved[0].Files[0].Blocks[0]
	block.Group = (block.Group + 1) % groups
	if err := open(t, factory, maps).Restore(t.Context(), moved, snap); !errors.As(err, &corrupt) {
		t.Errorf("an entry of another key group: %v, want a *snapshot.CorruptError", err)
	}
}
