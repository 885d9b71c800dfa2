package job_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	"github.com/weirstream/weir/engine/stream"
)

func TestAnInterruptedJobGoesOnWhereItWasAtAnyParallelism(t *testing.T) {
	w := jobtest.NewWorld(t)
	for i, parallelism := range []int{2, 1, 3, 7} {
		w.Input.Open(500 * (i + 1))
		r := w.Start(t, w.Config(parallelism), w.Graph(t, "count"))
		r.Until(t, "it had read what there is", jobtest.Read(500))
		close(r.Interrupt)
		result, err := r.Wait(t)
		if err != nil || result.Outcome != outcome.Interrupted || result.LastCheckpoint == "" {
			t.Fatalf("run %d ended with %+v, %v", i, result, err)
		}
		if (i > 0) != (result.RestoredFrom != "") {
			t.Errorf("run %d was restored from %q", i, result.RestoredFrom)
		}
	}
	if n := w.Input.Read(); n != 4*500 {
		t.Errorf("%d rows were read, want each of 2000 once: nothing is read again after a last checkpoint", n)
	}
	w.Input.Open(jobtest.All)
	result, err := w.Start(t, w.Config(2), w.Graph(t, "count")).Wait(t)
	if err != nil || result.Outcome != outcome.Completed {
		t.Fatalf("the last run ended with %+v, %v", result, err)
	}
	w.Exact(t)
	again, err := w.Start(t, w.Config(2), w.Graph(t, "count")).Wait(t)
	if err != nil || again.Outcome != outcome.Completed || !again.Already {
		t.Errorf("run again, the completed job ended with %+v, %v", again, err)
	}
	w.Exact(t)
}

func TestACancelledJobReadsAgainButWritesNothingTwice(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(1200)
	r := w.Start(t, w.Config(2), w.Graph(t, "count"))
	r.Until(t, "two checkpoints were complete", jobtest.Checkpoints(2))
	if _, err := r.Cancel("c1"); err != nil {
		t.Fatal(err)
	}
	if result, err := r.Wait(t); err != nil || result.Outcome != outcome.Cancelled {
		t.Fatalf("ended with %+v, %v", result, err)
	}
	w.Input.Open(jobtest.All)
	if _, err := w.Start(t, w.Config(3), w.Graph(t, "count")).Wait(t); err != nil {
		t.Fatal(err)
	}
	w.Exact(t)
}

func TestAStopGivesItsSavepointAndTheJobGoesOnFromIt(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(800)
	r := w.Start(t, w.Config(2), w.Graph(t, "count"))
	r.Until(t, "it had read", jobtest.Read(800))
	if _, err := r.Stop("s1", "", false); err != nil {
		t.Fatal(err)
	}
	op, err := r.Job.Operation(t.Context(), "s1")
	if err != nil || op.Status != rest.Done || !strings.HasSuffix(op.Path, "/savepoint-counts-s1") {
		t.Fatalf("the stop became %+v, %v", op, err)
	}
	if result, err := r.Wait(t); err != nil || result.Outcome != outcome.Stopped {
		t.Fatalf("ended with %+v, %v", result, err)
	}
	w.Input.Open(jobtest.All)
	if _, err := w.Start(t, w.Config(1), w.Graph(t, "count")).Wait(t); err != nil {
		t.Fatal(err)
	}
	w.Exact(t)
}

