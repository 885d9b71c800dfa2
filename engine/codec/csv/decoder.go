package csv

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/sqltime"
	"github.com/weirstream/weir/engine/types"
)

// decoder fills columns from records.
type decoder struct {
	format  Format
	layout  sqltime.Layout
	into    *batch.Columns
	cols    []codec.Column
	text    []byte // of a value with escapes
	clock   sqltime.Clock
	skipped int64
}

func newDecoder(f Format, s types.Schema) *decoder {
	return &decoder{format: f, layout: f.layout(), cols: codec.NewColumns(s)}
}

// Into names the columns that rows are appended to.
func (d *decoder) Into(c *batch.Columns) {
	d.into = c
	for i := range d.cols {
		d.cols[i].Bind(c.Cols[i])
	}
}

// Skipped is how many records could not be read.
func (d *decoder) Skipped() int64 { return d.skipped }

// Decode appends the row of a record.
func (d *decoder) Decode(record []byte) (bool, error) {
	record, ok := d.content(record)
	if !ok {
		return false, nil
	}
	err := d.row(record)
	if err == nil {
		d.into.N++
		return true, nil
	}
	for i := range d.cols {
		d.cols[i].Truncate(d.into.N)
	}
	if d.format.IgnoreParseErrors {
		d.skipped++
		return false, nil
	}
	err.Excerpt = codec.Excerpt(record, err.At)
	return false, err
}

// content returns a record without the carriage return of its line end, and whether it is neither blank nor a comment.
func (d *decoder) content(record []byte) ([]byte, bool) {
	if n := len(record) - 1; n >= 0 && record[n] == '\r' && !d.escaped(record[:n]) {
		record = record[:n]
	}
	if len(record) == 0 {
		return record, d.format.blankIsRow(len(d.cols))
	}
	return record, !(d.format.AllowComments && isComment(record))
}

// escaped says whether text ends in an escape that takes the character behind it.
func (d *decoder) escaped(text []byte) bool {
	n := len(text)
	for n > 0 && d.format.Escape != 0 && text[n-1] == d.format.Escape {
		n--
	}
	return (len(text)-n)%2 == 1
}

func (d *decoder) row(line []byte) *codec.Error {
	p, n := 0, 0
	for {
		at := p
		text, quoted, end, err := d.value(line, p)
		if err != nil {
			return err
		}
		switch {
		case n < len(d.cols):
			if err := d.append(&d.cols[n], text, quoted, at); err != nil {
				return err
			}
			n++
		case end < len(line) || len(bytes.TrimSpace(text)) > 0:
			return wrong(at, "the row has more values than the %d columns", len(d.cols))
		}
		if end == len(line) {
			break
		}
		p = end + 1 // behind the delimiter
	}
	if n < len(d.cols) && !d.format.IgnoreParseErrors {
		return wrong(0, "the row has %d values for %d columns", n, len(d.cols))
	}
	for ; n < len(d.cols); n++ {
		d.cols[n].AppendNull()
	}
	return nil
}

// value reads the value at p; end is the offset of the delimiter behind it, or of the end of the line. The text is valid
// until the next call.
func (d *decoder) value(line []byte, p int) (text []byte, quoted bool, end int, err *codec.Error) {
	f := &d.format
	if f.Quote != 0 && p < len(line) && line[p] == f.Quote {
		text, end, err = d.quoted(line, p)
		return text, true, end, err
	}
	end = len(line)
	if i := bytes.IndexByte(line[p:], f.Delimiter); i >= 0 {
		end = p + i
	}
	if f.Escape == 0 || bytes.IndexByte(line[p:end], f.Escape) < 0 {
		return line[p:end], false, end, nil
	}
	d.text = d.text[:0]
	for ; p < len(line) && line[p] != f.Delimiter; p++ {
		if line[p] == f.Escape {
			if p++; p == len(line) {
				return nil, false, p, wrong(p, "the line ends in an escape")
			}
			d.text = append(d.text, unescaped(line[p]))
			continue
		}
		d.text = append(d.text, line[p])
	}
	return d.text, false, p, nil
}

// unescaped is the character that one behind an escape stands for, as in Flink.
func unescaped(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case '0':
		return 0
	}
	return c
}

