// Package typed opens the connectors that SQL has for programs on the Go SDK: with the options of a table, and rows of a struct instead
// of columns.
//
//	type Click struct {
//		User string    `json:"user"`
//		At   time.Time `json:"at"`
//	}
//
//	source, err := typed.Source[Click](typed.Options{"connector": "filesystem", "path": "s3://bucket/clicks", "format": "json"})
//
// The columns are the exported fields of the struct, in their order, with the names that encoding/json gives them: strings, bools, int,
// int64, int32, float64, and time.Time, which is a TIMESTAMP(3) in UTC. A pointer to one of them is nil where a column is NULL; a field
// that is none is zero there.
package typed

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/registry"
	"github.com/weirstream/weir/engine/connector/table"
)

// Options are those of a table's WITH clause, as the SQL reference lists them.
type Options map[string]string

// Source opens a connector whose readers fill batch.Rows[T], for stream.From and stream.FromEvents. How fast the job reads is said
// there, with stream.RowsPerSecond.
func Source[T any](options Options) (connector.Source, error) {
	spec, r, fields, err := open[T](options)
	if err != nil {
		return nil, err
	}
	if v, said := options[registry.OptionRate]; said {
		return nil, spec.Options.Errorf(registry.OptionRate, "give stream.From the option stream.RowsPerSecond", "a program does not say here that %s rows are read in a second", v)
	}
	columns, _, err := r.Source(options["connector"], spec)
	if err == nil {
		err = spec.Options.Check()
	}
	if err != nil {
		return nil, err
	}
	s := &source[T]{Source: columns, fields: fields, identity: r.Identity(options["connector"], func(key string) (string, bool) {
		v, set := options[key]
		return v, set
	})}
	if places, ok := columns.(connector.PlaceReader); ok {
		return &fileSource[T]{s, places}, nil
	}
	if lag, ok := columns.(connector.LagMeter); ok {
		return &laggingSource[T]{s, lag}, nil
	}
	return s, nil
}

// Sink opens a connector whose writers take batch.Rows[T], for stream.To.
func Sink[T any](options Options) (connector.Sink, error) {
	spec, r, fields, err := open[T](options)
	if err != nil {
		return nil, err
	}
	columns, err := r.Sink(options["connector"], spec)
	if err == nil {
		err = spec.Options.Check()
	}
	if err != nil {
		return nil, err
	}
	s := &sink[T]{Sink: columns, schema: spec.Schema.Layout(), fields: fields}
	places, placed := columns.(connector.PlaceWriter)
	visible, tells := columns.(connector.VisibleSink)
	if placed && tells {
		return &fileSink[T]{s, places, visible}, nil
	}
	return s, nil
}

// open reads what all connectors are told. Places in errors are those of the call of Source or Sink.
func open[T any](options Options) (table.Spec, *registry.Registry, []field, error) {
	_, file, line, _ := runtime.Caller(2)
	place := fmt.Sprintf("%s:%d", filepath.Base(file), line)
	schema, fields, err := schemaOf[T]()
	if err != nil {
		return table.Spec{}, nil, nil, fmt.Errorf("%s: %w", place, err)
	}
	name := fmt.Sprintf("%T", *new(T))
	o := table.NewOptions(name, place)
	for _, key := range slices.Sorted(maps.Keys(options)) {
		o.Set(key, options[key], place, false)
	}
	r := registry.New(registry.Environment{Stdout: os.Stdout, Stderr: os.Stderr, Log: slog.Default(), Now: time.Now})
	return table.Spec{Name: name, Schema: schema, Options: o}, r, fields, nil
}

// source makes rows of what another reads as columns.
type source[T any] struct {
	connector.Source
	fields   []field
	identity string
}

// Identity is that of a table with the same options.
func (s *source[T]) Identity() string { return s.identity }

// Payload returns rows of T.
func (s *source[T]) Payload() batch.Payload { return &batch.Rows[T]{} }

// Assignment is that of the connector.
func (s *source[T]) Assignment() connector.Assignment { return connector.AssignmentOf(s.Source) }

