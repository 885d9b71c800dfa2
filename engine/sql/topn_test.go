package sql

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const topTables = joinTables + "CREATE TABLE n (k STRING, v INT, s STRING, rn BIGINT) WITH ('connector' = 'test');\n"

func top(t *testing.T, query, sink string, size int, rows ...string) []string {
	t.Helper()
	h := newHarness(t, compile(t, topTables+query)).open(nil)
	feedBoth(t, h, size, rows...)
	h.finish()
	return h.rows(sink)
}

func TestTheFirstRowsOfEachKey(t *testing.T) {
	const ranked = "(SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS rn FROM t)"
	rows := []string{"t a|1|0|p", "t a|5|0|q", "t b|2|0|p", "t a|3|0|r", "t a|2|0|s", "t a|9|0|p"}
	for _, c := range []struct {
		name, query, sink string
		want              []string
	}{
		{"without their numbers", "INSERT INTO p SELECT k, v, s FROM " + ranked + " WHERE rn <= 2", "p",
			[]string{"a|1|p", "a|5|q", "b|2|p", "-D a|1|p", "+I a|3|r", "-D a|3|r", "+I a|9|p"}},
		{"with their numbers", "INSERT INTO n SELECT k, v, s, rn FROM " + ranked + " WHERE rn < 3", "n",
			[]string{"a|1|p|1", "-U a|1|p|1", "+U a|5|q|1", "+I a|1|p|2", "b|2|p|1", "-U a|1|p|2", "+U a|3|r|2", "-U a|5|q|1", "+U a|9|p|1", "-U a|3|r|2", "+U a|5|q|2"}},
		{"the first alone", "INSERT INTO p SELECT k, v, s FROM " + ranked + " WHERE 1 = rn AND k <> 'b'", "p",
			[]string{"a|1|p", "-U a|1|p", "+U a|5|q", "-U a|5|q", "+U a|9|p"}},
		{"the second alone", "INSERT INTO p SELECT k, v, s FROM " + ranked + " WHERE rn = 2", "p",
			[]string{"+I a|1|p", "-U a|1|p", "+U a|3|r", "-U a|3|r", "+U a|5|q"}},
		{"of a view, whose number another query does not ask for", "CREATE VIEW best AS SELECT s, k, ROW_NUMBER() OVER (ORDER BY v) rn, v FROM t; INSERT INTO p SELECT k, v, s FROM best AS b WHERE b.rn <= 1", "p",
			[]string{"a|1|p"}},
		{"counted", "INSERT INTO p SELECT k, CAST(COUNT(*) AS INT), MAX(s) FROM " + ranked + " WHERE rn <= 2 GROUP BY k", "p",
			[]string{"a|1|p", "-U a|1|p", "+U a|2|q", "b|1|p", "-U a|2|q", "+U a|2|r", "-U a|2|r", "+U a|2|q"}},
	} {
		if got := top(t, c.query, c.sink, 1, rows...); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

func TestNumbersOfRowsAreRefusedWithTheirPlace(t *testing.T) {
	for _, c := range []struct{ query, want string }{
		{"SELECT k, v, s FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY v) AS rn FROM t)", "job.sql:8:46: not supported yet: ROW_NUMBER() without a bound (all numbers would change with every row); select it AS rn in a subquery, and say WHERE rn <= 10 right around it"},
		{"SELECT k, v, s FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY v) AS rn FROM t) WHERE rn > 3", "job.sql:8:46: not supported yet: ROW_NUMBER() without a bound (all numbers would change with every row); select it AS rn in a subquery, and say WHERE rn <= 10 right around it"},
		{"SELECT k, v, s FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k) AS rn FROM t) WHERE rn <= 3", "job.sql:8:59: ROW_NUMBER() numbers rows in an order, and OVER has none; add ORDER BY"},
		{"SELECT k, v, s FROM (SELECT *, RANK() OVER (ORDER BY v) AS rn FROM t) WHERE rn <= 3", "job.sql:8:46: not supported yet: RANK; use ROW_NUMBER(), which numbers equal rows one after the other"},
		{"SELECT k, v, s FROM (SELECT *, SUM(v) OVER (ORDER BY v) AS rn FROM t) WHERE rn <= 3", "job.sql:8:46: not supported yet: SUM over other rows of the query; of what stands before OVER there is ROW_NUMBER()"},
		{"SELECT k, v, s FROM (SELECT *, 1 + ROW_NUMBER() OVER (ORDER BY v) AS rn FROM t) WHERE rn <= 3", "job.sql:8:50: ROW_NUMBER() can only be a column of the select list by itself; select it AS rn in a subquery, and say WHERE rn <= 10 around it"},
		{"SELECT k, ROW_NUMBER(), s FROM t", "job.sql:8:25: ROW_NUMBER() says where a row stands in an order; write ROW_NUMBER() OVER (PARTITION BY ... ORDER BY ...)"},
		{"SELECT k, v, s FROM t WHERE ROW_NUMBER() OVER (ORDER BY v) = 1", "job.sql:8:43: ROW_NUMBER() can only be a column of the select list by itself; select it AS rn in a subquery, and say WHERE rn <= 10 around it"},
		{"SELECT k, v, s FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY v ROWS UNBOUNDED PRECEDING) AS rn FROM t) WHERE rn <= 3", "job.sql:8:76: not supported yet: ROWS of OVER; of what stands before OVER there is ROW_NUMBER(), which counts all rows"},
	} {
		_, err := Compile(topTables+"INSERT INTO p "+c.query, "job.sql", &testConnectors{})
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\ngot  %v\nwant %s", c.query, err, c.want)
		}
	}
}

// topRow is a row of the model; a negative n of a NULL.
type topRow struct {
	k, s string
	n    int
	null bool
}

func (r topRow) text() string {
	if r.null {
		return r.k + "|NULL|" + r.s
	}
	return r.k + "|" + strconv.Itoa(r.n) + "|" + r.s
}

// modelTop sorts by v, NULL being the least unless last says otherwise, and then by s; of rows that are equal in both it does not
// matter which comes first, since k is the same.
func modelTop(rows []topRow, limit int, descending, last, numbered bool) (out []string) {
	of := map[string][]topRow{}
	for _, r := range rows {
		of[r.k] = append(of[r.k], r)
	}
	for _, all := range of {
		slices.SortFunc(all, func(a, b topRow) int {
			c := 0
			switch {
			case a.null || b.null:
				c = map[bool]int{true: -1, false: 0}[a.null] + map[bool]int{true: 1, false: 0}[b.null]
				if last {
					c = -c
				}
				if a.null == b.null {
					c = 0
				}
			case descending:
				c = cmp.Compare(b.n, a.n)
			default:
				c = cmp.Compare(a.n, b.n)
			}
			if c == 0 { // by the text, shorter ones first: the order of encodings
				c = cmp.Or(cmp.Compare(map[bool]int{true: 1}[a.s == "NULL"], map[bool]int{true: 1}[b.s == "NULL"]), cmp.Compare(len(a.s), len(b.s)), cmp.Compare(a.s, b.s))
			}
			return c
		})
		for i, r := range all[:min(limit, len(all))] {
			text := r.text()
			if numbered {
				text += "|" + strconv.Itoa(i+1)
			}
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return out
}

// TestTheFirstRowsAreThoseOfTheModel compares what is left with the model after every few rows: with ties, duplicates and NULL, over rows
// that come only and rows that change, in batches of any size, and goes on from the state of another run in between.
func TestTheFirstRowsAreThoseOfTheModel(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 13))
		limit, descending, last, numbered, grouped := 1+r.IntN(4), r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0
		from := "(SELECT k, v, s FROM t)"
		if grouped { // a key of t is a row, which moves when it gets others
			from = "(SELECT k2 AS k, v, s FROM (SELECT k, SUM(v) AS v, MAX(s) AS s, MAX(CASE WHEN v = 2 THEN 'x' ELSE 'w' END) AS k2 FROM t GROUP BY k))"
		}
		order := "v"
		if descending {
			order += " DESC"
		}
		order += map[bool]string{true: " NULLS LAST", false: " NULLS FIRST"}[last]
		ranked := fmt.Sprintf("(SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY %s) AS rn FROM %s) WHERE rn <= %d", order, from, limit)
		query, sink := "INSERT INTO p SELECT k, v, s FROM "+ranked, "p"
		if numbered {
			query, sink = "INSERT INTO n SELECT k, v, s, rn FROM "+ranked, "n"
		}
		size := 1 + r.IntN(8)
		h := newHarness(t, compile(t, topTables+query)).open(nil)
		var all []topRow
		var given []string
		for step := range 12 {
			var rows []string
			for range r.IntN(9) {
				one := topRow{k: []string{"a", "b", "c", "d", "NULL"}[r.IntN(5)], s: []string{"", "p", "q", "pp", "NULL"}[r.IntN(5)], n: r.IntN(4) - 1, null: r.IntN(6) == 0}
				n := strconv.Itoa(one.n)
				if one.null {
					n = "NULL"
				}
				rows = append(rows, "t "+one.k+"|"+n+"|0|"+one.s)
				all = append(all, one)
			}
			feedBoth(t, h, size, rows...)
			if step == 6 {
				given = h.rows(sink)
				h = newHarness(t, compile(t, topTables+query)).open(h)
			}
			model := all
			if grouped {
				model = groupsOf(all)
			}
			got, want := left(t, slices.Concat(given, h.rows(sink))), modelTop(model, limit, descending, last, numbered)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, step %d, batches of %d: %s\nrows: %v\ngot\n%s\nwant\n%s", seed, step, size, query, all, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}

// groupsOf is the model of the groups that are numbered.
func groupsOf(rows []topRow) (out []topRow) {
	keys := map[string]int{}
	sums := []struct {
		topRow
		some bool
		k2   string
	}{}
	for _, r := range rows {
		i, known := keys[r.k]
		if !known {
			i = len(sums)
			keys[r.k] = i
			sums = append(sums, struct {
				topRow
				some bool
				k2   string
			}{topRow{s: "NULL"}, false, "w"})
		}
		g := &sums[i]
		if !r.null {
			g.n, g.some = g.n+r.n, true
			if r.n == 2 {
				g.k2 = "x"
			}
		}
		if r.s != "NULL" && (g.s == "NULL" || r.s > g.s) {
			g.s = r.s
		}
	}
	for _, g := range sums {
		out = append(out, topRow{k: g.k2, s: g.s, n: g.n, null: !g.some})
	}
	return out
}

func TestRowsThatAreNotAmongTheFirstCostNoAllocation(t *testing.T) {
	const query = `CREATE TABLE clicks (k BIGINT, v INT, page STRING, ts TIMESTAMP(3)) WITH ('connector' = 'test');
		CREATE TABLE o (k BIGINT, v INT, n BIGINT) WITH ('connector' = 'test');
		INSERT INTO o SELECT k, v, n FROM (SELECT k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC, ts) AS n FROM clicks) WHERE n <= 3`
	h := benchHarness(t, query)
	n := h.source("clicks")
	batches := clickBatches(h, 8, 100, 1)
	round := func() {
		for _, b := range batches {
			if err := h.push(n, b); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 10 {
		round()
	}
	if allocations := testing.AllocsPerRun(10, round); allocations > 0 {
		t.Errorf("%v allocations for %d rows", allocations, 8*256)
	}
}
