package exec

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/internal/backend/heap"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/state"
	"github.com/weirstream/weir/engine/window"
)

// row is an input of a window aggregate: its keys, nil for NULL, and its event time.
type row struct {
	name, number any
	at           int64
}

// windowed is the chain of a window aggregate that counts the rows of each key, over the engine's own state.
type windowed struct {
	t                        *testing.T
	assign, keyBy, aggregate operator.Operator
	state                    *aggregateContext
}

// aggregateContext is that of the aggregate: its state, and the watermarks that it had acted on before a restore.
type aggregateContext struct {
	context.Context
	table    state.Table
	restored func(hash uint64) int64
	late     int
}

func (c *aggregateContext) UID() string                                 { return "aggregate" }
func (c *aggregateContext) Subtask() (int, int)                         { return 0, 1 }
func (c *aggregateContext) Table(state.Descriptor) (state.Table, error) { return c.table, nil }
func (c *aggregateContext) Sorted(state.Descriptor) (state.Sorted, error) {
	return nil, fmt.Errorf("an aggregate has no sorted map")
}

func (c *aggregateContext) Items(state.Descriptor) (*state.Items, error) {
	return nil, fmt.Errorf("an aggregate has no operator state")
}

func (c *aggregateContext) Timers(state.Descriptor) (state.Timers, error) {
	return nil, fmt.Errorf("an aggregate has no sorted map")
}

func (c *aggregateContext) ProcessingTime() int64               { return 0 }
func (c *aggregateContext) SideOutput(string) operator.Output   { return nil }
func (c *aggregateContext) RestoredWatermark(hash uint64) int64 { return c.restored(hash) }
func (c *aggregateContext) MaxRestoredWatermark() int64         { return c.restored(0) }
func (c *aggregateContext) Late(n int)                          { c.late += n }
func (c *aggregateContext) Skipped(n int)                       { panic("an aggregate skips nothing") }

var keyColumns = []batch.Field{{Name: "name", Layout: batch.Text}, {Name: "number", Layout: batch.Int32}}

