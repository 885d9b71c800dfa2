package heap

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"unsafe"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/engine/state"
)

// A slot is the words that hold the key, then those of the cell. A table is narrow as long as all of its keys have eight
// bytes, as integers have; the first other key makes it wide.
//
//	narrow                one word: the complement of the key. A key of eight bytes 0xff does not fit.
//	wide, key <= 15 bytes two words: the bytes, little endian; the top byte of the second is the length plus one
//	wide, longer key      two words: the hash; 0xff in the top byte of the second, below it the place in the arena
//
// A slot whose last key word is zero is free. The bytes of a short key in a wide table lie in memory as they are (on the
// little-endian machines that Weir runs on), so that it is handed out without a copy.
const (
	narrowWords = 1
	wideWords   = 2
	inlineMax   = 15
	topShift    = 56
	longMark    = uint64(0xff) << topShift
	placeMask   = uint64(1)<<topShift - 1

	minCapacity = 4 // slots
	// unmarked is up to how many slots a table counts as changed whole: so few are not worth to be told apart in a checkpoint, and
	// to mark them would be a tenth of what it costs to find a row's cell, as they are in the processor's cache.
	unmarked = 16
	// minGarbage is how many bytes of deleted keys an arena may hold whatever its size.
	minGarbage = 4096
)

// slots is the open-addressing table of one key group in one window: linear probing, at most half full, without
// tombstones. It holds no pointers but those to its two buffers, so that the garbage collector has nothing to scan.
type slots struct {
	words     []uint64
	keyWords  int // narrowWords or wideWords
	cellWords int
	stride    int    // words of a slot
	mask      uint64 // number of slots - 1
	count     int    // slots in use
	limit     int    // count at which it must grow
	epoch     int64  // the last in which it was written; see versions
	born      int64  // the epoch in which it was made
	window    int64
	index     *windowIndex // nil: the state has no windows

	// marks has a bit for each slot: the key was inserted, or its cell handed out, in epoch. older has those
	// of epochs before, up to olderEpoch. What a checkpoint has is forgotten when the table is next written (turn).
	// While a table is not marked they mean nothing, and may be set or not.
	marks, older []uint64
	olderEpoch   int64
	few          [2]uint64 // where they are of 64 slots or fewer

	arena   []byte // long keys, each behind its length as an unsigned varint
	garbage int    // bytes of the arena that belong to deleted keys
}

func newSlots(capacity, keyWords, cellWords int) *slots {
	s := &slots{cellWords: cellWords}
	s.allocate(capacity, keyWords)
	return s
}

func (s *slots) allocate(capacity, keyWords int) {
	s.keyWords, s.stride = keyWords, keyWords+s.cellWords
	s.mask = uint64(capacity - 1)
	s.limit = max(capacity/2, minCapacity*3/4)
	s.words = make([]uint64, capacity*s.stride)
	s.allocateMarks()
}

// allocateMarks makes marks that are not set. They are not in the memory of words, whose size is that of a class of the allocator.
func (s *slots) allocateMarks() {
	s.few = [2]uint64{}
	buffer := s.few[:]
	n := (s.capacity() + 63) / 64
	if n > 1 {
		buffer = make([]uint64, 2*n)
	}
	s.marks, s.older = buffer[:n:n], buffer[n:]
}

func (s *slots) capacity() int { return int(s.mask) + 1 }

// marked tells whether the table knows which of its cells were changed: not a small one, and none in the epoch in which it was made, as
// all of its keys came in that.
func (s *slots) marked() bool { return s.mask >= unmarked && s.born != s.epoch }

// clone copies the table. The arena is only ever appended to, so its bytes are shared.
func (s *slots) clone() *slots {
	c := *s
	c.words = append([]uint64(nil), s.words...)
	c.allocateMarks()
	copy(c.marks, s.marks)
	copy(c.older, s.older)
	c.arena = s.arena[:len(s.arena):len(s.arena)]
	return &c
}

// mark notes that the cell of a slot may be changed in this epoch.
func (s *slots) mark(slot uint64) {
	if s.marked() {
		s.marks[slot/64] |= 1 << (slot % 64)
	}
}

// turn begins an epoch: all that was changed up to epoch based is in a complete checkpoint.
func (s *slots) turn(epoch, based int64) {
	if s.epoch <= based {
		clear(s.older)
		s.olderEpoch = 0
	} else {
		for i := range s.older {
			s.older[i] = s.changed(i, based)
		}
		s.olderEpoch = s.epoch
	}
	clear(s.marks)
	s.epoch = epoch
}

// changed returns the slots, 64 from i*64 on, that were changed after epoch based.
func (s *slots) changed(i int, based int64) uint64 {
	switch {
	case s.epoch <= based:
		return 0
	case !s.marked():
		return s.inUse(i)
	case s.olderEpoch <= based:
		return s.marks[i]
	default:
		return s.marks[i] | s.older[i]
	}
}

