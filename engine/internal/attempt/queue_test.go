package attempt_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/attempt"
	"github.com/weirstream/weir/engine/internal/jobtest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
)

// errAway lets commits wait, and nothing else.
var errAway = fault.AsTransient(errors.New("the store is away"))

func TestCheckpointsGoOnWhileCommitsWait(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Output.FailCommits(errAway)
	w.Input.Open(400)
	r := w.Start(t, w.Config(2), w.Graph(t, "count"))
	r.Until(t, "no more checkpoints were started", func(o rest.Job) bool {
		return strings.Contains(o.CheckpointFailure, "not committed yet") && strings.Contains(o.CheckpointFailure, "the store is away")
	})
	if o := r.Job.Overview(); o.CompletedCheckpoints != 8 || o.FailedCheckpoints != 0 {
		t.Errorf("%d are complete and %d failed, want 8 and none", o.CompletedCheckpoints, o.FailedCheckpoints)
	}
	if n := len(w.Output.Rows()); n != 0 {
		t.Errorf("%d rows are visible without a commit", n)
	}
	w.Input.Open(jobtest.All)
	w.Output.FailCommits(nil)
	if result, err := r.Wait(t); err != nil || result.Outcome != outcome.Completed {
		t.Fatalf("ended with %+v, %v", result, err)
	}
	w.Exact(t)
}

// TestOutputThatWaitsIsCommittedAfterACrashAnywhere kills a job while several complete checkpoints wait for their commits:
// before any, or at a step on the way through them, up to the end. The next start makes sure of all.
func TestOutputThatWaitsIsCommittedAfterACrashAnywhere(t *testing.T) {
	for _, step := range []job.Step{job.StepPublished, attempt.StepCommit, attempt.StepCommitted, attempt.StepUnrecorded} {
		t.Run(string(step), func(t *testing.T) {
			w := jobtest.NewWorld(t)
			ends := step == attempt.StepUnrecorded // the input must end for it, and then there is nothing to crash once more
			crashes := 3
			if ends {
				crashes = 1
			}
			for n := range crashes {
				w.Output.FailCommits(errAway)
				w.Input.Open((n + 1) * 400)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				var published atomic.Int64
				_, err := job.Run(ctx, w.Config(2), w.Graph(t, "count"), job.Options{Process: job.Process{AtStep: func(s job.Step) {
					if s == job.StepPublished && published.Add(1) == 3 {
						w.Output.FailCommits(nil)
						if ends {
							w.Input.Open(jobtest.All)
						}
					}
					if s == step && published.Load() > 3 {
						cancel()
						runtime.Goexit() // nothing of what is under way goes on
					}
				}}})
				if cancel(); err != nil {
					t.Fatal(err)
				}
			}
			w.Input.Open(jobtest.All)
			result, err := w.Start(t, w.Config(2), w.Graph(t, "count")).Wait(t)
			if err != nil || result.Outcome != outcome.Completed {
				t.Fatalf("ended with %+v, %v", result, err)
			}
			w.Exact(t)
		})
	}
}

// TestARecordedEndCoversTheCommitsThatWaitedForIt: what waited when the job ended is not committed once more by a start
// that finds the end recorded, and what was staged for it goes with the rest.
func TestARecordedEndCoversTheCommitsThatWaitedForIt(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Output.FailCommits(errAway)
	w.Input.Open(400)
	sink := tallied{w.Output, new(atomic.Int64), new(atomic.Int64)}
	var published atomic.Int64
	result, err := job.Run(t.Context(), w.Config(2), w.GraphTo(t, "count", sink), job.Options{Process: job.Process{AtStep: func(s job.Step) {
		switch {
		case s == job.StepPublished && published.Add(1) == 3:
			w.Input.Open(jobtest.All)
		case s == job.StepPublished && published.Load() > 3:
			w.Output.FailCommits(nil)
		}
	}}})
	if err != nil || result.Outcome != outcome.Completed {
		t.Fatalf("ended with %+v, %v", result, err)
	}
	forgotten := sink.forgotten.Load()
	sink.committed.Store(0)
	sink.forgotten.Store(0)
	if result, err = job.Run(t.Context(), w.Config(2), w.GraphTo(t, "count", sink), job.Options{}); err != nil || !result.Already {
		t.Fatalf("begun again it ended with %+v, %v", result, err)
	}
	s, err := snapshot.OpenSnapshot(t.Context(), result.LastCheckpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if len(s.Metadata.Uncommitted) == 0 {
		t.Fatal("nothing waited when the job ended")
	}
	again := int64(len(s.Metadata.ToCommit("out")))
	if c, f := sink.committed.Load(), sink.forgotten.Load(); c != 0 || f != again || forgotten < again {
		t.Errorf("begun again it has committed %d and forgotten %d, want 0 and %d; the first start forgot %d", c, f, again, forgotten)
	}
	w.Exact(t)
}
