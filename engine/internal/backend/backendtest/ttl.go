package backendtest

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/state"
)

// The states of histories of what expires: cells and entries, by both clocks, and of each one that has no TTL, beside which they lie.
var expiringStates = []state.Descriptor{
	{Name: "cells", Kind: state.Value, CellBytes: 8},
	state.Descriptor{Name: "cells of processing time", Kind: state.Value, CellBytes: 8}.Expires(state.TTL{MS: 1000, Processing: true}),
	state.Descriptor{Name: "cells of event time", Kind: state.Value, CellBytes: 8}.Expires(state.TTL{MS: 5000, OnRead: true}),
	{Name: "entries", Kind: state.SortedMap},
	state.Descriptor{Name: "entries of processing time", Kind: state.SortedMap}.Expires(state.TTL{MS: 1000, Processing: true, OnRead: true}),
	state.Descriptor{Name: "entries of event time", Kind: state.SortedMap}.Expires(state.TTL{MS: 5000}),
}

// aged is what the oracle knows of an entry. It keeps what has expired until a restore, because a late row may find it.
type aged struct {
	value uint64
	stamp int64
}

// expiringModel is the oracle.
type expiringModel map[entryOf]aged

// expiringRun is a history of what expires under way.
type expiringRun struct {
	t *testing.T
	checkpoints
	backends  []backend.Backend
	states    []state.Descriptor
	want      expiringModel
	now       int64 // processing time
	watermark int64
}

func expiringHistory(t *testing.T, factory backend.Factory, seed uint64, incremental bool) {
	h := &expiringRun{t: t, want: expiringModel{}, states: expiringStates, now: 1_700_000_000_000, watermark: snapshot.NoTime, checkpoints: checkpoints{
		t: t, r: rand.New(rand.NewPCG(seed, 5)), store: NewStore(t, nil), factory: factory, incremental: incremental}}
	h.scope = h.scopeWith(nil)
	h.backends = []backend.Backend{open(t, factory, h.scopeOf(0, 1))}
	for range 200 {
		switch n := h.r.IntN(100); {
		case n < 60:
			h.access(1 + h.r.IntN(150))
		case n < 80:
			h.pass(h.r.Int64N(400))
		case n < 84:
			h.pass(h.r.Int64N(6000))
		case n < 86:
			h.abort(h.backends)
		case n < 88:
			h.lose(h.backends, func() { h.access(100); h.pass(300) })
		case n < 92:
			h.complete()
		case n < 96:
			h.goBack(h.states)
		case n < 98:
			h.goBack(h.others())
		default:
			h.wait()
		}
	}
	h.wait()
	h.goBack(h.states)
	h.goBack(expiringStates)
}

// scopeWith are the states, restored now, as conversions say. Checkpoints call it while time goes on.
func (h *expiringRun) scopeWith(conversions map[string]state.Conversion) func(subtask, parallelism int) backend.Scope {
	states, now := h.states, h.now
	return func(subtask, parallelism int) backend.Scope {
		s := scopeOf(subtask, parallelism)
		s.States, s.Conversions, s.Now = states, conversions, now
		return s
	}
}

// accessTime is the time of an access: that of a row that may be late, if it is event time.
func (h *expiringRun) accessTime(ttl *state.TTL) int64 {
	if ttl.Processing {
		return h.now
	}
	row := int64(1_000_000)
	if h.watermark != snapshot.NoTime {
		row = h.watermark
	}
	if h.r.IntN(50) == 0 {
		return h.watermark // of a row without event time
	}
	return max(row+h.r.Int64N(3000)-500, h.watermark)
}

// access reads, writes and removes entries as operators do.
func (h *expiringRun) access(n int) {
	h.t.Helper()
	for range n {
		d := h.states[h.r.IntN(len(h.states))]
		e := entryOf{keyOfMap: keyOfMap{State: d.Name, Key: fmt.Sprint(h.r.IntN(120))}}
		if h.r.IntN(10) == 0 {
			e.Key += " which is too long to be inline"
		}
		hash := xxh3.HashString(e.Key)
		b := h.backends[state.Owner(state.KeyGroup(hash, groups), len(h.backends), groups)]
		if d.Kind == state.Value {
			h.accessCell(b, d, e, hash)
		} else {
			e.Name = fmt.Sprint(h.r.IntN(8))
			h.accessEntry(b, d, e, hash)
		}
	}
}

