package restore_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/connector/registry"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/jobtest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/sql"
)

// desk is a job of SQL that is stopped and edited. Its tables a and b hold rows of one window, in numbers that tell
// which of them a count is of: so many of each value before the stop, and so many after it.
type desk struct {
	dir string
	log bytes.Buffer // of the last start
}

const beforeLow, beforeHigh, afterLow, afterHigh = 0, 1, 2, 3

var rowsOf = map[string][4]int{"a": {1000, 3000, 1, 3}, "b": {20000, 50000, 20, 50}}

// declarations are the tables: {dir} is the desk's folder.
const declarations = `
CREATE TABLE a (v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ({source}, 'path' = '{dir}/a');
CREATE TABLE b (v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) WITH ({source}, 'path' = '{dir}/b');
CREATE TABLE w (q STRING, n BIGINT) WITH ('connector' = 'filesystem', 'path' = '{dir}/w', 'format' = 'json');
CREATE TABLE x (q STRING, n BIGINT) WITH ('connector' = 'filesystem', 'path' = '{dir}/x', 'format' = 'json');
`

// counted is a query of one name that counts the rows of a table in its window.
func counted(name, table, where string) string {
	return fmt.Sprintf("SELECT '%s' AS q, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE %s, DESCRIPTOR(ts), INTERVAL '1' HOUR)) %s GROUP BY window_start, window_end",
		name, table, where)
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{dir: t.TempDir()}
	d.feed(t, "1", beforeLow)
	return d
}

