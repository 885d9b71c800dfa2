package sql

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/sql/datetime"
)

const flights = `
CREATE TABLE flights (
  ` + "`date`" + ` STRING, delay INT, distance INT, origin STRING, destination STRING,
  ts AS TO_TIMESTAMP(` + "`date`" + `, 'yyyy/MM/dd HH:mm'),
  WATERMARK FOR ts AS ts - INTERVAL '28' HOUR
) WITH ('connector' = 'test', 'path' = '/flights');
`

func TestTheFlightDelaysOfEachAirportAndHour(t *testing.T) {
	g := compile(t, flights+`
	CREATE TABLE stats (origin STRING, window_start TIMESTAMP(3), flights BIGINT, total INT, mean INT, worst INT, best INT) WITH ('connector' = 'test');
	INSERT INTO stats
	SELECT origin, window_start, COUNT(*), SUM(delay), AVG(delay), MAX(delay), MIN(delay)
	FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(ts), INTERVAL '1' HOUR))
	WHERE distance > 100
	GROUP BY origin, window_start, window_end
	HAVING COUNT(*) > 1;`)
	h := newHarness(t, g).open(nil)
	err := h.feed("flights", 2, [][]string{
		{"2001/01/10 18:20", "5", "500", "SEA", "JFK"},
		{"2001/01/10 18:59", "-8", "500", "SEA", "JFK"},
		{"2001/01/10 19:00", "90", "500", "SEA", "JFK"},
		{"2001/01/10 18:00", "1", "100", "SEA", "JFK"},
		{"2001/01/10 18:30", "NULL", "500", "LAX", "JFK"},
		{"2001/01/10 18:31", "NULL", "500", "LAX", "JFK"},
		{"2001/01/10 18:32", "7", "500", "NULL", "JFK"},
		{"2001/01/10 18:33", "8", "500", "NULL", "JFK"},
	}...)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, h.rows("stats"))
	h.finish()
	expect(t, h.rows("stats"),
		"NULL|2001-01-10 18:00:00|2|15|7|8|7",
		"LAX|2001-01-10 18:00:00|2|NULL|NULL|NULL|NULL",
		"SEA|2001-01-10 18:00:00|2|-3|-1|5|-8")
}

func TestRowsPassThroughFiltersAndExpressions(t *testing.T) {
	g := compile(t, flights+`
	CREATE TABLE late (route STRING, hours DOUBLE, day DATE, kind STRING) WITH ('connector' = 'test');
	INSERT INTO late
	SELECT origin || '-' || f.destination, delay / 60.0, CAST(ts AS DATE), CASE WHEN delay > 60 THEN 'very' WHEN delay > 15 THEN 'late' END
	FROM flights AS f WHERE delay > 0 AND origin IN ('SEA', 'LAX', 'SFO') AND destination NOT LIKE 'J%';`)
	h := newHarness(t, g).open(nil)
	err := h.feed("flights", 3, [][]string{
		{"2001/01/10 18:20", "90", "500", "SEA", "DEN"},
		{"2001/01/10 18:59", "-8", "500", "SEA", "DEN"},
		{"2001/01/10 19:00", "30", "500", "LAX", "JFK"},
		{"2001/01/10 18:00", "3", "100", "SFO", "DEN"},
		{"2001/01/10 18:00", "30", "100", "NULL", "DEN"},
	}...)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, h.rows("late"), "SEA-DEN|1.5|2001-01-10|very", "SFO-DEN|0.05|2001-01-10|NULL")
}

func TestAViewThatTwoInsertsReadIsComputedOnce(t *testing.T) {
	g := compile(t, flights+`
	CREATE TABLE a (origin STRING, n BIGINT) WITH ('connector' = 'test');
	CREATE TABLE b (n BIGINT, origin STRING) WITH ('connector' = 'test');
	CREATE VIEW counts AS SELECT origin, window_end AS w, COUNT(*) AS n
	  FROM TUMBLE(DATA => TABLE flights, TIMECOL => DESCRIPTOR(ts), SIZE => INTERVAL '1' DAY) GROUP BY window_start, window_end, origin;
	EXECUTE STATEMENT SET BEGIN
	INSERT INTO a SELECT origin, n FROM counts;
	INSERT INTO b (origin, n) SELECT origin, n * 10 FROM counts WHERE n > 1;
	END;`)
	aggregates := 0
	for _, n := range g.Nodes {
		if len(n.State) > 0 {
			aggregates++
		}
	}
	if aggregates != 1 {
		t.Errorf("the view is computed %d times", aggregates)
	}
	h := newHarness(t, g).open(nil)
	if err := h.feed("flights", 10, rowsOf("2001/01/10 18:20|1|1|%s|X", 3, func(i int) []any { return []any{[]string{"A", "B", "A"}[i]} })...); err != nil {
		t.Fatal(err)
	}
	h.finish()
	expect(t, h.rows("a"), "A|2", "B|1")
	expect(t, h.rows("b"), "20|A")
}