// inUse returns which slots, 64 from i*64 on, are in use.
func (s *slots) inUse(i int) (slots uint64) {
	words := s.words[i*64*s.stride:]
	for slot, at := 0, 0; slot < 64 && at < len(words); slot, at = slot+1, at+s.stride {
		if words[at+s.keyWords-1] != 0 {
			slots |= 1 << slot
		}
	}
	return slots
}

// changes is how many cells were changed after epoch based.
func (s *slots) changes(based int64) int {
	if s.epoch <= based {
		return 0
	}
	n := 0
	for i := range s.marks {
		n += bits.OnesCount64(s.changed(i, based))
	}
	return n
}

// moveMarks gives a slot the marks of another, which loses them.
func (s *slots) moveMarks(to, from uint64) {
	for _, marks := range [...][]uint64{s.marks, s.older} {
		bit := marks[from/64] >> (from % 64) & 1
		marks[from/64] &^= 1 << (from % 64)
		marks[to/64] = marks[to/64]&^(1<<(to%64)) | bit<<(to%64)
	}
}

// keyWordsFor returns what kind of table a key needs at least.
func keyWordsFor(key []byte) int {
	if len(key) == 8 && binary.LittleEndian.Uint64(key) != math.MaxUint64 {
		return narrowWords
	}
	return wideWords
}

// pack returns the two words of a short key.
func pack(key []byte) (uint64, uint64) {
	n := len(key)
	top := uint64(n+1) << topShift
	switch {
	case n >= 8:
		return binary.LittleEndian.Uint64(key), binary.LittleEndian.Uint64(key[n-8:])>>(uint(16-n)*8) | top
	case n >= 4:
		low, high := uint64(binary.LittleEndian.Uint32(key)), uint64(binary.LittleEndian.Uint32(key[n-4:]))
		return low | high<<(uint(n-4)*8), top
	case n > 0:
		return uint64(key[0]) | uint64(key[n/2])<<(uint(n/2)*8) | uint64(key[n-1])<<(uint(n-1)*8), top
	}
	return 0, top
}

// find returns the key's slot, or the free one that it would take if it fits.
func (s *slots) find(hash uint64, key []byte) (slot uint64, found bool) {
	if s.keyWords < keyWordsFor(key) {
		return 0, false
	}
	if len(key) > inlineMax {
		return s.findLong(hash, key)
	}
	k0, k1 := s.short(key)
	last := s.keyWords - 1
	for i := hash & s.mask; ; i = (i + 1) & s.mask {
		at := int(i) * s.stride
		w := s.words[at : at+s.keyWords : at+s.keyWords]
		if w[0] == k0 && w[last] == k1 {
			return i, true
		}
		if w[last] == 0 {
			return i, false
		}
	}
}

// short returns the first and the last word of a short key that fits.
func (s *slots) short(key []byte) (first, last uint64) {
	if s.keyWords == narrowWords {
		w := ^binary.LittleEndian.Uint64(key)
		return w, w
	}
	return pack(key)
}

func (s *slots) findLong(hash uint64, key []byte) (slot uint64, found bool) {
	for i := hash & s.mask; ; i = (i + 1) & s.mask {
		at := int(i) * s.stride
		if s.words[at+1] == 0 {
			return i, false
		}
		if s.words[at+1]&longMark == longMark && s.words[at] == hash && bytes.Equal(s.key(at, nil), key) {
			return i, true
		}
	}
}

// fits tells whether a key can be inserted before a rebuild, which moves all cells.
func (s *slots) fits(key []byte) bool {
	return s.count < s.limit && s.keyWords >= keyWordsFor(key) && s.garbage <= max(minGarbage, len(s.arena)/2)
}

// insert puts a key into a free slot that find returned; the key must fit.
func (s *slots) insert(slot, hash uint64, key []byte) {
	at := int(slot) * s.stride
	if len(key) <= inlineMax {
		first, last := s.short(key)
		s.words[at], s.words[at+s.keyWords-1] = first, last
	} else {
		s.words[at], s.words[at+1] = hash, longMark|uint64(len(s.arena))
		s.arena = append(binary.AppendUvarint(s.arena, uint64(len(key))), key...)
	}
	s.count++
	if s.index != nil {
		s.index.cells++
	}
}

// used tells whether a slot holds a key.
func (s *slots) used(at int) bool { return s.words[at+s.keyWords-1] != 0 }

// long tells whether a slot in use holds a key in the arena.
func (s *slots) long(at int) bool {
	return s.keyWords == wideWords && s.words[at+1]&longMark == longMark
}

