package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/state"
	"github.com/weirstream/weir/engine/types"
	"github.com/weirstream/weir/engine/window"
)

func TestKeysAreReadBackAndEqualValuesHaveEqualKeys(t *testing.T) {
	layouts := []batch.Layout{batch.Text, batch.Bool, batch.Int32, batch.Int64, batch.Float64}
	vectors := func() (out []batch.Vector) {
		for _, l := range layouts {
			out = append(out, batch.NewVector(l))
		}
		return out
	}
	in := vectors()
	r := rand.New(rand.NewPCG(1, 9))
	const rows = 500
	for range rows {
		for _, v := range in {
			if r.IntN(6) == 0 {
				v.AppendNull()
				continue
			}
			switch v := v.(type) {
			case *batch.Strings:
				v.AppendString([]string{"", "a", "ab", "ü", string(make([]byte, 300))}[r.IntN(5)])
			case *batch.Fixed[bool]:
				v.Append(r.IntN(2) == 0)
			case *batch.Fixed[int32]:
				v.Append(int32(r.Uint32()))
			case *batch.Fixed[int64]:
				v.Append(int64(r.Uint64()))
			case *batch.Fixed[float64]:
				v.Append(r.NormFloat64())
			}
		}
	}
	out := vectors()
	keys := map[string]bool{}
	for i := range rows {
		var key []byte
		for _, v := range in {
			key = appendKey(key, v, i)
		}
		keys[string(key)] = true
		if err := decodeKey(key, out); err != nil {
			t.Fatal(err)
		}
		var again []byte
		for _, v := range out {
			again = appendKey(again, v, i)
		}
		if !bytes.Equal(key, again) {
			t.Fatalf("row %d: %x is read back as %x", i, key, again)
		}
		for n := range key {
			if err := decodeKey(key[:n], vectors()); err == nil {
				t.Fatalf("row %d: a key of %d of %d bytes is accepted", i, n, len(key))
			}
		}
		if err := decodeKey(append(key, 0), vectors()); err == nil {
			t.Fatal("a key with a byte too many is accepted")
		}
	}
	if len(keys) < rows*9/10 {
		t.Errorf("%d keys for %d rows of different values", len(keys), rows)
	}
}

func TestTheShortWayToEncodeAKeyWritesTheSame(t *testing.T) {
	v := fixedOf[int64](int64(0), int64(-1), int64(math.MinInt64), int64(7))
	var short batch.Bytes
	for range 2 { // the second time into memory that is in use
		encodeWords(&short, v.V)
		for i := range v.V {
			if want := appendValue(nil, v, i); !bytes.Equal(short.At(i), want) {
				t.Errorf("%d: %x, want %x", v.V[i], short.At(i), want)
			}
		}
	}
}

func TestAKeyOfOneColumnOfFixedWidthIsTheValueAlone(t *testing.T) {
	for _, c := range []struct {
		name   string
		column batch.Vector
		want   []string // in hexadecimal digits
	}{
		{"BIGINT", fixedOf[int64](int64(258), nil, int64(-1)), []string{"0000000000000102", "", "ffffffffffffffff"}},
		{"BIGINT without NULLs", fixedOf[int64](int64(258), int64(0)), []string{"0000000000000102", "0000000000000000"}},
		{"INT", fixedOf[int32](nil, int32(7)), []string{"", "00000007"}},
		{"BOOLEAN", fixedOf[bool](true, nil, false), []string{"01", "", "00"}},
		{"DOUBLE", fixedOf[float64](1.0, nil), []string{"3ff0000000000000", ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var keys batch.Bytes
			by := &keyBy{keys: []batch.Vector{c.column}}
			by.encode(&keys, c.column.Len())
			for i, want := range c.want {
				if got := fmt.Sprintf("%x", keys.At(i)); got != want {
					t.Errorf("row %d: %s, want %s", i, got, want)
				}
				back := []batch.Vector{batch.NewVector(layoutOf(c.column))}
				if err := decodeKey(keys.At(i), back); err != nil {
					t.Fatal(err)
				}
				if back[0].Null(0) != c.column.Null(i) || !bytes.Equal(appendKey(nil, back[0], 0), appendKey(nil, c.column, i)) {
					t.Errorf("row %d is read back as another value", i)
				}
			}
		})
	}
	for _, n := range []int{7, 9} {
		if decodeKey(make([]byte, n), []batch.Vector{batch.NewVector(batch.Int64)}) == nil {
			t.Errorf("a key of %d bytes is accepted for a BIGINT", n)
		}
	}
}

