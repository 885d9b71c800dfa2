package heap

import (
	"encoding/binary"
	"unsafe"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/state"
)

// ahead is for how many rows the first slots are read before any is looked at. These reads do not depend on each other,
// so that the cache misses overlap, which those of the probes, each with a branch behind it that nobody can predict,
// hardly do. Measured with 1 M keys: half the time per row.
const ahead = 32

// place is where the probe of a row begins.
type place struct {
	slot  unsafe.Pointer // nil: the row's window is not the recent one of its group
	first uint64         // the slot's first word
	width uintptr        // bytes of the slot
	mark  *uint64        // the word of the slot's mark, and which bit it is; nil: the table is not marked
	bit   uint64
}

// Resolve finds or inserts the cells of a prefix of the rows. It ends before a row that makes cells move, which may be
// ones that it has handed out.
func (t *table) Resolve(b *batch.Batch, from int, cells [][]byte) int {
	n := len(b.Hash)
	if from >= n {
		return n
	}
	size := t.descriptor.CellBytes
	cells[from] = unsafe.Slice((*byte)(t.find(b, from, false)), size) // the only one that may move cells
	for begin := from + 1; begin < n; begin += ahead {
		end := min(begin+ahead, n)
		if to := t.resolve(b, begin, end, cells); to < end {
			return to
		}
	}
	return n
}

// resolve finds or inserts the cells of the rows begin to end, at most ahead of them, and moves none. It returns the index
// of the first that it did not, or end. As no cell moves, a place stays valid while other rows are inserted.
func (t *table) resolve(b *batch.Batch, begin, end int, cells [][]byte) int {
	switch {
	case !t.wide && !t.marked:
		return t.resolveSmall(b, begin, end, cells)
	case !t.wide:
		return t.resolveNarrow(b, begin, end, cells)
	}
	var places [ahead]place
	current, first, groups := t.current, t.first, t.maxParallelism
	hashes := b.Hash[begin:end]
	for k, hash := range hashes {
		r := &current[state.KeyGroup(hash, groups)-first]
		p := &places[k%ahead]
		if r.words == nil || t.windowed && r.window != b.Window[begin+k] {
			p.slot = nil
			continue
		}
		slot := hash & r.mask
		p.slot, p.width = unsafe.Add(r.words, uintptr(slot)*r.width), r.width
		p.first, p.mark = *(*uint64)(p.slot), nil
		if r.marks != nil {
			p.mark, p.bit = markWord(r, slot), 1<<(slot%64)
		}
	}

	size := t.descriptor.CellBytes
	narrow := uintptr(narrowWords+t.cellWords) * 8
	keys, from, ends := b.Keys.Buf, b.Keys.Off[begin], b.Keys.Off[begin+1:end+1]
	out := cells[begin:end]
	for k := range hashes {
		p := &places[k%ahead]
		key := keys[from:ends[k]]
		from = ends[k]
		var cell unsafe.Pointer
		switch {
		case p.slot == nil:
		case p.width == narrow && len(key) == 8:
			if word := ^binary.LittleEndian.Uint64(key); word == p.first && word != 0 {
				cell = unsafe.Add(p.slot, 8*narrowWords)
			}
		case p.width != narrow && len(key) <= inlineMax:
			// Both words are read now: p.first may be from before another row of the batch took the slot, and a free slot's zero
			// begins keys as well.
			if first, last := pack(key); first == *(*uint64)(p.slot) && last == *(*uint64)(unsafe.Add(p.slot, 8)) {
				cell = unsafe.Add(p.slot, 8*wideWords)
			}
		}
		if cell == nil {
			if cell = t.find(b, begin+k, true); cell == nil {
				return begin + k
			}
		} else if p.mark != nil {
			*p.mark |= p.bit
		}
		out[k] = unsafe.Slice((*byte)(cell), size)
	}
	return end
}

