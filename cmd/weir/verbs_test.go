package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/rest"
)

// running is a job that runs beside the test.
type running struct {
	*process
	code chan int
}

// start runs a job until it can be asked; it is ended with the test, if not before.
func start(t *testing.T, p *process, args ...string) *running {
	t.Helper()
	return startVerb(t, p, append([]string{"run"}, args...)...)
}

// startVerb runs a command until the job can be asked.
func startVerb(t *testing.T, p *process, args ...string) *running {
	t.Helper()
	r := &running{p, make(chan int, 1)}
	go func() { r.code <- p.run(args...) }()
	deadline := time.After(time.Minute)
	for !strings.Contains(p.stderr.String(), "the job can be asked") {
		select {
		case <-p.stderr.written:
		case code := <-r.code:
			t.Fatalf("it ended with %d\n%s", code, p.stderr)
		case <-deadline:
			t.Fatalf("it does not start\n%s", p.stderr)
		}
	}
	t.Cleanup(func() {
		select {
		case code := <-r.code:
			r.code <- code
		default:
			p.signals <- syscall.SIGTERM
			<-r.code
		}
	})
	return r
}

// ended waits for the end of the job.
func (r *running) ended(t *testing.T) int {
	t.Helper()
	select {
	case code := <-r.code:
		r.code <- code
		return code
	case <-time.After(time.Minute):
		t.Fatalf("it does not end\n%s", r.stderr)
		return 0
	}
}

// command runs another command to its end, and returns its standard output.
func (r *running) command(t *testing.T, args ...string) string {
	t.Helper()
	p := joinProcess(r.env)
	if code := p.run(args...); code != 0 {
		t.Fatalf("weir %v: exit code %d\n%s", args, code, p.stderr)
	}
	return strings.TrimSuffix(p.stdout.String(), "\n")
}

// refused runs another command that fails, and returns what it says.
func (r *running) refused(t *testing.T, code int, args ...string) string {
	t.Helper()
	p := joinProcess(r.env)
	if got := p.run(args...); got != code {
		t.Errorf("weir %v: exit code %d, want %d", args, got, code)
	}
	return p.stderr.String()
}

func TestTheListTellsOfCheckpointsThatFailSinceTheNewestCompleteOne(t *testing.T) {
	p := newProcess(t)
	at := time.Now()
	if err := p.writeList([]listed{
		{Job: "well", Overview: &rest.Job{StartTime: at, CompletedCheckpoints: 7, FailedCheckpoints: 9}},
		{Job: "ill", Overview: &rest.Job{StartTime: at, CompletedCheckpoints: 8, FailedCheckpoints: 9, FailedCheckpointsInARow: 2}},
	}, at); err != nil {
		t.Fatal(err)
	}
	if got := p.stdout.String(); strings.Count(got, "failed") != 1 || !strings.Contains(got, "  8, then 2 failed  ") || !strings.Contains(got, "  7  ") {
		t.Errorf("the list is\n%s", got)
	}
}

func TestARunningJobIsWatchedAskedAndStopped(t *testing.T) {
	p := newProcess(t)
	write(t, "endless.sql", endless)
	r := start(t, p, "endless.sql")

	list := r.command(t, "list")
	if !strings.HasPrefix(list, "JOB ") || !strings.Contains(list, "endless ") || !strings.Contains(list, "http://127.0.0.1:") {
		t.Errorf("list:\n%s", list)
	}
	var all []listed
	if err := json.Unmarshal([]byte(r.command(t, "list", "-o", "json")), &all); err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || all[0].Overview == nil || all[0].Overview.ID != "endless" || all[0].PID != os.Getpid() {
		t.Errorf("list -o json: %+v", all)
	}

	checkpoint := r.command(t, "checkpoint", "endless")
	if !strings.Contains(checkpoint, "/.weir/checkpoints/endless/chk-") {
		t.Errorf("checkpoint at %q", checkpoint)
	}
	if got := r.command(t, "snapshot", "verify", checkpoint); !strings.Contains(got, "all checksums hold") {
		t.Errorf("verify: %s", got)
	}
	savepoint := r.command(t, "savepoint", "endless", "elsewhere", "--id", "before-friday")
	if !strings.HasSuffix(savepoint, "/elsewhere/savepoint-endless-before-friday") {
		t.Errorf("savepoint at %q", savepoint)
	}
	if again := r.command(t, "savepoint", "endless", "elsewhere", "--id", "before-friday"); again != savepoint {
		t.Errorf("asked for again under the same id: %q, before %q", again, savepoint)
	}
	if got := r.refused(t, 1, "checkpoint", "--id", "before-friday"); !strings.Contains(got, "another request") {
		t.Errorf("another request under a used id: %s", got)
	}
	if got := r.refused(t, 1, "savepoint", "other"); !strings.Contains(got, `no job "other" runs here; there are endless`) {
		t.Errorf("another job: %s", got)
	}

	for _, verb := range []string{"stop", "cancel"} {
		if got := r.refused(t, 2, verb); !strings.Contains(got, "name the job that is to end: weir "+verb+" JOB") {
			t.Errorf("%s without a job: %s", verb, got)
		}
	}
	if got := r.refused(t, 1, "stop", "endless", "--savepoint-path", "mem://x"); !strings.Contains(got, "gone with the job's process") {
		t.Errorf("stopped into memory: %s", got)
	}
	last := r.command(t, "stop", "endless", "--savepoint-path", "last")
	if !strings.Contains(last, "/last/savepoint-endless-") {
		t.Errorf("stopped with %q", last)
	}
	if code := r.ended(t); code != 0 {
		t.Errorf("the stopped job's exit code is %d\n%s", code, r.stderr)
	}
	if got := r.command(t, "list"); got != "" {
		t.Errorf("still listed: %s", got)
	}
	if _, err := os.Stat(filepath.FromSlash(strings.TrimPrefix(last, "file://"))); err != nil {
		t.Error(err)
	}
}

