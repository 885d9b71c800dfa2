package datagen

import (
	"context"
	"fmt"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
)

// Option changes a source that Func makes.
type Option func(*funcConfig)

type funcConfig struct {
	order connector.SplitOrder
}

// InOrder says that event time grows with i, as far as the watermark's delay allows: windows then close as rows are made,
// and not only when all are (P4). It promises no order in which rows come: ranges of them are made side by side, and rows
// of one key meet in any order between ranges (stream.ProcessInOrder puts them in order).
func InOrder() Option { return func(c *funcConfig) { c.order = connector.OrderPath } }

// Func returns a bounded source of the rows that f makes for i = 0..n-1. f writes row i to *row, which holds an earlier row
// or zeros, and must depend on i alone: it is called again after a restart, from several goroutines.
func Func[T any](n int64, f func(i int64, row *T), options ...Option) connector.Source {
	var c funcConfig
	for _, o := range options {
		o(&c)
	}
	return &funcSource[T]{ranges: newRanges(max(n, 0), 0, c.order, nil), empty: n <= 0, f: f}
}

type funcSource[T any] struct {
	ranges
	empty bool
	f     func(i int64, row *T)
}

// Bounded is true, also of no rows at all.
func (*funcSource[T]) Bounded() bool { return true }

// Enumerator hands out the ranges.
func (s *funcSource[T]) Enumerator(ctx context.Context) (connector.Enumerator, error) {
	if s.empty {
		return nothing{}, nil
	}
	return s.ranges.Enumerator(ctx)
}

// nothing is the enumerator of a source without rows.
type nothing struct{}

// Discover finds nothing.
func (nothing) Discover(context.Context, []byte) (connector.Discovery, error) {
	return connector.Discovery{Seen: []byte{0}, Done: true}, nil
}

// Close does nothing.
func (nothing) Close() error { return nil }

// Payload is empty rows.
func (*funcSource[T]) Payload() batch.Payload { return &batch.Rows[T]{} }

// Reader calls the function.
func (s *funcSource[T]) Reader(_ context.Context, c connector.ReaderContext) (connector.Reader, error) {
	one := batch.Rows[T]{V: make([]T, 1)}
	return &reader{rows: batchRows(one.SizeBytes(), c.BatchRows), fill: s.fill}, nil
}

func (s *funcSource[T]) fill(into batch.Payload, from int64, n int, _ int64) error {
	rows, ok := into.(*batch.Rows[T])
	if !ok {
		return fmt.Errorf("the source makes %T, not %T", rows, into)
	}
	start := len(rows.V)
	if cap(rows.V) < start+n {
		grown := make([]T, start, start+n)
		copy(grown, rows.V)
		rows.V = grown
	}
	rows.V = rows.V[:start+n]
	for i := range rows.V[start:] {
		s.f(from+int64(i), &rows.V[start+i])
	}
	return nil
}
