package enginetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
)

// Tap is a bounded source of Go values in splits of a fixed number of rows. Its readers hand out only the rows that it
// was opened for, so that a test decides how far a job gets.
type Tap[T any] struct {
	rows []T
	per  int // rows in a split

	mu struct {
		sync.Mutex
		open   int
		raised chan struct{} // closed when open grows
		read   int           // rows handed out, by all readers there ever were
	}
}

// NewTap returns a source of the rows, in splits of so many, and closed.
func NewTap[T any](rows []T, perSplit int) *Tap[T] {
	t := &Tap[T]{rows: rows, per: perSplit}
	t.mu.raised = make(chan struct{})
	return t
}

// Of returns a source of one split that hands out all rows at once.
func Of[T any](rows []T) *Tap[T] {
	t := NewTap(rows, max(1, len(rows)))
	t.Open(len(rows))
	return t
}

// Open lets the readers hand out so many rows, from the first on.
func (t *Tap[T]) Open(rows int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if rows > t.mu.open {
		t.mu.open = rows
		close(t.mu.raised)
		t.mu.raised = make(chan struct{})
	}
}

// Read is the number of rows that were handed out, those that were read again included.
func (t *Tap[T]) Read() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.read
}

// Bounded is true.
func (t *Tap[T]) Bounded() bool { return true }

// Order is OrderNone.
func (t *Tap[T]) Order() connector.SplitOrder { return connector.OrderNone }

// Payload returns rows of T.
func (t *Tap[T]) Payload() batch.Payload { return &batch.Rows[T]{} }

// Enumerator finds the splits.
func (t *Tap[T]) Enumerator(context.Context) (connector.Enumerator, error) {
	return tapEnumerator{(len(t.rows) + t.per - 1) / t.per}, nil
}

// Reader reads splits.
func (t *Tap[T]) Reader(context.Context, connector.ReaderContext) (connector.Reader, error) {
	return &tapReader[T]{tap: t}, nil
}

type tapEnumerator struct{ splits int }

func (e tapEnumerator) Discover(_ context.Context, seen []byte) (connector.Discovery, error) {
	d := connector.Discovery{Seen: []byte("all"), Done: true}
	if len(seen) > 0 {
		return d, nil
	}
	for i := range e.splits {
		id := fmt.Sprintf("split-%d", i)
		d.Splits = append(d.Splits, connector.Split{ID: id, Chain: id, Spec: binary.LittleEndian.AppendUint64(nil, uint64(i))})
	}
	return d, nil
}

func (tapEnumerator) Close() error { return nil }

// tapReader reads its splits one after the other.
type tapReader[T any] struct {
	tap      *Tap[T]
	queue    []tapSplit
	position [8]byte
}

type tapSplit struct {
	id      string
	at, end int // rows of the tap
}

func (r *tapReader[T]) Add(s connector.Split, position []byte) error {
	at := int(binary.LittleEndian.Uint64(s.Spec)) * r.tap.per
	split := tapSplit{id: s.ID, at: at, end: min(at+r.tap.per, len(r.tap.rows))}
	if len(position) > 0 {
		split.at = int(binary.LittleEndian.Uint64(position))
	}
	r.queue = append(r.queue, split)
	return nil
}

func (r *tapReader[T]) Next(_ context.Context, into *batch.Batch) (connector.Progress, error) {
	if len(r.queue) == 0 {
		return connector.Progress{}, nil
	}
	s := &r.queue[0]
	r.tap.mu.Lock()
	defer r.tap.mu.Unlock()
	end := min(s.at+batch.TargetRows, r.tap.mu.open, s.end)
	if end <= s.at && s.at < s.end {
		return connector.Progress{Wait: r.tap.mu.raised}, nil
	}
	rows := into.Data.(*batch.Rows[T])
	rows.V = append(rows.V, r.tap.rows[s.at:end]...)
	r.tap.mu.read += end - s.at
	s.at = end
	binary.LittleEndian.PutUint64(r.position[:], uint64(end))
	p := connector.Progress{Split: s.id, Position: r.position[:], Done: s.at == s.end}
	if p.Done {
		r.queue = r.queue[1:]
	}
	return p, nil
}

func (r *tapReader[T]) Close() error { return nil }
