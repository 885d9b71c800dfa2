package sql

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/graph"
)

const joinTables = `CREATE TABLE t (k STRING, v INT, d DOUBLE, s STRING) WITH ('connector' = 'test');
CREATE TABLE u (k STRING, w INT, x STRING) WITH ('connector' = 'test');
CREATE TABLE o (k STRING, v INT, s STRING, w INT, x STRING) WITH ('connector' = 'test');
CREATE TABLE p (k STRING, v INT, s STRING) WITH ('connector' = 'test');
CREATE VIEW tc AS SELECT k, SUM(v) AS v, MAX(s) AS s FROM t GROUP BY k;
CREATE VIEW uc AS SELECT k, SUM(w) AS w, MAX(x) AS x FROM u GROUP BY k;
`

// feedBoth feeds rows of t and u, given as "t ..." and "u ...", in batches of a size.
func feedBoth(t *testing.T, h *harness, size int, rows ...string) {
	t.Helper()
	for len(rows) > 0 {
		table := rows[0][:1]
		var batch [][]string
		for len(rows) > 0 && rows[0][:1] == table && len(batch) < size {
			batch = append(batch, strings.Split(rows[0][2:], "|"))
			rows = rows[1:]
		}
		if !slices.ContainsFunc(h.g.Nodes, func(n graph.Node) bool { return n.UID == "source/"+table }) {
			continue // the query does not read it
		}
		if err := h.feed(table, size, batch...); err != nil {
			t.Fatal(err)
		}
	}
}

func joined(t *testing.T, query, sink string, size int, rows ...string) []string {
	t.Helper()
	h := newHarness(t, compile(t, joinTables+query)).open(nil)
	feedBoth(t, h, size, rows...)
	h.finish()
	return h.rows(sink)
}

func TestAPairComesWithItsSecondRow(t *testing.T) {
	const query = "INSERT INTO o SELECT t.k, v, s, w, x FROM t JOIN u ON t.k = u.k"
	expect(t, joined(t, query, "o", 1, "t a|1|0|p", "u a|7|y", "u b|8|y", "t b|2|0|q", "t a|1|0|p", "u c|1|z", "t NULL|1|0|p", "u NULL|1|z"),
		"a|1|p|7|y", "b|2|q|8|y", "a|1|p|7|y")
}

func TestARowThatMatchesNothingGoesWhenItsMatchComes(t *testing.T) {
	const query = "INSERT INTO o SELECT t.k, v, s, w, x FROM t LEFT JOIN u ON t.k = u.k AND w > v"
	expect(t, joined(t, query, "o", 1, "t a|1|0|p", "u a|1|y", "u a|7|y", "u a|8|z", "t NULL|1|0|p"),
		"a|1|p|NULL|NULL", "-D a|1|p|NULL|NULL", "+I a|1|p|7|y", "a|1|p|8|z", "NULL|1|p|NULL|NULL")
}

