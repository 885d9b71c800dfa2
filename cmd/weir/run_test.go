package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/weirstream/weir/cmd/weir/internal/localjobs"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/manifest"
)

func TestABoundedJobRunsToItsEndAndIsNotRunTwice(t *testing.T) {
	p := newProcess(t)
	write(t, "job.sql", printing)
	if code := p.run("run", "job.sql"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, p.stderr)
	}
	if got := p.stdout.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "10") || !strings.Contains(got, "30") {
		t.Errorf("stdout %q", got)
	}
	if got := p.stderr.String(); !strings.Contains(got, `msg="job ended" job=job outcome=Completed`) || !strings.Contains(got, "recordsIn=3 recordsOut=2") {
		t.Errorf("stderr %q", got)
	}
	again := joinProcess(p.env)
	if code := again.run("run", "job.sql"); code != 0 || again.stdout.String() != "" || !strings.Contains(again.stderr.String(), "nothing to do") {
		t.Errorf("again: exit code %d, stdout %q, stderr %q", code, again.stdout, again.stderr)
	}
	if jobs := live(t, p); len(jobs) != 0 {
		t.Errorf("still registered: %v", jobs)
	}
}

func TestWhereTheJobComesFrom(t *testing.T) {
	global := "checkpoint: {storage: ./snapshots}\n"
	for _, c := range []struct {
		name  string
		stdin string
		env   string // of WEIR_CONFIG
		args  []string
		want  string // a folder that the job has made
	}{
		{"a manifest", "", "", []string{"-f", "job.yaml"}, ".weir/checkpoints/delays"},
		{"a manifest as argument", "", "", []string{"job.yaml"}, ".weir/checkpoints/delays"},
		{"standard input", manifestOf + indented(printing), "", []string{"-f", "-"}, ".weir/checkpoints/delays"},
		{"a file of SQL", "", "", []string{"job.sql"}, ".weir/checkpoints/job"},
		{"a setting", "", "", []string{"job.sql", "--set", "spec.jobID=other", "--set", "spec.checkpoint.storage=x"}, "x/other"},
		{"weir.yaml by flag", "", "", []string{"job.sql", "--config", "weir.yaml"}, "snapshots/job"},
		{"weir.yaml by environment", "", "weir.yaml", []string{"job.sql"}, "snapshots/job"},
		{"weir.yaml that is not named counts for nothing", "", "", []string{"job.sql"}, ".weir/checkpoints/job"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProcess(t)
			p.stdin = strings.NewReader(c.stdin)
			p.env["WEIR_CONFIG"] = c.env
			write(t, "job.yaml", manifestOf+indented(printing))
			write(t, "job.sql", printing)
			write(t, "weir.yaml", global)
			if code := p.run(append([]string{"run"}, c.args...)...); code != 0 {
				t.Fatalf("exit code %d\n%s", code, p.stderr)
			}
			if _, err := os.Stat(filepath.FromSlash(c.want) + "/attempts/1"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFlagsReachTheJob(t *testing.T) {
	p := newProcess(t)
	write(t, "job.yaml", manifestOf+indented(printing)+"---\nkind: Secret\napiVersion: v1\n")
	var got *manifest.Job
	p.runJob = func(_ context.Context, j *manifest.Job, _ runOptions) (job.Result, error) {
		got = j
		return job.Result{Outcome: outcome.Completed}, nil
	}
	if code := p.run("run", "-f", "job.yaml", "-s", "mem://x/y", "-n", "--allow-repeated-output", "--take-over", "--set", "spec.parallelism=5"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, p.stderr)
	}
	want := job.Restore{From: "mem://x/y", AllowNonRestoredState: true, AllowRepeatedOutput: true, TakeOver: true}
	if got.Config.Restore != want || got.Config.Parallelism != 5 {
		t.Errorf("got %+v", got.Config)
	}
	if !strings.Contains(p.stderr.String(), "Secret is left out") {
		t.Errorf("no note of what is left out: %s", p.stderr)
	}
}

// waiting is a job that runs until it is told to end.
func waiting(begun chan<- struct{}, onInterrupt bool) func(context.Context, *manifest.Job, runOptions) (job.Result, error) {
	return func(ctx context.Context, _ *manifest.Job, o runOptions) (job.Result, error) {
		close(begun)
		if onInterrupt {
			<-o.interrupt
			return job.Result{Outcome: outcome.Interrupted}, nil
		}
		<-ctx.Done()
		return job.Result{}, ctx.Err()
	}
}

func TestASignalEndsTheJobWithALastCheckpoint(t *testing.T) {
	p := newProcess(t)
	write(t, "job.sql", endless)
	begun := make(chan struct{})
	p.runJob = waiting(begun, true)
	code := make(chan int)
	go func() { code <- p.run("run", "job.sql") }()
	<-begun
	p.signals <- syscall.SIGTERM
	if got := <-code; got != 0 || !strings.Contains(p.stderr.String(), "taking a last checkpoint") {
		t.Errorf("exit code %d\n%s", got, p.stderr)
	}
}

func TestASecondSignalEndsTheProcessAtOnce(t *testing.T) {
	p := newProcess(t)
	write(t, "job.sql", endless)
	begun := make(chan struct{})
	p.runJob = waiting(begun, false)
	code := make(chan int)
	go func() { code <- p.run("run", "job.sql") }()
	<-begun
	p.signals <- syscall.SIGINT
	p.signals <- syscall.SIGINT
	if got := <-code; got != 1 || !strings.Contains(p.stderr.String(), "weir: ended by a second signal") {
		t.Errorf("exit code %d\n%s", got, p.stderr)
	}
}

func TestAJobThatFailsIsOneLineAndExitCode1(t *testing.T) {
	p := newProcess(t)
	write(t, "job.sql", endless)
	p.runJob = func(context.Context, *manifest.Job, runOptions) (job.Result, error) {
		return job.Result{}, errors.Join(errors.New("the disk is full"), errors.New("and so is the other"))
	}
	if code := p.run("run", "job.sql"); code != 1 || p.stderr.String() != "weir: the disk is full; and so is the other\n" {
		t.Errorf("exit code %d\n%s", code, p.stderr)
	}
}

// live lists the registered jobs.
func live(t *testing.T, p *process) []localjobs.Job {
	t.Helper()
	jobs, err := p.liveJobs(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

// TestACompletedJobSaysThatItsInputHasChanged: whoever puts a file beside those that were read, and starts the job again, may
// expect it to be read.
func TestACompletedJobSaysThatItsInputHasChanged(t *testing.T) {
	p := newProcess(t)
	write(t, "in/a.json", `{"k": 1}`+"\n")
	write(t, "in/b.json", `{"k": 2}`+"\n")
	write(t, "job.sql", `CREATE TABLE t (k INT) WITH ('connector' = 'filesystem', 'path' = 'in', 'format' = 'json');
CREATE TABLE o (k INT) WITH ('connector' = 'print');
INSERT INTO o SELECT k FROM t;`)
	if code := p.run("run", "job.sql"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, p.stderr)
	}
	again := func(want string) {
		t.Helper()
		q := joinProcess(p.env)
		code := q.run("run", "job.sql")
		got := q.stderr.String()
		if code != 0 || q.stdout.String() != "" || !strings.Contains(got, "nothing to do") {
			t.Errorf("again: exit code %d, stdout %q, stderr %q", code, q.stdout, got)
		}
		if changed := strings.Contains(got, "which are not the same"); changed != (want != "") || !strings.Contains(got, want) {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
	again("")
	write(t, "in/c.json", `{"k": 3}`+"\n")
	again("source/t had read 2 files, and now there are 3, which are not the same")
	for _, name := range []string{"in/a.json", "in/b.json", "in/c.json"} {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	again("") // what was read may be removed
}
