package sql

import (
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/fault"
)

// FuzzCompile binds and lowers query texts over known tables: any text gives a graph or one line.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		"INSERT INTO o SELECT k, COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY k, window_start, window_end HAVING SUM(d) > 1",
		"INSERT INTO o SELECT k, l FROM t WHERE s LIKE 'a%' AND (b OR d BETWEEN 1 AND 2) UNION ALL SELECT NULL, CASE WHEN b THEN 1 END FROM t",
		"CREATE VIEW v AS SELECT *, TRIM(s) AS x FROM t; INSERT INTO o (l) SELECT CHAR_LENGTH(x) FROM (SELECT x FROM v) AS q",
		"INSERT INTO o SELECT COALESCE(NULLIF(k, 0), 1), TIMESTAMPDIFF(DAY, ts, ts + INTERVAL '1' MONTH) FROM HOP(DATA => TABLE t, TIMECOL => DESCRIPTOR(ts), SLIDE => INTERVAL '1' DAY, SIZE => INTERVAL '2' DAYS)",
		"INSERT INTO o SELECT GREATEST(k, NULL), ROUND(d, -1) IS NULL FROM t",
	} {
		f.Add(seed)
	}
	tables := `CREATE TABLE t (k INT, l BIGINT, d DOUBLE, s STRING, b BOOLEAN, dt DATE, ts TIMESTAMP(3), c AS k + 1, WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ('connector' = 'test');
		CREATE TABLE o (k INT, l BIGINT) WITH ('connector' = 'test');`
	f.Fuzz(func(t *testing.T, text string) {
		g, err := Compile(tables+text, "job.sql", &testConnectors{})
		if err == nil {
			for _, n := range g.Nodes {
				if n.Operator == nil {
					continue
				}
				if _, err := n.Operator(); err != nil {
					t.Errorf("%s: %v", n.UID, err)
				}
			}
			return
		}
		if fault.ClassOf(err) != fault.Permanent {
			t.Errorf("%v is not permanent", err)
		}
		if strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("the message has several lines: %q", err.Error())
		}
	})
}
