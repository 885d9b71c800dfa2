package enginetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/stream"
)

// Timed is a row of an Input with its event time, in ms since the epoch.
type Timed[T any] struct {
	At  int64
	Row T
	// Mark says that there is no row: time alone passes.
	Mark bool
}

// Input is a source of rows that the test pushes, while the job runs and while it does not. It keeps them all, so that a job
// that goes back to a checkpoint reads again what it has to. Its methods may be called from any goroutine.
type Input[T any] struct {
	mu struct {
		sync.Mutex
		rows   []Timed[T]
		ended  bool
		grown  chan struct{} // closed when there is more
		reader *inputReader[T]
	}
}

// beyond is by how many ms the watermark stays behind the rows, and a mark is ahead of its time: so that marks alone move it.
const beyond = 1 << 45

// NewInput returns an empty input. Its rows are one split, and so are read in their order.
func NewInput[T any]() *Input[T] {
	in := &Input[T]{}
	in.mu.grown = make(chan struct{})
	return in
}

// Push adds rows with an event time, in ms since the epoch.
func (in *Input[T]) Push(at int64, rows ...T) {
	timed := make([]Timed[T], len(rows))
	for i, r := range rows {
		timed[i] = Timed[T]{At: at, Row: r}
	}
	in.add(false, timed...)
}

// Watermark lets event time come to a time: rows of it and before it are late from now on.
func (in *Input[T]) Watermark(at int64) { in.add(false, Timed[T]{At: at, Mark: true}) }

// End ends the input: event time comes to its end, and a job whose inputs have all ended completes.
func (in *Input[T]) End() { in.add(true) }

func (in *Input[T]) add(end bool, rows ...Timed[T]) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.mu.ended {
		panic("enginetest: the input has ended, and is given more")
	}
	in.mu.ended = end
	in.mu.rows = append(in.mu.rows, rows...)
	close(in.mu.grown)
	in.mu.grown = make(chan struct{})
}

// Events reads an input, with the event times that rows are pushed with. Its watermark is what Watermark says: rows alone move no
// time.
func Events[T any](j *stream.Job, uid string, in *Input[T]) stream.Stream[T] {
	s := stream.FromEvents(j, uid, in, func(r *Timed[T]) int64 {
		if r.Mark {
			return r.At + beyond
		}
		return r.At
	}, beyond)
	return stream.FlatMap(s, func(r *Timed[T], emit func(T)) {
		if !r.Mark {
			emit(r.Row)
		}
	})
}

// Rows reads an input without event time.
func Rows[T any](j *stream.Job, uid string, in *Input[T]) stream.Stream[T] {
	return stream.FlatMap(stream.From[Timed[T]](j, uid, in), func(r *Timed[T], emit func(T)) {
		if !r.Mark {
			emit(r.Row)
		}
	})
}

// settled says that the newest reader has handed out all that there is.
func (in *Input[T]) settled() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.mu.reader != nil && in.mu.reader.open && in.mu.reader.next == len(in.mu.rows)
}

// over says that nothing is read any more.
func (in *Input[T]) over() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.mu.reader = nil
}

// Bounded is true: it ends when End says so.
func (in *Input[T]) Bounded() bool { return true }

// Order is OrderNone.
func (in *Input[T]) Order() connector.SplitOrder { return connector.OrderNone }

// Payload returns rows of Timed[T].
func (in *Input[T]) Payload() batch.Payload { return &batch.Rows[Timed[T]]{} }

// Enumerator finds the one split.
func (in *Input[T]) Enumerator(context.Context) (connector.Enumerator, error) {
	return tapEnumerator{1}, nil
}

// Reader reads it.
func (in *Input[T]) Reader(context.Context, connector.ReaderContext) (connector.Reader, error) {
	return &inputReader[T]{in: in}, nil
}

// inputReader is that of one subtask; its fields are guarded by the input's lock, and it is the input's if it has the split.
type inputReader[T any] struct {
	in       *Input[T]
	id       string
	open     bool
	next     int
	position []byte
}

func (r *inputReader[T]) Add(s connector.Split, position []byte) error {
	next, n := binary.Uvarint(position) // 0 of nothing
	if n < 0 {
		return fmt.Errorf("position %x is none", position)
	}
	r.in.mu.Lock()
	defer r.in.mu.Unlock()
	r.id, r.open, r.next = s.ID, true, int(next)
	r.in.mu.reader = r
	return nil
}

func (r *inputReader[T]) Next(_ context.Context, into *batch.Batch) (connector.Progress, error) {
	r.in.mu.Lock()
	defer r.in.mu.Unlock()
	if !r.open {
		return connector.Progress{}, nil
	}
	there := r.in.mu.rows
	if r.next == len(there) && !r.in.mu.ended {
		return connector.Progress{Wait: r.in.mu.grown}, nil
	}
	end := min(r.next+batch.TargetRows, len(there))
	rows := into.Data.(*batch.Rows[Timed[T]])
	rows.V = append(rows.V, there[r.next:end]...)
	r.next = end
	r.position = binary.AppendUvarint(r.position[:0], uint64(end))
	p := connector.Progress{Split: r.id, Position: r.position, Done: end == len(there) && r.in.mu.ended}
	r.open = !p.Done
	return p, nil
}

func (r *inputReader[T]) Close() error {
	r.in.mu.Lock()
	defer r.in.mu.Unlock()
	if r.in.mu.reader == r {
		r.in.mu.reader = nil
	}
	return nil
}
