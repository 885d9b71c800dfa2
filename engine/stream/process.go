package stream

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/state"
)

// Setup is where a process function declares its state, before any row.
type Setup struct {
	descriptors []state.Descriptor
	cells       []*cells // by state
	maps        []*entries
	sides       []side
	errs        []error

	operatorStates []*items
}

// cells are those of one state for the rows of the batch that a subtask is working on.
type cells struct {
	of  [][]byte   // by row
	row *int       // the current one
	ttl *state.TTL // nil: they do not expire
}

// Value is one value of type V for each key. A key that was never written has the zero value.
type Value[V any] struct{ cells *cells }

// ValueState declares a value state. V must have a fixed size and hold no pointers, strings or slices: it is laid over
// the bytes of the state, and into snapshots goes as it is in memory (little endian).
func ValueState[V any](s *Setup, name string, options ...StateOption) Value[V] {
	t := reflect.TypeFor[V]()
	layout, err := fixedLayout(t)
	s.check(name, err)
	d := s.with(state.Descriptor{
		Name: name, Kind: state.Value, Key: []string{"key BYTES"}, Value: []string{layout}, CellBytes: int(t.Size()),
	}, options)
	s.descriptors = append(s.descriptors, d)
	c := &cells{ttl: d.TTL}
	s.cells = append(s.cells, c)
	return Value[V]{c}
}

// Ref returns the current key's value, to be read and changed in place until the function returns. Of a state with a TTL it is a write.
func (v Value[V]) Ref(c Current) *V {
	if v.cells.ttl != nil {
		return (*V)(v.cells.used(c)) // one call, or the compiler would not put Ref into the functions of programs
	}
	return (*V)(unsafe.Pointer(unsafe.SliceData(v.cells.of[*v.cells.row])))
}

// Current is the key that a function is being called for: only within such a call is there a value to refer to.
type Current interface{ current() *processOp }

// Context is what a process function works with; it is valid during the call.
type Context[O any] struct {
	op    *processOp
	out   batch.Rows[O]
	at    []int64
	marks []int64
}

func (c *Context[O]) current() *processOp { return c.op }

// Key returns the current key's encoding.
func (c *Context[O]) Key() []byte { return c.op.key() }

// Time returns the event time, in ms, of the row or timer that the function is called for; 0 if rows have none.
func (c *Context[O]) Time() int64 { return c.op.time }

// Emit sends a row on, with the event time of the row or timer that the function is called for.
func (c *Context[O]) Emit(row O) {
	c.out.V = append(c.out.V, row)
	if c.op.timed {
		c.at = append(c.at, c.op.time)
	}
	if c.op.marked {
		c.marks = append(c.marks, c.op.in.SplitWatermark[c.op.row])
	}
}

// Functions are what a process function does.
type Functions[T, O any] struct {
	// Row is called for every row.
	Row func(c *Context[O], row *T) error
	// OnTimer is called for every timer of event time that is due; nil if the function sets none.
	OnTimer func(c *Context[O], ms int64) error
	// OnProcessingTimer is called for every timer of processing time that is due; nil if the function sets none.
	OnProcessingTimer func(c *Context[O], ms int64) error
}

// onTimers are the functions that are called for timers.
type onTimers[O any] struct {
	event, processing func(c *Context[O], ms int64) error
}

// Process calls functions for each row, with the state of the row's key. build is called once for each subtask, and once
// when the job is described, to learn what state it declares: it must do nothing else.
//
// The rows of one key that come from one split are handed over in the order in which the split holds them. Between splits,
// which are read side by side, there is no order: rows that are in order in the source may come in another. ProcessInOrder
// is for functions to which that matters.
func Process[K, T, O any](s Keyed[K, T], uid string, build func(*Setup) Functions[T, O]) Stream[O] {
	return addProcess[K](s.job, uid, []graph.Edge{s.keyed(0)}, process(build))
}

