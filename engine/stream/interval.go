package stream

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/weirstream/weir/engine/state"
)

// Interval is the times of rows of the second stream, against that of a row of the first, that are joined with it: from its
// time + Lower to its time + Upper, in ms, both included.
type Interval struct{ Lower, Upper int64 }

// IntervalJoin joins each row of a stream with the rows of another that have the same key and whose event time lies in an
// interval around its own. join is called for each pair, with out zeroed; the result has the later of the two times.
//
// Both streams need event time. A row waits for its partners, in state, until event time says that no more can come; so a row
// that comes when event time has passed it is late, dropped and counted, and the result is the same in every run, at every
// parallelism and through any restart. The order of the results is not. A state whose interval has changed is refused on
// restore: rows that it would need have been removed.
func IntervalJoin[K, A, B, O any](first Keyed[K, A], second Keyed[K, B], uid string, within Interval,
	firstRows Serializer[A], secondRows Serializer[B], join func(a *A, b *B, out *O),
) Stream[O] {
	if within.Lower > within.Upper {
		first.job.fail(uid, fmt.Errorf("the interval from %d to %d ms is empty", within.Lower, within.Upper))
	}
	return addCoProcess(first.punctual(), second.punctual(), uid, func(s *Setup) declared[O] {
		j := &intervalJoin[A, B, O]{
			within: within, join: join,
			first:  waitingState(s, "first", firstRows),
			second: waitingState(s, "second", secondRows),
		}
		return declared[O]{
			timers:      onTimers[O]{event: j.expire},
			fingerprint: []string{fmt.Sprintf("interval from %d to %d ms", within.Lower, within.Upper)},
			calls: func(c *Context[O]) calls {
				return &typedCalls[O]{c: c, inputs: []rowCalls{each(c, j.firstRow), each(c, j.secondRow)}}
			},
		}
	})
}

// intervalJoin is the function of an interval join.
type intervalJoin[A, B, O any] struct {
	within Interval
	join   func(*A, *B, *O)
	first  waiting[A]
	second waiting[B]

	// What join is called with: in variables of a call they would escape, an allocation for each pair.
	a   A
	b   B
	out O
}

// firstRow keeps a row for partners to come, and joins it with those that are there. secondRow is the same the other way round;
// a function that both share would be given a closure, an allocation for each row.
func (j *intervalJoin[A, B, O]) firstRow(c *Context[O], a *A) error {
	at := c.op.time
	if c.op.dropIfLate() {
		return nil
	}
	if until := later(at, j.within.Upper); until > c.op.acted {
		j.first.add(c, at, *a)
		c.op.event.set(j.cleanup(until))
	}
	cursor := j.second.entries.borrow()
	defer j.second.entries.give(cursor)
	j.second.seek(c, cursor, later(at, j.within.Lower))
	for to := later(at, j.within.Upper); cursor.Next() && timeOf(cursor.Name()) <= to; {
		b, ok := decode(j.second.entries, c, j.second.rows, cursor.Name()[timeBytes:])
		if !ok {
			return nil // the error is noted
		}
		j.b = b
		j.emit(c, a, &j.b, max(at, timeOf(cursor.Name())), countOf(cursor.Value()))
	}
	return nil
}

func (j *intervalJoin[A, B, O]) secondRow(c *Context[O], b *B) error {
	at := c.op.time
	if c.op.dropIfLate() {
		return nil
	}
	if until := earlier(at, j.within.Lower); until > c.op.acted {
		j.second.add(c, at, *b)
		c.op.event.set(j.cleanup(until))
	}
	cursor := j.first.entries.borrow()
	defer j.first.entries.give(cursor)
	j.first.seek(c, cursor, earlier(at, j.within.Upper))
	for to := earlier(at, j.within.Lower); cursor.Next() && timeOf(cursor.Name()) <= to; {
		a, ok := decode(j.first.entries, c, j.first.rows, cursor.Name()[timeBytes:])
		if !ok {
			return nil // the error is noted
		}
		j.a = a
		j.emit(c, &j.a, b, max(at, timeOf(cursor.Name())), countOf(cursor.Value()))
	}
	return nil
}

