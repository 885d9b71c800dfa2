package backendtest

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/state"
)

// timerStates are the states of the histories of timers: cells and entries are beside them, because an operator may have all.
var timerStates = []state.Descriptor{
	{Name: "cells", Kind: state.Value, CellBytes: 8},
	{Name: "timers", Kind: state.Timer},
	{Name: "entries", Kind: state.SortedMap},
	{Name: "others", Kind: state.Timer},
}

func timerScope(subtask, parallelism int) backend.Scope {
	s := scopeOf(subtask, parallelism)
	s.States = timerStates
	return s
}

// timer names one.
type timer struct {
	State string
	MS    int64
	Key   string
}

func (t timer) hash() uint64 { return xxh3.HashString(t.Key) }

func (t timer) group() int { return state.KeyGroup(t.hash(), groups) }

// timerModel is the oracle.
type timerModel map[timer]bool

// at returns the timers of a state for a time in the key groups of a subtask, in order.
func (m timerModel) at(name string, ms int64, subtask, parallelism int) (all []timer) {
	for t := range m {
		if t.State == name && t.MS == ms && state.Owner(t.group(), parallelism, groups) == subtask {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b timer) int {
		return cmp.Or(cmp.Compare(a.group(), b.group()), strings.Compare(a.Key, b.Key))
	})
	return all
}

func (m timerModel) clone() timerModel {
	c := timerModel{}
	for t := range m {
		c[t] = true
	}
	return c
}

// timerRun is a history of timers under way.
type timerRun struct {
	t *testing.T
	checkpoints
	backends []backend.Backend
	want     timerModel
}

func timerHistory(t *testing.T, factory backend.Factory, seed uint64, incremental bool) {
	h := &timerRun{t: t, want: timerModel{}, checkpoints: checkpoints{
		t: t, r: rand.New(rand.NewPCG(seed, 3)), store: NewStore(t, nil), factory: factory, scope: timerScope, incremental: incremental}}
	h.backends = []backend.Backend{open(t, factory, h.scopeOf(0, 1))}
	for range 150 {
		switch n := h.r.IntN(100); {
		case n < 60:
			h.change(1 + h.r.IntN(200))
		case n < 88:
			h.fire()
		case n < 90:
			h.abort(h.backends)
		case n < 92:
			h.lose(h.backends, func() { h.change(100); h.fire() })
		case n < 97:
			h.complete()
		default:
			h.goBack()
		}
		h.first()
	}
	h.compare("at the end", h.backends, h.want)
	for i := range h.backends {
		for _, d := range timerStates {
			if d.Kind == state.Timer {
				h.fireUntil(i, d.Name, math.MaxInt64)
			}
		}
	}
	h.compare("when all have fired", h.backends, timerModel{})
}

