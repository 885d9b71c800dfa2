package csv

import (
	"math"
	"strconv"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec/sqltime"
)

// encoder writes rows as lines.
type encoder struct {
	format  Format
	types   []batch.Type
	special [256]bool // bytes that make a value need quotes or an escape
}

func newEncoder(f Format, s *batch.Schema) *encoder {
	e := &encoder{format: f}
	for _, field := range s.Fields {
		e.types = append(e.types, field.Type)
	}
	e.special['\n'], e.special['\r'] = true, true
	e.special[f.Delimiter] = true
	if f.Quote != 0 {
		e.special[f.Quote] = true
	}
	if f.Escape != 0 {
		e.special[f.Escape] = true
	}
	return e
}

// Append appends all rows of c.
func (e *encoder) Append(dst []byte, c *batch.Columns) []byte {
	for row := range c.N {
		start := len(dst)
		for i, v := range c.Cols {
			if i > 0 {
				dst = append(dst, e.format.Delimiter)
			}
			if v.Null(row) {
				dst = append(dst, e.format.NullLiteral...)
			} else {
				dst = e.appendValue(dst, e.types[i], v, row, len(dst) == start)
			}
		}
		if len(dst) == start && e.format.Quote != 0 {
			dst = append(dst, e.format.Quote, e.format.Quote) // a blank line would be no row
		}
		dst = append(dst, '\n')
	}
	return dst
}

func (e *encoder) appendValue(dst []byte, t batch.Type, v batch.Vector, row int, first bool) []byte {
	switch v := v.(type) {
	case *batch.Strings:
		return e.appendString(dst, v.At(row), first)
	case *batch.Fixed[bool]:
		return strconv.AppendBool(dst, v.V[row])
	case *batch.Fixed[float64]:
		return appendDouble(dst, v.V[row])
	case *batch.Fixed[int32]:
		if t == batch.Date {
			return sqltime.AppendDate(dst, v.V[row])
		}
		return strconv.AppendInt(dst, int64(v.V[row]), 10)
	case *batch.Fixed[int64]:
		if t == batch.Timestamp {
			return sqltime.AppendTimestamp(dst, v.V[row], sqltime.SQL)
		}
		return strconv.AppendInt(dst, v.V[row], 10)
	}
	panic("a column of a type that package batch does not have: " + t.String())
}

// appendDouble writes the shortest number that reads back as v, with Java's words for what is none.
func appendDouble(dst []byte, v float64) []byte {
	switch {
	case math.IsInf(v, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(v, -1):
		return append(dst, "-Infinity"...)
	}
	return strconv.AppendFloat(dst, v, 'g', -1, 64)
}

// appendString writes a string, in quotes where it would be read as something else: first says that it begins the line,
// where '#' makes a comment.
func (e *encoder) appendString(dst, s []byte, first bool) []byte {
	f := &e.format
	plain := !(f.HasNullLiteral && string(s) == f.NullLiteral) && !(first && f.AllowComments && len(s) > 0 && s[0] == '#')
	for _, c := range s {
		if e.special[c] {
			plain = false
			break
		}
	}
	if plain {
		return append(dst, s...)
	}
	if f.Quote != 0 {
		dst = append(dst, f.Quote)
	}
	for _, c := range s {
		switch {
		case c == f.Quote && f.Quote != 0:
			dst = append(dst, c)
		case f.Escape != 0 && (c == f.Escape || f.Quote == 0 && e.special[c]):
			dst = append(dst, f.Escape)
		}
		dst = append(dst, c)
	}
	if f.Quote != 0 {
		dst = append(dst, f.Quote)
	}
	return dst
}
