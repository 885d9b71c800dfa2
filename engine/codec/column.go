package codec

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec/sqltime"
	"github.com/weirstream/weir/engine/types"
)

// Column is a column whose vector has its concrete type known, so that a decoder appends values without asking each
// time. Of the vectors exactly that of Type is set, once Bind was called.
type Column struct {
	Kind types.Kind // that of Type: what is asked for each value stands together

	Strings *batch.Strings
	Bools   *batch.Fixed[bool]
	Ints    *batch.Fixed[int32] // INT and DATE
	Longs   *batch.Fixed[int64] // BIGINT and TIMESTAMP
	Doubles *batch.Fixed[float64]

	vector batch.Vector

	Name string
	Type types.Type
}

// NewColumns returns the columns of a schema, not bound yet.
func NewColumns(s types.Schema) []Column {
	cols := make([]Column, len(s))
	for i, f := range s {
		cols[i].Name, cols[i].Type, cols[i].Kind = f.Name, f.Type, f.Type.Kind()
	}
	return cols
}

// Bind names the vector that values are appended to. It must be of the column's type.
func (c *Column) Bind(v batch.Vector) {
	c.vector = v
	switch c.Kind {
	case types.KindVarChar:
		c.Strings = v.(*batch.Strings)
	case types.KindBoolean:
		c.Bools = v.(*batch.Fixed[bool])
	case types.KindInt, types.KindDate:
		c.Ints = v.(*batch.Fixed[int32])
	case types.KindBigInt, types.KindTimestamp:
		c.Longs = v.(*batch.Fixed[int64])
	case types.KindDouble:
		c.Doubles = v.(*batch.Fixed[float64])
	}
}

// AppendNull adds a NULL.
func (c *Column) AppendNull() { c.vector.AppendNull() }

// Truncate drops all values from the n-th on.
func (c *Column) Truncate(n int) {
	switch c.Kind {
	case types.KindVarChar:
		truncateStrings(c.Strings, n)
	case types.KindBoolean:
		truncate(c.Bools, n)
	case types.KindInt, types.KindDate:
		truncate(c.Ints, n)
	case types.KindBigInt, types.KindTimestamp:
		truncate(c.Longs, n)
	case types.KindDouble:
		truncate(c.Doubles, n)
	}
}

func truncate[T batch.Value](f *batch.Fixed[T], n int) {
	if len(f.V) > n {
		f.V = f.V[:n]
	}
	f.Nulls = truncateMask(f.Nulls, n)
}

// truncateStrings also drops bytes that were appended for a string that never ended.
func truncateStrings(s *batch.Strings, n int) {
	if len(s.Off) > n {
		s.Off = s.Off[:n+1]
		s.Buf = s.Buf[:s.Off[n]]
	} else if len(s.Off) == 0 {
		s.Buf = s.Buf[:0]
	}
	s.Nulls = truncateMask(s.Nulls, n)
}

// truncateMask keeps the rule of package batch that a mask is empty or as long as its vector.
func truncateMask(mask []bool, n int) []bool {
	if len(mask) > n {
		return mask[:n]
	}
	return mask
}

// AppendText adds the value that text stands for, as Flink's CAST from text reads it: numbers, truth values, dates and
// timestamps without the white space around them, strings as they are. It appends nothing if it returns an error, which
// has neither place nor excerpt.
func (c *Column) AppendText(text []byte, layout sqltime.Layout) error {
	if c.Kind == types.KindVarChar {
		if !utf8.Valid(text) {
			return fmt.Errorf("it is not UTF-8")
		}
		c.Strings.Append(text)
		return nil
	}
	text = bytes.TrimSpace(text)
	ok := false
	switch c.Kind {
	case types.KindBoolean:
		var v bool
		if v, ok = ParseBool(text); ok {
			c.Bools.Append(v)
		}
	case types.KindInt:
		var v int64
		if v, ok = ParseInt(text); ok {
			if ok = v == int64(int32(v)); !ok {
				return c.OutOfRange()
			}
			c.Ints.Append(int32(v))
		} else if isInteger(text) {
			return c.OutOfRange()
		}
	case types.KindBigInt:
		var v int64
		if v, ok = ParseInt(text); ok {
			c.Longs.Append(v)
		} else if isInteger(text) {
			return c.OutOfRange()
		}
	case types.KindDouble:
		var v float64
		if v, ok = ParseDouble(text); ok {
			c.Doubles.Append(v)
		}
	case types.KindDate:
		var v int32
		if v, ok = sqltime.ParseDate(text); ok {
			c.Ints.Append(v)
		}
	case types.KindTimestamp:
		var v int64
		if v, ok = sqltime.ParseTimestamp(text, layout); ok {
			c.Longs.Append(v)
		}
	}
	if !ok {
		return c.Mismatch(layout)
	}
	return nil
}

