package stream

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/state"
	"github.com/weirstream/weir/engine/window"
)

// The state of windows is a sorted map: under its start and end a window has how many rows came since the last result for rows, and
// its contents. All that is due for a key is found from the timers of the key:
//
//   - A tumbling or sliding window has a timer for its last ms. When it fires, the one for the end of the allowed lateness is set.
//   - A session has a timer that is not later than its end, not one for each row: when it fires too early, it is set anew. A session
//     is over when the watermark has come to its end, and not a ms before, because a row at its end belongs to it; so the operator
//     passes on watermarks that are a ms lower, and its results are in time for those behind it.
//
// So rows that are in time by the watermark of their own split never meet, nor miss, a session that has been over before or
// has not by the timing of a run: a row that is in time is later than the end of all sessions that are gone.
const (
	windowsName  = "windows"
	boundsBytes  = 2 * timeBytes
	sinceBytes   = countBytes
	rowsOfWindow = 16 // bytes of the contents of a window that keeps its rows
)

func windowFields() []string { return []string{"start int64", "end int64", "since uint32"} }

func appendWindow(dst []byte, w TimeWindow) []byte {
	return appendTime(appendTime(dst, w.Start), w.End)
}

func windowOf(name []byte) TimeWindow {
	return TimeWindow{timeOf(name), timeOf(name[timeBytes:])}
}

// contents are what is kept of the rows of a window, in the value of the window's entry.
type contents[T, Out any] interface {
	// add appends the contents with a row more. old is nil if it is the first row.
	add(c *Context[Out], dst, old []byte, w TimeWindow, row *T) (text []byte, ok bool)
	// merge appends the contents of two windows as one.
	merge(c *Context[Out], dst, a, b []byte) (text []byte, ok bool)
	// result emits what contents come to.
	result(c *Context[Out], w TimeWindow, text []byte) error
	// clear removes what is kept elsewhere.
	clear(c *Context[Out], text []byte)
}

// windows is the function of windows.
type windows[T, Out any] struct {
	of       Windows
	assigner window.Assigner
	trigger  Trigger
	events   bool // they are of event time
	lateness int64
	late     *Side[T] // nil: late rows are dropped
	state    *entries
	contents contents[T, Out]

	// Of the window at hand.
	name, value, merged []byte
	met                 [2]met
}

// row puts a row into its windows.
func (o *windows[T, Out]) row(c *Context[Out], row *T) error {
	op := c.op
	at, mark, passed := op.time, int64(math.MinInt64), int64(math.MinInt64)
	switch {
	case o.of.processing:
		at, op.timed, op.marked = c.ProcessingTime(), false, false
	case o.events:
		if !op.timed {
			return fault.Permanentf("", "read the source with FromEvents, or use windows InProcessingTime", "its rows have no event time")
		}
		passed = max(op.acted, op.ctx.RestoredWatermark(op.hash()))
		mark = passed
		if op.marked {
			mark = max(mark, op.in.SplitWatermark[op.row])
		}
	}
	switch o.of.kind {
	case globalWindows:
		return o.add(c, row, TimeWindow{math.MinInt64, math.MaxInt64}, passed)
	case sessionWindows:
		if later(at, o.lateness) <= mark {
			o.tooLate(c, row)
			return nil
		}
		return o.addToSession(c, row, TimeWindow{at, later(at, o.of.size.Milliseconds())}, passed)
	}
	found := false
	for start := o.assigner.Last(at); start > at-o.assigner.SizeMS; start -= o.assigner.SlideMS {
		w := TimeWindow{start, o.assigner.End(start)}
		if o.gone(w) <= mark && o.events {
			break // and so are those that begin before it
		}
		found = true
		if err := o.add(c, row, w, passed); err != nil {
			return err
		}
	}
	if !found {
		o.tooLate(c, row)
	}
	return nil
}

func (o *windows[T, Out]) tooLate(c *Context[Out], row *T) {
	if o.late != nil {
		o.late.Emit(c, *row)
		return
	}
	c.op.ctx.Late(1)
}

// over is the time at which a window is over, gone that at which it is removed.
func (o *windows[T, Out]) over(w TimeWindow) int64 {
	if o.of.kind == sessionWindows || w.End == math.MaxInt64 {
		return w.End
	}
	return w.End - 1
}

