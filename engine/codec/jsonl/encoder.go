package jsonl

import (
	"math"
	"slices"
	"strconv"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/sqltime"
)

// encoder writes rows as lines.
type encoder struct {
	format Format
	layout sqltime.Layout
	clock  sqltime.Clock
	cols   []column
}

// column is a column of the batch that is written, with its vector as what it is, so that it is not asked for each value.
type column struct {
	name    []byte // `,"name":`
	before  []byte // name, with the quote that the value begins with
	typ     batch.Type
	nulls   []bool
	strings *batch.Strings
	bools   []bool
	ints    []int32
	longs   []int64
	doubles []float64
}

func newEncoder(f Format, s *batch.Schema) *encoder {
	e := &encoder{format: f, layout: f.layout(), cols: make([]column, len(s.Fields))}
	for i, field := range s.Fields {
		e.cols[i].name = append(appendString([]byte{','}, []byte(field.Name)), ':')
		e.cols[i].typ = field.Type
		e.cols[i].before = e.cols[i].name
		if field.Type == batch.String || field.Type == batch.Date || field.Type == batch.Timestamp {
			e.cols[i].before = append(slices.Clone(e.cols[i].name), '"')
		}
	}
	return e
}

// AppendHeader appends nothing.
func (e *encoder) AppendHeader(dst []byte) ([]byte, error) { return dst, nil }

// Append appends all rows of c. All that a row can hold can be read back.
func (e *encoder) Append(dst []byte, c *batch.Columns) ([]byte, error) {
	for i, v := range c.Cols {
		e.cols[i].bind(v)
	}
	for row := range c.N {
		dst = append(dst, '{')
		first := len(dst)
		for i := range e.cols {
			col := &e.cols[i]
			null := len(col.nulls) > 0 && col.nulls[row]
			if null && e.format.EncodeIgnoreNullFields {
				continue
			}
			name := col.before
			if null {
				name = col.name
			}
			if len(dst) == first {
				name = name[1:]
			}
			dst = append(dst, name...)
			if null {
				dst = append(dst, "null"...)
			} else {
				dst = e.appendValue(dst, col, row)
			}
		}
		dst = append(dst, '}', '\n')
	}
	return dst, nil
}

func (c *column) bind(v batch.Vector) {
	c.nulls = v.NullMask()
	switch v := v.(type) {
	case *batch.Strings:
		c.strings = v
	case *batch.Fixed[bool]:
		c.bools = v.V
	case *batch.Fixed[int32]:
		c.ints = v.V
	case *batch.Fixed[int64]:
		c.longs = v.V
	case *batch.Fixed[float64]:
		c.doubles = v.V
	}
}

// appendValue writes a value behind the quote that it may begin with.
func (e *encoder) appendValue(dst []byte, c *column, row int) []byte {
	switch c.typ {
	case batch.String:
		return appendText(dst, c.strings.At(row))
	case batch.Boolean:
		return strconv.AppendBool(dst, c.bools[row])
	case batch.Double:
		return appendDouble(dst, c.doubles[row])
	case batch.Int:
		return appendInt(dst, int64(c.ints[row]))
	case batch.BigInt:
		return appendInt(dst, c.longs[row])
	case batch.Date:
		return append(sqltime.AppendDate(dst, c.ints[row]), '"')
	case batch.Timestamp:
		return append(e.clock.Append(dst, c.longs[row], e.layout), '"')
	}
	panic("a column of a type that package batch does not have: " + c.typ.String())
}

// appendInt writes an integer. Most have few digits, and need no call.
func appendInt(dst []byte, v int64) []byte {
	if v < 0 && v > -10000 {
		dst, v = append(dst, '-'), -v
	}
	switch {
	case v < 0 || v >= 10000:
		return strconv.AppendInt(dst, v, 10)
	case v < 10:
		return append(dst, byte('0'+v))
	case v < 100:
		return append(dst, byte('0'+v/10), byte('0'+v%10))
	case v < 1000:
		return append(dst, byte('0'+v/100), byte('0'+v/10%10), byte('0'+v%10))
	}
	return append(dst, byte('0'+v/1000), byte('0'+v/100%10), byte('0'+v/10%10), byte('0'+v%10))
}

// appendDouble writes the shortest number that reads back as v, as Java does. What JSON has no number for is a string, as
// in Flink.
func appendDouble(dst []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		dst = append(dst, '"')
		return append(codec.AppendJavaDouble(dst, v), '"')
	}
	return codec.AppendJavaDouble(dst, v)
}

const hexDigits = "0123456789abcdef"

// appendString writes a string with its quotes.
func appendString(dst, s []byte) []byte { return appendText(append(dst, '"'), s) }

// appendText writes a string behind its quote. s is UTF-8, as every value of a STRING column.
func appendText(dst, s []byte) []byte {
	start := 0
	for p := 0; ; {
		if p = plain(s, p); p == len(s) {
			break
		}
		c := s[p]
		if c >= 0x80 {
			p++
			continue
		}
		dst = append(dst, s[start:p]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		p++
		start = p
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