func layoutOf(v batch.Vector) batch.Layout {
	switch v.(type) {
	case *batch.Fixed[int64]:
		return batch.Int64
	case *batch.Fixed[int32]:
		return batch.Int32
	case *batch.Fixed[float64]:
		return batch.Float64
	case *batch.Strings:
		return batch.Text
	}
	return batch.Bool
}

func TestZerosAndNaNsAreOneGroup(t *testing.T) {
	key := func(f float64) string {
		return string(appendKey(nil, &batch.Fixed[float64]{V: []float64{f}}, 0))
	}
	if key(0) != key(math.Copysign(0, -1)) {
		t.Error("0.0 and -0.0 are two groups")
	}
	if key(math.NaN()) != key(math.Float64frombits(math.Float64bits(math.NaN())^1)) {
		t.Error("two NaNs are two groups")
	}
}

// fixedOf returns a vector; nil is NULL.
func fixedOf[T batch.Value](values ...any) *batch.Fixed[T] {
	f := &batch.Fixed[T]{}
	for _, v := range values {
		if v == nil {
			f.AppendNull()
		} else {
			f.Append(v.(T))
		}
	}
	return f
}

func TestAggregatesFollowFlink(t *testing.T) {
	for _, c := range []struct {
		name, function string
		layout         batch.Layout
		arg            batch.Vector
		want           string
	}{
		{"COUNT of values leaves out NULLs", "COUNT", batch.Int32, fixedOf[int32](int32(1), nil, int32(3)), "2"},
		{"COUNT of nothing is 0", "COUNT", batch.Int32, fixedOf[int32](nil), "0"},
		{"SUM of INT wraps at 32 bits", "SUM", batch.Int32, fixedOf[int32](int32(math.MaxInt32), int32(1)), "-2147483648"},
		{"SUM of BIGINT wraps at 64 bits", "SUM", batch.Int64, fixedOf[int64](int64(math.MaxInt64), int64(1)), "-9223372036854775808"},
		{"SUM of NULLs is NULL", "SUM", batch.Int32, fixedOf[int32](nil, nil), "NULL"},
		{"SUM of zeros is 0", "SUM", batch.Int32, fixedOf[int32](int32(0), nil), "0"},
		{"SUM of DOUBLE", "SUM", batch.Float64, fixedOf[float64](0.5, nil, 0.25), "0.75"},
		{"AVG of INT is INT and cut towards zero", "AVG", batch.Int32, fixedOf[int32](int32(-3), int32(-4)), "-3"},
		{"AVG of INT is of the exact sum", "AVG", batch.Int32, fixedOf[int32](int32(math.MaxInt32), int32(math.MaxInt32)), "2147483647"},
		{"AVG of DOUBLE", "AVG", batch.Float64, fixedOf[float64](1.0, 2.0), "1.5"},
		{"AVG of NULLs is NULL", "AVG", batch.Int64, fixedOf[int64](nil), "NULL"},
		{"MIN below zero", "MIN", batch.Int32, fixedOf[int32](int32(5), int32(-7), nil), "-7"},
		{"MAX below zero is not the initial 0", "MAX", batch.Int64, fixedOf[int64](int64(-5), int64(-7)), "-5"},
		{"MAX of DOUBLE", "MAX", batch.Float64, fixedOf[float64](-1.5, -0.5), "-0.5"},
		{"MIN of NULLs is NULL", "MIN", batch.Float64, fixedOf[float64](nil), "NULL"},
		{"MIN of DATE", "MIN", batch.Int32, fixedOf[int32](int32(11000), int32(10000)), "10000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// A call before and one behind: the parts of a cell must not touch.
			calls := []AggregateCall{{Function: "COUNT", Column: -1, Layout: batch.Int64}, {Function: c.function, Layout: c.layout}, {Function: "MIN", Layout: batch.Int32}}
			accumulators, width := layout(calls)
			cell := make([]byte, width)
			n := c.arg.Len()
			cells := make([][]byte, n)
			for i := range cells {
				cells[i] = cell
			}
			accumulators[0].add(cells, nil, 0, n)
			accumulators[1].add(cells, c.arg, 0, n)
			result := c.layout
			if c.function == "COUNT" {
				result = batch.Int64
			}
			out := batch.NewVector(result)
			accumulators[1].result(cell, out)
			if got := text(out); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			rows, least := batch.NewVector(batch.Int64), batch.NewVector(batch.Int32)
			accumulators[0].result(cell, rows)
			accumulators[2].result(cell, least)
			if text(rows) != fmt.Sprint(n) || !least.Null(0) {
				t.Errorf("the neighbours are %s and %s", text(rows), text(least))
			}
		})
	}
}

