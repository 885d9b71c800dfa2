package job_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/jobtest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
)

// offline makes a savepoint without the job, in a folder of its own, and returns its path.
func offline(t *testing.T, checkpoint string) string {
	t.Helper()
	path, err := job.Savepoint(t.Context(), job.SavepointOf{Checkpoint: checkpoint, Target: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// sameBytes checks that two folders hold the same files with the same content.
func sameBytes(t *testing.T, a, b string) {
	t.Helper()
	one, other := contentOf(t, local(a)), contentOf(t, local(b))
	if len(one) < 2 {
		t.Errorf("%s holds only %d files", a, len(one))
	}
	if diff := cmp.Diff(one, other); diff != "" {
		t.Errorf("%s and %s differ:\n%s", a, b, diff)
	}
}

// TestASavepointOfACheckpointIsTheSameBytesWhoeverMakesIt: the job while it runs, or anybody when it is dead, from its folder or
// a copy elsewhere, later, and two at once under one id.
func TestASavepointOfACheckpointIsTheSameBytesWhoeverMakesIt(t *testing.T) {
	for _, whole := range []bool{false, true} {
		t.Run(fmt.Sprintf("whole %v", whole), func(t *testing.T) {
			w := jobtest.NewWorld(t)
			w.Whole = whole
			cfg := w.Config(3)
			cfg.Interval, cfg.Retained = time.Hour, 50
			r := w.Start(t, cfg, w.Graph(t, "count"))
			checkpoints := map[string]int64{}
			for i, open := range []int{400, 407, 430} { // so that the last has several runs
				w.Input.Open(open)
				r.Until(t, "it had read", jobtest.Read(int64(open)))
				id := fmt.Sprint("sp", i)
				if _, err := r.Savepoint(id, ""); err != nil {
					t.Fatal(err)
				}
				op, err := r.Job.Operation(t.Context(), id)
				if err != nil || op.Status != rest.Done {
					t.Fatalf("the savepoint became %+v, %v", op, err)
				}
				checkpoints[op.Path] = op.CheckpointID
			}
			folder := filepath.Join(w.Dir, "counts")
			for savepoint, id := range checkpoints {
				chk := fmt.Sprintf("chk-%d", id)
				if id < int64(len(checkpoints)) { // while the job runs, and knows that it is committed
					sameBytes(t, savepoint, offline(t, filepath.Join(folder, chk)))
				}
			}
			close(r.Interrupt)
			if _, err := r.Wait(t); err != nil {
				t.Fatal(err)
			}
			moved := filepath.Join(t.TempDir(), "moved")
			if err := os.CopyFS(moved, os.DirFS(folder)); err != nil {
				t.Fatal(err)
			}
			for savepoint, id := range checkpoints {
				chk := fmt.Sprintf("chk-%d", id)
				for _, at := range []string{folder, moved} {
					sameBytes(t, savepoint, offline(t, filepath.Join(at, chk)))
				}
				target := t.TempDir()
				var group sync.WaitGroup
				for range 4 {
					group.Go(func() {
						path, err := job.Savepoint(t.Context(), job.SavepointOf{Checkpoint: filepath.Join(folder, chk), Target: target, ID: "one"})
						if err != nil || !strings.HasSuffix(path, "/savepoint-counts-one") {
							t.Errorf("four at once: %s, %v", path, err)
						}
					})
				}
				group.Wait()
				sameBytes(t, savepoint, filepath.Join(target, "savepoint-counts-one"))
				if report, err := snapshot.Verify(t.Context(), filepath.Join(target, "savepoint-counts-one")); err != nil || !report.OK() {
					t.Errorf("%v, %v", report, err)
				}
			}
		})
	}
}

// TestASavepointOfADeadJobStartsAnother, with the rows after it and none of those before.
func TestASavepointOfADeadJobStartsAnother(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(800)
	r := w.Start(t, w.Config(2), w.Graph(t, "count"))
	r.Until(t, "it had read", jobtest.Read(800))
	close(r.Interrupt)
	result, err := r.Wait(t)
	if err != nil {
		t.Fatal(err)
	}
	before := len(w.Output.Rows())
	path, err := job.Savepoint(t.Context(), job.SavepointOf{Checkpoint: result.LastCheckpoint, Target: t.TempDir(), AllowLostOutput: true})
	if err != nil {
		t.Fatal(err)
	}
	w.Output = enginetest.NewLedger[[2]int]()
	w.Input.Open(jobtest.All)
	cfg := w.Config(3)
	cfg.Job, cfg.Storage, cfg.Restore.Path = "fork", t.TempDir(), path
	if _, err := w.Start(t, cfg, w.Graph(t, "count")).Wait(t); err != nil {
		t.Fatal(err)
	}
	if got := before + len(w.Output.Rows()); got != jobtest.All {
		t.Errorf("before and after the savepoint %d rows came out, want %d", got, jobtest.All)
	}
}

// TestASavepointLeavesNoOutputOutUnasked: what a checkpoint has to commit may be invisible until a later checkpoint says that it is
// committed, or the job has ended with it.
func TestASavepointLeavesNoOutputOutUnasked(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(400)
	cfg := w.Config(2)
	cfg.Interval, cfg.Retained = time.Hour, 50
	r := w.Start(t, cfg, w.Graph(t, "count"))
	r.Until(t, "it had read", jobtest.Read(400))
	var checkpoints []string
	for i := range 2 {
		w.Input.Open(400 * (i + 1))
		r.Until(t, "it had read on", jobtest.Read(int64(400*(i+1))))
		id := fmt.Sprint("c", i)
		if _, err := r.Checkpoint(id); err != nil {
			t.Fatal(err)
		}
		checkpoints = append(checkpoints, done(t, r, id))
	}
	if _, err := r.Cancel("killed"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Wait(t); err != nil {
		t.Fatal(err)
	}
	offline(t, checkpoints[0]) // the second says that it is committed
	target := t.TempDir()
	_, err := job.Savepoint(t.Context(), job.SavepointOf{Checkpoint: checkpoints[1], Target: target})
	if fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), "the output of checkpoint 2 is committed") {
		t.Errorf("of the last checkpoint: %v", err)
	}
	if left := jobtest.Listing(t, target); len(left) != 1 {
		t.Errorf("refused, it left %v", left)
	}
	w.Input.Open(jobtest.All)
	result, err := w.Start(t, cfg, w.Graph(t, "count")).Wait(t)
	if err != nil || result.Outcome != outcome.Completed {
		t.Fatalf("ended with %+v, %v", result, err)
	}
	offline(t, checkpoints[1])
	offline(t, result.LastCheckpoint)
}

func TestWhatIsNoCheckpointOfItsJobMakesNoSavepoint(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(400)
	cfg := w.Config(2)
	cfg.Interval, cfg.Retained = time.Hour, 50
	r := w.Start(t, cfg, w.Graph(t, "count"))
	r.Until(t, "it had read", jobtest.Read(400))
	var made []string
	for _, id := range []string{"s1", "s2"} {
		if _, err := r.Savepoint(id, ""); err != nil {
			t.Fatal(err)
		}
		made = append(made, done(t, r, id))
	}
	if _, err := r.Cancel("killed"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Wait(t); err != nil {
		t.Fatal(err)
	}
	first := filepath.Join(w.Dir, "counts", "chk-1")
	cfg.Restore.Path, cfg.Restore.Nonce, cfg.Restore.AllowRepeatedOutput = first, 1, true
	back := w.Start(t, cfg, w.Graph(t, "count"))
	back.Until(t, "it had gone back", jobtest.Read(0))
	for _, c := range []struct{ name, checkpoint, target, id, want string }{
		{"a savepoint", made[0], t.TempDir(), "", "is a savepoint already"},
		{"a checkpoint that is void", filepath.Join(w.Dir, "counts", "chk-2"), t.TempDir(), "", "is void"},
		{"the folder of the job", filepath.Join(w.Dir, "counts"), t.TempDir(), "", "not a snapshot"},
		{"into the folder of the job", first, filepath.Join(w.Dir, "counts", "sp"), "", "in the folder of the job's checkpoints"},
		{"under an id that is no name", first, t.TempDir(), "../x", "id"},
	} {
		if _, err := job.Savepoint(t.Context(), job.SavepointOf{Checkpoint: c.checkpoint, Target: c.target, ID: c.id}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	offline(t, first)
}
