package exec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/weirstream/weir/engine/batch"
)

// The key of a row is the encoding of its group columns one after the other: a byte 0 for NULL, or a byte 1 and the value:
// INT and DATE in 4 bytes, BIGINT, TIMESTAMP and DOUBLE in 8, big-endian; BOOLEAN in 1; STRING as its length (uvarint) and
// its bytes. The key of a single column of fixed width is the value alone, and empty for NULL: a BIGINT has eight bytes,
// for which hashes and tables are fastest. Equal values have equal encodings: -0.0 is written as 0.0, and every NaN as the
// same. The key decides the key group of state that is on storage, so this encoding never changes.

// alone tells whether a key of these columns is its value without the byte for NULL.
func alone(columns []batch.Vector) bool {
	if len(columns) != 1 {
		return false
	}
	_, text := columns[0].(*batch.Strings)
	return !text
}

// appendKey appends the value of row i of a column, or that it is NULL.
func appendKey(dst []byte, v batch.Vector, i int) []byte {
	if v.Null(i) {
		return append(dst, 0)
	}
	return appendValue(append(dst, 1), v, i)
}

// appendValue appends the value of row i of a column, which is not NULL there.
func appendValue(dst []byte, v batch.Vector, i int) []byte {
	switch v := v.(type) {
	case *batch.Strings:
		s := v.At(i)
		dst = binary.AppendUvarint(dst, uint64(len(s)))
		return append(dst, s...)
	case *batch.Fixed[int64]:
		return binary.BigEndian.AppendUint64(dst, uint64(v.V[i]))
	case *batch.Fixed[int32]:
		return binary.BigEndian.AppendUint32(dst, uint32(v.V[i]))
	case *batch.Fixed[float64]:
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(canonical(v.V[i])))
	case *batch.Fixed[bool]:
		if v.V[i] {
			return append(dst, 1)
		}
		return append(dst, 0)
	}
	panic(fmt.Sprintf("a key column of type %T", v))
}

func canonical(f float64) float64 {
	if f != f {
		return math.NaN()
	}
	return f + 0 // -0.0 + 0 is 0.0
}

var errKeyShort = errors.New("a key of the state is cut short")

// decodeKey appends the values of a key to columns, in the order of their encoding.
func decodeKey(key []byte, columns []batch.Vector) error {
	if alone(columns) {
		return decodeAlone(key, columns[0])
	}
	for _, v := range columns {
		var err error
		if key, err = decodeField(key, v); err != nil {
			return err
		}
	}
	return ended(key)
}

// decodeAlone appends the value of a key of one column of fixed width.
func decodeAlone(key []byte, v batch.Vector) error {
	if len(key) == 0 {
		v.AppendNull()
		return nil
	}
	rest, err := decodeValue(key, v)
	if err != nil {
		return err
	}
	return ended(rest)
}

func ended(rest []byte) error {
	if len(rest) > 0 {
		return fmt.Errorf("a key of the state has %d bytes too many", len(rest))
	}
	return nil
}

// decodeField appends what appendKey has written.
func decodeField(key []byte, v batch.Vector) (rest []byte, err error) {
	if len(key) == 0 {
		return nil, errKeyShort
	}
	null := key[0] == 0
	if key = key[1:]; null {
		v.AppendNull()
		return key, nil
	}
	return decodeValue(key, v)
}

// decodeValue appends what appendValue has written.
func decodeValue(key []byte, v batch.Vector) (rest []byte, err error) {
	width := keyWidth(v)
	if s, ok := v.(*batch.Strings); ok {
		n, used := binary.Uvarint(key)
		if used <= 0 || n > uint64(len(key)-used) {
			return nil, errKeyShort
		}
		s.Append(key[used : used+int(n)])
		return key[used+int(n):], nil
	}
	if len(key) < width {
		return nil, errKeyShort
	}
	switch v := v.(type) {
	case *batch.Fixed[int64]:
		v.Append(int64(binary.BigEndian.Uint64(key)))
	case *batch.Fixed[int32]:
		v.Append(int32(binary.BigEndian.Uint32(key)))
	case *batch.Fixed[float64]:
		v.Append(math.Float64frombits(binary.BigEndian.Uint64(key)))
	case *batch.Fixed[bool]:
		v.Append(key[0] == 1)
	}
	return key[width:], nil
}

// keyWidth is the number of bytes of a value of fixed width.
func keyWidth(v batch.Vector) int {
	switch v.(type) {
	case *batch.Fixed[int32]:
		return 4
	case *batch.Fixed[bool]:
		return 1
	}
	return 8
}
