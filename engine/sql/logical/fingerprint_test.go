package logical_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/sql/bind"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
)

func bound(t *testing.T, text string) *logical.Plan {
	t.Helper()
	script, err := parser.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := bind.Script(script)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// aggregates are the outermost aggregates of the INSERTs of a script, one for each.
func aggregates(t *testing.T, text string) (out []*logical.Aggregate) {
	t.Helper()
	for _, in := range bound(t, text).Inserts {
		r := in.Input
		for {
			calc, ok := r.Op.(*logical.Calc)
			if !ok {
				break
			}
			r = calc.Input
		}
		out = append(out, r.Op.(*logical.Aggregate))
	}
	return out
}

func TestFingerprintsAreExpandedToColumnsOfTables(t *testing.T) {
	const tables = `CREATE TABLE f (` + "`date`" + ` TIMESTAMP(3), delay INT, origin STRING, hour AS EXTRACT(HOUR FROM ` + "`date`" + `), WATERMARK FOR ` + "`date` AS `date`" + ` - INTERVAL '28' HOUR) WITH ('connector' = 'x');
CREATE TABLE o (a STRING, b BIGINT, c INT) WITH ('connector' = 'x');
`
	want := `key origin STRING
key EXTRACT_HOUR(date) BIGINT
window TUMBLE(date, 1 h)
aggregate COUNT(*)
aggregate MAX((delay + 1) INT)`
	for _, c := range []struct{ name, text string }{
		{"plain", `INSERT INTO o SELECT origin, COUNT(*), MAX(delay + 1) FROM TABLE(TUMBLE(TABLE f, DESCRIPTOR(` + "`date`" + `), INTERVAL '1' HOUR)) GROUP BY origin, hour, window_start, window_end`},
		{"aliases are renamed", `CREATE VIEW v AS SELECT origin AS x, delay + 1 AS y, hour AS z, ` + "`date`" + ` AS t FROM f;
			INSERT INTO o SELECT q.x, COUNT(*) AS n, MAX(q.y) FROM TABLE(TUMBLE(TABLE v, DESCRIPTOR(t), INTERVAL '60' MINUTE)) AS q GROUP BY window_end, q.x, z, window_start`},
		{"the filters, HAVING and the projection are others", `INSERT INTO o SELECT UPPER(origin), COUNT(*) + 1, MAX(delay + 1) FROM TABLE(TUMBLE(TABLE f, DESCRIPTOR(` + "`date`" + `), INTERVAL '1' HOUR))
			WHERE delay > 3 GROUP BY origin, hour, window_start, window_end HAVING COUNT(*) > 4`},
	} {
		if got := aggregates(t, tables+c.text)[0].Fingerprint(); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, want)
		}
	}
}