func (h *expiringRun) accessCell(b backend.Backend, d state.Descriptor, e entryOf, hash uint64) {
	h.t.Helper()
	tb := table(h.t, b, d.Name)
	if h.r.IntN(8) == 0 {
		tb.Delete(hash, 0, []byte(e.Key))
		delete(h.want, e)
		return
	}
	row := &batch.Batch{Hash: []uint64{hash}}
	row.Keys.AppendString(e.Key)
	var cells [1][]byte
	tb.Resolve(row, 0, cells[:])
	old := h.want[e]
	value := cells[0]
	if d.TTL != nil {
		now := h.accessTime(d.TTL)
		_, there := h.want[e]
		live := there && d.TTL.Live(old.stamp, now)
		if h.r.IntN(3) == 0 {
			read := d.TTL.Read(cells[0], now)
			if (read != nil) != live || live && binary.LittleEndian.Uint64(read) != old.value {
				h.t.Fatalf("%v is %x at %d, want %+v (%v)", e, read, now, old, live)
			}
			if live && d.TTL.OnRead {
				old.stamp = max(old.stamp, now)
				h.want[e] = old
			}
			return
		}
		if !live {
			old.value = 0
		}
		if !there {
			old.stamp = state.Untimed
		}
		old.stamp = max(old.stamp, now, state.Untimed)
		value = d.TTL.Use(cells[0], now)
	}
	if got := binary.LittleEndian.Uint64(value); got != old.value {
		h.t.Fatalf("%v is %d, want %d", e, got, old.value)
	}
	old.value++
	binary.LittleEndian.PutUint64(value, old.value)
	h.want[e] = old
}

func (h *expiringRun) accessEntry(b backend.Backend, d state.Descriptor, e entryOf, hash uint64) {
	h.t.Helper()
	s, err := b.Sorted(d.Name)
	if err != nil {
		h.t.Fatal(err)
	}
	old, there := h.want[e]
	value := binary.LittleEndian.AppendUint64(nil, h.r.Uint64())
	next := aged{value: binary.LittleEndian.Uint64(value)}
	key, name := []byte(e.Key), []byte(e.Name)
	if d.TTL == nil {
		s.Put(hash, key, name, value)
		h.want[e] = next
		return
	}
	x := state.NewExpiring(s, *d.TTL)
	now := h.accessTime(d.TTL)
	live := there && d.TTL.Live(old.stamp, now)
	switch h.r.IntN(4) {
	case 0:
		if x.Delete(hash, key, name, now) != live {
			h.t.Fatalf("deleting %v, which is there: %v, said otherwise", e, live)
		}
		delete(h.want, e)
	case 1:
		got, found := x.Get(hash, key, name, now)
		if found != live || live && binary.LittleEndian.Uint64(got) != old.value {
			h.t.Fatalf("%v is %x at %d, want %+v (%v)", e, got, now, old, live)
		}
		if live && d.TTL.OnRead {
			old.stamp = max(old.stamp, now)
			h.want[e] = old
		}
	default:
		next.stamp = max(now, state.Untimed)
		if there && !d.TTL.Processing {
			next.stamp = max(next.stamp, old.stamp)
		}
		x.Put(hash, key, name, value, now)
		h.want[e] = next
	}
}

