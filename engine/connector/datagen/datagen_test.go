package datagen

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec/codectest"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/connectortest"
	"github.com/weirstream/weir/engine/connector/table"
	"github.com/weirstream/weir/engine/types"
)

var noon = time.Date(2001, 1, 1, 12, 0, 0, 0, time.UTC)

func spec(schema types.Schema, options map[string]string) table.Spec {
	o := table.NewOptions("t", "job.sql:1:1")
	for k, v := range options {
		o.Set(k, v, "job.sql:2:1", false)
	}
	return table.Spec{Name: "t", Schema: schema, Options: o, RowsPerSecond: DefaultRate}
}

func source(t *testing.T, schema types.Schema, options map[string]string) connector.Source {
	t.Helper()
	return made(t, spec(schema, options))
}

// made is the source of a table, all of whose options are known.
func made(t *testing.T, sp table.Spec) connector.Source {
	t.Helper()
	s, err := TableSource(sp, func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	if unknown := sp.Options.Unknown(); len(unknown) > 1 || len(unknown) == 1 && unknown[0] != "connector" {
		t.Fatalf("options %q are not known", unknown)
	}
	return s
}

// rows makes the rows from..from+n-1 directly.
func rows(t *testing.T, s connector.Source, from int64, n int) *batch.Columns {
	t.Helper()
	c := s.Payload().(*batch.Columns)
	if err := s.(*Source).fill(c, from, n, noon.UnixMilli()); err != nil {
		t.Fatal(err)
	}
	if err := codectest.Check(c); err != nil {
		t.Fatal(err)
	}
	return c
}

var everything = map[string]string{
	"number-of-rows": "5000", "seed": "7", "fields.i.min": "-3", "fields.i.max": "3", "fields.s.length": "20", "fields.d.null-rate": "0.5",
	"fields.ts.kind": "sequence", "fields.ts.start": "2001-01-01 00:00:00", "fields.ts.step": "1000", "fields.l.max": "99", "fields.l.min": "0",
}

func TestConformance(t *testing.T) {
	t.Run("columns", func(t *testing.T) {
		all := rows(t, source(t, codectest.Schema, everything), 0, 5000)
		connectortest.RunSource(t, connectortest.Source{
			New:  func(t *testing.T) connector.Source { return source(t, codectest.Schema, everything) },
			Row:  func(p batch.Payload, i int) string { return codectest.Text(p.(*batch.Columns), i) },
			Want: codectest.Rows(all),
		})
	})
	t.Run("rows of a Go type", func(t *testing.T) {
		type pair struct{ I, Square int64 }
		const n = 3000
		var want []string
		for i := range int64(n) {
			want = append(want, fmt.Sprint(pair{i, i * i}))
		}
		connectortest.RunSource(t, connectortest.Source{
			New: func(*testing.T) connector.Source {
				return Func(n, func(i int64, p *pair) { *p = pair{i, i * i} }, InOrder())
			},
			Row:  func(p batch.Payload, i int) string { return fmt.Sprint(p.(*batch.Rows[pair]).V[i]) },
			Want: want,
		})
	})
}

func TestAFunctionOfNoRowsIsBoundedAndEmpty(t *testing.T) {
	s := Func(0, func(int64, *int) {})
	e, err := s.Enumerator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.Discover(t.Context(), nil)
	if err != nil || !s.Bounded() || !d.Done || len(d.Splits) > 0 {
		t.Errorf("bounded %v, %+v, %v", s.Bounded(), d, err)
	}
}

func TestAFunctionIsCalledForPortionsOfTheSizeThatIsWanted(t *testing.T) {
	s := Func(1000, func(i int64, n *int64) { *n = i })
	e, err := s.Enumerator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.Discover(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Reader(t.Context(), connector.ReaderContext{Parallelism: 1, BatchRows: 5})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Add(d.Splits[0], nil); err != nil {
		t.Fatal(err)
	}
	into := batch.Batch{Data: s.Payload()}
	if _, err := r.Next(t.Context(), &into); err != nil {
		t.Fatal(err)
	}
	if into.Len() != 5 {
		t.Errorf("%d rows come at once, 5 are wanted", into.Len())
	}
}

func TestAColumnDependsOnSeedAndNameAlone(t *testing.T) {
	l := types.Field{Name: "l", Type: types.BigInt()}
	narrow := types.Schema{l}
	wide := types.Schema{{Name: "s", Type: types.String()}, l}
	bounded := map[string]string{"number-of-rows": "10", "seed": "7"}
	a := rows(t, source(t, narrow, bounded), 0, 10).Cols[0].(*batch.Fixed[int64]).V
	b := rows(t, source(t, wide, bounded), 0, 10).Cols[1].(*batch.Fixed[int64]).V
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("another column changed this one: %s", diff)
	}
	bounded["seed"] = "8"
	if c := rows(t, source(t, narrow, bounded), 0, 10).Cols[0].(*batch.Fixed[int64]).V; slices.Equal(a, c) {
		t.Error("another seed makes the same values")
	}
}

func TestRandomValuesKeepTheirBounds(t *testing.T) {
	s := source(t, codectest.Schema, map[string]string{
		"number-of-rows": "20000", "fields.i.min": "-3", "fields.i.max": "3", "fields.s.length": "17",
		"fields.d.min": "-1.5", "fields.d.max": "2.5", "fields.ts.max-past": "10 s", "fields.b.null-rate": "0.25",
	})
	const n = 20000
	c := rows(t, s, 0, n)
	seen := map[int32]int{}
	nulls := 0
	for row := range n {
		seen[c.Cols[2].(*batch.Fixed[int32]).V[row]]++
		if d := c.Cols[4].(*batch.Fixed[float64]).V[row]; d < -1.5 || d > 2.5 {
			t.Fatalf("%v is out of bounds", d)
		}
		if ts := c.Cols[6].(*batch.Fixed[int64]).V[row]; ts > noon.UnixMilli() || ts < noon.UnixMilli()-10000 {
			t.Fatalf("%d is not in the last ten seconds", ts)
		}
		if text := c.Cols[0].(*batch.Strings).At(row); len(text) != 17 || strings.Trim(string(text), "0123456789abcdef") != "" {
			t.Fatalf("%q", text)
		}
		if c.Cols[1].Null(row) {
			nulls++
		}
	}
	for v, count := range seen {
		if v < -3 || v > 3 || count < n/7/2 {
			t.Errorf("%d occurs %d times", v, count)
		}
	}
	if len(seen) != 7 || nulls < n/5 || nulls > n*3/10 {
		t.Errorf("%d different values, %d NULLs", len(seen), nulls)
	}
	if day := c.Cols[5].(*batch.Fixed[int32]).V[0]; int64(day) != noon.Unix()/86400 {
		t.Errorf("the date is day %d", day)
	}
}

func TestSequencesCount(t *testing.T) {
	s := source(t, codectest.Schema, map[string]string{
		"fields.i.kind": "sequence", "fields.i.start": "10", "fields.i.end": "4", "fields.i.step": "-3",
		"fields.s.kind": "sequence", "fields.s.start": "8",
		"fields.l.kind": "sequence", "fields.l.start": "-1", "fields.l.end": "100",
		"fields.day.kind": "sequence", "fields.day.start": "1970-01-31",
		"fields.ts.kind": "sequence", "fields.ts.start": "1970-01-01 00:00:01", "fields.ts.step": "500",
		"fields.b.null-rate": "1", "fields.d.null-rate": "1",
	})
	if !s.Bounded() || s.(*Source).rows != 3 {
		t.Errorf("bounded %v, %d rows; the shortest sequence has 3", s.Bounded(), s.(*Source).rows)
	}
	want := []string{
		`["8", NULL, 10, -1, NULL, 30, 1000]`,
		`["9", NULL, 7, 0, NULL, 31, 1500]`,
		`["10", NULL, 4, 1, NULL, 32, 2000]`,
	}
	if diff := cmp.Diff(want, codectest.Rows(rows(t, s, 0, 3))); diff != "" {
		t.Error(diff)
	}
}

func TestTheNumberOfValuesOfASequence(t *testing.T) {
	for _, c := range []struct {
		name string
		col  Column
		typ  types.Type
		want int64
	}{
		{"up", Column{Start: 1, End: 10, Step: 3, HasEnd: true}, types.BigInt(), 4},
		{"down", Column{Start: 10, End: 1, Step: -3, HasEnd: true}, types.BigInt(), 4},
		{"one", Column{Start: 5, End: 5, Step: 1, HasEnd: true}, types.BigInt(), 1},
		{"every number", Column{Start: math.MinInt64, End: math.MaxInt64, Step: 1, HasEnd: true}, types.BigInt(), endless},
		{"all that an INT can hold", Column{Start: math.MaxInt32 - 1, Step: 1}, types.Int(), 2},
		{"all that an INT can hold, downwards", Column{Start: math.MinInt32 + 1, Step: -1}, types.Int(), 2},
		{"no end", Column{Start: 1, Step: 1}, types.BigInt(), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.col.Sequence = true
			if got := c.col.values(c.typ); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
}

func TestAnUnboundedSourceGoesOnWhereItWas(t *testing.T) {
	schema := types.Schema{{Name: "n", Type: types.BigInt()}}
	sp := spec(schema, map[string]string{"fields.n.kind": "sequence", "fields.n.start": "0"})
	sp.RowsPerSecond = 50
	s := made(t, sp)
	if s.Bounded() || s.Order() != connector.OrderPath {
		t.Errorf("bounded %v, order %v", s.Bounded(), s.Order())
	}
	var seen []byte
	next := int64(0)
	for range 3 {
		e, err := s.Enumerator(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		d, err := e.Discover(t.Context(), seen)
		if err != nil || d.Done || d.Next != time.Second || len(d.Splits) == 0 {
			t.Fatalf("%+v, %v", d, err)
		}
		for _, split := range d.Splits {
			r, err := decodeRange(split)
			if err != nil || r.from != next || r.to != next+50 {
				t.Fatalf("%+v, %v; want rows %d-%d", r, err, next, next+50)
			}
			next = r.to
		}
		seen = d.Seen
	}
}

func TestSplitsAreFewAndDoNotDependOnAnythingElse(t *testing.T) {
	for n, want := range map[int64]int{1: 1, 1024: 1, 1025: 2, 100_000: 64, 1 << 30: 1024, 1 << 60: 4096} {
		e := enumerator{&ranges{}}
		*e.ranges = newRanges(n, 0, connector.OrderNone, nil)
		d, err := e.Discover(t.Context(), nil)
		if err != nil || len(d.Splits) > want || len(d.Splits) < want*3/4 {
			t.Errorf("%d rows: %d splits, want about %d; %v", n, len(d.Splits), want, err)
		}
	}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		set  map[string]string
		want string
	}{
		{"no rows", map[string]string{"number-of-rows": "0"}, "number-of-rows"},
		{"an unknown kind", map[string]string{"fields.i.kind": "gauss"}, "fields.i.kind"},
		{"a sequence of truth values", map[string]string{"fields.b.kind": "sequence", "fields.b.start": "1"}, "fields.b.kind"},
		{"a sequence without a start", map[string]string{"fields.l.kind": "sequence"}, "fields.l.start"},
		{"a sequence that never moves", map[string]string{"fields.l.kind": "sequence", "fields.l.start": "1", "fields.l.step": "0"}, "fields.l.step"},
		{"a sequence that ends before it starts", map[string]string{"fields.l.kind": "sequence", "fields.l.start": "1", "fields.l.end": "0"}, "fields.l.end"},
		{"no date", map[string]string{"fields.day.kind": "sequence", "fields.day.start": "2001-02-29"}, "fields.day.start"},
		{"no timestamp", map[string]string{"fields.ts.kind": "sequence", "fields.ts.start": "today"}, "fields.ts.start"},
		{"an INT too large", map[string]string{"fields.i.kind": "sequence", "fields.i.start": "4294967296"}, "fields.i.start"},
		{"a maximum too large", map[string]string{"fields.i.max": "4294967296"}, "fields.i.max"},
		{"a minimum above the maximum", map[string]string{"fields.i.max": "1", "fields.i.min": "2"}, "fields.i.max"},
		{"a double minimum above the maximum", map[string]string{"fields.d.max": "1", "fields.d.min": "2"}, "fields.d.max"},
		{"a negative length", map[string]string{"fields.s.length": "-1"}, "fields.s.length"},
		{"a rate of NULLs above 1", map[string]string{"fields.s.null-rate": "2"}, "fields.s.null-rate"},
		{"an unknown order", map[string]string{"source.split-order": "random"}, "source.split-order"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := TableSource(spec(codectest.Schema, c.set), func() time.Time { return noon })
			if err == nil || !strings.Contains(err.Error(), "'"+c.want+"'") {
				t.Errorf("%v, want an error of %s", err, c.want)
			}
		})
	}
}

func BenchmarkFill(b *testing.B) {
	for _, c := range []struct {
		name string
		typ  types.Type
		col  Column
	}{
		{"sequence BIGINT", types.BigInt(), Column{Sequence: true, Step: 1}},
		{"random BIGINT", types.BigInt(), Column{Max: 1000}},
		{"random DOUBLE", types.Double(), Column{MaxDouble: 1}},
		{"random STRING of 10", types.String(), Column{Length: 10}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, err := New(Config{Schema: types.Schema{{Name: "f", Type: c.typ}}, Columns: []Column{c.col}})
			if err != nil {
				b.Fatal(err)
			}
			into := s.Payload()
			b.ReportAllocs()
			n := int64(0)
			for b.Loop() {
				into.Reset()
				if err := s.fill(into, n, batch.TargetRows, 0); err != nil {
					b.Fatal(err)
				}
				n += batch.TargetRows
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/field")
		})
	}
}
