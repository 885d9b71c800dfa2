package stream

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"slices"
	"unsafe"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/state"
)

// ProcessInOrder is Process with the rows of each key in the order of their event time, whichever splits they come from.
// Rows with one time come in the order of their bytes in memory, so that the order is the same in every run, at every
// parallelism and through any restart. Timers take their turn among the rows: one for a time comes after the rows of it.
//
// A row waits until the watermark has reached its time. So it needs event time, of FromEvents; a row whose time is at or
// below its split's watermark is late, dropped and counted. If the rows of a split may have one time, give FromEvents a
// delay of at least a millisecond: with none, the watermark reaches a time with the first row of it.
//
// Rows that wait are state, so T must be of a fixed size, as in [ValueState]; Map to such a type first.
func ProcessInOrder[K, T, O any](s Keyed[K, T], uid string, build func(*Setup) Functions[T, O]) Stream[O] {
	layout, err := fixedLayout(reflect.TypeFor[T]())
	if err != nil {
		s.job.fail(uid, fmt.Errorf("rows that wait for their turn are state: %w", err))
	}
	size := int(unsafe.Sizeof(*new(T)))
	return addProcess[K](s.job, uid, []graph.Edge{s.punctual().keyed(0)}, func(s *Setup) declared[O] {
		d := process(build)(s)
		d.queued = queueStates(size, layout)
		d.newQueue = func() queue { return &rowQueue[T]{size: size, padding: padding(reflect.TypeFor[T](), 0)} }
		return d
	})
}

// punctual is the stream without the rows that are late by the watermark of their own split.
func (s Keyed[K, T]) punctual() Keyed[K, T] {
	reads[T](s.job, sideOf{node: s.node})
	return Keyed[K, T]{s.job, s.job.add(graph.Node{
		UID: s.job.derived(s.node, "late"), Name: "drop late rows", Inputs: []graph.Edge{{From: s.node}}, Follows: true, DecidesLate: true,
		Operator: func() (operator.Operator, error) { return &lateOp{}, nil },
	})}
}

// lateOp drops the rows that are late by the watermark of their own split (P4): behind the exchange it is not known.
type lateOp struct {
	operator.Stateless
	ctx  operator.Context
	sel  []int32
	out  *batch.Batch
	view batch.Batch
}

func (o *lateOp) Open(ctx operator.Context) error {
	o.ctx = ctx
	return nil
}

func (o *lateOp) Process(_ int, b *batch.Batch, out operator.Output) error {
	if len(b.Time) != b.Len() {
		return fault.Permanentf("", "read the source with FromEvents", "its rows have no event time")
	}
	if len(b.SplitWatermark) == 0 {
		return out.Emit(b) // from an operator, whose rows are in time
	}
	o.sel = o.sel[:0]
	for i, at := range b.Time {
		if at > b.SplitWatermark[i] {
			o.sel = append(o.sel, int32(i))
		}
	}
	late := b.Len() - len(o.sel)
	if late == 0 {
		o.view = *b
		o.view.SplitWatermark = nil // what goes on is in time
		return out.Emit(&o.view)
	}
	o.ctx.Late(late)
	if o.out == nil {
		o.out = b.New()
	}
	o.out.Reset()
	o.out.AppendSelected(b, o.sel)
	return out.Emit(o.out)
}

// queue holds rows until event time has come to them, with their types hidden.
type queue interface {
	open(ctx operator.Context) error
	// add takes row i of a batch.
	add(b *batch.Batch, i int)
	// times appends the event times that rows wait for, each once, in ascending order.
	times(dst []int64) []int64
	// take empties a time: due becomes its rows with their keys, those of one key together and in the order of their bytes.
	take(at int64, due *batch.Batch)
}

