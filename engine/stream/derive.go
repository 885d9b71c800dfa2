package stream

import (
	"encoding"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	"github.com/weirstream/weir/engine/batch"
)

// derivedRows makes the codec of rows by what their type is made of:
//
//	numbers             as in memory
//	bool                a byte, 0 or 1
//	string              uvarint length, bytes
//	slice, map          uvarint 0 for nil, length + 1; elements, or keys and values
//	pointer             0 for nil, or 1 and what it points to
//	array, struct       elements, fields; what is numbers alone is one copy of the memory, with the padding in it
//	BinaryMarshaler     uvarint length, bytes
//
// All rows of a batch have their strings and []byte in one piece of memory, so reading them costs no allocation for each; and a
// string that somebody keeps, keeps that.
func derivedRows[T any]() (batch.Codec, error) {
	d := deriver{forms: map[reflect.Type]*form{}}
	c, err := d.of(reflect.TypeFor[T]())
	if err != nil {
		return nil, err
	}
	return derived[T]{c, flat(reflect.TypeFor[T]())}, nil
}

// derived is the codec of rows of type T.
type derived[T any] struct {
	of   *form
	flat bool // rows are as in memory
}

func (c derived[T]) Layout() string { return "rows " + c.of.layout }

func (c derived[T]) New() batch.Payload { return &batch.Rows[T]{} }

func (c derived[T]) Append(dst []byte, p batch.Payload) (_ []byte, err error) {
	rows, err := rowsOf[T](p)
	if err != nil {
		return nil, err
	}
	if c.flat {
		return append(dst, bytesAt(unsafe.Pointer(unsafe.SliceData(rows.V)), len(rows.V)*int(unsafe.Sizeof(*new(T))))...), nil
	}
	for i := range rows.V {
		if dst, err = c.of.append(dst, unsafe.Pointer(&rows.V[i]), 0); err != nil {
			return nil, fmt.Errorf("encode a row of type %v: %w", reflect.TypeFor[T](), err)
		}
	}
	return dst, nil
}

func (c derived[T]) Decode(b []byte, n int, into batch.Payload) error {
	rows, err := rowsOf[T](into)
	if err != nil {
		return err
	}
	if n > len(b)/max(c.of.least, 1) && c.of.least > 0 {
		return fmt.Errorf("%d rows in %d bytes", n, len(b))
	}
	rows.V = slices.Grow(rows.V[:0], n)[:n]
	r := reader{b: b}
	if c.flat {
		r.copy(unsafe.Pointer(unsafe.SliceData(rows.V)), n*int(unsafe.Sizeof(*new(T))))
	} else {
		for i := range rows.V {
			c.of.read(&r, unsafe.Pointer(&rows.V[i]), 0)
		}
	}
	if r.err != nil {
		return fmt.Errorf("read rows of type %v: %w", reflect.TypeFor[T](), r.err)
	}
	if len(r.b) > 0 {
		return fmt.Errorf("read rows of type %v: %d bytes follow them", reflect.TypeFor[T](), len(r.b))
	}
	return nil
}

// maxDepth is how deep pointers, slices and maps may be in each other: values that hold themselves have no end.
const maxDepth = 1000

// form is the encoding of values of one type, which lie at pointers. A value that is read is overwritten, whatever it was.
type form struct {
	layout string
	least  int // bytes that a value has at least
	append func(dst []byte, p unsafe.Pointer, depth int) ([]byte, error)
	read   func(r *reader, p unsafe.Pointer, depth int)
}

// reader reads from b, until something is wrong with it.
type reader struct {
	b     []byte
	err   error
	arena []byte // a copy of what b was when the first string was read; its end is that of b
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
		r.b = nil
	}
}

// take returns the next n bytes; nil: there are not so many.
func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.fail("they are cut off")
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// kept is take of bytes that stay.
func (r *reader) kept(n int) []byte {
	if r.arena == nil {
		r.arena = slices.Clone(r.b)
	}
	at := len(r.arena) - len(r.b)
	if r.take(n) == nil {
		return nil
	}
	return r.arena[at : at+n : at+n]
}

func (r *reader) copy(to unsafe.Pointer, n int) { copy(bytesAt(to, n), r.take(n)) }

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// length reads a length of elements that have at least so many bytes each.
func (r *reader) length(least int) int {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.fail("a length is cut off")
		return 0
	}
	r.b = r.b[size:]
	if n > math.MaxInt32 || least > 0 && n > uint64(len(r.b)/least) {
		r.fail("%d elements in %d bytes", n, len(r.b))
		return 0
	}
	return int(n)
}