func TestWhatJoinsGiveToOthers(t *testing.T) {
	rows := []string{"t a|1|0|p", "t b|2|0|q", "u a|7|y", "u a|8|z", "u c|9|y", "t a|3|0|p"}
	for _, c := range []struct {
		name, query string
		want        []string
	}{
		{"three tables", "SELECT a.k, b.v, b.s, u.w, u.x FROM t AS a JOIN t AS b ON a.k = b.k LEFT JOIN u ON u.k = a.k AND u.w = b.v + 6 WHERE a.v = 1", []string{"a|1|p|7|y", "a|3|p|NULL|NULL"}},
		{"commas, whose condition is in WHERE", "SELECT a.k, b.v, b.s, u.w, u.x FROM t AS a, t AS b, u WHERE a.k = b.k AND b.k = u.k AND u.w = 7 AND a.v < b.v", []string{"a|3|p|7|y"}},
		{"no condition", "SELECT t.k, v, s, w, x FROM t CROSS JOIN u WHERE v = 2 AND w > 7", []string{"b|2|q|8|z", "b|2|q|9|y"}},
		{"an expression as key", "SELECT t.k, v, s, w, x FROM t JOIN u ON v + 6 = w AND UPPER(t.k) = UPPER(u.k)", []string{"a|1|p|7|y"}},
		{"other types", "SELECT t.k, v, s, w, x FROM t JOIN u ON CAST(v + 6 AS BIGINT) = w", []string{"a|1|p|7|y", "b|2|q|8|z", "a|3|p|9|y"}},
		{"a filter behind", "SELECT t.k, v, s, w, x FROM t FULL JOIN u ON t.k = u.k WHERE t.k IS NULL OR u.k IS NULL", []string{"b|2|q|NULL|NULL", "NULL|NULL|NULL|9|y"}},
		{"a group of pairs", "SELECT t.k, MAX(v), MAX(s), MAX(w), MAX(x) FROM t RIGHT JOIN u ON t.k = u.k GROUP BY t.k", []string{"a|3|p|8|z", "NULL|NULL|NULL|9|y"}},
		{"rows that are in a group", "SELECT k, v, s, v, s FROM t WHERE k IN (SELECT MAX(k) FROM u WHERE w < 9) AND v > 1 AND EXISTS (SELECT * FROM u WHERE u.w = v + 5)", []string{"a|3|p|3|p"}},
		{"rows that are in no other table", "SELECT k, v, s, v, s FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.k = t.k AND k <> 'c')", []string{"b|2|q|2|q"}},
		{"a table with itself", "SELECT a.k, a.v, a.s, b.v, b.s FROM t AS a LEFT JOIN t AS b ON a.v + 1 = b.v", []string{"a|1|p|2|q", "b|2|q|3|p", "a|3|p|NULL|NULL"}},
	} {
		for _, size := range []int{1, 100} {
			slices.Sort(c.want)
			if got := left(t, joined(t, "INSERT INTO o "+c.query, "o", size, rows...)); !slices.Equal(got, c.want) {
				t.Errorf("%s: got %v, want %v", c.name, got, c.want)
			}
		}
	}
}

// side is what a side of the joins of the model has: rows of k and others, or the groups of them.
type sideRow struct {
	k, rest string // rest is v|s, or w|x
	n       int    // v or w
	null    bool   // n is NULL
}

func sideRows(rows []string, grouped bool) (out []sideRow) {
	for _, row := range rows {
		f := strings.Split(row[2:], "|")
		n, text := f[1], f[len(f)-1]
		r := sideRow{k: f[0], rest: n + "|" + text, null: n == "NULL"}
		r.n, _ = strconv.Atoi(n)
		if !grouped {
			out = append(out, r)
			continue
		}
		at := slices.IndexFunc(out, func(o sideRow) bool { return o.k == r.k })
		if at < 0 {
			out = append(out, r)
			continue
		}
		g := &out[at]
		if !r.null {
			g.n, g.null = g.n+r.n, false
		}
		_, best, _ := strings.Cut(g.rest, "|")
		if text != "NULL" && (best == "NULL" || text > best) {
			best = text
		}
		sum := strconv.Itoa(g.n)
		if g.null {
			sum = "NULL"
		}
		g.rest = sum + "|" + best
	}
	return out
}

func modelJoin(kind string, ls, rs []sideRow, conditioned bool) (out []string) {
	matched := make([]bool, len(rs))
	for _, l := range ls {
		any := false
		for i, r := range rs {
			if l.k == "NULL" || l.k != r.k || conditioned && (l.null || r.null || l.n > r.n) {
				continue
			}
			any, matched[i] = true, true
			if kind != "IN" && kind != "EXISTS" && kind != "NOT EXISTS" {
				out = append(out, l.k+"|"+l.rest+"|"+r.rest)
			}
		}
		switch {
		case !any && (kind == "LEFT" || kind == "FULL"):
			out = append(out, l.k+"|"+l.rest+"|NULL|NULL")
		case any && (kind == "IN" || kind == "EXISTS"), !any && kind == "NOT EXISTS":
			out = append(out, l.k+"|"+l.rest)
		}
	}
	for i, r := range rs {
		if !matched[i] && (kind == "RIGHT" || kind == "FULL") {
			out = append(out, "NULL|NULL|NULL|"+r.rest)
		}
	}
	slices.Sort(out)
	return out
}

