package typed

import (
	"fmt"
	"reflect"
	"strings"
	"time"
	"unsafe"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/types"
)

// field moves the values of one column to and from the rows that begin at a pointer: n of them.
type field struct {
	read  func(from batch.Vector, rows unsafe.Pointer, n int)
	write func(to batch.Vector, rows unsafe.Pointer, n int)
}

// base points to the first of the rows.
func base[T any](rows []T) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(rows)) }

// schemaOf makes columns of a struct's fields.
func schemaOf[T any]() (types.Schema, []field, error) {
	t := reflect.TypeFor[T]()
	if t.Kind() != reflect.Struct {
		return nil, nil, fmt.Errorf("rows of %v have no columns: a row is a struct", t)
	}
	var schema types.Schema
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		kind, moves, ok := columnOf(f.Type, f.Offset, t.Size())
		if !ok {
			return nil, nil, fmt.Errorf("field %s of %v is of type %v, which no column has: use string, bool, int, int64, int32, float64, time.Time or a pointer to one of them",
				f.Name, t, f.Type)
		}
		schema, fields = append(schema, types.Field{Name: name, Type: kind}), append(fields, moves)
	}
	if len(schema) == 0 {
		return nil, nil, fmt.Errorf("%v has no exported field, and so no column", t)
	}
	return schema, fields, nil
}

// columnOf says which column a field is, and how its values are moved.
func columnOf(t reflect.Type, at, size uintptr) (types.Type, field, bool) {
	pointer := t.Kind() == reflect.Pointer
	if pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return types.Timestamp(3), fixed(at, size, pointer, func(v int64) time.Time { return time.UnixMilli(v).UTC() }, time.Time.UnixMilli), true
	case t.Kind() == reflect.String:
		return types.String(), texts(at, size, pointer), true
	case t.Kind() == reflect.Bool:
		return types.Boolean(), fixed(at, size, pointer, same[bool], same[bool]), true
	case t.Kind() == reflect.Int64:
		return types.BigInt(), fixed(at, size, pointer, same[int64], same[int64]), true
	case t.Kind() == reflect.Int:
		return types.BigInt(), fixed(at, size, pointer, func(v int64) int { return int(v) }, func(v int) int64 { return int64(v) }), true
	case t.Kind() == reflect.Int32:
		return types.Int(), fixed(at, size, pointer, same[int32], same[int32]), true
	case t.Kind() == reflect.Float64:
		return types.Double(), fixed(at, size, pointer, same[float64], same[float64]), true
	}
	return types.Type{}, field{}, false
}

func same[V any](v V) V { return v }

// fixed moves values of type V that are Go's G, which lie at an offset in rows of a size.
func fixed[V batch.Value, G any](at, size uintptr, pointer bool, in func(V) G, out func(G) V) field {
	return field{
		read: func(from batch.Vector, rows unsafe.Pointer, n int) {
			v := from.(*batch.Fixed[V])
			for i := range n {
				place := unsafe.Add(rows, uintptr(i)*size+at)
				switch {
				case v.Null(i):
				case pointer:
					g := in(v.V[i])
					*(**G)(place) = &g
				default:
					*(*G)(place) = in(v.V[i])
				}
			}
		},
		write: func(to batch.Vector, rows unsafe.Pointer, n int) {
			v := to.(*batch.Fixed[V])
			for i := range n {
				place := unsafe.Add(rows, uintptr(i)*size+at)
				if !pointer {
					v.Append(out(*(*G)(place)))
				} else if p := *(**G)(place); p != nil {
					v.Append(out(*p))
				} else {
					v.AppendNull()
				}
			}
		},
	}
}

// texts moves texts. Those of one batch share a piece of memory.
func texts(at, size uintptr, pointer bool) field {
	return field{
		read: func(from batch.Vector, rows unsafe.Pointer, n int) {
			v := from.(*batch.Strings)
			all := string(v.Buf)
			for i := range n {
				place := unsafe.Add(rows, uintptr(i)*size+at)
				text := all[v.Off[i]:v.Off[i+1]]
				switch {
				case v.Null(i):
				case pointer:
					*(**string)(place) = &text
				default:
					*(*string)(place) = text
				}
			}
		},
		write: func(to batch.Vector, rows unsafe.Pointer, n int) {
			v := to.(*batch.Strings)
			for i := range n {
				place := unsafe.Add(rows, uintptr(i)*size+at)
				if !pointer {
					v.AppendString(*(*string)(place))
				} else if p := *(**string)(place); p != nil {
					v.AppendString(*p)
				} else {
					v.AppendNull()
				}
			}
		},
	}
}
