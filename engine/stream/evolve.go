package stream

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unsafe"
)

// derivedLayout is what the layout of a value of [Derived] begins with.
const derivedLayout = "derived "

// Derived serializes values by what their type is made of: numbers, bools, strings, and arrays, slices, maps, pointers and structs of them, and types
// that are encoding.BinaryMarshaler and BinaryUnmarshaler. It does not do for keys of a map.
//
// The type may change from one version of the program to the next, by the names of the fields of its structs, wherever they are in it: a
// field that is new is zero, one that is gone is dropped, fields may stand in another order, and an integer or float may become one that all
// values of the old type fit into. Whatever else has changed is refused before the job starts. A field that is renamed is one that is gone and one that
// is new.
func Derived[V any]() Serializer[V] {
	d := deriver{forms: map[reflect.Type]*form{}, packed: true}
	f, err := d.of(reflect.TypeFor[V]())
	if err != nil {
		return Serializer[V]{err: err}
	}
	layout := derivedLayout + f.layout
	return Serializer[V]{
		Layout: layout,
		Append: func(dst []byte, v V) ([]byte, error) { return f.append(dst, unsafe.Pointer(&v), 0) },
		Decode: func(b []byte) (v V, err error) {
			r := reader{b: b}
			f.read(&r, unsafe.Pointer(&v), 0)
			if r.err == nil && len(r.b) > 0 {
				r.fail("%d bytes follow it", len(r.b))
			}
			return v, r.err
		},
		Evolve: func(earlier string) (func(dst, earlier []byte) ([]byte, error), error) {
			return evolve(earlier, layout)
		},
	}
}

// evolve returns what makes a value of one layout from one of another.
func evolve(was, is string) (func(dst, earlier []byte) ([]byte, error), error) {
	old, err := parseShape(was)
	if err != nil {
		return nil, err
	}
	now, err := parseShape(is)
	if err != nil {
		return nil, err
	}
	step, err := become(old, now, "")
	if err != nil {
		return nil, err
	}
	return func(dst, earlier []byte) ([]byte, error) {
		r := reader{b: earlier}
		dst = step(&r, dst)
		if r.err == nil && len(r.b) > 0 {
			r.fail("%d bytes follow it", len(r.b))
		}
		return dst, r.err
	}, nil
}

// shape is what a layout says of values.
type shape struct {
	kind   string // a scalar, or one of: string * [] [ map { marshaled
	text   string // of the layout
	n      int    // of an array
	elem   *shape
	key    *shape // of a map
	fields []shapeField
}

type shapeField struct {
	name string
	of   *shape
}

func parseShape(layout string) (*shape, error) {
	text, derived := strings.CutPrefix(layout, derivedLayout)
	if !derived {
		return nil, fmt.Errorf("%q is no layout of Derived", layout)
	}
	s, rest, ok := cutShape(text)
	if !ok || rest != "" {
		return nil, fmt.Errorf("what %q is made of is not told by its layout", layout)
	}
	return s, nil
}

// cutShape reads the layout at the beginning of a text.
func cutShape(text string) (s *shape, rest string, ok bool) {
	defer func() {
		if ok {
			s.text = text[:len(text)-len(rest)]
		}
	}()
	of := func(kind, after string) (*shape, string, bool) {
		elem, rest, ok := cutShape(after)
		return &shape{kind: kind, elem: elem}, rest, ok
	}
	switch {
	case strings.HasPrefix(text, "*"):
		return of("*", text[1:])
	case strings.HasPrefix(text, "[]"):
		return of("[]", text[2:])
	case strings.HasPrefix(text, "map["):
		key, rest, ok := cutShape(text[len("map["):])
		rest, closed := strings.CutPrefix(rest, "]")
		if !ok || !closed {
			return nil, "", false
		}
		s, rest, ok := of("map", rest)
		s.key = key
		return s, rest, ok
	case strings.HasPrefix(text, "["):
		count, after, found := strings.Cut(text[1:], "]")
		n, err := strconv.Atoi(count)
		if !found || err != nil || n < 0 {
			return nil, "", false
		}
		s, rest, ok := of("[", after)
		s.n = n
		return s, rest, ok
	case strings.HasPrefix(text, "{"):
		return cutFields(text[1:])
	}
	end := endOfName(text)
	name := text[:end]
	_, scalar := scalarSizes[name]
	if marshaled := strings.HasPrefix(name, "marshaled "); marshaled {
		return &shape{kind: "marshaled"}, text[end:], true
	}
	return &shape{kind: name}, text[end:], scalar || name == "string"
}

func cutFields(text string) (s *shape, rest string, ok bool) {
	s = &shape{kind: "{"}
	for !strings.HasPrefix(text, "}") {
		name, after, found := strings.Cut(text, " ")
		if !found {
			return nil, "", false
		}
		of, rest, ok := cutShape(after)
		if !ok {
			return nil, "", false
		}
		s.fields = append(s.fields, shapeField{name, of})
		text = strings.TrimPrefix(rest, "; ")
	}
	return s, text[1:], true
}

// endOfName is where the name of a type ends, in which there may be brackets.
func endOfName(text string) int {
	depth := 0
	for i, c := range text {
		switch {
		case c == '[' || c == '{':
			depth++
		case depth > 0 && (c == ']' || c == '}'):
			depth--
		case depth == 0 && (c == ';' || c == '}' || c == ']'):
			return i
		}
	}
	return len(text)
}