// list reads the length of a slice or map; negative: it is nil.
func (r *reader) list(least, depth int) int {
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > math.MaxInt32 {
		r.fail("a length is cut off")
		return -1
	}
	r.b = r.b[size:]
	switch n := int(n) - 1; {
	case n < 0:
		return n
	case depth == maxDepth:
		r.fail("values are more than %d deep", maxDepth)
		return -1
	case least > 0 && n > len(r.b)/least:
		r.fail("%d elements in %d bytes", n, len(r.b))
		return -1
	default:
		return n
	}
}

func bytesAt(p unsafe.Pointer, n int) []byte { return unsafe.Slice((*byte)(p), n) }

// flat tells whether values are numbers alone: then their memory says all.
func flat(t reflect.Type) bool {
	switch k := t.Kind(); k {
	case reflect.Array:
		return t.Len() == 0 || flat(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if !flat(t.Field(i).Type) {
				return false
			}
		}
		return true
	default:
		return k >= reflect.Int && k <= reflect.Complex128 && k != reflect.Uintptr
	}
}

// deriver makes forms, each type's once: types may be made of themselves.
type deriver struct {
	forms map[reflect.Type]*form
	// packed: a value is the values that it is made of, one after the other, so that its layout says all about its bytes.
	packed bool
}

// flat tells whether a value is one copy of the memory.
func (d deriver) flat(t reflect.Type) bool {
	if !d.packed {
		return flat(t)
	}
	if t.Kind() == reflect.Array {
		return d.flat(t.Elem())
	}
	return t.Kind() != reflect.Struct && flat(t)
}

func (d deriver) of(t reflect.Type) (*form, error) {
	if f := d.forms[t]; f != nil {
		return f, nil
	}
	f := &form{layout: "recursive " + t.String()} // until it is known
	d.forms[t] = f
	made, err := d.make(t)
	if err != nil {
		return nil, err
	}
	*f = made
	return f, nil
}

func (d deriver) make(t reflect.Type) (form, error) {
	switch k := t.Kind(); {
	case d.flat(t):
		return flatForm(t), nil
	case marshals(t):
		return marshaledForm(t, d.packed), nil
	case k == reflect.Bool:
		return boolForm(), nil
	case k == reflect.String:
		return stringForm(), nil
	case k == reflect.Slice:
		return d.slice(t)
	case k == reflect.Map:
		return d.mapping(t)
	case k == reflect.Pointer:
		return d.pointer(t)
	case k == reflect.Array:
		return d.array(t)
	case k == reflect.Struct:
		return d.structure(t)
	}
	return form{}, fmt.Errorf("a %v has no meaning in another process", t)
}

func flatForm(t reflect.Type) form {
	size := int(t.Size())
	return form{
		layout: memoryLayout(t), least: size,
		append: func(dst []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			return append(dst, bytesAt(p, size)...), nil
		},
		read: func(r *reader, p unsafe.Pointer, _ int) { r.copy(p, size) },
	}
}

// memoryLayout describes a flat type. What fixedLayout refuses of them is complex numbers.
func memoryLayout(t reflect.Type) string {
	if layout, err := fixedLayout(t); err == nil {
		return layout
	}
	return fmt.Sprintf("memory %v", t)
}

func boolForm() form {
	return form{
		layout: "bool", least: 1,
		append: func(dst []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			if *(*bool)(p) {
				return append(dst, 1), nil
			}
			return append(dst, 0), nil
		},
		read: func(r *reader, p unsafe.Pointer, _ int) {
			b := r.byte()
			if b > 1 {
				r.fail("a byte of %d is no bool", b)
			}
			*(*bool)(p) = b == 1
		},
	}
}

func stringForm() form {
	return form{
		layout: "string", least: 1,
		append: func(dst []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			s := *(*string)(p)
			return append(binary.AppendUvarint(dst, uint64(len(s))), s...), nil
		},
		read: func(r *reader, p unsafe.Pointer, _ int) {
			b := r.kept(r.length(1))
			*(*string)(p) = unsafe.String(unsafe.SliceData(b), len(b))
		},
	}
}

var (
	marshaler   = reflect.TypeFor[encoding.BinaryMarshaler]()
	unmarshaler = reflect.TypeFor[encoding.BinaryUnmarshaler]()
)

