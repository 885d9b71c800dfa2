package job_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/internal/jobtest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
)

// chained is a job that retains one checkpoint, and takes them when it is told to.
type chained struct {
	t   *testing.T
	w   *jobtest.World
	run *jobtest.Run
	n   int
}

func startChained(t *testing.T) *chained {
	c := &chained{t: t, w: jobtest.NewWorld(t)}
	cfg := c.w.Config(2)
	cfg.Interval, cfg.Retained = time.Hour, 1
	c.w.Input.Open(400)
	c.run = c.w.Start(t, cfg, c.w.Graph(t, "count"))
	c.run.Until(t, "it had read", jobtest.Read(400))
	return c
}

// checkpoint takes one, waits until what it no longer retains is swept, and returns its path. keep is what stays all the same.
func (c *chained) checkpoint(keep ...string) string {
	c.t.Helper()
	c.n++
	id := string(rune('a' + c.n))
	if _, err := c.run.Checkpoint(id); err != nil {
		c.t.Fatal(err)
	}
	path := done(c.t, c.run, id)
	eventually(c.t, "the older checkpoints were swept", func() bool {
		left, err := filepath.Glob(filepath.Join(c.folder(), "chk-*", "_metadata"))
		return err == nil && len(left) == 1+len(keep)
	})
	return path
}

func (c *chained) folder() string { return filepath.Join(c.w.Dir, "counts") }

func (c *chained) pins() (names []string) {
	entries, err := os.ReadDir(filepath.Join(c.folder(), "pins"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		c.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// eventually waits for a fact.
func eventually(t *testing.T, what string, fact func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !fact() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("it never came that %s", what)
		}
	}
}

// TestALongLookKeepsItsCheckpointAndHoldsUpNobody: the job that it is of takes and sweeps others meanwhile, and sweeps it when the look
// is over.
func TestALongLookKeepsItsCheckpointAndHoldsUpNobody(t *testing.T) {
	c := startChained(t)
	first := c.checkpoint()
	var size int64
	err := job.Look(t.Context(), first, func(s *snapshot.Snapshot) error {
		for open := 410; open < 440; open += 10 {
			c.w.Input.Open(open)
			c.run.Until(t, "it had read on", jobtest.Read(int64(open)))
			c.checkpoint(first)
		}
		report, err := s.Verify(t.Context())
		if err != nil || !report.OK() {
			t.Errorf("%v, %v", report, err)
		}
		u, err := s.Chain().Usage(t.Context())
		if err != nil || len(u.Pins) != 1 || u.Pins[0].Checkpoint != s.Metadata.ID {
			t.Errorf("%+v, %v", u, err)
		}
		size = u.Bytes
		return nil
	})
	if err != nil || size == 0 {
		t.Fatal(err)
	}
	c.checkpoint()
	if left := c.pins(); len(left) > 0 {
		t.Errorf("pins are left: %v", left)
	}
}

// TestWhoLooksAtWhatIsDeletedIsToldSo, and not that it is damaged: a pin keeps nobody from erasing the job.
func TestWhoLooksAtWhatIsDeletedIsToldSo(t *testing.T) {
	c := startChained(t)
	first := c.checkpoint()
	for _, delete := range []bool{false, true} {
		err := job.Look(t.Context(), first, func(s *snapshot.Snapshot) error {
			runs, err := filepath.Glob(filepath.Join(c.folder(), "shared", "*"))
			if err != nil || len(runs) == 0 {
				t.Fatalf("%v, %v", runs, err)
			}
			for _, name := range append(runs, local(first)) {
				if name == local(first) && !delete {
					continue
				}
				if err := os.RemoveAll(name); err != nil {
					t.Fatal(err)
				}
				if !delete {
					break
				}
			}
			if delete { // the first time around has removed one
				_, err = s.ReadBlock(t.Context(), s.Metadata.Files()[0], s.Metadata.Files()[0].Blocks[0])
				return err
			}
			report, err := s.Verify(t.Context())
			if err != nil || report.OK() {
				t.Fatalf("%v, %v", report, err)
			}
			return report.Problems[0]
		})
		var corrupt *snapshot.CorruptError
		if !errors.As(err, &corrupt) || strings.Contains(err.Error(), "was deleted by its job") != delete {
			t.Errorf("deleted %v: %v", delete, err)
		}
	}
}

// TestAJobThatIsRestoredFromTheCheckpointOfAnotherKeepsItUntilItHasOneItself, also if it dies before that.
func TestAJobThatIsRestoredFromTheCheckpointOfAnotherKeepsItUntilItHasOneItself(t *testing.T) {
	c := startChained(t)
	c.checkpoint()
	first := c.checkpoint() // which has no output, for the fork to commit
	before := len(c.w.Output.Rows())
	output := enginetest.NewLedger[[2]int]()
	cfg := c.w.Config(3)
	cfg.Job, cfg.Storage, cfg.Restore.Path, cfg.Interval = "fork", t.TempDir(), first, time.Hour
	start := func() *jobtest.Run {
		t.Helper()
		r := c.w.Start(t, cfg, c.w.GraphTo(t, "count", output))
		r.Until(t, "it ran", func(o rest.Job) bool { return o.State == rest.Running })
		return r
	}
	open := 400
	goOn := func(keep ...string) {
		t.Helper()
		open += 10
		c.w.Input.Open(open)
		c.run.Until(t, "it had read on", jobtest.Read(int64(open)))
		c.checkpoint(keep...)
	}
	fork := start()
	goOn(first)
	goOn(first)
	if _, err := fork.Cancel("killed"); err != nil {
		t.Fatal(err)
	}
	if _, err := fork.Wait(t); err != nil {
		t.Fatal(err)
	}
	goOn(first) // while the fork is away
	fork = start()
	goOn(first)
	if _, err := fork.Checkpoint("own"); err != nil {
		t.Fatal(err)
	}
	done(t, fork, "own")
	eventually(t, "the pin was released", func() bool { return len(c.pins()) == 0 })
	goOn()
	c.w.Input.Open(jobtest.All)
	for _, r := range []*jobtest.Run{c.run, fork} {
		if result, err := r.Wait(t); err != nil || result.Outcome != outcome.Completed {
			t.Fatalf("ended with %+v, %v", result, err)
		}
	}
	c.w.Exact(t)
	if got := before + len(output.Rows()); got != jobtest.All {
		t.Errorf("of the fork %d rows came out, before and after, want %d", got, jobtest.All)
	}
}