// The rows of a key and time are a chain through slots, which are numbered for each key:
//
//	waiting-times  for each time the first slot of the chain
//	waiting-rows   for each slot the next one, and the row; a slot that holds none is in the key's chain of free ones
//	waiting-slots  the first free slot, how many there are, and how many of them hold rows
//
// A slot is a window of the state: there are as many as rows of one key wait at once, whatever their times. Slots count
// from 1, because a new cell holds zeros: 0 ends a chain.
const (
	slotBytes   = 8 // what stands before a row in its cell
	timesName   = "waiting-times"
	rowsName    = "waiting-rows"
	slotsName   = "waiting-slots"
	slotsBytes  = 16
	timesBytes  = 8
	linkOfSlot  = "next uint32"
	linkOfTimes = "first uint32"
)

type slots struct{ free, used, holding uint32 }

// queueStates declares the state of a queue of rows of a size and layout.
func queueStates(size int, layout string) []state.Descriptor {
	key := []string{"key BYTES"}
	return []state.Descriptor{
		{Name: timesName, Kind: state.WindowValue, Key: key, Value: []string{linkOfTimes}, CellBytes: timesBytes},
		{Name: rowsName, Kind: state.WindowValue, Key: key, Value: []string{linkOfSlot, "row " + layout}, CellBytes: (slotBytes + size + 7) &^ 7},
		{Name: slotsName, Kind: state.Value, Key: key, Value: []string{"free uint32", "used uint32", "holding uint32"}, CellBytes: slotsBytes},
	}
}

// rowQueue is the queue of rows of type T, in keyed state.
type rowQueue[T any] struct {
	size    int
	padding [][2]int // bytes of a T that belong to no field: they say nothing, but would decide an order

	timesOf, rowsOf, slotsOf state.Table

	one   batch.Batch // a key, to resolve
	cell  [1][]byte
	keys  batch.Bytes // that have rows at the time that is taken
	hash  []uint64
	first []uint32
	rows  batch.Rows[T]
	// The rows of one key and time, as they are in their cells.
	raw     []byte
	count   int
	ordered [][]byte
}

func (q *rowQueue[T]) open(ctx operator.Context) (err error) {
	for i, d := range queueStates(q.size, "") {
		if *[]*state.Table{&q.timesOf, &q.rowsOf, &q.slotsOf}[i], err = ctx.Table(d); err != nil {
			return err
		}
	}
	return nil
}

// resolve returns the cell of a key, to be changed in place.
func (q *rowQueue[T]) resolve(t state.Table, hash uint64, window int64, key []byte) []byte {
	q.one.Hash = append(q.one.Hash[:0], hash)
	q.one.Window = append(q.one.Window[:0], window)
	q.one.Keys.Reset()
	q.one.Keys.Append(key)
	t.Resolve(&q.one, 0, q.cell[:])
	return q.cell[0]
}

// over lays a type over the bytes of a cell.
func over[V any](cell []byte) *V { return (*V)(unsafe.Pointer(unsafe.SliceData(cell))) }

func (q *rowQueue[T]) add(b *batch.Batch, i int) {
	hash, key := b.Hash[i], b.Keys.At(i)
	s := over[slots](q.resolve(q.slotsOf, hash, 0, key))
	slot := s.free
	if slot == 0 {
		s.used++
		slot = s.used
	}
	cell := q.resolve(q.rowsOf, hash, int64(slot), key)
	next := over[uint32](cell)
	if slot == s.free {
		s.free = *next
	}
	s.holding++
	first := over[uint32](q.resolve(q.timesOf, hash, b.Time[i], key))
	*next, *first = *first, slot
	row := cell[slotBytes : slotBytes+q.size]
	copy(row, unsafe.Slice((*byte)(unsafe.Pointer(&b.Data.(*batch.Rows[T]).V[i])), q.size))
	for _, p := range q.padding {
		clear(row[p[0]:p[1]])
	}
}

func (q *rowQueue[T]) times(dst []int64) []int64 { return q.timesOf.Windows(dst) }