func text(v batch.Vector) string {
	if v.Null(0) {
		return "NULL"
	}
	switch v := v.(type) {
	case *batch.Fixed[int32]:
		return fmt.Sprint(v.V[0])
	case *batch.Fixed[int64]:
		return fmt.Sprint(v.V[0])
	case *batch.Fixed[float64]:
		return fmt.Sprint(v.V[0])
	}
	return "?"
}

// lateCounter is the context of an operator that only counts late rows.
type lateCounter struct {
	context.Context
	late, skipped int
}

func (c *lateCounter) UID() string         { return "window" }
func (c *lateCounter) Subtask() (int, int) { return 0, 1 }
func (c *lateCounter) Table(state.Descriptor) (state.Table, error) {
	return nil, fmt.Errorf("no state here")
}
func (c *lateCounter) Sorted(state.Descriptor) (state.Sorted, error) {
	return nil, fmt.Errorf("no state here")
}

func (c *lateCounter) Timers(state.Descriptor) (state.Timers, error) {
	return nil, fmt.Errorf("no state here")
}

func (c *lateCounter) Items(state.Descriptor) (*state.Items, error) {
	return nil, fmt.Errorf("no state here")
}

func (c *lateCounter) ProcessingTime() int64             { return 0 }
func (c *lateCounter) SideOutput(string) operator.Output { return nil }
func (c *lateCounter) RestoredWatermark(uint64) int64    { return math.MinInt64 }
func (c *lateCounter) MaxRestoredWatermark() int64       { return math.MinInt64 }
func (c *lateCounter) Skipped(n int)                     { c.skipped += n }
func (c *lateCounter) Late(n int)                        { c.late += n }

// collect remembers what is emitted.
type collect struct {
	rows    []string
	batches int
}

func (c *collect) Emit(b *batch.Batch) error {
	c.batches++
	for i := range b.Len() {
		v := b.Data.(*batch.Columns).Cols
		c.rows = append(c.rows, fmt.Sprintf("%d in %d at %d", v[0].(*batch.Fixed[int64]).V[i], b.Window[i], b.Time[i]))
	}
	return nil
}

func TestLatenessIsDecidedByTheMarkOfEachRow(t *testing.T) {
	schema := &batch.Schema{Fields: []batch.Field{{Name: "v", Layout: batch.Int64}}}
	for _, c := range []struct {
		name       string
		w          window.Assigner
		time, mark []int64
		want       []string
		late       int
	}{
		{"a row at its window's last moment is in time", window.Tumble(10, 0), []int64{5, 5}, []int64{8, 9}, []string{"0 in 0 at 5"}, 1},
		{"without marks, no row is late", window.Tumble(10, 0), []int64{5, 15}, nil, []string{"0 in 0 at 5", "1 in 10 at 15"}, 0},
		{"windows that are over are left out, and the row is not late", window.Hop(5, 10, 0), []int64{7}, []int64{9}, []string{"0 in 5 at 7"}, 0},
		{"a row that is late for all its windows counts once", window.Hop(5, 10, 0), []int64{7, 7}, []int64{14, 3}, []string{"1 in 5 at 7", "1 in 0 at 7"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			op, err := Assign(AssignSpec{Window: c.w, Out: []int{0}, Schema: schema})()
			if err != nil {
				t.Fatal(err)
			}
			ctx, out := &lateCounter{Context: t.Context()}, &collect{}
			if err := op.Open(ctx); err != nil {
				t.Fatal(err)
			}
			cols := batch.NewColumns(schema)
			for i := range c.time {
				cols.Cols[0].(*batch.Fixed[int64]).Append(int64(i))
				cols.N++
			}
			if err := op.Process(0, &batch.Batch{Data: cols, Time: c.time, SplitWatermark: c.mark}, out); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(out.rows, c.want) || ctx.late != c.late {
				t.Errorf("%v with %d late, want %v with %d", out.rows, ctx.late, c.want, c.late)
			}
		})
	}
}

