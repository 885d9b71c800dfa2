package exec

import (
	"bytes"

	"github.com/weirstream/weir/engine/batch"
)

// fold finds the keys of a batch, each once: what an operator keeps for a key changes with every row, what it gives once for a batch.
type fold struct {
	// keys are the hashes and keys, each once, in the order of their first rows.
	keys batch.Batch
	// of says for each row which of the keys is its own.
	of []int32

	slots []slot
	turn  uint32
}

type slot struct {
	turn uint32 // in which it was taken; those of earlier batches are free
	key  int32
}

// begin looks at the keys of a batch.
func (f *fold) begin(b *batch.Batch) {
	n := len(b.Hash)
	size := max(16, len(f.slots))
	for size < 2*n {
		size *= 2
	}
	if f.turn++; size > len(f.slots) || f.turn == 0 {
		f.slots, f.turn = make([]slot, size), 1
	}
	f.keys.Hash = f.keys.Hash[:0]
	f.keys.Keys.Reset()
	f.of = grow(f.of, n)
	mask := uint64(len(f.slots) - 1)
	for i, hash := range b.Hash {
		key := b.Keys.At(i)
		at := hash & mask
		for ; ; at = (at + 1) & mask {
			s := &f.slots[at]
			if s.turn != f.turn {
				s.turn, s.key = f.turn, int32(len(f.keys.Hash))
				f.keys.Hash = append(f.keys.Hash, hash)
				f.keys.Keys.Append(key)
				break
			}
			if f.keys.Hash[s.key] == hash && bytes.Equal(f.keys.Keys.At(int(s.key)), key) {
				break
			}
		}
		f.of[i] = f.slots[at].key
	}
}

// len is the number of keys.
func (f *fold) len() int { return len(f.keys.Hash) }

// added says whether a row of a kind comes; else one that came before goes.
func added(k batch.RowKind) bool { return k == batch.Insert || k == batch.UpdateAfter }