func TestAnAdvisoryFingerprintSaysWhichRowsAreInAState(t *testing.T) {
	const (
		tables = "CREATE TABLE a (v INT, s STRING, ts TIMESTAMP(3), twice AS v * 2, WATERMARK FOR ts AS ts) WITH ('connector' = 'x');\n" +
			"CREATE TABLE `b \"2\"` (v INT, s STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'x');\n" +
			"CREATE TABLE o (n BIGINT) WITH ('connector' = 'x');\n"
		over = " DESCRIPTOR(ts), INTERVAL '1' HOUR))"
		by   = " GROUP BY window_start, window_end"
	)
	plain := "INSERT INTO o SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE a," + over + by + ";"
	where := func(condition string) string {
		return "INSERT INTO o SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE a," + over + " WHERE " + condition + by + ";"
	}
	view := func(body, rest string) string {
		return "CREATE VIEW v AS " + body + "; INSERT INTO o SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE v," + over + rest + by + ";"
	}
	for _, c := range []struct{ name, text, want string }{
		{"a table", plain, "table \"a\"\nrows \"a\"\ngives COUNT(*)"},
		{"a table with another name", strings.Replace(plain, "TABLE a", "TABLE `b \"2\"`", 1), "table \"b \\\"2\\\"\"\nrows \"b \\\"2\\\"\"\ngives COUNT(*)"},
		{"conditions in their own order", where("v < 50 AND s = 'x' AND v < 50"), "table \"a\"\nrows \"a\" where (s = 'x') and (v < 50)\ngives COUNT(*)"},
		{"a computed column in a condition", where("twice > 4"), "table \"a\"\nrows \"a\" where ((v * 2) > 4)\ngives COUNT(*)"},
		{"a view's condition and its own", view("SELECT v AS w, ts FROM a WHERE v > 1", " WHERE w < 9"), "table \"a\"\nrows \"a\" where (v > 1) where (v < 9)\ngives COUNT(*)"},
		{"a union, whose order says nothing", view("SELECT v, ts FROM a UNION ALL SELECT v, ts FROM `b \"2\"` WHERE v = 1", ""),
			"table \"a\"\ntable \"b \\\"2\\\"\"\nrows ((v, ts of \"a\") union all (v, ts of \"b \\\"2\\\"\" where (v = 1)))\ngives COUNT(*)"},
		{"the union turned round", view("SELECT v, ts FROM `b \"2\"` WHERE v = 1 UNION ALL SELECT v, ts FROM a", ""),
			"table \"a\"\ntable \"b \\\"2\\\"\"\nrows ((v, ts of \"a\") union all (v, ts of \"b \\\"2\\\"\" where (v = 1)))\ngives COUNT(*)"},
		{"HAVING and the select list", "INSERT INTO o SELECT COUNT(*) + 1 FROM TABLE(TUMBLE(TABLE a," + over + by + " HAVING COUNT(*) > 3 AND MAX(v) < 7;",
			"table \"a\"\nrows \"a\"\ngives (COUNT(*) + 1) where (COUNT(*) > 3) and (MAX(v INT) < 7)"},
		{"a window of a window", "CREATE VIEW v AS SELECT COUNT(*) AS n, window_time AS ts FROM TABLE(TUMBLE(TABLE a," + over + " WHERE v > 1 GROUP BY window_start, window_end, window_time HAVING COUNT(*) > 2;" +
			"INSERT INTO o SELECT SUM(n) FROM TABLE(TUMBLE(TABLE v," + over + by + ";",
			"table \"a\"\nrows (window TUMBLE(ts, 1 h), aggregate COUNT(*) of \"a\" where (v > 1)) where (COUNT(*) > 2)\ngives SUM(COUNT(*) BIGINT)"},
	} {
		if got := aggregates(t, tables+c.text)[0].Advisory; got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
	// Which column of a union is which is told by the branches: these have equal columns, and other rows.
	union := func(first, second string) string {
		return aggregates(t, tables+"CREATE VIEW v AS SELECT "+first+" AS k, ts FROM a UNION ALL SELECT "+second+" AS k, ts FROM `b \"2\"`;"+
			"INSERT INTO o SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE v,"+over+" WHERE k > 1"+by+";")[0].Advisory
	}
	if union("v", "CHAR_LENGTH(s)") == union("CHAR_LENGTH(s)", "v") {
		t.Error("two unions of other columns say the same")
	}
}

// TestAdvisoryFingerprintsStayShort: views of unions of views double what is to be said each time.
func TestAdvisoryFingerprintsStayShort(t *testing.T) {
	var text strings.Builder
	text.WriteString("CREATE TABLE a (v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'x');CREATE TABLE o (n BIGINT) WITH ('connector' = 'x');CREATE VIEW v0 AS SELECT * FROM a;")
	for i := range 60 {
		text.WriteString(strings.NewReplacer("{i}", strconv.Itoa(i), "{n}", strconv.Itoa(i+1)).Replace("CREATE VIEW v{n} AS SELECT * FROM v{i} UNION ALL SELECT * FROM v{i};"))
	}
	text.WriteString("INSERT INTO o SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE v60, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY window_start, window_end")
	if got := aggregates(t, text.String())[0].Advisory; len(got) > 3*4096 || !strings.Contains(got, "sha256:") {
		t.Errorf("%d characters: %.200s", len(got), got)
	}
}