// pass lets time pass, with sweeps meanwhile.
func (h *expiringRun) pass(ms int64) {
	steps := 1 + h.r.Int64N(4)
	for range steps {
		h.now += ms / steps
		if h.watermark == snapshot.NoTime {
			h.watermark = 1_000_000
		}
		h.watermark += ms / steps
		for _, b := range h.backends {
			b.AdvanceWatermark(h.watermark)
			b.Sweep(h.now)
		}
	}
	// What was written before there was any event time counts from the first watermark that a sweep meets it at.
	for e, a := range h.want {
		if d := h.descriptor(e.State); d.TTL != nil && !d.TTL.Processing && a.stamp == state.Untimed {
			h.adoptStamp(e, a)
		}
	}
}

// adoptStamp takes over the first stamp of an entry, which is a watermark of a sweep.
func (h *expiringRun) adoptStamp(e entryOf, a aged) {
	for _, raw := range h.raw() {
		if raw.entryOf == e {
			if raw.stamp != state.Untimed && raw.stamp > h.watermark {
				h.t.Fatalf("%v was given the stamp %d, the watermark is %d", e, raw.stamp, h.watermark)
			}
			a.stamp = raw.stamp
			h.want[e] = a
		}
	}
}

func (h *expiringRun) descriptor(name string) state.Descriptor {
	for _, d := range h.states {
		if d.Name == name {
			return d
		}
	}
	return state.Descriptor{}
}

// rawEntry is one as it lies in a state, expired or not.
type rawEntry struct {
	entryOf
	aged
}

// raw returns all that is in the states of backends.
func (h *expiringRun) raw(backends ...backend.Backend) (all []rawEntry) {
	h.t.Helper()
	if backends == nil {
		backends = h.backends
	}
	for _, b := range backends {
		for _, d := range h.states {
			n := 0
			add := func(e entryOf, entry []byte) bool {
				n++
				r := rawEntry{entryOf: e}
				if d.TTL != nil {
					r.stamp, entry = state.Stamp(entry), entry[state.StampBytes:]
				}
				r.value = binary.LittleEndian.Uint64(entry)
				all = append(all, r)
				return true
			}
			if d.Kind == state.Value {
				tb := table(h.t, b, d.Name)
				tb.Range(0, func(_ uint64, key, cell []byte) bool {
					return add(entryOf{keyOfMap: keyOfMap{d.Name, string(key)}}, cell)
				})
				if n != tb.Len() {
					h.t.Fatalf("%s has %d cells, and says %d", d.Name, n, tb.Len())
				}
				continue
			}
			s, err := b.Sorted(d.Name)
			if err != nil {
				h.t.Fatal(err)
			}
			s.Range(func(_ uint64, key, name, value []byte) bool {
				return add(entryOf{keyOfMap{d.Name, string(key)}, string(name)}, value)
			})
			if n != s.Len() {
				h.t.Fatalf("%s has %d entries, and says %d", d.Name, n, s.Len())
			}
		}
	}
	return all
}

// compare looks for all that is there in backends, and for nothing that has never been.
func (h *expiringRun) compare(what string, backends []backend.Backend, want expiringModel, now, watermark int64) {
	h.t.Helper()
	found := expiringModel{}
	for _, r := range h.raw(backends...) {
		d := h.descriptor(r.State)
		if d.TTL != nil && r.stamp == state.Unwritten {
			continue // a cell that was resolved, and not written
		}
		if w, there := want[r.entryOf]; !there || w != r.aged {
			h.t.Fatalf("%s: %v is %+v, want %+v (%v)", what, r.entryOf, r.aged, w, there)
		}
		found[r.entryOf] = r.aged
	}
	for e, w := range want {
		if _, there := found[e]; !there && h.live(e, w, now, watermark) {
			h.t.Fatalf("%s: %v, %+v, is missing at %d, watermark %d", what, e, w, now, watermark)
		}
	}
}

// live tells whether an entry is there whatever row asks for it.
func (h *expiringRun) live(e entryOf, a aged, now, watermark int64) bool {
	d := h.descriptor(e.State)
	return d.TTL == nil || d.TTL.Live(a.stamp, clockOf(d.TTL, now, watermark))
}

func clockOf(ttl *state.TTL, now, watermark int64) int64 {
	if ttl.Processing {
		return now
	}
	return watermark
}