func TestASavepointIsOneForItsIDAndRestoresElsewhere(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(800)
	r := w.Start(t, w.Config(2), w.Graph(t, "count"))
	r.Until(t, "it had read", jobtest.Read(800))
	var paths []string
	for range 2 {
		if _, err := r.Savepoint("sp", ""); err != nil {
			t.Fatal(err)
		}
		op, err := r.Job.Operation(t.Context(), "sp")
		if err != nil || op.Status != rest.Done {
			t.Fatalf("the savepoint became %+v, %v", op, err)
		}
		paths = append(paths, op.Path)
	}
	if paths[0] != paths[1] {
		t.Errorf("asked for twice, the savepoints are %v", paths)
	}
	if _, err := r.Savepoint("sp", t.TempDir()); err == nil {
		t.Error("the id was accepted for another target")
	}
	close(r.Interrupt)
	if _, err := r.Wait(t); err != nil {
		t.Fatal(err)
	}

	// The savepoint alone, moved, is enough for another job with output of its own to go on from there.
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(strings.TrimPrefix(paths[0], "file://"), moved); err != nil {
		t.Fatal(err)
	}
	before := w.Output.Rows()
	w.Output = enginetest.NewLedger[[2]int]()
	w.Input.Open(jobtest.All)
	cfg := w.Config(3)
	cfg.Job, cfg.Storage, cfg.Restore.Path = "fork", t.TempDir(), moved
	if _, err := w.Start(t, cfg, w.Graph(t, "count")).Wait(t); err != nil {
		t.Fatal(err)
	}
	if got := len(before) + len(w.Output.Rows()); got != jobtest.Keys*jobtest.PerKey {
		t.Errorf("before and after the savepoint %d rows came out, want %d", got, jobtest.Keys*jobtest.PerKey)
	}
}

func TestALaterAttemptFencesAnEarlierOne(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(400)
	cfg := w.Config(2)
	cfg.Storage = "mem://" + rand.Text() // no folder that could be locked
	old := w.Start(t, cfg, w.Graph(t, "count"))
	old.Until(t, "two checkpoints were complete", jobtest.Checkpoints(2))
	heir := w.Start(t, cfg, w.Graph(t, "count"))
	var fenced *job.FencedError
	if _, err := old.Wait(t); !errors.As(err, &fenced) || fenced.Attempt != 2 {
		t.Fatalf("the old attempt ended with %v", err)
	}
	w.Input.Open(jobtest.All)
	if result, err := heir.Wait(t); err != nil || result.Outcome != outcome.Completed {
		t.Fatalf("the new attempt ended with %+v, %v", result, err)
	}
	w.Exact(t)
}

