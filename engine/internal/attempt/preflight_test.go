package attempt_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/jobtest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
)

// beyondSavepoint runs a job that has a savepoint and has committed output after it.
func beyondSavepoint(t *testing.T, w *jobtest.World) (p *jobtest.Pod, savepoint string) {
	t.Helper()
	w.Input.Open(200)
	p = w.Pod(t, nil)
	w.Activated(p, "a1", 0, 2)
	p.Until("it had read", jobtest.Read(200))
	op := p.Final(p.Savepoint("before", ""))
	if op.Status != rest.Done {
		t.Fatalf("the savepoint became %+v, %v", op, op.Error)
	}
	w.Input.Open(400)
	p.Until("it had read more", jobtest.Read(400))
	if op := p.Final(p.Checkpoint("more")); op.Status != rest.Done {
		t.Fatalf("the checkpoint became %+v, %v", op, op.Error)
	}
	return p, op.Path
}

func TestAPreflightTellsThatARestoreWouldRepeatOutput(t *testing.T) {
	w := jobtest.NewWorld(t)
	p, savepoint := beyondSavepoint(t, w)
	cfg := w.Config(2)
	cfg.Restore.Path, cfg.Restore.Nonce = savepoint, 1
	var repeat *snapshot.RepeatError
	_, err := job.Preflight(t.Context(), cfg, w.Graph(t, "count"))
	if !errors.As(err, &repeat) || fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), "allowRepeatedOutput") {
		t.Errorf("an older savepoint: %v", err)
	}
	cfg.Restore.AllowRepeatedOutput = true
	if _, err := job.Preflight(t.Context(), cfg, w.Graph(t, "count")); err != nil {
		t.Errorf("an older savepoint, with repeated output allowed: %v", err)
	}
	cfg.Restore = job.Restore{Path: savepoint} // its nonce is that of the start: nothing is restored
	if _, err := job.Preflight(t.Context(), cfg, w.Graph(t, "count")); err != nil {
		t.Errorf("a restore that has no effect: %v", err)
	}
	w.Input.Open(jobtest.All)
	p.Until("it completed", jobtest.In(rest.Completed))
	w.Exact(t)
}

func TestAnActivationThatWouldRepeatOutputClaimsNothing(t *testing.T) {
	w := jobtest.NewWorld(t)
	p, savepoint := beyondSavepoint(t, w)
	if op := p.Final(p.Stop("stop", "", false)); op.Status != rest.Done {
		t.Fatalf("the stop became %+v, %v", op, op.Error)
	}
	p.Until("it stopped", jobtest.In(rest.Stopped))
	back := w.Activation("a2", 1, 2)
	back.Settings.Restore = rest.Restore{Path: savepoint, Nonce: 1}
	for _, id := range []string{"a2", "a3", "a4"} {
		back.ID = id
		op := p.Final(p.Activate(back))
		if op.Status != rest.Undone || op.Error.Code != rest.Conflict || !strings.Contains(op.Error.Message, "would write output again") {
			t.Fatalf("the activation became %+v, %v", op, op.Error)
		}
		if o := p.Overview(); o.Chain == nil || o.Chain.Attempt != 1 || o.Chain.Began != 1 || o.Chain.Outcome != outcome.Stopped {
			t.Fatalf("after a refused activation the chain is %+v", o.Chain)
		}
	}
	w.Activated(p, "a5", 1, 2)
	w.Input.Open(jobtest.All)
	p.Until("it completed", jobtest.In(rest.Completed))
	w.Exact(t)
}

func TestAPreflightAsksTheSinksForOutputThatTheStateKnowsNothingOf(t *testing.T) {
	w := jobtest.NewWorld(t)
	_, err := job.Preflight(t.Context(), w.Config(2), w.GraphTo(t, "count", visible{w.Output, 3}))
	if err == nil || !strings.Contains(err.Error(), "output of an earlier run") {
		t.Errorf("an empty start beside output: %v", err)
	}
	w.Input.Open(400)
	r := w.Start(t, w.Config(2), w.Graph(t, "count"))
	r.Until(t, "a checkpoint was complete", jobtest.Checkpoints(1))
	if _, err := job.Preflight(t.Context(), w.Config(2), w.GraphTo(t, "count", visible{w.Output, 3})); err != nil {
		t.Errorf("beside its own job's output: %v", err)
	}
	close(r.Interrupt)
	if _, err := r.Wait(t); err != nil {
		t.Error(err)
	}
}
