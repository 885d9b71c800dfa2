package heap_test

import (
	container "container/heap"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/internal/backend/heap"
	"github.com/weirstream/weir/engine/state"
)

// oneTable is the hand-written loop to compare with: one table for one kind of key, and nothing else.
type oneTable struct {
	slots []struct{ key, count uint64 } // key plus one; 0: free
}

func (t *oneTable) add(hash, key uint64) {
	mask := uint64(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := &t.slots[i]
		if s.key == key+1 {
			s.count++
			return
		}
		if s.key == 0 {
			s.key, s.count = key+1, 1
			return
		}
	}
}

// rows are batches of uniform keys of eight bytes.
func rowsOf(keys int) []*batch.Batch {
	r := rand.New(rand.NewPCG(1, 2))
	var all []*batch.Batch
	for range max(64, 4*keys/batch.TargetRows) {
		b := &batch.Batch{}
		for range batch.TargetRows {
			var key [8]byte
			binary.LittleEndian.PutUint64(key[:], uint64(r.IntN(keys)))
			b.Keys.Append(key[:])
			b.Hash = append(b.Hash, xxh3.Hash(key[:]))
		}
		all = append(all, b)
	}
	return all
}

func BenchmarkCount(b *testing.B) {
	for _, keys := range []int{1_000, 100_000, 1_000_000} {
		rows := rowsOf(keys)
		b.Run(fmt.Sprintf("one table/%d keys", keys), func(b *testing.B) {
			capacity := 1
			for capacity < 2*keys {
				capacity *= 2
			}
			t := &oneTable{slots: make([]struct{ key, count uint64 }, capacity)}
			count := func(in *batch.Batch) {
				for i, h := range in.Hash {
					t.add(h, binary.LittleEndian.Uint64(in.Keys.At(i)))
				}
			}
			perRow(b, rows, count)
		})
		b.Run(fmt.Sprintf("heap/%d keys", keys), func(b *testing.B) {
			be, err := heap.New(backend.Scope{UID: "count", EndGroup: 1024, MaxParallelism: 1024,
				States: []state.Descriptor{{Name: "n", Kind: state.Value, CellBytes: 8}}})
			if err != nil {
				b.Fatal(err)
			}
			t, err := be.Table("n")
			if err != nil {
				b.Fatal(err)
			}
			cells := make([][]byte, batch.TargetRows)
			perRow(b, rows, func(in *batch.Batch) {
				for from := 0; from < len(in.Hash); {
					end := t.Resolve(in, from, cells)
					for _, c := range cells[from:end] {
						binary.LittleEndian.PutUint64(c, binary.LittleEndian.Uint64(c)+1)
					}
					from = end
				}
			})
		})
	}
}

