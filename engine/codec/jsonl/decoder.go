package jsonl

import (
	"errors"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/sqltime"
	"github.com/weirstream/weir/engine/types"
)

// decoder fills columns from lines.
type decoder struct {
	format Format
	layout sqltime.Layout
	into   *batch.Columns
	cols   []codec.Column
	byName map[string]int

	// row counts the rows, and seen holds for each column the last row that had a value for it: so nothing need be
	// cleared before each row. missing is how many columns the row has no value for yet.
	row     uint64
	seen    []uint64
	missing int
	// order predicts what stands before the values, from the rows before.
	order []lead
	text  []byte // of a string with escapes
	clock sqltime.Clock

	mended  []byte // a record that was mended
	skipped int64
}

func newDecoder(f Format, s types.Schema) *decoder {
	d := &decoder{
		format: f, layout: f.layout(),
		cols: codec.NewColumns(s), byName: make(map[string]int, len(s)), seen: make([]uint64, len(s)),
	}
	for i, field := range s {
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
	if err := d.record(line, p); err != nil {
		return d.salvage(line, before, err)
	}
	return d.into.N > before, nil
}

// salvage takes of a line that cannot be read the rows that count nevertheless; before is how many there were without it.
func (d *decoder) salvage(line []byte, before int, err error) (bool, error) {
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
			p, err = skipValue(line, p)
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
	d.missing = len(d.cols)
	p, err := d.members(line, p)
	if err == nil && d.missing > 0 {
		err = d.fillMissing()
	}
	if err == nil {
		d.into.N++
	}
	return p, err
}

// members reads the object at p, and returns the offset behind it.
func (d *decoder) members(line []byte, p int) (int, error) {
	for k := 0; ; k++ {
		var err error
		if p, k, err = d.expected(line, p, k); err != nil {
			return p, err
		}
		if k > 0 && p < len(line) && line[p] == '}' {
			return p + 1, nil
		}
		column, at, closed, syntax := d.lead(line, p, k)
		if syntax != nil {
			return at, syntax
		}
		if closed {
			return at, nil
		}
		if p, err = d.member(line, at, column); err != nil {
			return p, err
		}
	}
}

// lead reads what stands at p before the k-th value. It returns the index of the column, or -1, and where the value begins; or
// that the object is closed, and where it ends.
func (d *decoder) lead(line []byte, p, k int) (column, end int, closed bool, err *syntaxError) {
	start := p
	if k > 0 {
		p = space(line, p)
		if p < len(line) && line[p] == '}' {
			return 0, p + 1, true, nil
		}
		if p == len(line) || line[p] != ',' {
			return 0, p, false, wrong(p, "',' or '}' is missing")
		}
	}
	p = space(line, p+1)
	if k == 0 && p < len(line) && line[p] == '}' {
		return 0, p + 1, true, nil
	}
	if column, end, err = d.name(line, p); err == nil {
		d.predict(k, line[start:end], column)
	}
	return column, end, false, err
}

// name reads the name of the member at p, and returns the index of its column, or -1, and where its value begins.
func (d *decoder) name(line []byte, p int) (column, value int, err *syntaxError) {
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
	return column, value, err
}

// member reads the value at p into a column; -1: it skips it.
func (d *decoder) member(line []byte, p, column int) (int, error) {
	p = space(line, p)
	if column < 0 {
		return skipValue(line, p)
	}
	c := &d.cols[column]
	if d.seen[column] == d.row {
		c.Truncate(d.into.N) // of equal names the last counts
	} else {
		d.missing--
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
	if c.Kind == types.KindTimestamp {
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
