package exec

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/internal/backend/heap"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/state"
)

// rowContext is that of an operator that keeps rows: its state, and what it has skipped.
type rowContext struct {
	aggregateContext
	of      backend.Backend
	skipped int
}

func newRowContext(t *testing.T, states ...state.Descriptor) *rowContext {
	t.Helper()
	b, err := heap.New(backend.Scope{UID: "rows", EndGroup: 4, MaxParallelism: 4, States: states})
	if err != nil {
		t.Fatal(err)
	}
	return &rowContext{aggregateContext: aggregateContext{Context: context.Background()}, of: b}
}

func (c *rowContext) Table(d state.Descriptor) (state.Table, error)   { return c.of.Table(d.Name) }
func (c *rowContext) Sorted(d state.Descriptor) (state.Sorted, error) { return c.of.Sorted(d.Name) }
func (c *rowContext) Skipped(n int)                                   { c.skipped += n }

// changelog notes the rows of two columns, or more, that an operator gives, with their kinds.
type changelog struct{ rows []string }

func (o *changelog) Emit(b *batch.Batch) error {
	for i := range b.Len() {
		kind := batch.Insert
		if len(b.Kind) > 0 {
			kind = b.Kind[i]
		}
		row := []string{}
		for _, v := range columnsOf(b).Cols {
			switch {
			case v.Null(i):
				row = append(row, "NULL")
			default:
				row = append(row, fmt.Sprint(v.(*batch.Fixed[int64]).V[i]))
			}
		}
		o.rows = append(o.rows, [...]string{"+I", "-U", "+U", "-D"}[kind]+" "+strings.Join(row, "|"))
	}
	return nil
}

// pairSchema has a key and a value.
var pairSchema = &batch.Schema{Fields: []batch.Field{{Name: "k", Layout: batch.Int64}, {Name: "v", Layout: batch.Int64}}}

// feedPairs gives an operator one row, keyed by its first column; key -1 is NULL.
func feedPair(t *testing.T, op operator.Operator, nulls NullKeys, input int, kind batch.RowKind, k, v int64, out operator.Output) {
	t.Helper()
	c := batch.NewColumns(pairSchema)
	if k < 0 {
		c.Cols[0].AppendNull()
	} else {
		c.Cols[0].(*batch.Fixed[int64]).Append(k)
	}
	c.Cols[1].(*batch.Fixed[int64]).Append(v)
	c.N = 1
	b := batch.Of(c)
	b.Kind = []batch.RowKind{kind}
	keyed := &keyBy{spec: KeyBySpec{Keys: []int{0}, Out: []int{0, 1}, Schema: pairSchema, Nulls: nulls}, view: newView(pairSchema)}
	if err := keyed.Process(0, b, processed{op, input, out}); err != nil {
		t.Fatal(err)
	}
}

// processed hands what is emitted to an operator.
type processed struct {
	op    operator.Operator
	input int
	out   operator.Output
}

func (p processed) Emit(b *batch.Batch) error { return p.op.Process(p.input, b, p.out) }

func opened(t *testing.T, f operator.Factory, states ...state.Descriptor) (operator.Operator, *rowContext) {
	t.Helper()
	op, err := f()
	if err != nil {
		t.Fatal(err)
	}
	ctx := newRowContext(t, states...)
	if err := op.Open(ctx); err != nil {
		t.Fatal(err)
	}
	return op, ctx
}