// declared is what a process function is, once its states are declared.
type declared[O any] struct {
	// calls binds the function to the context that it is called with.
	calls  func(*Context[O]) calls
	timers onTimers[O] // nil: it sets none of the kind
	// fingerprint is what the states mean beside what their layouts say.
	fingerprint []string
	name        string // of the kind of operator; empty: process
	decidesLate bool   // by the split watermarks of rows
	// behind is by how many ms the watermarks that the function passes on are lower.
	behind   int64
	queued   []state.Descriptor // the states of a queue before it
	newQueue func() queue       // nil: rows are handed over as they come
	// broadcast is the input whose rows have no keys; 0: there is none.
	broadcast int
}

// process declares a process function of one input.
func process[T, O any](build func(*Setup) Functions[T, O]) func(*Setup) declared[O] {
	return func(s *Setup) declared[O] {
		f := build(s)
		return declared[O]{
			timers: onTimers[O]{f.OnTimer, f.OnProcessingTimer},
			calls: func(c *Context[O]) calls {
				return &typedCalls[O]{c: c, inputs: []rowCalls{each(c, f.Row)}}
			},
		}
	}
}

// addProcess adds the node of a process function, which declares its states once for each subtask, and once here.
func addProcess[K, O any](j *Job, uid string, in []graph.Edge, declare func(*Setup) declared[O]) Stream[O] {
	probe := &Setup{}
	d := declare(probe)
	for _, err := range probe.errs {
		j.fail(uid, err)
	}
	states := slices.Clone(probe.descriptors)
	for _, m := range probe.maps {
		states = append(states, m.descriptor)
	}
	if d.timers.event != nil {
		states = append(states, eventTimers)
	}
	if d.timers.processing != nil {
		states = append(states, processingTimers)
	}
	states = append(states, d.queued...)
	var ofOperator []state.Descriptor
	for _, i := range probe.operatorStates {
		ofOperator = append(ofOperator, i.descriptor)
	}
	all := slices.Concat(states, ofOperator)
	for i, s := range all {
		if slices.ContainsFunc(all[:i], func(other state.Descriptor) bool { return other.Name == s.Name }) {
			j.fail(uid, fmt.Errorf("two of its states have the name %s, which timers and rows that wait may have; give one another", s.Name))
		}
	}
	node := graph.Node{
		UID: uid, Name: cmp.Or(d.name, "process"), Inputs: in, DecidesLate: d.decidesLate, State: states, OperatorState: ofOperator,
		Fingerprint: fingerprint[K](all, d.fingerprint), Side: probe.sideNames(),
		Operator: func() (operator.Operator, error) {
			setup := &Setup{}
			d := declare(setup)
			op := &processOp{states: setup.descriptors, cells: setup.cells, maps: setup.maps, items: setup.operatorStates, sides: setup.sides,
				behind: d.behind, broadcast: d.broadcast}
			for _, c := range op.cells {
				c.row = &op.row
			}
			if d.newQueue != nil {
				op.queue = d.newQueue()
			}
			c := &Context[O]{op: op}
			op.call = d.calls(c)
			op.event = bindTimers(op, eventTimers, c, d.timers.event)
			op.processing = bindTimers(op, processingTimers, c, d.timers.processing)
			return op, nil
		},
	}
	if len(all) == 0 {
		node.Fingerprint = ""
	}
	at := j.add(node)
	for _, s := range probe.sides {
		j.sides[sideOf{at, s.tag()}] = s.rows()
	}
	return Stream[O]{job: j, node: at}
}

// keyed is the edge that brings the rows of a keyed stream to an input of an operator.
func (s Keyed[K, T]) keyed(input int) graph.Edge {
	reads[T](s.job, sideOf{node: s.node})
	return graph.Edge{From: s.node, Kind: graph.Keyed, Input: input}
}

func fingerprint[K any](states []state.Descriptor, more []string) string {
	lines := append([]string{"key " + reflect.TypeFor[K]().String()}, more...)
	for _, d := range states {
		kind := d.Kind
		if d.Name == eventTimers.Name && kind == state.Timer {
			kind = state.WindowValue // which they were kept as once: what they mean is the same
		}
		lines = append(lines, fmt.Sprintf("state %s %v %s", d.Name, kind, strings.Join(d.Value, ", ")))
	}
	return strings.Join(lines, "\n")
}

