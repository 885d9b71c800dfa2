package jsonl

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/sqltime"
	"github.com/weirstream/weir/engine/types"
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
	before  padded // name, with the quote that the value begins with
	kind    types.Kind
	nulls   []bool
	strings *batch.Strings
	bools   []bool
	ints    []int32
	longs   []int64
	doubles []float64
}

func newEncoder(f Format, s types.Schema) *encoder {
	e := &encoder{format: f, layout: f.layout(), cols: make([]column, len(s))}
	for i, field := range s {
		c := &e.cols[i]
		c.name = append(appendString([]byte{','}, []byte(field.Name)), ':')
		c.kind = field.Type.Kind()
		before := slices.Clone(c.name)
		if c.kind == types.KindVarChar || c.kind == types.KindDate || c.kind == types.KindTimestamp {
			before = append(before, '"')
		}
		c.before = pad(before)
	}
	return e
}

// AppendHeader appends nothing.
func (e *encoder) AppendHeader(dst []byte) ([]byte, error) { return dst, nil }

// Append appends all rows of c. All that a row can hold can be read back.
func (e *encoder) Append(dst []byte, c *batch.Columns) ([]byte, error) {
	e.bind(c)
	for row := range c.N {
		dst = append(e.appendObject(dst, row), '\n')
	}
	return dst, nil
}

func (e *encoder) bind(c *batch.Columns) {
	for i, v := range c.Cols {
		e.cols[i].bind(v)
	}
}

// appendObject writes a row.
func (e *encoder) appendObject(dst []byte, row int) []byte {
	start := len(dst)
	dst = e.appendMembers(dst, row)
	if len(dst) == start {
		dst = append(dst, '{')
	}
	dst[start] = '{' // in place of the first member's comma
	return append(dst, '}')
}

// Objects writes rows as objects within other texts. One goroutine uses it.
type Objects struct{ e *encoder }

// Objects writes rows of the schema, which it keeps.
func (f Format) Objects(s types.Schema) Objects { return Objects{newEncoder(f, s)} }

// Of says whose rows are written next. They must not change meanwhile.
func (o Objects) Of(c *batch.Columns) { o.e.bind(c) }

// Append appends a row.
func (o Objects) Append(dst []byte, row int) []byte { return o.e.appendObject(dst, row) }

// appendMembers writes the members of a row, each with a comma before it.
func (e *encoder) appendMembers(dst []byte, row int) []byte {
	for i := range e.cols {
		c := &e.cols[i]
		if len(c.nulls) > 0 && c.nulls[row] {
			if !e.format.EncodeIgnoreNullFields {
				dst = append(append(dst, c.name...), "null"...)
			}
			continue
		}
		dst = c.before.append(dst)
		switch c.kind {
		case types.KindVarChar:
			dst = appendText(dst, c.strings.Buf, int(c.strings.Off[row]), int(c.strings.Off[row+1]))
		case types.KindInt:
			dst = appendInt(dst, int64(c.ints[row]))
		case types.KindBigInt:
			dst = appendInt(dst, c.longs[row])
		case types.KindTimestamp:
			dst = append(e.clock.Append(dst, c.longs[row], e.layout), '"')
		case types.KindDate:
			dst = append(sqltime.AppendDate(dst, c.ints[row]), '"')
		case types.KindDouble:
			dst = appendDouble(dst, c.doubles[row])
		case types.KindBoolean:
			dst = strconv.AppendBool(dst, c.bools[row])
		default:
			panic("no text is known for values of " + c.kind.String())
		}
	}
	return dst
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

// padded is a text whose first 16 bytes, which is all that most have, are copied at once.
type padded struct {
	text  []byte
	start [16]byte
}

func pad(text []byte) padded {
	p := padded{text: text}
	copy(p.start[:], text)
	return p
}

func (p *padded) append(dst []byte) []byte {
	n := len(p.text)
	if n > len(p.start) {
		return append(dst, p.text...)
	}
	before := len(dst)
	return append(dst, p.start[:]...)[:before+n]
}

// appendInt writes an integer. Those of up to eight digits are written at once, for they are most.
func appendInt(dst []byte, v int64) []byte {
	if v <= -1e8 || v >= 1e8 {
		return strconv.AppendInt(dst, v, 10)
	}
	sign := v >> 63 // 0, or -1 before a minus
	text := split(uint64((v ^ sign) - sign))
	leading := lowest(text | 1<<56) // the zeros before the first digit; the last one stays
	start := len(dst) - int(sign)
	dst = append(dst, "-12345678"...) // the room; but for the minus it is written over
	binary.LittleEndian.PutUint64(dst[start:], (text|zeros)>>(8*leading))
	return dst[:start+8-leading]
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
func appendString(dst, s []byte) []byte { return appendText(append(dst, '"'), s, 0, len(s)) }

// appendText writes the string b[p:end], which is UTF-8 as every value of a STRING column, behind its quote. It copies words
// as it looks at them, the last with what follows in b, which is dropped: so a short string needs no call.
func appendText(dst, b []byte, p, end int) []byte {
	for p < end {
		x := word(b, p)
		copied := len(dst)
		dst = binary.LittleEndian.AppendUint64(dst, x)
		n := lowest(special(x))
		if most := min(8, end-p); n >= most {
			dst = dst[:copied+most]
			p += most
			continue
		}
		dst = appendEscape(dst[:copied+n], b[p+n])
		p += n + 1
	}
	return append(dst, '"')
}

// appendEscape writes the escape of a byte that cannot stand in a string as it is.
func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
