package bind

import (
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
)

const tables = `CREATE TABLE t (k INT, s STRING, ts TIMESTAMP(3), other TIMESTAMP(3), c AS k * 2, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('connector' = 'x');
CREATE TABLE o (k INT, s STRING) WITH ('connector' = 'x');
CREATE VIEW v AS SELECT k AS key, s, ts FROM t;
`

func build(text string) (*logical.Plan, error) {
	script, err := parser.Parse(text)
	if err != nil {
		return nil, err
	}
	return Script(script)
}

func TestWhatCannotBeBoundIsRefusedWithItsPlaceAndARemedy(t *testing.T) {
	const (
		window = "FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR))"
		with   = " WITH ('connector' = 'x')"
	)
	for _, c := range []struct{ text, want string }{
		// names
		{"CREATE TABLE results (a INT) WITH ('connector' = 'x');INSERT INTO result SELECT k FROM t", "4:67: there is no table result; did you mean results?"},
		{"INSERT INTO o SELECT k, s FROM zebra", "4:32: there is no table or view zebra; declare it before it is used"},
		{"INSERT INTO v SELECT k, s FROM t", "4:13: v is a view; insert into a table"},
		{"INSERT INTO o SELECT k, othr FROM t", "4:25: there is no column othr; did you mean other?"},
		{"INSERT INTO o SELECT nothing, s FROM t", "4:22: there is no column nothing; the columns are k, s, ts, other, c"},
		{"INSERT INTO o SELECT t.k, s FROM t AS a", "4:22: there is no table t in this query; the table of this query is called a"},
		{"INSERT INTO o SELECT b.* FROM t AS a", "4:22: there is no table b in this query"},
		{"CREATE VIEW IF NOT EXISTS t AS SELECT 1 AS a FROM o; INSERT INTO o SELECT a, s FROM t", "4:75: there is no column a; the columns are k, s, ts, other, c"},
		{"CREATE TABLE IF NOT EXISTS v (a INT) WITH ('connector' = 'x'); INSERT INTO o SELECT a, s FROM v", "4:85: there is no column a; the columns are key, s, ts"},
		{"CREATE TEMPORARY TABLE IF NOT EXISTS n (a INT) WITH ('connector' = 'x'); INSERT INTO o SELECT k, s FROM n", "4:95: there is no column k; the columns are a"},
		{"CREATE VIEW t AS SELECT 1 AS a FROM o", "4:13: the name t is declared twice; give one of them another name"},
		{"CREATE VIEW w AS SELECT k + 1 FROM t", "4:13: column 1 of the view w has no name; add AS <name> to it"},
		{"CREATE VIEW w AS SELECT k, k FROM t", "4:13: the view w has two columns named k; rename one with AS"},
		{"CREATE VIEW w (a) AS SELECT k, s FROM t", "4:16: the view w names 1 columns, its query has 2"},
		{"CREATE VIEW w AS SELECT NULL AS a FROM t", "4:18: the type of column 1 of this query is not known: it is NULL; write CAST(NULL AS INT) or the like"},
		{"INSERT INTO o SELECT a, s FROM (SELECT k AS a, k AS a, s FROM t)", "4:22: the column a is ambiguous; rename one with AS"},
		{"", "3:1: the script inserts nothing into any table; add INSERT INTO <table> SELECT ..."},
		// types
		{"INSERT INTO o SELECT s, k FROM t", "4:22: column k of o is INT, but the query gives STRING; write CAST(... AS INT)"},
		{"INSERT INTO o SELECT CAST(k AS BIGINT), s FROM t", "4:22: column k of o is INT, but the query gives BIGINT; write CAST(... AS INT)"},
		{"INSERT INTO o SELECT k FROM t", "4:15: the query has 1 columns, but o takes 2"},
		{"INSERT INTO o (s) SELECT k, s FROM t", "4:19: the query has 2 columns, but o takes 1"},
		{"INSERT INTO o (s, s) SELECT k, s FROM t", "4:19: the column s is named twice"},
		{"INSERT INTO o (k, x) SELECT k, s FROM t", "4:19: there is no column x; the columns are k, s"},
		{"INSERT INTO o SELECT k, s FROM t WHERE k", "4:40: the condition of WHERE must be BOOLEAN, not INT; write CAST(... AS BOOLEAN)"},
		{"INSERT INTO o SELECT k, s FROM t WHERE k > s", "4:42: cannot compare INT with STRING; write CAST(... AS INT)"},
		{"INSERT INTO o SELECT k, s FROM t UNION ALL SELECT k FROM t", "4:44: the queries of UNION have different numbers of columns: 2 and 1"},
		{"INSERT INTO o SELECT k, s FROM t UNION ALL SELECT s, s FROM t", "4:44: column 1 of UNION is INT in one query and STRING in another; CAST one of them"},
		// tables
		{"CREATE TABLE x (a INT, a INT)" + with, "4:24: table x has two columns named a"},
		{"CREATE TABLE x (a AS 1)" + with, "4:14: table x has no column that is not computed"},
		{"CREATE TABLE x (a DECIMAL(10, 2))" + with, "4:19: not supported yet: the type DECIMAL(10, 2); use DOUBLE"},
		{"CREATE TABLE x (a TIMESTAMP_LTZ(3))" + with, "4:19: not supported yet: the type TIMESTAMP_LTZ(3); use TIMESTAMP(3)"},
		{"CREATE TABLE x (a INT, b AS c)" + with, "4:29: there is no column c; the columns are a"},
		{"CREATE TABLE x (a INT, b AS SUM(a))" + with, "4:29: the aggregate function SUM is not allowed here; put it into the select list or HAVING of a query with GROUP BY"},
		{"CREATE TABLE x (a STRING, WATERMARK FOR a AS a)" + with, "4:41: the time attribute a must be TIMESTAMP(3), not STRING; add a computed column: ts AS TO_TIMESTAMP(a)"},
		{"CREATE TABLE x (a TIMESTAMP(3), WATERMARK FOR b AS b)" + with, "4:47: there is no column b; the columns are a"},
		{"CREATE TABLE x (a TIMESTAMP(3), WATERMARK FOR a AS a + INTERVAL '1' DAY)" + with, "4:54: not supported yet: this watermark; write a - INTERVAL '5' SECOND or the like"},
		{"CREATE TABLE x (a TIMESTAMP(3), WATERMARK FOR a AS a - INTERVAL '1' MONTH)" + with, "4:56: the delay of a watermark must be a positive number of days or less; write INTERVAL '5' SECOND or the like"},
		{"CREATE TABLE x (a INT) WITH ('format' = 'json')", "4:14: table x has no connector; add 'connector' = 'filesystem' or the like to WITH"},
		{"CREATE TABLE x (a INT) WITH ('connector' = 'y', 'connector' = 'z')", "4:49: the option 'connector' of table x is set twice"},
		{"CREATE TABLE x (a INT) WITH ('connector' = 'y', 'properties.sasl.jaas.config' = 'p')", "4:81: the option 'properties.sasl.jaas.config' of table x holds a secret in the text; leave it out: credentials are taken from the environment, in pods from spec.checkpoint.credentialsSecret"},
		// windows
		{"INSERT INTO o SELECT k, s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(other), INTERVAL '1' HOUR))", "4:65: the column other of t is not a time attribute; declare WATERMARK FOR other AS other - INTERVAL '5' SECOND in the table, and select the column as it is"},
		{"INSERT INTO o SELECT k, s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), 5))", "4:70: SIZE of TUMBLE must be an INTERVAL; write INTERVAL '1' HOUR or the like"},
		{"INSERT INTO o SELECT k, s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MONTH))", "4:70: months and years are not always equally long: they make no windows; use days or less"},
		{"INSERT INTO o SELECT k, s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts)))", "4:38: TUMBLE lacks the argument SIZE; write TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR)"},
		{"INSERT INTO o SELECT k, s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), GAP => INTERVAL '1' HOUR))", "4:70: TUMBLE has no parameter GAP"},
		{"INSERT INTO o SELECT k, s FROM TABLE(HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '2' MINUTE, INTERVAL '3' MINUTE))", "4:88: the size of a hopping window (3 min) must be a multiple of its slide (2 min)"},
		{"INSERT INTO o SELECT k, s FROM TABLE(HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '0.001' SECOND, INTERVAL '1' DAY))", "4:92: a slide of 1 ms puts each row into 86400000 windows of 1 d; at most 100000 are possible"},
		{"INSERT INTO o SELECT k, s FROM TABLE(FOO(TABLE t))", "4:38: there is no table function FOO; TUMBLE, HOP and CUMULATE are supported"},
		{"CREATE VIEW w AS SELECT * " + window + ";INSERT INTO o SELECT k, s FROM TABLE(TUMBLE(TABLE w, DESCRIPTOR(window_time), INTERVAL '1' DAY))", "4:154: not supported yet: a window over the rows of another window; aggregate the inner window first"},
		{"INSERT INTO o SELECT k, s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '60' MINUTE))", "4:89: the offset of a window must be less than its size; write the rest of dividing it by the size, which makes the same windows"},
		{"INSERT INTO o SELECT k, s FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), SIZE => INTERVAL '1' HOUR, `OFFSET` => INTERVAL -'1' HOUR))", "4:97: the offset of a window must be less than its size; write the rest of dividing it by the size, which makes the same windows"},
		// WITH
		{"INSERT INTO o WITH x AS (SELECT k FROM t), x AS (SELECT k FROM x) SELECT k, s FROM x", "4:44: WITH names two queries x; give one of them another name"},
		{"INSERT INTO o WITH x AS (SELECT k FROM y), y AS (SELECT k FROM t) SELECT k, s FROM x", "4:40: there is no table or view y; declare it before it is used"},
		{"INSERT INTO o WITH x AS (SELECT k, s FROM x) SELECT k, s FROM x", "4:43: there is no table or view x; declare it before it is used"},
		{"INSERT INTO o SELECT k, s FROM (WITH x AS (SELECT k, s FROM t) SELECT * FROM x) UNION ALL SELECT k, s FROM x", "4:108: there is no table or view x; declare it before it is used"},
		{"INSERT INTO o WITH x (a, b) AS (SELECT k FROM t) SELECT k, s FROM x", "4:23: the view x names 2 columns, its query has 1"},
		{"INSERT INTO o WITH x AS (SELECT NULL FROM t) SELECT 1, 's' FROM x", "4:26: the type of column 1 of this query is not known: it is NULL; write CAST(NULL AS INT) or the like"},
		{"INSERT INTO o SELECT k, s FROM TABLE(TUMBLE((SELECT k, s, other FROM t), DESCRIPTOR(other), INTERVAL '1' DAY))", "4:85: the column other of this query is not a time attribute; declare WATERMARK FOR other AS other - INTERVAL '5' SECOND in the table, and select the column as it is"},
		// names of columns
		{"INSERT INTO o SELECT k, s FROM t AS x (k, s)", "4:40: x names 2 columns, there are 5"},
		{"INSERT INTO o SELECT k, s FROM (SELECT k, s FROM t) AS x (a, b)", "4:22: there is no column k; the columns are a, b"},
		{"INSERT INTO o SELECT a, s FROM (SELECT k, s FROM t) AS x (a, a)", "4:22: the column a is ambiguous; rename one with AS"},
		{"CREATE VIEW w AS SELECT k FROM t; CREATE TABLE x LIKE w", "4:55: w is a view; name a table"},
		// constraints
		{"CREATE TABLE x (a INT, PRIMARY KEY (b) NOT ENFORCED)" + with, "4:37: there is no column b; the columns are a"},
		{"CREATE TABLE x (a INT, PRIMARY KEY (a, a) NOT ENFORCED)" + with, "4:40: the column a is twice in the primary key; name it once"},
		{"DROP TABLE IF EXISTS t; INSERT INTO o SELECT k, s FROM t", "4:1: not supported yet: DROP TABLE of what the script declares; remove it, and give each table and view a name of its own"},
		{"CREATE TABLE x (d DATE, w TIMESTAMP(3))" + with + "; INSERT INTO x SELECT d, d FROM x", "4:91: column w of x is TIMESTAMP(3), but the query gives DATE; write CAST(... AS TIMESTAMP(3))"},
		{"INSERT INTO o SELECT " + strings.Repeat("k", 300) + ", s FROM t", "4:22: there is no column kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk...; the columns are k, s, ts, other, c"},
		// aggregates
		{"INSERT INTO o SELECT MAX(k), s " + window + " GROUP BY s, window_start", "4:104: not supported yet: aggregates over a part of a window; add window_end to GROUP BY"},
		{"INSERT INTO o SELECT MAX(k), 'a' " + window, "4:15: not supported yet: aggregates over a part of a window; add window_start to GROUP BY"},
		{"INSERT INTO o SELECT k, s " + window + " GROUP BY s, window_start, window_end", "4:22: the column k is neither in GROUP BY nor inside an aggregate function; add it to GROUP BY"},
		{"INSERT INTO o SELECT MAX(k), s " + window + " GROUP BY s, window_start, window_end HAVING c > 1", "4:139: the column c is neither in GROUP BY nor inside an aggregate function; add it to GROUP BY"},
		{"INSERT INTO o SELECT MAX(k), s " + window + " WHERE MAX(k) > 1 GROUP BY s, window_start, window_end", "4:101: the aggregate function MAX is not allowed here; put it into the select list or HAVING of a query with GROUP BY"},
		{"INSERT INTO o SELECT MAX(SUM(k)), s " + window + " GROUP BY s, window_start, window_end", "4:26: an aggregate function cannot stand inside another; compute the inner one in a view"},
		{"INSERT INTO o SELECT SUM(CASE WHEN COUNT(*) > 1 THEN 1 END), s " + window + " GROUP BY s, window_start, window_end", "4:36: an aggregate function cannot stand inside another; compute the inner one in a view"},
		{"INSERT INTO o SELECT COUNT(NOT (SUM(k) > 1)), s " + window + " GROUP BY s, window_start, window_end", "4:33: an aggregate function cannot stand inside another; compute the inner one in a view"},
		{"INSERT INTO o SELECT COUNT(*) FILTER (WHERE MAX(k) > 1), s " + window + " GROUP BY s, window_start, window_end", "4:45: an aggregate function cannot stand inside another; compute the inner one in a view"},
		{"INSERT INTO o SELECT COUNT(DISTINCT k), s " + window + " GROUP BY s, window_start, window_end", "4:22: not supported yet: COUNT(DISTINCT ...) in a window; group by the value in a first window, and aggregate its results in a second"},
		{"INSERT INTO o SELECT 1, MAX(s) " + window + " GROUP BY window_start, window_end", "4:25: not supported yet: MAX of STRING in a window; take it of a number, DATE or TIMESTAMP"},
		{"INSERT INTO o SELECT SUM(s), s " + window + " GROUP BY s, window_start, window_end", "4:22: SUM takes a number, not STRING; write CAST(... AS INT), BIGINT or DOUBLE"},
		{"INSERT INTO o SELECT SUM(*), s " + window + " GROUP BY s, window_start, window_end", "4:22: SUM(*) means nothing; name a column"},
		{"INSERT INTO o SELECT k, s " + window + " GROUP BY 1, s, window_start, window_end", "4:22: the column k is neither in GROUP BY nor inside an aggregate function; add it to GROUP BY"},
		{"INSERT INTO o SELECT k, s FROM t GROUP BY TUMBLE(ts, INTERVAL '1' HOUR)", "4:43: not supported yet: TUMBLE in GROUP BY; write FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), ...)), group by window_start, window_end, and use window_start, window_end or window_time"},
		{"INSERT INTO o SELECT k, s FROM t HAVING k > 1", "4:43: HAVING needs GROUP BY; use WHERE"},
		{"INSERT INTO o SELECT /*+ UID('x') */ k, s FROM t", "4:30: this query has no state that a uid could name; remove the hint"},
	} {
		_, err := build(tables + c.text)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s\ngot  %v\nwant %s", c.text, err, c.want)
		}
	}
}

