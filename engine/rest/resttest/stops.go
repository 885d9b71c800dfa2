package resttest

import (
	"net/http"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

var stops = []testCase{
	{"a stop ends the attempt with a savepoint, once under its id", stopsOnce},
	{"a stop without a place for a savepoint gives the last checkpoint", stopsWithoutPlace},
	{"two stops that are asked for at once end one attempt", twoStops},
	{"a stop is asked for again of the next process", stopsAgain},
	{"a stop that comes again does not end the attempt that began since", lateStop},
	{"a drained job never runs again", drains},
	{"a stopped job is not drained", drainsNoStopped},
	{"there is nothing to stop where nothing ran", stopsNothing},
}

func stopsOnce(r *run) {
	a := r.running()
	op := a.stop("s1")
	a.savepointAt(r.Settings.SavepointStorage, op)
	if op.Kind != rest.StopOperation || op.Attempt != 0 {
		r.t.Errorf("the stop is %+v", op)
	}
	j := a.until("it has stopped", ended(rest.Stopped))
	a.chainIs(j.Chain, rest.Chain{Attempt: 1, Owner: me, Revision: first, Began: 1, Outcome: outcome.Stopped})
	a.completeIs(j.Chain.Checkpoint, op.CheckpointID, rest.Stop)
	a.completeIs(j.LastCheckpoint, op.CheckpointID, rest.Stop)
	if j.Settings == nil || *j.Settings != r.Settings {
		r.t.Errorf("stopped, the job says of its settings %+v; whoever is to activate it again needs to know them", j.Settings)
	}
	if j.Attempt != 1 || j.Parallelism != r.Settings.Parallelism || j.StartTime.IsZero() || j.RecordsIn < 1 || j.Failure != "" || j.FailureKind != "" {
		r.t.Errorf("stopped, the job is %+v", j)
	}
	if code := a.get("/readyz"); code != http.StatusServiceUnavailable {
		r.t.Errorf("stopped, it is ready: %d", code)
	}
	if diff := cmp.Diff(op, a.stop("s1")); diff != "" {
		r.t.Errorf("asked for again the stop differs (-first +second):\n%s", diff)
	}
	if j := a.job(); j.Attempt != 1 || j.State != rest.Stopped {
		r.t.Errorf("asked for again, the job is %+v", j)
	}
	chain, err := r.Preflight(r.t, me, second, rest.Restore{})
	if err != nil {
		r.t.Errorf("the preflight refuses: %v", err)
	}
	a.chainIs(&chain, rest.Chain{Attempt: 1, Owner: me, Revision: first, Began: 1, Outcome: outcome.Stopped})
	a.completeIs(chain.Checkpoint, op.CheckpointID, rest.Stop)
}

func stopsWithoutPlace(r *run) {
	a := r.start()
	a.until("it waits", waiting)
	q := r.activation("a1", 0)
	q.Settings.SavepointStorage = ""
	a.activated(q)
	op := a.stop("s1")
	j := a.until("it has stopped", ended(rest.Stopped))
	a.completeIs(j.Chain.Checkpoint, op.CheckpointID, rest.Stop)
	if op.Path != j.Chain.Checkpoint.Path || op.SizeBytes < 0 || op.CopiedBytes != 0 {
		r.t.Errorf("the stop became %+v, and the checkpoint is %+v", op, j.Chain.Checkpoint)
	}
}

func twoStops(r *run) {
	a := r.running()
	one, err := a.operator.Stop(r.ctx, rest.StopRequest{ID: "s1"})
	two, err2 := a.operator.Stop(r.ctx, rest.StopRequest{ID: "s2", Target: r.Elsewhere})
	one, two = a.done(one, err), a.done(two, err2)
	a.savepointAt(r.Settings.SavepointStorage, one)
	a.savepointAt(r.Elsewhere, two)
	j := a.until("it has stopped", ended(rest.Stopped))
	if one.CheckpointID != two.CheckpointID || j.Chain.Began != 1 || j.Chain.Checkpoint == nil || j.Chain.Checkpoint.ID != one.CheckpointID {
		r.t.Errorf("the stops became %+v and %+v, the chain %+v", one, two, j.Chain)
	}
}

func stopsAgain(r *run) {
	a := r.running()
	op := a.stop("s1")
	a.until("it has stopped", ended(rest.Stopped))
	a.Kill()
	heir := r.start()
	j := heir.until("it waits", waiting)
	a.chainIs(j.Chain, rest.Chain{Attempt: 1, Owner: me, Revision: first, Began: 1, Outcome: outcome.Stopped})
	if j.Attempt != 0 || j.Settings != nil || j.LastCheckpoint != nil || j.Failure != "" {
		r.t.Errorf("beside a stopped job, the job is %+v", j)
	}
	if diff := cmp.Diff(op, heir.stop("s1")); diff != "" {
		r.t.Errorf("asked for again the stop differs (-first +second):\n%s", diff)
	}
	// An attempt of its own made sure of the commits, and is none from which others go on.
	j = heir.until("it has stopped", ended(rest.Stopped))
	a.chainIs(j.Chain, rest.Chain{Attempt: 2, Owner: me, Revision: first, Began: 1, Outcome: outcome.Stopped})
	a.completeIs(j.Chain.Checkpoint, op.CheckpointID, rest.Stop)
	if j.Attempt != 2 {
		r.t.Errorf("finished, the job is %+v", j)
	}
	late, err := heir.operator.Activate(r.ctx, r.activation("late", 1))
	heir.fails(rest.Conflict, late, err)
	if j := heir.activated(r.activation("a3", 2)); j.RestoredFrom != "" && !strings.HasSuffix(j.RestoredFrom, checkpointPath(r.JobID, op.CheckpointID)) {
		r.t.Errorf("after a stop at checkpoint %d the job is %+v", op.CheckpointID, j)
	}
}

func lateStop(r *run) {
	a := r.running()
	op := a.stop("s1")
	a.until("it has stopped", ended(rest.Stopped))
	a.activated(r.activation("a2", 1))
	a.Kill()
	heir := r.start()
	heir.until("it goes on", runsWell)
	if diff := cmp.Diff(op, heir.stop("s1")); diff != "" {
		r.t.Errorf("asked for again the stop differs (-first +second):\n%s", diff)
	}
	before := heir.job()
	j := heir.until("it goes on", func(j rest.Job) bool { return j.CompletedCheckpoints > before.CompletedCheckpoints+1 })
	if j.Attempt != 3 || j.State != rest.Running {
		r.t.Errorf("after a stop of an earlier attempt the job is %+v", j)
	}
}

func drains(r *run) {
	a := r.running()
	op := a.done(a.operator.Stop(r.ctx, rest.StopRequest{ID: "d1", Drain: true}))
	a.savepointAt(r.Settings.SavepointStorage, op)
	j := a.until("it has stopped", ended(rest.Stopped))
	a.chainIs(j.Chain, rest.Chain{Attempt: 1, Owner: me, Revision: first, Began: 1, Outcome: outcome.Drained})
	a.completeIs(j.Chain.Checkpoint, op.CheckpointID, rest.Stop)
	stop, err := a.operator.Stop(r.ctx, rest.StopRequest{ID: "s1"})
	a.fails(rest.Conflict, stop, err)
	sp := a.done(a.user.Savepoint(r.ctx, rest.SavepointRequest{ID: "p1"}))
	if a.savepointAt(r.Settings.SavepointStorage, sp); sp.CheckpointID != op.CheckpointID {
		r.t.Errorf("the savepoint of the drained job became %+v", sp)
	}
	newest := a.until("it has stopped", ended(rest.Stopped)).Chain.Attempt
	// Activated, it makes sure of its commits and does not run.
	began := a.done(a.operator.Activate(r.ctx, r.activation("a2", newest)))
	j = a.until("it has stopped again", func(j rest.Job) bool { return ended(rest.Stopped)(j) && j.Chain.Attempt == began.Attempt })
	a.chainIs(j.Chain, rest.Chain{Attempt: newest + 1, Owner: me, Revision: first, Began: 1, Outcome: outcome.Drained})
	a.completeIs(j.Chain.Checkpoint, op.CheckpointID, rest.Stop)
	a.Kill()
	j = r.start().until("a new process has made sure of it", ended(rest.Stopped))
	a.chainIs(j.Chain, rest.Chain{Attempt: newest + 2, Owner: me, Revision: first, Began: 1, Outcome: outcome.Drained})
}

func drainsNoStopped(r *run) {
	a := r.running()
	op := a.stop("s1")
	a.until("it has stopped", ended(rest.Stopped))
	drain, err := a.operator.Stop(r.ctx, rest.StopRequest{ID: "d1", Drain: true})
	a.fails(rest.Conflict, drain, err)
	j := a.until("it has stopped", ended(rest.Stopped))
	if a.completeIs(j.Chain.Checkpoint, op.CheckpointID, rest.Stop); j.Chain.Outcome != outcome.Stopped || j.Chain.Began != 1 {
		r.t.Errorf("the chain is %+v", j.Chain)
	}
}

func stopsNothing(r *run) {
	a := r.start()
	a.until("it waits", waiting)
	for _, drain := range []bool{false, true} {
		op, err := a.operator.Stop(r.ctx, rest.StopRequest{ID: "s1", Drain: drain})
		if drain {
			r.refused(rest.Conflict, "the id of another stop", err)
			continue
		}
		a.fails(rest.Conflict, op, err)
	}
	op, err := a.user.Savepoint(r.ctx, rest.SavepointRequest{ID: "p1"})
	a.fails(rest.Conflict, op, err)
	j := a.until("it waits", waiting)
	if a.chainIs(j.Chain, rest.Chain{}); j.Failure != "" || j.Attempt != 0 {
		r.t.Errorf("the job is %+v", j)
	}
}
