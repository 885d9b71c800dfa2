package snapshot_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/stateview"
	"github.com/weirstream/weir/internal/cli/list"
	"github.com/weirstream/weir/internal/clitest"
)

// counting has open windows as long as it runs.
const counting = `CREATE TABLE g (id BIGINT, ts AS TO_TIMESTAMP('2024-01-01 00:00:00'), WATERMARK FOR ts AS ts)
  WITH ('connector' = 'datagen', 'rows-per-second' = '1000', 'fields.id.kind' = 'sequence', 'fields.id.start' = '0', 'fields.id.end' = '1000000000');
CREATE TABLE o (parity BIGINT, n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO o SELECT MOD(id, 2), COUNT(*) FROM TABLE(TUMBLE(TABLE g, DESCRIPTOR(ts), INTERVAL '1' HOUR)) GROUP BY window_start, window_end, MOD(id, 2);
`

// read waits until the only job that runs has read more rows than so many, and returns how many.
func read(t *testing.T, r *clitest.Running, rows int64) int64 {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for {
		var jobs []list.Listed
		if err := json.Unmarshal([]byte(r.Command(t, "list", "-o", "json")), &jobs); err != nil || len(jobs) != 1 {
			t.Fatalf("%d jobs, %v", len(jobs), err)
		}
		if o := jobs[0].Overview; o != nil && o.RecordsIn > rows {
			return o.RecordsIn
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the job has not read %d rows: %+v", rows, jobs[0])
		}
	}
}

func TestTheStateOfASnapshotIsExportedComparedAndLookedUp(t *testing.T) {
	p := clitest.New(t)
	clitest.Write(t, "counting.sql", counting)
	r := clitest.Start(t, p, "counting.sql")
	seen := read(t, r, 100)
	before := strings.TrimSpace(r.Command(t, "savepoint", "counting", t.TempDir()))
	read(t, r, seen+2000)
	after := strings.TrimSpace(r.Command(t, "savepoint", "counting", t.TempDir()))

	lines := strings.Split(strings.TrimSpace(r.Command(t, "snapshot", "export", before)), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	for _, l := range lines {
		var e stateview.Entry
		if err := json.Unmarshal([]byte(l), &e); err != nil || e.UID != "o/aggregate.1" || e.State != "groups" || string(e.Window) != `"2024-01-01 00:00:00"` {
			t.Errorf("%v: %s", err, l)
		}
	}
	if again := r.Command(t, "snapshot", "export", before); strings.TrimSpace(again) != strings.Join(lines, "\n") {
		t.Errorf("another export gives %s", again)
	}
	got := r.Command(t, "state", "get", before, "o/aggregate.1", "1")
	if strings.Count(strings.TrimSpace(got), "\n") != 0 || !strings.Contains(got, `"key":{"(id % 2)":1}`) {
		t.Errorf("a key: %s", got)
	}
	table := r.Command(t, "snapshot", "diff", before, after)
	if want := "OPERATOR       STATE   EQUAL  ADDED  REMOVED  CHANGED\no/aggregate.1  groups  0      0      0        2"; strings.TrimSpace(table) != want {
		t.Errorf("the difference is\n%s", table)
	}
	changes := strings.Split(strings.TrimSpace(r.Command(t, "snapshot", "diff", "-o", "json", "--key", "0", before, after)), "\n")
	if len(changes) != 1 || !strings.HasPrefix(changes[0], `{"change":"changed","uid":"o/aggregate.1"`) || !strings.Contains(changes[0], `"before":{"COUNT(*)":`) {
		t.Errorf("the changes are %q", changes)
	}
	if same := r.Command(t, "snapshot", "diff", "-o", "json", after, after); strings.TrimSpace(same) != "" {
		t.Errorf("a snapshot differs from itself: %s", same)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"state", "get", before, "o/aggregate.1", "7"}, 1, "operator o/aggregate.1 has nothing under the key 7"},
		{[]string{"state", "get", before, "o", "7"}, 1, "the snapshot has no operator o with state; choose one of: groups of o/aggregate.1"},
		{[]string{"state", "get", before, "o/aggregate.1", ""}, 2, "UID and KEY must not be empty"},
		{[]string{"state", "put"}, 2, `there is no command "state put"; there is get`},
		{[]string{"state"}, 2, "say what to do with the state: get"},
		{[]string{"snapshot", "export", t.TempDir()}, 1, "is not a snapshot"},
		{[]string{"snapshot", "diff", before}, 2, "an argument is missing"},
		{[]string{"snapshot", "diff", before, after, "-o", "xml"}, 2, "--output is text or json"},
	} {
		q := clitest.Join(p.Env)
		if code := q.Run(c.args...); code != c.code || !strings.Contains(q.Stderr.String(), c.want) || q.Stdout.String() != "" {
			t.Errorf("%v: exit code %d, %s%s", c.args, code, q.Stdout, q.Stderr)
		}
	}
}
