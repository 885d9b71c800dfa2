package run_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/internal/cli/run"
	"github.com/weirstream/weir/internal/clitest"
	"github.com/weirstream/weir/manifest"
)

func TestABoundedJobRunsToItsEndAndIsNotRunTwice(t *testing.T) {
	p := clitest.New(t)
	clitest.Write(t, "job.sql", clitest.Printing)
	if code := p.Run("run", "job.sql"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, p.Stderr)
	}
	if got := p.Stdout.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "10") || !strings.Contains(got, "30") {
		t.Errorf("stdout %q", got)
	}
	if got := p.Stderr.String(); !strings.Contains(got, `msg="job ended" job=job outcome=Completed`) || !strings.Contains(got, "recordsIn=3 recordsOut=2") {
		t.Errorf("stderr %q", got)
	}
	again := clitest.Join(p.Env)
	if code := again.Run("run", "job.sql"); code != 0 || again.Stdout.String() != "" || !strings.Contains(again.Stderr.String(), "nothing to do") {
		t.Errorf("again: exit code %d, stdout %q, stderr %q", code, again.Stdout, again.Stderr)
	}
	if jobs := clitest.Live(t, p); len(jobs) != 0 {
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
		{"standard input", clitest.ManifestOf + clitest.Indented(clitest.Printing), "", []string{"-f", "-"}, ".weir/checkpoints/delays"},
		{"a file of SQL", "", "", []string{"job.sql"}, ".weir/checkpoints/job"},
		{"a setting", "", "", []string{"job.sql", "--set", "spec.jobID=other", "--set", "spec.checkpoint.storage=x"}, "x/other"},
		{"weir.yaml by flag", "", "", []string{"job.sql", "--config", "weir.yaml"}, "snapshots/job"},
		{"weir.yaml by environment", "", "weir.yaml", []string{"job.sql"}, "snapshots/job"},
		{"weir.yaml that is not named counts for nothing", "", "", []string{"job.sql"}, ".weir/checkpoints/job"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := clitest.New(t)
			p.Stdin = strings.NewReader(c.stdin)
			p.Env["WEIR_CONFIG"] = c.env
			clitest.Write(t, "job.yaml", clitest.ManifestOf+clitest.Indented(clitest.Printing))
			clitest.Write(t, "job.sql", clitest.Printing)
			clitest.Write(t, "weir.yaml", global)
			if code := p.Run(append([]string{"run"}, c.args...)...); code != 0 {
				t.Fatalf("exit code %d\n%s", code, p.Stderr)
			}
			if _, err := os.Stat(filepath.FromSlash(c.want) + "/attempts/1"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFlagsReachTheJob(t *testing.T) {
	p := clitest.New(t)
	clitest.Write(t, "job.yaml", clitest.ManifestOf+clitest.Indented(clitest.Printing)+"---\nkind: Secret\napiVersion: v1\n")
	var got *manifest.StreamJob
	p.RunJob = func(_ context.Context, j *manifest.StreamJob, _ run.Options) (job.Result, error) {
		got = j
		return job.Result{Outcome: outcome.Completed}, nil
	}
	if code := p.Run("run", "-f", "job.yaml", "-s", "mem://x/y", "-n", "--allow-repeated-output", "--take-over", "--set", "spec.parallelism=5"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, p.Stderr)
	}
	want := job.Restore{Path: "mem://x/y", AllowNonRestoredState: true, AllowRepeatedOutput: true}
	if got.Config.Restore != want || !got.Config.TakeOver || got.Config.Parallelism != 5 {
		t.Errorf("got %+v", got.Config)
	}
	if !strings.Contains(p.Stderr.String(), "Secret is left out") {
		t.Errorf("no note of what is left out: %s", p.Stderr)
	}
}

// waiting is a job that runs until it is told to end.
func waiting(begun chan<- struct{}, onInterrupt bool) func(context.Context, *manifest.StreamJob, run.Options) (job.Result, error) {
	return func(ctx context.Context, _ *manifest.StreamJob, o run.Options) (job.Result, error) {
		close(begun)
		if onInterrupt {
			<-o.Interrupt
			return job.Result{Outcome: outcome.Interrupted}, nil
		}
		<-ctx.Done()
		return job.Result{}, ctx.Err()
	}
}

func TestASignalEndsTheJobWithALastCheckpoint(t *testing.T) {
	p := clitest.New(t)
	clitest.Write(t, "job.sql", clitest.Endless)
	begun := make(chan struct{})
	p.RunJob = waiting(begun, true)
	code := make(chan int)
	go func() { code <- p.Run("run", "job.sql") }()
	<-begun
	p.Signals <- syscall.SIGTERM
	if got := <-code; got != 0 || !strings.Contains(p.Stderr.String(), "taking a last checkpoint") {
		t.Errorf("exit code %d\n%s", got, p.Stderr)
	}
}

func TestASecondSignalEndsTheProcessAtOnce(t *testing.T) {
	p := clitest.New(t)
	clitest.Write(t, "job.sql", clitest.Endless)
	begun := make(chan struct{})
	p.RunJob = waiting(begun, false)
	code := make(chan int)
	go func() { code <- p.Run("run", "job.sql") }()
	<-begun
	p.Signals <- syscall.SIGINT
	p.Signals <- syscall.SIGINT
	if got := <-code; got != 1 || !strings.Contains(p.Stderr.String(), "weir: ended by a second signal") {
		t.Errorf("exit code %d\n%s", got, p.Stderr)
	}
}

func TestAJobThatFailsIsOneLineAndExitCode1(t *testing.T) {
	p := clitest.New(t)
	clitest.Write(t, "job.sql", clitest.Endless)
	p.RunJob = func(context.Context, *manifest.StreamJob, run.Options) (job.Result, error) {
		return job.Result{}, errors.Join(errors.New("the disk is full"), errors.New("and so is the other"))
	}
	if code := p.Run("run", "job.sql"); code != 1 || p.Stderr.String() != "weir: the disk is full; and so is the other\n" {
		t.Errorf("exit code %d\n%s", code, p.Stderr)
	}
}

// TestACompletedJobSaysThatItsInputHasChanged: whoever puts a file beside those that were read, and starts the job again, may
// expect it to be read.
func TestACompletedJobSaysThatItsInputHasChanged(t *testing.T) {
	p := clitest.New(t)
	clitest.Write(t, "in/a.json", `{"k": 1}`+"\n")
	clitest.Write(t, "in/b.json", `{"k": 2}`+"\n")
	clitest.Write(t, "job.sql", `CREATE TABLE t (k INT) WITH ('connector' = 'filesystem', 'path' = 'in', 'format' = 'json');
CREATE TABLE o (k INT) WITH ('connector' = 'print');
INSERT INTO o SELECT k FROM t;`)
	if code := p.Run("run", "job.sql"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, p.Stderr)
	}
	again := func(want string) {
		t.Helper()
		q := clitest.Join(p.Env)
		code := q.Run("run", "job.sql")
		got := q.Stderr.String()
		if code != 0 || q.Stdout.String() != "" || !strings.Contains(got, "nothing to do") {
			t.Errorf("again: exit code %d, stdout %q, stderr %q", code, q.Stdout, got)
		}
		if changed := strings.Contains(got, "which are not the same"); changed != (want != "") || !strings.Contains(got, want) {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
	again("")
	clitest.Write(t, "in/c.json", `{"k": 3}`+"\n")
	again("source/t had read 2 files, and now there are 3, which are not the same")
	for _, name := range []string{"in/a.json", "in/b.json", "in/c.json"} {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	again("") // what was read may be removed
}

func TestOnATerminalARunEndsWithOneLine(t *testing.T) {
	p := clitest.New(t)
	clitest.Write(t, "job.sql", clitest.Printing)
	screen := &run.Terminal{}
	p.Process.Stderr = screen
	p.Width = func() int { return 100 }
	if code := p.Run("run", "job.sql"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, screen)
	}
	if got := screen.String(); !strings.HasPrefix(got, "job completed: 3 in, 2 out in ") || strings.Count(got, "\n") != 1 {
		t.Errorf("the screen shows\n%s", got)
	}
	if got := p.Stdout.String(); strings.Count(got, "\n") != 2 || strings.Contains(got, run.EraseLine) {
		t.Errorf("stdout %q", got)
	}
}
