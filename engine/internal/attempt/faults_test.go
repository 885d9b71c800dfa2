package attempt_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/attempt"
	"github.com/weirstream/weir/engine/internal/jobtest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/stream"
)

func TestARunWhoseCodeHeedsNoCancelEndsAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := jobtest.NewWorld(t)
		w.Input.Open(jobtest.All)
		release, blocked := make(chan struct{}), make(chan struct{}, 1)
		defer close(release)
		j := stream.New()
		in := stream.From[int](j, "in", w.Input)
		stream.To(stream.Map(in, func(*int, *[2]int) {
			select {
			case blocked <- struct{}{}:
			default:
			}
			<-release
		}), "out", w.Output)
		g, err := j.Graph()
		if err != nil {
			t.Fatal(err)
		}
		cfg := w.Config(1)
		cfg.Storage = "mem://" + rand.Text()
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-blocked; cancel() }()
		if _, err := job.Run(ctx, cfg, g, job.Options{}); err == nil || !strings.Contains(err.Error(), "still runs") {
			t.Errorf("ended with %v", err)
		}
	})
}

// slowStore is a sink whose first commits run into their deadline.
type slowStore struct {
	connector.Sink
	slow atomic.Int64
	past func() // called when they are over
}

func (s *slowStore) Committer(ctx context.Context, c connector.CommitterContext) (connector.Committer, error) {
	committer, err := s.Sink.Committer(ctx, c)
	return slowCommitter{committer, s}, err
}

type slowCommitter struct {
	connector.Committer
	store *slowStore
}

func (c slowCommitter) Commit(ctx context.Context, committables [][]byte) error {
	switch n := c.store.slow.Add(-1); {
	case n >= 0:
		<-ctx.Done()
		return ctx.Err()
	case n == -1:
		c.store.past()
	}
	return c.Committer.Commit(ctx, committables)
}

func TestCommitsThatRunIntoTheirDeadlineAreRepeatedHoweverOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := jobtest.NewWorld(t)
		w.Input.Open(400)
		sink := &slowStore{Sink: w.Output, past: func() { w.Input.Open(jobtest.All) }}
		sink.slow.Store(10)
		cfg := w.Config(2)
		cfg.Storage = "mem://" + rand.Text()
		if result, err := job.Run(t.Context(), cfg, w.GraphTo(t, "count", sink), job.Options{}); err != nil || result.Outcome != outcome.Completed {
			t.Fatalf("ended with %+v, %v", result, err)
		}
		w.Exact(t)
	})
}

// awayStore is a sink that prepares nothing while it is away.
type awayStore struct {
	connector.Sink
	away atomic.Bool
}

func (s *awayStore) Writer(ctx context.Context, c connector.WriterContext) (connector.Writer, error) {
	writer, err := s.Sink.Writer(ctx, c)
	return awayWriter{writer, s}, err
}

type awayWriter struct {
	connector.Writer
	store *awayStore
}

func (w awayWriter) Prepare(ctx context.Context, checkpoint int64) ([][]byte, error) {
	if w.store.away.Load() {
		return nil, fault.AsTransient(errors.New("the store is away"))
	}
	return w.Writer.Prepare(ctx, checkpoint)
}

func TestCheckpointsThatFailInARowAreTold(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(400)
	sink := &awayStore{Sink: w.Output}
	r := w.Start(t, w.Config(2), w.GraphTo(t, "count", sink))
	r.Until(t, "a checkpoint was complete", jobtest.Checkpoints(1))
	sink.away.Store(true)
	r.Until(t, "more in a row had failed than are listed", func(o rest.Job) bool { return o.FailedCheckpointsInARow >= 25 })
	if o := r.Job.Overview(); !strings.Contains(o.CheckpointFailure, "the store is away") || o.LastCheckpoint == nil {
		t.Errorf("the last failed because of %q, and complete is %+v", o.CheckpointFailure, o.LastCheckpoint)
	}
	sink.away.Store(false)
	r.Until(t, "none had failed since the newest complete one", func(o rest.Job) bool {
		return o.FailedCheckpointsInARow == 0 && o.CheckpointFailure == "" && o.FailedCheckpoints >= 25
	})
	w.Input.Open(jobtest.All)
	if result, err := r.Wait(t); err != nil || result.Outcome != outcome.Completed {
		t.Fatalf("ended with %+v, %v", result, err)
	}
	w.Exact(t)
}

func TestARefusedStartMayBeFollowedByOneFromASnapshot(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(400)
	r := w.Start(t, w.Config(2), w.Graph(t, "count"))
	r.Until(t, "it had read", jobtest.Read(400))
	if _, err := r.Stop("s1", "", false); err != nil {
		t.Fatal(err)
	}
	op, err := r.Job.Operation(t.Context(), "s1")
	if err != nil || op.Status != rest.Done {
		t.Fatalf("the stop became %+v, %v", op, err)
	}
	if _, err := r.Wait(t); err != nil {
		t.Fatal(err)
	}
	cfg := w.Config(2)
	cfg.Storage = t.TempDir()
	sink := visible{w.Output, op.CheckpointID}
	if _, err := w.Start(t, cfg, w.GraphTo(t, "count", sink)).Wait(t); err == nil || !strings.Contains(err.Error(), "output of an earlier run") {
		t.Fatalf("the empty start ended with %v", err)
	}
	cfg.Restore.Path = op.Path
	w.Input.Open(jobtest.All)
	result, err := w.Start(t, cfg, w.GraphTo(t, "count", sink)).Wait(t)
	if err != nil || result.Outcome != outcome.Completed || result.RestoredFrom != op.Path {
		t.Fatalf("the start from the savepoint ended with %+v, %v", result, err)
	}
	w.Exact(t)
}