func TestUnionAllFeedsOneWindow(t *testing.T) {
	g := compile(t, `
	CREATE TABLE l (k INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
	CREATE TABLE r (k BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
	CREATE VIEW both AS SELECT k, ts FROM l UNION ALL SELECT k + 1, ts FROM r WHERE k > 0;
	CREATE TABLE o (k BIGINT, n BIGINT) WITH ('connector' = 'test');
	INSERT INTO o SELECT k, COUNT(*) FROM TABLE(TUMBLE(TABLE both, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY k, window_start, window_end;
	INSERT INTO o SELECT k, 0 FROM l UNION ALL SELECT k, NULL FROM r;`)
	h := newHarness(t, g).open(nil)
	if err := h.feed("l", 1, []string{"1", "2001-01-01 00:00:00"}, []string{"2", "2001-01-01 00:00:59"}, []string{"2", "2001-01-01 00:01:00"}); err != nil {
		t.Fatal(err)
	}
	// The left side has passed the minute, the right one has not: nothing fires.
	expect(t, h.rows("o"), "1|0", "2|0", "2|0")
	if err := h.feed("r", 1, []string{"1", "2001-01-01 00:00:30"}, []string{"0", "2001-01-01 00:01:00"}); err != nil {
		t.Fatal(err)
	}
	expect(t, h.rows("o"), "1|0", "2|0", "2|0", "1|NULL", "0|NULL", "1|1", "2|2")
}

func TestWindowsOfWindows(t *testing.T) {
	g := compile(t, flights+`
	CREATE VIEW hourly AS SELECT origin, window_time AS t, COUNT(*) AS n
	  FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY origin, window_start, window_end, window_time;
	CREATE TABLE o (day TIMESTAMP(3), busiest BIGINT, hours BIGINT) WITH ('connector' = 'test');
	INSERT INTO o SELECT window_start, MAX(n), COUNT(n) FROM TABLE(TUMBLE(TABLE hourly, DESCRIPTOR(t), INTERVAL '1' DAY)) GROUP BY window_start, window_end;`)
	h := newHarness(t, g).open(nil)
	for _, at := range []string{"2001/01/10 18:20", "2001/01/10 18:21", "2001/01/10 23:59", "2001/01/11 00:00", "2001/01/20 00:00"} {
		if err := h.feed("flights", 1, []string{at, "1", "1", "SEA", "X"}); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, h.rows("o"), "2001-01-10 00:00:00|2|2", "2001-01-11 00:00:00|1|1")
	h.finish()
	expect(t, h.rows("o"), "2001-01-10 00:00:00|2|2", "2001-01-11 00:00:00|1|1", "2001-01-20 00:00:00|1|1")
	if h.late() != 0 {
		t.Errorf("%d rows of the inner window are late", h.late())
	}
}

func TestAWindowFunctionWithoutAggregationAddsColumns(t *testing.T) {
	g := compile(t, flights+`
	CREATE TABLE o (d INT, s TIMESTAMP(3), e TIMESTAMP(3), m BIGINT) WITH ('connector' = 'test');
	INSERT INTO o SELECT delay, window_start, window_end, EXTRACT(MINUTE FROM window_time)
	FROM TABLE(HOP(TABLE flights, DESCRIPTOR(ts), INTERVAL '30' MINUTES, INTERVAL '1' HOUR)) WHERE window_start < TIMESTAMP '2001-01-10 18:00:00';`)
	h := newHarness(t, g).open(nil)
	// The second row is long behind the watermark: only aggregates drop late rows.
	if err := h.feed("flights", 1, []string{"2001/01/10 18:20", "7", "1", "SEA", "X"}, []string{"2001/01/01 00:00", "8", "1", "SEA", "X"}); err != nil {
		t.Fatal(err)
	}
	expect(t, h.rows("o"), "7|2001-01-10 17:30:00|2001-01-10 18:30:00|29",
		"8|2001-01-01 00:00:00|2001-01-01 01:00:00|59", "8|2000-12-31 23:30:00|2001-01-01 00:30:00|29")
}

