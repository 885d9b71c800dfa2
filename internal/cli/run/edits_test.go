package run_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/internal/cli/list"
	"github.com/weirstream/weir/internal/clitest"
)

// Two tables of the same 3000 rows, and queries that take a part of them: whatever was read before the stop, what comes out
// in the end is known.
const (
	evenAndOdd = `
CREATE TABLE a (n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH (
  'connector' = 'datagen', 'rows-per-second' = '{rate}', 'number-of-rows' = '3000', 'fields.n.kind' = 'sequence', 'fields.n.start' = '0',
  'fields.ts.kind' = 'sequence', 'fields.ts.start' = '2001-01-01 00:00:00', 'fields.ts.step' = '1000');
CREATE TABLE b (n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH (
  'connector' = 'datagen', 'rows-per-second' = '{rate}', 'number-of-rows' = '3000', 'fields.n.kind' = 'sequence', 'fields.n.start' = '0',
  'fields.ts.kind' = 'sequence', 'fields.ts.start' = '2001-01-01 00:00:00', 'fields.ts.step' = '1000');
CREATE TABLE w (q STRING, n BIGINT, total BIGINT) WITH ('connector' = 'print');
`
	tenths = "SELECT 'tenths', COUNT(*), SUM(n) FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '1' DAY)) WHERE n % 10 = 0 GROUP BY window_start, window_end"
	others = "SELECT 'others', COUNT(*), SUM(n) FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL '1' DAY)) WHERE n % 10 <> 0 GROUP BY window_start, window_end"
	third  = "SELECT 'third', COUNT(*), SUM(n) FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL '1' DAY)) WHERE n % 10 = 3 GROUP BY window_start, window_end"
)

func TestAStoppedJobWhoseQueriesAreExchangedCountsOnWhereEachWas(t *testing.T) {
	const into = "INSERT INTO w "
	two := into + tenths + ";\n" + into + others + ";\n"
	both := map[string]string{"tenths": "300, 448500", "others": "2700, 4050000"}
	for _, c := range []struct {
		name, old, now string
		args           []string
		want           map[string]string
		refused        string
		says           []string
	}{
		{name: "INSERTs exchanged", old: two, now: into + others + ";\n" + into + tenths + ";\n", want: both,
			says: []string{"under another uid: w.2/aggregate.1 (was w/aggregate.1), w/aggregate.1 (was w.2/aggregate.1)"}},
		{name: "branches exchanged", old: into + tenths + " UNION ALL " + others + ";", now: into + others + " UNION ALL " + tenths + ";", want: both},
		{name: "a similar one before", old: two, now: into + third + ";\n" + two, want: both, says: []string{"operators that begin empty: w/aggregate.1"}},
		{name: "the first deleted", old: two, now: into + others + ";\n", refused: "the job no longer has this operator"},
		{name: "the first deleted with -n", old: two, now: into + others + ";\n", args: []string{"-n"}, want: map[string]string{"others": both["others"]},
			says: []string{"operators that go on with their state: source/b", "under another uid: w/aggregate.1 (was w.2/aggregate.1)", "left behind: source/a, w/aggregate.1"}},
		{name: "exchanged in a statement set", old: two, now: "EXECUTE STATEMENT SET BEGIN " + into + others + "; " + into + tenths + "; END;", want: both},
		{name: "a branch put before others", old: into + tenths + " UNION ALL " + others + ";", now: into + third + " UNION ALL " + tenths + " UNION ALL " + others + ";", want: both},
		{name: "a filter moved to a view, and exchanged", old: two, want: both,
			now: "CREATE VIEW v AS SELECT * FROM a WHERE n % 10 = 0;" + into + others + ";" + into +
				strings.NewReplacer("TABLE a", "TABLE v", "WHERE n % 10 = 0 ", "").Replace(tenths) + ";"},
		{name: "HAVING added, and exchanged", old: two, now: into + others + ";" + into + tenths + " HAVING COUNT(*) > 3;", want: both},
		{name: "a filter edited", old: two, now: into + strings.Replace(tenths, "= 0", "< 1", 1) + ";\n" + into + others + ";\n",
			refused: `moves no state, and one has changed: was "rows \"a\" where ((n % 10) = 0)"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := clitest.New(t)
			clitest.Write(t, "job.sql", strings.ReplaceAll(evenAndOdd, "{rate}", "150")+c.old)
			r := clitest.Start(t, p, "job.sql")
			for read := int64(0); read < 50; {
				var all []list.Listed
				if err := json.Unmarshal([]byte(r.Command(t, "list", "-o", "json")), &all); err != nil {
					t.Fatal(err)
				}
				if len(all) == 1 && all[0].Overview != nil {
					read = all[0].Overview.RecordsIn
				}
			}
			r.Command(t, "stop", "job", "--savepoint-path", "kept")
			if code := r.Ended(t); code != 0 {
				t.Fatalf("exit code %d\n%s", code, r.Stderr)
			}
			clitest.Write(t, "job.sql", strings.ReplaceAll(evenAndOdd, "{rate}", "1000000")+c.now)
			edited := clitest.Join(p.Env)
			code := edited.Run(append([]string{"run", "job.sql"}, c.args...)...)
			if c.refused != "" {
				if code != 1 || !strings.Contains(edited.Stderr.String(), c.refused) {
					t.Errorf("exit code %d\n%s", code, edited.Stderr)
				}
				return
			}
			if code != 0 {
				t.Fatalf("exit code %d\n%s", code, edited.Stderr)
			}
			got := map[string]string{}
			for line := range strings.Lines(edited.Stdout.String()) {
				q, counts, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(line, "+I["), "]\n"), ", ")
				got[q] = counts
			}
			delete(got, "third") // it begins where the stop was
			if !maps.Equal(got, c.want) {
				t.Errorf("%v came out, want %v", got, c.want)
			}
			if i := slices.IndexFunc(c.says, func(s string) bool { return !strings.Contains(edited.Stderr.String(), s) }); i >= 0 {
				t.Errorf("stderr does not say %q:\n%s", c.says[i], edited.Stderr)
			}
		})
	}
}