func TestStateThatDoesNotFitIsRefusedBeforeAnythingIsTouched(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(400)
	r := w.Start(t, w.Config(2), w.Graph(t, "count"))
	r.Until(t, "a checkpoint was complete", jobtest.Checkpoints(1))
	close(r.Interrupt)
	if _, err := r.Wait(t); err != nil {
		t.Fatal(err)
	}
	before := jobtest.Listing(t, w.Dir)
	for name, c := range map[string]struct {
		uid    string
		change func(*job.Config)
		want   string
	}{
		"another uid":            {"another", func(*job.Config) {}, "operator count does not fit the job: the job no longer has this operator"},
		"another maxParallelism": {"count", func(c *job.Config) { c.MaxParallelism = 128 }, "set spec.maxParallelism to 64"},
	} {
		cfg := w.Config(2)
		c.change(&cfg)
		_, err := w.Start(t, cfg, w.Graph(t, c.uid)).Wait(t)
		if err == nil || !strings.Contains(err.Error(), c.want) || fault.ClassOf(err) != fault.Permanent {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(before, jobtest.Listing(t, w.Dir)); diff != "" {
		t.Errorf("a refused job left something:\n%s", diff)
	}
	cfg := w.Config(2)
	cfg.Restore.AllowNonRestoredState = true
	w.Input.Open(jobtest.All)
	if result, err := w.Start(t, cfg, w.Graph(t, "another")).Wait(t); err != nil || result.Outcome != outcome.Completed {
		t.Errorf("with the state left behind, the job ended with %+v, %v", result, err)
	}
}

func TestADamagedHeadIsNotPassedOverWhenOutputWouldRepeat(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Whole = true // the checkpoint before the damaged one is intact
	w.Input.Open(400)
	cfg := w.Config(2)
	cfg.Interval = time.Hour // so that there is output between the last two checkpoints
	r := w.Start(t, cfg, w.Graph(t, "count"))
	r.Until(t, "it had read", jobtest.Read(400))
	if _, err := r.Checkpoint("c1"); err != nil {
		t.Fatal(err)
	}
	if op, err := r.Job.Operation(t.Context(), "c1"); err != nil || op.Status != rest.Done {
		t.Fatalf("the checkpoint became %+v, %v", op, err)
	}
	w.Input.Open(800)
	r.Until(t, "it had read more", jobtest.Read(800))
	close(r.Interrupt)
	result, err := r.Wait(t)
	if err != nil {
		t.Fatal(err)
	}
	s, err := snapshot.OpenSnapshot(t.Context(), result.LastCheckpoint)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(strings.TrimPrefix(result.LastCheckpoint, "file://"), s.Metadata.Files()[0].Path)
	if err := os.Truncate(file, 10); err != nil {
		t.Fatal(err)
	}
	_, err = w.Start(t, w.Config(2), w.Graph(t, "count")).Wait(t)
	var repeat *snapshot.RepeatError
	if !errors.As(err, &repeat) || !strings.Contains(err.Error(), filepath.Base(file)) {
		t.Fatalf("the job ended with %v", err)
	}
	cfg.Restore.AllowRepeatedOutput = true
	w.Input.Open(jobtest.All)
	if result, err := w.Start(t, cfg, w.Graph(t, "count")).Wait(t); err != nil || result.Outcome != outcome.Completed {
		t.Errorf("with repeated output allowed, the job ended with %+v, %v", result, err)
	}
}

func TestATransientFailureIsRestartedAndAPermanentOneIsNot(t *testing.T) {
	for name, c := range map[string]struct {
		fail error
		ends bool
	}{
		"transient": {fault.AsTransient(errors.New("the network is away")), false},
		"permanent": {fault.Permanentf("row 7", "mend it", "it is poisoned"), true},
	} {
		t.Run(name, func(t *testing.T) {
			w := jobtest.NewWorld(t)
			w.Input.Open(jobtest.All)
			failed := false
			j := stream.New()
			in := stream.From[int](j, "in", w.Input)
			byKey := stream.KeyBy(in, func(r *int) int { return *r })
			stream.To(stream.Process(byKey, "count", func(*stream.Setup) stream.Functions[int, [2]int] {
				seen := 0
				return stream.Functions[int, [2]int]{Row: func(*stream.Context[[2]int], *int) error {
					if seen++; seen == jobtest.All/2 && !failed {
						failed = true
						return c.fail
					}
					return nil
				}}
			}), "out", w.Output)
			g, err := j.Graph()
			if err != nil {
				t.Fatal(err)
			}
			result, err := w.Start(t, w.Config(1), g).Wait(t)
			if c.ends && (err == nil || !strings.Contains(err.Error(), "row 7: it is poisoned; mend it")) {
				t.Errorf("ended with %v", err)
			}
			if !c.ends && (err != nil || result.Outcome != outcome.Completed) {
				t.Errorf("ended with %+v, %v", result, err)
			}
		})
	}
}

func TestACommitThatFailsIsRepeatedUntilItSucceeds(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Output.FailCommits(fault.AsTransient(fmt.Errorf("the store is away")))
	w.Input.Open(jobtest.All)
	r := w.Start(t, w.Config(2), w.Graph(t, "count"))
	r.Until(t, "all was read", func(o rest.Job) bool { return o.RecordsIn >= jobtest.All })
	if n := len(w.Output.Rows()); n != 0 {
		t.Errorf("%d rows are visible without a commit", n)
	}
	w.Output.FailCommits(nil)
	if result, err := r.Wait(t); err != nil || result.Outcome != outcome.Completed {
		t.Fatalf("ended with %+v, %v", result, err)
	}
	w.Exact(t)
}
