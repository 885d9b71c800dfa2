package heap_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
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
		be.Freeze().Release()
	}
}
