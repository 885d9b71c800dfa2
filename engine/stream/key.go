package stream

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"unsafe"

	"github.com/weirstream/weir/engine/batch"
)

// keyEncoder returns what makes the encoder of one subtask for keys of type K. The canonical encoding of a string is its
// bytes, of an integer eight bytes, little endian, of a bool one byte. It is part of the snapshot format: a key's group
// depends on it.
//
// An encoder keeps the key in a variable of its own, because one on the stack would escape, an allocation for each row;
// so one goroutine may use it.
func keyEncoder[K, T any](key func(*T) K) (func() encodeKeys[T], error) {
	t := reflect.TypeFor[K]()
	switch t.Kind() {
	case reflect.String:
		return encodeStrings[K](key), nil
	case reflect.Bool:
		return encodeBools[K](key), nil
	case reflect.Int, reflect.Int64, reflect.Uint, reflect.Uint64:
		return encodeIntegers[K, uint64](key), nil
	case reflect.Int32:
		return encodeIntegers[K, int32](key), nil
	case reflect.Uint32:
		return encodeIntegers[K, uint32](key), nil
	case reflect.Int16:
		return encodeIntegers[K, int16](key), nil
	case reflect.Uint16:
		return encodeIntegers[K, uint16](key), nil
	case reflect.Int8:
		return encodeIntegers[K, int8](key), nil
	case reflect.Uint8:
		return encodeIntegers[K, uint8](key), nil
	}
	return nil, fmt.Errorf("a key of type %v has no canonical encoding; use KeyByEncoded", t)
}

func encodeStrings[K, T any](key func(*T) K) func() encodeKeys[T] {
	return func() encodeKeys[T] {
		var k K
		return func(keys *batch.Bytes, rows []T) {
			for i := range rows {
				k = key(&rows[i])
				keys.AppendString(*(*string)(unsafe.Pointer(&k)))
			}
		}
	}
}

func encodeBools[K, T any](key func(*T) K) func() encodeKeys[T] {
	return func() encodeKeys[T] {
		var k K
		return func(keys *batch.Bytes, rows []T) {
			for i := range rows {
				k = key(&rows[i])
				keys.Buf = append(keys.Buf, *(*byte)(unsafe.Pointer(&k)))
				keys.Seal()
			}
		}
	}
}

// width is the length of an encoded integer in bytes.
const width = 8

// encodeIntegers reads the key as the integer type I, which has K's size and sign.
func encodeIntegers[K any, I int8 | int16 | int32 | uint8 | uint16 | uint32 | uint64, T any](key func(*T) K) func() encodeKeys[T] {
	return func() encodeKeys[T] {
		var k K
		return func(keys *batch.Bytes, rows []T) {
			buf := slices.Grow(keys.Buf[:0], width*len(rows))[:width*len(rows)]
			off := slices.Grow(keys.Off[:0], len(rows)+1)[:len(rows)+1]
			for i := range rows {
				k = key(&rows[i])
				binary.LittleEndian.PutUint64(buf[width*i:width*i+width], uint64(*(*I)(unsafe.Pointer(&k))))
				off[i+1] = uint32(width*i + width)
			}
			off[0] = 0
			keys.Buf, keys.Off = buf, off
		}
	}
}
