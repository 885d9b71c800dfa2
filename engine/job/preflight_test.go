package job_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
)

// beyondSavepoint runs a job that has a savepoint and has committed output after it.
func (w *world) beyondSavepoint(t *testing.T) (p *pod, savepoint string) {
	t.Helper()
	w.input.Open(200)
	p = w.pod(t, nil)
	w.activated(p, "a1", 0, 2)
	p.until("it had read", read(200))
	op := p.final(p.Savepoint(t.Context(), "before", ""))
	if op.Status != rest.Done {
		t.Fatalf("the savepoint became %+v, %v", op, op.Error)
	}
	w.input.Open(400)
	p.until("it had read more", read(400))
	if op := p.final(p.Checkpoint(t.Context(), "more")); op.Status != rest.Done {
		t.Fatalf("the checkpoint became %+v, %v", op, op.Error)
	}
	return p, op.Path
}

func TestAPreflightTellsThatARestoreWouldRepeatOutput(t *testing.T) {
	w := newWorld(t)
	p, savepoint := w.beyondSavepoint(t)
	cfg := w.config(2)
	cfg.Restore.Path, cfg.Restore.Nonce = savepoint, 1
	var repeat *snapshot.RepeatError
	_, err := job.Preflight(t.Context(), cfg, w.graph(t, "count"))
	if !errors.As(err, &repeat) || fault.ClassOf(err) != fault.Permanent || !strings.Contains(err.Error(), "allowRepeatedOutput") {
		t.Errorf("an older savepoint: %v", err)
	}
	cfg.Restore.AllowRepeatedOutput = true
	if _, err := job.Preflight(t.Context(), cfg, w.graph(t, "count")); err != nil {
		t.Errorf("an older savepoint, with repeated output allowed: %v", err)
	}
	cfg.Restore = job.Restore{Path: savepoint} // its nonce is that of the start: nothing is restored
	if _, err := job.Preflight(t.Context(), cfg, w.graph(t, "count")); err != nil {
		t.Errorf("a restore that has no effect: %v", err)
	}
	w.input.Open(all)
	p.until("it completed", in(rest.Completed))
	w.exact(t)
}

func TestAnActivationThatWouldRepeatOutputClaimsNothing(t *testing.T) {
	w := newWorld(t)
	p, savepoint := w.beyondSavepoint(t)
	if op := p.final(p.Stop(t.Context(), "stop", "", false)); op.Status != rest.Done {
		t.Fatalf("the stop became %+v, %v", op, op.Error)
	}
	p.until("it stopped", in(rest.Stopped))
	back := w.activation("a2", 1, 2)
	back.Settings.Restore = rest.Restore{Path: savepoint, Nonce: 1}
	for _, id := range []string{"a2", "a3", "a4"} {
		back.ID = id
		op := p.final(p.Activate(t.Context(), back))
		if op.Status != rest.Undone || op.Error.Code != rest.Conflict || !strings.Contains(op.Error.Message, "would write output again") {
			t.Fatalf("the activation became %+v, %v", op, op.Error)
		}
		if o := p.Overview(); o.Chain == nil || o.Chain.Attempt != 1 || o.Chain.Began != 1 || o.Chain.Outcome != outcome.Stopped {
			t.Fatalf("after a refused activation the chain is %+v", o.Chain)
		}
	}
	w.activated(p, "a5", 1, 2)
	w.input.Open(all)
	p.until("it completed", in(rest.Completed))
	w.exact(t)
}

func TestAPreflightAsksTheSinksForOutputThatTheStateKnowsNothingOf(t *testing.T) {
	w := newWorld(t)
	_, err := job.Preflight(t.Context(), w.config(2), w.graphTo(t, "count", visible{w.output, 3}))
	if err == nil || !strings.Contains(err.Error(), "output of an earlier run") {
		t.Errorf("an empty start beside output: %v", err)
	}
	w.input.Open(400)
	r := w.start(t, w.config(2), w.graph(t, "count"))
	r.until(t, "a checkpoint was complete", checkpoints(1))
	if _, err := job.Preflight(t.Context(), w.config(2), w.graphTo(t, "count", visible{w.output, 3})); err != nil {
		t.Errorf("beside its own job's output: %v", err)
	}
	close(r.interrupt)
	if _, err := r.wait(t); err != nil {
		t.Error(err)
	}
}
