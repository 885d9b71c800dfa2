package batch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ColumnCodec is the codec of [Columns] of a schema. A column is a byte, 1 if NULLs are in it; if so, a byte for each row, 1 where it
// is one; and the values: strings as in a batch, bools as a byte, numbers as in memory.
func ColumnCodec(s *Schema) Codec { return columnCodec{s} }

type columnCodec struct{ schema *Schema }

// String is the layout as it is called in descriptions.
func (l Layout) String() string {
	names := [...]string{Text: "text", Bool: "bool", Int32: "int32", Int64: "int64", Float64: "float64"}
	if int(l) >= len(names) || names[l] == "" {
		return fmt.Sprintf("layout %d", uint8(l))
	}
	return names[l]
}

func (c columnCodec) Layout() string {
	var b strings.Builder
	b.WriteString("columns")
	for _, f := range c.schema.Fields {
		b.WriteString("\n" + strconv.Quote(f.Name) + " " + f.Layout.String())
	}
	return b.String()
}

func (c columnCodec) New() Payload { return NewColumns(c.schema) }

func (c columnCodec) Append(dst []byte, p Payload) ([]byte, error) {
	rows, ok := p.(*Columns)
	if !ok || len(rows.Cols) != len(c.schema.Fields) {
		return nil, fmt.Errorf("%T are not %d columns", p, len(c.schema.Fields))
	}
	for i, v := range rows.Cols {
		if v.Len() != rows.N || layoutOf(v) != c.schema.Fields[i].Layout {
			return nil, fmt.Errorf("column %q has %d rows of %v, and should have %d of %v",
				c.schema.Fields[i].Name, v.Len(), layoutOf(v), rows.N, c.schema.Fields[i].Layout)
		}
		dst = appendVector(dst, v)
	}
	return dst, nil
}

// layoutOf returns the layout of a vector; 0: it is none that is known.
func layoutOf(v Vector) Layout {
	switch v.(type) {
	case *Strings:
		return Text
	case *Fixed[bool]:
		return Bool
	case *Fixed[int32]:
		return Int32
	case *Fixed[int64]:
		return Int64
	case *Fixed[float64]:
		return Float64
	}
	return 0
}

func appendVector(dst []byte, v Vector) []byte {
	nulls := v.NullMask()
	if len(nulls) == 0 {
		dst = append(dst, 0)
	} else {
		dst = append(append(dst, 1), memory(nulls)...)
	}
	switch v := v.(type) {
	case *Strings:
		if v.Len() > 0 {
			dst = appendStrings(dst, &v.Bytes)
		}
	case *Fixed[bool]:
		dst = append(dst, memory(v.V)...)
	case *Fixed[int32]:
		dst = append(dst, memory(v.V)...)
	case *Fixed[int64]:
		dst = append(dst, memory(v.V)...)
	case *Fixed[float64]:
		dst = append(dst, memory(v.V)...)
	}
	return dst
}

func (c columnCodec) Decode(b []byte, rows int, into Payload) error {
	to, ok := into.(*Columns)
	if !ok || len(to.Cols) != len(c.schema.Fields) {
		return fmt.Errorf("%T are not %d columns", into, len(c.schema.Fields))
	}
	d := decoder{b: b}
	for i, v := range to.Cols {
		if layoutOf(v) != c.schema.Fields[i].Layout {
			return fmt.Errorf("a column of %v is read, and the rows go into one of %v", c.schema.Fields[i].Layout, layoutOf(v))
		}
		if d.vector(v, rows); d.err != nil {
			return fmt.Errorf("column %q: %w", c.schema.Fields[i].Name, d.err)
		}
	}
	if len(d.b) > 0 {
		return fmt.Errorf("%d bytes follow its columns", len(d.b))
	}
	to.N = rows
	return nil
}

// vector reads n values into a vector.
func (d *decoder) vector(v Vector, n int) {
	var nulls bool
	switch has := d.bytes(1); {
	case d.err != nil:
		return
	case has[0] > 1 || has[0] == 1 && n == 0:
		d.fail("whether NULLs are in it is told as %d", has[0])
		return
	default:
		nulls = has[0] == 1
	}
	switch v := v.(type) {
	case *Strings:
		v.Nulls = d.nulls(v.Nulls, nulls, n)
		d.strings(&v.Bytes, n)
		if d.err == nil && nulls {
			for i, null := range v.Nulls {
				if null && v.Off[i] != v.Off[i+1] {
					d.fail("row %d is NULL and a text", i)
				}
			}
		}
	case *Fixed[bool]:
		v.Nulls = d.nulls(v.Nulls, nulls, n)
		v.V = d.bools(v.V, n)
		checkNulls(d, v)
	case *Fixed[int32]:
		readFixed(d, v, nulls, n)
	case *Fixed[int64]:
		readFixed(d, v, nulls, n)
	case *Fixed[float64]:
		readFixed(d, v, nulls, n)
	}
}

// nulls reads a mask over another one, if there is one.
func (d *decoder) nulls(mask []bool, there bool, n int) []bool {
	if !there {
		return mask[:0]
	}
	mask = d.bools(mask, n)
	if d.err == nil && !slices.Contains(mask, true) {
		return mask[:0] // as if there had been none
	}
	return mask
}

func readFixed[T Value](d *decoder, v *Fixed[T], nulls bool, n int) {
	v.Nulls = d.nulls(v.Nulls, nulls, n)
	v.V = take(d, v.V, n)
	checkNulls(d, v)
}

// checkNulls refuses NULLs that are not zero: who looks at values alone relies on that.
func checkNulls[T Value](d *decoder, v *Fixed[T]) {
	if d.err != nil {
		return
	}
	var zero T
	for i, null := range v.Nulls {
		if null && v.V[i] != zero {
			d.fail("row %d is NULL and %v", i, v.V[i])
			return
		}
	}
}
