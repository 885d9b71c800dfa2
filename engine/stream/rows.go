package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/weirstream/weir/engine/batch"
)

// Serialize says how rows of type T are written where they go from one process to another. Without it they are written by what they
// are made of: numbers, bools, strings, and arrays, slices, maps, pointers and structs of them, with fields that are not exported, and
// types that are encoding.BinaryMarshaler and BinaryUnmarshaler. So it is needed for rows that hold functions, channels or values of
// interface types, and nothing in the job depends on it but speed. It counts for all streams of the job whose rows are of type T.
func Serialize[T any](j *Job, s Serializer[T]) {
	t := reflect.TypeFor[T]()
	err := s.invalid()
	if _, twice := j.serializers[t]; twice && err == nil {
		err = errors.New("it has a serializer already")
	}
	if err != nil {
		j.errs = append(j.errs, fmt.Errorf("the serializer of rows of type %v: %w", t, err))
		return
	}
	j.serializers[t] = serializedRows[T]{s}
}

// rowType is the type of the rows of an output.
type rowType struct {
	t      reflect.Type
	derive func() (batch.Codec, error)
}

// reads notes that rows of type T are read from an output.
func reads[T any](j *Job, from sideOf) { j.rows[from] = rowType{reflect.TypeFor[T](), derivedRows[T]} }

// encodeRows gives edges the codecs of their rows. Rows that need one and have none are an error: those that do not stay where they are.
func (j *Job) encodeRows() error {
	var errs []error
	for i := range j.graph.Nodes {
		n := &j.graph.Nodes[i]
		for k := range n.Inputs {
			e := &n.Inputs[k]
			rows := j.rows[sideOf{e.From, e.Output}]
			if e.Codec = j.serializers[rows.t]; e.Codec != nil {
				continue
			}
			codec, err := rows.derive()
			switch {
			case err == nil:
				e.Codec = codec
			case j.graph.Leaves(*e, i):
				errs = append(errs, fmt.Errorf(
					"operator %s: rows of type %v go from %s to it, maybe in another process, and cannot be encoded: %w; declare how they are with stream.Serialize",
					n.UID, rows.t, j.graph.Nodes[e.From].UID, err))
			}
		}
	}
	return errors.Join(errs...)
}

// serializedRows is the codec of rows by their serializer: for each, the length of its encoding in four bytes, and the encoding.
type serializedRows[T any] struct{ of Serializer[T] }

const lengthBytes = 4

func (c serializedRows[T]) Layout() string { return "rows serializer " + c.of.Layout }

func (c serializedRows[T]) New() batch.Payload { return &batch.Rows[T]{} }

func (c serializedRows[T]) Append(dst []byte, p batch.Payload) (_ []byte, err error) {
	rows, err := rowsOf[T](p)
	if err != nil {
		return nil, err
	}
	for _, row := range rows.V {
		at := len(dst)
		dst = append(dst, make([]byte, lengthBytes)...)
		if dst, err = c.of.Append(dst, row); err != nil {
			return nil, fmt.Errorf("serialize a row of type %T: %w", row, err)
		}
		length := len(dst) - at - lengthBytes
		if length < 0 || length > math.MaxInt32 {
			return nil, fmt.Errorf("serialize a row of type %T: its serializer has appended %d bytes", row, length)
		}
		binary.LittleEndian.PutUint32(dst[at:], uint32(length))
	}
	return dst, nil
}

func (c serializedRows[T]) Decode(b []byte, n int, into batch.Payload) error {
	rows, err := rowsOf[T](into)
	if err != nil {
		return err
	}
	if n > len(b)/lengthBytes {
		return fmt.Errorf("%d rows in %d bytes", n, len(b))
	}
	rows.V = slices.Grow(rows.V[:0], n)[:n]
	for i := range rows.V {
		if len(b) < lengthBytes {
			return fmt.Errorf("row %d is cut off", i)
		}
		length := uint64(binary.LittleEndian.Uint32(b))
		b = b[lengthBytes:]
		if length > uint64(len(b)) {
			return fmt.Errorf("row %d of %d bytes is cut off after %d", i, length, len(b))
		}
		if rows.V[i], err = c.of.Decode(b[:length:length]); err != nil {
			return fmt.Errorf("read row %d of type %T: %w", i, rows.V[i], err)
		}
		b = b[length:]
	}
	if len(b) > 0 {
		return fmt.Errorf("%d bytes follow its rows", len(b))
	}
	return nil
}

func rowsOf[T any](p batch.Payload) (*batch.Rows[T], error) {
	rows, ok := p.(*batch.Rows[T])
	if !ok {
		return nil, fmt.Errorf("%T are not rows of type %v", p, reflect.TypeFor[T]())
	}
	return rows, nil
}
