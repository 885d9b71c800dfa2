package jsonl

import (
	"errors"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/sqltime"
)

// decoder fills columns from lines.
type decoder struct {
	format Format
	layout sqltime.Layout
	into   *batch.Columns
	cols   []codec.Column
	byName map[string]int

	// row counts the rows, and seen holds for each column the last row that had a value for it: so nothing need be
	// cleared before each row.
	row  uint64
	seen []uint64
	// order predicts the names of the members, from the row before: most lines have them in the same order.
	order []member
	text  []byte // of a string with escapes
	clock sqltime.Clock

	mended  []byte // a record that was mended
	skipped int64
}

// member is a predicted name, in quotes and with the colon behind it, and the index of its column; -1: it has none.
type member struct {
	name   []byte
	column int
}

// maxPredicted bounds how many members of a line are predicted.
const maxPredicted = 256

func newDecoder(f Format, s *batch.Schema) *decoder {
	d := &decoder{
		format: f, layout: f.layout(),
		cols: codec.NewColumns(s), byName: make(map[string]int, len(s.Fields)), seen: make([]uint64, len(s.Fields)),
	}
	for i, field := range s.Fields {
		d.byName[field.Name] = i
	}
	return d
}

// Into names the columns that rows are appended to.
func (d *decoder) Into(c *batch.Columns) {
	d.into = c
	for i := range d.cols {
		d.cols[i].Bind(c.Cols[i])
	}
}

// Skipped is how many records, or elements of arrays, could not be read.
func (d *decoder) Skipped() int64 { return d.skipped }

// Decode appends the row of an object, or the rows of an array of objects.
func (d *decoder) Decode(line []byte) (bool, error) {
	p := space(line, 0)
	if p == len(line) {
		return false, nil
	}
	before := d.into.N
	err := d.record(line, p)
	if err == nil {
		return d.into.N > before, nil
	}
	if !d.format.IgnoreParseErrors {
		d.truncate(before)
		return false, asError(line, err)
	}
	skipped := d.skipped
	if mended, ok := mend(d.mended[:0], line); ok {
		d.mended = mended
		d.truncate(before)
		if d.record(mended, space(mended, 0)) == nil {
			return d.into.N > before, nil
		}
	}
	d.truncate(d.into.N) // rows before the place that is broken stay, as in Flink
	d.skipped = skipped + 1
	return d.into.N > before, nil
}

// truncate drops all rows from the n-th on, and what there is of the next.
func (d *decoder) truncate(n int) {
	d.into.N = n
	for i := range d.cols {
		d.cols[i].Truncate(n)
	}
}

// fieldError is a value that does not fit its column.
type fieldError struct {
	at     int
	column string
	err    error
	remedy string
}

func (e *fieldError) Error() string { return e.err.Error() }

// missingError is a column that a row has no member for.
type missingError struct{ column string }

func (e *missingError) Error() string { return "the field is missing" }

// asError gives an error its place in the line.
func asError(line []byte, err error) error {
	out := &codec.Error{Reason: err.Error(), Remedy: ignoreErrorsHint}
	var syntax *syntaxError
	var field *fieldError
	var missing *missingError
	switch {
	case errors.As(err, &syntax):
		out.At, out.Reason = syntax.at, "malformed JSON: "+syntax.reason
	case errors.As(err, &field):
		out.At, out.Field, out.Remedy = field.at, field.column, field.remedy
	case errors.As(err, &missing):
		out.Field, out.Remedy = missing.column, "correct the data, or set '"+failOnMissing+"' = 'false' to read NULL"
	}
	out.Excerpt = codec.Excerpt(line, out.At)
	return out
}

// record reads the object or array at p, which must be all of the line.
func (d *decoder) record(line []byte, p int) (err error) {
	switch line[p] {
	case '{':
		p, err = d.object(line, p)
	case '[':
		p, err = d.array(line, p)
	default:
		err = wrong(p, "a line must be one JSON object, or an array of objects")
	}
	if err != nil {
		return err
	}
	if p = space(line, p); p == len(line) {
		return nil
	}
	return wrong(p, "something follows the JSON object")
}

// array reads the array at p: each object in it is a row, and null is none.
func (d *decoder) array(line []byte, p int) (int, error) {
	p = space(line, p+1)
	if p < len(line) && line[p] == ']' {
		return p + 1, nil
	}
	for {
		var err error
		switch {
		case p < len(line) && line[p] == '{':
			p, err = d.object(line, p)
		case p < len(line) && line[p] == 'n':
			p, err = nullElement(line, p)
		case d.format.IgnoreParseErrors:
			p, err = skipElement(line, p)
			d.skipped++
		default:
			err = wrong(p, "an element of the array is no JSON object")
		}
		if err != nil {
			return p, err
		}
		p = space(line, p)
		switch {
		case p < len(line) && line[p] == ',':
			p = space(line, p+1)
		case p < len(line) && line[p] == ']':
			return p + 1, nil
		default:
			return p, wrong(p, "',' or ']' is missing")
		}
	}
}

// object appends the row of the object at p.
func (d *decoder) object(line []byte, p int) (int, error) {
	d.row++
	p, err := d.members(line, p)
	if err == nil {
		err = d.fillMissing()
	}
	if err == nil {
		d.into.N++
	}
	return p, err
}

