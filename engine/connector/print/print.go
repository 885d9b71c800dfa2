// Package print writes rows to a stream for people: the connector 'print'.
//
// A row is a line as in Flink: its kind, then its values, +I[2001-01-01T00:00, MCI, null]. With several subtasks, each line
// says which one wrote it. Rows are written as they come, before their checkpoint is complete: after a failure some are
// written again, so output is at least once.
package print

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/sqltime"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/types"
)

// New returns a sink that writes the columns of a schema to out, each line after the identifier if there is one. All writers of one sink
// share out; what else writes to it may come between lines, but not into them if out writes at once what it is given.
func New(out io.Writer, identifier string, schema types.Schema) connector.Sink {
	return newSink(out, identifier, func(p batch.Payload) (appendRow, error) {
		c, ok := p.(*batch.Columns)
		if !ok {
			return nil, fmt.Errorf("the sink prints columns, not %T", p)
		}
		return func(dst []byte, row int) []byte { return appendColumns(dst, schema, c, row) }, nil
	})
}

// Rows returns a sink that writes rows of a Go type. format appends a row's text, for between the brackets.
func Rows[T any](out io.Writer, identifier string, format func(dst []byte, row *T) []byte) connector.Sink {
	return newSink(out, identifier, func(p batch.Payload) (appendRow, error) {
		r, ok := p.(*batch.Rows[T])
		if !ok {
			return nil, fmt.Errorf("the sink prints %T, not %T", r, p)
		}
		return func(dst []byte, row int) []byte { return format(dst, &r.V[row]) }, nil
	})
}

// appendRow appends the text of a row of one payload.
type appendRow func(dst []byte, row int) []byte

type sink struct {
	identifier string
	rows       func(batch.Payload) (appendRow, error)
	mu         struct {
		sync.Mutex
		out io.Writer
	}
}

func newSink(out io.Writer, identifier string, rows func(batch.Payload) (appendRow, error)) connector.Sink {
	s := &sink{identifier: identifier, rows: rows}
	s.mu.out = out
	return s
}

// Rewinds is false: what was printed stays.
func (*sink) Rewinds() bool { return false }

// TakesChanges is true: the kind of each row is printed.
func (*sink) TakesChanges() bool { return true }

// Writer prints the rows of a subtask.
func (s *sink) Writer(_ context.Context, w connector.WriterContext) (connector.Writer, error) {
	prefix := s.identifier
	if w.Parallelism > 1 {
		if prefix != "" {
			prefix += ":"
		}
		prefix += strconv.Itoa(w.Subtask + 1) // Flink counts from 1 here
	}
	if prefix != "" {
		prefix += "> "
	}
	return &writer{sink: s, prefix: prefix}, nil
}

// Committer is nil: there is nothing to commit.
func (*sink) Committer(context.Context, connector.CommitterContext) (connector.Committer, error) {
	return nil, nil
}

type writer struct {
	sink   *sink
	prefix string
	buf    []byte
}

var kinds = [...]string{batch.Insert: "+I", batch.UpdateBefore: "-U", batch.UpdateAfter: "+U", batch.Delete: "-D"}

// Write prints the rows of a batch at once.
func (w *writer) Write(_ context.Context, b *batch.Batch) error {
	row, err := w.sink.rows(b.Data)
	if err != nil {
		return err
	}
	w.buf = w.buf[:0]
	for i := range b.Len() {
		kind := batch.Insert
		if len(b.Kind) > 0 {
			kind = b.Kind[i]
		}
		w.buf = append(w.buf, w.prefix...)
		w.buf = append(w.buf, kinds[kind]...)
		w.buf = append(w.buf, '[')
		w.buf = row(w.buf, i)
		w.buf = append(w.buf, ']', '\n')
	}
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	if _, err := w.sink.mu.out.Write(w.buf); err != nil {
		return fault.Permanentf("sink print", "keep what reads the output open until the job ends, or write to files", "print rows: %w", err)
	}
	return nil
}

// Prepare has nothing to prepare.
func (*writer) Prepare(context.Context, int64) ([][]byte, error) { return nil, nil }

// Close does nothing: the stream is not the sink's.
func (*writer) Close() error { return nil }

func appendColumns(dst []byte, schema types.Schema, c *batch.Columns, row int) []byte {
	for i, v := range c.Cols {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if v.Null(row) {
			dst = append(dst, "null"...)
		} else {
			dst = appendValue(dst, schema[i].Type.Kind(), v, row)
		}
	}
	return dst
}

func appendValue(dst []byte, k types.Kind, v batch.Vector, row int) []byte {
	switch v := v.(type) {
	case *batch.Strings:
		return append(dst, v.At(row)...)
	case *batch.Fixed[bool]:
		return strconv.AppendBool(dst, v.V[row])
	case *batch.Fixed[float64]:
		return codec.AppendJavaDouble(dst, v.V[row])
	case *batch.Fixed[int32]:
		if k == types.KindDate {
			return sqltime.AppendDate(dst, v.V[row])
		}
		return strconv.AppendInt(dst, int64(v.V[row]), 10)
	case *batch.Fixed[int64]:
		if k == types.KindTimestamp {
			return appendTimestamp(dst, v.V[row])
		}
		return strconv.AppendInt(dst, v.V[row], 10)
	}
	panic("no text is known for values of " + k.String())
}

// appendTimestamp writes what Java's LocalDateTime.toString does, which Flink prints: no seconds if they are 0, and three
// digits of a fraction if it is not.
func appendTimestamp(dst []byte, ms int64) []byte {
	dst = sqltime.AppendTimestamp(dst, ms, sqltime.ISO)
	switch {
	case ms%sqltime.MinuteMS == 0:
		return dst[:len(dst)-len(":00")]
	case ms%10 == 0 && ms%sqltime.SecondMS != 0: // the fraction was written without zeros at its end
		dst = append(dst, '0')
		if ms%100 == 0 {
			dst = append(dst, '0')
		}
	}
	return dst
}
