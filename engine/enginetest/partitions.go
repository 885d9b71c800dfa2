package enginetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
)

// Partitions is a source of splits that never end, as the partitions of a topic are: rows are appended when the test says
// so, and all splits are read at the same time.
type Partitions[T any] struct {
	mu struct {
		sync.Mutex
		rows  [][]T          // by partition
		group map[string]int // by split, as it was told of the newest complete checkpoint
		grown chan struct{}  // closed when there is more
	}
}

// NewPartitions returns a source of n empty partitions.
func NewPartitions[T any](n int) *Partitions[T] {
	p := &Partitions[T]{}
	p.mu.rows, p.mu.grown, p.mu.group = make([][]T, n), make(chan struct{}), map[string]int{}
	return p
}

// Append adds rows to a partition.
func (p *Partitions[T]) Append(partition int, rows ...T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.rows[partition] = append(p.mu.rows[partition], rows...)
	close(p.mu.grown)
	p.mu.grown = make(chan struct{})
}

// Add makes one more partition, and returns its index.
func (p *Partitions[T]) Add() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.rows = append(p.mu.rows, nil)
	return len(p.mu.rows) - 1
}

// Group is, for each partition, how many rows are behind the newest complete checkpoint that its reader was told of, as the
// offsets of a consumer group are.
func (p *Partitions[T]) Group() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	offsets := make([]int, len(p.mu.rows))
	for i := range offsets {
		offsets[i] = p.mu.group[partitionID(i)]
	}
	return offsets
}

func partitionID[N int | uint64](i N) string { return fmt.Sprintf("partition-%d", i) }

// Bounded is false.
func (p *Partitions[T]) Bounded() bool { return false }

// Assignment is Spread.
func (p *Partitions[T]) Assignment() connector.Assignment { return connector.Spread }

// Order is OrderNone.
func (p *Partitions[T]) Order() connector.SplitOrder { return connector.OrderNone }

// Payload returns rows of T.
func (p *Partitions[T]) Payload() batch.Payload { return &batch.Rows[T]{} }

// Enumerator finds the partitions that are new.
func (p *Partitions[T]) Enumerator(context.Context) (connector.Enumerator, error) {
	return partitionEnumerator[T]{p}, nil
}

// Reader reads partitions.
func (p *Partitions[T]) Reader(context.Context, connector.ReaderContext) (connector.Reader, error) {
	return &partitionReader[T]{of: p}, nil
}

type partitionEnumerator[T any] struct{ of *Partitions[T] }

func (e partitionEnumerator[T]) Discover(_ context.Context, seen []byte) (connector.Discovery, error) {
	known, _ := binary.Uvarint(seen) // 0 of nothing
	e.of.mu.Lock()
	n := uint64(len(e.of.mu.rows))
	e.of.mu.Unlock()
	d := connector.Discovery{Seen: binary.AppendUvarint(nil, n), Next: time.Millisecond}
	for i := known; i < n; i++ {
		id := partitionID(i)
		d.Splits = append(d.Splits, connector.Split{ID: id, Chain: id, Spec: binary.AppendUvarint(nil, i)})
	}
	return d, nil
}

func (partitionEnumerator[T]) Close() error { return nil }

// partitionReader reads its partitions in turn.
type partitionReader[T any] struct {
	of       *Partitions[T]
	open     []*partition
	position []byte
}

type partition struct {
	id    string
	index uint64
	next  uint64
}

func (r *partitionReader[T]) Add(s connector.Split, position []byte) error {
	index, _ := binary.Uvarint(s.Spec)
	next, _ := binary.Uvarint(position)
	r.open = append(r.open, &partition{s.ID, index, next})
	return nil
}

func (r *partitionReader[T]) Next(_ context.Context, into *batch.Batch) (connector.Progress, error) {
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	rows := into.Data.(*batch.Rows[T])
	for i, p := range r.open {
		there := r.of.mu.rows[p.index]
		if p.next == uint64(len(there)) {
			continue
		}
		end := min(p.next+batch.TargetRows, uint64(len(there)))
		rows.V = append(rows.V, there[p.next:end]...)
		p.next = end
		r.position = binary.AppendUvarint(r.position[:0], end)
		r.open = append(append(r.open[:i:i], r.open[i+1:]...), p)
		return connector.Progress{Split: p.id, Position: r.position}, nil
	}
	return connector.Progress{Wait: r.of.mu.grown}, nil
}

// CaughtUp says whether a partition was read as far as there are rows.
func (r *partitionReader[T]) CaughtUp(split string) bool {
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	for _, p := range r.open {
		if p.id == split {
			return p.next == uint64(len(r.of.mu.rows[p.index]))
		}
	}
	return false
}

// CheckpointComplete remembers how far a complete checkpoint is.
func (r *partitionReader[T]) CheckpointComplete(_ int64, splits []connector.CompleteSplit) error {
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	for _, s := range splits {
		next, _ := binary.Uvarint(s.Position) // 0 of nothing
		r.of.mu.group[s.ID] = int(next)
	}
	return nil
}

func (r *partitionReader[T]) Close() error { return nil }