// members reads the object at p, and returns the offset behind it.
func (d *decoder) members(line []byte, p int) (int, error) {
	p = space(line, p+1)
	if p < len(line) && line[p] == '}' {
		return p + 1, nil
	}
	for k := 0; ; k++ {
		column, at, syntax := d.name(line, p, k)
		if syntax != nil {
			return p, syntax
		}
		p = at
		if column < 0 {
			if p, syntax = skip(line, p, 1); syntax != nil {
				return p, syntax
			}
		} else if end, ok := d.common(line, p, column); ok {
			p = end
		} else {
			var err error
			if p, err = d.member(line, p, column); err != nil {
				return p, err
			}
		}
		if p+1 < len(line) && line[p] == ',' && line[p+1] == '"' { // nearly always
			p++
			continue
		}
		p = space(line, p)
		switch {
		case p < len(line) && line[p] == ',':
			p = space(line, p+1)
		case p < len(line) && line[p] == '}':
			return p + 1, nil
		default:
			return p, wrong(p, "',' or '}' is missing")
		}
	}
}

// name reads the name of the k-th member, whose quote is at p, and returns the index of its column, or -1, and where its
// value begins.
func (d *decoder) name(line []byte, p, k int) (column, value int, err *syntaxError) {
	if k < len(d.order) {
		m := &d.order[k]
		if end := p + len(m.name); end < len(line) && string(line[p:end]) == string(m.name) {
			if line[end] > ' ' {
				return m.column, end, nil
			}
			return m.column, space(line, end), nil
		}
	}
	if p == len(line) || line[p] != '"' {
		return 0, p, wrong(p, "the name of a member is missing")
	}
	end, escaped, err := str(line, p)
	if err != nil {
		return 0, p, err
	}
	text := line[p+1 : end-1]
	if escaped {
		if d.text, err = unescape(d.text[:0], text, p+1); err != nil {
			return 0, p, err
		}
		text = d.text
	}
	column, ok := d.byName[string(text)]
	if !ok {
		column = -1
	}
	value, err = colon(line, end)
	if err == nil && !escaped && k < maxPredicted && line[end] == ':' {
		d.predict(k, line[p:end+1], column)
	}
	return column, value, err
}

func (d *decoder) predict(k int, name []byte, column int) {
	for len(d.order) <= k {
		d.order = append(d.order, member{column: -1})
	}
	m := &d.order[k]
	m.name, m.column = append(m.name[:0], name...), column
}

// common reads the value at p into a column if it is of a kind that most values are, and the first of its name. What it does
// not know is left to member, which also finds the faults.
func (d *decoder) common(line []byte, p, column int) (end int, ok bool) {
	c := &d.cols[column]
	if d.seen[column] == d.row || p >= len(line) {
		return p, false
	}
	switch c.Type {
	case batch.Int, batch.BigInt:
		v, end, ok := integer(line, p)
		if !ok || c.Type == batch.Int && v != int64(int32(v)) {
			return p, false
		}
		if d.seen[column] = d.row; c.Type == batch.Int {
			c.Ints.Append(int32(v))
		} else {
			c.Longs.Append(v)
		}
		return end, true
	case batch.String:
		if line[p] != '"' {
			return p, false
		}
		end = plain(line, p+1)
		if end == len(line) || line[end] != '"' {
			return p, false
		}
		c.Strings.Append(line[p+1 : end])
		d.seen[column] = d.row
		return end + 1, true
	case batch.Timestamp:
		const seconds = len("\"yyyy-MM-dd HH:mm:ss")
		if end = p + seconds; line[p] != '"' || end >= len(line) || line[end] != '"' {
			return p, false
		}
		ms, ok := d.clock.Parse(line[p+1:end], d.layout) // which takes nothing that needs an escape
		if !ok {
			return p, false
		}
		c.Longs.Append(ms)
		d.seen[column] = d.row
		return end + 1, true
	}
	return p, false
}

// integer reads an integer of at most 18 digits at p that a comma or brace follows.
func integer(line []byte, p int) (v int64, end int, ok bool) {
	negative := line[p] == '-'
	if negative {
		p++
	}
	first := p
	for p < len(line) {
		digit := line[p] - '0'
		if digit > 9 {
			break
		}
		v = v*10 + int64(digit)
		p++
	}
	n := p - first
	if n == 0 || n > 18 || n > 1 && line[first] == '0' || p == len(line) || line[p] != ',' && line[p] != '}' {
		return 0, p, false
	}
	if negative {
		v = -v
	}
	return v, p, true
}

// member reads the value at p into a column.
func (d *decoder) member(line []byte, p, column int) (int, error) {
	c := &d.cols[column]
	if d.seen[column] == d.row {
		c.Truncate(d.into.N) // of equal names the last counts
	}
	d.seen[column] = d.row
	end, err := d.value(c, line, p)
	if err == nil {
		return end, nil
	}
	var syntax *syntaxError
	if errors.As(err, &syntax) {
		return end, err
	}
	if d.format.IgnoreParseErrors {
		c.AppendNull()
		return end, nil
	}
	remedy := ignoreErrorsHint
	if c.Type == batch.Timestamp {
		remedy = codec.OtherLayout(timestampFormat, d.layout) + remedy
	}
	return end, &fieldError{at: p, column: c.Name, err: err, remedy: remedy}
}

// fillMissing gives every column a value that the row has none for.
func (d *decoder) fillMissing() error {
	for i, row := range d.seen {
		if row == d.row {
			continue
		}
		if d.format.FailOnMissingField {
			return &missingError{column: d.cols[i].Name}
		}
		d.cols[i].AppendNull()
	}
	return nil
}
