// Package codectest holds what the tests of all text formats share: rows of every type, and whether two are equal.
package codectest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/types"
)

// Schema has one column of each type.
var Schema = types.Schema{
	{Name: "s", Type: types.String()},
	{Name: "b", Type: types.Boolean()},
	{Name: "i", Type: types.Int()},
	{Name: "l", Type: types.BigInt()},
	{Name: "d", Type: types.Double()},
	{Name: "day", Type: types.Date()},
	{Name: "ts", Type: types.Timestamp(3)},
}

// Text writes row i of c for people and comparisons: values in brackets, NULL where there is none.
func Text(c *batch.Columns, i int) string {
	var parts []string
	for _, v := range c.Cols {
		parts = append(parts, valueText(v, i))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// Rows is Text of all rows.
func Rows(c *batch.Columns) []string {
	rows := make([]string, c.N)
	for i := range rows {
		rows[i] = Text(c, i)
	}
	return rows
}

func valueText(v batch.Vector, i int) string {
	if v.Null(i) {
		return "NULL"
	}
	switch v := v.(type) {
	case *batch.Strings:
		return fmt.Sprintf("%q", v.At(i))
	case *batch.Fixed[bool]:
		return fmt.Sprint(v.V[i])
	case *batch.Fixed[int32]:
		return fmt.Sprint(v.V[i])
	case *batch.Fixed[int64]:
		return fmt.Sprint(v.V[i])
	case *batch.Fixed[float64]:
		if v.V[i] == 0 && math.Signbit(v.V[i]) {
			return "-0"
		}
		return fmt.Sprint(v.V[i])
	}
	return fmt.Sprintf("%T", v)
}

// Check tells how c breaks the rules of package batch, if it does.
func Check(c *batch.Columns) error {
	for i, v := range c.Cols {
		name := c.Schema.Fields[i].Name
		if v.Len() != c.N {
			return fmt.Errorf("column %s has %d values for %d rows", name, v.Len(), c.N)
		}
		if n := len(v.NullMask()); n != 0 && n != c.N {
			return fmt.Errorf("column %s has a mask of %d for %d rows", name, n, c.N)
		}
		if s, ok := v.(*batch.Strings); ok && s.Len() > 0 && int(s.Off[s.Len()]) != len(s.Buf) {
			return fmt.Errorf("column %s has bytes behind its last string", name)
		}
	}
	return nil
}

var texts = []string{"", "plain", "with, comma", `a "quoted" one`, `back\slash`, "tab\tand bell\a", "line\nfeed", "\r", "CRLF\r\n", "\ufeffmark", " #y", "\x00", "Grüße", "日本", "\U0001F600", "null", " spaces ", "#x", "0", "a longer one that is more than one word of eight bytes"}

var doubles = []float64{0, math.Copysign(0, -1), 1, -1.5, 1e-7, 1e300, 123456.789, math.MaxFloat64, math.SmallestNonzeroFloat64, math.NaN(), math.Inf(1), math.Inf(-1), 1 << 53, 0.1}

// Random returns rows of Schema, with values from the corners of each type and some NULLs.
func Random(rng *rand.Rand, rows int) *batch.Columns {
	c := batch.NewColumns(Schema.Layout())
	for range rows {
		for _, v := range c.Cols {
			if rng.IntN(6) == 0 {
				v.AppendNull()
				continue
			}
			switch v := v.(type) {
			case *batch.Strings:
				v.AppendString(texts[rng.IntN(len(texts))])
			case *batch.Fixed[bool]:
				v.Append(rng.IntN(2) == 0)
			case *batch.Fixed[float64]:
				v.Append(doubles[rng.IntN(len(doubles))])
			}
		}
		appendIntegers(rng, c)
		c.N++
	}
	return c
}

// appendIntegers completes the last row with values that each type can be written with: any integer, and dates of four-digit years.
func appendIntegers(rng *rand.Rand, c *batch.Columns) {
	for i, v := range c.Cols {
		if v.Len() > c.N {
			continue
		}
		switch v := v.(type) {
		case *batch.Fixed[int32]:
			if Schema[i].Type.Is(types.KindDate) {
				v.Append(int32(rng.IntN(3_600_000)) - 719_000)
			} else {
				v.Append(pick(rng, math.MinInt32, math.MaxInt32, int32(rng.Uint32())))
			}
		case *batch.Fixed[int64]:
			if Schema[i].Type.Is(types.KindTimestamp) {
				v.Append(rng.Int64N(300_000_000_000_000) - 62_000_000_000_000)
			} else {
				v.Append(pick(rng, math.MinInt64, math.MaxInt64, int64(rng.Uint64())))
			}
		}
	}
}

func pick[T any](rng *rand.Rand, values ...T) T { return values[rng.IntN(len(values))] }
