package main

import (
	"context"
	"sync"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
)

// gate is a source that goes as far as it was opened, so that a measurement decides what has been read at a checkpoint.
type gate struct {
	connector.Source
	mu struct {
		sync.Mutex
		open, read int64
		raised     chan struct{} // closed when open grows
	}
}

func newGate(of connector.Source) *gate {
	g := &gate{Source: of}
	g.mu.raised = make(chan struct{})
	return g
}

// to lets so many rows through, and those that are in one batch with the last of them.
func (g *gate) to(rows int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.open = rows
	close(g.mu.raised)
	g.mu.raised = make(chan struct{})
}

// Reader reads what comes through.
func (g *gate) Reader(ctx context.Context, c connector.ReaderContext) (connector.Reader, error) {
	r, err := g.Source.Reader(ctx, c)
	return gateReader{r, g}, err
}

type gateReader struct {
	connector.Reader
	gate *gate
}

// Next waits at the gate.
func (r gateReader) Next(ctx context.Context, into *batch.Batch) (connector.Progress, error) {
	r.gate.mu.Lock()
	defer r.gate.mu.Unlock()
	if r.gate.mu.read >= r.gate.mu.open {
		return connector.Progress{Wait: r.gate.mu.raised}, nil
	}
	p, err := r.Reader.Next(ctx, into)
	r.gate.mu.read += int64(into.Len())
	return p, err
}
