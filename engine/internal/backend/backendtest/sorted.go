package backendtest

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/state"
)

// sortedStates are the states of the histories of sorted maps: cells are beside them, because an operator may have both.
var sortedStates = []state.Descriptor{
	{Name: "cells", Kind: state.Value, CellBytes: 8},
	{Name: "entries", Kind: state.SortedMap},
	{Name: "others", Kind: state.SortedMap},
}

func sortedScope(subtask, parallelism int) backend.Scope {
	s := scopeOf(subtask, parallelism)
	s.States = sortedStates
	return s
}

// entryOf names an entry of a sorted map.
type entryOf struct {
	keyOfMap
	Name string
}

// keyOfMap names a key of a sorted map.
type keyOfMap struct{ State, Key string }

// sortedModel is the oracle: by key, the values by name.
type sortedModel map[keyOfMap]map[string]string

func (m sortedModel) put(e entryOf, value string) {
	if m[e.keyOfMap] == nil {
		m[e.keyOfMap] = map[string]string{}
	}
	m[e.keyOfMap][e.Name] = value
}

func (m sortedModel) remove(e entryOf) {
	delete(m[e.keyOfMap], e.Name)
	if len(m[e.keyOfMap]) == 0 {
		delete(m, e.keyOfMap)
	}
}

func (m sortedModel) clone() sortedModel {
	c := maps.Clone(m)
	for k, entries := range c {
		c[k] = maps.Clone(entries)
	}
	return c
}

// sortedRun is a history of sorted maps under way.
type sortedRun struct {
	t *testing.T
	checkpoints
	backends []backend.Backend
	cursors  map[state.Sorted]state.Cursor
	want     sortedModel
}

func sortedHistory(t *testing.T, factory backend.Factory, seed uint64, incremental bool) {
	h := &sortedRun{t: t, want: sortedModel{}, checkpoints: checkpoints{
		t: t, r: rand.New(rand.NewPCG(seed, 2)), store: NewStore(t, nil), factory: factory, scope: sortedScope, incremental: incremental}}
	h.goOnWith([]backend.Backend{open(t, factory, h.scopeOf(0, 1))})
	for range 250 {
		switch n := h.r.IntN(100); {
		case n < 60:
			h.change(1 + h.r.IntN(200))
		case n < 64:
			h.clear()
		case n < 90:
			h.walk()
		case n < 91:
			h.abort(h.backends)
		case n < 92:
			h.lose(h.backends, h.disturb)
		case n < 97:
			h.complete()
		default:
			h.goBack()
		}
	}
	h.compare("at the end", h.backends, h.want)
	h.goBack()
}

// goOnWith makes backends those of the history.
func (h *sortedRun) goOnWith(backends []backend.Backend) {
	h.backends, h.cursors = backends, map[state.Sorted]state.Cursor{}
}

// of returns the sorted map that holds an entry, and the hash of its key.
func (h *sortedRun) of(e entryOf) (state.Sorted, uint64) {
	h.t.Helper()
	hash := xxh3.HashString(e.Key)
	s, err := h.backends[state.Owner(state.KeyGroup(hash, groups), len(h.backends), groups)].Sorted(e.State)
	if err != nil {
		h.t.Fatal(err)
	}
	return s, hash
}

// entry makes an entry's name: of few keys, some of which begin like others, with many names each, or the other way round.
func (h *sortedRun) entry() entryOf {
	e := entryOf{keyOfMap: keyOfMap{State: sortedStates[1+h.r.IntN(2)].Name}, Name: fmt.Sprintf("%04d", h.r.IntN(2000))}
	switch n := h.r.IntN(10); {
	case n < 5:
		e.Key = strings.Repeat("k", h.r.IntN(6))
	case n < 7:
		e.Key = strings.Repeat("long", 40) + string(rune('a'+h.r.IntN(3)))
	default:
		e.Key, e.Name = fmt.Sprint(h.r.IntN(500)), strings.Repeat("\xff", h.r.IntN(3))
	}
	return e
}

// change puts and removes entries.
func (h *sortedRun) change(n int) {
	for range n {
		e := h.entry()
		s, hash := h.of(e)
		old, there := h.want[e.keyOfMap][e.Name]
		value, found := s.Get(hash, []byte(e.Key), []byte(e.Name))
		if found != there || string(value) != old {
			h.t.Fatalf("%v is %q (%v), want %q (%v)", e, value, found, old, there)
		}
		if h.r.IntN(3) == 0 {
			if s.Delete(hash, []byte(e.Key), []byte(e.Name)) != there {
				h.t.Fatalf("deleting %v, which was there: %v, said otherwise", e, there)
			}
			h.want.remove(e)
			continue
		}
		size := h.r.IntN(40)
		if h.r.IntN(100) == 0 {
			size = h.r.IntN(10000)
		}
		value = bytes.Repeat([]byte{byte(h.r.IntN(256))}, size)
		h.want.put(e, string(value))
		s.Put(hash, []byte(e.Key), []byte(e.Name), value)
		clear(value) // it is the caller's again
	}
}

