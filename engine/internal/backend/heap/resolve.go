package heap

import (
	"encoding/binary"
	"unsafe"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/state"
)

const (
	// ahead is for how many rows memory is touched before it is used.
	ahead = 32
	// touchFrom is the number of cells from which on that pays: when they do not fit into the caches near the core.
	touchFrom = 32 << 10
)

// Resolve finds or inserts the cells of a prefix of the rows. It ends before a row that makes cells move, which may be
// ones that it has handed out.
func (t *table) Resolve(b *batch.Batch, from int, cells [][]byte) int {
	if t.n < touchFrom {
		return t.resolve(b, from, from, len(b.Hash), cells)
	}
	for begin := from; begin < len(b.Hash); begin += ahead {
		end := min(begin+ahead, len(b.Hash))
		t.touch(b.Hash[begin:end])
		if to := t.resolve(b, from, begin, end, cells); to < end {
			return to
		}
	}
	return len(b.Hash)
}

// touch reads the first slot of each row's probe. These reads do not depend on each other, so that the cache misses
// overlap, which those of the probes, each with a branch behind it that nobody can predict, hardly do. Measured with 1 M
// keys: half the time per row.
func (t *table) touch(hashes []uint64) {
	touched := uint64(0)
	for _, hash := range hashes {
		r := &t.current[state.KeyGroup(hash, t.maxParallelism)-t.first]
		if r.words != nil {
			touched ^= *(*uint64)(unsafe.Add(r.words, uintptr(hash&r.mask)*r.width))
		}
	}
	t.touched = touched
}

// resolve finds or inserts the cells of the rows begin to end, of a call that began with row from. It returns the index
// of the first that it did not, or end.
func (t *table) resolve(b *batch.Batch, from, begin, end int, cells [][]byte) int {
	size, window := t.descriptor.CellBytes, int64(0)
	narrow := uintptr(narrowWords+t.cellWords) * 8
	keys, offsets := b.Keys.Buf, b.Keys.Off
	for i := begin; i < end; i++ {
		hash := b.Hash[i]
		if t.windowed {
			window = b.Window[i]
		}
		g := state.KeyGroup(hash, t.maxParallelism) - t.first
		r := &t.current[g]
		if (r.words == nil || r.window != window) && !t.prepare(g, window, i > from) {
			return i
		}
		key := keys[offsets[i]:offsets[i+1]]
		var cell unsafe.Pointer
		switch {
		case r.width == narrow && len(key) == 8:
			cell = probeNarrow(r, hash, ^binary.LittleEndian.Uint64(key))
		case r.width != narrow && len(key) <= inlineMax:
			first, last := pack(key)
			cell = probeWide(r, hash, first, last)
		}
		if cell == nil {
			if cell = t.insert(g, hash, key, i > from); cell == nil {
				return i
			}
		}
		cells[i] = unsafe.Slice((*byte)(cell), size)
	}
	return end
}

// probeNarrow and probeWide return the cell of a short key in recent slots, or nil. They are find without checks of
// bounds: the mask keeps every slot inside.
func probeNarrow(r *recent, hash, word uint64) unsafe.Pointer {
	for i := hash & r.mask; ; i = (i + 1) & r.mask {
		slot := unsafe.Add(r.words, uintptr(i)*r.width)
		switch *(*uint64)(slot) {
		case 0: // first, because the word of a key that does not fit is 0 too
			return nil
		case word:
			return unsafe.Add(slot, 8*narrowWords)
		}
	}
}

func probeWide(r *recent, hash, first, last uint64) unsafe.Pointer {
	for i := hash & r.mask; ; i = (i + 1) & r.mask {
		slot := unsafe.Add(r.words, uintptr(i)*r.width)
		switch *(*uint64)(unsafe.Add(slot, 8)) {
		case 0:
			return nil
		case last:
			if *(*uint64)(slot) == first {
				return unsafe.Add(slot, 8*wideWords)
			}
		}
	}
}

// prepare makes the slots of a window in a group the recent ones, which may be written. With held set it does not if that
// would move cells, and returns false.
func (t *table) prepare(g int, window int64, held bool) bool {
	s := t.at(g, window)
	if held && s.epoch != t.epoch && t.backend.held(g, s.epoch) {
		return false
	}
	t.remember(g, t.own(g, s))
	return true
}

// insert finds a key in the recent slots of a group, or inserts it, and returns its cell. With held set it does not
// insert one for which cells would move, and returns nil.
func (t *table) insert(g int, hash uint64, key []byte, held bool) unsafe.Pointer {
	s := t.current[g].slots
	at, found := s.find(hash, key)
	if !found {
		if !s.fits(key) {
			if held {
				return nil
			}
			s.rebuild(key)
			t.remember(g, s)
			at, _ = s.find(hash, key)
		}
		s.insert(at, hash, key)
		t.keyWords = s.keyWords
		t.n++
	}
	return unsafe.Pointer(&s.words[at+s.keyWords])
}