// marshals tells whether values say themselves how they are written. A struct that has an embedded field which does may have that only
// from it, and would lose its other fields: it goes field by field.
func marshals(t reflect.Type) bool {
	if t.Kind() == reflect.Struct {
		for i := range t.NumField() {
			if f := t.Field(i); f.Anonymous && (implements(f.Type, marshaler) || implements(f.Type, unmarshaler)) {
				return false
			}
		}
	}
	return t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && implements(t, marshaler) && implements(t, unmarshaler)
}

func implements(t, contract reflect.Type) bool {
	return t.Implements(contract) || reflect.PointerTo(t).Implements(contract)
}

// marshaledForm is that of a type that says itself how it is written. With emptyIsZero, no bytes are the zero value.
func marshaledForm(t reflect.Type, emptyIsZero bool) form {
	return form{
		layout: fmt.Sprintf("marshaled %v", t), least: 1,
		append: func(dst []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			b, err := reflect.NewAt(t, p).Interface().(encoding.BinaryMarshaler).MarshalBinary()
			if err != nil {
				return nil, fmt.Errorf("a %v: %w", t, err)
			}
			return append(binary.AppendUvarint(dst, uint64(len(b))), b...), nil
		},
		read: func(r *reader, p unsafe.Pointer, _ int) {
			b := r.take(r.length(1))
			if r.err != nil {
				return
			}
			v := reflect.New(t) // what lies at p was another value
			if len(b) == 0 && emptyIsZero {
				reflect.NewAt(t, p).Elem().Set(v.Elem())
				return
			}
			if err := v.Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(b); err != nil {
				r.fail("a %v: %w", t, err)
				return
			}
			reflect.NewAt(t, p).Elem().Set(v.Elem())
		},
	}
}

func tooDeep() error {
	return fmt.Errorf("its values are more than %d deep, or hold themselves", maxDepth)
}

func (d deriver) pointer(t reflect.Type) (form, error) {
	to, err := d.of(t.Elem())
	if err != nil {
		return form{}, err
	}
	return form{
		layout: "*" + to.layout, least: 1,
		append: func(dst []byte, p unsafe.Pointer, depth int) ([]byte, error) {
			at := *(*unsafe.Pointer)(p)
			switch {
			case at == nil:
				return append(dst, 0), nil
			case depth == maxDepth:
				return nil, tooDeep()
			}
			return to.append(append(dst, 1), at, depth+1)
		},
		read: func(r *reader, p unsafe.Pointer, depth int) {
			there := r.byte()
			switch {
			case there > 1:
				r.fail("a byte of %d is no pointer", there)
			case there == 1 && depth == maxDepth:
				r.fail("values are more than %d deep", maxDepth)
			}
			if r.err != nil || there == 0 {
				*(*unsafe.Pointer)(p) = nil
				return
			}
			v := reflect.New(t.Elem()).UnsafePointer()
			to.read(r, v, depth+1)
			*(*unsafe.Pointer)(p) = v
		},
	}, nil
}

func (d deriver) slice(t reflect.Type) (form, error) {
	of, err := d.of(t.Elem())
	if err != nil {
		return form{}, err
	}
	size, isFlat := t.Elem().Size(), d.flat(t.Elem())
	set := func(p unsafe.Pointer, v reflect.Value) { reflect.NewAt(t, p).Elem().Set(v) }
	return form{
		layout: "[]" + of.layout, least: 1,
		append: func(dst []byte, p unsafe.Pointer, depth int) (_ []byte, err error) {
			s := *(*[]struct{})(p) // all slices have one shape
			switch {
			case s == nil:
				return append(dst, 0), nil
			case depth == maxDepth:
				return nil, tooDeep()
			}
			dst = binary.AppendUvarint(dst, uint64(len(s))+1)
			data := unsafe.Pointer(unsafe.SliceData(s))
			if isFlat {
				return append(dst, bytesAt(data, len(s)*int(size))...), nil
			}
			for i := range s {
				if dst, err = of.append(dst, unsafe.Add(data, uintptr(i)*size), depth+1); err != nil {
					return nil, err
				}
			}
			return dst, nil
		},
		read: func(r *reader, p unsafe.Pointer, depth int) {
			n := r.list(of.least, depth)
			switch {
			case n < 0:
				set(p, reflect.Zero(t))
			case isFlat && size == 1:
				*(*[]byte)(p) = r.kept(n)
			default:
				v := reflect.MakeSlice(t, n, n)
				data := v.UnsafePointer()
				if isFlat {
					r.copy(data, n*int(size))
				} else {
					for i := 0; i < n && size > 0; i++ {
						of.read(r, unsafe.Add(data, uintptr(i)*size), depth+1)
					}
				}
				set(p, v)
			}
		},
	}, nil
}