// wait lets time pass in small steps while nobody reads: what has expired is out after a quarter of the TTL.
func (h *expiringRun) wait() {
	h.t.Helper()
	for range 40 {
		h.pass(2000)
		h.compare("while nobody reads", h.backends, h.want, h.now, h.watermark)
	}
	for range 200 {
		h.pass(20)
	}
	for _, r := range h.raw() {
		d := h.descriptor(r.State)
		if d.TTL == nil {
			continue
		}
		if now := clockOf(d.TTL, h.now, h.watermark); r.stamp < now-d.TTL.MS*5/4 {
			h.t.Fatalf("%v, written at %d, is still there at %d", r.entryOf, r.stamp, now)
		}
	}
}

func (h *expiringRun) clone() (want expiringModel, now, watermark int64) {
	return maps.Clone(h.want), h.now, h.watermark
}

func (h *expiringRun) disturb() {
	h.access(50)
	h.pass(h.r.Int64N(500))
	h.access(50)
}

// complete takes a checkpoint, and looks at what it holds; the history goes on.
func (h *expiringRun) complete() {
	h.t.Helper()
	frozen, now, watermark := h.clone()
	snap := h.take(h.backends, h.disturb)
	p := h.otherParallelism(len(h.backends))
	h.compare(fmt.Sprintf("checkpoint %d at parallelism %d", snap.Metadata.ID, p), h.restore(snap, p), frozen, now, watermark)
}

// goBack takes a checkpoint, lets the state change while it is written, and goes back to it, with the same TTLs or others.
func (h *expiringRun) goBack(to []state.Descriptor) {
	h.t.Helper()
	frozen, _, watermark := h.clone() // processing time goes on
	snap := h.take(h.backends, h.disturb)
	h.want, h.watermark = frozen, watermark
	conversions := map[string]state.Conversion{}
	for i, d := range to {
		was := h.states[i]
		if was.TTL == nil && d.TTL == nil || was.TTL != nil && d.TTL != nil && *was.TTL == *d.TTL {
			continue
		}
		conversions[d.Name] = state.Conversion{CellBytes: was.CellBytes, TTL: was.TTL}
		h.convert(was, d)
	}
	h.states = to
	h.scope = h.scopeWith(conversions)
	h.backends = h.restore(snap, h.otherParallelism(len(h.backends)))
	h.scope = h.scopeWith(nil)
	h.compare(fmt.Sprintf("restored at parallelism %d", len(h.backends)), h.backends, h.want, h.now, h.watermark)
}

// convert does in the oracle what a restore with another TTL does: what has expired by the old one never comes back.
func (h *expiringRun) convert(was, is state.Descriptor) {
	for e, a := range h.want {
		if e.State != is.Name {
			continue
		}
		if was.TTL != nil && !was.TTL.Live(a.stamp, clockOf(was.TTL, h.now, h.watermark)) {
			delete(h.want, e)
			continue
		}
		switch {
		case is.TTL == nil:
			a.stamp = 0
		case was.TTL == nil || was.TTL.Processing != is.TTL.Processing:
			a.stamp = max(clockOf(is.TTL, h.now, h.watermark), state.Untimed)
		}
		h.want[e] = a
	}
}

// others are the states with other TTLs: another one, none, or by the other clock.
func (h *expiringRun) others() []state.Descriptor {
	to := append([]state.Descriptor(nil), h.states...)
	for i := range to {
		d := &to[i]
		if d.TTL != nil {
			d.TTL = nil
			d.CellBytes = max(d.CellBytes-state.StampBytes, 0)
		}
		ttl := state.TTL{MS: 200 + h.r.Int64N(5000), Processing: h.r.IntN(2) == 0, OnRead: h.r.IntN(2) == 0}
		if h.r.IntN(4) > 0 {
			*d = d.Expires(ttl)
		}
	}
	return to
}

