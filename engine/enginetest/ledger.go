package enginetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
)

// Ledger is a transactional sink in memory: rows are staged by writers and become visible when their checkpoint is
// committed, once, however often that is repeated. It outlives the runs that write to it.
type Ledger[T any] struct {
	mu struct {
		sync.Mutex
		staged    map[string]transaction[T]
		committed map[string]bool
		visible   []T
		fail      error
		next      int
	}
}

// transaction is what one Prepare staged.
type transaction[T any] struct {
	attempt int64
	rows    []T
}

// NewLedger returns an empty ledger.
func NewLedger[T any]() *Ledger[T] {
	l := &Ledger[T]{}
	l.mu.staged, l.mu.committed = map[string]transaction[T]{}, map[string]bool{}
	return l
}

// Rows returns what was committed.
func (l *Ledger[T]) Rows() []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.mu.visible)
}

// Exactly fails the test unless just these rows were committed, each as often as it stands here, in any order.
func (l *Ledger[T]) Exactly(t testing.TB, want ...T) {
	t.Helper()
	times := map[string]int{}
	for _, r := range l.Rows() {
		times[fmt.Sprintf("%+v", r)]++
	}
	for _, r := range want {
		times[fmt.Sprintf("%+v", r)]--
	}
	for _, row := range slices.Sorted(maps.Keys(times)) {
		switch n := times[row]; {
		case n > 0:
			t.Errorf("%s was committed %d times too often", row, n)
		case n < 0:
			t.Errorf("%s was committed %d times too few", row, -n)
		}
	}
}

// FailCommits lets all commits fail with err from now on; nil: they succeed again.
func (l *Ledger[T]) FailCommits(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.fail = err
}

// Rewinds is false: rows that are written again under another checkpoint would be there twice.
func (l *Ledger[T]) Rewinds() bool { return false }

// Writer stages rows.
func (l *Ledger[T]) Writer(_ context.Context, w connector.WriterContext) (connector.Writer, error) {
	return &ledgerWriter[T]{ledger: l, at: w}, nil
}

// Committer makes staged rows visible.
func (l *Ledger[T]) Committer(_ context.Context, c connector.CommitterContext) (connector.Committer, error) {
	return ledgerCommitter[T]{l, c.Attempt}, nil
}

type ledgerWriter[T any] struct {
	ledger *Ledger[T]
	at     connector.WriterContext
	rows   []T
}

func (w *ledgerWriter[T]) Write(_ context.Context, b *batch.Batch) error {
	w.rows = append(w.rows, b.Data.(*batch.Rows[T]).V...)
	return nil
}

func (w *ledgerWriter[T]) Prepare(_ context.Context, checkpoint int64) ([][]byte, error) {
	if len(w.rows) == 0 {
		return nil, nil
	}
	l := w.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.next++
	id := fmt.Sprintf("%d.%d-%d-%d-%d", w.at.Attempt, w.at.Restart, w.at.Subtask, checkpoint, l.mu.next)
	l.mu.staged[id] = transaction[T]{w.at.Attempt, w.rows}
	w.rows = nil
	return [][]byte{[]byte(id)}, nil
}

func (w *ledgerWriter[T]) Close() error { return nil }

type ledgerCommitter[T any] struct {
	ledger  *Ledger[T]
	attempt int64
}

func (c ledgerCommitter[T]) Commit(_ context.Context, committables [][]byte) error {
	l := c.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.fail != nil {
		return l.mu.fail
	}
	for _, id := range committables {
		if l.mu.committed[string(id)] {
			continue
		}
		staged, ok := l.mu.staged[string(id)]
		if !ok {
			return fmt.Errorf("transaction %s is neither staged nor committed", id)
		}
		l.mu.committed[string(id)] = true
		l.mu.visible = append(l.mu.visible, staged.rows...)
	}
	return nil
}

func (c ledgerCommitter[T]) Forget(_ context.Context, committables [][]byte) error {
	l := c.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range committables {
		delete(l.mu.staged, string(id))
	}
	return nil
}

func (c ledgerCommitter[T]) Sweep(_ context.Context, live [][]byte) error {
	l := c.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, staged := range l.mu.staged {
		if staged.attempt < c.attempt && !slices.ContainsFunc(live, func(b []byte) bool { return string(b) == id }) {
			delete(l.mu.staged, id)
		}
	}
	return nil
}

func (c ledgerCommitter[T]) Close() error { return nil }
