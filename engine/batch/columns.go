package batch

import "fmt"

// Layout is how the values of a column lie in memory: which vector holds them. It is less than a type of SQL, which says
// what they mean: a DATE and an INT have one layout.
type Layout uint8

// The layouts of columns. The zero value is none.
const (
	Text    Layout = iota + 1 // *Strings
	Bool                      // *Fixed[bool]
	Int32                     // *Fixed[int32]
	Int64                     // *Fixed[int64]
	Float64                   // *Fixed[float64]
)

// Field is one column of a schema.
type Field struct {
	Name   string
	Layout Layout
}

// Schema names the columns of a payload. It is never changed once a payload uses it.
type Schema struct{ Fields []Field }

// Columns is a payload of typed column vectors, for SQL. Cols[i] is the vector of Schema.Fields[i].Layout.
type Columns struct {
	Schema *Schema
	N      int
	Cols   []Vector
}

// NewColumns returns an empty payload for the schema.
func NewColumns(s *Schema) *Columns {
	c := &Columns{Schema: s, Cols: make([]Vector, len(s.Fields))}
	for i, f := range s.Fields {
		c.Cols[i] = NewVector(f.Layout)
	}
	return c
}

// Len is the number of rows.
func (c *Columns) Len() int { return c.N }

// Reset drops all rows and keeps the memory.
func (c *Columns) Reset() {
	c.N = 0
	for _, v := range c.Cols {
		v.Reset()
	}
}

// New returns an empty payload for the same schema.
func (c *Columns) New() Payload { return NewColumns(c.Schema) }

// AppendSelected copies the rows sel of src, a *Columns of the same schema.
func (c *Columns) AppendSelected(src Payload, sel []int32) {
	s := src.(*Columns)
	for i, v := range c.Cols {
		v.AppendSelected(s.Cols[i], sel)
	}
	c.N += len(sel)
}

// SizeBytes estimates the memory that the rows hold.
func (c *Columns) SizeBytes() int {
	n := 0
	for _, v := range c.Cols {
		n += v.SizeBytes()
	}
	return n
}

// Vector is one column of a batch.
type Vector interface {
	Len() int
	// Reset drops all values and keeps the memory.
	Reset()
	// Null says whether value i is NULL.
	Null(i int) bool
	// NullMask has one entry for each value, true where it is NULL; an empty mask means that no value is.
	NullMask() []bool
	AppendNull()
	// AppendSelected copies the values sel of src, a vector of the same concrete type.
	AppendSelected(src Vector, sel []int32)
	SizeBytes() int
}

// NewVector returns an empty vector of a layout. It panics for what is none.
func NewVector(l Layout) Vector {
	switch l {
	case Text:
		return &Strings{}
	case Bool:
		return &Fixed[bool]{}
	case Int32:
		return &Fixed[int32]{}
	case Int64:
		return &Fixed[int64]{}
	case Float64:
		return &Fixed[float64]{}
	}
	panic(fmt.Sprintf("no vector has the layout %d", l))
}

// Value is what a Fixed vector holds.
type Value interface{ bool | int32 | int64 | float64 }

// Fixed is a vector of values of one fixed size. A NULL has the zero value at its place. Nulls is empty, or as long as V.
type Fixed[T Value] struct {
	V     []T
	Nulls []bool
}

// Len is the number of values.
func (f *Fixed[T]) Len() int { return len(f.V) }

// Reset drops all values and keeps the memory.
func (f *Fixed[T]) Reset() { f.V, f.Nulls = f.V[:0], f.Nulls[:0] }

// Null says whether value i is NULL.
func (f *Fixed[T]) Null(i int) bool { return len(f.Nulls) > 0 && f.Nulls[i] }

// NullMask has one entry for each value, or none.
func (f *Fixed[T]) NullMask() []bool { return f.Nulls }

// Append adds a value that is not NULL.
func (f *Fixed[T]) Append(v T) {
	f.V = append(f.V, v)
	if len(f.Nulls) > 0 {
		f.Nulls = append(f.Nulls, false)
	}
}

// AppendNull adds a NULL.
func (f *Fixed[T]) AppendNull() {
	var zero T
	f.Nulls = append(extendMask(f.Nulls, len(f.V)), true)
	f.V = append(f.V, zero)
}

// AppendSelected copies the values sel of src, a *Fixed[T].
func (f *Fixed[T]) AppendSelected(src Vector, sel []int32) {
	s := src.(*Fixed[T])
	f.Nulls = appendMask(f.Nulls, len(f.V), s.Nulls, sel)
	f.V = appendSelected(f.V, s.V, sel)
}

// SizeBytes estimates the memory that the values hold.
func (f *Fixed[T]) SizeBytes() int { return 8*len(f.V) + len(f.Nulls) }

// Strings is a vector of UTF-8 strings. A NULL is an empty string at its place. Nulls is empty, or as long as the list.
type Strings struct {
	Bytes
	Nulls []bool
}

// Reset drops all values and keeps the memory.
func (s *Strings) Reset() { s.Bytes.Reset(); s.Nulls = s.Nulls[:0] }

// Null says whether value i is NULL.
func (s *Strings) Null(i int) bool { return len(s.Nulls) > 0 && s.Nulls[i] }

// NullMask has one entry for each value, or none.
func (s *Strings) NullMask() []bool { return s.Nulls }

// Append copies a value that is not NULL.
func (s *Strings) Append(v []byte) {
	s.Buf = append(s.Buf, v...)
	s.SealValue()
}

// SealValue ends a value, not NULL, whose bytes the caller has appended to Buf.
func (s *Strings) SealValue() {
	s.Seal()
	if len(s.Nulls) > 0 {
		s.Nulls = append(s.Nulls, false)
	}
}

// AppendString copies a value that is not NULL.
func (s *Strings) AppendString(v string) {
	s.Buf = append(s.Buf, v...)
	s.SealValue()
}

// AppendNull adds a NULL.
func (s *Strings) AppendNull() {
	s.Nulls = append(extendMask(s.Nulls, s.Len()), true)
	s.Seal()
}

// AppendSelected copies the values sel of src, a *Strings.
func (s *Strings) AppendSelected(src Vector, sel []int32) {
	o := src.(*Strings)
	s.Nulls = appendMask(s.Nulls, s.Len(), o.Nulls, sel)
	s.Bytes.AppendSelected(&o.Bytes, sel)
}

// SizeBytes estimates the memory that the values hold.
func (s *Strings) SizeBytes() int { return len(s.Buf) + 4*len(s.Off) + len(s.Nulls) }

// extendMask makes an empty mask as long as the n values before it; a mask that is in use has that length already.
func extendMask(mask []bool, n int) []bool {
	for len(mask) < n {
		mask = append(mask, false)
	}
	return mask
}

// appendMask appends the mask of the values sel of a source to the mask of n values.
func appendMask(dst []bool, n int, src []bool, sel []int32) []bool {
	if len(src) == 0 {
		if len(dst) == 0 {
			return dst
		}
		return extendMask(dst, n+len(sel))
	}
	dst = extendMask(dst, n)
	for _, i := range sel {
		dst = append(dst, src[i])
	}
	return dst
}