// A view of windows belongs to all that read it: that one of them aggregates must not take late rows from the others.
func TestWhatOneInsertDoesWithAViewOfWindowsDoesNotChangeTheRowsOfAnother(t *testing.T) {
	const (
		view  = "CREATE VIEW v AS SELECT * FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(ts), INTERVAL '1' HOUR));\n"
		near  = "CREATE VIEW near AS SELECT delay, window_start, window_end FROM v WHERE distance < 100;\n"
		plain = "INSERT INTO o SELECT delay, window_start FROM v;\n"
		count = "INSERT INTO n SELECT COUNT(*), window_start FROM v GROUP BY window_start, window_end;\n"
		inner = "INSERT INTO n SELECT COUNT(*), window_start FROM near GROUP BY window_start, window_end;\n"
		sums  = "INSERT INTO s SELECT SUM(delay), window_start FROM near GROUP BY window_start, window_end;\n"
	)
	all := []string{"7|2001-01-10 18:00:00", "8|2001-01-01 00:00:00"}
	for _, c := range []struct {
		name, script string
		late         int
	}{
		{"nobody aggregates", view + near + plain, 0},
		{"another aggregates before", view + near + count + plain, 1},
		{"another aggregates after", view + near + plain + count, 1},
		{"another aggregates a view of it", view + near + plain + inner, 1},
		{"two aggregate the same view", view + near + plain + inner + sums, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := compile(t, flights+`
			CREATE TABLE o (d INT, w TIMESTAMP(3)) WITH ('connector' = 'test');
			CREATE TABLE n (n BIGINT, w TIMESTAMP(3)) WITH ('connector' = 'test');
			CREATE TABLE s (s INT, w TIMESTAMP(3)) WITH ('connector' = 'test');
			`+c.script)
			h := newHarness(t, g).open(nil)
			if err := h.feed("flights", 1, []string{"2001/01/10 18:20", "7", "1", "SEA", "X"}, []string{"2001/01/01 00:00", "8", "1", "SEA", "X"}); err != nil {
				t.Fatal(err)
			}
			h.finish()
			expect(t, h.rows("o"), all...)
			if h.late() != c.late {
				t.Errorf("%d rows are counted as late, want %d", h.late(), c.late)
			}
			if strings.Contains(c.script, "INTO n") {
				expect(t, h.rows("n"), "1|2001-01-10 18:00:00")
			}
			if strings.Contains(c.script, "INTO s") {
				expect(t, h.rows("s"), "7|2001-01-10 18:00:00")
			}
		})
	}
}

func TestGroupsMayBeExpressionsAndAggregatesFiltered(t *testing.T) {
	g := compile(t, flights+`
	CREATE TABLE o (w TIMESTAMP(3), late BOOLEAN, n BIGINT, far INT, spread INT, label STRING) WITH ('connector' = 'test');
	INSERT INTO o SELECT window_end, delay > 15, COUNT(*) FILTER (WHERE distance > 100), SUM(distance) FILTER (WHERE distance > 100),
	  MAX(delay) - MIN(delay) + 1, CASE WHEN delay > 15 THEN 'late' ELSE 'fine' END
	FROM (SELECT * FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(ts), INTERVAL '1' DAY, INTERVAL '8' HOUR)) WHERE origin <> 'LAX') AS w
	GROUP BY delay > 15, window_start, window_end;`)
	h := newHarness(t, g).open(nil)
	err := h.feed("flights", 5, [][]string{
		{"2001/01/10 18:20", "90", "500", "SEA", "DEN"}, {"2001/01/10 18:59", "-8", "50", "SEA", "DEN"}, {"2001/01/10 19:00", "30", "90", "SEA", "JFK"},
		{"2001/01/10 19:00", "31", "700", "LAX", "JFK"}, {"2001/01/11 07:59", "20", "101", "SEA", "JFK"},
	}...)
	if err != nil {
		t.Fatal(err)
	}
	h.finish()
	expect(t, h.rows("o"), "2001-01-11 08:00:00|false|0|NULL|1|fine", "2001-01-11 08:00:00|true|2|601|71|late")
}