// Mismatch is the error for a text that is no value of the column, whose timestamps have the layout.
func (c *Column) Mismatch(layout sqltime.Layout) error {
	switch c.Kind {
	case types.KindDate:
		return fmt.Errorf("it is not a %v, which is written yyyy-MM-dd", c.Type)
	case types.KindTimestamp:
		return fmt.Errorf("it is not a %v, which is written %s", c.Type, layout)
	}
	if c.Kind == types.KindInt {
		return fmt.Errorf("it is not an %v", c.Type)
	}
	return fmt.Errorf("it is not a %v", c.Type)
}

// OutOfRange is the error for a number that is too large for the column.
func (c *Column) OutOfRange() error { return fmt.Errorf("the number does not fit %v", c.Type) }

// AppendNumber adds a number to an INT or BIGINT column; a fraction is dropped, as Flink does. A DOUBLE takes it as it is.
func (c *Column) AppendNumber(v float64) error {
	switch c.Kind {
	case types.KindDouble:
		c.Doubles.Append(v)
		return nil
	case types.KindInt:
		if v = math.Trunc(v); v >= math.MinInt32 && v <= math.MaxInt32 {
			c.Ints.Append(int32(v))
			return nil
		}
		return c.OutOfRange()
	case types.KindBigInt:
		// 2^63 is a float64, and the first number that does not fit.
		if v = math.Trunc(v); v >= -(1<<63) && v < 1<<63 {
			c.Longs.Append(int64(v))
			return nil
		}
		return c.OutOfRange()
	}
	return c.Mismatch(0)
}

// AppendInteger adds an integer to an INT, BIGINT or DOUBLE column.
func (c *Column) AppendInteger(v int64) error {
	switch c.Kind {
	case types.KindInt:
		if v != int64(int32(v)) {
			return c.OutOfRange()
		}
		c.Ints.Append(int32(v))
	case types.KindBigInt:
		c.Longs.Append(v)
	case types.KindDouble:
		c.Doubles.Append(float64(v))
	default:
		return c.Mismatch(0)
	}
	return nil
}

// ParseBool reads true or false in any case.
func ParseBool(text []byte) (v, ok bool) {
	switch {
	case len(text) == 4 && bytes.EqualFold(text, []byte("true")):
		return true, true
	case len(text) == 5 && bytes.EqualFold(text, []byte("false")):
		return false, true
	}
	return false, false
}

// ParseInt reads a decimal integer of 64 bits with an optional sign.
func ParseInt(text []byte) (v int64, ok bool) {
	digits := text
	negative := false
	if len(digits) > 0 && (digits[0] == '-' || digits[0] == '+') {
		negative = digits[0] == '-'
		digits = digits[1:]
	}
	if len(digits) == 0 {
		return 0, false
	}
	if len(digits) > 18 {
		v, err := strconv.ParseInt(string(text), 10, 64)
		return v, err == nil
	}
	for _, d := range digits {
		if d -= '0'; d > 9 {
			return 0, false
		}
		v = v*10 + int64(d)
	}
	if negative {
		v = -v
	}
	return v, true
}

// isInteger says whether a text is a decimal integer of any length.
func isInteger(text []byte) bool {
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		text = text[1:]
	}
	for _, d := range text {
		if d < '0' || d > '9' {
			return false
		}
	}
	return len(text) > 0
}

// ParseDouble reads a decimal number as Java does: also with the suffix d or f, and the words NaN, Infinity and
// -Infinity, written so. A number that is too large is no double; unlike Java's, which makes it an infinity. Hexadecimal
// numbers are none.
func ParseDouble(text []byte) (v float64, ok bool) {
	digits := text
	if len(digits) > 0 && (digits[0] == '-' || digits[0] == '+') {
		digits = digits[1:]
	}
	if len(digits) == 0 {
		return 0, false
	}
	switch first, last := digits[0], digits[len(digits)-1]; {
	case first == 'N' || first == 'I':
		if string(digits) != "NaN" && string(digits) != "Infinity" {
			return 0, false
		}
		if first == 'N' {
			text = digits // a sign means nothing
		}
	case first != '.' && (first < '0' || first > '9') || bytes.ContainsAny(text, "xX_"):
		return 0, false
	case last|0x20 == 'd' || last|0x20 == 'f':
		text = text[:len(text)-1]
	}
	v, err := strconv.ParseFloat(string(text), 64)
	return v, err == nil
}
