package expr

import "testing"

// TestWhatMayBeNull: the columns i, l, d, s, b, dt and ts are NOT NULL, those with the prefix n are not. That no value of
// a type without NULL is one is the business of FuzzExpressions.
func TestWhatMayBeNull(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"i", "INT NOT NULL"}, {"ni", "INT"}, {"7", "INT NOT NULL"}, {"NULL", "NULL"}, {"CAST(NULL AS INT)", "INT"},
		{"i + l", "BIGINT NOT NULL"}, {"i + nl", "BIGINT"}, {"l % i", "INT NOT NULL"}, {"nl % i", "INT"}, {"-i", "INT NOT NULL"}, {"s || ns", "STRING"},
		{"i = l", "BOOLEAN NOT NULL"}, {"i = ni", "BOOLEAN"}, {"b AND i = 7", "BOOLEAN NOT NULL"}, {"b OR nb", "BOOLEAN"}, {"NOT nb", "BOOLEAN"},
		{"ni IS NULL", "BOOLEAN NOT NULL"}, {"nb IS NOT TRUE", "BOOLEAN NOT NULL"}, {"ni IS DISTINCT FROM nl", "BOOLEAN NOT NULL"},
		{"i IN (1, 2)", "BOOLEAN NOT NULL"}, {"i IN (1, NULL)", "BOOLEAN"}, {"i BETWEEN 1 AND ni", "BOOLEAN"},
		{"CASE WHEN nb THEN 1 ELSE 2 END", "INT NOT NULL"}, {"CASE WHEN b THEN 1 END", "INT"}, {"CASE WHEN b THEN 1 ELSE ni END", "INT"},
		{"IF(nb, i, 2)", "INT NOT NULL"}, {"NULLIF(i, 7)", "INT"}, {"COALESCE(ni, nl, 0)", "BIGINT NOT NULL"}, {"COALESCE(ni, nl)", "BIGINT"}, {"IFNULL(ni, i)", "INT NOT NULL"},
		{"CAST(i AS STRING)", "STRING NOT NULL"}, {"CAST(ns AS INT)", "INT"}, {"TRY_CAST(s AS INT)", "INT"}, {"CAST(s AS VARCHAR(2))", "STRING NOT NULL"},
		{"UPPER(s)", "STRING NOT NULL"}, {"UPPER(ns)", "STRING"}, {"SPLIT_INDEX(s, ' ', 1)", "STRING"}, {"SUBSTRING(s, 1)", "STRING"}, {"REGEXP(s, 'x')", "BOOLEAN NOT NULL"},
		{"REGEXP_EXTRACT(s, 'x')", "STRING"}, {"TO_TIMESTAMP(s)", "TIMESTAMP(3)"}, {"TO_DATE(s)", "DATE"}, {"ABS(i)", "INT NOT NULL"}, {"GREATEST(i, ni)", "INT"},
		{"EXTRACT(YEAR FROM ts)", "BIGINT NOT NULL"}, {"ts + INTERVAL '1' DAY", "TIMESTAMP(3) NOT NULL"}, {"FLOOR(nt TO DAY)", "TIMESTAMP(3)"}, {"PI()", "DOUBLE NOT NULL"},
	} {
		if got := mustBind(t, c.text).Type().SQL(); got != c.want {
			t.Errorf("%s is %s, want %s", c.text, got, c.want)
		}
	}
}