func TestHoppingWindowsMultiplyRowsInBatchesOfABoundedSize(t *testing.T) {
	schema := &batch.Schema{Fields: []batch.Field{{Name: "v", Layout: batch.Int64}}}
	op, err := Assign(AssignSpec{Window: window.Hop(1, 1000, 0), Out: []int{0}, Schema: schema})()
	if err != nil {
		t.Fatal(err)
	}
	cols := batch.NewColumns(schema)
	var times []int64
	for i := range 50 {
		cols.Cols[0].(*batch.Fixed[int64]).Append(int64(i))
		cols.N++
		times = append(times, int64(i))
	}
	largest, total := 0, 0
	err = op.Process(0, &batch.Batch{Data: cols, Time: times}, emit(func(b *batch.Batch) {
		largest, total = max(largest, b.Len()), total+b.Len()
	}))
	if err != nil || total != 50_000 || largest > 4*batch.TargetRows+1000 {
		t.Errorf("%v: %d rows, at most %d in a batch", err, total, largest)
	}
}

type emit func(*batch.Batch)

func (f emit) Emit(b *batch.Batch) error {
	f(b)
	return nil
}

var _ operator.Output = emit(nil)

// failing is an output whose receiver fails for a row of every batch.
type failing int

func (f failing) Emit(*batch.Batch) error {
	return &operator.RowError{Row: int(f), Err: errors.New("division by zero")}
}

func rowOf(t *testing.T, err error) int {
	t.Helper()
	var row *operator.RowError
	if !errors.As(err, &row) {
		t.Fatalf("%v is not of a row", err)
	}
	return row.Row
}

func TestTheErrorOfAFilteredRowIsToldAsThatOfTheInput(t *testing.T) {
	schema := &batch.Schema{Fields: []batch.Field{{Name: "keep", Layout: batch.Bool}}}
	keep := &expr.Column{Index: 0, T: types.Boolean()}
	op, err := Calc(CalcSpec{Filter: []expr.Expr{keep}, Out: []expr.Expr{keep}, Schema: schema})()
	if err != nil {
		t.Fatal(err)
	}
	cols := batch.NewColumns(schema)
	for _, v := range []bool{false, true, false, true} {
		cols.Cols[0].(*batch.Fixed[bool]).Append(v)
		cols.N++
	}
	if row := rowOf(t, op.Process(0, batch.Of(cols), failing(1))); row != 3 {
		t.Errorf("row %d, want 3", row)
	}
}

func TestRowsWithoutEventTimeAreDroppedAndCounted(t *testing.T) {
	schema := &batch.Schema{Fields: []batch.Field{{Name: "ts", Layout: batch.Int64}}}
	op, err := SourceColumns(SourceColumnsSpec{Schema: schema, SkipNull: true})()
	if err != nil {
		t.Fatal(err)
	}
	ctx := &lateCounter{Context: t.Context()}
	if err := op.Open(ctx); err != nil {
		t.Fatal(err)
	}
	cols := batch.NewColumns(schema)
	cols.Cols[0].AppendNull()
	cols.Cols[0].(*batch.Fixed[int64]).Append(5)
	cols.Cols[0].AppendNull()
	cols.N = 3
	var times []int64
	if err := op.Process(0, batch.Of(cols), emit(func(b *batch.Batch) { times = append(times, b.Time...) })); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(times, []int64{5}) || ctx.skipped != 2 {
		t.Errorf("times %v, %d skipped; want [5] and 2", times, ctx.skipped)
	}
	if row := rowOf(t, op.Process(0, batch.Of(cols), failing(0))); row != 1 {
		t.Errorf("row %d, want 1", row)
	}
}
