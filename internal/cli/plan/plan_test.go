package plan_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/internal/clitest"
)

// counting is a job with two states that runs until it is stopped.
const counting = `
CREATE TABLE a (n BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH (
  'connector' = 'datagen', 'rows-per-second' = '50', 'fields.n.kind' = 'sequence', 'fields.n.start' = '0',
  'fields.ts.kind' = 'sequence', 'fields.ts.start' = '2001-01-01 00:00:00', 'fields.ts.step' = '1000');
CREATE TABLE w (n BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE x (n BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO w SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY window_start, window_end;
`

const more = `INSERT INTO x SELECT SUM(n) FROM TABLE(TUMBLE(TABLE a, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY window_start, window_end;
`

// TestAPlanIsComparedWithWhatItsUserNames plans changes against a job that runs, then against its savepoint, and then against
// what the same command would go on from.
func TestAPlanIsComparedWithWhatItsUserNames(t *testing.T) {
	p := clitest.New(t)
	clitest.Write(t, "job.sql", counting+more)
	clitest.Write(t, "same.sql", "-- the same\n"+counting+more)
	clitest.Write(t, "fewer/job.sql", counting)
	clitest.Write(t, "wider/job.sql", counting+strings.Replace(more, "SUM(n)", "SUM(n) + MIN(n)", 1))
	clitest.Write(t, "other/job.sql", strings.Replace(counting+more, "'1' DAY", "'2' DAY", 1))
	r := clitest.Start(t, p, "job.sql")
	r.Command(t, "checkpoint", "job")

	plan := func(code int, stderr string, args ...string) job.Plan {
		t.Helper()
		q := clitest.Join(p.Env)
		if got := q.Run(append([]string{"plan", "-o", "json"}, args...)...); got != code || !strings.Contains(q.Stderr.String(), stderr) {
			t.Fatalf("%v: exit code %d, want %d\nstdout %s\nstderr %s", args, got, code, q.Stdout, q.Stderr)
		}
		var p job.Plan
		if err := json.Unmarshal([]byte(q.Stdout.String()), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	all := func(against string) {
		t.Helper()
		name := []string{"--against", against}
		if against == "" {
			name = nil
		}
		if got := plan(0, "", append(name, "job.sql")...); got.Verdict != job.Fits || len(got.Operators) != 3 || got.Against == "" {
			t.Errorf("against %q, unchanged: %+v", against, got)
		}
		got := plan(3, "must be agreed to", append(name, "fewer/job.sql")...)
		if got.Verdict != job.NeedsAcknowledgment || len(got.Operators) != 3 || got.Operators[2].Fate != job.Dropped || got.Operators[2].UID != "x/aggregate.1" {
			t.Errorf("against %q, with a query less: %+v", against, got)
		}
		if got := plan(0, "", append(name, "-n", "fewer/job.sql")...); got.Verdict != job.Fits {
			t.Errorf("against %q, with a query less and -n: %+v", against, got)
		}
		const value = "x/aggregate.1#MIN(n BIGINT)"
		got = plan(3, "must be agreed to", append(name, "wider/job.sql")...)
		if got.Verdict != job.NeedsAcknowledgment || len(got.Operators) != 4 || got.Operators[3].Fate != job.StartsEmpty || got.Operators[3].UID != value {
			t.Errorf("against %q, with an aggregate more: %+v", against, got)
		}
		if got := plan(0, "", append(name, "--set", "spec.upgrade.initEmpty="+value, "wider/job.sql")...); got.Verdict != job.Fits {
			t.Errorf("against %q, with an aggregate more that is agreed to: %+v", against, got)
		}
		got = plan(4, "does not fit", append(name, "other/job.sql")...)
		if got.Verdict != job.DoesNotFit || len(got.Operators) != 3 || got.Operators[2].Fate != job.Refused || got.Operators[2].UID != "w/aggregate.1" {
			t.Errorf("against %q, with another window: %+v", against, got)
		}
	}
	all("job")
	if got := plan(0, "", "--against", "job", "same.sql"); len(got.Operators) != 3 {
		t.Errorf("a job of another name against this one: %+v", got)
	}
	savepoint := strings.TrimSpace(r.Command(t, "stop", "job", "--savepoint-path", "saved"))
	r.Ended(t)
	all(savepoint)
	all("./" + strings.TrimPrefix(savepoint[strings.LastIndex(savepoint, "/saved/"):], "/"))
	all("")

	if got := plan(0, "", "same.sql"); got.Against != "" || len(got.Operators) != 3 || got.Operators[0].Fate != job.StartsEmpty {
		t.Errorf("a job that has not run: %+v", got)
	}
}

// TestAPlanIsForPeopleToo reads the table.
func TestAPlanIsForPeopleToo(t *testing.T) {
	p := clitest.New(t)
	clitest.Write(t, "job.sql", counting)
	if code := p.Run("plan", "job.sql"); code != 0 {
		t.Fatalf("exit code %d: %s", code, p.Stderr)
	}
	want := "against nothing: the job has not run yet\n\nstarts empty  source/a\nstarts empty  w/aggregate.1\n"
	if got := p.Stdout.String(); got != want {
		t.Errorf("it says\n%s\nwant\n%s", got, want)
	}
}

func TestWrongUseOfPlan(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"plan"}, 2, "run `weir plan -f streamjob.yaml` or `weir plan job.sql`"},
		{[]string{"plan", "job.sql", "--against", ""}, 2, "--against is empty"},
		{[]string{"plan", "job.sql", "--against", "ftp://x/y"}, 2, "ftp"},
		{[]string{"plan", "job.sql", "--against", "nobody"}, 1, `no job "nobody" runs here`},
		{[]string{"plan", "job.sql", "--against", "./nobody"}, 1, "nobody is not a snapshot"},
		{[]string{"plan", "job.sql", "--against", "http://127.0.0.1:1"}, 2, "set WEIR_TOKEN"},
		{[]string{"plan", "job.sql", "-o", "yaml"}, 2, "text or json"},
		{[]string{"plan", "wrong.sql"}, 2, "wrong.sql:1:1"},
	} {
		p := clitest.New(t)
		clitest.Write(t, "job.sql", counting)
		clitest.Write(t, "wrong.sql", "SELEC 1;")
		if code := p.Run(c.args...); code != c.code || !strings.Contains(p.Stderr.String(), c.says) || strings.Count(p.Stderr.String(), "\n") != 1 {
			t.Errorf("%q: exit code %d, want %d, with %q: %s", c.args, code, c.code, c.says, p.Stderr)
		}
	}
}