func TestACompletedJobWhoseHeadIsDamagedRunsItsEndAgainWhereThatIsAllowed(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Whole = true // the checkpoint before the damaged one is intact
	w.Input.Open(400)
	r := w.Start(t, w.Config(2), w.Graph(t, "count"))
	r.Until(t, "a checkpoint was complete", jobtest.Checkpoints(1))
	w.Input.Open(jobtest.All)
	result, err := r.Wait(t)
	if err != nil {
		t.Fatal(err)
	}
	s, err := snapshot.OpenSnapshot(t.Context(), result.LastCheckpoint)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(strings.TrimPrefix(result.LastCheckpoint, "file://"), s.Metadata.Files()[0].Path)
	if err := errors.Join(s.Close(), os.Truncate(file, 10)); err != nil {
		t.Fatal(err)
	}
	cfg := w.Config(2)
	cfg.Restore.AllowRepeatedOutput = true
	result, err = w.Start(t, cfg, w.Graph(t, "count")).Wait(t)
	if err != nil || result.Outcome != outcome.Completed || result.Already {
		t.Errorf("ended with %+v, %v", result, err)
	}
}

func TestADrainedSnapshotStartsNoJobWithEventTime(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(400)
	graph := func() *job.Graph {
		j := stream.New()
		in := stream.FromEvents[int](j, "in", w.Input, func(r *int) int64 { return int64(*r) }, 0)
		counts := stream.Process(stream.KeyBy(in, func(r *int) int { return *r }), "count", func(s *stream.Setup) stream.Functions[int, [2]int] {
			n := stream.ValueState[int64](s, "n")
			return stream.Functions[int, [2]int]{Row: func(c *stream.Context[[2]int], _ *int) error {
				*n.Ref(c)++
				return nil
			}}
		})
		stream.To(counts, "out", w.Output)
		g, err := j.Graph()
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	r := w.Start(t, w.Config(2), graph())
	r.Until(t, "it had read", jobtest.Read(400))
	if _, err := r.Stop("s1", "", true); err != nil {
		t.Fatal(err)
	}
	op, err := r.Job.Operation(t.Context(), "s1")
	if err != nil || op.Status != rest.Done {
		t.Fatalf("the drain became %+v, %v", op, err)
	}
	if _, err := r.Wait(t); err != nil {
		t.Fatal(err)
	}
	cfg := w.Config(2)
	cfg.Storage, cfg.Restore.Path = t.TempDir(), op.Path
	if _, err := w.Start(t, cfg, graph()).Wait(t); fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), "was drained") {
		t.Errorf("the start from the savepoint ended with %v", err)
	}
	if result, err := w.Start(t, w.Config(2), graph()).Wait(t); err != nil || result.Outcome != outcome.Drained || !result.Already {
		t.Errorf("run again, the drained job ended with %+v, %v", result, err)
	}
}

func TestAnInterruptWhileTheJobBeginsEndsItBeforeItReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := jobtest.NewWorld(t)
		w.Input.Open(jobtest.All)
		cfg := w.Config(1)
		cfg.Storage = "mem://" + rand.Text()
		interrupt := make(chan struct{})
		opt := job.Options{Process: job.Process{Interrupt: interrupt, AtStep: func(s job.Step) {
			if s != attempt.StepRestoring {
				t.Errorf("step %s was reached", s)
				return
			}
			close(interrupt)
			synctest.Wait()
		}}}
		result, err := job.Run(t.Context(), cfg, w.Graph(t, "count"), opt)
		if err != nil || result.Outcome != outcome.Interrupted || w.Input.Read() > 0 {
			t.Errorf("ended with %+v, %v, %d rows read", result, err, w.Input.Read())
		}
	})
}

func TestAJobThatEndsLeavesOnlyWhatItRetains(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(400)
	cfg := w.Config(2)
	cfg.Retained = 1
	r := w.Start(t, cfg, w.Graph(t, "count"))
	r.Until(t, "checkpoints were complete", jobtest.Checkpoints(3))
	w.Input.Open(jobtest.All)
	result, err := r.Wait(t)
	if err != nil || result.Outcome != outcome.Completed {
		t.Fatalf("ended with %+v, %v", result, err)
	}
	left, err := filepath.Glob(filepath.Join(cfg.Storage, cfg.Job, "chk-*"))
	if err != nil || len(left) != 1 || "file://"+left[0] != result.LastCheckpoint {
		t.Errorf("%v are there, %v; want %s alone", left, err, result.LastCheckpoint)
	}
}
