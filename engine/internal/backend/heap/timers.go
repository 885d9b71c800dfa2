package heap

import (
	"bytes"
	"math"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/state"
)

// timers is a state of the kind Timer. A timer stands under its time and its key, so that the first of a key group is the first in
// its tree. Which group has the first of all is known from a binary heap of the groups. It implements state.Timers.
type timers struct {
	ordered
	first  []int64 // by key group: the time of its first timer; meaningless if it has none
	groups []int32 // those that have timers: a binary heap by first, then number
	place  []int32 // by key group: where it stands in groups; -1: it has no timers
	path   path
	// Of At.
	due []int32
	own []byte
}

var timerEncoding = encoding{backend.AppendTimerBlock, backend.AppendTimerChanges,
	func(dst, last, place, _ []byte) []byte { return backend.AppendTimer(dst, last, place) }}

func newTimers(b *Backend, d state.Descriptor) *timers {
	t := &timers{ordered: newOrdered(b, d, timerEncoding)}
	t.first, t.place = make([]int64, len(t.trees)), make([]int32, len(t.trees))
	for g := range t.place {
		t.place[g] = -1
	}
	return t
}

func (t *timers) at(ms int64, key []byte) []byte {
	t.buffer = backend.AppendTimerPlace(t.buffer[:0], ms, key)
	return t.buffer
}

// Set adds a timer. One that is there is not written: most are set again and again.
func (t *timers) Set(hash uint64, ms int64, key []byte) bool {
	g, at := t.group(hash), t.at(ms, key)
	if _, found := t.trees[g].get(at); found {
		return false
	}
	t.put(g, at, nil)
	switch {
	case t.place[g] < 0:
		t.first[g], t.place[g] = ms, int32(len(t.groups))
		t.groups = append(t.groups, int32(g))
		t.rise(len(t.groups) - 1)
	case ms < t.first[g]:
		t.first[g] = ms
		t.rise(int(t.place[g]))
	}
	return true
}

// Delete removes a timer.
func (t *timers) Delete(hash uint64, ms int64, key []byte) bool {
	g := t.group(hash)
	if !t.remove(g, t.at(ms, key)) {
		return false
	}
	if ms != t.first[g] {
		return true
	}
	if t.trees[g].root == nil {
		t.leave(g)
		return true
	}
	t.path.seek(&t.trees[g], nil, false)
	t.path.here()
	at, _ := t.path.entry()
	if next, _ := backend.TimerOf(at); next != ms {
		t.first[g] = next
		t.sink(int(t.place[g]))
	}
	return true
}

// First is the earliest time.
func (t *timers) First() (ms int64, found bool) {
	if len(t.groups) == 0 {
		return math.MaxInt64, false
	}
	return t.first[t.groups[0]], true
}

// At appends the timers for a time.
func (t *timers) At(ms int64, n int, due *batch.Batch) {
	t.due = t.due[:0]
	if first, found := t.First(); found && first == ms { // groups that have a timer for the first time of all are together in the heap
		t.due = append(t.due, 0)
		for i := 0; i < len(t.due); i++ {
			for child := 2*t.due[i] + 1; child <= 2*t.due[i]+2 && int(child) < len(t.groups); child++ {
				if t.first[t.groups[child]] == ms {
					t.due = append(t.due, child)
				}
			}
		}
		for i, at := range t.due {
			t.due[i] = t.groups[at]
		}
		slices.Sort(t.due)
	} else {
		for g := range t.trees {
			if t.place[g] >= 0 {
				t.due = append(t.due, int32(g))
			}
		}
	}
	for _, g := range t.due {
		t.tree(int(g), ms, n, due)
	}
}

// tree appends the timers of a key group for a time, until due has n of them.
func (t *timers) tree(g int, ms int64, n int, due *batch.Batch) {
	t.own = backend.AppendTimerPlace(t.own[:0], ms, nil)
	t.path.seek(&t.trees[g], t.own, false)
	for more := t.path.here(); more && len(due.Hash) < n; more = t.path.next() {
		at, _ := t.path.entry()
		key, same := bytes.CutPrefix(at, t.own)
		if !same {
			break
		}
		due.Keys.Append(key)
		due.Hash = append(due.Hash, xxh3.Hash(key))
	}
}

// Range visits all timers.
func (t *timers) Range(f func(hash uint64, ms int64, key []byte) bool) {
	for g := range t.trees {
		if !t.trees[g].root.each(func(at, _ []byte) bool {
			ms, key := backend.TimerOf(at)
			return f(xxh3.Hash(key), ms, key)
		}) {
			return
		}
	}
}

// before tells whether one group stands above another in the heap.
func (t *timers) before(a, b int32) bool {
	return t.first[a] < t.first[b] || t.first[a] == t.first[b] && a < b
}

func (t *timers) exchange(i, k int) {
	t.groups[i], t.groups[k] = t.groups[k], t.groups[i]
	t.place[t.groups[i]], t.place[t.groups[k]] = int32(i), int32(k)
}

// rise moves the group at i of the heap up to where it belongs.
func (t *timers) rise(i int) {
	for i > 0 && t.before(t.groups[i], t.groups[(i-1)/2]) {
		t.exchange(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

// sink moves the group at i of the heap down to where it belongs.
func (t *timers) sink(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(t.groups); child++ {
			if t.before(t.groups[child], t.groups[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		t.exchange(i, least)
		i = least
	}
}

// leave takes a group out of the heap.
func (t *timers) leave(g int) {
	i, last := int(t.place[g]), len(t.groups)-1
	t.exchange(i, last)
	t.groups, t.place[g] = t.groups[:last], -1
	if i < last {
		t.rise(i)
		t.sink(i)
	}
}