func (o *windows[T, Out]) gone(w TimeWindow) int64 { return later(o.over(w), o.lateness) }

// wait sets a timer for a window of which rows came, and that has none.
func (o *windows[T, Out]) wait(c *Context[Out], w TimeWindow, passed int64) {
	ms := o.gone(w)
	if o.trigger.end && o.over(w) > passed {
		ms = o.over(w)
	}
	switch {
	case o.of.processing:
		c.ProcessingTimer(ms)
	case o.events:
		c.Timer(ms)
	}
}

// add puts a row into a window.
func (o *windows[T, Out]) add(c *Context[Out], row *T, w TimeWindow, passed int64) error {
	o.name = appendWindow(o.name[:0], w)
	value, found := o.state.get(c, o.name)
	since, old := uint32(0), []byte(nil)
	if found {
		since, old = countOf(value), value[sinceBytes:]
	}
	if !found {
		o.wait(c, w, passed)
	}
	return o.put(c, row, w, since, old, passed)
}

// put writes a window with a row more, and gives a result if it is time to.
func (o *windows[T, Out]) put(c *Context[Out], row *T, w TimeWindow, since uint32, old []byte, passed int64) error {
	since++
	fires := o.trigger.end && o.over(w) <= passed
	if o.trigger.count > 0 && since >= uint32(o.trigger.count) {
		since, fires = 0, true
	}
	text, ok := o.contents.add(c, binary.LittleEndian.AppendUint32(o.value[:0], since), old, w, row)
	if !ok {
		return nil // the error is noted
	}
	o.value = text
	if !fires {
		o.state.put(c, o.name, text)
		return nil
	}
	if !o.trigger.purge {
		o.state.put(c, o.name, text)
		return o.result(c, w, text[sinceBytes:])
	}
	if old != nil {
		o.state.delete(c, o.name)
	}
	if err := o.result(c, w, text[sinceBytes:]); err != nil {
		return err
	}
	o.contents.clear(c, text[sinceBytes:])
	return nil
}

// result emits what a window comes to, with the event time of its last ms.
func (o *windows[T, Out]) result(c *Context[Out], w TimeWindow, text []byte) error {
	at := c.op.time
	if o.events {
		c.op.time = w.End - 1
	}
	err := o.contents.result(c, w, text)
	c.op.time = at
	return err
}

// met is a session that a row meets.
type met struct {
	w     TimeWindow
	since uint32
	text  []byte // a copy
}

// addToSession puts a row into a session: its own, or those that it meets. There are two at most, because each is as long as the gap.
func (o *windows[T, Out]) addToSession(c *Context[Out], row *T, own TimeWindow, passed int64) error {
	w, since, pending := own, uint32(0), false
	all := o.meet(c, own)
	for _, m := range all {
		w.Start, w.End = min(w.Start, m.w.Start), max(w.End, m.w.End)
		since += m.since
		pending = pending || o.over(m.w) > passed || !o.trigger.end
	}
	var old []byte
	if len(all) > 0 {
		old = all[0].text
	}
	if len(all) == 2 {
		merged, ok := o.contents.merge(c, o.merged[:0], all[0].text, all[1].text)
		if !ok {
			return nil // the error is noted
		}
		o.merged, old = merged, merged
	}
	for _, m := range all {
		if m.w != w {
			o.name = appendWindow(o.name[:0], m.w)
			o.state.delete(c, o.name)
		}
	}
	if !pending || o.trigger.end && o.over(w) <= passed {
		o.wait(c, w, passed)
	}
	o.name = appendWindow(o.name[:0], w)
	return o.put(c, row, w, since, old, passed)
}