// fixedLayout describes a type that can be laid over the bytes of a cell.
func fixedLayout(t reflect.Type) (string, error) {
	switch k := t.Kind(); {
	case k >= reflect.Bool && k <= reflect.Float64 && k != reflect.Uintptr:
		return k.String(), nil
	case k == reflect.Array:
		elem, err := fixedLayout(t.Elem())
		return fmt.Sprintf("[%d]%s", t.Len(), elem), err
	case k == reflect.Struct:
		fields := make([]string, t.NumField())
		for i := range fields {
			layout, err := fixedLayout(t.Field(i).Type)
			if err != nil {
				return "", fmt.Errorf("field %s: %w", t.Field(i).Name, err)
			}
			fields[i] = t.Field(i).Name + " " + layout
		}
		return "{" + strings.Join(fields, "; ") + "}", nil
	}
	return "", fmt.Errorf("a %v cannot be state: it has no fixed size; use numbers, bools, and arrays or structs of them", t)
}

// calls is a process function with its types hidden, so that one operator serves all.
type calls interface {
	rows(input int, data batch.Payload, from, end int) error
	// flush emits what the function has emitted; flushFull only if that is a batch.
	flush(out operator.Output) error
	flushFull(out operator.Output) error
}

// rowCalls calls a function for the rows from and up to end of a batch.
type rowCalls func(data batch.Payload, from, end int) error

type typedCalls[O any] struct {
	c      *Context[O]
	inputs []rowCalls
}

func (t *typedCalls[O]) rows(input int, data batch.Payload, from, end int) error {
	return t.inputs[input](data, from, end)
}

// each returns the calls of a function for the rows of one input.
func each[T, O any](c *Context[O], row func(c *Context[O], row *T) error) rowCalls {
	return func(data batch.Payload, from, end int) error {
		rows, op := data.(*batch.Rows[T]).V, c.op
		op.timed, op.marked = len(op.in.Time) > 0, len(op.in.SplitWatermark) > 0
		op.time = 0
		for i := from; i < end; i++ {
			op.row = i
			if op.timed {
				op.time = op.in.Time[i]
			}
			if err := row(c, &rows[i]); err != nil {
				return err
			}
			if op.failure != nil {
				return op.failure
			}
		}
		return nil
	}
}

func (t *typedCalls[O]) flushFull(out operator.Output) error {
	full := len(t.c.out.V) >= batch.TargetRows
	for _, s := range t.c.op.sides {
		full = full || s.rows().Len() >= batch.TargetRows
	}
	if !full {
		return nil
	}
	return t.flush(out)
}

func (t *typedCalls[O]) flush(out operator.Output) error {
	for _, s := range t.c.op.sides {
		if err := s.flush(); err != nil {
			return err
		}
	}
	if len(t.c.out.V) == 0 {
		return nil
	}
	b := &t.c.op.out
	*b = batch.Batch{Data: &t.c.out, Time: t.c.at, SplitWatermark: t.c.marks}
	err := out.Emit(b)
	t.c.out.V, t.c.at, t.c.marks = t.c.out.V[:0], t.c.at[:0], t.c.marks[:0]
	return err
}

// processOp resolves the cells of a batch's keys and calls the function row by row.
type processOp struct {
	states []state.Descriptor
	call   calls

	tables []state.Table
	cells  []*cells // by state
	maps   []*entries
	items  []*items
	sides  []side

	broadcast int // the input whose rows have no keys; 0: there is none

	event, processing timers
	// failure is what went wrong with a state while the function was called.
	failure error

	in     *batch.Batch
	row    int
	time   int64
	timed  bool // rows, or the timers that fire, have event time
	marked bool // rows have split watermarks, which what is emitted for them gets too: it is late where they would be
	out    batch.Batch

	ctx   operator.Context
	acted int64 // highest watermark
	// Of states that expire, if there are any: what has expired by a watermark before is being taken out, and the processing time.
	expires        bool
	swept          int64
	processingTime int64

	behind int64 // those that are passed on are lower by it

	// Of ProcessInOrder.
	queue    queue // nil: rows are handed over as they come
	nextRow  int64 // not later than the first row that waits
	rowTimes []int64
	turn     batch.Batch // rows whose time has come
}

