package exec

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/sql/expr"
)

// AggregateCall is one aggregate of a group.
type AggregateCall struct {
	Function string // COUNT, SUM, MIN, MAX, AVG
	// Column is the index of the argument in the input; negative: COUNT(*).
	Column int
	// Layout is that of the argument; COUNT does not ask for it. MIN, MAX, SUM and AVG give what they are given.
	Layout batch.Layout
}

// accumulator keeps one aggregate in a part of the group's cell. The zero cell is the aggregate of no rows.
type accumulator interface {
	// add takes rows from to end-1 of the argument into their cells.
	add(cells [][]byte, arg batch.Vector, from, end int)
	// result appends the value of a cell.
	result(cell []byte, to batch.Vector)
}

// layout places the accumulators of a group in its cell: little-endian words of 8 bytes.
func layout(calls []AggregateCall) (accumulators []accumulator, cellBytes int) {
	for _, c := range calls {
		var a accumulator
		switch c.Function {
		case "COUNT":
			a = count{cellBytes}
		case "MIN", "MAX":
			a = newExtreme(cellBytes, c)
		default:
			a = newSum(cellBytes, c)
		}
		accumulators = append(accumulators, a)
		cellBytes += c.bytes()
	}
	return accumulators, cellBytes
}

// bytes is the width of the aggregate's part of a cell.
func (c AggregateCall) bytes() int {
	if c.Function == "COUNT" {
		return 8
	}
	return 16
}

func load(cell []byte, at int) uint64 { return binary.LittleEndian.Uint64(cell[at:]) }

func store(cell []byte, at int, v uint64) { binary.LittleEndian.PutUint64(cell[at:], v) }

// count is COUNT: one word.
type count struct{ at int }

func (a count) add(cells [][]byte, arg batch.Vector, from, end int) {
	var nulls []bool
	if arg != nil {
		nulls = arg.NullMask()
	}
	for i := from; i < end; i++ {
		if len(nulls) == 0 || !nulls[i] {
			store(cells[i], a.at, load(cells[i], a.at)+1)
		}
	}
}

func (a count) result(cell []byte, to batch.Vector) {
	to.(*batch.Fixed[int64]).Append(int64(load(cell, a.at)))
}

// sum is SUM or AVG: a word for the sum, one for the number of values. Integers are added in 64 bits, as Flink's AVG does;
// SUM of INT wraps at 32, which is the same as cutting the wider sum.
type sum[T int32 | int64 | float64] struct {
	at   int
	mean bool
}

func newSum(at int, c AggregateCall) accumulator {
	mean := c.Function == "AVG"
	switch c.Layout {
	case batch.Int32:
		return sum[int32]{at, mean}
	case batch.Int64:
		return sum[int64]{at, mean}
	case batch.Float64:
		return sum[float64]{at, mean}
	}
	panic(fmt.Sprintf("%s of the layout %d", c.Function, c.Layout))
}

func (a sum[T]) add(cells [][]byte, arg batch.Vector, from, end int) {
	v := arg.(*batch.Fixed[T])
	if floats, ok := arg.(*batch.Fixed[float64]); ok {
		for i := from; i < end; i++ {
			if !floats.Null(i) {
				c := cells[i]
				store(c, a.at, math.Float64bits(math.Float64frombits(load(c, a.at))+floats.V[i]))
				store(c, a.at+8, load(c, a.at+8)+1)
			}
		}
		return
	}
	for i := from; i < end; i++ {
		if !v.Null(i) {
			c := cells[i]
			store(c, a.at, load(c, a.at)+uint64(int64(v.V[i])))
			store(c, a.at+8, load(c, a.at+8)+1)
		}
	}
}

func (a sum[T]) result(cell []byte, to batch.Vector) {
	n := int64(load(cell, a.at+8))
	if n == 0 {
		to.AppendNull()
		return
	}
	if floats, ok := to.(*batch.Fixed[float64]); ok {
		total := math.Float64frombits(load(cell, a.at))
		if a.mean {
			total /= float64(n)
		}
		floats.Append(total)
		return
	}
	total := int64(load(cell, a.at))
	if a.mean {
		total /= n
	}
	to.(*batch.Fixed[T]).Append(T(total))
}

// extreme is MIN or MAX: a word for the value, one that is 1 once there is a value.
type extreme[T int32 | int64 | float64] struct {
	at       int
	greatest bool
}

func newExtreme(at int, c AggregateCall) accumulator {
	greatest := c.Function == "MAX"
	switch c.Layout {
	case batch.Int32:
		return extreme[int32]{at, greatest}
	case batch.Int64:
		return extreme[int64]{at, greatest}
	case batch.Float64:
		return extreme[float64]{at, greatest}
	}
	panic(fmt.Sprintf("%s of the layout %d", c.Function, c.Layout))
}

func (a extreme[T]) add(cells [][]byte, arg batch.Vector, from, end int) {
	v := arg.(*batch.Fixed[T])
	for i := from; i < end; i++ {
		if v.Null(i) {
			continue
		}
		c, x := cells[i], v.V[i]
		best := fromWord[T](load(c, a.at))
		if load(c, a.at+8) == 0 || a.greatest && expr.Precedes(best, x) || !a.greatest && expr.Precedes(x, best) {
			store(c, a.at, toWord(x))
			store(c, a.at+8, 1)
		}
	}
}

func (a extreme[T]) result(cell []byte, to batch.Vector) {
	if load(cell, a.at+8) == 0 {
		to.AppendNull()
		return
	}
	to.(*batch.Fixed[T]).Append(fromWord[T](load(cell, a.at)))
}

// toWord keeps a value in a word: a float by its bits, an integer by its value.
func toWord[T int32 | int64 | float64](v T) uint64 {
	switch v := any(v).(type) {
	case float64:
		return math.Float64bits(v)
	case int32:
		return uint64(int64(v))
	case int64:
		return uint64(v)
	}
	panic("unreachable")
}

func fromWord[T int32 | int64 | float64](w uint64) (v T) {
	switch p := any(&v).(type) {
	case *float64:
		*p = math.Float64frombits(w)
	case *int32:
		*p = int32(w)
	case *int64:
		*p = int64(w)
	}
	return v
}