// TestJoinsLeaveWhatTheyMean compares what is left of the changes of a join with the model, after every few rows, for each kind of join, with
// duplicates and NULL in keys, over rows that come only and rows that change, in batches of any size, and goes on from the state of
// another run in between.
func TestJoinsLeaveWhatTheyMean(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 11))
		kind := []string{"INNER", "LEFT", "RIGHT", "FULL", "IN", "EXISTS", "NOT EXISTS"}[r.IntN(7)]
		conditioned, groupedLeft, groupedRight := r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0
		from, to := "t", "u"
		if groupedLeft {
			from = "tc"
		}
		if groupedRight {
			to = "uc"
		}
		query := fmt.Sprintf("INSERT INTO o SELECT l.k, v, s, w, x FROM %s AS l %s JOIN %s AS r ON l.k = r.k", from, kind, to)
		if conditioned {
			query += " AND v <= w"
		}
		sink := "o"
		if kind == "IN" || kind == "EXISTS" || kind == "NOT EXISTS" {
			sink = "p"
			where := map[bool]string{true: " AND l.v <= w"}[conditioned]
			query = fmt.Sprintf("INSERT INTO p SELECT k, v, s FROM %s AS l WHERE %s (SELECT 1 FROM %s AS r WHERE r.k = l.k%s)", from, kind, to, where)
			if kind == "IN" {
				query = fmt.Sprintf("INSERT INTO p SELECT k, v, s FROM %s AS l WHERE k IN (SELECT k FROM %s AS r WHERE TRUE%s)", from, to, where)
			}
		}
		size := 1 + r.IntN(8)
		h := newHarness(t, compile(t, joinTables+query)).open(nil)
		var ts, us, given []string
		for step := range 12 {
			var rows []string
			for range r.IntN(9) {
				k := []string{"a", "b", "c", "NULL"}[r.IntN(4)]
				n := []string{"1", "2", "-1", "NULL"}[r.IntN(4)]
				text := []string{"p", "q", "NULL"}[r.IntN(3)]
				if r.IntN(2) == 0 {
					rows = append(rows, "t "+k+"|"+n+"|0|"+text)
					ts = append(ts, rows[len(rows)-1])
				} else {
					rows = append(rows, "u "+k+"|"+n+"|"+text)
					us = append(us, rows[len(rows)-1])
				}
			}
			feedBoth(t, h, size, rows...)
			if step == 6 {
				given = h.rows(sink)
				h = newHarness(t, compile(t, joinTables+query)).open(h)
			}
			got, want := left(t, slices.Concat(given, h.rows(sink))), modelJoin(kind, sideRows(ts, groupedLeft), sideRows(us, groupedRight), conditioned)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, step %d, batches of %d: %s\nt: %v\nu: %v\ngot\n%s\nwant\n%s", seed, step, size, query, ts, us, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}

func TestJoinsAreRefusedWithTheirPlace(t *testing.T) {
	for _, c := range []struct{ query, want string }{
		{"SELECT t.k, v, s, w, x FROM t JOIN u USING (k)", "job.sql:7:52: not supported yet: USING; write ON a.x = b.x"},
		{"SELECT k, v, s, w, x FROM t JOIN u ON t.k = u.k", "job.sql:7:22: the column k is ambiguous; rename one with AS"},
		{"SELECT t.k, v, s, w, x FROM t JOIN t ON t.k = t.k", "job.sql:7:50: two tables of this query are called t; give one of them another name with AS"},
		{"SELECT t.k, v, s, w, x FROM t JOIN u ON w", "job.sql:7:55: the condition of ON must be BOOLEAN, not INT; write CAST(... AS BOOLEAN)"},
		{"SELECT t.k, v, s, w, x FROM t JOIN u ON COUNT(*) = 1", "job.sql:7:55: the aggregate function COUNT is not allowed here; put it into the select list or HAVING of a query with GROUP BY"},
		{"SELECT t.k, v, s, w, x FROM t JOIN u ON z.k = t.k", "job.sql:7:55: there is no table z in this query"},
		{"SELECT t.k, v, s, w, x FROM t JOIN u", "job.sql:7:51: expected ON, found the end of the text"},
		{"SELECT k, v, s, v, s FROM t WHERE k NOT IN (SELECT k FROM u)", "job.sql:7:51: not supported yet: NOT IN (SELECT ...), which gives nothing as soon as there is a NULL; write NOT EXISTS (SELECT 1 FROM ... WHERE x = y)"},
		{"SELECT k, v, s, v, s FROM t WHERE v > 1 OR k IN (SELECT k FROM u)", "job.sql:7:60: not supported yet: IN (SELECT ...) as a part of another expression; say it in WHERE by itself, with AND to others"},
		{"SELECT k, v, s, v, s FROM t WHERE k IN (SELECT k, w FROM u)", "job.sql:7:55: a query behind IN has one column, not 2; select the column that is looked for alone"},
		{"SELECT k, v, s, v, s FROM t WHERE k IN (SELECT w FROM u)", "job.sql:7:51: cannot compare STRING with INT; write CAST(... AS INT)"},
		{"SELECT k, v, s, v, s FROM t WHERE EXISTS (SELECT 1 FROM u WHERE z = 1)", "job.sql:7:79: there is no column z; the columns are k, w, x"},
		{"SELECT /*+ UID('j') */ t.k, v, s, 1, 'x' FROM t, u, u AS u2", "job.sql:7:30: it names the state of a query with one join, and this has 2; remove the hint"},
	} {
		_, err := Compile(joinTables+"INSERT INTO o "+c.query, "job.sql", &testConnectors{})
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\ngot  %v\nwant %s", c.query, err, c.want)
		}
	}
}