// quoted reads the quoted value at p.
func (d *decoder) quoted(line []byte, p int) (text []byte, end int, err *codec.Error) {
	f := &d.format
	start := p
	p++
	// Nearly always the next quote ends the value, and the text is a part of the line.
	if i := bytes.IndexByte(line[p:], f.Quote); i >= 0 {
		end = p + i + 1
		closed := end == len(line) || line[end] == f.Delimiter
		if closed && (f.Escape == 0 || bytes.IndexByte(line[p:end-1], f.Escape) < 0) {
			return line[p : end-1], end, nil
		}
	}
	d.text = d.text[:0]
	for ; p < len(line); p++ {
		switch c := line[p]; {
		case c == f.Quote && p+1 < len(line) && line[p+1] == f.Quote:
			p++
			d.text = append(d.text, c)
		case c == f.Quote:
			if end = f.behindQuote(line, p+1); end < len(line) && line[end] != f.Delimiter {
				return nil, end, wrong(end, "something follows the closing quote")
			}
			return d.text, end, nil
		case c == f.Escape && f.Escape != 0:
			if p++; p == len(line) {
				return nil, p, wrong(p, "the line ends in an escape")
			}
			d.text = append(d.text, unescaped(line[p]))
		default:
			d.text = append(d.text, c)
		}
	}
	if f.SingleLine {
		return nil, p, wrong(start, "the quotes are not closed on this line, and '%s' = 'false' says that values hold no line break", lineBreaks)
	}
	return nil, p, wrong(start, "the quotes that open here are never closed")
}

// behindQuote skips the blanks behind a closing quote, which belong to nothing. A delimiter may be such a one.
func (f *Format) behindQuote(line []byte, p int) int {
	for p < len(line) && line[p] <= ' ' && line[p] != f.Delimiter {
		p++
	}
	return p
}

// append adds a value to a column. at is its offset in the record.
func (d *decoder) append(c *codec.Column, text []byte, quoted bool, at int) *codec.Error {
	if d.isNull(c, text, quoted) {
		c.AppendNull()
		return nil
	}
	switch c.Kind {
	case types.KindDate:
		if days, ok := sqltime.ParseShortDate(bytes.TrimSpace(text)); ok {
			c.Ints.Append(days)
			return nil
		}
	case types.KindTimestamp:
		if ms, ok := d.clock.Parse(bytes.TrimSpace(text), d.layout); ok {
			c.Longs.Append(ms)
			return nil
		}
	}
	err := c.AppendText(text, d.layout)
	switch {
	case err == nil:
		return nil
	case d.format.IgnoreParseErrors && c.Kind != types.KindVarChar:
		c.AppendNull()
		return nil
	}
	remedy := ignoreErrorsHint
	if c.Kind == types.KindTimestamp {
		remedy = codec.OtherLayout(timestamps, d.layout) + ignoreErrorsHint
	}
	return &codec.Error{At: at, Field: c.Name, Reason: err.Error(), Remedy: remedy}
}

func (d *decoder) isNull(c *codec.Column, text []byte, quoted bool) bool {
	if d.format.HasNullLiteral && string(text) == d.format.NullLiteral && (!quoted || len(text) > 0) {
		return true
	}
	return len(text) == 0 && c.Kind != types.KindVarChar
}

func wrong(at int, format string, args ...any) *codec.Error {
	return &codec.Error{At: at, Reason: "malformed CSV: " + fmt.Sprintf(format, args...), Remedy: ignoreErrorsHint}
}

// headerDecoder is a decoder of files that begin with a header.
type headerDecoder struct{ *decoder }

// Header takes a record for the header unless it is blank or a comment. Values go to columns by their position, so a header
// that names a column in another place would give every row wrong values: that is refused.
func (d *headerDecoder) Header(record []byte) (bool, error) {
	record, ok := d.content(record)
	if !ok {
		return false, nil
	}
	for p, n := 0, 0; ; n++ {
		text, _, end, err := d.value(record, p)
		if err != nil {
			err.Excerpt = codec.Excerpt(record, err.At)
			return false, err
		}
		name := string(bytes.TrimSpace(text))
		at := slices.IndexFunc(d.cols, func(c codec.Column) bool { return c.Name == name })
		if at >= 0 && at != n {
			return false, &codec.Error{
				At: p, Reason: fmt.Sprintf("the header has %q as value %d, but it is column %d of the table", name, n+1, at+1), Excerpt: codec.Excerpt(record, p),
				Remedy: "declare the columns in the order of the file: values are matched by position",
			}
		}
		if end == len(record) {
			return true, nil
		}
		p = end + 1
	}
}
