package job_test

import (
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/internal/jobtest"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
)

// runsOf are the runs that a checkpoint names, and those of them that it has written itself.
func runsOf(t *testing.T, checkpoint string) (all, own []string) {
	t.Helper()
	s, err := snapshot.OpenSnapshot(t.Context(), checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, f := range s.Metadata.Files() {
		if f.Checkpoint == s.Metadata.ID {
			own = append(own, f.RunKey())
		}
	}
	return s.Metadata.RunKeys(), own
}

// TestAnAttemptGoesOnFromTheRunsOfTheOneBefore if it began from the newest checkpoint, at the same parallelism; else it writes all
// state once. Where runs are not wanted, none are named.
func TestAnAttemptGoesOnFromTheRunsOfTheOneBefore(t *testing.T) {
	w := jobtest.NewWorld(t)
	opened := 0
	own := 0 // the parallelism of the operator with state; 0: that of the job
	// step runs the job on for some rows, of as many keys, at a parallelism, and returns its last checkpoint.
	step := func(rows, parallelism int) string {
		t.Helper()
		cfg := w.Config(parallelism)
		cfg.Interval = time.Hour
		opened += rows
		w.Input.Open(opened)
		g := w.Graph(t, "count")
		for i := range g.Nodes {
			if g.Nodes[i].UID == "count" {
				g.Nodes[i].Parallelism = own
			}
		}
		r := w.Start(t, cfg, g)
		r.Until(t, "it had read what there is", func(o rest.Job) bool { return o.RecordsIn >= int64(rows) })
		close(r.Interrupt)
		result, err := r.Wait(t)
		if err != nil || result.Outcome != outcome.Interrupted {
			t.Fatalf("ended with %+v, %v", result, err)
		}
		return result.LastCheckpoint
	}
	first, written := runsOf(t, step(jobtest.Keys, 2))
	if len(first) == 0 || !slices.Equal(first, written) {
		t.Fatalf("the first checkpoint names %v, and has written %v", first, written)
	}
	if all, own := runsOf(t, step(2, 2)); len(own) == 0 || !slices.ContainsFunc(all, func(run string) bool { return slices.Contains(first, run) }) {
		t.Errorf("the second names %v, none of which the first has written: %v", all, first)
	}
	if all, own := runsOf(t, step(2, 3)); len(own) == 0 || len(all) != len(own) {
		t.Errorf("at another parallelism it names %v, of which it has written only %v", all, own)
	}
	own = 2
	if all, own := runsOf(t, step(2, 3)); len(own) == 0 || len(all) != len(own) {
		t.Errorf("when the operator has another parallelism, it names %v, of which it has written only %v", all, own)
	}
	before, _ := runsOf(t, step(2, 3))
	if all, _ := runsOf(t, step(2, 4)); !slices.ContainsFunc(all, func(run string) bool { return slices.Contains(before, run) }) {
		t.Errorf("when the operator has the same parallelism, and the job another, it names %v, and none of %v", all, before)
	}
	own = 0
	w.Whole = true
	if all, _ := runsOf(t, step(2, 3)); len(all) > 0 {
		t.Errorf("where each is to be whole, it names %v", all)
	}
	w.Whole = false
	if all, own := runsOf(t, step(2, 3)); len(own) == 0 || len(all) != len(own) {
		t.Errorf("after a whole one, it names %v, of which it has written only %v", all, own)
	}
}