func TestAnUnmatchedRowComesBackWithItsLastMatch(t *testing.T) {
	spec := JoinSpec{Sides: [2]JoinSide{{Outer: true, Schema: pairSchema}, {Outer: true, Schema: pairSchema}},
		Schema: &batch.Schema{Fields: slices.Concat(pairSchema.Fields, pairSchema.Fields)}}
	op, ctx := opened(t, Join(spec), spec.States()...)
	out := &changelog{}
	for _, c := range []struct {
		input int
		kind  batch.RowKind
		k, v  int64
	}{
		{0, batch.Insert, 1, 10}, {0, batch.Insert, 1, 10}, {1, batch.Insert, 1, 20}, {1, batch.Insert, 1, 21}, {0, batch.Delete, 1, 10}, {1, batch.Delete, 1, 20},
		{1, batch.Delete, 1, 21}, {1, batch.Delete, 1, 21}, {0, batch.Insert, -1, 5}, {0, batch.Delete, -1, 5}, {0, batch.UpdateBefore, 1, 10},
	} {
		feedPair(t, op, SpreadNulls, c.input, c.kind, c.k, c.v, out)
	}
	want := []string{
		"+I 1|10|NULL|NULL", "+I 1|10|NULL|NULL",
		"-D 1|10|NULL|NULL", "-D 1|10|NULL|NULL", "+I 1|10|1|20", "+I 1|10|1|20",
		"+I 1|10|1|21", "+I 1|10|1|21",
		"-D 1|10|1|20", "-D 1|10|1|21",
		"-D 1|10|1|20",
		"-D 1|10|1|21", "+I 1|10|NULL|NULL",
		"+I NULL|5|NULL|NULL", "-D NULL|5|NULL|NULL",
		"-D 1|10|NULL|NULL",
	}
	if !slices.Equal(out.rows, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(out.rows, "\n"), strings.Join(want, "\n"))
	}
	if ctx.skipped != 1 {
		t.Errorf("%d rows are skipped that were not there, want 1", ctx.skipped)
	}
	for side := range 2 {
		if s, err := ctx.Sorted(spec.States()[side]); err != nil || s.Len() > 0 {
			t.Errorf("side %d has %d rows left (%v)", side, s.Len(), err)
		}
	}
}

func TestTheNextRowTakesThePlaceOfOneThatGoes(t *testing.T) {
	spec := TopNSpec{
		Columns: 2, Order: []TopNColumn{{Column: 1, Descending: true}}, Limit: 2, Retracts: true, Input: pairSchema,
		Schema: &batch.Schema{Fields: append(slices.Clone(pairSchema.Fields), batch.Field{Name: "n", Layout: batch.Int64})},
	}
	for _, c := range []struct {
		retracts bool
		want     string // when 9 goes
		kept     int
	}{{true, "-D 1|9|1, +I 1|3|2", 2}, {false, "-D 1|9|1", 1}} {
		spec.Retracts = c.retracts
		op, ctx := opened(t, TopN(spec), spec.Descriptor())
		out := &changelog{}
		for _, v := range []int64{3, 5, 9} {
			feedPair(t, op, KeepNulls, 0, batch.Insert, 1, v, out)
		}
		out.rows = nil
		feedPair(t, op, KeepNulls, 0, batch.Delete, 1, 9, out)
		if got := strings.Join(out.rows, ", "); got != c.want {
			t.Errorf("with all rows kept %v: %s, want %s", c.retracts, got, c.want)
		}
		if s, err := ctx.Sorted(spec.Descriptor()); err != nil || s.Len() != c.kept {
			t.Errorf("with all rows kept %v: %d rows are left (%v), want %d", c.retracts, s.Len(), err, c.kept)
		}
	}
}

func TestWhatIsNotInAGroupIsNotTakenOutOfIt(t *testing.T) {
	spec := GroupSpec{Keys: 1, Retracts: true, Calls: []GroupCall{
		{AggregateCall: AggregateCall{Function: "COUNT", Column: -1}, Name: "COUNT(*)"},
		{AggregateCall: AggregateCall{Function: "MAX", Column: 1, Layout: batch.Int64}, Name: "MAX(v BIGINT)", Argument: "v BIGINT"},
	}, Schema: &batch.Schema{Fields: append(slices.Clone(pairSchema.Fields), batch.Field{Name: "m", Layout: batch.Int64})}}
	op, ctx := opened(t, Group(spec), spec.States()...)
	out := &changelog{}
	for _, c := range []struct {
		kind batch.RowKind
		v    int64
	}{{batch.Delete, 7}, {batch.Insert, 7}, {batch.Insert, 9}, {batch.Delete, 9}, {batch.Delete, 7}, {batch.Delete, 7}, {batch.Insert, 8}} {
		feedPair(t, op, KeepNulls, 0, c.kind, 1, c.v, out)
	}
	want := []string{"+I 1|1|7", "-U 1|1|7", "+U 1|2|9", "-U 1|2|9", "+U 1|1|7", "-D 1|1|7", "+I 1|1|8"}
	if !slices.Equal(out.rows, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(out.rows, "\n"), strings.Join(want, "\n"))
	}
	if ctx.skipped != 2 {
		t.Errorf("%d rows are skipped, want 2", ctx.skipped)
	}
}

