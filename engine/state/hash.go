package state

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/engine/batch"
)

// HashKeys returns the hash of each encoded key, xxh3-64, in the memory of dst.
func HashKeys(dst []uint64, keys *batch.Bytes) []uint64 {
	n := keys.Len()
	dst = slices.Grow(dst[:0], n)[:n]
	if n == 0 {
		return dst
	}
	buf, ends := keys.Buf, keys.Off[1:n+1]
	from := keys.Off[0]
	for i, end := range ends {
		key := buf[from:end]
		if len(key) == 8 {
			dst[i] = HashWord(binary.LittleEndian.Uint64(key))
		} else {
			dst[i] = xxh3.Hash(key)
		}
		from = end
	}
	return dst
}

// HashWord is the xxh3-64 hash of eight bytes, given as a little-endian word. It is the case of 4 to 8 bytes without a
// seed of the xxHash specification (Y. Collet, doc/xxhash_spec.md, "XXH3 algorithm overview"), small enough for the
// compiler to put it into the loops over integer keys.
func HashWord(key uint64) uint64 {
	const (
		flip  = 0x1cad21f72c81017c ^ 0xdb979083e96dd4de // bytes 8 to 24 of the default secret
		prime = 0x9fb21c651e98df25                      // PRIME_MX2
	)
	h := bits.RotateLeft64(key, 32) ^ flip
	h ^= bits.RotateLeft64(h, 49) ^ bits.RotateLeft64(h, 24)
	h *= prime
	h ^= h>>35 + 8
	h *= prime
	return h ^ h>>28
}