func (h *timerRun) timers(subtask int, name string) state.Timers {
	h.t.Helper()
	s, err := h.backends[subtask].Timers(name)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// any makes a timer: of few times that many keys have, or of its own; before 1970, and at both ends of time.
func (h *timerRun) any() timer {
	at := timer{State: timerStates[1+2*h.r.IntN(2)].Name, Key: fmt.Sprint(h.r.IntN(300))}
	switch h.r.IntN(10) {
	case 0:
		at.Key = strings.Repeat("k", h.r.IntN(9))
	case 1:
		at.Key = strings.Repeat("long", 100) + string(rune('a'+h.r.IntN(3)))
	}
	switch h.r.IntN(20) {
	case 0:
		at.MS = math.MaxInt64
	case 1:
		at.MS = math.MinInt64
	case 2, 3, 4, 5:
		at.MS = h.r.Int64N(2_000_000) - 1_000_000
	default:
		at.MS = h.r.Int64N(20)*60_000 - 300_000
	}
	return at
}

// change sets and deletes timers.
func (h *timerRun) change(n int) {
	for range n {
		at := h.any()
		s := h.timers(state.Owner(at.group(), len(h.backends), groups), at.State)
		there := h.want[at]
		if h.r.IntN(3) == 0 {
			if s.Delete(at.hash(), at.MS, []byte(at.Key)) != there {
				h.t.Fatalf("deleting %v, which was there: %v, said otherwise", at, there)
			}
			delete(h.want, at)
			continue
		}
		key := []byte(at.Key)
		if s.Set(at.hash(), at.MS, key) == there {
			h.t.Fatalf("setting %v, which was there: %v, said otherwise", at, there)
		}
		h.want[at] = true
		clear(key) // it is the caller's again
	}
}

// first compares which timer is the first.
func (h *timerRun) first() {
	for i := range h.backends {
		for _, d := range timerStates {
			if d.Kind != state.Timer {
				continue
			}
			want, any := int64(math.MaxInt64), false
			for at := range h.want {
				if at.State == d.Name && state.Owner(at.group(), len(h.backends), groups) == i {
					want, any = min(want, at.MS), true
				}
			}
			if ms, found := h.timers(i, d.Name).First(); found != any || ms != want {
				h.t.Fatalf("the first timer of %s is at %d (%v), want %d (%v)", d.Name, ms, found, want, any)
			}
		}
	}
}

// fire takes the timers of a state up to a time.
func (h *timerRun) fire() {
	h.fireUntil(h.r.IntN(len(h.backends)), timerStates[1+2*h.r.IntN(2)].Name, h.any().MS)
}

func (h *timerRun) fireUntil(subtask int, name string, until int64) {
	s := h.timers(subtask, name)
	var due batch.Batch
	for {
		ms, found := s.First()
		if !found || ms > until {
			return
		}
		n := 1 + h.r.IntN(40)
		want := h.want.at(name, ms, subtask, len(h.backends))
		due.Hash = due.Hash[:0]
		due.Keys.Reset()
		s.At(ms, n, &due)
		if len(due.Hash) != min(n, len(want)) || due.Keys.Len() != len(due.Hash) {
			h.t.Fatalf("%d timers for %d, of at most %d, of %d", len(due.Hash), ms, n, len(want))
		}
		for i, hash := range due.Hash {
			got := timer{name, ms, string(due.Keys.At(i))}
			if got != want[i] || hash != got.hash() {
				h.t.Fatalf("the timer %d for %d is %v with hash %x, want %v", i, ms, got, hash, want[i])
			}
			if !s.Delete(hash, ms, due.Keys.At(i)) {
				h.t.Fatalf("%v, which is due, is not there", got)
			}
			delete(h.want, got)
		}
	}
}

func (h *timerRun) compare(what string, backends []backend.Backend, want timerModel) {
	h.t.Helper()
	found := 0
	for _, b := range backends {
		for _, d := range h.scope(0, 1).States {
			if d.Kind != state.Timer {
				continue
			}
			s, err := b.Timers(d.Name)
			if err != nil {
				h.t.Fatal(err)
			}
			n := 0
			s.Range(func(hash uint64, ms int64, key []byte) bool {
				got := timer{d.Name, ms, string(key)}
				if !want[got] || hash != got.hash() {
					h.t.Fatalf("%s: there is %v, with hash %x", what, got, hash)
				}
				n++
				return true
			})
			if n != s.Len() {
				h.t.Fatalf("%s: %s holds %d timers but says %d", what, d.Name, n, s.Len())
			}
			found += n
		}
	}
	if found != len(want) {
		h.t.Fatalf("%s: there are %d timers, want %d", what, found, len(want))
	}
}

// complete takes a checkpoint, and looks at what it holds; the history goes on.
func (h *timerRun) complete() {
	frozen := h.want.clone()
	snap := h.take(h.backends, func() { h.change(50); h.fire() })
	p := h.otherParallelism(len(h.backends))
	h.compare(fmt.Sprintf("checkpoint %d at parallelism %d", snap.Metadata.ID, p), h.restore(snap, p), frozen)
}

// goBack takes a checkpoint, lets the state change while it is written, and goes back to it, at another parallelism or not.
func (h *timerRun) goBack() {
	frozen := h.want.clone()
	snap := h.take(h.backends, func() { h.change(50); h.fire() })
	h.want = frozen
	h.backends = h.restore(snap, h.otherParallelism(len(h.backends)))
	h.compare(fmt.Sprintf("restored at parallelism %d", len(h.backends)), h.backends, h.want)
}

// timersOfCells restores timers from a checkpoint of the time when they were cells of windows, in runs, and goes on with it.
func timersOfCells(t *testing.T, factory backend.Factory) {
	scope := func(kind state.Kind, width int) func(subtask, parallelism int) backend.Scope {
		return func(subtask, parallelism int) backend.Scope {
			s := scopeOf(subtask, parallelism)
			s.States, s.Incremental = []state.Descriptor{{Name: "timers", Kind: kind, CellBytes: width}}, true
			return s
		}
	}
	cells := scope(state.WindowValue, 8)
	c := &checkpoints{t: t, r: rand.New(rand.NewPCG(1, 4)), store: NewStore(t, nil), factory: factory, scope: cells, incremental: true}
	old := open(t, factory, cells(0, 1))
	table, err := old.Table("timers")
	if err != nil {
		t.Fatal(err)
	}
	set := func(ms int64, key string) {
		b := &batch.Batch{Hash: []uint64{xxh3.HashString(key)}, Window: []int64{ms}}
		b.Keys.AppendString(key)
		table.Resolve(b, 0, make([][]byte, 1))
	}
	want := timerModel{}
	for i := range int64(300) {
		key := fmt.Sprint(i % 50)
		set(i/3, key)
		want[timer{"timers", i / 3, key}] = true
	}
	c.take([]backend.Backend{old}, func() {})
	for i := range int64(20) { // some fire, one is deleted, others are set, so that there are runs of changes
		table.DropWindow(i)
	}
	table.Delete(xxh3.HashString("0"), 50, []byte("0"))
	set(1000, "x")
	for at := range want {
		if at.MS < 20 || at.MS == 50 && at.Key == "0" {
			delete(want, at)
		}
	}
	want[timer{"timers", 1000, "x"}] = true
	snap := c.take([]backend.Backend{old}, func() {})

	h := &timerRun{t: t, checkpoints: *c}
	h.checkpoints.scope = scope(state.Timer, 0)
	for _, parallelism := range []int{1, 3} {
		h.backends = nil
		for i := range parallelism {
			b := open(t, factory, h.scopeOf(i, parallelism))
			if err := b.Restore(t.Context(), snap.Metadata.Operator("op").Subtasks, snap); err != nil {
				t.Fatal(err)
			}
			if parallelism == 1 {
				b.Continue(snap.Metadata.Operator("op").Subtasks[0])
			}
			h.backends = append(h.backends, b)
		}
		h.compare(fmt.Sprintf("restored at parallelism %d", parallelism), h.backends, want)
	}
	h.backends = nil
	b := open(t, factory, h.scopeOf(0, 1))
	if err := b.Restore(t.Context(), snap.Metadata.Operator("op").Subtasks, snap); err != nil {
		t.Fatal(err)
	}
	b.Continue(snap.Metadata.Operator("op").Subtasks[0])
	s, err := b.Timers("timers")
	if err != nil {
		t.Fatal(err)
	}
	s.Set(xxh3.HashString("y"), 2000, []byte("y"))
	want[timer{"timers", 2000, "y"}] = true
	for range 3 {
		next := h.take([]backend.Backend{b}, func() {})
		again := h.restore(next, 1)
		h.compare("a checkpoint after the restore", again, want)
		b = again[0]
	}
}
