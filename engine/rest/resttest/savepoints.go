package resttest

import (
	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

var savepoints = []testCase{
	{"a savepoint is one under its id, whoever asks", savepointsOnce},
	{"a savepoint needs a place, and is where it was asked for", savepointPlaces},
	{"a completed job gives its savepoints, and never runs again", completes},
	{"a coordinator that waits exports what was stopped by another revision", exportsOfAnother},
}

func savepointsOnce(r *run) {
	a := r.running()
	op := a.done(a.user.Savepoint(r.ctx, rest.SavepointRequest{ID: "p1"}))
	if a.savepointAt(r.Settings.SavepointStorage, op); op.Kind != rest.SavepointOperation {
		r.t.Errorf("the savepoint is %+v", op)
	}
	a.until("there are newer checkpoints", func(j rest.Job) bool { return j.LastCheckpoint.ID > op.CheckpointID })
	if diff := cmp.Diff(op, a.done(a.operator.Savepoint(r.ctx, rest.SavepointRequest{ID: "p1"}))); diff != "" {
		r.t.Errorf("asked for again it differs (-first +second):\n%s", diff)
	}
	_, err := a.operator.Savepoint(r.ctx, rest.SavepointRequest{ID: "p1", Target: r.Elsewhere})
	r.refused(rest.Conflict, "another place under the same id", err)
	_, err = a.operator.Stop(r.ctx, rest.StopRequest{ID: "p1"})
	r.refused(rest.Conflict, "a stop under the same id", err)
	a.Kill()
	heir := r.start()
	heir.until("it goes on", func(j rest.Job) bool { return runsWell(j) && j.LastCheckpoint.ID > op.CheckpointID })
	if diff := cmp.Diff(op, heir.done(heir.user.Savepoint(r.ctx, rest.SavepointRequest{ID: "p1"}))); diff != "" {
		r.t.Errorf("asked for of the next process it differs (-first +second):\n%s", diff)
	}
	// It is one that ended nothing: a stop cannot have made it.
	stop, err := heir.operator.Stop(r.ctx, rest.StopRequest{ID: "p1", Target: r.Settings.SavepointStorage})
	if err == nil {
		heir.fails(rest.Conflict, stop, nil)
	} else {
		r.refused(rest.Conflict, "a stop under the same id", err)
	}
	if j := heir.job(); j.State != rest.Running || j.Attempt != 2 {
		r.t.Errorf("the job is %+v", j)
	}
}

func savepointPlaces(r *run) {
	a := r.start()
	a.until("it waits", waiting)
	q := r.activation("a1", 0)
	q.Settings.SavepointStorage = ""
	a.activated(q)
	_, err := a.user.Savepoint(r.ctx, rest.SavepointRequest{ID: "p1"})
	if why := r.refused(rest.BadRequest, "a savepoint without a place", err); why.Remedy == "" {
		r.t.Errorf("the answer has no remedy: %v", why)
	}
	a.savepointAt(r.Elsewhere, a.done(a.user.Savepoint(r.ctx, rest.SavepointRequest{ID: "p1", Target: r.Elsewhere})))
}

func completes(r *run) {
	a := r.running()
	r.EndInput()
	j := a.until("it has completed", ended(rest.Completed))
	a.chainIs(j.Chain, rest.Chain{Attempt: 1, Owner: me, Revision: first, Began: 1, Outcome: outcome.Completed})
	a.completeIs(j.Chain.Checkpoint, 0, rest.Final)
	if j.Attempt != 1 || j.Failure != "" || j.Settings == nil || j.LastCheckpoint == nil || j.LastCheckpoint.ID != j.Chain.Checkpoint.ID {
		r.t.Errorf("completed, the job is %+v", j)
	}
	last := j.Chain.Checkpoint.ID
	sp := a.done(a.user.Savepoint(r.ctx, rest.SavepointRequest{ID: "p1"}))
	a.savepointAt(r.Settings.SavepointStorage, sp)
	stop, drain := a.stop("s1"), a.done(a.operator.Stop(r.ctx, rest.StopRequest{ID: "d1", Drain: true}))
	if sp.CheckpointID != last || stop.CheckpointID != last || drain.CheckpointID != last {
		r.t.Errorf("after completion at checkpoint %d there are %+v, %+v and %+v", last, sp, stop, drain)
	}
	j = a.until("it has completed", ended(rest.Completed))
	newest := j.Chain.Attempt
	a.chainIs(j.Chain, rest.Chain{Attempt: newest, Owner: me, Revision: first, Began: 1, Outcome: outcome.Completed})
	a.Kill()
	other := r.startAs(me, second)
	j = other.until("it waits", waiting)
	a.chainIs(j.Chain, rest.Chain{Attempt: newest, Owner: me, Revision: first, Began: 1, Outcome: outcome.Completed})
	other.Kill()
	heir := r.start()
	j = heir.until("its next process says so", ended(rest.Completed))
	a.chainIs(j.Chain, rest.Chain{Attempt: newest + 1, Owner: me, Revision: first, Began: 1, Outcome: outcome.Completed})
	op := heir.done(heir.operator.Activate(r.ctx, r.activation("again", newest+1)))
	j = heir.until("it has completed again", func(j rest.Job) bool { return ended(rest.Completed)(j) && j.Chain.Attempt == op.Attempt })
	if a.completeIs(j.Chain.Checkpoint, last, rest.Final); j.Chain.Began != 1 || op.Attempt != newest+2 {
		r.t.Errorf("activated, the completed job is %+v, its chain %+v", j, j.Chain)
	}
}

func exportsOfAnother(r *run) {
	a := r.running()
	beside := r.startAs(me, second)
	j := beside.until("it waits", waiting)
	a.chainIs(j.Chain, rest.Chain{Attempt: 1, Owner: me, Revision: first, Began: 1})
	if a.completeIs(j.Chain.Checkpoint, 0, rest.Periodic); j.Attempt != 0 || j.Failure != "" || j.Revision != second {
		r.t.Errorf("beside the attempt of another revision the job is %+v", j)
	}
	// It cannot tell what runs elsewhere to do anything.
	for id, ask := range map[string]func(id string) (rest.Operation, error){
		"p1": func(id string) (rest.Operation, error) {
			return beside.user.Savepoint(r.ctx, rest.SavepointRequest{ID: id})
		},
		"s1": func(id string) (rest.Operation, error) {
			return beside.operator.Stop(r.ctx, rest.StopRequest{ID: id})
		},
	} {
		op, err := ask(id)
		beside.fails(rest.Conflict, op, err)
	}
	if j := a.job(); j.State != rest.Running || j.Attempt != 1 {
		r.t.Errorf("the job is %+v", j)
	}
	stop := a.stop("s2")
	beside.until("it sees the stop", func(j rest.Job) bool { return j.Chain != nil && j.Chain.Outcome == outcome.Stopped })
	op := beside.done(beside.user.Savepoint(r.ctx, rest.SavepointRequest{ID: "p2"}))
	if a.savepointAt(r.Settings.SavepointStorage, op); op.CheckpointID != stop.CheckpointID {
		r.t.Errorf("of the stop %+v the savepoint %+v was made", stop, op)
	}
	j = beside.until("it says so", ended(rest.Stopped))
	a.chainIs(j.Chain, rest.Chain{Attempt: 2, Owner: me, Revision: second, Began: 1, Outcome: outcome.Stopped})
}
