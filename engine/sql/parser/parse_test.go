package parser

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// dump writes an expression with all its parentheses.
func dump(e Expr) string {
	switch e := e.(type) {
	case nil:
		return ""
	case *Column:
		if e.Table != "" {
			return e.Table + "." + e.Name
		}
		return e.Name
	case *Literal:
		if e.Kind == StringLiteral || e.Kind == DateLiteral || e.Kind == TimestampLiteral {
			return "'" + e.Text + "'"
		}
		if e.Kind == NullLiteral {
			return "NULL"
		}
		return e.Text
	case *Interval:
		return "<" + strings.TrimSpace(e.Text+" "+e.Unit+" "+e.To) + ">"
	case *Unary:
		return "(" + e.Op + " " + dump(e.X) + ")"
	case *Binary:
		return "(" + dump(e.L) + " " + e.Op + " " + dump(e.R) + ")"
	case *Logical:
		return "(" + dumpAll(e.Args, " "+e.Op+" ") + ")"
	case *Is:
		return fmt.Sprintf("(%s is %s not=%v)", dump(e.X), e.What, e.Not)
	case *Between:
		return fmt.Sprintf("(%s between %s %s not=%v)", dump(e.X), dump(e.Low), dump(e.High), e.Not) + map[bool]string{true: "~"}[e.Symmetric]
	case *In:
		return fmt.Sprintf("(%s in [%s] not=%v)", dump(e.X), dumpAll(e.List, " "), e.Not)
	case *Like:
		return fmt.Sprintf("(%s like %s escape=%s not=%v)", dump(e.X), dump(e.Pattern), dump(e.Escape), e.Not)
	case *Case:
		s := "(case " + dump(e.Operand)
		for _, w := range e.Whens {
			s += " when " + dumpAll(append([]Expr{w.Cond}, w.Or...), ",") + " then " + dump(w.Then)
		}
		return s + " else " + dump(e.Else) + ")"
	case *Cast:
		return fmt.Sprintf("cast(%s %s%v try=%v)", dump(e.X), e.Type.Name, e.Type.Args, e.Try)
	case *Call:
		return strings.TrimSpace(fmt.Sprintf("%s %s", e.Name, e.Unit)) + map[bool]string{true: "*"}[e.Star] + map[bool]string{true: " distinct "}[e.Distinct] + "(" + dumpAll(e.Args, ", ") + ")"
	}
	return fmt.Sprintf("?%T", e)
}

func dumpAll(es []Expr, between string) string {
	parts := make([]string, len(es))
	for i, e := range es {
		parts[i] = dump(e)
	}
	return strings.Join(parts, between)
}

