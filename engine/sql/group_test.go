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

const groupTables = `CREATE TABLE t (k STRING, v INT, d DOUBLE, s STRING) WITH ('connector' = 'test');
CREATE TABLE o (k STRING, n BIGINT) WITH ('connector' = 'test');
CREATE TABLE w (k STRING, n BIGINT, a INT, b INT, c DOUBLE, d BIGINT, e STRING, f STRING) WITH ('connector' = 'test');
`

// changes runs a query over rows of t, in batches of a size, and returns what it gives to the sink.
func changes(t *testing.T, query, sink string, size int, rows ...string) []string {
	t.Helper()
	h := newHarness(t, compile(t, groupTables+query)).open(nil)
	var all [][]string
	for _, r := range rows {
		all = append(all, strings.Split(r, "|"))
	}
	if err := h.feed("t", size, all...); err != nil {
		t.Fatal(err)
	}
	h.finish()
	return h.rows(sink)
}

func TestAGroupGivesItsChangesOnceForABatch(t *testing.T) {
	const count = "INSERT INTO o SELECT k, COUNT(*) FROM t GROUP BY k"
	rows := []string{"a|1|1|x", "b|1|1|x", "a|2|1|x", "NULL|1|1|x", "a|3|1|x"}
	expect(t, changes(t, count, "o", 1, rows...),
		"a|1", "b|1", "-U a|1", "+U a|2", "NULL|1", "-U a|2", "+U a|3")
	expect(t, changes(t, count, "o", 2, rows...), "a|1", "b|1", "-U a|1", "+U a|2", "+I NULL|1", "-U a|2", "+U a|3")
	expect(t, changes(t, count, "o", 100, rows...), "a|3", "b|1", "NULL|1")
}

func TestGroupsOfEachAggregate(t *testing.T) {
	const query = "INSERT INTO w SELECT k, COUNT(v), SUM(v), AVG(v), SUM(d), COUNT(DISTINCT s), MIN(s), MAX(s) FROM t GROUP BY k"
	rows := []string{"a|1|0.5|x", "a|NULL|NULL|NULL", "b|NULL|NULL|NULL", "a|4|0.25|b", "a|4|0.25|x"}
	expect(t, left(t, changes(t, query, "w", 100, rows...)), "a|3|9|3|1|2|b|x", "b|0|NULL|NULL|NULL|0|NULL|NULL")
	const filtered = "INSERT INTO w SELECT k, COUNT(*) FILTER (WHERE v > 1), SUM(v) FILTER (WHERE s = 'x'), MIN(v), AVG(d), COUNT(DISTINCT v) FILTER (WHERE s <> 'b'), 'e', k FROM t GROUP BY k"
	expect(t, left(t, changes(t, filtered, "w", 100, rows...)), "a|2|5|1|0.3333333333333333|2|e|a", "b|0|NULL|NULL|NULL|0|e|b")
}

// left applies changes one after the other, and returns the rows that are left. A change of a row that is not there fails the test, and
// so does an update whose halves do not stand together.
func left(t *testing.T, changes []string) []string {
	t.Helper()
	rows := map[string]int{}
	for i, c := range changes {
		kind, row := "+I", c
		if len(c) > 3 && (c[0] == '+' || c[0] == '-') && c[2] == ' ' {
			kind, row = c[:2], c[3:]
		}
		if kind == "-U" && (i+1 == len(changes) || !strings.HasPrefix(changes[i+1], "+U ")) || kind == "+U" && (i == 0 || !strings.HasPrefix(changes[i-1], "-U ")) {
			t.Fatalf("half an update, change %d: %s", i, c)
		}
		if kind[0] == '+' {
			rows[row]++
			continue
		}
		if rows[row]--; rows[row] < 0 {
			t.Fatalf("change %d takes away what is not there: %s", i, c)
		}
	}
	var out []string
	for row, n := range rows {
		for range n {
			out = append(out, row)
		}
	}
	slices.Sort(out)
	return out
}

func TestHavingTurnsHalvesOfUpdatesIntoInsertsAndDeletes(t *testing.T) {
	// The sum of a goes up over 3, stays there, and falls again; of b it never gets there.
	const query = "INSERT INTO o SELECT k, SUM(v) FROM t GROUP BY k HAVING SUM(v) > 3"
	got := changes(t, query, "o", 1, "a|2|1|x", "b|1|1|x", "a|2|1|x", "a|1|1|x", "a|-3|1|x", "b|0|1|x", "a|9|1|x")
	expect(t, got, "+I a|4", "-U a|4", "+U a|5", "-D a|5", "+I a|11")
}

