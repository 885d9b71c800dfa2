package bind

import (
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/logical"
)

const declared = `CREATE TABLE n (k INT NOT NULL, s STRING, at STRING NOT NULL, ts AS TO_TIMESTAMP(at), d AS k * 2, WATERMARK FOR ts AS ts) WITH ('connector' = 'x');
CREATE TABLE m (k INT, s STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'x');
CREATE TABLE o (k INT) WITH ('connector' = 'x');
`

func TestAViewKnowsWhichColumnsMayBeNull(t *testing.T) {
	const window = "FROM TABLE(TUMBLE(TABLE n, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY window_start, window_end, window_time"
	for _, c := range []struct{ query, want string }{
		{"SELECT * FROM n", "INT NOT NULL, STRING, STRING NOT NULL, TIMESTAMP(3), INT NOT NULL"},
		{"SELECT * FROM m", "INT NOT NULL, STRING"},
		{"SELECT k, k + 1 AS a, s, s || at AS b FROM n WHERE s IS NOT NULL", "INT NOT NULL, INT NOT NULL, STRING, STRING"},
		{"SELECT k FROM n UNION ALL SELECT k FROM m", "INT NOT NULL"},
		{"SELECT k FROM n UNION ALL SELECT k FROM o", "INT"},
		{"SELECT k FROM o UNION ALL SELECT k FROM n", "INT"},
		{"SELECT k FROM n UNION ALL SELECT CAST(k AS BIGINT) FROM n", "BIGINT NOT NULL"},
		{"SELECT window_start AS a, window_time AS b, COUNT(*) AS c, COUNT(s) AS d, SUM(k) AS e, MAX(CHAR_LENGTH(s)) AS f, SUM(k) FILTER (WHERE s = 'x') AS g " + window,
			"TIMESTAMP(3) NOT NULL, TIMESTAMP(3) NOT NULL, BIGINT NOT NULL, BIGINT NOT NULL, INT NOT NULL, INT, INT"},
	} {
		p, err := build(declared + "CREATE VIEW v AS " + c.query + "; INSERT INTO o SELECT 1 FROM v")
		if err != nil {
			t.Errorf("%s: %v", c.query, err)
			continue
		}
		var got []string
		for _, column := range p.Views[0].Columns {
			got = append(got, column.Type.SQL())
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s has %s, want %s", c.query, strings.Join(got, ", "), c.want)
		}
	}
}

// TestNullsAreLookedForWhereTheyMayBe: what a connector reads may always be NULL, whatever is declared; a query's column that
// cannot be NULL is not looked at again when it is written.
func TestNullsAreLookedForWhereTheyMayBe(t *testing.T) {
	checks := func(c *logical.Calc) (n int) {
		for _, e := range c.Out {
			if call, ok := e.(*expr.Call); ok && call.Name == "NOT_NULL" {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		query string
		want  int // checks before the sink
	}{
		{"SELECT k, s FROM n", 0}, {"SELECT CHAR_LENGTH(s), s FROM n", 1}, {"SELECT COALESCE(CHAR_LENGTH(s), 0), s FROM n", 0},
	} {
		p, err := build(declared + "INSERT INTO m " + c.query)
		if err != nil {
			t.Fatal(err)
		}
		sink := p.Inserts[0].Input.Op.(*logical.Calc)
		if got := checks(sink); got != c.want {
			t.Errorf("%s: %d columns are looked at before they are written, want %d", c.query, got, c.want)
		}
		source, ok := sink.Input.Op.(*logical.Calc)
		if !ok || checks(source) != 2 {
			t.Errorf("%s: of what is read, not just k and at are looked at", c.query)
		}
	}
}