func TestPairsCostNoAllocation(t *testing.T) {
	const query = `CREATE TABLE clicks (k BIGINT, v INT, page STRING, ts TIMESTAMP(3)) WITH ('connector' = 'test');
		CREATE TABLE users (k BIGINT, name STRING) WITH ('connector' = 'test');
		CREATE TABLE o (k BIGINT, v INT, name STRING) WITH ('connector' = 'test');
		INSERT INTO o SELECT c.k, v, name FROM clicks AS c JOIN users AS u ON c.k = u.k AND v > 0`
	h := benchHarness(t, query)
	var users [][]string
	for k := range 1000 {
		users = append(users, []string{strconv.Itoa(k), "somebody"})
	}
	if err := h.feed("users", 256, users...); err != nil {
		t.Fatal(err)
	}
	n := h.source("clicks")
	batches := clickBatches(h, 8, 1000, 1)
	for i := range batches {
		batches[i].Kind = make([]batch.RowKind, batches[i].Len())
		if i%2 == 1 { // each row goes that came, so that the state stays as large as it is
			batches[i] = batch.Of(batches[i-1].Data)
			batches[i].Kind = slices.Repeat([]batch.RowKind{batch.Delete}, batches[i].Len())
		}
	}
	round := func() {
		for _, b := range batches {
			if err := h.push(n, b); err != nil {
				t.Fatal(err)
			}
		}
	}
	round()
	if allocations := testing.AllocsPerRun(10, round); allocations > 512 { // leaves of the state's trees are divided and joined
		t.Errorf("%v allocations for %d rows", allocations, 8*batch.TargetRows)
	}
}
