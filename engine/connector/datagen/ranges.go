package datagen

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
)

// ranges cuts the rows 0, 1, ... into splits. It is the part of a source that does not depend on what the rows are.
type ranges struct {
	rows      int64 // 0: without end
	splitRows int64
	order     connector.SplitOrder
	rate      float64          // at which the whole job reads, in rows per second; 0: not known
	now       func() time.Time // nil: no column looks at a clock
}

const (
	// leastSplitRows and mostSplitRows bound the size of a split: small ones cost an assignment each, large ones leave
	// subtasks without work and hold watermarks back.
	leastSplitRows = 1 << 10
	mostSplitRows  = 1 << 20
	// boundedSplits is into how many splits a bounded source is cut, within those bounds; mostSplits is a bound that
	// goes before them, because all the splits are handed out at once.
	boundedSplits = 64
	mostSplits    = 1 << 12
	// aheadSplits is how many splits of an unbounded source are there at the start: more than there are subtasks.
	aheadSplits = 64
	// endless is where the rows of an unbounded source end after all: in 292 years at a row in each nanosecond.
	endless = math.MaxInt64 - mostSplitRows*aheadSplits
)

// newRanges chooses the size of splits, by the number of rows or their rate alone.
func newRanges(rows int64, rate float64, order connector.SplitOrder, now func() time.Time) ranges {
	r := ranges{rows: rows, order: order, rate: rate, now: now, splitRows: mostSplitRows}
	switch {
	case rows > 0:
		r.splitRows = min(max(rows/boundedSplits+1, leastSplitRows), mostSplitRows)
		r.splitRows = max(r.splitRows, rows/mostSplits+1)
	case rate > 0:
		r.splitRows = int64(min(max(rate, 1), mostSplitRows))
	}
	return r
}

// Bounded says that the number of rows is given.
func (r *ranges) Bounded() bool { return r.rows > 0 }

// Order is the order in which splits start.
func (r *ranges) Order() connector.SplitOrder { return r.order }

// Enumerator hands out the ranges.
func (r *ranges) Enumerator(context.Context) (connector.Enumerator, error) {
	return &enumerator{r}, nil
}

type enumerator struct{ ranges *ranges }

// Discover hands out the ranges that follow those of seen, which is the next row.
func (e *enumerator) Discover(_ context.Context, seen []byte) (connector.Discovery, error) {
	r := e.ranges
	next, count := int64(0), int64(aheadSplits)
	if len(seen) > 0 {
		v, n := binary.Uvarint(seen)
		if n != len(seen) || v > endless {
			return connector.Discovery{}, fault.Permanentf("the position of the generator in the snapshot", "restore from another snapshot", "it is malformed")
		}
		next, count = int64(v), e.perSecond()
	}
	end := int64(endless)
	if r.Bounded() {
		end, count = r.rows, math.MaxInt64
	}
	base := int64(0)
	if r.now != nil {
		base = r.now().UnixMilli()
	}
	var d connector.Discovery
	for ; count > 0 && next < end; count-- {
		to := min(next+r.splitRows, end)
		d.Splits = append(d.Splits, rowRange{next, to, base}.split())
		next = to
	}
	d.Seen = binary.AppendUvarint(nil, uint64(next))
	d.Done, d.Next = next >= end, time.Second
	return d, nil
}

// perSecond is how many splits of an unbounded source are used up in a second.
func (e *enumerator) perSecond() int64 {
	if e.ranges.rate == 0 {
		return aheadSplits
	}
	return int64(math.Ceil(e.ranges.rate / float64(e.ranges.splitRows)))
}

// Close does nothing.
func (*enumerator) Close() error { return nil }

// rowRange is a split: the rows from..to-1, made at baseMS.
type rowRange struct{ from, to, baseMS int64 }

const splitFormat = 1

func (r rowRange) split() connector.Split {
	spec := []byte{splitFormat}
	for _, n := range []int64{r.from, r.to, r.baseMS} {
		spec = binary.AppendUvarint(spec, uint64(n))
	}
	id := fmt.Sprintf("rows %d-%d", r.from, r.to)
	return connector.Split{ID: id, Chain: id, Spec: spec}
}

func decodeRange(s connector.Split) (r rowRange, err error) {
	ok := len(s.Spec) > 0 && s.Spec[0] == splitFormat
	if ok {
		rest := s.Spec[1:]
		for _, n := range []*int64{&r.from, &r.to, &r.baseMS} {
			*n, rest, ok = takeNumber(rest, ok)
		}
		ok = ok && len(rest) == 0 && r.from <= r.to
	}
	if !ok {
		return r, fault.Permanentf("split "+s.ID, "restore from a snapshot of this version of Weir", "its description is malformed")
	}
	return r, nil
}

// decodePosition reads the next row of a range.
func (r rowRange) decodePosition(b []byte) (int64, error) {
	next, rest, ok := takeNumber(b, true)
	if !ok || len(rest) > 0 || next < r.from || next > r.to {
		return 0, fault.Permanentf(fmt.Sprintf("rows %d-%d", r.from, r.to), "restore from another snapshot", "their position is malformed")
	}
	return next, nil
}

func takeNumber(b []byte, ok bool) (int64, []byte, bool) {
	v, n := binary.Uvarint(b)
	if !ok || n <= 0 || v > math.MaxInt64 {
		return 0, nil, false
	}
	return int64(v), b[n:], true
}