func TestEqualRowsAreGivenOnce(t *testing.T) {
	rows := []string{"a|1|1|x", "b|1|1|x", "a|1|2|y", "NULL|NULL|1|x", "NULL|NULL|2|y", "a|2|1|x"}
	for _, size := range []int{1, 4, 100} {
		got := changes(t, "INSERT INTO o SELECT DISTINCT k, CAST(v AS BIGINT) FROM t", "o", size, rows...)
		expect(t, got, "a|1", "b|1", "NULL|NULL", "a|2")
		got = changes(t, "INSERT INTO o SELECT k, CAST(v AS BIGINT) FROM t UNION SELECT s, 1 FROM t", "o", size, rows...)
		expect(t, left(t, got), "NULL|NULL", "a|1", "a|2", "b|1", "x|1", "y|1")
	}
	expect(t, changes(t, "INSERT INTO o SELECT k, 1 FROM t UNION ALL SELECT k, 1 FROM t UNION SELECT k, 1 FROM t UNION ALL SELECT 'z', 2 FROM t", "o", 100, "a|1|1|x", "a|1|1|x"),
		"a|1", "z|2", "z|2")
}

// retracting are the counts of the keys of t: rows of a that were counted are taken back when there are more of them.
const retracting = "CREATE VIEW c AS SELECT k, SUM(v) AS v, MAX(s) AS s, SUM(d) AS d FROM t GROUP BY k;"

func TestAGroupOfChangesLosesItsRowsAndThenItself(t *testing.T) {
	const query = retracting + "INSERT INTO o SELECT s, COUNT(*) FROM c GROUP BY s"
	expect(t, changes(t, query, "o", 1, "a|1|1|p", "b|1|1|p", "a|1|1|q", "b|1|1|q", "b|5|1|a"),
		"p|1", "-U p|1", "+U p|2", "-U p|2", "+U p|1", "+I q|1", "-D p|1", "-U q|1", "+U q|2")
}

func TestTheGroupOfAllRowsGoesWithItsLast(t *testing.T) {
	const query = retracting + "INSERT INTO o SELECT 'all', SUM(v) FROM c WHERE v < 3"
	expect(t, changes(t, query, "o", 1, "a|1|1|p", "a|1|1|p", "a|1|1|p", "a|-2|1|p"), "all|1", "-U all|1", "+U all|2", "-D all|2", "all|1")
}

// modelRow is a row of t, as the model of these tests has it.
type modelRow struct {
	k, s     string
	v        int
	d        float64
	nullV    bool
	nullS    bool
	nullOfK  bool
	original string
}

func randomRows(r *rand.Rand, n int) (rows []modelRow) {
	for range n {
		m := modelRow{k: string(rune('a' + r.IntN(5))), v: r.IntN(7) - 3, d: float64(r.IntN(1000)-500) * 0.1, s: []string{"", "x", "y\x00z", "y", "yy"}[r.IntN(5)],
			nullOfK: r.IntN(9) == 0, nullV: r.IntN(6) == 0, nullS: r.IntN(6) == 0}
		orNull := func(s string, null bool) string {
			if null {
				return "NULL"
			}
			return s
		}
		m.original = strings.Join([]string{orNull(m.k, m.nullOfK), orNull(strconv.Itoa(m.v), m.nullV), strconv.FormatFloat(m.d, 'g', -1, 64), orNull(m.s, m.nullS)}, "|")
		rows = append(rows, m)
	}
	return rows
}

// nested is the model of the query below: the sums and greatest strings of the keys, grouped by the sums.
func nested(rows []modelRow) (out []string) {
	type group struct {
		sum, n int
		max    string
		some   bool
	}
	inner := map[string]*group{}
	for _, m := range rows {
		k := m.k
		if m.nullOfK {
			k = "NULL"
		}
		g := inner[k]
		if g == nil {
			g = &group{}
			inner[k] = g
		}
		if !m.nullV {
			g.sum, g.n = g.sum+m.v, g.n+1
		}
		if !m.nullS && (!g.some || m.s > g.max) {
			g.max, g.some = m.s, true
		}
	}
	bySum := map[string][]*group{}
	for _, g := range inner {
		sum := "NULL"
		if g.n > 0 {
			sum = strconv.Itoa(g.sum)
		}
		bySum[sum] = append(bySum[sum], g)
	}
	for sum, groups := range bySum {
		var texts []string
		for _, g := range groups {
			if g.some {
				texts = append(texts, g.max)
			}
		}
		slices.Sort(texts)
		low, high := "NULL", "NULL"
		if len(texts) > 0 {
			low, high = texts[0], texts[len(texts)-1]
		}
		out = append(out, fmt.Sprintf("%s|%d|%d|%s|%s", sum, len(groups), len(slices.Compact(texts)), low, high))
	}
	slices.Sort(out)
	return out
}

