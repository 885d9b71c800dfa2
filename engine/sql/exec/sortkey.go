package exec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/weirstream/weir/engine/batch"
)

// The sort key of a value orders encodings as bytes like the values themselves, and says where it ends: a byte that is 0 for a NULL
// which comes first, 1 for a value, 2 for a NULL which comes last; and the value. INT and DATE have 4 bytes, BIGINT and TIMESTAMP 8,
// big-endian with the sign flipped; BOOLEAN has 1; DOUBLE has its 8 bytes, flipped so that -0.0 comes before 0.0 and NaN last; STRING
// has its bytes, with 00 FF for each 00, and 00 00. Where the order is descending the bytes of the value, not the first, are
// complemented. State on storage is in this order, so the encoding never changes.

const (
	nullFirst = iota
	notNull
	nullLast
)

// ordering is how a column is ordered.
type ordering struct {
	descending, nullsLast bool
}

// appendSorted appends the sort key of row i of a column.
func appendSorted(dst []byte, v batch.Vector, i int, o ordering) []byte {
	if v.Null(i) {
		if o.nullsLast {
			return append(dst, nullLast)
		}
		return append(dst, nullFirst)
	}
	dst = append(dst, notNull)
	from := len(dst)
	switch v := v.(type) {
	case *batch.Strings:
		for _, b := range v.At(i) {
			if dst = append(dst, b); b == 0 {
				dst = append(dst, 0xff)
			}
		}
		dst = append(dst, 0, 0)
	case *batch.Fixed[int64]:
		dst = binary.BigEndian.AppendUint64(dst, uint64(v.V[i])^1<<63)
	case *batch.Fixed[int32]:
		dst = binary.BigEndian.AppendUint32(dst, uint32(v.V[i])^1<<31)
	case *batch.Fixed[float64]:
		dst = binary.BigEndian.AppendUint64(dst, sortedFloat(v.V[i]))
	case *batch.Fixed[bool]:
		if v.V[i] {
			dst = append(dst, 1)
		} else {
			dst = append(dst, 0)
		}
	default:
		panic(fmt.Sprintf("a column of type %T is ordered", v))
	}
	if o.descending {
		complement(dst[from:])
	}
	return dst
}

func complement(b []byte) {
	for k := range b {
		b[k] = ^b[k]
	}
}

// sortedFloat is a word in the order of the values.
func sortedFloat(f float64) uint64 {
	if f != f {
		f = math.NaN()
	}
	w := math.Float64bits(f)
	if w>>63 != 0 {
		return ^w
	}
	return w | 1<<63
}

func floatOf(w uint64) float64 {
	if w>>63 != 0 {
		return math.Float64frombits(w &^ (1 << 63))
	}
	return math.Float64frombits(^w)
}

var errSortKeyShort = errors.New("a sort key of the state is cut short")

// sortedEnd returns the length of the sort key at the beginning of b, of a column like v.
func sortedEnd(b []byte, v batch.Vector, o ordering) (int, error) {
	if len(b) == 0 {
		return 0, errSortKeyShort
	}
	if b[0] != notNull {
		return 1, nil
	}
	end := 1 + keyWidth(v)
	if _, text := v.(*batch.Strings); text {
		zero := byte(0)
		if o.descending {
			zero = 0xff
		}
		for end = 1; ; end++ {
			if end+1 >= len(b) {
				return 0, errSortKeyShort
			}
			if b[end] == zero {
				if end++; b[end] == zero {
					return end + 1, nil
				}
			}
		}
	}
	if end > len(b) {
		return 0, errSortKeyShort
	}
	return end, nil
}

// decodeSorted appends the value of an ascending sort key, which is all of b.
func decodeSorted(b []byte, v batch.Vector) error {
	end, err := sortedEnd(b, v, ordering{})
	if err != nil {
		return err
	}
	if err := ended(b[end:]); err != nil {
		return err
	}
	if b[0] != notNull {
		v.AppendNull()
		return nil
	}
	b = b[1:]
	switch v := v.(type) {
	case *batch.Strings:
		b = b[:len(b)-2]
		for i := 0; i < len(b); i++ {
			v.Buf = append(v.Buf, b[i])
			if b[i] == 0 {
				i++ // the mark behind it
			}
		}
		v.SealValue()
	case *batch.Fixed[int64]:
		v.Append(int64(binary.BigEndian.Uint64(b) ^ 1<<63))
	case *batch.Fixed[int32]:
		v.Append(int32(binary.BigEndian.Uint32(b) ^ 1<<31))
	case *batch.Fixed[float64]:
		v.Append(floatOf(binary.BigEndian.Uint64(b)))
	case *batch.Fixed[bool]:
		v.Append(b[0] == 1)
	}
	return nil
}