func TestAJobIsFoundByItsAddress(t *testing.T) {
	p := newProcess(t)
	write(t, "endless.sql", endless)
	p.env["WEIR_TOKEN"] = "chosen"
	r := start(t, p, "endless.sql")
	address := live(t, p)[0].URL
	if got := r.command(t, "checkpoint", address); !strings.Contains(got, "chk-") {
		t.Errorf("with a registered token: %s", got)
	}
	port := address[strings.LastIndexByte(address, ':'):]
	delete(r.env, "WEIR_TOKEN")
	if got := r.command(t, "checkpoint", "http://localhost"+port); !strings.Contains(got, "chk-") {
		t.Errorf("as localhost: %s", got)
	}
	// Another user, or machine: nothing is registered there.
	stranger := joinProcess(map[string]string{"XDG_RUNTIME_DIR": t.TempDir(), "WEIR_TOKEN": "chosen"})
	if code := stranger.run("checkpoint", address); code != 0 {
		t.Errorf("with the token of the environment: %s", stranger.stderr)
	}
	stranger.env["WEIR_TOKEN"] = "guessed"
	if code := stranger.run("cancel", address); code != 1 || !strings.Contains(stranger.stderr.String(), "no valid token") {
		t.Errorf("with a wrong token: exit code %d, %s", code, stranger.stderr)
	}
	r.command(t, "cancel", address)
	if code := r.ended(t); code != 0 {
		t.Errorf("the cancelled job's exit code is %d\n%s", code, r.stderr)
	}
}

func TestOfSeveralJobsOneMustBeNamed(t *testing.T) {
	p := newProcess(t)
	write(t, "a.sql", endless)
	write(t, "b.sql", endless)
	a := start(t, p, "a.sql")
	b := start(t, joinProcess(p.env), "b.sql")
	if got := a.refused(t, 2, "savepoint"); !strings.Contains(got, "several jobs run here: a, b; name one") {
		t.Errorf("none named: %s", got)
	}
	b.command(t, "cancel", "b")
	b.ended(t)
	if got := a.command(t, "savepoint"); !strings.Contains(got, "/.weir/savepoints/savepoint-a-") {
		t.Errorf("the one that is left: %s", got)
	}
}

func TestAJobOnOneFolderRunsOnce(t *testing.T) {
	p := newProcess(t)
	write(t, "endless.sql", endless)
	r := start(t, p, "endless.sql")
	if got := r.refused(t, 1, "run", "endless.sql"); !strings.Contains(got, "in use by process") || strings.Count(got, "\n") != 1 {
		t.Errorf("a second one: %s", got)
	}
}

func TestWhatIsDamagedIsNamed(t *testing.T) {
	p := newProcess(t)
	write(t, "job.sql", printing)
	if code := p.run("run", "job.sql"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, p.stderr)
	}
	const metadata = ".weir/checkpoints/job/chk-1/_metadata"
	text, err := os.ReadFile(metadata)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(metadata, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name           string
		args           []string
		stdout, stderr string
	}{
		{"verify", []string{"verify"}, "_metadata is damaged at byte", "chk-1 cannot be restored: "},
		{"verify for scripts", []string{"verify", "-o", "json"}, `"ok": false`, "chk-1 cannot be restored: "},
		{"inspect", []string{"inspect"}, "", "_metadata is damaged at byte"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := joinProcess(p.env)
			code := q.run(append(append([]string{"snapshot"}, c.args...), ".weir/checkpoints/job/chk-1")...)
			if !strings.Contains(q.stdout.String(), c.stdout) || !strings.Contains(q.stderr.String(), c.stderr) || strings.Count(q.stderr.String(), "\n") != 1 || code != 1 {
				t.Errorf("exit code %d\nstdout %s\nstderr %s", code, q.stdout, q.stderr)
			}
		})
	}
}

func TestASnapshotIsShown(t *testing.T) {
	p := newProcess(t)
	write(t, "job.sql", printing)
	if code := p.run("run", "job.sql"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, p.stderr)
	}
	r := &running{process: p}
	if got := r.command(t, "snapshot", "inspect", ".weir/checkpoints/job/chk-1"); !strings.Contains(got, "of job job") {
		t.Errorf("inspect: %s", got)
	}
	var summary struct {
		Job     string `json:"job"`
		Outcome string `json:"outcome"`
	}
	if err := json.Unmarshal([]byte(r.command(t, "snapshot", "inspect", "-o", "json", ".weir/checkpoints/job/chk-1")), &summary); err != nil {
		t.Fatal(err)
	}
	if summary.Job != "job" || summary.Outcome != "completed" {
		t.Errorf("inspect -o json: %+v", summary)
	}
	var v verified
	if err := json.Unmarshal([]byte(r.command(t, "snapshot", "verify", "-o", "json", ".weir/checkpoints/job/chk-1")), &v); err != nil {
		t.Fatal(err)
	}
	if !v.OK || v.Objects == 0 {
		t.Errorf("verify -o json: %+v", v)
	}
}

func TestTheVersionIsPrinted(t *testing.T) {
	p := newProcess(t)
	if code := p.run("version"); code != 0 || !strings.HasPrefix(p.stdout.String(), "weir dev go1.") {
		t.Errorf("exit code %d, %s", code, p.stdout)
	}
}
