package stream

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"
	"unsafe"
)

// Serializer turns values into bytes and back: those of a state, or the keys of a MapState.
type Serializer[V any] struct {
	// Layout describes the encoding, to people and to the check on restore: state whose layout has changed is refused, before
	// anything starts. So it stays as it is exactly as long as Decode reads what earlier versions of the program have written.
	Layout string
	// Append appends the encoding of a value.
	Append func(dst []byte, v V) ([]byte, error)
	// Decode reads a value. It must keep no part of b, which is the state itself.
	Decode func(b []byte) (V, error)
	// Evolve says how values that were written with an earlier Layout become such of this one, or why they cannot: then the state is refused. It is
	// asked before the job starts, and what it returns is called for each value when the state is restored. Nil: none can. It is not asked
	// for keys of a map.
	Evolve func(layout string) (func(dst, earlier []byte) ([]byte, error), error)

	err error // why values of the type cannot be serialized
}

// invalid says why the serializer cannot be used.
func (s *Serializer[V]) invalid() error {
	if s.err == nil && (s.Layout == "" || s.Append == nil || s.Decode == nil) {
		return fmt.Errorf("its serializer of %v needs a Layout, Append and Decode", reflect.TypeFor[V]())
	}
	return s.err
}

// Text serializes strings, as they are. As keys of a map they are in the order of their bytes.
func Text[S ~string]() Serializer[S] {
	return Serializer[S]{
		Layout: "text",
		Append: func(dst []byte, v S) ([]byte, error) { return append(dst, v...), nil },
		Decode: func(b []byte) (S, error) { return S(b), nil },
	}
}

// Integer serializes integers of any size, in eight bytes. As keys of a map they are in the order of their values.
func Integer[I ~int | ~int8 | ~int16 | ~int32 | ~int64]() Serializer[I] {
	const sign = 1 << 63
	return Serializer[I]{
		Layout: "integer",
		Append: func(dst []byte, v I) ([]byte, error) {
			return binary.BigEndian.AppendUint64(dst, uint64(int64(v))^sign), nil
		},
		Decode: func(b []byte) (I, error) {
			if len(b) != 8 {
				return 0, fmt.Errorf("an integer has 8 bytes, not %d", len(b))
			}
			n := int64(binary.BigEndian.Uint64(b) ^ sign)
			v := I(n)
			if int64(v) != n {
				return 0, fmt.Errorf("%d does not fit into a %v", n, reflect.TypeFor[I]())
			}
			return v, nil
		},
	}
}

// Fixed serializes values of a fixed size, without pointers, strings and slices, as they are in memory: the fastest, for
// values whose type does not change. As keys of a map they are in no order that means anything.
func Fixed[V any]() Serializer[V] {
	layout, err := fixedLayout(reflect.TypeFor[V]())
	size := int(unsafe.Sizeof(*new(V)))
	return Serializer[V]{
		Layout: layout,
		Append: func(dst []byte, v V) ([]byte, error) {
			return append(dst, unsafe.Slice((*byte)(unsafe.Pointer(&v)), size)...), nil
		},
		Decode: func(b []byte) (v V, err error) {
			if len(b) != size {
				return v, fmt.Errorf("a %T has %d bytes, not %d", v, size, len(b))
			}
			copy(unsafe.Slice((*byte)(unsafe.Pointer(&v)), size), b)
			return v, nil
		},
		err: err,
	}
}

// JSON serializes values with encoding/json. Their type may gain and lose fields: what is gained is read as zero, what is lost is
// ignored. It does not do for keys of a map.
func JSON[V any]() Serializer[V] {
	return Serializer[V]{
		Layout: "json",
		Append: func(dst []byte, v V) ([]byte, error) {
			text, err := json.Marshal(v)
			return append(dst, text...), err
		},
		Decode: func(b []byte) (v V, err error) {
			err = json.Unmarshal(b, &v)
			return v, err
		},
	}
}
