package datagen

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"time"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec/sqltime"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/types"
)

// Column says how the values of one column are made. Of the fields, those of its kind and type count.
type Column struct {
	// Sequence counts in Step from Start: numbers of STRING, INT, BIGINT and DOUBLE columns, days of DATE, ms of
	// TIMESTAMP. Otherwise values are random, of the same probability each.
	Sequence    bool
	Start, Step int64
	// End is the last value, if HasEnd: the source ends with it.
	End    int64
	HasEnd bool

	// Min and Max bound random INT and BIGINT values, and are included; MinDouble and MaxDouble bound DOUBLE values.
	Min, Max             int64
	MinDouble, MaxDouble float64
	// Length is the number of characters, hexadecimal digits, of random STRING values.
	Length int
	// MaxPast is how far before now random TIMESTAMP values may be.
	MaxPast time.Duration
	// NullRate is the part of the values that are NULL, 0 to 1.
	NullRate float64
}

// Config describes a source of columns.
type Config struct {
	Schema types.Schema
	// Columns has one entry for each of the schema.
	Columns []Column
	Seed    uint64
	// Rows is the number of rows; 0: without end, unless a sequence ends.
	Rows int64
	// RowsPerSecond is the rate at which the whole job is going to read, which sizes the splits of a source without end;
	// 0: not known.
	RowsPerSecond float64
	// Order is the order in which splits start (P4).
	Order connector.SplitOrder
	// Now is the clock of random TIMESTAMP and DATE columns.
	Now func() time.Time
}

// Source is a connector.Source of columns. It is safe for concurrent use.
type Source struct {
	ranges
	schema     types.Schema
	generators []generator
	rowBytes   int
}

// generator appends the values of a column for the rows from..from+n-1.
type generator func(v batch.Vector, from int64, n int, baseMS int64)

// New makes the source.
func New(c Config) (*Source, error) {
	if len(c.Columns) != len(c.Schema) {
		return nil, fmt.Errorf("%d columns are described, the schema has %d", len(c.Columns), len(c.Schema))
	}
	s := &Source{schema: c.Schema}
	rows := c.Rows
	var now func() time.Time
	for i, f := range c.Schema {
		col := c.Columns[i]
		g, err := newGenerator(f, col, c.Seed)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
		s.generators = append(s.generators, g)
		s.rowBytes += 8 + col.Length
		if limit := col.values(f.Type); limit > 0 && (rows == 0 || limit < rows) {
			rows = limit
		}
		if !col.Sequence && (f.Type.Is(types.KindTimestamp) || f.Type.Is(types.KindDate)) {
			now = c.Now
		}
	}
	s.ranges = newRanges(rows, c.RowsPerSecond, c.Order, now)
	return s, nil
}

// values is how many values a sequence has; 0: no end.
func (c *Column) values(t types.Type) int64 {
	end, ends := c.End, c.HasEnd
	if !ends && (t.Is(types.KindInt) || t.Is(types.KindDate)) {
		end, ends = math.MaxInt32, true // what does not fit the type is not made
		if c.Step < 0 {
			end = math.MinInt32
		}
	}
	if !c.Sequence || !ends {
		return 0
	}
	// Differences of int64 fit uint64.
	span, step := uint64(end)-uint64(c.Start), uint64(c.Step)
	if c.Step < 0 {
		span, step = uint64(c.Start)-uint64(end), -step
	}
	return int64(min(span/step, endless-1)) + 1
}

// Payload is empty columns.
func (s *Source) Payload() batch.Payload { return batch.NewColumns(s.schema.Layout()) }

// Reader makes rows.
func (s *Source) Reader(_ context.Context, c connector.ReaderContext) (connector.Reader, error) {
	return &reader{rows: batchRows(s.rowBytes, c.BatchRows), fill: s.fill}, nil
}

func (s *Source) fill(into batch.Payload, from int64, n int, baseMS int64) error {
	c, ok := into.(*batch.Columns)
	if !ok {
		return fmt.Errorf("the source fills columns, not %T", into)
	}
	for i, g := range s.generators {
		g(c.Cols[i], from, n, baseMS)
	}
	c.N += n
	return nil
}

// random is a source of random numbers with random access: the n-th is that of the generator splitmix64, started at the
// key (G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
type random uint64

