package jsonl

import (
	"encoding/binary"
	"math/bits"
)

// Text is looked at eight bytes at a time, as a number whose lowest byte is the first. How long short strings and numbers are
// is hard to predict for a processor; so their end is computed from such a word, without a branch for each byte.
const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
	zeros = '0' * ones
)

// word returns the eight bytes from p on, with 0 for those behind the end of b.
func word(b []byte, p int) uint64 {
	if p >= 0 && p <= len(b)-8 {
		return binary.LittleEndian.Uint64(b[p : p+8])
	}
	return lastWord(b, p)
}

func lastWord(b []byte, p int) uint64 {
	if len(b) >= 8 {
		return binary.LittleEndian.Uint64(b[len(b)-8:]) >> (8 * (p - (len(b) - 8)))
	}
	var w [8]byte
	copy(w[:], b[p:])
	return binary.LittleEndian.Uint64(w[:])
}

// special marks the bytes of a word that cannot stand in a string as they are, a quote, a backslash or a control character,
// by their highest bit. Only the lowest mark is exact: the bytes above a special one may have marks without reason.
func special(word uint64) uint64 {
	quote, slash := word^'"'*ones, word^'\\'*ones
	return ((quote-ones)&^quote | (slash-ones)&^slash | (word-' '*ones)&^word) & highs
}

// lowest is the number of the lowest byte of a word that is not 0; 8: all are.
func lowest(word uint64) int { return bits.TrailingZeros64(word) >> 3 }

// leadingDigits says how many digits a word of text begins with, and what number they are.
func leadingDigits(text uint64) (n int, v uint64) {
	x := text ^ zeros
	n = lowest((x | (x + (0x80-10)*ones)) & highs) // what is ten or more is no digit
	return n, joined(x << (8 * (8 - n)))
}

// joined is the number of eight digits, the first in the lowest byte. Each step joins neighbours: to four numbers below 100,
// then to two below 10^4 and, at once, to the whole.
func joined(digits uint64) uint64 {
	digits = digits*10 + digits>>8
	const first, second = 100 + 1000000<<32, 1 + 10000<<32
	return (digits&0x000000ff000000ff*first + digits>>16&0x000000ff000000ff*second) >> 32
}

// split is the opposite of joined, for a number below 10^8. Each step halves numbers: v*5243>>19 is
// v/100 below 10^4, and v*103>>10 is v/10 below 100.
func split(v uint64) uint64 {
	v = v/10000 | v%10000<<32
	hundreds := v * 5243 >> 19 & 0x0000007f0000007f
	v = hundreds | (v-hundreds*100)<<16
	tens := v * 103 >> 10 & 0x000f000f000f000f
	return tens | (v-tens*10)<<8
}