// span is a window.
type span struct{ start, end int64 }

// hops are the windows of a moment that are size long and begin every slide.
func hops(size, slide int64) func(at int64) []span {
	return func(at int64) (out []span) {
		for start := at - at%slide; start > at-size; start -= slide {
			out = append(out, span{start, start + size})
		}
		return out
	}
}

// oracle counts and sums by a plain loop: a row enters each window that is not over at its split watermark.
func oracle(rows [][]string, windows func(at int64) []span, delay int64) []string {
	type group struct{ n, sum int64 }
	groups := map[string]*group{}
	maxTime := int64(-1 << 60)
	for _, r := range rows {
		at, _ := datetime.ParseTimestamp([]byte(r[2]))
		v, err := strconv.ParseInt(r[1], 10, 64)
		if err != nil {
			panic(err)
		}
		mark := maxTime - delay
		maxTime = max(maxTime, at)
		for _, w := range windows(at) {
			if w.end-1 <= mark {
				continue
			}
			text := func(ms int64) string { return strings.TrimSuffix(string(datetime.AppendTimestamp(nil, ms)), ".000") }
			k := fmt.Sprintf("%s|%s|%s", r[0], text(w.start), text(w.end))
			if groups[k] == nil {
				groups[k] = &group{}
			}
			groups[k].n++
			groups[k].sum += v
		}
	}
	var out []string
	for k, g := range groups {
		out = append(out, fmt.Sprintf("%s|%d|%d", k, g.n, g.sum))
	}
	slices.Sort(out)
	return out
}

func TestWindowsEqualAPlainLoopAtEveryBatchSize(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	const minute = 60_000
	rows := rowsOf("%s|%d|%s", 3000, func(i int) []any {
		at := int64(i)*7000 + 978_307_200_000 - r.Int64N(20*minute)
		return []any{fmt.Sprint("k", r.IntN(20)), r.IntN(1000), datetime.AppendTimestamp(nil, at)}
	})
	for _, c := range []struct {
		name, tvf string
		windows   func(at int64) []span
	}{
		{"tumbling", "TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '5' MINUTE)", hops(5*minute, 5*minute)},
		{"hopping", "HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '2' MINUTE, INTERVAL '10' MINUTE)", hops(10*minute, 2*minute)},
		{"cumulating", "CUMULATE(TABLE t, DESCRIPTOR(ts), INTERVAL '2' MINUTE, INTERVAL '10' MINUTE)", func(at int64) (out []span) {
			start := at - at%(10*minute)
			for end := start + 2*minute; end <= start+10*minute; end += 2 * minute {
				if at < end {
					out = append(out, span{start, end})
				}
			}
			return out
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := compile(t, `
			CREATE TABLE t (k STRING, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' MINUTE) WITH ('connector' = 'test');
			CREATE TABLE o (k STRING, w TIMESTAMP(3), e TIMESTAMP(3), n BIGINT, s BIGINT) WITH ('connector' = 'test');
			INSERT INTO o SELECT k, window_start, window_end, COUNT(*), SUM(v) FROM TABLE(`+c.tvf+`) GROUP BY k, window_start, window_end;`)
			want := oracle(rows, c.windows, 5*minute)
			late := -1
			for _, size := range []int{1, 7, 256, 3000} {
				h := newHarness(t, g).open(nil)
				h.sinkReset()
				if err := h.feed("t", size, rows...); err != nil {
					t.Fatal(err)
				}
				h.finish()
				got := slices.Sorted(slices.Values(h.rows("o")))
				if !slices.Equal(got, want) {
					t.Fatalf("batches of %d rows: %d results, want %d", size, len(got), len(want))
				}
				if late >= 0 && h.late() != late {
					t.Errorf("batches of %d rows: %d rows late, before %d", size, h.late(), late)
				}
				late = h.late()
			}
			if late == 0 {
				t.Error("no row is late: the test shows nothing of lateness")
			}
		})
	}
}