// meet returns the sessions that a window meets: the last one that begins with it or before, and the first one behind, if they reach it.
func (o *windows[T, Out]) meet(c *Context[Out], w TimeWindow) []met {
	op := c.op
	cursor := o.state.borrow()
	defer o.state.give(cursor)
	n := 0
	take := func() {
		m := &o.met[n]
		m.w, m.since = windowOf(cursor.Name()), countOf(cursor.Value())
		m.text = append(m.text[:0], cursor.Value()[sinceBytes:]...)
		n++
	}
	o.name = appendTime(o.name[:0], later(w.Start, 1))
	if cursor.Seek(op.hash(), op.key(), o.name); cursor.Prev() && windowOf(cursor.Name()).End >= w.Start {
		take()
	}
	if cursor.Seek(op.hash(), op.key(), o.name); cursor.Next() && windowOf(cursor.Name()).Start <= w.End {
		take()
	}
	return o.met[:n]
}

// timer handles what is due for the current key.
func (o *windows[T, Out]) timer(c *Context[Out], ms int64) error {
	if o.of.kind == fixedWindows && o.trigger.end {
		w := TimeWindow{ms + 1 - o.assigner.SizeMS, ms + 1}
		o.name = appendWindow(o.name[:0], w)
		if value, found := o.state.get(c, o.name); found {
			if err := o.end(c, w, value); err != nil {
				return err
			}
		}
	}
	op := c.op
	cursor := o.state.borrow()
	defer o.state.give(cursor)
	for cursor.Seek(op.hash(), op.key(), nil); cursor.Next(); {
		w := windowOf(cursor.Name())
		if o.of.kind == fixedWindows {
			if o.gone(w) > ms {
				break // and so are those that begin after it
			}
			o.remove(c, cursor)
			continue
		}
		if w.Start > ms {
			break
		}
		if o.trigger.end && o.over(w) == ms {
			o.name = append(o.name[:0], cursor.Name()...)
			if err := o.end(c, w, cursor.Value()); err != nil {
				return err
			}
			continue
		}
		if o.gone(w) <= ms {
			o.remove(c, cursor)
			continue
		}
		o.wait(c, w, ms)
	}
	return nil
}

// end gives the result of a window, whose name is o.name, when it is over.
func (o *windows[T, Out]) end(c *Context[Out], w TimeWindow, value []byte) error {
	o.value = append(o.value[:0], value...) // the state is about to change
	text := o.value[sinceBytes:]
	if err := o.result(c, w, text); err != nil {
		return err
	}
	if o.trigger.purge || o.lateness == 0 {
		o.state.delete(c, o.name)
		o.contents.clear(c, text)
		return nil
	}
	o.wait(c, w, o.over(w))
	return nil
}

// remove removes the window at which a cursor stands.
func (o *windows[T, Out]) remove(c *Context[Out], cursor state.Cursor) {
	o.value = append(o.value[:0], cursor.Value()...)
	o.state.delete(c, cursor.Name())
	o.contents.clear(c, o.value[sinceBytes:])
}

// accumulated are contents of an Aggregate.
type accumulated[T, Acc, Out any] struct {
	entries *entries
	acc     Serializer[Acc]
	f       Aggregator[T, Acc, Out]
}

func (a *accumulated[T, Acc, Out]) add(c *Context[Out], dst, old []byte, _ TimeWindow, row *T) ([]byte, bool) {
	var acc Acc
	if old != nil {
		ok := false
		if acc, ok = decode(a.entries, c, a.acc, old); !ok {
			return nil, false
		}
	}
	return appendTo(a.entries, c, a.acc, dst, a.f.Add(acc, row))
}

func (a *accumulated[T, Acc, Out]) merge(c *Context[Out], dst, first, second []byte) ([]byte, bool) {
	one, ok := decode(a.entries, c, a.acc, first)
	if !ok {
		return nil, false
	}
	other, ok := decode(a.entries, c, a.acc, second)
	if !ok {
		return nil, false
	}
	return appendTo(a.entries, c, a.acc, dst, a.f.Merge(one, other))
}

func (a *accumulated[T, Acc, Out]) result(c *Context[Out], w TimeWindow, text []byte) error {
	acc, ok := decode(a.entries, c, a.acc, text)
	if !ok {
		return nil // the error is noted
	}
	return a.f.Result(c, w, acc)
}

func (a *accumulated[T, Acc, Out]) clear(*Context[Out], []byte) {}

// reduced are contents of a Reduce.
type reduced[T any] struct {
	entries *entries
	rows    Serializer[T]
	reduce  func(a, b T) T
}