// perRow measures f with every key seen before; one operation is one row.
func perRow(b *testing.B, rows []*batch.Batch, f func(*batch.Batch)) {
	for _, r := range rows {
		f(r)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += batch.TargetRows {
		f(rows[i/batch.TargetRows%len(rows)])
	}
}

// BenchmarkFreeze is the time that processing stands still for a checkpoint of 1 M keys.
func BenchmarkFreeze(b *testing.B) {
	be, err := heap.New(backend.Scope{UID: "count", EndGroup: 1024, MaxParallelism: 1024,
		States: []state.Descriptor{{Name: "n", Kind: state.Value, CellBytes: 8}}})
	if err != nil {
		b.Fatal(err)
	}
	t, err := be.Table("n")
	if err != nil {
		b.Fatal(err)
	}
	cells := make([][]byte, batch.TargetRows)
	for _, in := range rowsOf(1_000_000) {
		for from := 0; from < len(in.Hash); {
			from = t.Resolve(in, from, cells)
		}
	}
	for b.Loop() {
		be.Freeze(1, 0).Release()
	}
}

// goMap is the plain program to compare a sorted map with: a Go map of sorted slices.
type goMap map[string][]struct{ name, value string }

func (m goMap) find(key, name []byte) (int, bool) {
	return slices.BinarySearchFunc(m[string(key)], string(name), func(e struct{ name, value string }, name string) int {
		return strings.Compare(e.name, name)
	})
}

// BenchmarkSorted is one operation on a sorted map of 100,000 entries of 32 bytes: of many keys with few, or few with many.
func BenchmarkSorted(b *testing.B) {
	for _, keys := range []int{10, 10_000} {
		each := 100_000 / keys
		r := rand.New(rand.NewPCG(1, 2))
		place := func() (key, name []byte) {
			return binary.LittleEndian.AppendUint64(nil, uint64(r.IntN(keys))), binary.BigEndian.AppendUint64(nil, uint64(r.IntN(each)))
		}
		value := make([]byte, 32)
		be, err := heap.New(backend.Scope{UID: "op", EndGroup: 128, MaxParallelism: 128, States: []state.Descriptor{{Name: "s", Kind: state.SortedMap}}})
		if err != nil {
			b.Fatal(err)
		}
		s, err := be.Sorted("s")
		if err != nil {
			b.Fatal(err)
		}
		plain := goMap{}
		for range 300_000 {
			key, name := place()
			s.Put(xxh3.Hash(key), key, name, value)
			if i, found := plain.find(key, name); !found {
				plain[string(key)] = slices.Insert(plain[string(key)], i, struct{ name, value string }{string(name), string(value)})
			}
		}
		var placesKey, placesName [4096][]byte
		for i := range placesKey {
			placesKey[i], placesName[i] = place()
		}
		run := func(what string, f func(key, name []byte)) {
			b.Run(fmt.Sprintf("%s/%d keys of %d", what, keys, each), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					f(placesKey[i%len(placesKey)], placesName[i%len(placesName)])
				}
			})
		}
		run("get/heap", func(key, name []byte) { s.Get(xxh3.Hash(key), key, name) })
		run("get/go map", func(key, name []byte) { plain.find(key, name) })
		run("put/heap", func(key, name []byte) { s.Put(xxh3.Hash(key), key, name, value) })
		run("put/go map", func(key, name []byte) {
			if i, found := plain.find(key, name); found {
				plain[string(key)][i].value = string(value)
			}
		})
		cursor, sum := s.Cursor(), 0
		run("ten entries/heap", func(key, name []byte) {
			cursor.Seek(xxh3.Hash(key), key, name)
			for n := 0; n < 10 && cursor.Next(); n++ {
				sum += len(cursor.Value())
			}
		})
		run("ten entries/go map", func(key, name []byte) {
			i, _ := plain.find(key, name)
			for _, e := range plain[string(key)][i:min(i+10, len(plain[string(key)]))] {
				sum += len(e.value)
			}
		})
	}
}

// goTimers is the hand-written way to keep timers: a binary heap and a set.
type goTimers struct {
	heap []goTimer
	set  map[goTimer]struct{}
}

type goTimer struct {
	ms  int64
	key uint64
}

func (h *goTimers) Len() int           { return len(h.heap) }
func (h *goTimers) Less(i, k int) bool { return h.heap[i].ms < h.heap[k].ms }
func (h *goTimers) Swap(i, k int)      { h.heap[i], h.heap[k] = h.heap[k], h.heap[i] }
func (h *goTimers) Push(t any)         { h.heap = append(h.heap, t.(goTimer)) }
func (h *goTimers) Pop() any {
	last := h.heap[len(h.heap)-1]
	h.heap = h.heap[:len(h.heap)-1]
	return last
}

// BenchmarkTimers keeps so many timers, of as many keys: the first one fires, and its key sets one for a later time.
func BenchmarkTimers(b *testing.B) {
	for _, n := range []int{1_000, 100_000, 1_000_000} {
		later := func(r *rand.Rand) int64 { return 1 + r.Int64N(int64(n)) }
		b.Run(fmt.Sprintf("Go heap and map/%d", n), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			h := &goTimers{set: map[goTimer]struct{}{}}
			add := func(t goTimer) {
				if _, there := h.set[t]; !there {
					h.set[t] = struct{}{}
					container.Push(h, t)
				}
			}
			for i := range n {
				add(goTimer{later(r), uint64(i)})
			}
			b.ReportAllocs()
			for b.Loop() {
				t := container.Pop(h).(goTimer)
				delete(h.set, t)
				add(goTimer{t.ms + later(r), t.key})
			}
		})
		b.Run(fmt.Sprintf("timers/%d", n), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			backing, err := heap.New(backend.Scope{UID: "op", EndGroup: 128, MaxParallelism: 128,
				States: []state.Descriptor{{Name: "timers", Kind: state.Timer}}})
			if err != nil {
				b.Fatal(err)
			}
			timers, err := backing.Timers("timers")
			if err != nil {
				b.Fatal(err)
			}
			var key [8]byte
			for i := range n {
				binary.LittleEndian.PutUint64(key[:], uint64(i))
				timers.Set(xxh3.Hash(key[:]), later(r), key[:])
			}
			var due batch.Batch
			b.ReportAllocs()
			for b.Loop() {
				ms, _ := timers.First()
				due.Hash = due.Hash[:0]
				due.Keys.Reset()
				timers.At(ms, 1, &due)
				timers.Delete(due.Hash[0], ms, due.Keys.At(0))
				timers.Set(due.Hash[0], ms+later(r), due.Keys.At(0))
			}
		})
	}
}
