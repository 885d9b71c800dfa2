package harness

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// recorder is a test that only notes its failures.
type recorder struct {
	testing.TB
	failures []string
}

func (r *recorder) Helper()                        {}
func (r *recorder) Errorf(format string, _ ...any) { r.failures = append(r.failures, format) }

func TestAnAuditSeesWhatChangesAndWhatVanishes(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("part-1", "a")
	write("part-2", "b")
	write("_staging/part-3", "c")
	place := Open(t, folder)
	notes := &recorder{TB: t}
	audit := (&Place{t: notes, bucket: place.bucket}).Audit()
	audit.Look()
	write("part-4", "d")
	write("_staging/part-3", "changed")
	audit.Look()
	if len(notes.failures) != 0 || audit.Seen() != 3 {
		t.Fatalf("hidden and new files: failures %v, %d seen", notes.failures, audit.Seen())
	}
	write("part-1", "A")
	if err := os.Remove(filepath.Join(folder, "part-2")); err != nil {
		t.Fatal(err)
	}
	audit.Look()
	if all := strings.Join(notes.failures, "; "); len(notes.failures) != 2 || !strings.Contains(all, "changed") || !strings.Contains(all, "vanished") {
		t.Errorf("failures %v, want one that changed and one that vanished", notes.failures)
	}
}

// shell starts a script as if it were the binary.
func shell(t *testing.T, script string) *Process {
	t.Helper()
	return Start(t, Launch{Path: "sh", Args: []string{"-c", script}, Logs: t.TempDir()})
}

func TestAComplaintIsTheOneLineThatIsNoLogLine(t *testing.T) {
	p := shell(t, `echo 'time=2001-01-01T00:00:00Z level=INFO msg=x' >&2; echo 'weir: job.sql:1:2: no' >&2; exit 1`)
	if got := p.Fail(time.Minute); got != "weir: job.sql:1:2: no" {
		t.Errorf("complaint %q", got)
	}
}

func TestAFrozenProcessDoesNothingUntilItIsThawed(t *testing.T) {
	p := shell(t, `while :; do echo x; done`)
	p.Until(time.Minute, "it writes", func() bool { return p.Stdout() != "" })
	p.Freeze()
	before := len(p.Stdout())
	if after := len(p.Stdout()); after != before {
		t.Errorf("it has written %d bytes while it was frozen", after-before)
	}
	p.Thaw()
	p.Until(time.Minute, "it writes on", func() bool { return len(p.Stdout()) > before })
	p.Kill()
	if !p.WasKilled() {
		t.Error("it was killed and says that it was not")
	}
}

func TestExitCodesAreTheProcessesOwn(t *testing.T) {
	if code := shell(t, "exit 2").Exit(time.Minute); code != 2 {
		t.Errorf("exit code %d, want 2", code)
	}
	if shell(t, "exit 0").WasKilled() {
		t.Error("a process that exits counts as killed")
	}
}

func TestAManifestHasWhatTheJobSays(t *testing.T) {
	job := NewJob(t, "weir")
	job.RowsPerSecond, job.Where, job.Interval = 17, "delay > 1", 300*time.Millisecond
	text, err := os.ReadFile(job.WriteManifest())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"interval: 300ms", "'source.rows-per-second' = '17'", "WHERE delay > 1", "'" + job.Input + "'"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the manifest does not have %q:\n%s", want, text)
		}
	}
}

func TestACopyHasPlacesOfItsOwnInTheSameBucket(t *testing.T) {
	job := NewJob(t, "weir")
	job.Output = "s3://bucket/out?endpoint=x"
	copied := job.Copy("two")
	if copied.Output != "s3://bucket/out-two?endpoint=x" || copied.Checkpoints != job.Checkpoints+"-two" {
		t.Errorf("output %s, checkpoints %s", copied.Output, copied.Checkpoints)
	}
	if got := copied.Folder(); got != job.Checkpoints+"-two/two" {
		t.Errorf("folder %s", got)
	}
}