func (r *reduced[T]) add(c *Context[T], dst, old []byte, _ TimeWindow, row *T) ([]byte, bool) {
	all := *row
	if old != nil {
		before, ok := decode(r.entries, c, r.rows, old)
		if !ok {
			return nil, false
		}
		all = r.reduce(before, all)
	}
	return appendTo(r.entries, c, r.rows, dst, all)
}

func (r *reduced[T]) merge(c *Context[T], dst, first, second []byte) ([]byte, bool) {
	one, ok := decode(r.entries, c, r.rows, first)
	if !ok {
		return nil, false
	}
	other, ok := decode(r.entries, c, r.rows, second)
	if !ok {
		return nil, false
	}
	return appendTo(r.entries, c, r.rows, dst, r.reduce(one, other))
}

func (r *reduced[T]) result(c *Context[T], _ TimeWindow, text []byte) error {
	if row, ok := decode(r.entries, c, r.rows, text); ok {
		c.Emit(row)
	}
	return nil
}

func (r *reduced[T]) clear(*Context[T], []byte) {}

// collectedRows are contents of an Apply: the rows are in a state of their own, under a number of the window and their place in it; in the
// window there is that number, and how many rows it has. The number is what the window began with: no other window of the key has it,
// as long as this one or what it has become part of lives.
type collectedRows[T, Out any] struct {
	entries *entries
	rows    Serializer[T]
	f       func(c *Context[Out], w TimeWindow, rows iter.Seq[T]) error
	prefix  []byte
}

func (r *collectedRows[T, Out]) place(text []byte, place uint64) []byte {
	r.prefix = append(r.prefix[:0], text[:8]...)
	r.prefix = binary.BigEndian.AppendUint64(r.prefix, place)
	return r.prefix
}

func (r *collectedRows[T, Out]) add(c *Context[Out], dst, old []byte, w TimeWindow, row *T) ([]byte, bool) {
	begun := len(dst)
	if old == nil {
		dst = binary.BigEndian.AppendUint64(appendTime(dst, w.Start), 0)
	} else {
		dst = append(dst, old...)
	}
	text := dst[begun:]
	n := binary.BigEndian.Uint64(text[8:])
	encoded, ok := encode(r.entries, c, r.rows, *row)
	if !ok {
		return nil, false
	}
	r.entries.put(c, r.place(text, n), encoded)
	binary.BigEndian.PutUint64(text[8:], n+1)
	return dst, true
}

// merge moves the rows of the second window behind those of the first.
func (r *collectedRows[T, Out]) merge(c *Context[Out], dst, first, second []byte) ([]byte, bool) {
	dst = append(dst, first...)
	text := dst[len(dst)-rowsOfWindow:]
	n, more := binary.BigEndian.Uint64(text[8:]), binary.BigEndian.Uint64(second[8:])
	second = append([]byte(nil), second...)
	for i := range more {
		row, _ := r.entries.get(c, r.place(second, i))
		row = append([]byte(nil), row...)
		r.entries.put(c, r.place(text, n+i), row)
		r.entries.delete(c, r.place(second, i))
	}
	binary.BigEndian.PutUint64(text[8:], n+more)
	return dst, true
}

func (r *collectedRows[T, Out]) result(c *Context[Out], w TimeWindow, text []byte) error {
	return r.f(c, w, func(yield func(T) bool) {
		n := binary.BigEndian.Uint64(text[8:])
		r.entries.ascend(c, r.place(text, 0), func(name, encoded []byte) bool {
			if n == 0 || string(name[:8]) != string(text[:8]) {
				return false
			}
			n--
			row, ok := decode(r.entries, c, r.rows, encoded)
			return ok && yield(row)
		})
	})
}

func (r *collectedRows[T, Out]) clear(c *Context[Out], text []byte) {
	for i := range binary.BigEndian.Uint64(text[8:]) {
		r.entries.delete(c, r.place(text, i))
	}
}

// appendTo appends the encoding of a value.
func appendTo[V any](e *entries, c Current, values Serializer[V], dst []byte, v V) ([]byte, bool) {
	text, err := values.Append(dst, v)
	if err != nil {
		e.fail(c, fmt.Errorf("a value cannot be encoded: %w", err))
		return nil, false
	}
	return text, true
}
