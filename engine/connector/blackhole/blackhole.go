// Package blackhole drops rows: the connector 'blackhole', for benchmarks and for queries that are run for their other
// sinks. It has no options.
package blackhole

import (
	"context"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
)

// New returns a sink that takes rows of every kind and keeps none.
func New() connector.Sink { return sink{} }

type sink struct{}

// Rewinds is true: nobody sees what is dropped twice.
func (sink) Rewinds() bool { return true }

// TakesChanges is true: a change is dropped like any other row.
func (sink) TakesChanges() bool { return true }

// Writer drops rows.
func (sink) Writer(context.Context, connector.WriterContext) (connector.Writer, error) {
	return sink{}, nil
}

// Committer is nil: there is nothing to commit.
func (sink) Committer(context.Context, connector.CommitterContext) (connector.Committer, error) {
	return nil, nil
}

// Write drops the rows.
func (sink) Write(context.Context, *batch.Batch) error { return nil }

// Prepare has nothing to prepare.
func (sink) Prepare(context.Context, int64) ([][]byte, error) { return nil, nil }

// Close does nothing.
func (sink) Close() error { return nil }