// key returns the key of a slot in use; it may lie in buffer.
func (s *slots) key(at int, buffer *[8]byte) []byte {
	switch {
	case s.keyWords == narrowWords:
		binary.LittleEndian.PutUint64(buffer[:], ^s.words[at])
		return buffer[:]
	case s.long(at):
		place := int(s.words[at+1] & placeMask)
		n, size := binary.Uvarint(s.arena[place:])
		return s.arena[place+size : place+size+int(n)]
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&s.words[at])), int(s.words[at+1]>>topShift)-1)
}

func (s *slots) hash(at int) uint64 {
	switch {
	case s.keyWords == narrowWords:
		return state.HashWord(^s.words[at])
	case s.long(at):
		return s.words[at]
	}
	return xxh3.Hash(s.key(at, nil))
}

// cell returns the cell of a slot. It is aligned to eight bytes.
func (s *slots) cell(at, size int) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&s.words[at+s.keyWords])), size)
}

// rebuild moves everything to new buffers of the kind and capacity that the entries and one more key need, leaving
// garbage behind.
func (s *slots) rebuild(key []byte) {
	capacity := s.capacity()
	if s.count >= s.limit {
		capacity *= 2
	}
	s.move(capacity, max(s.keyWords, keyWordsFor(key)))
}

// shrinkFrom is the capacity up to which a table is not worth making smaller.
const shrinkFrom = 64

// shrink moves everything to smaller buffers if nearly all of the present ones is free, and says whether it has.
func (s *slots) shrink() bool {
	capacity := s.capacity()
	if capacity <= shrinkFrom || s.count > capacity/16 {
		return false
	}
	for capacity > shrinkFrom && s.count <= capacity/8 {
		capacity /= 2
	}
	s.move(capacity, s.keyWords)
	return true
}

// move moves everything to new buffers, which are large enough.
func (s *slots) move(capacity, keyWords int) {
	from := *s
	if len(from.marks) == 1 {
		from.marks, from.older = from.few[:1], from.few[1:] // those of s are about to be cleared
	}
	if !from.marked() {
		from.marks[0] = from.inUse(0) // of a small one; of another nobody asks before it turns
	}
	s.allocate(capacity, keyWords)
	marked := s.marked()
	s.arena, s.garbage = nil, 0
	if live := len(from.arena) - from.garbage; live > 0 {
		s.arena = make([]byte, 0, live+live/2)
	}
	var buffer [8]byte
	for slot, at := uint64(0), 0; at < len(from.words); slot, at = slot+1, at+from.stride {
		if !from.used(at) {
			continue
		}
		place := s.free(from.hash(at))
		if marked {
			s.marks[place/64] |= from.marks[slot/64] >> (slot % 64) & 1 << (place % 64)
			s.older[place/64] |= from.older[slot/64] >> (slot % 64) & 1 << (place % 64)
		}
		to := int(place) * s.stride
		copy(s.words[to+s.keyWords:to+s.stride], from.words[at+from.keyWords:at+from.stride])
		switch {
		case from.long(at):
			s.words[to], s.words[to+1] = from.words[at], longMark|uint64(len(s.arena))
			key := from.key(at, &buffer)
			s.arena = append(binary.AppendUvarint(s.arena, uint64(len(key))), key...)
		case s.keyWords == from.keyWords:
			copy(s.words[to:to+s.keyWords], from.words[at:])
		default:
			s.words[to], s.words[to+1] = pack(from.key(at, &buffer))
		}
	}
}

// free returns the free slot that a new key with this hash takes.
func (s *slots) free(hash uint64) uint64 {
	i := hash & s.mask
	for s.used(int(i) * s.stride) {
		i = (i + 1) & s.mask
	}
	return i
}

// remove takes the key out of a slot and moves those behind it up, so that no probe meets a gap (Knuth, The Art of
// Computer Programming 3, section 6.4, algorithm R).
func (s *slots) remove(slot uint64) {
	if at := int(slot) * s.stride; s.long(at) {
		n := len(s.key(at, nil))
		s.garbage += n + (bits.Len(uint(n))+6)/7
	}
	gap := slot
	for i := (gap + 1) & s.mask; s.used(int(i) * s.stride); i = (i + 1) & s.mask {
		home := s.hash(int(i)*s.stride) & s.mask
		if (i-home)&s.mask < (i-gap)&s.mask {
			continue // its home lies behind the gap
		}
		copy(s.slot(gap), s.slot(i))
		s.moveMarks(gap, i)
		gap = i
	}
	clear(s.slot(gap))
	s.marks[gap/64] &^= 1 << (gap % 64)
	s.older[gap/64] &^= 1 << (gap % 64)
	s.count--
	if s.index != nil {
		s.index.cells--
	}
}

// reset empties the table and keeps its memory.
func (s *slots) reset() {
	clear(s.words)
	clear(s.marks)
	clear(s.older)
	s.count, s.index, s.arena, s.garbage, s.olderEpoch = 0, nil, nil, 0, 0
}

func (s *slots) slot(i uint64) []uint64 {
	at := int(i) * s.stride
	return s.words[at : at+s.stride]
}
