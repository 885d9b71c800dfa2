package csv

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/sqltime"
	"github.com/weirstream/weir/engine/types"
)

// encoder writes rows as records.
type encoder struct {
	format  Format
	fields  []types.Field
	kinds   []types.Kind // of the fields
	layout  sqltime.Layout
	clock   sqltime.Clock
	special [256]bool // bytes that make a value need quotes or an escape
	checked bool      // values that are no strings may need them too, or be read as NULL
	text    []byte
}

func newEncoder(f Format, s types.Schema) *encoder {
	e := &encoder{format: f, fields: s, layout: f.layout(), checked: f.HasNullLiteral && f.NullLiteral != ""}
	for _, f := range s {
		e.kinds = append(e.kinds, f.Type.Kind())
	}
	e.special['\n'], e.special['\r'], e.special[f.Delimiter] = true, true, true
	for _, c := range []byte{f.Delimiter, f.Quote, f.Escape} {
		if c != 0 {
			e.special[c] = true
			e.checked = e.checked || strings.IndexByte("+-.: ", c) >= 0 || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
		}
	}
	return e
}

// AppendHeader appends the names of the columns, if files begin with them.
func (e *encoder) AppendHeader(dst []byte) ([]byte, error) {
	if !e.format.Header {
		return dst, nil
	}
	start := len(dst)
	for i, f := range e.fields {
		if i > 0 {
			dst = append(dst, e.format.Delimiter)
		}
		var err error
		if dst, err = e.appendText(dst, []byte(f.Name), len(dst) == start); err != nil {
			return dst[:start], refusal(f.Name, err)
		}
	}
	return e.endRow(dst, start)
}

// Append appends all rows of c.
func (e *encoder) Append(dst []byte, c *batch.Columns) ([]byte, error) {
	before := len(dst)
	for row := range c.N {
		start := len(dst)
		var err error
		for i, v := range c.Cols {
			if i > 0 {
				dst = append(dst, e.format.Delimiter)
			}
			if v.Null(row) {
				dst = append(dst, e.format.NullLiteral...)
			} else if dst, err = e.appendValue(dst, e.kinds[i], v, row, len(dst) == start); err != nil {
				return dst[:before], refusal(e.fields[i].Name, err)
			}
		}
		if dst, err = e.endRow(dst, start); err != nil {
			return dst[:before], err
		}
	}
	return dst, nil
}

// endRow ends the row that begins at start.
func (e *encoder) endRow(dst []byte, start int) ([]byte, error) {
	if len(dst) == start && !e.format.blankIsRow(len(e.fields)) {
		dst = append(dst, e.format.Quote, e.format.Quote)
	}
	if e.format.AllowComments && isComment(dst[start:]) {
		return dst[:start], &codec.Error{
			Reason: "the row would be read as a comment", Excerpt: codec.Excerpt(dst[start:], 0), Remedy: "set '" + allowComments + "' = 'false' for the sink",
		}
	}
	return append(dst, '\n'), nil
}

func (e *encoder) appendValue(dst []byte, k types.Kind, v batch.Vector, row int, first bool) ([]byte, error) {
	if s, ok := v.(*batch.Strings); ok {
		return e.appendString(dst, s.At(row), first)
	}
	start := len(dst)
	switch v := v.(type) {
	case *batch.Fixed[bool]:
		dst = strconv.AppendBool(dst, v.V[row])
	case *batch.Fixed[float64]:
		dst = codec.AppendJavaDouble(dst, v.V[row])
	case *batch.Fixed[int32]:
		if k == types.KindDate {
			dst = sqltime.AppendDate(dst, v.V[row])
		} else {
			dst = strconv.AppendInt(dst, int64(v.V[row]), 10)
		}
	case *batch.Fixed[int64]:
		if k == types.KindTimestamp {
			dst = e.clock.Append(dst, v.V[row], e.layout)
		} else {
			dst = strconv.AppendInt(dst, v.V[row], 10)
		}
	default:
		panic("no text is known for values of " + k.String())
	}
	if !e.checked {
		return dst, nil
	}
	e.text = append(e.text[:0], dst[start:]...)
	return e.appendString(dst[:start], e.text, first)
}

// appendString writes a string, in quotes where it would be read as something else. first says that it begins the line.
func (e *encoder) appendString(dst, s []byte, first bool) ([]byte, error) {
	f := &e.format
	if f.HasNullLiteral && string(s) == f.NullLiteral {
		if len(s) > 0 || f.Quote == 0 {
			return dst, fmt.Errorf("the value would be read as NULL, because it is what '%s' says", nullLiteral)
		}
		return append(dst, f.Quote, f.Quote), nil
	}
	return e.appendText(dst, s, first)
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// appendText writes a text so that it is read back as it is.
func (e *encoder) appendText(dst, s []byte, first bool) ([]byte, error) {
	f := &e.format
	// At the beginning of a line a comment may be, at that of a file a byte order mark.
	atStart := first && (f.AllowComments && isComment(s) || bytes.HasPrefix(s, byteOrderMark))
	plain := !atStart
	for _, c := range s {
		if e.special[c] {
			plain = false
			break
		}
	}
	switch {
	case plain:
		return append(dst, s...), nil
	case f.Quote == 0 && f.Escape == 0:
		return dst, fmt.Errorf("the value would be read as another one: it needs quotes, but '%s' = 'true' forbids them", disableQuote)
	case f.SingleLine && f.Escape == 0 && bytes.ContainsAny(s, "\r\n"):
		return dst, fmt.Errorf("the value has a line break, but '%s' = 'false' says that none has", lineBreaks)
	case f.Quote == 0:
		if atStart {
			// Neither a blank nor '#' nor a byte of the mark is special, unless it gets its escape anyway.
			if !e.special[s[0]] {
				dst, s = append(dst, f.Escape, s[0]), s[1:]
			}
		}
		return e.appendEscaped(dst, s), nil
	}
	dst = append(dst, f.Quote)
	dst = e.appendEscaped(dst, s)
	return append(dst, f.Quote), nil
}

// appendEscaped writes what stands in quotes, or would without them need an escape.
func (e *encoder) appendEscaped(dst, s []byte) []byte {
	f := &e.format
	for _, c := range s {
		switch {
		case c == f.Quote && f.Quote != 0:
			dst = append(dst, c)
		case f.Escape != 0 && (c == '\n' || c == '\r') && (f.Quote == 0 || f.SingleLine):
			dst = append(dst, f.Escape)
			if c == '\n' {
				c = 'n'
			} else {
				c = 'r'
			}
		case f.Escape != 0 && (c == f.Escape || f.Quote == 0 && e.special[c]):
			dst = append(dst, f.Escape)
		}
		dst = append(dst, c)
	}
	return dst
}

// refusal names the column and what can be done about a value that cannot be written.
func refusal(column string, err error) error {
	return &codec.Error{
		Field: column, Reason: err.Error(),
		Remedy: fmt.Sprintf("let the sink write quotes or set '%s', choose another '%s', or change the value in the query, as with REPLACE", escapeChar, nullLiteral),
	}
}
