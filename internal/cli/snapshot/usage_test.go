package snapshot_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/internal/clitest"
)

func TestWhatAJobTakesAndWhatNobodyNeedsIsShown(t *testing.T) {
	p := clitest.New(t)
	clitest.Write(t, "job.sql", clitest.Printing)
	if code := p.Run("run", "job.sql"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, p.Stderr)
	}
	const folder = ".weir/checkpoints/job"
	for _, dir := range []string{"shared", "chk-1"} {
		if err := os.MkdirAll(filepath.Join(folder, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{
		"shared/1.0-1-0123abcd-0-0123456789abcdef": "left",    // of an aborted checkpoint
		"shared/1.0-9-0123abcd-0-0123456789abcdef": "written", // of one that may be under way
		"shared/notes.txt":                         "someone's",
	} {
		clitest.Write(t, filepath.Join(folder, name), content)
	}
	r := &clitest.Running{Process: p}
	var u snapshot.Usage
	if err := json.Unmarshal([]byte(r.Command(t, "snapshot", "du", "-o", "json", folder)), &u); err != nil {
		t.Fatal(err)
	}
	if len(u.Checkpoints) != 1 || u.Checkpoints[0].Bytes == 0 || u.Checkpoints[0].Alone != u.Checkpoints[0].Bytes || u.GarbageBytes != 4 ||
		u.Bytes <= u.Checkpoints[0].Bytes {
		t.Errorf("du -o json: %+v", u)
	}
	if got := r.Command(t, "snapshot", "du", folder); !strings.HasPrefix(got, "CHECKPOINT  BYTES") || !strings.Contains(got, "4 of them in 1 files that no checkpoint needs") {
		t.Errorf("du: %s", got)
	}
	if got := r.Command(t, "snapshot", "gc", "--dry-run", folder); !strings.Contains(got, "shared/1.0-1-0123abcd") || strings.Contains(got, "1.0-9") || strings.Contains(got, "notes") {
		t.Errorf("gc: %s", got)
	}
	var garbage []snapshot.GarbageObject
	if err := json.Unmarshal([]byte(r.Command(t, "snapshot", "gc", "--dry-run", "-o", "json", folder)), &garbage); err != nil || len(garbage) != 1 || garbage[0].Bytes != 4 {
		t.Errorf("gc -o json: %v, %v", garbage, err)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"gc", folder}, 2, "say --dry-run"},
		{[]string{"gc", "--dry-run", t.TempDir()}, 1, "is not the folder of a job"},
		{[]string{"du", t.TempDir()}, 1, "is not the folder of a job"},
		{[]string{"du"}, 2, "an argument is missing"},
	} {
		q := clitest.Join(p.Env)
		if code := q.Run(append([]string{"snapshot"}, c.args...)...); code != c.code || !strings.Contains(q.Stderr.String(), c.want) || q.Stdout.String() != "" {
			t.Errorf("%v: exit code %d, %s%s", c.args, code, q.Stdout, q.Stderr)
		}
	}
}
