package sql

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/graph"
)

// describe writes a graph: each node with its inputs (> forward, # keyed), state and fingerprint.
func describe(g *graph.Graph) string {
	var b strings.Builder
	for _, n := range g.Nodes {
		b.WriteString(n.UID)
		for _, e := range n.Inputs {
			fmt.Fprintf(&b, " %s %s", map[graph.EdgeKind]string{graph.Forward: "<", graph.Keyed: "#"}[e.Kind], g.Nodes[e.From].UID)
		}
		b.WriteString("\n")
		if n.Source != nil && n.Source.Event != nil {
			fmt.Fprintf(&b, "    delay %d ms, idle %v\n", n.Source.Event.DelayMS, n.Source.Event.Idle)
		}
		for _, s := range n.State {
			fmt.Fprintf(&b, "    state %s %v of %d bytes\n", s.Name, s.Kind, s.CellBytes)
		}
		for line := range strings.Lines(n.Fingerprint) {
			b.WriteString("    | " + strings.TrimSpace(line) + "\n")
		}
	}
	return b.String()
}

// TestUIDsAndFingerprintsStay is a promise to every snapshot on storage: what is written here may grow, never change.
func TestUIDsAndFingerprintsStay(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"window statistics", `
CREATE TABLE flights (` + "`date`" + ` TIMESTAMP(3), delay INT, origin STRING, destination STRING,
  WATERMARK FOR ` + "`date` AS `date`" + ` - INTERVAL '28' HOUR
) WITH ('connector' = 'test', 'path' = '/flights', 'scan.watermark.idle-timeout' = '1 min');
CREATE TABLE stats (airport STRING, hour TIMESTAMP(3), n BIGINT, mean INT) WITH ('connector' = 'test');
INSERT INTO stats SELECT origin, window_start, COUNT(*), AVG(delay)
FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(` + "`date`" + `), INTERVAL '1' HOUR)) WHERE delay > 0
GROUP BY origin, window_start, window_end HAVING COUNT(*) > 10;`, `source/flights
    delay 100800000 ms, idle 1m0s
    | connector test
    | path /flights
stats/calc.1 < source/flights
stats/window.1 < stats/calc.1
stats/key.1 < stats/window.1
stats/aggregate.1 # stats/key.1
    state groups window-value of 24 bytes
    | key origin STRING
    | window TUMBLE(date, 1 h)
    | aggregate COUNT(*)
    | aggregate AVG(delay INT)
stats/calc.2 < stats/aggregate.1
sink/stats < stats/calc.2
`},
		{"a query that WITH names is computed once", `
CREATE TABLE a (k INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
CREATE TABLE o (k INT, n BIGINT) WITH ('connector' = 'test');
INSERT INTO o WITH c AS (SELECT k, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY k, window_start, window_end)
SELECT * FROM c WHERE n > 1 UNION ALL SELECT -x, d.n FROM c AS d (x, n);`, `source/a
    delay 0 ms, idle 0s
    | connector test
o/with.c/window.1 < source/a
o/with.c/key.1 < o/with.c/window.1
o/with.c/aggregate.1 # o/with.c/key.1
    state groups window-value of 8 bytes
    | key k INT
    | window TUMBLE(ts, 1 min)
    | aggregate COUNT(*)
o/with.c/calc.1 < o/with.c/aggregate.1
o/union.1/calc.1 < o/with.c/calc.1
o/calc.1 < o/union.1/calc.1
o/union.2/calc.1 < o/with.c/calc.1
o/calc.2 < o/union.2/calc.1
sink/o < o/calc.1 < o/calc.2
`},
		{"a view, a union and two sinks", `
CREATE TABLE a (k INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
CREATE TABLE b (k INT, ts TIMESTAMP(3), twice AS k * 2, WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
CREATE TABLE c (k INT, twice AS k * 2) WITH ('connector' = 'test');
CREATE TABLE o (k INT, n BIGINT) WITH ('connector' = 'test');
CREATE TABLE p (k INT) WITH ('connector' = 'test');
CREATE VIEW both AS SELECT k, ts FROM a UNION ALL SELECT twice, ts FROM b;
CREATE VIEW counts AS SELECT k, COUNT(*) AS n FROM TABLE(HOP(TABLE both, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '5' MINUTES)) GROUP BY k, window_start, window_end;
INSERT INTO o SELECT * FROM counts;
INSERT INTO p SELECT k FROM counts;
INSERT INTO o SELECT /*+ UID('total') */ SUM(k), COUNT(*) FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY window_start, window_end;
INSERT INTO p SELECT twice FROM c;`, `source/a
    delay 0 ms, idle 0s
    | connector test
source/b
    delay 0 ms, idle 0s
    | connector test
both/union.2/calc.1 < source/b
counts/window.1 < source/a
counts/window.2 < both/union.2/calc.1
counts/key.1 < counts/window.1
counts/key.2 < counts/window.2
counts/aggregate.1 # counts/key.1 # counts/key.2
    state groups window-value of 8 bytes
    | key k | (k * 2) INT
    | window HOP(ts, slide 1 min, size 5 min)
    | aggregate COUNT(*)
counts/calc.1 < counts/aggregate.1
o/calc.1 < counts/calc.1
p/calc.1 < counts/calc.1
o.2/window.1 < source/a
o.2/key.1 < o.2/window.1
total # o.2/key.1
    state groups window-value of 24 bytes
    | window TUMBLE(ts, 1 d)
    | aggregate SUM(k INT)
    | aggregate COUNT(*)
o.2/calc.1 < total
source/c
    | connector test
source/c/computed.1 < source/c
p.2/calc.1 < source/c/computed.1
sink/o < o/calc.1 < o.2/calc.1
sink/p < p/calc.1 < p.2/calc.1
`},
		{"groups that never end", `
CREATE TABLE a (k INT, v DOUBLE, s STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
CREATE TABLE o (k INT, n BIGINT) WITH ('connector' = 'test');
CREATE VIEW sums AS SELECT k + 1 AS k, SUM(v) AS v, COUNT(*) AS n, COUNT(DISTINCT s) AS d, MIN(s) AS s, MAX(k) AS m FROM a GROUP BY k + 1;
INSERT INTO o SELECT m, COUNT(*) FROM sums WHERE v > 1 GROUP BY m HAVING MAX(s) <> MIN(s);
INSERT INTO o SELECT /*+ UID('once') */ DISTINCT k, 1 FROM sums;
INSERT INTO o SELECT DISTINCT k, COUNT(*) FROM a GROUP BY k UNION SELECT 1, 2 FROM a;`, `source/a
    delay 0 ms, idle 0s
    | connector test
sums/calc.1 < source/a
sums/key.1 < sums/calc.1
sums/aggregate.1 # sums/key.1
    state groups value of 88 bytes
    state values sorted-map of 0 bytes
    state extremes sorted-map of 0 bytes
    | key (k + 1) INT
    | aggregate COUNT(*)
    | aggregate COUNT(DISTINCT s STRING)
    | aggregate MAX(k INT)
    | aggregate MIN(s STRING)
    | aggregate SUM(v DOUBLE)
o/calc.1 < sums/aggregate.1
o/key.1 < o/calc.1
o/aggregate.1 # o/key.1
    state groups value of 16 bytes
    state values sorted-map of 0 bytes
    | key MAX(k INT) INT
    | aggregate COUNT(*)
    | aggregate MAX(MIN(s STRING) STRING)
    | aggregate MIN(MIN(s STRING) STRING)
o/calc.2 < o/aggregate.1
o.2/calc.1 < sums/aggregate.1
o.2/key.1 < o.2/calc.1
once # o.2/key.1
    state groups value of 8 bytes
    | key (k + 1) INT
    | key 1 INT
o.2/calc.2 < once
o.3/union.1/calc.1 < source/a
o.3/union.1/key.1 < o.3/union.1/calc.1
o.3/union.1/aggregate.1 # o.3/union.1/key.1
    state groups value of 16 bytes
    | key k INT
    | aggregate COUNT(*)
o.3/union.1/key.2 < o.3/union.1/aggregate.1
o.3/union.1/distinct.1 # o.3/union.1/key.2
    state groups value of 8 bytes
    | key k INT
    | key COUNT(*) BIGINT
o.3/union.2/calc.1 < source/a
o.3/key.1 < o.3/union.1/distinct.1
o.3/key.2 < o.3/union.2/calc.1
o.3/distinct.1 # o.3/key.1 # o.3/key.2
    state groups value of 8 bytes
    | key k | 1 INT
    | key COUNT(*) | 2 BIGINT
o.3/calc.1 < o.3/distinct.1
sink/o < o/calc.2 < o.2/calc.2 < o.3/calc.1
`},
		{"joins", `
CREATE TABLE a (k INT, v DOUBLE, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
CREATE TABLE b (k BIGINT, s STRING) WITH ('connector' = 'test');
CREATE TABLE o (k INT, n BIGINT) WITH ('connector' = 'test');
CREATE VIEW v AS SELECT a.k, b.k AS bk, b.s, b2.s AS s2 FROM a JOIN b ON a.k = b.k AND a.v > 1 AND CHAR_LENGTH(b.s) > a.v LEFT JOIN b AS b2 ON b2.s = b.s WHERE a.k > 0 AND b2.s <> 'x';
INSERT INTO o SELECT /*+ UID('j') */ a.k, b.k FROM a, b WHERE a.k = 1 AND b.s = 'y';
INSERT INTO o SELECT k, bk FROM v WHERE k IN (SELECT MAX(k) FROM a) AND NOT EXISTS (SELECT 1 FROM b WHERE b.s = v.s AND CHAR_LENGTH(v.s2) > b.k AND b.k > 0) AND bk > 1;`, `source/a
    delay 0 ms, idle 0s
    | connector test
o/calc.1 < source/a
o/key.1 < o/calc.1
source/b
    | connector test
o/calc.2 < source/b
o/key.2 < o/calc.2
j # o/key.1 # o/key.2
    state left sorted-map of 0 bytes
    state right sorted-map of 0 bytes
    | join INNER
    | left "a"
    | right "b"
o/calc.3 < j
v/calc.1 < source/a
v/key.1 < v/calc.1
v/key.2 < source/b
v/join.1 # v/key.1 # v/key.2
    state left sorted-map of 0 bytes
    state right sorted-map of 0 bytes
    | join INNER
    | left "a"
    | right "b"
    | key CAST_BIGINT(k) = k BIGINT
    | condition (CAST_DOUBLE(CHAR_LENGTH(s)) > v)
v/key.3 < v/join.1
v/key.4 < source/b
v/join.2 # v/key.3 # v/key.4
    state left sorted-map of 0 bytes
    state right sorted-map of 0 bytes
    | join LEFT
    | left "a", "b"
    | right "b"
    | key s = s STRING
v/calc.2 < v/join.2
o.2/calc.1 < v/calc.2
o.2/key.1 < o.2/calc.1
o.2/semi.1/calc.1 < source/a
o.2/semi.1/key.1 < o.2/semi.1/calc.1
o.2/semi.1/aggregate.1 # o.2/semi.1/key.1
    state groups value of 24 bytes
    | aggregate MAX(k INT)
o.2/key.2 < o.2/semi.1/aggregate.1
o.2/semi.1 # o.2/key.1 # o.2/key.2
    state left sorted-map of 0 bytes
    state right sorted-map of 0 bytes
    | join SEMI
    | left "a", "b"
    | right "a"
    | key k = MAX(k INT) INT
o.2/key.3 < o.2/semi.1
o.2/calc.2 < source/b
o.2/key.4 < o.2/calc.2
o.2/semi.2 # o.2/key.3 # o.2/key.4
    state left sorted-map of 0 bytes
    state right sorted-map of 0 bytes
    | join ANTI
    | left "a", "b"
    | right "b"
    | key s = s STRING
    | condition (CAST_BIGINT(CHAR_LENGTH(s)) > k)
o.2/calc.3 < o.2/semi.2
sink/o < o/calc.3 < o.2/calc.3
`},
		{"first rows", `
CREATE TABLE a (k INT, v DOUBLE, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
CREATE TABLE o (k INT, n BIGINT) WITH ('connector' = 'test');
INSERT INTO o SELECT k, rn FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k, v > 0 ORDER BY v * 2 DESC NULLS FIRST, ts) AS rn FROM a WHERE k > 3) AS best WHERE rn <= 10;
INSERT INTO o SELECT k, 1 FROM (SELECT k, ROW_NUMBER() OVER (ORDER BY n) AS rn FROM (SELECT k, COUNT(*) AS n FROM a GROUP BY k) AS c) AS best WHERE rn = 1;`, `source/a
    delay 0 ms, idle 0s
    | connector test
o/best/calc.1 < source/a
o/best/key.1 < o/best/calc.1
o/best/topn.1 # o/best/key.1
    state rows sorted-map of 0 bytes
    | top-n
    | partition k INT
    | partition (v > 0.0) BOOLEAN
    | order (v * 2.0) DOUBLE DESC NULLS FIRST
    | order ts TIMESTAMP(3)
    | numbered
    | the first rows
o/best/calc.2 < o/best/topn.1
o/calc.1 < o/best/calc.2
o.2/best/c/calc.1 < source/a
o.2/best/c/key.1 < o.2/best/c/calc.1
o.2/best/c/aggregate.1 # o.2/best/c/key.1
    state groups value of 16 bytes
    | key k INT
    | aggregate COUNT(*)
o.2/best/key.1 < o.2/best/c/aggregate.1
o.2/best/topn.1 # o.2/best/key.1
    state rows sorted-map of 0 bytes
    | top-n
    | order COUNT(*) BIGINT
    | all rows
o.2/best/calc.1 < o.2/best/topn.1
o.2/calc.1 < o.2/best/calc.1
sink/o < o/calc.1 < o.2/calc.1
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := describe(compile(t, c.script)); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// doubling repeats a declaration n times, each of which names the one before it twice.
func doubling(before, each string, n int, after string) string {
	for i := range n {
		before += fmt.Sprintf(each, i+1, i, i)
	}
	return before + after
}

func TestErrorsAreOneLineWithFilePlaceAndRemedy(t *testing.T) {
	table := "CREATE TABLE t (k INT) WITH ('connector' = 'test');\n"
	for _, c := range []struct{ name, script, want string }{
		{"syntax", "INSERT INTO o SELEC", `job.sql:1:15: expected SELECT, found "SELEC"`},
		{"a name", table + "INSERT INTO t SELECT j FROM t", "job.sql:2:22: there is no column j; the columns are k"},
		{"an option that does not exist", table + "CREATE TABLE u (k INT) WITH ('connector' = 'test', 'pth' = '/x');\nINSERT INTO t SELECT k FROM u", "job.sql:2:52: option 'pth' of table u: there is no such option; did you mean 'path'?"},
		{"a connector that does not exist", "CREATE TABLE u (k INT) WITH ('connector' = 'nope');\n" + table + "INSERT INTO t SELECT k FROM u", "job.sql:1:30: option 'connector' of table u: there is no connector nope; write 'test'"},
		{"a wrong idle timeout", table + "CREATE TABLE u (k INT) WITH ('connector' = 'test', 'scan.watermark.idle-timeout' = 'soon');\nINSERT INTO t SELECT k FROM u", "job.sql:2:52: option 'scan.watermark.idle-timeout' of table u: 'soon' is not a time span; write a span such as '10 s', '5 min' or '1 h'"},
		{"five million parentheses", strings.Repeat("(", 5_000_000), "job.sql:1:1: the SQL text has 5000000 bytes; the limit is 262144 (256 KiB); split it into several jobs"},
		{"computed columns that double each other", doubling("CREATE TABLE u (c0 INT", ", c%d AS c%d + c%d", 60, ") WITH ('connector' = 'test'); INSERT INTO u SELECT c60 FROM u"), "job.sql:1:313: the expression expands to more than 131072 operations; compute parts of it in a view"},
		{"functions that need an operand twice", table + "INSERT INTO t SELECT " + strings.Repeat("NULLIF(", 150) + "k" + strings.Repeat(", 1)", 150) + " FROM t", "job.sql:2:953: the expression expands to more than 131072 operations; compute parts of it in a view"},
		{"an operand of CASE within another", table + "INSERT INTO t SELECT " + strings.Repeat("CASE ", 150) + "k" + strings.Repeat(" WHEN 1 THEN 2 WHEN 3 THEN 4 END", 150) + " FROM t", "job.sql:2:692: the expression expands to more than 131072 operations; compute parts of it in a view"},
		{"views that double their columns", table + "CREATE VIEW v0 AS SELECT k AS a FROM t;" + doubling("", "CREATE VIEW v%d AS SELECT q.*, q.* FROM v%d AS q -- %d\n;", 1, "") + "INSERT INTO t SELECT a FROM v1", "job.sql:2:52: the view v1 has two columns named a; rename one with AS"},
		{"subqueries that double their columns", table + "INSERT INTO t SELECT * FROM " + strings.Repeat("(SELECT *, * FROM ", 60) + "t" + strings.Repeat(")", 60), "job.sql:2:886: the query has more than 4096 columns; name the columns that are needed"},
		{"views that double their branches", table + "CREATE VIEW v0 AS SELECT k FROM t;" + doubling("", "CREATE VIEW v%d AS SELECT k FROM v%d UNION ALL SELECT k + 1 FROM v%d;", 60, "INSERT INTO t SELECT k FROM v60"), "job.sql:2:4146: the query has more than 1000 branches of UNION ALL, those of its views included"},
		{"views that double their branches as they are", table + "CREATE VIEW v0 AS SELECT k FROM t;" + doubling("", "CREATE VIEW v%d AS SELECT k FROM v%d UNION ALL SELECT k FROM v%d;", 60, "INSERT INTO t SELECT k FROM v60"), "job.sql:2:3906: the query has more than 1000 branches of UNION ALL, those of its views included"},
		{"a uid that is used twice", `CREATE TABLE s (k INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'test');
			CREATE TABLE o (k INT) WITH ('connector' = 'test');
			INSERT INTO o SELECT /*+ UID('x') */ MAX(k) FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY window_start, window_end;
			INSERT INTO o SELECT /*+ UID('x') */ MIN(k) FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY window_start, window_end;`,
			`job.sql: uid "x" is used twice; give one of the operators another; rename a table, view or alias, or give a query another uid with /*+ UID('x') */`},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			_, err := Compile(c.script, "job.sql", &testConnectors{})
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if fault.ClassOf(err) != fault.Permanent {
				t.Errorf("%v is not permanent", err)
			}
			t.Logf("after %v", time.Since(start))
		})
	}
}
