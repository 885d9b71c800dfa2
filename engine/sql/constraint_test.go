package sql

import "testing"

const constrained = `
	SET 'table.local-time-zone' = 'UTC';
	DROP TABLE IF EXISTS t; DROP TEMPORARY VIEW IF EXISTS v;
	CREATE TABLE t (k INT NOT NULL, s STRING NULL, ts TIMESTAMP(3), WATERMARK FOR ts AS ts, CONSTRAINT pk PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'test');
	CREATE TABLE u (k INT, s STRING NOT NULL COMMENT 'never') WITH ('connector' = 'test');
	CREATE TABLE o (k INT NOT NULL, s STRING) WITH ('connector' = 'test');
	CREATE TABLE p (k INT PRIMARY KEY NOT ENFORCED, s STRING) WITH ('connector' = 'test');
	`

func TestANullForANotNullColumnIsAnErrorWithItsPlace(t *testing.T) {
	for _, c := range []struct {
		name, query, table, want string
		row                      []string
	}{
		{"in a source with event time", "INSERT INTO o SELECT 1, s FROM t", "t",
			"job.sql:4:18: column k of t is declared NOT NULL, but a row that is read has NULL in it; declare it without NOT NULL, and filter or fill in such rows", []string{"NULL", "x", "2001-01-01 00:00:00"}},
		{"in a source that nobody asks for the column", "INSERT INTO o SELECT 1, 'x' FROM u", "u",
			"job.sql:5:25: column s of u is declared NOT NULL, but a row that is read has NULL in it; declare it without NOT NULL, and filter or fill in such rows", []string{"1", "NULL"}},
		{"in a sink", "INSERT INTO o SELECT CHAR_LENGTH(s), 'x' FROM t", "t",
			"job.sql:9:22: column k of o is declared NOT NULL, but the query gives NULL; filter such rows with IS NOT NULL, or write COALESCE", []string{"1", "NULL", "2001-01-01 00:00:00"}},
		{"in a primary key", "INSERT INTO p SELECT CHAR_LENGTH(s), 'x' FROM t", "t",
			"job.sql:9:22: column k of p is declared NOT NULL, but the query gives NULL; filter such rows with IS NOT NULL, or write COALESCE", []string{"1", "NULL", "2001-01-01 00:00:00"}},
		{"that a list leaves out", "INSERT INTO o (s) SELECT s FROM t", "t",
			"job.sql:9:19: column k of o is declared NOT NULL, but the query gives NULL; filter such rows with IS NOT NULL, or write COALESCE", []string{"1", "x", "2001-01-01 00:00:00"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := newHarness(t, compile(t, constrained+"\n"+c.query)).open(nil).feed(c.table, 1, c.row)
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestRowsWithoutNullsPassNotNullColumns(t *testing.T) {
	h := newHarness(t, compile(t, constrained+`
	INSERT INTO o SELECT k, s FROM t WHERE k IS NOT NULL;
	CREATE TABLE w (n BIGINT NOT NULL, b BOOLEAN) WITH ('connector' = 'test');
	INSERT INTO w SELECT COUNT(*), MAX(k) > 1 FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), SIZE => INTERVAL '1' HOUR, `+"`OFFSET`"+` => INTERVAL '1' MINUTE))
	GROUP BY 1, 'all', window_start, window_end HAVING (COUNT(*) > 1) >= TRUE;`)).open(nil)
	if err := h.feed("t", 2, []string{"1", "NULL", "2001-01-01 00:00:00"}, []string{"2", "U", "2001-01-01 00:00:30"}); err != nil {
		t.Fatal(err)
	}
	h.finish()
	expect(t, h.rows("o"), "1|NULL", "2|U")
	expect(t, h.rows("w"), "2|true")
}

func TestTheRestOfABigintAndAnIntIsAnIntAndNamedAsBefore(t *testing.T) {
	h := newHarness(t, compile(t, `
	CREATE TABLE t (b BIGINT, i INT) WITH ('connector' = 'test');
	CREATE TABLE o (x INT, y BIGINT) WITH ('connector' = 'test');
	INSERT INTO o SELECT b % i, b % i + b FROM t;`)).open(nil)
	if err := h.feed("t", 1, []string{"-9223372036854775807", "-2147483648"}, []string{"3000000001", "1000000000"}); err != nil {
		t.Fatal(err)
	}
	expect(t, h.rows("o"), "-2147483647|9223372034707292162", "1|3000000002")
}