func (o *processOp) Open(ctx operator.Context) (err error) {
	o.ctx, o.acted, o.nextRow = ctx, math.MinInt64, math.MinInt64 // there may be restored rows
	o.swept = math.MinInt64
	if o.queue != nil {
		if err := o.queue.open(ctx); err != nil {
			return err
		}
	}
	o.tables = make([]state.Table, len(o.states))
	for i, d := range o.states {
		if o.tables[i], err = ctx.Table(d); err != nil {
			return err
		}
		o.expires = o.expires || d.TTL != nil
	}
	for _, m := range o.maps {
		if err := m.open(ctx); err != nil {
			return err
		}
		o.expires = o.expires || m.expiring != nil
	}
	for _, i := range o.items {
		if err := i.open(ctx); err != nil {
			return err
		}
	}
	for _, s := range o.sides {
		s.open(o, ctx.SideOutput(s.tag()))
	}
	if err = o.event.open(ctx); err == nil {
		err = o.processing.open(ctx)
	}
	return err
}

func (o *processOp) Process(input int, b *batch.Batch, out operator.Output) error {
	if o.queue != nil {
		o.enqueue(b)
		return nil
	}
	return o.handle(input, b, out)
}

// handle calls the function for each row of a batch of an input.
func (o *processOp) handle(input int, b *batch.Batch, out operator.Output) error {
	if input > 0 && input == o.broadcast {
		if err := o.callAll(input, b); err != nil {
			return err
		}
		return o.call.flush(out)
	}
	if err := o.run(b, func(from, end int) error { return o.call.rows(input, b.Data, from, end) }); err != nil {
		return err
	}
	return o.call.flush(out)
}

// run resolves the rows of b prefix by prefix and calls f for each.
func (o *processOp) run(b *batch.Batch, f func(from, end int) error) error {
	n := len(b.Hash)
	for _, c := range o.cells {
		if len(c.of) < n {
			c.of = make([][]byte, max(n, batch.TargetRows))
		}
	}
	o.in = b
	o.noteTime()
	for from := 0; from < n; {
		end := n
		for i, t := range o.tables {
			end = min(end, t.Resolve(b, from, o.cells[i].of))
		}
		if err := f(from, end); err != nil {
			return err
		}
		from = end
	}
	return nil
}

func (o *processOp) key() []byte { return o.in.Keys.At(o.row) }

func (o *processOp) hash() uint64 { return o.in.Hash[o.row] }

// dropIfLate tells whether event time has come to the current row already, here or in its key group before a restore, and
// counts it if so.
func (o *processOp) dropIfLate() bool {
	late := o.isLate(o.time, o.hash())
	if late {
		o.ctx.Late(1)
	}
	return late
}

func (o *processOp) isLate(at int64, hash uint64) bool {
	return at <= o.acted || at <= o.ctx.RestoredWatermark(hash)
}

// Watermark handles what is due.
func (o *processOp) Watermark(ms int64, out operator.Output) (forward int64, err error) {
	o.acted = max(o.acted, ms)
	defer func() { o.swept = o.acted }() // not before all that is due has been called for
	forward = ms
	if ms < math.MaxInt64 {
		forward = earlier(ms, o.behind)
	}
	if o.queue != nil {
		return forward, o.inOrder(ms, out)
	}
	return forward, o.event.fireUntil(ms, out)
}

// Flush has nothing to emit: what a function emits goes out with the batch that it was called for.
func (o *processOp) Flush(operator.Output) error { return nil }

func (o *processOp) Close() error { return nil }
