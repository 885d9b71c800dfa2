package snapshot_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/weirstream/weir/internal/cli/snapshot"
	"github.com/weirstream/weir/internal/clitest"
)

func TestWhatIsDamagedIsNamed(t *testing.T) {
	p := clitest.New(t)
	clitest.Write(t, "job.sql", clitest.Printing)
	if code := p.Run("run", "job.sql"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, p.Stderr)
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
			q := clitest.Join(p.Env)
			code := q.Run(append(append([]string{"snapshot"}, c.args...), ".weir/checkpoints/job/chk-1")...)
			if !strings.Contains(q.Stdout.String(), c.stdout) || !strings.Contains(q.Stderr.String(), c.stderr) || strings.Count(q.Stderr.String(), "\n") != 1 || code != 1 {
				t.Errorf("exit code %d\nstdout %s\nstderr %s", code, q.Stdout, q.Stderr)
			}
		})
	}
}

func TestASnapshotIsShown(t *testing.T) {
	p := clitest.New(t)
	clitest.Write(t, "job.sql", clitest.Printing)
	if code := p.Run("run", "job.sql"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, p.Stderr)
	}
	r := &clitest.Running{Process: p}
	if got := r.Command(t, "snapshot", "inspect", ".weir/checkpoints/job/chk-1"); !strings.Contains(got, "of job job") {
		t.Errorf("inspect: %s", got)
	}
	var summary struct {
		Job     string `json:"job"`
		Outcome string `json:"outcome"`
	}
	if err := json.Unmarshal([]byte(r.Command(t, "snapshot", "inspect", "-o", "json", ".weir/checkpoints/job/chk-1")), &summary); err != nil {
		t.Fatal(err)
	}
	if summary.Job != "job" || summary.Outcome != "completed" {
		t.Errorf("inspect -o json: %+v", summary)
	}
	var v snapshot.Verified
	if err := json.Unmarshal([]byte(r.Command(t, "snapshot", "verify", "-o", "json", ".weir/checkpoints/job/chk-1")), &v); err != nil {
		t.Fatal(err)
	}
	if !v.OK || v.Objects == 0 {
		t.Errorf("verify -o json: %+v", v)
	}
}