func (h *sortedRun) clear() {
	e := h.entry()
	s, hash := h.of(e)
	there := len(h.want[e.keyOfMap])
	if n := s.Clear(hash, []byte(e.Key)); n != there {
		h.t.Fatalf("Clear of a key with %d entries removed %d", there, n)
	}
	delete(h.want, e.keyOfMap)
}

// names lists the entries of a key in order.
func (h *sortedRun) names(k keyOfMap) []string { return slices.Sorted(maps.Keys(h.want[k])) }

// walk sends a cursor through the entries of a key, in one direction or to and fro, while some are removed and added.
func (h *sortedRun) walk() {
	e := h.entry()
	s, hash := h.of(e)
	c := h.cursors[s]
	if c == nil {
		c = s.Cursor()
		h.cursors[s] = c
	}
	if c.Next() || c.Prev() {
		h.t.Fatal("a cursor that was at its end went on")
	}
	place, on := e.Name, false // on: the cursor stands on the entry, and not before it
	if h.r.IntN(4) == 0 {
		c.SeekEnd(hash, []byte(e.Key))
		place = "\xff\xff\xff\xff"
	} else {
		c.Seek(hash, []byte(e.Key), []byte(e.Name))
	}
	turns := h.r.IntN(2) * 5 // of a hundred: how often it changes its direction
	changes := h.r.IntN(2) * 10
	names := h.names(e.keyOfMap)
	for forth := h.r.IntN(2) == 0; ; {
		i, found := slices.BinarySearch(names, place)
		switch {
		case !forth:
			i--
		case found && on:
			i++
		}
		moved := forth && c.Next() || !forth && c.Prev()
		if moved != (i >= 0 && i < len(names)) {
			h.t.Fatalf("the cursor moved %v from %q, forth %v, in %q", moved, place, forth, names)
		}
		if !moved {
			return
		}
		place, on = names[i], true
		if string(c.Name()) != place || string(c.Value()) != h.want[e.keyOfMap][place] {
			h.t.Fatalf("the cursor stands on %q = %q, want %q = %q", c.Name(), c.Value(), place, h.want[e.keyOfMap][place])
		}
		if h.r.IntN(100) < turns {
			forth = !forth
		}
		if h.r.IntN(100) < changes {
			if h.r.IntN(2) == 0 {
				s.Delete(hash, []byte(e.Key), c.Name())
				h.want.remove(entryOf{e.keyOfMap, place})
			} else {
				h.change(3)
			}
			names = h.names(e.keyOfMap)
		}
	}
}

func (h *sortedRun) compare(what string, backends []backend.Backend, want sortedModel) {
	h.t.Helper()
	got := sortedModel{}
	for _, b := range backends {
		for _, d := range sortedStates[1:] {
			s, err := b.Sorted(d.Name)
			if err != nil {
				h.t.Fatal(err)
			}
			entries, last := 0, entryOf{}
			s.Range(func(hash uint64, key, name, value []byte) bool {
				e := entryOf{keyOfMap{d.Name, string(key)}, string(name)}
				if _, twice := got[e.keyOfMap][e.Name]; twice || hash != xxh3.Hash(key) || last.keyOfMap == e.keyOfMap && last.Name >= e.Name {
					h.t.Fatalf("%s: %v is visited twice, with hash %x, or behind %v", what, e, hash, last)
				}
				got.put(e, string(value))
				entries, last = entries+1, e
				return true
			})
			if entries != s.Len() {
				h.t.Fatalf("%s: %s holds %d entries but says %d", what, d.Name, entries, s.Len())
			}
		}
	}
	if !maps.EqualFunc(got, want, maps.Equal[map[string]string, map[string]string]) {
		h.t.Fatalf("%s: the entries of %d keys are not those of the %d that must be there", what, len(got), len(want))
	}
}

// disturb changes the state while it is written.
func (h *sortedRun) disturb() {
	for range 1 + h.r.IntN(4) {
		h.change(h.r.IntN(100))
		h.clear()
	}
}

// complete takes a checkpoint, and looks at what it holds; the history goes on.
func (h *sortedRun) complete() {
	frozen := h.want.clone()
	snap := h.take(h.backends, h.disturb)
	p := h.otherParallelism(len(h.backends))
	h.compare(fmt.Sprintf("checkpoint %d at parallelism %d", snap.Metadata.ID, p), h.restore(snap, p), frozen)
}

// goBack takes a checkpoint, lets the state change while it is written, and goes back to it, at another parallelism or not.
func (h *sortedRun) goBack() {
	frozen := h.want.clone()
	snap := h.take(h.backends, h.disturb)
	h.want = frozen
	h.goOnWith(h.restore(snap, h.otherParallelism(len(h.backends))))
	h.compare(fmt.Sprintf("restored at parallelism %d", len(h.backends)), h.backends, h.want)
}