// newWindowed opens the chain; table is that of a run before, or nil.
func newWindowed(t *testing.T, w window.Assigner, table state.Table, restored func(hash uint64) int64) *windowed {
	t.Helper()
	spec := AggregateSpec{
		Window: w, Keys: 2, Calls: []AggregateCall{{Function: "COUNT", Column: -1, Layout: batch.Int64}},
		Schema: &batch.Schema{Fields: append(slices.Clone(keyColumns), batch.Field{Name: "n", Layout: batch.Int64},
			WindowField(WindowStart), WindowField(WindowEnd), WindowField(WindowTime))},
	}
	if table == nil {
		b, err := heap.New(backend.Scope{UID: "aggregate", EndGroup: 64, MaxParallelism: 64, States: []state.Descriptor{spec.Descriptor()}})
		if err == nil {
			table, err = b.Table(spec.Descriptor().Name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c := &windowed{t: t, state: &aggregateContext{Context: t.Context(), table: table, restored: restored}}
	open := func(f operator.Factory, ctx operator.Context) operator.Operator {
		o, err := f()
		if err == nil {
			err = o.Open(ctx)
		}
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	plain := &lateCounter{Context: t.Context()}
	c.assign = open(Assign(AssignSpec{Window: w, Out: []int{0, 1}, Schema: &batch.Schema{Fields: keyColumns}}), plain)
	c.keyBy = open(KeyBy(KeyBySpec{Keys: []int{0, 1}, Schema: &batch.Schema{}}), plain)
	c.aggregate = open(Aggregate(spec), c.state)
	return c
}

func unrestored(uint64) int64 { return math.MinInt64 }

func (c *windowed) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// rows processes rows without split watermarks, as one batch.
func (c *windowed) rows(rows ...row) *windowed {
	c.t.Helper()
	cols := batch.NewColumns(&batch.Schema{Fields: keyColumns})
	b := batch.Of(cols)
	for _, r := range rows {
		if r.name == nil {
			cols.Cols[0].AppendNull()
		} else {
			cols.Cols[0].(*batch.Strings).AppendString(r.name.(string))
		}
		if r.number == nil {
			cols.Cols[1].AppendNull()
		} else {
			cols.Cols[1].(*batch.Fixed[int32]).Append(int32(r.number.(int)))
		}
		b.Time = append(b.Time, r.at)
		cols.N++
	}
	c.must(c.assign.Process(0, b, emit(func(b *batch.Batch) {
		c.must(c.keyBy.Process(0, b, emit(func(b *batch.Batch) {
			c.must(c.aggregate.Process(0, b, nil))
		})))
	})))
	return c
}

// fires advances the watermark, and compares what that emits, sorted.
func (c *windowed) fires(watermark int64, want ...string) *windowed {
	c.t.Helper()
	var got []string
	forward, err := c.aggregate.Watermark(watermark, emit(func(b *batch.Batch) {
		cols := b.Data.(*batch.Columns).Cols
		for i := range b.Len() {
			name, number := "NULL", "NULL"
			if v := cols[0].(*batch.Strings); !v.Null(i) {
				name = fmt.Sprintf("%q", v.At(i))
			}
			if v := cols[1].(*batch.Fixed[int32]); !v.Null(i) {
				number = fmt.Sprint(v.V[i])
			}
			of := func(k int) int64 { return cols[k].(*batch.Fixed[int64]).V[i] }
			got = append(got, fmt.Sprintf("%s/%s: %d in %d-%d", name, number, of(2), of(3), of(4)))
			if b.Time[i] != of(4)-1 || of(5) != of(4)-1 {
				c.t.Errorf("the window that ends at %d has the time %d, its row %d", of(4), of(5), b.Time[i])
			}
		}
	}))
	c.must(err)
	if forward != watermark {
		c.t.Errorf("it forwards %d for %d", forward, watermark)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		c.t.Errorf("at %d it emits %v, want %v", watermark, got, want)
	}
	return c
}

func (c *windowed) counts(late, left int) {
	c.t.Helper()
	if c.state.late != late || c.state.table.Len() != left {
		c.t.Errorf("%d rows were late and %d cells are left, want %d and %d", c.state.late, c.state.table.Len(), late, left)
	}
}

func TestAWindowHoldsItsFirstMomentNotItsEndAndFiresAtItsLast(t *testing.T) {
	t.Run("tumbling", func(t *testing.T) {
		c := newWindowed(t, window.Tumble(10, 0), nil, unrestored)
		c.rows(row{"a", 1, 0}, row{"a", 1, 9}, row{"a", 1, 10}, row{"a", 1, -1}, row{"a", 1, -10}, row{"a", 1, -11})
		c.fires(-12).fires(-11, `"a"/1: 1 in -20--10`).fires(-2).fires(-1, `"a"/1: 2 in -10-0`)
		c.fires(8).fires(9, `"a"/1: 2 in 0-10`).fires(9)
		c.rows(row{"a", 1, 9}, row{"a", 1, 10}) // the first is late: its window has fired
		c.fires(math.MaxInt64, `"a"/1: 2 in 10-20`).counts(1, 0)
	})
	t.Run("hopping", func(t *testing.T) {
		c := newWindowed(t, window.Hop(5, 10, 0), nil, unrestored)
		c.rows(row{"a", 1, 5}, row{"a", 1, 4}, row{"a", 1, 10})
		c.fires(3).fires(4, `"a"/1: 1 in -5-5`)
		c.rows(row{"a", 1, 4}) // one of its windows has fired, and it enters the other
		c.fires(9, `"a"/1: 3 in 0-10`).fires(14, `"a"/1: 2 in 5-15`).fires(19, `"a"/1: 1 in 10-20`).counts(1, 0)
	})
	t.Run("cumulating", func(t *testing.T) {
		c := newWindowed(t, window.Cumulate(5, 15, 0), nil, unrestored)
		c.rows(row{"a", 1, -1}, row{"a", 1, 0}, row{"a", 1, 4}, row{"a", 1, 5}, row{"a", 1, 14}, row{"a", 1, 15})
		c.fires(-1, `"a"/1: 1 in -15-0`).fires(4, `"a"/1: 2 in 0-5`)
		c.rows(row{"a", 1, 4}) // one of its windows has fired, and it enters the others
		c.fires(9, `"a"/1: 4 in 0-10`).fires(14, `"a"/1: 5 in 0-15`)
		c.fires(math.MaxInt64, `"a"/1: 1 in 15-20`, `"a"/1: 1 in 15-25`, `"a"/1: 1 in 15-30`).counts(1, 0)
	})
	t.Run("with an offset", func(t *testing.T) {
		c := newWindowed(t, window.Tumble(10, 3), nil, unrestored)
		c.rows(row{"a", 1, 2}, row{"a", 1, 3}, row{"a", 1, 12}, row{"a", 1, 13})
		c.fires(2, `"a"/1: 1 in -7-3`).fires(12, `"a"/1: 2 in 3-13`).fires(22, `"a"/1: 1 in 13-23`).counts(0, 0)
	})
	t.Run("several at one watermark, in their order", func(t *testing.T) {
		c := newWindowed(t, window.Tumble(10, 0), nil, unrestored)
		c.rows(row{"a", 1, 25}, row{"a", 1, 5}, row{"a", 1, 15})
		c.fires(19, `"a"/1: 1 in 0-10`, `"a"/1: 1 in 10-20`).counts(0, 1)
		c.fires(5).fires(29, `"a"/1: 1 in 20-30`) // a watermark does not go back
	})
}

func TestNULLIsAGroupOfItsOwn(t *testing.T) {
	c := newWindowed(t, window.Tumble(10, 0), nil, unrestored)
	c.rows(row{nil, 0, 1}, row{"", 0, 1}, row{nil, nil, 1}, row{nil, 0, 2}, row{"", nil, 1}, row{nil, nil, 3}, row{nil, nil, 4}, row{"\x00", 0, 1})
	c.fires(9, `""/0: 1 in 0-10`, `""/NULL: 1 in 0-10`, `"\x00"/0: 1 in 0-10`, `NULL/0: 2 in 0-10`, `NULL/NULL: 3 in 0-10`).counts(0, 0)
}

func TestAWindowThatFiredBeforeARestoreStaysClosedInTheKeyGroupsThatHadFired(t *testing.T) {
	first := newWindowed(t, window.Tumble(10, 0), nil, unrestored)
	first.rows(row{"a", 1, 1}, row{"a", 1, 15}, row{"b", 1, 15}).fires(9, `"a"/1: 1 in 0-10`).counts(0, 2)

	// The restored groups had acted on other watermarks: that of a on 19, that of b on 9, for which 19 is still to come.
	hashOf := func(name string) uint64 {
		cols := []batch.Vector{batch.NewVector(batch.Text), batch.NewVector(batch.Int32)}
		cols[0].(*batch.Strings).AppendString(name)
		cols[1].(*batch.Fixed[int32]).Append(1)
		var keys batch.Bytes
		(&keyBy{keys: cols}).encode(&keys, 1)
		return state.HashKeys(nil, &keys)[0]
	}
	a := hashOf("a")
	second := newWindowed(t, window.Tumble(10, 0), first.state.table, func(hash uint64) int64 {
		if hash == a || hash == 0 {
			return 19
		}
		return 9
	})
	second.rows(row{"a", 1, 19}, row{"b", 1, 19}, row{"a", 1, 20}, row{"b", 1, 9}, row{"a", 1, 9})
	second.fires(10) // the source begins again below what was acted on
	second.fires(19, `"a"/1: 1 in 10-20`, `"b"/1: 2 in 10-20`)
	second.fires(29, `"a"/1: 1 in 20-30`).counts(3, 0)
}