// field returns a field by its name, or nil.
func (s *shape) field(name string) *shape {
	for _, f := range s.fields {
		if f.name == name {
			return f.of
		}
	}
	return nil
}

// step reads a value and appends what it becomes.
type step func(r *reader, dst []byte) []byte

// become returns the step that makes values of one shape those of another. at is where they are in the whole.
func become(old, now *shape, at string) (step, error) {
	switch {
	case old.kind != now.kind || old.kind == "[" && old.n != now.n:
		if s := widen(old.kind, now.kind); s != nil {
			return s, nil
		}
		return nil, fmt.Errorf("%sa %s cannot become a %s", at, old.text, now.text)
	case old.kind == "{":
		return becomeStruct(old, now, at)
	case old.kind == "marshaled" && old.text != now.text:
		return nil, fmt.Errorf("%sa %s cannot become a %s", at, old.text, now.text)
	case old.elem == nil:
		return copied(old), nil
	}
	elem, err := become(old.elem, now.elem, at)
	if err != nil {
		return nil, err
	}
	if old.kind == "[" {
		return repeated(old.n, elem), nil
	}
	if old.kind == "*" {
		return pointed(elem), nil
	}
	each := elem
	if old.key != nil {
		key, err := become(old.key, now.key, at)
		if err != nil {
			return nil, err
		}
		each = func(r *reader, dst []byte) []byte { return elem(r, key(r, dst)) }
	}
	return counted(each), nil
}

func becomeStruct(old, now *shape, at string) (step, error) {
	steps := make([]step, len(old.fields)) // by field of old
	from := map[string]int{}
	for i, f := range old.fields {
		from[f.name] = i
		is := now.field(f.name)
		if is == nil {
			is = f.of // it is read, and dropped
		}
		var err error
		if steps[i], err = become(f.of, is, fmt.Sprintf("%sfield %s: ", at, f.name)); err != nil {
			return nil, err
		}
	}
	zeros := map[string][]byte{}
	for _, f := range now.fields {
		zeros[f.name] = f.of.zero(nil)
	}
	return func(r *reader, dst []byte) []byte {
		fields := make([][]byte, len(steps))
		for i, s := range steps {
			fields[i] = s(r, nil)
		}
		for _, f := range now.fields {
			if i, found := from[f.name]; found {
				dst = append(dst, fields[i]...)
			} else {
				dst = append(dst, zeros[f.name]...)
			}
		}
		return dst
	}, nil
}

// zero appends the zero value of a shape.
func (s *shape) zero(dst []byte) []byte {
	switch s.kind {
	case "{":
		for _, f := range s.fields {
			dst = f.of.zero(dst)
		}
	case "[":
		for range s.n {
			dst = s.elem.zero(dst)
		}
	case "*", "[]", "map", "string", "marshaled":
		dst = append(dst, 0)
	default:
		dst = append(dst, make([]byte, scalarSizes[s.kind])...)
	}
	return dst
}

// copied is the step of a value that stays what it is and has no elements.
func copied(s *shape) step {
	if size, scalar := scalarSizes[s.kind]; scalar {
		return func(r *reader, dst []byte) []byte { return append(dst, r.take(size)...) }
	}
	return func(r *reader, dst []byte) []byte { // a text, or what is marshaled
		n := r.length(1)
		return append(binary.AppendUvarint(dst, uint64(n)), r.take(n)...)
	}
}

func repeated(n int, elem step) step {
	return func(r *reader, dst []byte) []byte {
		for range n {
			dst = elem(r, dst)
		}
		return dst
	}
}

func pointed(elem step) step {
	return func(r *reader, dst []byte) []byte {
		there := r.byte()
		if dst = append(dst, there); there == 0 {
			return dst
		}
		return elem(r, dst)
	}
}

func counted(each step) step {
	return func(r *reader, dst []byte) []byte {
		n := r.list(0, 0)
		dst = binary.AppendUvarint(dst, uint64(n+1))
		for i := 0; i < n && r.err == nil; i++ {
			dst = each(r, dst)
		}
		return dst
	}
}

// widen returns the step that makes a number one of a type that holds all of its values; nil: there is none.
func widen(was, is string) step {
	size, to := scalarSizes[was], scalarSizes[is]
	signed := strings.HasPrefix(was, "int")
	switch {
	case size == 0 || to == 0:
		return nil
	case was == "float32" && is == "float64":
		return func(r *reader, dst []byte) []byte {
			var v float64
			if b := r.take(size); b != nil {
				v = float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
			}
			return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
		}
	case !signed && !strings.HasPrefix(was, "uint"):
		return nil
	case strings.HasPrefix(is, "uint") && signed || strings.HasPrefix(is, "int") && !signed && to <= size || to < size:
		return nil
	case !strings.HasPrefix(is, "int") && !strings.HasPrefix(is, "uint"):
		return nil
	}
	return func(r *reader, dst []byte) []byte {
		b := r.take(size)
		fill := byte(0)
		if signed && len(b) == size && b[size-1]&0x80 != 0 {
			fill = 0xff
		}
		dst = append(dst, b...)
		for range to - size {
			dst = append(dst, fill)
		}
		return dst
	}
}