// TestChangesOfChangesLeaveWhatTheQueryMeans compares the table that is left with the model, after every batch, whatever the batches are.
func TestChangesOfChangesLeaveWhatTheQueryMeans(t *testing.T) {
	const query = `CREATE TABLE out (v INT, n BIGINT, d BIGINT, a STRING, b STRING) WITH ('connector' = 'test');
		CREATE VIEW c AS SELECT k, SUM(v) AS v, MAX(s) AS s FROM t GROUP BY k;
		INSERT INTO out SELECT v, COUNT(*), COUNT(DISTINCT s), MIN(s), MAX(s) FROM c GROUP BY v`
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 7))
		rows := randomRows(r, 1+r.IntN(120))
		size := 1 + r.IntN(20)
		h := newHarness(t, compile(t, groupTables+query)).open(nil)
		for from := 0; from < len(rows); from += size {
			end := min(from+size, len(rows))
			var batch [][]string
			for _, m := range rows[from:end] {
				batch = append(batch, strings.Split(m.original, "|"))
			}
			if err := h.feed("t", size, batch...); err != nil {
				t.Fatal(err)
			}
			if got, want := left(t, h.rows("out")), nested(rows[:end]); !slices.Equal(got, want) {
				t.Fatalf("seed %d, batches of %d, after %d rows: got\n%s\nwant\n%s", seed, size, end, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}

// TestSumsOfDoublesAreThoseOfTheRowsThatAreLeft: nothing is left of what was taken back, in whatever order it came and went.
func TestSumsOfDoublesAreThoseOfTheRowsThatAreLeft(t *testing.T) {
	const query = `CREATE TABLE out (s STRING, d DOUBLE, a DOUBLE) WITH ('connector' = 'test');
		CREATE VIEW c AS SELECT k, MAX(s) AS s, MAX(d) AS d FROM t GROUP BY k;
		INSERT INTO out SELECT s, SUM(d), AVG(d) FROM c GROUP BY s`
	rows := []string{"a|1|0.1|p", "b|1|1e17|p", "c|1|Infinity|p", "d|1|NaN|p", "e|1|0.2|p", "c|1|1|q", "d|1|1|q", "b|1|1|q"}
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		// Of each key the rows stay in their order; the greatest s is q for those that leave p.
		order := slices.Clone(rows)
		keys := map[string]int{}
		for _, row := range order {
			keys[row[:1]] = r.IntN(100)
		}
		slices.SortStableFunc(order[:5], func(a, b string) int { return cmp.Compare(keys[a[:1]], keys[b[:1]]) })
		got := left(t, changes(t, query, "out", 1, order...))
		if !slices.Contains(got, "p|0.30000000000000004|0.15000000000000002") {
			t.Errorf("seed %d: %v", seed, got)
		}
	}
}

func TestGroupsGoOnFromTheirState(t *testing.T) {
	const query = retracting + "INSERT INTO o SELECT s, COUNT(DISTINCT v) FROM c GROUP BY s HAVING MIN(v) > 0"
	first := newHarness(t, compile(t, groupTables+query)).open(nil)
	must := func(h *harness, rows ...string) {
		t.Helper()
		for _, row := range rows {
			if err := h.feed("t", 1, strings.Split(row, "|")); err != nil {
				t.Fatal(err)
			}
		}
	}
	must(first, "a|1|1|p", "b|2|1|p", "c|2|1|p")
	second := newHarness(t, compile(t, groupTables+query)).open(first)
	must(second, "a|-3|1|p", "a|5|1|p", "b|1|1|q")
	if got := left(t, slices.Concat(first.rows("o"), second.rows("o"))); !slices.Equal(got, []string{"p|2", "q|1"}) {
		t.Errorf("got %v", got)
	}
}

func TestChangesCostNoAllocation(t *testing.T) {
	const query = `CREATE TABLE clicks (k BIGINT, v INT, page STRING, ts TIMESTAMP(3)) WITH ('connector' = 'test');
		CREATE TABLE o (k BIGINT, n BIGINT, total INT, mean INT) WITH ('connector' = 'test');
		CREATE VIEW c AS SELECT k, COUNT(*) AS n, SUM(v) AS total, AVG(v) AS mean FROM clicks GROUP BY k;
		INSERT INTO o SELECT n, COUNT(*), SUM(total), SUM(mean) FROM c GROUP BY n`
	h := benchHarness(t, query)
	n := h.source("clicks")
	batches := clickBatches(h, 8, 1000, 1)
	round := func() {
		for _, b := range batches {
			if err := h.push(n, b); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 40 {
		round()
	}
	if allocations := testing.AllocsPerRun(10, round); allocations > 8 { // tables of groups that come grow now and then
		t.Errorf("%v allocations for %d rows", allocations, 8*256)
	}
}