func TestRowsWithNullInTheirKeyGoWhereTheSideSays(t *testing.T) {
	in := batch.NewColumns(pairSchema)
	for i := range 200 {
		if i%2 == 0 {
			in.Cols[0].AppendNull()
		} else {
			in.Cols[0].(*batch.Fixed[int64]).Append(int64(i))
		}
		in.Cols[1].(*batch.Fixed[int64]).Append(int64(i))
		in.N++
	}
	for _, c := range []struct {
		nulls  NullKeys
		rows   int
		marked int
	}{{KeepNulls, 200, 0}, {DropNulls, 100, 0}, {SpreadNulls, 200, 100}} {
		keyed := &keyBy{spec: KeyBySpec{Keys: []int{0}, Out: []int{0, 1}, Schema: pairSchema, Nulls: c.nulls}, view: newView(pairSchema)}
		rows, marked := 0, 0
		groups := map[int]bool{} // of rows with NULL in their key
		err := keyed.Process(0, batch.Of(in), emitted(func(b *batch.Batch) {
			for i := range b.Len() {
				rows++
				cols := columnsOf(b).Cols
				if v := cols[1].(*batch.Fixed[int64]).V[i]; !cols[0].Null(i) && cols[0].(*batch.Fixed[int64]).V[i] != v {
					t.Errorf("the columns of row %d are of two rows", i)
				}
				if isNullKey(b.Keys.At(i)) {
					marked++
					groups[state.KeyGroup(b.Hash[i], 64)] = true
				}
			}
		}))
		if err != nil || rows != c.rows || marked != c.marked {
			t.Errorf("%d: %d rows, %d of them marked (%v), want %d and %d", c.nulls, rows, marked, err, c.rows, c.marked)
		}
		if c.nulls == SpreadNulls && len(groups) < 32 {
			t.Errorf("rows with NULL in their key are in %d of 64 key groups", len(groups))
		}
	}
}

// emitted is a function that takes batches.
type emitted func(b *batch.Batch)

func (f emitted) Emit(b *batch.Batch) error {
	f(b)
	return nil
}

func TestGroupsAreReadForPeople(t *testing.T) {
	spec := GroupSpec{Keys: 1, KeyNames: []string{"k BIGINT"}, Calls: []GroupCall{
		{AggregateCall: AggregateCall{Function: "SUM", Column: 1, Layout: batch.Int64}, Name: "SUM(v BIGINT)", Argument: "v BIGINT"},
		{AggregateCall: AggregateCall{Function: "COUNT", Column: -1}, Name: "COUNT(*)"},
	}, Schema: &batch.Schema{Fields: append(slices.Clone(pairSchema.Fields), batch.Field{Name: "n", Layout: batch.Int64})}}
	d := spec.States()[0]
	op, ctx := opened(t, Group(spec), d)
	for _, v := range []int64{3, 4} {
		feedPair(t, op, KeepNulls, 0, batch.Insert, 1, v, &changelog{})
	}
	r, err := NewGroupReader(d)
	if err != nil || r.Windowed || r.CellBytes() != d.CellBytes {
		t.Fatalf("the reader %+v of cells of %d bytes: %v", r, d.CellBytes, err)
	}
	table, err := ctx.Table(d)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	table.Range(0, func(_ uint64, key, cell []byte) bool {
		k, err := r.Key(key)
		if err != nil {
			t.Fatal(err)
		}
		row := r.Result(cell)
		for i, f := range slices.Concat(r.Keys, r.Results) {
			v := slices.Concat(k.Cols, row.Cols)[i].(*batch.Fixed[int64])
			got = append(got, fmt.Sprintf("%s %d", f.Name, v.V[0]))
		}
		return true
	})
	if want := []string{"k 1", "COUNT(*) 2", "SUM(v BIGINT) 7"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	rows := state.Descriptor{Name: "left", Kind: state.SortedMap, Key: []string{"k BIGINT"}, Value: []string{"COUNT(*) BIGINT"}}
	if _, err := NewGroupReader(rows); err == nil {
		t.Error("the rows of a join are read as groups")
	}
}
