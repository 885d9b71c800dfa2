package csv

import (
	"bytes"
	"fmt"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/sqltime"
)

// decoder fills columns from lines.
type decoder struct {
	format Format
	into   *batch.Columns
	cols   []codec.Column
	text   []byte // of a value with escapes
}

// Into names the columns that rows are appended to.
func (d *decoder) Into(c *batch.Columns) {
	d.into = c
	for i := range d.cols {
		d.cols[i].Bind(c.Cols[i])
	}
}

// Decode appends the row of a line.
func (d *decoder) Decode(line []byte) (bool, error) {
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if len(line) == 0 {
		if d.format.Quote != 0 || len(d.cols) != 1 {
			return false, nil
		}
		// Without quotes a blank line is how an empty string is written in a table of one column.
	} else if d.format.AllowComments && line[0] == '#' {
		return false, nil
	}
	err := d.row(line)
	if err == nil {
		d.into.N++
		return true, nil
	}
	for i := range d.cols {
		d.cols[i].Truncate(d.into.N)
	}
	if d.format.IgnoreParseErrors {
		return false, nil
	}
	err.Excerpt = codec.Excerpt(line, err.At)
	return false, err
}

func (d *decoder) row(line []byte) *codec.Error {
	p, n := 0, 0
	for {
		at := p
		text, quoted, end, err := d.value(line, p)
		if err != nil {
			return err
		}
		if n < len(d.cols) {
			if err := d.append(&d.cols[n], text, quoted, at); err != nil {
				return err
			}
		}
		n++
		if end == len(line) {
			break
		}
		p = end + 1 // behind the delimiter
	}
	if n != len(d.cols) && !d.format.IgnoreParseErrors {
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
		}
		d.text = append(d.text, line[p])
	}
	return d.text, false, p, nil
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
			if end = p + 1; end < len(line) && line[end] != f.Delimiter {
				return nil, end, wrong(end, "something follows the closing quote")
			}
			return d.text, end, nil
		case c == f.Escape && f.Escape != 0:
			if p++; p == len(line) {
				return nil, p, wrong(p, "the line ends in an escape")
			}
			d.text = append(d.text, line[p])
		default:
			d.text = append(d.text, c)
		}
	}
	return nil, p, wrong(start, "the quotes are not closed on this line, and values with line breaks are not supported")
}

// append adds a value to a column. at is its offset in the line.
func (d *decoder) append(c *codec.Column, text []byte, quoted bool, at int) *codec.Error {
	if d.isNull(c, text, quoted) {
		c.AppendNull()
		return nil
	}
	err := c.AppendText(text, sqltime.SQL)
	switch {
	case err == nil:
		return nil
	case d.format.IgnoreParseErrors:
		c.AppendNull()
		return nil
	}
	return &codec.Error{At: at, Field: c.Name, Reason: err.Error(), Remedy: ignoreErrorsHint}
}

func (d *decoder) isNull(c *codec.Column, text []byte, quoted bool) bool {
	if d.format.HasNullLiteral && !quoted && string(text) == d.format.NullLiteral {
		return true
	}
	return len(text) == 0 && c.Type != batch.String
}

func wrong(at int, format string, args ...any) *codec.Error {
	return &codec.Error{At: at, Reason: "malformed CSV: " + fmt.Sprintf(format, args...), Remedy: ignoreErrorsHint}
}