func TestOperatorsBindAsTheStandardSays(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"a + b * c - d", "((a + (b * c)) - d)"},
		{"a OR b AND NOT c = d", "(a OR (b AND (NOT (c = d))))"},
		{"NOT a IS NULL", "(NOT (a is NULL not=false))"},
		{"-a * -1", "((- a) * -1)"},
		{"a || b + c", "((a || b) + c)"},
		{"a BETWEEN 1 AND 2 AND b", "((a between 1 2 not=false) AND b)"},
		{"a NOT IN (1, 2 + 3)", "(a in [1 (2 + 3)] not=true)"},
		{"a NOT LIKE 'x%' ESCAPE '!'", "(a like 'x%' escape='!' not=true)"},
		{"a != b", "(a <> b)"},
		{"a IS NOT DISTINCT FROM b OR c", "((a IS NOT DISTINCT FROM b) OR c)"},
		{"CASE a WHEN 1 THEN 'x' ELSE b END", "(case a when 1 then 'x' else b)"},
		{"CASE a WHEN 1, 2 THEN b WHEN c THEN d END", "(case a when 1,2 then b when c then d else )"},
		{"a BETWEEN SYMMETRIC 1 AND 2 OR b", "((a between 1 2 not=false)~ OR b)"},
		{"ts + INTERVAL '1 2' DAYS TO HOUR", "(ts + <1 2 DAY HOUR>)"},
		{"OVERLAY(a PLACING b FROM 1 FOR 2)", "OVERLAY(a, b, 1, 2)"},
		{"CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP()"},
		{"`current_date`", "current_date"},
		{"CAST(a AS TIMESTAMP(3))", "cast(a TIMESTAMP[3] try=false)"},
		{"TRY_CAST(a AS DOUBLE PRECISION)", "cast(a DOUBLE[] try=true)"},
		{"ts - INTERVAL '5' MINUTES", "(ts - <5 MINUTE>)"},
		{"INTERVAL -'5' DAY(2)", "<-5 DAY>"},
		{"DATE '2001-01-01' < TIMESTAMP '2001-01-01 00:00:00'", "('2001-01-01' < '2001-01-01 00:00:00')"},
		{"COUNT(*)", "COUNT*()"},
		{"COUNT(DISTINCT a)", "COUNT distinct (a)"},
		{"EXTRACT(hour FROM ts)", "EXTRACT HOUR(ts)"},
		{"FLOOR(ts TO MONTH)", "FLOOR MONTH(ts)"},
		{"TRIM(BOTH 'x' FROM a)", "TRIM BOTH(a, 'x')"},
		{"TRIM(a)", "TRIM(a)"},
		{"SUBSTRING(a FROM 2 FOR 3)", "SUBSTRING(a, 2, 3)"},
		{"POSITION('x' IN a)", "POSITION('x', a)"},
		{"LEFT(a, 1)", "LEFT(a, 1)"},
		{"IF(a, b, c)", "IF(a, b, c)"},
		{"TIMESTAMPDIFF(DAYS, a, b)", "TIMESTAMPDIFF DAY(a, b)"},
		{"t.`a b`", "t.a b"},
		{"date", "date"},
		{"'it''s' /* c */ || -- rest\n 'x'", "('it's' || 'x')"},
	} {
		t.Run(c.text, func(t *testing.T) {
			s, err := Parse("INSERT INTO o SELECT " + c.text + " FROM t")
			if err != nil {
				t.Fatal(err)
			}
			if got := dump(s[0].(*Insert).Query.(*Select).Items[0].Expr); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestAScriptBecomesATreeWithPlaces(t *testing.T) {
	s, err := Parse("-- flights\nCREATE TABLE `t` (a INT COMMENT 'x', ü AS a + 1,\n  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) COMMENT 'y' WITH ('k' = 'v');\n" +
		"CREATE VIEW v (x) AS SELECT a AS x FROM t;;\n" +
		"EXECUTE STATEMENT SET BEGIN INSERT INTO o (x, y) SELECT /*+ UID('u') */ v.*, COUNT(*) n FROM v AS w WHERE x > 1 GROUP BY x HAVING COUNT(*) > 2; END;\n" +
		"INSERT INTO o SELECT * FROM TABLE(HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '1' HOUR)) UNION ALL (SELECT a FROM (SELECT a FROM t) x)")
	if err != nil {
		t.Fatal(err)
	}
	table := s[0].(*CreateTable)
	if table.Pos != (Pos{2, 1}) || table.Columns[1].Pos != (Pos{2, 38}) || table.Columns[1].Computed.At() != (Pos{2, 45}) || table.Watermark.Pos != (Pos{3, 3}) {
		t.Errorf("places of the table: %+v", table)
	}
	if want := []Option{{Pos{3, 67}, "k", "v", Pos{3, 73}}}; !reflect.DeepEqual(table.Options, want) {
		t.Errorf("options %v, want %v", table.Options, want)
	}
	first := s[2].(*Insert)
	q := first.Query.(*Select)
	if q.UID.Text != "u" || !q.Items[0].Star || q.Items[0].Table.Text != "v" || q.Items[1].Alias.Text != "n" || q.From.(*TableRef).Alias.Name.Text != "w" || len(q.GroupBy) != 1 || q.Having == nil {
		t.Errorf("the query: %+v", q)
	}
	u := s[3].(*Insert).Query.(*Union)
	tvf := u.Queries[0].(*Select).From.(*WindowTVF)
	if tvf.Function != "HOP" || len(tvf.Args) != 4 || tvf.Args[1].Descriptor[0].Text != "ts" || tvf.Pos != (Pos{6, 35}) {
		t.Errorf("the windowing function: %+v", tvf)
	}
	if len(u.Queries) != 2 {
		t.Errorf("the union has %d queries", len(u.Queries))
	}
}

func TestWrongTextIsRefusedWithItsPlace(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"SELECT 1 FROM t", "1:1: the rows of this query go nowhere; write INSERT INTO <table> SELECT ..."},
		{"FOO", `1:1: expected CREATE TABLE, CREATE VIEW, INSERT INTO or EXECUTE STATEMENT SET, found "FOO"`},
		{"SET 'a' = 'b'", "1:5: not supported yet: SET 'a'; set job options in the manifest"},
		{"DROP TABLE t", "1:1: not supported yet: DROP TABLE without IF EXISTS; remove it: nothing outlives a script that it could drop"},
		{"CREATE FUNCTION f AS 'x'", "1:1: not supported yet: CREATE FUNCTION; a script has CREATE TABLE, CREATE VIEW, INSERT INTO and EXECUTE STATEMENT SET"},
		{"INSERT OVERWRITE t SELECT 1", "1:1: not supported yet: INSERT OVERWRITE; a script has CREATE TABLE, CREATE VIEW, INSERT INTO and EXECUTE STATEMENT SET"},
		{"CREATE TABLE t (a INT) WITH ('a' = 1)", `1:36: expected the value of the option in '...', found "1"`},
		{"CREATE TABLE t (a INT)", "1:23: expected WITH, found the end of the text"},
		{"CREATE TABLE t WITH ('a' = 'b')", "1:32: expected LIKE, found the end of the text"},
		{"CREATE TABLE t", "1:15: expected (, found the end of the text"},
		{"CREATE TABLE t LIKE u (ALL)", `1:24: expected INCLUDING, EXCLUDING, OVERWRITING or ), found "ALL"`},
		{"CREATE TABLE t LIKE u (INCLUDING ALL EXCLUDING)", `1:47: expected ALL, CONSTRAINTS, GENERATED, OPTIONS or WATERMARKS, found ")"`},
		{"CREATE TABLE t LIKE u (OVERWRITING CONSTRAINTS)", "1:24: OVERWRITING CONSTRAINTS means nothing; write INCLUDING or EXCLUDING"},
		{"CREATE TABLE t (a INT METADATA FROM offset) WITH ('a' = 'b')", "1:37: expected the key of the metadata in '...', found \"offset\""},
		{"CREATE TABLE t (a AS 1 NOT NULL) WITH ('a' = 'b')", "1:24: not supported yet: NOT NULL on a computed column; remove it; COALESCE gives a value instead of NULL"},
		{"CREATE TABLE t (a INT, UNIQUE (a)) WITH ('a' = 'b')", "1:24: not supported yet: UNIQUE; remove it; nothing would check it"},
		{"CREATE TABLE t (a INT, PRIMARY KEY (a)) WITH ('a' = 'b')", "1:24: not supported yet: a PRIMARY KEY that is enforced; write NOT ENFORCED behind it; nothing checks that keys are unique"},
		{"CREATE TABLE t (a INT PRIMARY KEY NOT ENFORCED, b INT, CONSTRAINT c PRIMARY KEY (b) NOT ENFORCED) WITH ('a' = 'b')", "1:69: table t has two primary keys; remove one"},
		{"CREATE TABLE t WITH ('a' = 'b') AS SELECT 1", "1:33: not supported yet: CREATE TABLE ... AS SELECT; declare the columns, and write INSERT INTO ... SELECT"},
		{"CREATE TABLE t AS SELECT 1", "1:16: not supported yet: CREATE TABLE ... AS SELECT; declare the columns, and write INSERT INTO ... SELECT"},
		{"DROP TABLE t", "1:1: not supported yet: DROP TABLE without IF EXISTS; remove it: nothing outlives a script that it could drop"},
		{"DROP FUNCTION IF EXISTS f", "1:1: not supported yet: DROP FUNCTION; remove it: nothing outlives a script that it could drop"},
		{"SET 'table.local-time-zone' = 'Europe/Oslo'", "1:31: not supported yet: SET 'table.local-time-zone' to anything but 'UTC'; remove it"},
		{"SET 'parallelism.default' = '2'", "1:5: not supported yet: SET 'parallelism.default'; set job options in the manifest"},
		{"INSERT INTO o SELECT a FROM t INTERSECT SELECT a FROM t", "1:31: not supported yet: INTERSECT; of set operations there are UNION and UNION ALL"},
		{"INSERT INTO o SELECT a FROM t MATCH_RECOGNIZE (PARTITION BY a)", "1:31: not supported yet: MATCH_RECOGNIZE"},
		{"INSERT INTO o SELECT a FROM TABLE(SESSION(TABLE t PARTITION BY a, DESCRIPTOR(ts), INTERVAL '1' HOUR))", "1:43: not supported yet: SESSION windows; TUMBLE, HOP and CUMULATE are supported"},
		{"INSERT INTO o SELECT JSON_OBJECT('a' VALUE b) FROM t", "1:22: not supported yet: the function JSON_OBJECT; declare what is needed as columns of the table; a STRING column holds JSON text"},
		{"INSERT INTO o SELECT a IS JSON FROM t", "1:27: not supported yet: IS JSON; use REGEXP to test a text"},
		{"INSERT INTO o SELECT X'41' FROM t", `1:22: not supported yet: binary literals; write the text as a string, or its characters as U&'\0041'`},
		{`INSERT INTO o SELECT U&'\00' FROM t`, `1:22: an escape in the string is not the number of a character; write U&'\0041', or U&'\+01F600'`},
		{"CREATE TABLE t (a INT) PARTITIONED BY (a) WITH ('a' = 'b')", "1:24: not supported yet: PARTITIONED in CREATE TABLE; remove it; a table is written to one folder"},
		{"CREATE TABLE t (a ARRAY<INT>) WITH ('a' = 'b')", "1:19: not supported yet: the type ARRAY; declare a STRING to read it as JSON text"},
		{"CREATE TABLE t (a ROW(b INT)) WITH ('a' = 'b')", "1:19: not supported yet: the type ROW; declare a STRING to read it as JSON text"},
		{"INSERT INTO o SELECT 1", "1:23: not supported yet: a query without FROM; read from a table"},
		{"INSERT INTO o SELECT ARRAY[1] FROM t", "1:22: not supported yet: arrays, maps and rows"},
		{"INSERT INTO o SELECT CASE WHEN a, b THEN 1 END FROM t", `1:33: expected THEN, found ","`},
		{"CREATE TABLE c.d.t (a INT) WITH ('a' = 'b')", "1:14: not supported yet: catalogs and databases in names; write the table's name alone"},
		{"CREATE TABLE select (a INT) WITH ('a' = 'b')", "1:14: expected the name of the table, found the reserved word SELECT; write `select` to use it as a name"},
		{"INSERT INTO o SELECT a FROM t ORDER BY a", "1:31: not supported yet: ORDER BY (a stream has no end to sort or count to); remove it, and sort or cut what is written"},
		{"INSERT INTO o SELECT a FROM t EXCEPT SELECT a FROM t", "1:31: not supported yet: EXCEPT; of set operations there are UNION and UNION ALL"},
		{"INSERT INTO o SELECT (SELECT 1 FROM t) FROM t", "1:23: not supported yet: a subquery as a value"},
		{"INSERT INTO o VALUES (1)", "1:15: not supported yet: VALUES; read the rows from a table"},
		{"WITH x AS (SELECT 1 FROM t) SELECT * FROM x", "1:1: the rows of this query go nowhere; write INSERT INTO <table> WITH ..."},
		{"INSERT INTO o WITH RECURSIVE x AS (SELECT 1 FROM t) SELECT * FROM x", "1:20: not supported yet: WITH RECURSIVE"},
		{"INSERT INTO o WITH x (SELECT 1 FROM t) SELECT * FROM x", "1:23: expected a column, found the reserved word SELECT; write `SELECT` to use it as a name"},
		{"INSERT INTO o WITH x AS SELECT 1 FROM t SELECT * FROM x", `1:25: expected (, found "SELECT"`},
		{"INSERT INTO o WITH x AS (SELECT 1 FROM t), SELECT * FROM x", "1:44: expected the name of a query, found the reserved word SELECT; write `SELECT` to use it as a name"},
		{"INSERT INTO o WITH x AS (SELECT 1 FROM t)", `1:42: expected SELECT, found the end of the text`},
		{"INSERT INTO o SELECT a FROM t GROUP BY CUBE (a)", "1:40: not supported yet: CUBE; write one query for each set of columns, joined by UNION ALL"},
		{"INSERT INTO o SELECT /*+ OPTIONS('a'='b') */ a FROM t", `1:26: not supported yet: the hint "OPTIONS"; the only hint is /*+ UID('x') */`},
		{"INSERT INTO o SELECT a b c FROM t", `1:26: expected FROM or a comma, found "c"`},
		{"INSERT INTO o SELECT 'a FROM t", "1:22: the string is not closed; add '"},
		{"INSERT INTO o SELECT `a FROM t", "1:22: the name is not closed; add `"},
		{"INSERT INTO o SELECT /* a FROM t", "1:22: the comment is not closed; add */"},
		{"INSERT INTO o SELECT \"a\" FROM t", "1:22: unexpected character '\"'; write strings in '...' and names in `...`"},
		{"INSERT INTO o SELECT 1.2.3 FROM t", `1:22: "1.2." is not a number; write digits such as 12, 1.5 or 1e3`},
		{"INSERT INTO o SELECT 'äöü' ? FROM t", "1:28: unexpected character '?'"},
		{"INSERT INTO o\nSELECT a,\n  FROM t", "3:3: expected an expression, found the reserved word FROM; write `FROM` to use it as a name"},
		{"INSERT INTO o SELECT a FROM TABLE(TUMBLE(TABLE (SELECT 1 FROM t, DESCRIPTOR(ts), INTERVAL '1' DAY))", "1:66: expected a table or view, found the reserved word DESCRIPTOR; write `DESCRIPTOR` to use it as a name"},
		{"EXECUTE STATEMENT SET BEGIN END", "1:29: the statement set has no INSERT"},
		{"INSERT INTO o SELECT a[1] FROM t", `1:23: expected FROM or a comma, found "["`},
		{"\xff", "1:1: the SQL text is not UTF-8; save the file as UTF-8"},
		{"ab\n c\xff", "2:3: the SQL text is not UTF-8; save the file as UTF-8"},
	} {
		_, err := Parse(c.text)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s\ngot  %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestHostileTextIsRefusedQuickly(t *testing.T) {
	deep := "the SQL text is more than 200 levels deep; split it with views or computed columns"
	long := "the limit is 262144 (256 KiB); split it into several jobs"
	in := func(s string) string { return "INSERT INTO o SELECT " + s + " FROM t" }
	for _, c := range []struct{ name, text, want string }{
		{"five million parentheses", strings.Repeat("(", 5_000_000), long},
		{"parentheses up to the limit of the text", in(strings.Repeat("(", 250_000)), deep},
		{"a chain of operators", in("1" + strings.Repeat("+1", 120_000)), deep},
		{"a chain of signs", in(strings.Repeat("- ", 120_000) + "1"), deep},
		{"a chain of NOT", in(strings.Repeat("NOT ", 60_000) + "a"), deep},
		{"a chain of IS NULL", in("a" + strings.Repeat(" IS NULL", 30_000)), deep},
		{"nested functions", in(strings.Repeat("f(", 120_000)), deep},
		{"nested CASE", in(strings.Repeat("CASE WHEN ", 25_000)), deep},
		{"nested subqueries", "INSERT INTO o " + strings.Repeat("SELECT a FROM (", 17_000), deep},
		{"nested queries in parentheses", "INSERT INTO o " + strings.Repeat("(", 250_000), deep},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			_, err := Parse(c.text)
			if err == nil || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("got %v, want ... %s", err, c.want)
			}
			t.Logf("refused after %v", time.Since(start))
		})
	}
	for _, fine := range []string{
		strings.Repeat("(", 190) + "1" + strings.Repeat(")", 190),
		"1" + strings.Repeat("+1", 190),
		"a" + strings.Repeat(" OR a", 40_000),
		"a IN (1" + strings.Repeat(",1", 100_000) + ")",
	} {
		if _, err := Parse(in(fine)); err != nil {
			t.Errorf("%.20s...: %v", fine, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"CREATE TABLE t (a INT, b AS a + 1, WATERMARK FOR ts AS ts - INTERVAL '5' SECOND) WITH ('k' = 'v');",
		"CREATE VIEW v AS SELECT * FROM t UNION ALL SELECT CASE WHEN a IN (1, 2) THEN TRIM(BOTH 'x' FROM b) END FROM u",
		"INSERT INTO o SELECT /*+ UID('x') */ a, COUNT(*) FROM TABLE(TUMBLE(DATA => TABLE t, TIMECOL => DESCRIPTOR(ts), SIZE => INTERVAL '1' HOUR)) GROUP BY a",
		"CREATE TABLE t (b AS a + 1) WITH ('k' = 'w') LIKE u (INCLUDING ALL OVERWRITING OPTIONS EXCLUDING CONSTRAINTS); INSERT INTO o SELECT a FROM t AS u (a, b)",
		"INSERT INTO o WITH x AS (SELECT 1 FROM t), y (b) AS (WITH z AS (SELECT a FROM x) SELECT a FROM z) SELECT * FROM TABLE(TUMBLE((SELECT * FROM y), DESCRIPTOR(b), INTERVAL '1' DAY))",
		"EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 'é' || `q` FROM b; END", "/*", "'", "1e+", "((((((",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		statements, err := Parse(text)
		if err == nil {
			return
		}
		if statements != nil {
			t.Error("statements beside an error")
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("an error of type %T", err)
		}
		if lines := strings.Count(text, "\n") + 1; e.Line < 1 || e.Line > lines || e.Column < 1 || e.Column > len(text)+1 {
			t.Errorf("%v lies outside of the text", err)
		}
		if strings.ContainsAny(e.Error(), "\r\n") {
			t.Errorf("the message has several lines: %q", e.Error())
		}
	})
}