// TestGroupsOfEveryTypeAreKeptApart counts by keys of each type in the engine's own backend: keys that are all zeros, or that
// are NULL, and others that come first within a few rows of them.
func TestGroupsOfEveryTypeAreKeptApart(t *testing.T) {
	for _, c := range []struct {
		column string
		values []string // of which the first stands before the others in each window
	}{
		{"BOOLEAN", []string{"NULL", "false", "true"}},
		{"INT", []string{"77", "0", "1", "2", "3", "-1", "NULL"}},
		{"BIGINT", []string{"77", "0", "1", "2", "3", "-1", "NULL"}},
		{"DOUBLE", []string{"77", "0", "1.5", "2", "-3", "-1", "NULL"}},
		{"STRING", []string{"77", "0", "1", "", "NULL", "12345678901234567890"}},
		{"DATE", []string{"2026-01-01", "1970-01-01", "1970-01-02", "1969-12-31", "NULL"}},
		{"TIMESTAMP(3)", []string{"2026-01-01 00:00:00", "1970-01-01 00:00:00", "1970-01-01 00:00:00.001", "1969-12-31 00:00:00", "NULL"}},
	} {
		t.Run(c.column, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, 8))
			var rows [][]string
			want := map[string]int{}
			for hour := range 200 {
				at := fmt.Sprintf("2026-01-%02d %02d:00:00", 1+hour/24, hour%24)
				add := func(v string) {
					rows = append(rows, []string{v, at})
					want[at[8:13]+"|"+v]++
				}
				for range 40 {
					add(c.values[0])
				}
				for _, i := range r.Perm(len(c.values)) {
					add(c.values[i])
				}
			}
			g := compile(t, `
			CREATE TABLE t (k `+c.column+`, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
			CREATE TABLE o (w TIMESTAMP(3), k `+c.column+`, n BIGINT) WITH ('connector' = 'test');
			INSERT INTO o SELECT window_start, k, COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY k, window_start, window_end;`)
			h := newHarness(t, g)
			h.heap = true
			h.open(nil)
			if err := h.feed("t", 4096, rows...); err != nil {
				t.Fatal(err)
			}
			h.finish()
			got := h.rows("o")
			if len(got) != len(want) {
				t.Errorf("%d groups, want %d", len(got), len(want))
			}
			for _, row := range got {
				f := strings.Split(row, "|")
				if n := want[f[0][8:13]+"|"+strings.TrimSuffix(f[1], ".0")]; strconv.Itoa(n) != f[2] {
					t.Fatalf("%s, want a count of %d", row, n)
				}
			}
		})
	}
}

func (h *harness) sinkReset() {
	for _, n := range h.nodes {
		if n.sink != nil {
			n.sink.rows, n.sink.count = nil, 0
		}
	}
}

func TestAWindowThatHasFiredStaysClosedAfterARestore(t *testing.T) {
	g := compile(t, `
	CREATE TABLE t (k INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
	CREATE TABLE o (k INT, w TIMESTAMP(3), n BIGINT) WITH ('connector' = 'test');
	INSERT INTO o SELECT k, window_start, COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY k, window_start, window_end;`)
	first := newHarness(t, g).open(nil)
	if err := first.feed("t", 1, []string{"1", "2001-01-01 00:00:10"}, []string{"1", "2001-01-01 00:01:10"}, []string{"1", "2001-01-01 00:02:10"}); err != nil {
		t.Fatal(err)
	}
	expect(t, first.rows("o"), "1|2001-01-01 00:00:00|1", "1|2001-01-01 00:01:00|1")

	second := newHarness(t, g)
	second.sinkReset()
	second.restored, _ = datetime.ParseTimestamp([]byte("2001-01-01 00:02:10"))
	second.open(first)
	if err := second.feed("t", 1, []string{"1", "2001-01-01 00:01:59.999"}, []string{"1", "2001-01-01 00:02:30"}); err != nil {
		t.Fatal(err)
	}
	second.finish()
	expect(t, second.rows("o"), "1|2001-01-01 00:02:00|2")
	if second.late() != 1 {
		t.Errorf("%d rows are late, want the one whose window had fired", second.late())
	}
}