// resolveNarrow is resolve where no table is wide, as with integer keys: it asks less of each row, which pays for the marks. A table
// with marks has at least eight slots, so that a slot has the bit of its hash in the byte of its mark.
func (t *table) resolveNarrow(b *batch.Batch, begin, end int, cells [][]byte) int {
	var places [ahead]struct {
		slot  unsafe.Pointer
		first uint64
		mark  *uint8
	}
	current, first, groups := t.current, t.first, t.maxParallelism
	hashes := b.Hash[begin:end]
	for k, hash := range hashes {
		r := &current[state.KeyGroup(hash, groups)-first]
		p := &places[k%ahead]
		if r.words == nil || t.windowed && r.window != b.Window[begin+k] {
			p.slot = nil
			continue
		}
		slot := hash & r.mask
		p.slot = unsafe.Add(r.words, uintptr(slot)*r.width)
		p.first, p.mark = *(*uint64)(p.slot), nil
		if r.marks != nil {
			p.mark = (*uint8)(unsafe.Add(r.marks, slot/8))
		}
	}

	size := t.descriptor.CellBytes
	keys, from, ends := b.Keys.Buf, b.Keys.Off[begin], b.Keys.Off[begin+1:end+1]
	out := cells[begin:end]
	for k := range hashes {
		p := &places[k%ahead]
		key := keys[from:ends[k]]
		from = ends[k]
		if p.slot != nil && len(key) == 8 {
			if word := ^binary.LittleEndian.Uint64(key); word == p.first && word != 0 {
				if p.mark != nil {
					*p.mark |= 1 << (hashes[k] % 8)
				}
				out[k] = unsafe.Slice((*byte)(unsafe.Add(p.slot, 8*narrowWords)), size)
				continue
			}
		}
		cell := t.find(b, begin+k, true)
		if cell == nil {
			return begin + k
		}
		out[k] = unsafe.Slice((*byte)(cell), size)
	}
	return end
}

// resolveSmall is resolveNarrow where no table is marked. It stands by itself, and not as a branch in there: to set marks, or to ask for each row
// whether to, would be a tenth of what one costs whose cell is in the processor's cache.
func (t *table) resolveSmall(b *batch.Batch, begin, end int, cells [][]byte) int {
	var places [ahead]struct {
		slot  unsafe.Pointer
		first uint64
	}
	current, first, groups := t.current, t.first, t.maxParallelism
	hashes := b.Hash[begin:end]
	for k, hash := range hashes {
		r := &current[state.KeyGroup(hash, groups)-first]
		p := &places[k%ahead]
		if r.words == nil || t.windowed && r.window != b.Window[begin+k] {
			p.slot = nil
			continue
		}
		slot := hash & r.mask
		p.slot = unsafe.Add(r.words, uintptr(slot)*r.width)
		p.first = *(*uint64)(p.slot)
	}

	size := t.descriptor.CellBytes
	keys, from, ends := b.Keys.Buf, b.Keys.Off[begin], b.Keys.Off[begin+1:end+1]
	out := cells[begin:end]
	for k := range hashes {
		p := &places[k%ahead]
		key := keys[from:ends[k]]
		from = ends[k]
		if p.slot != nil && len(key) == 8 {
			if word := ^binary.LittleEndian.Uint64(key); word == p.first && word != 0 {
				out[k] = unsafe.Slice((*byte)(unsafe.Add(p.slot, 8*narrowWords)), size)
				continue
			}
		}
		cell := t.find(b, begin+k, true)
		if cell == nil {
			return begin + k
		}
		out[k] = unsafe.Slice((*byte)(cell), size)
	}
	return end
}

// find finds or inserts the cell of a row. With held set it does not if that would move cells, and returns nil.
func (t *table) find(b *batch.Batch, i int, held bool) unsafe.Pointer {
	hash, window := b.Hash[i], int64(0)
	if t.windowed {
		window = b.Window[i]
	}
	g := state.KeyGroup(hash, t.maxParallelism) - t.first
	r := &t.current[g]
	if (r.words == nil || r.window != window) && !t.prepare(g, window, held) {
		return nil
	}
	key := b.Keys.At(i)
	narrow := uintptr(narrowWords+t.cellWords) * 8
	var cell unsafe.Pointer
	switch {
	case r.width == narrow && len(key) == 8:
		cell = probeNarrow(r, hash, ^binary.LittleEndian.Uint64(key))
	case r.width != narrow && len(key) <= inlineMax:
		first, last := pack(key)
		cell = probeWide(r, hash, first, last)
	}
	if cell == nil {
		cell = t.insert(g, hash, key, held)
	}
	return cell
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
			r.mark(i)
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
				r.mark(i)
				return unsafe.Add(slot, 8*wideWords)
			}
		}
	}
}

// mark is slots.mark.
func (r *recent) mark(i uint64) {
	if r.marks != nil {
		*markWord(r, i) |= 1 << (i % 64)
	}
}

// markWord returns where the mark of a slot is: its bit i%64.
func markWord(r *recent, i uint64) *uint64 { return (*uint64)(unsafe.Add(r.marks, uintptr(i/64)*8)) }

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
	slot, found := s.find(hash, key)
	if !found {
		if !s.fits(key) {
			if held {
				return nil
			}
			s.rebuild(key)
			t.remember(g, s)
			slot, _ = s.find(hash, key) // it is still not there: this is where it goes
		}
		s.insert(slot, hash, key)
		t.keyWords, t.wide = s.keyWords, t.wide || s.keyWords == wideWords
		t.n++
	}
	s.mark(slot)
	return unsafe.Pointer(&s.words[int(slot)*s.stride+s.keyWords])
}