// sweeping lets more expire than a call takes out, in calls that take out a part.
func sweeping(t *testing.T, factory backend.Factory) {
	const entries = 20_000
	for _, processing := range []bool{true, false} {
		ttl := state.TTL{MS: 1000, Processing: processing}
		scope := scopeOf(0, 1)
		scope.States = []state.Descriptor{
			state.Descriptor{Name: "cells", Kind: state.Value, CellBytes: 8}.Expires(ttl),
			state.Descriptor{Name: "entries", Kind: state.SortedMap}.Expires(ttl),
		}
		b := open(t, factory, scope)
		if next := b.Sweep(0); next != math.MaxInt64 {
			t.Errorf("an empty state wants to be swept at %d", next)
		}
		s, err := b.Sorted("entries")
		if err != nil {
			t.Fatal(err)
		}
		cells := table(t, b, "cells")
		x := state.NewExpiring(s, ttl)
		for i := range entries {
			row := &batch.Batch{}
			row.Keys.Append(binary.LittleEndian.AppendUint64(nil, uint64(i)))
			row.Hash = state.HashKeys(row.Hash, &row.Keys)
			var cell [1][]byte
			cells.Resolve(row, 0, cell[:])
			ttl.Use(cell[0], 0)
			x.Put(row.Hash[0], row.Keys.At(0), nil, []byte("value"), 0)
		}
		b.AdvanceWatermark(0)
		if next := b.Sweep(0); processing != (next <= 100) {
			t.Errorf("processing time %v: a state wants to be swept at %d", processing, next)
		}
		const now = 2000
		b.AdvanceWatermark(now)
		calls := 0
		for before := 2 * entries; cells.Len()+s.Len() > 0; calls++ {
			next := b.Sweep(now)
			left := cells.Len() + s.Len()
			if left < before-2*1000 {
				t.Fatalf("one call took out %d entries", before-left)
			}
			if left > 0 && next > now {
				t.Fatalf("%d entries are left that have expired, and the next call is at %d", left, next)
			}
			before = left
		}
		if calls < 10 {
			t.Errorf("all was taken out in %d calls", calls)
		}
		if next := b.Sweep(now); next != math.MaxInt64 {
			t.Errorf("nothing is left, and the next call is at %d", next)
		}
	}
}

// rewritten restores, with another TTL, what was last written by a clock that was behind that of the machine before: the run before has
// it with a later time, by which it would not have expired.
func rewritten(t *testing.T, factory backend.Factory) {
	ttl := state.TTL{MS: 1000, Processing: true}
	scope := scopeOf(0, 1)
	scope.Now, scope.Incremental = 4500, true
	scope.States = []state.Descriptor{state.Descriptor{Name: "entries", Kind: state.SortedMap}.Expires(ttl)}
	c := &checkpoints{t: t, r: rand.New(rand.NewPCG(1, 6)), store: NewStore(t, nil), factory: factory, incremental: true,
		scope: func(int, int) backend.Scope { return scope }}
	entries := func(b backend.Backend) state.Sorted {
		s, err := b.Sorted("entries")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	b := open(t, factory, scope)
	key := []byte("key")
	x := state.NewExpiring(entries(b), ttl)
	for i := range 100 { // others, so that the next run holds changes
		x.Put(xxh3.Hash(key), key, []byte{byte(i)}, nil, 1<<40)
	}
	x.Put(xxh3.Hash(key), key, nil, nil, 5000)
	c.take([]backend.Backend{b}, func() {})
	x.Put(xxh3.Hash(key), key, nil, nil, 3000)
	snap := c.take([]backend.Backend{b}, func() {})
	scope.Conversions = map[string]state.Conversion{"entries": {TTL: &ttl}}
	scope.States = []state.Descriptor{state.Descriptor{Name: "entries", Kind: state.SortedMap}.Expires(state.TTL{MS: 100_000, Processing: true})}
	restored := open(t, factory, scope)
	if err := restored.Restore(t.Context(), snap.Metadata.Operator("op").Subtasks, snap); err != nil {
		t.Fatal(err)
	}
	if n := entries(restored).Len(); n != 100 {
		t.Errorf("%d entries are there, want 100", n)
	}
}