// emit joins a pair, as often as the row that waited was there.
func (j *intervalJoin[A, B, O]) emit(c *Context[O], a *A, b *B, at int64, times uint32) {
	c.op.time = at
	for range times {
		j.out = *new(O)
		j.join(a, b, &j.out)
		c.Emit(j.out)
	}
}

// cleanups is into how many parts the interval is divided: a key has no more timers than that, whatever its rows, and a row
// stays for a part of the interval longer than it must.
const cleanups = 32

// cleanup is the time of the timer that removes a row which is needed until event time has reached a time.
func (j *intervalJoin[A, B, O]) cleanup(until int64) int64 {
	// Halves, because the width of an interval may be more than an int64 holds.
	part := max(1, (j.within.Upper/2-j.within.Lower/2)/(cleanups/2))
	if over := until % part; over > 0 {
		return later(until, part-over)
	}
	return later(until, -(until % part))
}

// expire removes the rows that event time has left behind: those of the first stream when no row of the second can be within
// their interval any more, and those of the second when they can be within none.
func (j *intervalJoin[A, B, O]) expire(c *Context[O], ms int64) error {
	j.first.removeUntil(c, earlier(ms, j.within.Upper))
	j.second.removeUntil(c, later(ms, j.within.Lower))
	return nil
}

// waiting is the rows of a stream for which partners may come. An entry is named by the time and the row, so that it does not
// depend on the order in which rows come; its value says how often the row was there.
type waiting[T any] struct {
	entries *entries
	rows    Serializer[T]
}

func waitingState[T any](s *Setup, name string, rows Serializer[T]) waiting[T] {
	s.check(name, rows.invalid())
	return waiting[T]{s.entries(name, []string{"time int64", "row " + rows.Layout, "times uint32"}), rows}
}

const (
	timeBytes  = 8
	countBytes = 4
)

func appendTime(dst []byte, ms int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(ms)^1<<63) // in the order of times
}

func timeOf(name []byte) int64 { return int64(binary.BigEndian.Uint64(name) ^ 1<<63) }

func countOf(value []byte) uint32 { return binary.LittleEndian.Uint32(value) }

func (w waiting[T]) add(c Current, at int64, row T) {
	e, op := w.entries, c.current()
	name, err := w.rows.Append(appendTime(e.name[:0], at), row)
	if err != nil {
		e.fail(c, fmt.Errorf("a row cannot be encoded: %w", err))
		return
	}
	e.name = name
	n := uint32(1)
	if before, found := e.sorted.Get(op.hash(), op.key(), name); found {
		n += countOf(before)
	}
	e.text = binary.LittleEndian.AppendUint32(e.text[:0], n)
	e.put(c, name, e.text)
}

// seek goes to the first row of the current key that is not before a time.
func (w waiting[T]) seek(c Current, cursor state.Cursor, from int64) {
	op := c.current()
	w.entries.name = appendTime(w.entries.name[:0], from)
	cursor.Seek(op.hash(), op.key(), w.entries.name)
}

// removeUntil removes the rows of the current key up to a time.
func (w waiting[T]) removeUntil(c Current, ms int64) {
	cursor, op := w.entries.borrow(), c.current()
	defer w.entries.give(cursor)
	for cursor.Seek(op.hash(), op.key(), nil); cursor.Next() && timeOf(cursor.Name()) <= ms; {
		w.entries.sorted.Delete(op.hash(), op.key(), cursor.Name())
	}
}

// later is ms + by, or the end of time that lies between.
func later(ms, by int64) int64 {
	sum := ms + by
	switch {
	case by > 0 && sum < ms:
		return math.MaxInt64
	case by < 0 && sum > ms:
		return math.MinInt64
	}
	return sum
}

// earlier is ms - by, or the end of time that lies between.
func earlier(ms, by int64) int64 {
	if by == math.MinInt64 {
		return later(later(ms, math.MaxInt64), 1)
	}
	return later(ms, -by)
}
