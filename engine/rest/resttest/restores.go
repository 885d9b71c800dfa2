package resttest

import (
	"slices"
	"strings"

	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

var restores = []testCase{
	{"a restore that would write output again needs the user's word", restoresWithWord},
	{"a restore takes effect once under its nonce", restoresOnce},
}

// savepointBehind takes a savepoint and goes on until output was committed after it, and stops.
func (a *testedPod) savepointBehind() (op rest.Operation, stopped rest.Job) {
	a.t.Helper()
	op = a.done(a.operator.Savepoint(a.ctx, rest.SavepointRequest{ID: "p1"}))
	at := a.job()
	a.until("output came after it", func(j rest.Job) bool {
		return j.RecordsOut > at.RecordsOut && j.CompletedCheckpoints > at.CompletedCheckpoints+2
	})
	a.stop("s1")
	return op, a.until("it has stopped", ended(rest.Stopped))
}

func restoresWithWord(r *run) {
	a := r.running()
	op, stopped := a.savepointBehind()
	q := r.activation("a2", 1)
	q.Settings.Restore = rest.Restore{Path: op.Path, Nonce: 1}
	chain, err := r.Preflight(r.t, me, first, q.Settings.Restore)
	if a.chainIs(&chain, rest.Chain{Attempt: 1, Owner: me, Revision: first, Began: 1, Outcome: outcome.Stopped}); err == nil || !strings.Contains(err.Error(), "again") {
		r.t.Errorf("the preflight says %v", err)
	}
	refused, err := a.operator.Activate(r.ctx, q)
	if why := a.fails(rest.Conflict, refused, err); !strings.Contains(why.Error(), "again") {
		r.t.Errorf("the activation is refused with %v", why)
	}
	// It goes on where it was, and the nonce has not taken effect.
	j := a.until("it knows the chain", func(j rest.Job) bool { return j.Chain != nil })
	if j.Chain.Began != 1 || len(j.Chain.RestoreNonces) != 0 || j.Chain.Outcome != outcome.Stopped || j.Chain.Checkpoint.ID != stopped.Chain.Checkpoint.ID {
		r.t.Errorf("refused, the chain is %+v", j.Chain)
	}
	q = r.activation("a3", j.Chain.Attempt)
	q.Settings.Restore = rest.Restore{Path: op.Path, Nonce: 1, AllowRepeatedOutput: true}
	if _, err := r.Preflight(r.t, me, first, q.Settings.Restore); err != nil {
		r.t.Errorf("with the user's word the preflight says %v", err)
	}
	if j := a.activated(q); j.RestoredFrom != op.Path || !slices.Equal(j.RestoreNonces, []int64{1}) || j.Settings == nil || *j.Settings != q.Settings {
		r.t.Errorf("restored from %s the job is %+v with %+v", op.Path, j, j.Settings)
	}
}

func restoresOnce(r *run) {
	a := r.running()
	op, _ := a.savepointBehind()
	restore := rest.Restore{Path: op.Path, Nonce: 1, AllowRepeatedOutput: true}
	q := r.activation("a2", 1)
	q.Settings.Restore = restore
	if j := a.activated(q); j.RestoredFrom != op.Path || !slices.Equal(j.RestoreNonces, []int64{1}) {
		r.t.Errorf("restored from %s the job is %+v", op.Path, j)
	}
	a.stop("s2")
	stopped := a.until("it has stopped", ended(rest.Stopped))
	if !slices.Equal(stopped.Chain.RestoreNonces, []int64{1}) {
		r.t.Errorf("the chain is %+v", stopped.Chain)
	}
	q = r.activation("a3", 2)
	q.Settings.Restore = restore
	if j := a.activated(q); j.RestoredFrom != stopped.Chain.Checkpoint.Path || !slices.Equal(j.RestoreNonces, []int64{1}) {
		r.t.Errorf("activated again with the same nonce the job is %+v", j)
	}
	a.Kill()
	heir := r.start()
	if j := heir.until("it goes on", runsWell); !strings.Contains(j.RestoredFrom, "/chk-") || !slices.Equal(j.RestoreNonces, []int64{1}) {
		r.t.Errorf("after the loss of the pod the job is %+v", j)
	}
	next := heir.done(heir.operator.Savepoint(r.ctx, rest.SavepointRequest{ID: "p2"}))
	heir.stop("s3")
	heir.until("it has stopped", ended(rest.Stopped))
	q = r.activation("a5", 4)
	q.Settings.Restore = rest.Restore{Path: next.Path, Nonce: 2, AllowRepeatedOutput: true}
	if j := heir.activated(q); j.RestoredFrom != next.Path || !slices.Equal(j.RestoreNonces, []int64{1, 2}) {
		r.t.Errorf("with another nonce the job is %+v", j)
	}
}