func (r random) at(n int64) uint64 {
	z := uint64(r) + uint64(n)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number below span, or any number if span is 0. Some are likelier than others by 2^-64 * span at most.
func (r random) below(n int64, span uint64) uint64 {
	v := r.at(n)
	if span == 0 {
		return v
	}
	high, _ := bits.Mul64(v, span)
	return high
}

func newGenerator(f types.Field, c Column, seed uint64) (generator, error) {
	name := fnv.New64a()
	name.Write([]byte(f.Name))
	key := random(random(seed).at(int64(name.Sum64())))
	var g generator
	var err error
	if c.Sequence {
		g, err = newSequence(f.Type, c)
	} else {
		g, err = newRandom(f.Type, c, key)
	}
	if err != nil || c.NullRate == 0 {
		return g, err
	}
	return withNulls(g, c.NullRate, random(key.at(-1))), nil
}

// withNulls makes a part of the values NULL.
func withNulls(g generator, rate float64, key random) generator {
	limit := uint64(math.MaxUint64)
	if rate < 1 {
		limit = uint64(rate * (1 << 63) * 2)
	}
	return func(v batch.Vector, from int64, n int, baseMS int64) {
		for i := from; i < from+int64(n); i++ {
			if rate >= 1 || key.at(i) < limit {
				v.AppendNull()
			} else {
				g(v, i, 1, baseMS)
			}
		}
	}
}

func newSequence(t types.Type, c Column) (generator, error) {
	if c.Step == 0 {
		return nil, fmt.Errorf("a sequence with a step of 0 never moves")
	}
	start, step := c.Start, c.Step
	switch t.Kind() {
	case types.KindInt, types.KindDate:
		return counting[int32](start, step), nil
	case types.KindBigInt, types.KindTimestamp:
		return counting[int64](start, step), nil
	case types.KindDouble:
		return counting[float64](start, step), nil
	case types.KindVarChar:
		return func(v batch.Vector, from int64, n int, _ int64) {
			s := v.(*batch.Strings)
			for i := from; i < from+int64(n); i++ {
				s.Buf = strconv.AppendInt(s.Buf, start+i*step, 10)
				sealed(s)
			}
		}, nil
	}
	return nil, fmt.Errorf("there are no sequences of %v", t)
}

func newRandom(t types.Type, c Column, key random) (generator, error) {
	switch t.Kind() {
	case types.KindBoolean:
		return fixed(func(i, _ int64) bool { return key.at(i)>>63 == 1 }), nil
	case types.KindInt:
		return uniform[int32](c.Min, c.Max, key), nil
	case types.KindBigInt:
		return uniform[int64](c.Min, c.Max, key), nil
	case types.KindDouble:
		return fixed(func(i, _ int64) float64 {
			u := float64(key.at(i)>>11) / (1 << 53)
			return c.MinDouble*(1-u) + c.MaxDouble*u // in this form the difference cannot overflow
		}), nil
	case types.KindDate:
		return fixed(func(_, baseMS int64) int32 { return int32(baseMS / sqltime.DayMS) }), nil
	case types.KindTimestamp:
		span := uint64(c.MaxPast.Milliseconds()) + 1
		return fixed(func(i, baseMS int64) int64 { return baseMS - int64(key.below(i, span)) }), nil
	case types.KindVarChar:
		return randomText(c.Length, key), nil
	}
	return nil, fmt.Errorf("there are no random values of %v", t)
}

// counting makes a generator of start, start+step, start+2*step and so on, by the number of the row.
func counting[T int32 | int64 | float64](start, step int64) generator {
	return func(v batch.Vector, from int64, n int, _ int64) {
		value := start + from*step
		out := extend(v.(*batch.Fixed[T]), n)
		for i := range out {
			out[i] = T(value)
			value += step
		}
	}
}

// uniform makes a generator of random whole numbers least..most.
func uniform[T int32 | int64](least, most int64, key random) generator {
	span := uint64(most-least) + 1 // 0 if it is every number
	return func(v batch.Vector, from int64, n int, _ int64) {
		out := extend(v.(*batch.Fixed[T]), n)
		for i := range out {
			out[i] = T(least + int64(key.below(from+int64(i), span)))
		}
	}
}

// fixed makes a generator of a function of the row and the time of its split.
func fixed[T batch.Value](f func(i, baseMS int64) T) generator {
	return func(v batch.Vector, from int64, n int, baseMS int64) {
		out := extend(v.(*batch.Fixed[T]), n)
		for i := range out {
			out[i] = f(from+int64(i), baseMS)
		}
	}
}

// extend appends n values, none of them NULL, and returns them to be set.
func extend[T batch.Value](f *batch.Fixed[T], n int) []T {
	start := len(f.V)
	f.V = slices.Grow(f.V, n)[:start+n]
	if len(f.Nulls) > 0 {
		f.Nulls = slices.Grow(f.Nulls, n)[:start+n]
		clear(f.Nulls[start:])
	}
	return f.V[start:]
}

// randomText makes strings of hexadecimal digits, as Flink does.
func randomText(length int, key random) generator {
	const digits = "0123456789abcdef"
	words := int64(length+15) / 16
	return func(v batch.Vector, from int64, n int, _ int64) {
		s := v.(*batch.Strings)
		for i := from; i < from+int64(n); i++ {
			left := length
			for word := range words {
				bits := key.at(i*words + word)
				for d := min(left, 16); d > 0; d-- {
					s.Buf = append(s.Buf, digits[bits&15])
					bits >>= 4
				}
				left -= 16
			}
			sealed(s)
		}
	}
}

// sealed ends a string whose bytes were appended to the buffer, and keeps the mask of NULLs as long as the list.
func sealed(s *batch.Strings) {
	s.Seal()
	if len(s.Nulls) > 0 {
		s.Nulls = append(s.Nulls, false)
	}
}