func TestAnErrorIsThatOfTheFirstFaultyRowOfTheInput(t *testing.T) {
	const at = "2001-01-01 00:00:00"
	rows := [][]string{{"5", "1", at}, {"7", "2", at}, {"5", "3", at}, {"1", "x", at}, {"0", "y", at}, {"7", "z", at}}
	for _, c := range []struct {
		name, computed, query string
		rows                  [][]string
		row                   int
	}{
		{"in the projection", "", "SELECT CAST(s AS INT) FROM t", rows, 3},
		{"in the filter", "", "SELECT k FROM t WHERE 1 / k >= 0", rows, 4},
		{"behind a filter", "", "SELECT CAST(s AS INT) FROM t WHERE k <> 1 AND k <> 5", rows, 4},
		{"behind a filter and a window that multiplies rows", "",
			"SELECT CAST(s AS INT) FROM (SELECT * FROM TABLE(HOP(TABLE v, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '3' MINUTE)))", rows, 4},
		{"in a computed column", "c AS CAST(s AS INT), ", "SELECT c FROM t", rows, 3},
		{"no event time", "", "SELECT k FROM t", [][]string{rows[0], {"1", "1", "NULL"}}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := compile(t, `
			CREATE TABLE t (k INT, s STRING, ts TIMESTAMP(3), `+c.computed+`WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
			CREATE VIEW v AS SELECT * FROM t WHERE k <> 1 AND k <> 5;
			CREATE TABLE o (k INT) WITH ('connector' = 'test');
			INSERT INTO o `+c.query)
			err := newHarness(t, g).open(nil).feed("t", 10, c.rows...)
			var row *operator.RowError
			if !errors.As(err, &row) || row.Row != c.row || fault.ClassOf(err) != fault.Permanent {
				t.Errorf("%v (%+v), want one of row %d", err, row, c.row)
			}
		})
	}
}

func TestRowsWithoutEventTimeAreDroppedAndCountedWhereTheTableSaysSo(t *testing.T) {
	g := compile(t, `
	CREATE TABLE t (k INT, s STRING, at AS TRY_CAST(s AS TIMESTAMP(3)), WATERMARK FOR at AS at)
	  WITH ('connector' = 'test', 'scan.watermark.on-null' = 'skip');
	CREATE TABLE o (k INT, s STRING, at TIMESTAMP(3)) WITH ('connector' = 'test');
	INSERT INTO o SELECT k, s, at FROM t`)
	h := newHarness(t, g).open(nil)
	const first, second = "2001-01-01 00:00:00", "2001-01-01 00:00:01"
	err := h.feed("t", 3, []string{"1", "NULL", ""}, []string{"2", first, ""}, []string{"3", "soon", ""}, []string{"4", "never", ""}, []string{"5", "NULL", ""},
		[]string{"6", "", ""}, []string{"7", second, ""})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, h.rows("o"), "2|"+first+"|"+first, "7|"+second+"|"+second)
	if n := h.source("t").skipped; n != 5 {
		t.Errorf("%d rows are counted, want 5", n)
	}
}

func TestErrorsOfTheDataArePermanentAndSayWhere(t *testing.T) {
	for _, c := range []struct {
		name, query, want string
		row               []string
	}{
		{"division by zero", "SELECT 1 / k FROM t", "job.sql:4:27: division by zero; guard it: write NULLIF(b, 0) for the divisor, or CASE WHEN b <> 0 THEN ... END", []string{"0", "x", "2001-01-01 00:00:00"}},
		{"a cast that fails", "SELECT CAST(s AS INT) FROM t", `job.sql:4:25: cannot cast "x" to INT; use TRY_CAST to get NULL instead`, []string{"0", "x", "2001-01-01 00:00:00"}},
		{"no event time", "SELECT k FROM t", "job.sql:2:54: the time attribute ts of table t is NULL in a row; correct the data, set 'scan.watermark.on-null' = 'skip' to drop such rows, or declare the watermark for a computed column that gives them a time", []string{"0", "x", "NULL"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := compile(t, `
			CREATE TABLE t (k INT, s STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
			CREATE TABLE o (k INT) WITH ('connector' = 'test');
			INSERT INTO o `+c.query)
			err := newHarness(t, g).open(nil).feed("t", 1, c.row)
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if fault.ClassOf(err) != fault.Permanent {
				t.Errorf("%v is not permanent", err)
			}
		})
	}
}