// PassedOver is what the connector says.
func (s *source[T]) PassedOver() int64 {
	if p, ok := s.Source.(connector.PasserOver); ok {
		return p.PassedOver()
	}
	return 0
}

// Reader reads splits.
func (s *source[T]) Reader(ctx context.Context, c connector.ReaderContext) (connector.Reader, error) {
	columns, err := s.Source.Reader(ctx, c)
	if err != nil {
		return nil, err
	}
	payload := s.Source.Payload().(*batch.Columns)
	r := &reader[T]{Reader: columns, fields: s.fields, columns: payload, into: batch.Of(payload)}
	lag, lags := columns.(connector.LagReporter)
	listener, listens := columns.(connector.CheckpointListener)
	switch {
	case lags && listens:
		return &endlessReader[T]{r, lag, listener}, nil
	case lags:
		return &laggingReader[T]{r, lag}, nil
	case listens:
		return &listeningReader[T]{r, listener}, nil
	}
	return r, nil
}

// fileSource tells the places of its files, as the connector does.
type fileSource[T any] struct {
	*source[T]
	connector.PlaceReader
}

// laggingSource knows how far it is behind, as the connector does.
type laggingSource[T any] struct {
	*source[T]
	connector.LagMeter
}

// MovesTo is what the connector says.
func (s *fileSource[T]) MovesTo() string {
	if m, ok := s.Source.(connector.PlaceMover); ok {
		return m.MovesTo()
	}
	return ""
}

type reader[T any] struct {
	connector.Reader
	fields  []field
	columns *batch.Columns
	into    *batch.Batch
}

type (
	laggingReader[T any] struct {
		*reader[T]
		connector.LagReporter
	}
	listeningReader[T any] struct {
		*reader[T]
		connector.CheckpointListener
	}
	endlessReader[T any] struct {
		*reader[T]
		connector.LagReporter
		connector.CheckpointListener
	}
)

// Next reads columns and makes rows of them.
func (r *reader[T]) Next(ctx context.Context, into *batch.Batch) (connector.Progress, error) {
	r.columns.Reset()
	p, err := r.Reader.Next(ctx, r.into)
	if err != nil || r.columns.N == 0 {
		return p, err
	}
	rows := into.Data.(*batch.Rows[T])
	n := len(rows.V)
	rows.V = slices.Grow(rows.V, r.columns.N)[:n+r.columns.N]
	clear(rows.V[n:])
	for i := range r.fields {
		r.fields[i].read(r.columns.Cols[i], base(rows.V[n:]), r.columns.N)
	}
	return p, nil
}

// Locate says where a row stands, if the connector knows.
func (r *reader[T]) Locate(row int) string {
	if l, ok := r.Reader.(connector.Locator); ok {
		return l.Locate(row)
	}
	return ""
}

// sink makes columns of rows for another.
type sink[T any] struct {
	connector.Sink
	schema *batch.Schema
	fields []field
}

// Writer writes in one subtask.
func (s *sink[T]) Writer(ctx context.Context, w connector.WriterContext) (connector.Writer, error) {
	columns, err := s.Sink.Writer(ctx, w)
	if err != nil {
		return nil, err
	}
	payload := batch.NewColumns(s.schema)
	return &writer[T]{Writer: columns, fields: s.fields, columns: payload, from: batch.Of(payload)}, nil
}

// fileSink tells the places of its files, and which are visible, as the connector does.
type fileSink[T any] struct {
	*sink[T]
	connector.PlaceWriter
	connector.VisibleSink
}

type writer[T any] struct {
	connector.Writer
	fields  []field
	columns *batch.Columns
	from    *batch.Batch
}

// Write makes columns of rows and writes them.
func (w *writer[T]) Write(ctx context.Context, b *batch.Batch) error {
	rows := b.Data.(*batch.Rows[T]).V
	w.columns.Reset()
	for i := range w.fields {
		w.fields[i].write(w.columns.Cols[i], base(rows), len(rows))
	}
	w.columns.N = len(rows)
	w.from.Kind, w.from.Time = b.Kind, b.Time
	return w.Writer.Write(ctx, w.from)
}
