package jsonl

import (
	"math"
	"strconv"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/sqltime"
)

// encoder writes rows as lines.
type encoder struct {
	format Format
	layout sqltime.Layout
	names  [][]byte // of each column: `"name":`
}

func newEncoder(f Format, s *batch.Schema) *encoder {
	e := &encoder{format: f, layout: f.layout(), names: make([][]byte, len(s.Fields))}
	for i, field := range s.Fields {
		e.names[i] = append(appendString(nil, []byte(field.Name)), ':')
	}
	return e
}

// AppendHeader appends nothing.
func (e *encoder) AppendHeader(dst []byte) ([]byte, error) { return dst, nil }

// Append appends all rows of c. All that a row can hold can be read back.
func (e *encoder) Append(dst []byte, c *batch.Columns) ([]byte, error) {
	for row := range c.N {
		dst = append(dst, '{')
		first := len(dst)
		for i, v := range c.Cols {
			null := v.Null(row)
			if null && e.format.EncodeIgnoreNullFields {
				continue
			}
			if len(dst) > first {
				dst = append(dst, ',')
			}
			dst = append(dst, e.names[i]...)
			if null {
				dst = append(dst, "null"...)
			} else {
				dst = e.appendValue(dst, c.Schema.Fields[i].Type, v, row)
			}
		}
		dst = append(dst, '}', '\n')
	}
	return dst, nil
}

func (e *encoder) appendValue(dst []byte, t batch.Type, v batch.Vector, row int) []byte {
	switch v := v.(type) {
	case *batch.Strings:
		return appendString(dst, v.At(row))
	case *batch.Fixed[bool]:
		return strconv.AppendBool(dst, v.V[row])
	case *batch.Fixed[float64]:
		return appendDouble(dst, v.V[row])
	case *batch.Fixed[int32]:
		if t == batch.Date {
			dst = append(dst, '"')
			return append(sqltime.AppendDate(dst, v.V[row]), '"')
		}
		return strconv.AppendInt(dst, int64(v.V[row]), 10)
	case *batch.Fixed[int64]:
		if t == batch.Timestamp {
			dst = append(dst, '"')
			return append(sqltime.AppendTimestamp(dst, v.V[row], e.layout), '"')
		}
		return strconv.AppendInt(dst, v.V[row], 10)
	}
	panic("a column of a type that package batch does not have: " + t.String())
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

// appendString writes a string with its quotes. s is UTF-8, as every value of a STRING column.
func appendString(dst, s []byte) []byte {
	dst = append(dst, '"')
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