func TestPlacesAreThoseOfTheFileThatTheScriptStandsIn(t *testing.T) {
	compiler := Compiler{File: "job.yaml", Line: 7, Column: 5, Connectors: &testConnectors{}}
	const tables = "CREATE TABLE t (k INT) WITH ('connector' = 'test');\nCREATE TABLE o (k INT) WITH ('connector' = 'test');\n"
	for text, want := range map[string]string{
		"?":                                      "job.yaml:7:5: unexpected character '?'",
		tables + "INSERT INTO o SELECT j FROM t": "job.yaml:9:26: there is no column j; the columns are k",
	} {
		if _, err := compiler.Compile(text); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	g, err := compiler.Compile(tables + "INSERT INTO o SELECT\n1 / k FROM t")
	if err != nil {
		t.Fatal(err)
	}
	const want = "job.yaml:10:7: division by zero; guard it: write NULLIF(b, 0) for the divisor, or CASE WHEN b <> 0 THEN ... END"
	if err := newHarness(t, g).open(nil).feed("t", 1, []string{"0"}); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestSecretsAreResolvedAndNeverShown(t *testing.T) {
	script := `
	CREATE TABLE t (k INT) WITH ('connector' = 'test', 'password' = '${secret:login/password}');
	CREATE TABLE o (k INT) WITH ('connector' = 'test');
	INSERT INTO o SELECT k FROM t;`
	conns := &testConnectors{}
	c := Compiler{File: "job.sql", Connectors: conns, Secret: func(ref string) (string, error) {
		if ref != "login/password" {
			return "", errors.New("no such secret")
		}
		return "hunter2", nil
	}}
	if _, err := c.Compile(script); err != nil || conns.secretSeen != "hunter2" {
		t.Errorf("%v, the connector got %q", err, conns.secretSeen)
	}
	for _, bad := range []struct{ from, to, want string }{
		{"${secret:login/password}", "${secret:nobody/knows}", "job.sql:2:66: the option 'password' of table t: secret nobody/knows: no such secret; leave it out: credentials are taken from the environment, in pods from spec.checkpoint.credentialsSecret"},
		{"${secret:login/password}", "${secret:login}", "job.sql:2:66: the option 'password' of table t has a malformed reference to a secret; write '${secret:<name>/<key>}'"},
		{"${secret:login/password}", "hunter2", "job.sql:2:66: the option 'password' of table t holds a secret in the text; leave it out: credentials are taken from the environment, in pods from spec.checkpoint.credentialsSecret"},
	} {
		_, err := c.Compile(strings.Replace(script, bad.from, bad.to, 1))
		if err == nil || err.Error() != bad.want {
			t.Errorf("got  %v\nwant %s", err, bad.want)
		}
	}
}

func TestATableSaysHowManySubtasksReadAndWriteIt(t *testing.T) {
	script := func(options string) string {
		return "CREATE TABLE t (k INT) WITH ('connector' = 'test'" + options + ");\nINSERT INTO t SELECT k + 1 FROM t WHERE k > 0"
	}
	g, err := Compile(script(", 'scan.parallelism' = '2', 'sink.parallelism' = '1'"), "job.sql", &testConnectors{})
	if err != nil {
		t.Fatal(err)
	}
	got := g.Parallelism(4)
	if len(got) < 3 || got[0] != 2 || got[len(got)-1] != 1 || slices.ContainsFunc(got[1:len(got)-1], func(n int) bool { return n != 4 }) {
		t.Errorf("the operators have the parallelisms %v; want 2, that of the job, 1", got)
	}
	for options, want := range map[string]string{
		", 'scan.parallelism' = '0'":    "job.sql:1:52: option 'scan.parallelism' of table t: 0 is not within 1 and 512; leave it out for that of the job",
		", 'sink.parallelism' = '-1'":   "job.sql:1:52: option 'sink.parallelism' of table t: -1 is not within 1 and 512; leave it out for that of the job",
		", 'sink.parallelism' = '513'":  "job.sql:1:52: option 'sink.parallelism' of table t: 513 is not within 1 and 512; leave it out for that of the job",
		", 'scan.parallelism' = 'many'": "job.sql:1:52: option 'scan.parallelism' of table t: 'many' is not a whole number; write digits such as '100'",
	} {
		if _, err := Compile(script(options), "job.sql", &testConnectors{}); err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", options, err, want)
		}
	}
}

func TestTheRateOfATableIsThatOfItsNode(t *testing.T) {
	g, err := Compile("CREATE TABLE t (k INT) WITH ('connector' = 'test');\nINSERT INTO t SELECT k FROM t", "job.sql", &testConnectors{rate: 25})
	if err != nil {
		t.Fatal(err)
	}
	if got := g.Nodes[0].Source.RowsPerSecond; got != 25 {
		t.Errorf("%v rows per second", got)
	}
}