func (q *rowQueue[T]) take(at int64, due *batch.Batch) {
	q.keys.Reset()
	q.hash, q.first = q.hash[:0], q.first[:0]
	q.timesOf.Range(at, func(hash uint64, key, cell []byte) bool {
		q.keys.Append(key)
		q.hash, q.first = append(q.hash, hash), append(q.first, *over[uint32](cell))
		return true
	})
	q.timesOf.DropWindow(at)
	due.Keys.Reset()
	due.Hash, due.Time = due.Hash[:0], due.Time[:0]
	q.rows.V = q.rows.V[:0]
	for i, hash := range q.hash {
		key := q.keys.At(i)
		q.raw = q.raw[:0]
		q.empty(hash, key, q.first[i])
		for _, row := range q.inOrder() {
			q.rows.V = append(q.rows.V, *over[T](row))
			due.Keys.Append(key)
			due.Hash, due.Time = append(due.Hash, hash), append(due.Time, at)
		}
	}
	due.Data = &q.rows
}

// inOrder returns the raw rows in the order of their bytes. As values of T they could not be compared: Go copies fields,
// and what is between them in a copy is anything.
func (q *rowQueue[T]) inOrder() [][]byte {
	q.ordered = q.ordered[:0]
	stride := len(q.raw) / max(q.count, 1)
	for i := range q.count {
		q.ordered = append(q.ordered, q.raw[i*stride:(i+1)*stride])
	}
	slices.SortFunc(q.ordered, bytes.Compare)
	return q.ordered
}

// empty moves the rows of a chain to raw, and frees its slots. A key for which no row waits holds no memory.
func (q *rowQueue[T]) empty(hash uint64, key []byte, slot uint32) {
	s := over[slots](q.resolve(q.slotsOf, hash, 0, key))
	q.count = 0
	for slot != 0 {
		cell := q.resolve(q.rowsOf, hash, int64(slot), key)
		q.raw = append(q.raw, cell[slotBytes:]...)
		q.count++
		next := over[uint32](cell)
		slot, s.free, *next = *next, slot, s.free
		s.holding--
	}
	if s.holding > 0 {
		return
	}
	for used := s.used; used > 0; used-- {
		q.rowsOf.Delete(hash, int64(used), key)
	}
	q.slotsOf.Delete(hash, 0, key)
}

// padding returns the ranges of bytes of a fixed layout that belong to no field.
func padding(t reflect.Type, at int) (out [][2]int) {
	switch t.Kind() {
	case reflect.Array:
		for i := range t.Len() {
			out = append(out, padding(t.Elem(), at+i*int(t.Elem().Size()))...)
		}
	case reflect.Struct:
		end := 0
		gap := func(to int) {
			if end < to {
				out = append(out, [2]int{at + end, at + to})
			}
		}
		for i := range t.NumField() {
			f := t.Field(i)
			gap(int(f.Offset))
			out = append(out, padding(f.Type, at+int(f.Offset))...)
			end = int(f.Offset + f.Type.Size())
		}
		gap(int(t.Size()))
	default: // a number or a bool is all value
	}
	return out
}

// enqueue takes the rows of a batch that are not late. A row is late, too, if event time has come to it already, here or
// in its key group before a restore.
func (o *processOp) enqueue(b *batch.Batch) {
	late := 0
	for i, at := range b.Time {
		if o.isLate(at, b.Hash[i]) {
			late++
			continue
		}
		o.queue.add(b, i)
		o.nextRow = min(o.nextRow, at)
	}
	if late > 0 {
		o.ctx.Late(late)
	}
}

// inOrder processes the rows and timers that are due by a watermark, in the order of their time.
func (o *processOp) inOrder(ms int64, out operator.Output) error {
	if o.nextRow <= ms {
		o.rowTimes = o.queue.times(o.rowTimes[:0])
		o.nextRow = math.MaxInt64
	} else {
		o.rowTimes = o.rowTimes[:0]
	}
	for _, at := range o.rowTimes {
		if at > ms {
			o.nextRow = at
			break
		}
		if at > math.MinInt64 {
			if err := o.event.fireUntil(at-1, out); err != nil {
				return err
			}
		}
		o.queue.take(at, &o.turn)
		if err := o.handle(0, &o.turn, out); err != nil {
			return err
		}
	}
	return o.event.fireUntil(ms, out)
}
