package resttest

import (
	"strings"

	"github.com/weirstream/weir/engine/rest"
)

var failures = []testCase{
	{"a job that failed for good says why, and begins again when it is activated", failsForGood},
	{"checkpoints that fail are counted until one is complete", failingCheckpoints},
}

func failsForGood(r *run) {
	a := r.running()
	r.FailJob("a record that nobody can read")
	j := a.until("it has failed", ended(rest.Failed))
	if j.FailureKind != rest.FailedPermanently || !strings.Contains(j.Failure, "a record that nobody can read") || j.Attempt != 1 || j.LastCheckpoint == nil {
		r.t.Errorf("failed, the job is %+v", j)
	}
	a.chainIs(j.Chain, rest.Chain{Attempt: 1, Owner: me, Revision: first, Began: 1})
	a.completeIs(j.Chain.Checkpoint, j.LastCheckpoint.ID, rest.Periodic)
	for _, ask := range []func() (rest.Operation, error){
		func() (rest.Operation, error) { return a.user.Savepoint(r.ctx, rest.SavepointRequest{ID: "p1"}) },
		func() (rest.Operation, error) { return a.operator.Stop(r.ctx, rest.StopRequest{ID: "s1"}) },
	} {
		op, err := ask()
		a.fails(rest.Conflict, op, err)
	}
	if j := a.job(); j.State != rest.Failed || j.FailureKind != rest.FailedPermanently {
		r.t.Errorf("failed, and asked for what it cannot do, the job is %+v", j)
	}
	r.FailJob("")
	if j := a.activated(r.activation("a2", 1)); j.Failure != "" || j.FailureKind != "" || !strings.Contains(j.RestoredFrom, "/chk-") {
		r.t.Errorf("activated again, the job is %+v", j)
	}
}

func failingCheckpoints(r *run) {
	a := r.running()
	r.FailCheckpoints("the store is away")
	j := a.until("some in a row have failed", func(j rest.Job) bool { return j.FailedCheckpointsInARow >= 3 })
	if !strings.Contains(j.CheckpointFailure, "the store is away") || j.LastCheckpoint == nil || j.CompletedCheckpoints < 1 || j.Attempt != 1 {
		r.t.Errorf("while checkpoints fail the job is %+v", j)
	}
	r.FailCheckpoints("")
	j = a.until("one was complete", func(later rest.Job) bool { return later.CompletedCheckpoints > j.CompletedCheckpoints })
	if j.FailedCheckpointsInARow != 0 || j.CheckpointFailure != "" {
		r.t.Errorf("when one was complete the job is %+v", j)
	}
}