// feed adds files of rows to the tables: those from before or after the stop.
func (d *desk) feed(t *testing.T, file string, from int) {
	t.Helper()
	for table, n := range rowsOf {
		var text bytes.Buffer
		for i := range n[from] + n[from+1] {
			v := 10
			if i >= n[from] {
				v = 90
			}
			fmt.Fprintf(&text, "{\"v\":%d,\"ts\":\"2001-01-01 00:30:00\"}\n", v)
		}
		folder := filepath.Join(d.dir, table)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, file), text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (d *desk) graph(t *testing.T, script string) *job.Graph {
	t.Helper()
	connectors := registry.New(registry.Environment{Stdout: &d.log, Stderr: &d.log, Now: time.Now})
	g, err := sql.Compile(d.text(script), "job.sql", connectors)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func (d *desk) text(script string) string {
	if !strings.Contains(script, "CREATE TABLE ") {
		script = declarations + script
	}
	return strings.NewReplacer("{dir}", d.dir, "{source}",
		"'connector' = 'filesystem', 'format' = 'json', 'source.monitor-interval' = '5 ms'").Replace(script)
}

func (d *desk) config(script string, restore job.Restore) job.Config {
	return job.Config{
		Job: "edited", Owner: "test", Revision: fmt.Sprintf("%x", sha256.Sum256([]byte(script))), Storage: filepath.Join(d.dir, "checkpoints"), MaxParallelism: 64,
		Settings: job.Settings{
			Parallelism:       1,
			Interval:          time.Hour,
			Timeout:           time.Minute,
			Retained:          3,
			TolerableFailures: 3,
			Restart:           job.Restart{InitialDelay: time.Millisecond, MaxDelay: 10 * time.Millisecond, ResetAfter: time.Hour},
			Restore:           restore,
		},
	}
}

// run runs the job until it has read so many rows, and stops it.
func (d *desk) run(t *testing.T, script string, rows int, restore job.Restore, drain bool) error {
	t.Helper()
	d.log.Reset()
	r := jobtest.Start(t, d.config(script, restore), d.graph(t, script), &d.log)
	if r.Job == nil {
		return r.Err
	}
	r.Until(t, "it had read", jobtest.Read(int64(rows)))
	if _, err := r.Stop("stop", t.TempDir(), drain); err != nil {
		t.Fatal(err)
	}
	if op, err := r.Job.Operation(t.Context(), "stop"); err != nil || op.Status != rest.Done {
		t.Fatalf("the stop became %+v, %v", op, err)
	}
	_, err := r.Wait(t)
	return err
}

// counts are what the queries have written, by table and name.
func (d *desk) counts(t *testing.T) map[string]int {
	t.Helper()
	got := map[string]int{}
	for _, table := range []string{"w", "x"} {
		files, err := filepath.Glob(filepath.Join(d.dir, table, "part-*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			content, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for line := range bytes.Lines(content) {
				var row struct {
					Q string
					N int
				}
				if err := json.Unmarshal(line, &row); err != nil {
					t.Fatal(err)
				}
				name := table + " " + row.Q
				if _, twice := got[name]; twice {
					t.Errorf("%s came out twice", name)
				}
				got[name] = row.N
			}
		}
	}
	return got
}

// sum adds up numbers of rows of a table.
func sum(table string, which ...int) (n int) {
	for _, i := range which {
		n += rowsOf[table][i]
	}
	return n
}

const (
	low, high = "WHERE v < 50", "WHERE v >= 50"
	into      = "INSERT INTO w "
)

// both are the counts of two queries that have lost no row and counted none twice.
var both = map[string]int{"w low": sum("a", beforeLow, afterLow), "w high": sum("b", beforeHigh, afterHigh)}

// an edit is a change of a stopped job.
type edit struct {
	name     string
	old, now string
	allow    bool           // -n
	empty    []string       // spec.upgrade.initEmpty
	refused  string         // what the refusal says; empty: it runs
	want     map[string]int // what comes out
	rows     int            // that the new text reads; 0: the new ones of both tables
	says     []string       // what the log says
}

// try stops a job, edits it, and lets it run to its end.
func (e edit) try(t *testing.T) {
	d := newDesk(t)
	if err := d.run(t, e.old, sum("a", beforeLow, beforeHigh)+sum("b", beforeLow, beforeHigh), job.Restore{}, false); err != nil {
		t.Fatal(err)
	}
	d.feed(t, "2", afterLow)
	before := jobtest.Listing(t, d.dir)
	rows := e.rows
	if rows == 0 {
		rows = sum("a", afterLow, afterHigh) + sum("b", afterLow, afterHigh)
	}
	agreed := job.Restore{AllowNonRestoredState: e.allow, InitEmpty: config.NamesOf(e.empty...)}
	_, refusal := job.Preflight(t.Context(), d.config(e.now, agreed), d.graph(t, e.now))
	err := d.run(t, e.now, rows, agreed, true)
	if e.refused != "" {
		for _, err := range []error{err, refusal} {
			if err == nil || !strings.Contains(err.Error(), e.refused) || fault.ClassOf(err) != fault.Permanent {
				t.Errorf("got %v\nwant %s", err, e.refused)
			}
		}
		if diff := cmp.Diff(before, jobtest.Listing(t, d.dir)); diff != "" {
			t.Errorf("the refused job left something (-before +after):\n%s", diff)
		}
		return
	}
	if err != nil || refusal != nil {
		t.Fatalf("%v; the preflight: %v", err, refusal)
	}
	if diff := cmp.Diff(e.want, d.counts(t)); diff != "" {
		t.Errorf("what came out (-want +got):\n%s", diff)
	}
	for _, line := range e.says {
		if !strings.Contains(d.log.String(), line) {
			t.Errorf("the log does not say %q:\n%s", line, d.log.String())
		}
	}
	if len(e.says) == 0 && strings.Contains(d.log.String(), "operators ") {
		t.Errorf("the log says of state:\n%s", d.log.String())
	}
}

// TestStateIsNeverGivenToAnotherQuery edits jobs with several queries whose uids only count (P9).
func TestStateIsNeverGivenToAnotherQuery(t *testing.T) {
	var (
		a      = counted("low", "a", low)
		b      = counted("high", "b", high)
		old    = into + a + ";\n" + into + b + ";"
		union  = into + a + " UNION ALL " + b + ";"
		onlyB  = map[string]int{"w high": both["w high"]}
		others = counted("new", "b", low)

		passB       = into + "SELECT 'b', v FROM b WHERE v > 1000;"
		intoX       = strings.Replace(into, "w", "x", 1)
		lowA, highA = a, counted("also", "a", high)
		hinted      = func(q, uid string) string { return strings.Replace(q, "SELECT", "SELECT /*+ UID('"+uid+"') */", 1) }
		views       = func(first, second string) string {
			return "CREATE VIEW v1 (q, n) AS " + first + "; CREATE VIEW v2 (q, n) AS " + second + "; INSERT INTO x SELECT * FROM v1; INSERT INTO x SELECT * FROM v2;"
		}
	)
	for _, e := range []edit{
		{name: "nothing but a comment", old: old, now: "-- edited\n" + old, want: both},
		{name: "INSERTs exchanged", old: old, now: into + b + ";\n" + into + a + ";", want: both,
			says: []string{"under another uid: w.2/aggregate.1 (was w/aggregate.1), w/aggregate.1 (was w.2/aggregate.1)"}},
		{name: "branches exchanged", old: union, now: into + b + " UNION ALL " + a + ";", want: both, says: []string{"under another uid"}},
		{name: "a union made two INSERTs", old: union, now: old, want: both, says: []string{"under another uid"}},
		{name: "two INSERTs made a union", old: old, now: union, want: both, says: []string{"under another uid"}},
		{name: "one INSERT made a branch", old: into + a + ";" + strings.Replace(into, "w", "x", 1) + b, now: union + strings.Replace(into, "w", "x", 1) + b,
			want: map[string]int{"w low": both["w low"], "w high": sum("b", afterHigh), "x high": both["w high"]},
			says: []string{"w/union.1/aggregate.1 (was w/aggregate.1)", "begin empty: w/union.2/aggregate.1"}},
		{name: "a similar one before", old: old, now: into + others + ";\n" + old,
			want: map[string]int{"w new": sum("b", afterLow), "w low": both["w low"], "w high": both["w high"]},
			says: []string{"operators that begin empty: w/aggregate.1"}},
		{name: "a similar one between", old: old, now: into + a + ";\n" + into + others + ";\n" + into + b + ";",
			want: map[string]int{"w new": sum("b", afterLow), "w low": both["w low"], "w high": both["w high"]},
			says: []string{"operators that begin empty: w.2/aggregate.1"}},
		{name: "the first deleted", old: old, now: into + b + ";", refused: "the job no longer has this operator"},
		{name: "the first deleted with -n", old: old, now: into + b + ";", allow: true, want: onlyB, rows: sum("b", afterLow, afterHigh),
			says: []string{"state is left behind: source/a, w/aggregate.1", "under another uid: w/aggregate.1 (was w.2/aggregate.1)", "go on with their state: source/b"}},
		{name: "conditions written otherwise", want: both, old: into + counted("low", "a", "WHERE v < 50 AND v > 0") + ";\n" + into + b,
			now: into + b + ";\n" + into + counted("low", "a", "WHERE v > 0 AND v < 50"), says: []string{"under another uid"}},
		{name: "a filter changed in one of two", old: old, now: into + a + ";\n" + into + counted("high", "b", "WHERE v >= 60"), refused: "moves no state"},
		{name: "filters exchanged", old: into + a + ";\n" + into + counted("high", "a", high) + ";" + strings.Replace(into, "w", "x", 1) + b,
			now: into + counted("low", "a", high) + ";\n" + into + counted("high", "a", low) + ";" + strings.Replace(into, "w", "x", 1) + b,
			// The names in the select lists have changed as well, so that the rows alone decide.
			want: map[string]int{"w low": sum("a", beforeHigh, afterHigh), "w high": sum("a", beforeLow, afterLow), "x high": both["w high"]},
			says: []string{"under another uid"}},
		{name: "a filter changed in one of two, with -n", old: old, now: into + a + ";\n" + into + counted("high", "b", "WHERE v >= 60"), allow: true,
			want: map[string]int{"w low": both["w low"], "w high": sum("b", afterHigh)},
			says: []string{"left behind: w.2/aggregate.1", "begin empty: w.2/aggregate.1"}},
		{name: "a filter changed where a hint says whose state it is", old: old,
			want: map[string]int{"w low": both["w low"], "w high": both["w high"], "x new": sum("b", afterLow)},
			now: into + strings.Replace(counted("high", "b", "WHERE v >= 60"), "SELECT", "SELECT /*+ UID('w.2/aggregate.1') */", 1) + ";\n" +
				strings.Replace(into, "w", "x", 1) + others + ";\n" + into + strings.Replace(a, "SELECT", "SELECT /*+ UID('w/aggregate.1') */", 1),
			// The third is new: the two hints take what there was.
			says: []string{"begin empty: x/aggregate.1"}},
		{name: "the only filter changed", old: into + a + ";" + strings.Replace(into, "w", "x", 1) + b,
			now:  into + counted("low", "a", "WHERE v < 40") + ";" + strings.Replace(into, "w", "x", 1) + b,
			want: map[string]int{"w low": both["w low"], "x high": both["w high"]}},
		{name: "the only table changed", old: into + a + ";" + strings.Replace(into, "w", "x", 1) + b,
			now: into + counted("low", "b", low) + ";" + strings.Replace(into, "w", "x", 1) + counted("high", "a", high), refused: `rows came from the tables "a", and all come from others now, "b"`},
		{name: "sinks exchanged", old: intoX + lowA + ";" + into + highA + ";" + passB, now: into + lowA + ";" + intoX + highA + ";" + passB,
			refused: "operator w/aggregate.1 does not fit the job: the query has the rows of x/aggregate.1 now, as if both had changed places"},
		{name: "sinks exchanged, with hints", old: intoX + lowA + ";" + into + highA + ";" + intoX + b,
			now:  into + hinted(lowA, "x/aggregate.1") + ";" + intoX + hinted(highA, "w/aggregate.1") + ";" + intoX + hinted(b, "x.2/aggregate.1"),
			want: map[string]int{"w low": both["w low"], "x also": sum("a", beforeHigh, afterHigh), "x high": both["w high"]}},
		{name: "the bodies of views exchanged", old: views(lowA, highA) + into + b, now: views(highA, lowA) + into + b, refused: "operator v1/aggregate.1 does not fit the job: the query has the rows of v2/aggregate.1 now"},
		{name: "an INSERT given the sink of one that is deleted, with -n", old: intoX + lowA + ";" + into + highA + ";" + intoX + b, now: intoX + highA + ";" + intoX + b, allow: true,
			want: map[string]int{"x also": sum("a", afterHigh), "x high": both["w high"]},
			says: []string{"left behind: w/aggregate.1, x/aggregate.1", "begin empty: x/aggregate.1"}},
		{name: "an INSERT given the only sink of one that is deleted, with -n", old: intoX + lowA + ";" + into + highA + ";" + into + b, now: intoX + highA + ";" + into + b, allow: true,
			refused: "operator x/aggregate.1 does not fit the job: the query has the rows of w/aggregate.1 now"},
		{name: "a filter that becomes that of another, which stays", old: intoX + lowA + ";" + into + highA + ";" + into + b,
			now:  intoX + strings.Replace(lowA, low, high, 1) + ";" + into + highA + ";" + into + b,
			want: map[string]int{"x low": sum("a", beforeLow, afterHigh), "w also": sum("a", beforeHigh, afterHigh), "w high": both["w high"]}},
		{name: "two that hold the same, exchanged", old: into + counted("low", "a", low) + ";" + into + counted("also", "a", low) + ";" + strings.Replace(into, "w", "x", 1) + b,
			now:  into + counted("also", "a", low) + ";" + into + counted("low", "a", low) + ";" + strings.Replace(into, "w", "x", 1) + b,
			want: map[string]int{"w low": both["w low"], "w also": both["w low"], "x high": both["w high"]}, says: []string{"under another uid"}},
		{name: "two that hold the same, both changed", old: into + counted("low", "a", low) + ";" + into + counted("also", "a", low) + ";" + strings.Replace(into, "w", "x", 1) + b,
			now: into + counted("p", "a", low) + ";" + into + counted("q", "a", low) + ";" + strings.Replace(into, "w", "x", 1) + b, allow: true, refused: "have the same rows"},
	} {
		t.Run(e.name, e.try)
	}
}

// TestWhatChangesTheMeaningOfStateIsRefusedBeforeAnythingIsTouched edits the one query of a job.
func TestWhatChangesTheMeaningOfStateIsRefusedBeforeAnythingIsTouched(t *testing.T) {
	const (
		q       = into + "SELECT 'x', COUNT(*) FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY window_start, window_end;\n"
		passing = "INSERT INTO x SELECT 'b', v FROM b WHERE v > 1000;"
		old     = q + passing
	)
	for _, e := range []edit{
		{name: "the window's size", now: strings.Replace(old, "'1' HOUR", "'2' HOUR", 1),
			refused: `its definition has changed: was "window TUMBLE(ts, 1 h)", is now "window TUMBLE(ts, 2 h)"`},
		{name: "the kind of window", now: strings.Replace(old, "TUMBLE(TABLE a, DESCRIPTOR(ts), ", "HOP(TABLE a, DESCRIPTOR(ts), INTERVAL '30' MINUTE, ", 1),
			refused: "its definition has changed"},
		{name: "a key added", now: strings.Replace(old, "GROUP BY ", "GROUP BY v, ", 1), refused: `is now "key v INT"`},
		{name: "an aggregate added", now: strings.Replace(old, "COUNT(*)", "COUNT(*) + SUM(v)", 1), refused: `SUM(v INT) is new, and has not seen the rows that are in the state; name "w/aggregate.1#SUM(v INT)" in spec.upgrade.initEmpty`},
		{name: "the source's path", now: strings.Replace(declarations, "'path' = '{dir}/a'", "'path' = '{dir}/c'", 1) + old,
			refused: "operator source/a does not fit the job: its definition has changed"},
		{name: "the source's connector", now: strings.Replace(declarations, "({source}, 'path' = '{dir}/b')", "('connector' = 'datagen')", 1) + old,
			refused: "operator source/b does not fit the job: its definition has changed"},
		{name: "a source without a query that has state", now: q, refused: "operator source/b does not fit the job: the job no longer has this operator"},
		{name: "a table renamed", now: strings.NewReplacer("TABLE a ", "TABLE a2 ", "TABLE a,", "TABLE a2,").Replace(declarations + old),
			refused: `its rows came from the tables "a", and all come from others now, "a2"; give the tables their names back`},
		{name: "a table renamed, with -n", now: strings.NewReplacer("TABLE a ", "TABLE a2 ", "TABLE a,", "TABLE a2,").Replace(declarations + old), allow: true,
			refused: `its rows came from the tables "a", and all come from others now, "a2"`},
		{name: "the query put into a view", now: strings.NewReplacer(into, "CREATE VIEW v (q, n) AS ", passing, into+"SELECT * FROM v;"+passing).Replace(old),
			refused: "operator w/aggregate.1 does not fit the job: the job no longer has this operator"},
	} {
		e.old = old
		t.Run(e.name, e.try)
	}
}

// TestAggregatesOfStandingStateMayChange adds aggregates to a query whose windows are open, takes them away, and writes them in
// another order: each goes on from its own value (P9).
func TestAggregatesOfStandingStateMayChange(t *testing.T) {
	query := func(n string) string {
		return into + "SELECT 'x', " + n + " FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY window_start, window_end;\n" +
			"INSERT INTO x SELECT 'b', v FROM b WHERE v > 1000;"
	}
	const (
		sumOf = "w/aggregate.1#SUM(v INT)"
		minOf = "w/aggregate.1#MIN(v INT)"

		rows      = 1000 + 3000 + 1 + 3
		sumBefore = 1000*10 + 3000*90
		sumAfter  = 1*10 + 3*90
	)
	for _, e := range []edit{
		{name: "one added", old: "COUNT(*)", now: "COUNT(*) * 1000000 + SUM(v)", empty: []string{sumOf},
			want: map[string]int{"w x": rows*1000000 + sumAfter}, says: []string{"begin empty in standing state: " + sumOf}},
		{name: "one added before the other", old: "COUNT(*)", now: "SUM(v) * 1000000 + COUNT(*)", empty: []string{sumOf},
			want: map[string]int{"w x": sumAfter*1000000 + rows}, says: []string{sumOf}},
		{name: "one added where there was none", old: "1", now: "1000000 + SUM(v)", empty: []string{sumOf},
			want: map[string]int{"w x": 1000000 + sumAfter}, says: []string{sumOf}},
		{name: "one added, and another is named", old: "COUNT(*)", now: "COUNT(*) * 1000000 + SUM(v)", empty: []string{minOf}, refused: "SUM(v INT) is new"},
		{name: "two added, and one is named", old: "COUNT(*)", now: "COUNT(*) + SUM(v) + MIN(v)", empty: []string{sumOf}, refused: "MIN(v INT) is new"},
		{name: "one added with -n", old: "COUNT(*)", now: "COUNT(*) * 1000000 + SUM(v)", allow: true, refused: "SUM(v INT) is new"},
		{name: "named, and there already", old: "COUNT(*) + SUM(v)", now: "COUNT(*) * 1000000 + SUM(v)", empty: []string{sumOf},
			want: map[string]int{"w x": rows*1000000 + sumBefore + sumAfter}},
		{name: "in another order", old: "COUNT(*) + SUM(v) + MAX(v)", now: "MAX(v) * 10000000000 + SUM(v) * 5000 + COUNT(*)",
			want: map[string]int{"w x": 90*10000000000 + (sumBefore+sumAfter)*5000 + rows}},
		{name: "one taken away", old: "COUNT(*) + SUM(v)", now: "COUNT(*)", refused: "it no longer has SUM(v INT); put it back, or set spec.upgrade.allowNonRestoredState"},
		{name: "one taken away with -n", old: "COUNT(*) + SUM(v) + MAX(v)", now: "COUNT(*) + MAX(v)", allow: true,
			want: map[string]int{"w x": rows + 90}, says: []string{"left behind of standing state: " + sumOf}},
		{name: "one for another", old: "COUNT(*) + SUM(v)", now: "COUNT(*) * 1000000 + MIN(v)", empty: []string{minOf}, refused: "it no longer has SUM(v INT)"},
		{name: "one for another with -n", old: "COUNT(*) + MIN(v)", now: "COUNT(*) * 1000000 + SUM(v)", empty: []string{sumOf}, allow: true,
			want: map[string]int{"w x": rows*1000000 + sumAfter}, says: []string{sumOf, minOf}},
		{name: "one added, and the key changed", old: "COUNT(*)", now: "COUNT(*) + SUM(v) + v", empty: []string{sumOf}, refused: `is now "key v INT"`},
	} {
		e.old, e.now = query(e.old), query(e.now)
		if strings.Contains(e.name, "key changed") {
			e.now = strings.Replace(e.now, "GROUP BY ", "GROUP BY v, ", 1)
		}
		t.Run(e.name, e.try)
	}
}
