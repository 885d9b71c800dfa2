package snapshot_test

import (
	"strings"
	"testing"

	"github.com/weirstream/weir/internal/clitest"
)

func TestASavepointIsMadeOfTheCheckpointOfAJobThatDoesNotRun(t *testing.T) {
	p := clitest.New(t)
	clitest.Write(t, "job.sql", clitest.Printing)
	if code := p.Run("run", "job.sql"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, p.Stderr)
	}
	const checkpoint = ".weir/checkpoints/job/chk-1"
	target := t.TempDir()
	r := &clitest.Running{Process: p}
	path := strings.TrimSpace(r.Command(t, "snapshot", "savepoint", checkpoint, target))
	if !strings.HasPrefix(path, "file://"+target+"/savepoint-job-chk-1-") {
		t.Errorf("printed %q", path)
	}
	if again := strings.TrimSpace(r.Command(t, "snapshot", "savepoint", checkpoint, target)); again != path {
		t.Errorf("made again: %s, not %s", again, path)
	}
	if named := strings.TrimSpace(r.Command(t, "snapshot", "savepoint", "--id", "last", checkpoint, target)); named != "file://"+target+"/savepoint-job-last" {
		t.Errorf("under an id: %s", named)
	}
	if got := r.Command(t, "snapshot", "inspect", path); !strings.HasPrefix(got, "savepoint") {
		t.Errorf("inspected: %s", got)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{path, target}, 1, "is a savepoint already"},
		{[]string{".weir/checkpoints/job", target}, 1, "is the folder of a job, not a snapshot"},
		{[]string{checkpoint, ".weir/checkpoints/job/savepoints"}, 1, "in the folder of the job's checkpoints"},
		{[]string{checkpoint, target, "--id", "a/b"}, 2, "id"},
		{[]string{checkpoint}, 2, "an argument is missing"},
	} {
		q := clitest.Join(p.Env)
		if code := q.Run(append([]string{"snapshot", "savepoint"}, c.args...)...); code != c.code || !strings.Contains(q.Stderr.String(), c.want) || q.Stdout.String() != "" {
			t.Errorf("%v: exit code %d, %s%s", c.args, code, q.Stdout, q.Stderr)
		}
	}
}
