package exec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/weirstream/weir/engine/batch"
)

// A row in the state is a bit for each column, 1 where it is NULL, from the lowest bit of the first byte on; and the values of the others:
// INT and DATE in 4 bytes, BIGINT and TIMESTAMP in 8, DOUBLE in the 8 bytes of its bits, every NaN as the same; BOOLEAN in 1; STRING as
// its length (uvarint) and its bytes. Equal rows have equal encodings, and state on storage is found by them, so the encoding never
// changes.

// appendRow appends row i of some columns.
func appendRow(dst []byte, columns []batch.Vector, i int) []byte {
	nulls := len(dst)
	for range (len(columns) + 7) / 8 {
		dst = append(dst, 0)
	}
	for c, v := range columns {
		if v.Null(i) {
			dst[nulls+c/8] |= 1 << (c % 8)
			continue
		}
		if f, ok := v.(*batch.Fixed[float64]); ok {
			x := f.V[i]
			if x != x {
				x = math.NaN()
			}
			dst = binary.BigEndian.AppendUint64(dst, math.Float64bits(x))
			continue
		}
		dst = appendValue(dst, v, i)
	}
	return dst
}

var errRowShort = errors.New("a row of the state is cut short")

// decodeRow appends a row to columns.
func decodeRow(row []byte, columns []batch.Vector) error {
	n := (len(columns) + 7) / 8
	if len(row) < n {
		return errRowShort
	}
	nulls, rest := row[:n], row[n:]
	for c, v := range columns {
		if nulls[c/8]&(1<<(c%8)) != 0 {
			v.AppendNull()
			continue
		}
		var err error
		if rest, err = decodeValue(rest, v); err != nil {
			return errRowShort
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("a row of the state has %d bytes too many", len(rest))
	}
	return nil
}