// state describes the aggregates of the first INSERT of a script, innermost last.
func states(t *testing.T, text string) string {
	t.Helper()
	p, err := build(text)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	var visit func(r *logical.Relation)
	visit = func(r *logical.Relation) {
		switch op := r.Op.(type) {
		case *logical.Calc:
			visit(op.Input)
		case *logical.Window:
			visit(op.Input)
		case *logical.Union:
			for _, in := range op.Inputs {
				visit(in)
			}
		case *logical.Aggregate:
			out = append(out, op.UID+"\n"+op.Fingerprint())
			visit(op.Input)
		}
	}
	visit(p.Inserts[0].Input)
	return strings.Join(out, "\n\n")
}

const oneState = `CREATE TABLE f (` + "`date`" + ` TIMESTAMP(3), delay INT, origin STRING, hour AS EXTRACT(HOUR FROM ` + "`date`" + `), WATERMARK FOR ` + "`date` AS `date`" + ` - INTERVAL '28' HOUR) WITH ('connector' = 'x');
CREATE TABLE o (a STRING, b BIGINT, c INT) WITH ('connector' = 'x');
`

func TestUIDsComeFromNamesInTheText(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a view has its own", `CREATE VIEW w AS SELECT origin, COUNT(*) AS n, window_time AS t FROM TABLE(HOP(TABLE f, DESCRIPTOR(` + "`date`" + `), INTERVAL '5' MINUTE, INTERVAL '1' HOUR)) GROUP BY origin, window_start, window_end, window_time;
			INSERT INTO o SELECT 'all', SUM(n), 0 FROM TABLE(TUMBLE(TABLE w, DESCRIPTOR(t), INTERVAL '1' DAY)) GROUP BY window_start, window_end`,
			"o/aggregate.1\nwindow TUMBLE(window_time of HOP(date, slide 5 min, size 1 h), 1 d)\naggregate SUM(COUNT(*) BIGINT)\n\nw/aggregate.1\nkey origin STRING\nwindow HOP(date, slide 5 min, size 1 h)\naggregate COUNT(*)"},
		{"a subquery and a union have paths", `INSERT INTO o SELECT a, n, 1 FROM (SELECT origin AS a, COUNT(delay) AS n FROM TABLE(TUMBLE(TABLE f, DESCRIPTOR(` + "`date`" + `), INTERVAL '1' HOUR)) GROUP BY origin, window_start, window_end) AS sub
			UNION ALL SELECT origin, n, 2 FROM (SELECT /*+ UID('mine') */ origin, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE f, DESCRIPTOR(` + "`date`" + `), INTERVAL '1' HOUR)) GROUP BY origin, window_start, window_end)`,
			"o/union.1/sub/aggregate.1\nkey origin STRING\nwindow TUMBLE(date, 1 h)\naggregate COUNT(delay INT)\n\nmine\nkey origin STRING\nwindow TUMBLE(date, 1 h)\naggregate COUNT(*)"},
		{"a query that WITH names has its own", `INSERT INTO o WITH w AS (WITH f AS (SELECT origin AS a, ` + "`date`" + ` AS t FROM f) SELECT a, COUNT(*) AS n, window_time AS t FROM TABLE(TUMBLE(TABLE f, DESCRIPTOR(t), INTERVAL '5' MINUTE)) GROUP BY a, window_start, window_end, window_time)
			SELECT 'all', SUM(n), 0 FROM TABLE(TUMBLE((SELECT n, t FROM w WHERE a > 'b'), DESCRIPTOR(t), INTERVAL '1' DAY)) GROUP BY window_start, window_end`,
			"o/aggregate.1\nwindow TUMBLE(window_time of TUMBLE(date, 5 min), 1 d)\naggregate SUM(COUNT(*) BIGINT)\n\no/with.w/aggregate.1\nkey origin STRING\nwindow TUMBLE(date, 5 min)\naggregate COUNT(*)"},
	} {
		if got := states(t, oneState+c.text); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}
