package exchange

import "math/bits"

// indexes is a set of numbers from 0 to below its size.
type indexes struct {
	words []uint64
}

func indexesBelow(n int) indexes { return indexes{make([]uint64, (n+63)/64)} }

func (s indexes) set(i int, in bool) {
	if in {
		s.words[i/64] |= 1 << (i % 64)
	} else {
		s.words[i/64] &^= 1 << (i % 64)
	}
}

// from returns the first member from start on, else the first of all; -1: it is empty.
func (s indexes) from(start int) int {
	for i := start / 64; i < len(s.words); i++ {
		w := s.words[i]
		if i == start/64 {
			w &= ^uint64(0) << (start % 64)
		}
		if w != 0 {
			return i*64 + bits.TrailingZeros64(w)
		}
	}
	for i, w := range s.words {
		if w != 0 {
			return i*64 + bits.TrailingZeros64(w)
		}
	}
	return -1
}