func (d deriver) mapping(t reflect.Type) (form, error) {
	key, err := d.of(t.Key())
	if err != nil {
		return form{}, fmt.Errorf("its key: %w", err)
	}
	value, err := d.of(t.Elem())
	if err != nil {
		return form{}, fmt.Errorf("its value: %w", err)
	}
	return form{
		layout: "map[" + key.layout + "]" + value.layout, least: 1,
		append: func(dst []byte, p unsafe.Pointer, depth int) (_ []byte, err error) {
			m := reflect.NewAt(t, p).Elem()
			switch {
			case m.IsNil():
				return append(dst, 0), nil
			case depth == maxDepth:
				return nil, tooDeep()
			}
			dst = binary.AppendUvarint(dst, uint64(m.Len())+1)
			k, v := reflect.New(t.Key()), reflect.New(t.Elem())
			for entries := m.MapRange(); entries.Next(); {
				k.Elem().SetIterKey(entries)
				v.Elem().SetIterValue(entries)
				if dst, err = key.append(dst, k.UnsafePointer(), depth+1); err != nil {
					return nil, err
				}
				if dst, err = value.append(dst, v.UnsafePointer(), depth+1); err != nil {
					return nil, err
				}
			}
			return dst, nil
		},
		read: func(r *reader, p unsafe.Pointer, depth int) {
			n := r.list(key.least+value.least, depth)
			to := reflect.NewAt(t, p).Elem()
			if n < 0 {
				to.SetZero()
				return
			}
			m := reflect.MakeMap(t)
			for i := 0; i < n && r.err == nil; i++ {
				k, v := reflect.New(t.Key()), reflect.New(t.Elem())
				key.read(r, k.UnsafePointer(), depth+1)
				value.read(r, v.UnsafePointer(), depth+1)
				m.SetMapIndex(k.Elem(), v.Elem())
				if m.Len() != i+1 {
					r.fail("a map has a key twice")
				}
			}
			to.Set(m)
		},
	}, nil
}

func (d deriver) array(t reflect.Type) (form, error) {
	of, err := d.of(t.Elem())
	if err != nil {
		return form{}, err
	}
	n, size := t.Len(), t.Elem().Size()
	return form{
		layout: fmt.Sprintf("[%d]%s", n, of.layout), least: n * of.least,
		append: func(dst []byte, p unsafe.Pointer, depth int) (_ []byte, err error) {
			for i := range n {
				if dst, err = of.append(dst, unsafe.Add(p, uintptr(i)*size), depth); err != nil {
					return nil, err
				}
			}
			return dst, nil
		},
		read: func(r *reader, p unsafe.Pointer, depth int) {
			for i := range n {
				of.read(r, unsafe.Add(p, uintptr(i)*size), depth)
			}
		},
	}, nil
}

// structure is that of a struct: fields that are flat and stand together are one copy.
func (d deriver) structure(t reflect.Type) (form, error) {
	type part struct {
		at uintptr
		of *form
	}
	var parts []part
	var layouts []string
	least, run := 0, uintptr(0) // where the flat fields before this one begin
	flush := func(end uintptr) {
		if end > run {
			f := flatForm(reflect.ArrayOf(int(end-run), reflect.TypeFor[byte]()))
			parts, least = append(parts, part{run, &f}), least+f.least
		}
	}
	end := uintptr(0) // of the field before
	for i := range t.NumField() {
		field := t.Field(i)
		of, err := d.of(field.Type)
		if err != nil {
			return form{}, fmt.Errorf("field %s: %w", field.Name, err)
		}
		layouts = append(layouts, field.Name+" "+of.layout)
		if d.packed || !flat(field.Type) {
			flush(end)
			parts, least = append(parts, part{field.Offset, of}), least+of.least
			run = field.Offset + field.Type.Size()
		}
		end = field.Offset + field.Type.Size()
	}
	flush(end)
	return form{
		layout: "{" + strings.Join(layouts, "; ") + "}", least: least,
		append: func(dst []byte, p unsafe.Pointer, depth int) (_ []byte, err error) {
			for i := range parts {
				if dst, err = parts[i].of.append(dst, unsafe.Add(p, parts[i].at), depth); err != nil {
					return nil, err
				}
			}
			return dst, nil
		},
		read: func(r *reader, p unsafe.Pointer, depth int) {
			for i := range parts {
				parts[i].of.read(r, unsafe.Add(p, parts[i].at), depth)
			}
		},
	}, nil
}
