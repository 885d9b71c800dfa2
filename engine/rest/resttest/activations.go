package resttest

import (
	"strings"
	"sync"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

var activations = []testCase{
	{"a coordinator of an empty folder stands by and says what it sees", standsBy},
	{"a job begins empty only where that is allowed", beginsEmpty},
	{"an activated attempt runs with its settings, and says how it is", runsAsActivated},
	{"an activation is carried out once, and is in the way of others", activatesOnce},
	{"an activation that expects another attempt leaves nothing behind", expectsAnother},
	{"settings that no attempt can run with are refused", impossibleSettings},
	{"of two coordinators that expect the same attempt one begins", oneOfTwoBegins},
	{"a stopped job goes on where it stopped, with what it is activated with", goesOnFromStop},
}

func standsBy(r *run) {
	a := r.start()
	j := a.until("it waits", waiting)
	a.chainIs(j.Chain, rest.Chain{})
	if j.Chain.Checkpoint != nil {
		r.t.Errorf("the chain has checkpoint %+v", j.Chain.Checkpoint)
	}
	if j.MaxParallelism < 4 || j.Engine == "" {
		r.t.Errorf("max parallelism %d, engine %q", j.MaxParallelism, j.Engine)
	}
	j.Chain, j.MaxParallelism, j.Engine = nil, 0, ""
	if diff := cmp.Diff(rest.Job{ID: r.JobID, State: rest.Standby, Revision: first}, j); diff != "" {
		r.t.Errorf("the job (-want +got):\n%s", diff)
	}
	chain, err := r.Preflight(r.t, me, first, rest.Restore{})
	if diff := cmp.Diff(rest.Chain{}, chain); err != nil || diff != "" {
		r.t.Errorf("the preflight says %v, and of the chain (-want +got):\n%s", err, diff)
	}
}

func beginsEmpty(r *run) {
	a := r.start()
	a.until("it waits", waiting)
	q := r.activation("a1", 0)
	q.AllowEmpty = false
	op, err := a.operator.Activate(r.ctx, q)
	a.fails(rest.Conflict, op, err)
	j := a.until("it waits", waiting)
	a.chainIs(j.Chain, rest.Chain{})
	if j.FailureKind != rest.FailedNoState || j.Failure == "" || j.Attempt != 0 || j.Settings != nil {
		r.t.Errorf("refused, the job is %+v", j)
	}
	if j := a.activated(r.activation("a2", 0)); j.Failure != "" || j.FailureKind != "" {
		r.t.Errorf("allowed, the job is %+v", j)
	}
}

func runsAsActivated(r *run) {
	a := r.start()
	a.until("it waits", waiting)
	q := r.activation("a1", 0)
	q.Settings.Parallelism = 3
	q.Settings.Retained++
	a.activated(q)
	j := a.until("records came out", func(j rest.Job) bool { return j.State == rest.Running && j.RecordsOut > 0 })
	if j.Settings == nil || *j.Settings != q.Settings || j.Parallelism != 3 || j.MaxParallelism < 4 {
		r.t.Errorf("activated with %+v the job is %+v with %+v", q.Settings, j, j.Settings)
	}
	if j.ID != r.JobID || j.Revision != first || j.Engine == "" || j.Attempt != 1 || j.Restarts != 0 || j.StartTime.IsZero() || j.RestoredFrom != "" ||
		j.FailedCheckpointsInARow != 0 || j.CheckpointFailure != "" || j.RecordsIn < 1 || j.RecordsLate != 0 || j.Failure != "" || j.FailureKind != "" ||
		j.Chain != nil || len(j.RestoreNonces) != 0 {
		r.t.Errorf("the job is %+v", j)
	}
	a.completeIs(j.LastCheckpoint, 0, rest.Periodic)
	a.until("it goes on", func(later rest.Job) bool {
		return later.LastCheckpoint.ID > j.LastCheckpoint.ID && later.CompletedCheckpoints > j.CompletedCheckpoints && later.RecordsIn > j.RecordsIn
	})
}

func activatesOnce(r *run) {
	a := r.running()
	same := a.done(a.operator.Activate(r.ctx, r.activation("begin", 0)))
	under := a.done(a.operator.Activate(r.ctx, r.activation("again", 0)))
	if same.Attempt != 1 || under.Attempt != 1 || same.Kind != rest.ActivateOperation || under.ID != "again" {
		r.t.Errorf("sent again it became %+v, and under another id %+v", same, under)
	}
	for what, change := range map[string]func(*rest.ActivateRequest){
		"other settings":                  func(q *rest.ActivateRequest) { q.Settings.Parallelism = 3 },
		"another restore":                 func(q *rest.ActivateRequest) { q.Settings.Restore.Nonce = 7 },
		"the next attempt, while it runs": func(q *rest.ActivateRequest) { q.ExpectedAttempt = 1 },
		"an attempt that is to come":      func(q *rest.ActivateRequest) { q.ExpectedAttempt = 5 },
		"another revision":                func(q *rest.ActivateRequest) { q.Revision = second },
		"the id of another activation":    func(q *rest.ActivateRequest) { q.ID, q.TakeOver = "begin", true },
	} {
		q := r.activation("b", 0)
		change(&q)
		_, err := a.operator.Activate(r.ctx, q)
		r.refused(rest.Conflict, what, err)
	}
	if j := a.job(); j.Attempt != 1 || j.State != rest.Running || j.Settings == nil || *j.Settings != r.Settings {
		r.t.Errorf("the job is %+v", j)
	}
}

func expectsAnother(r *run) {
	a := r.start()
	a.until("it waits", waiting)
	op, err := a.operator.Activate(r.ctx, r.activation("a1", 3))
	if why := a.fails(rest.Conflict, op, err); !strings.Contains(why.Message, "3") || !strings.Contains(why.Message, "0") {
		r.t.Errorf("the answer does not name the attempts: %v", why)
	}
	j := a.until("it waits", waiting)
	a.chainIs(j.Chain, rest.Chain{})
	if j.Failure != "" || j.FailureKind != "" || j.Attempt != 0 {
		r.t.Errorf("the job is %+v", j)
	}
	a.activated(r.activation("a2", 0))
	a.stop("s1")
	op, err = a.operator.Activate(r.ctx, r.activation("a3", 0))
	a.fails(rest.Conflict, op, err)
	j = a.until("it has stopped", ended(rest.Stopped))
	a.chainIs(j.Chain, rest.Chain{Attempt: 1, Owner: me, Revision: first, Began: 1, Outcome: outcome.Stopped})
	// What failed has left nothing, and is tried again when it is sent again.
	again := r.activation("a4", 1)
	op, err = a.operator.Activate(r.ctx, again)
	a.done(op, err)
}

func impossibleSettings(r *run) {
	a := r.start()
	j := a.until("it waits", waiting)
	for _, change := range []func(*rest.Settings){
		func(s *rest.Settings) { s.Parallelism = 0 },
		func(s *rest.Settings) { s.Parallelism = j.MaxParallelism + 1 },
		func(s *rest.Settings) { s.Interval = 0 },
		func(s *rest.Settings) { s.Timeout = 0 },
		func(s *rest.Settings) { s.Retained = 0 },
		func(s *rest.Settings) { s.TolerableFailures = -1 },
	} {
		q := r.activation("a1", 0)
		change(&q.Settings)
		_, err := a.operator.Activate(r.ctx, q)
		r.refused(rest.BadRequest, "impossible settings", err)
	}
	a.activated(r.activation("a1", 0)) // the id is free: nothing was taken
}

func oneOfTwoBegins(r *run) {
	pods := []*testedPod{r.start(), r.start()}
	for _, a := range pods {
		a.until("it waits", waiting)
	}
	ops, errs := make([]rest.Operation, len(pods)), make([]error, len(pods))
	var all sync.WaitGroup
	for i, a := range pods {
		all.Go(func() {
			for {
				ops[i], errs[i] = a.operator.Activate(r.ctx, r.activation("a", 0))
				if errs[i] == nil {
					ops[i], errs[i] = a.operator.Operation(r.ctx, ops[i].ID, rest.MaxWait)
				}
				if errs[i] != nil || ops[i].Error == nil || ops[i].Error.Code != rest.Unavailable {
					return
				}
			}
		})
	}
	all.Wait()
	began := 0
	for i, a := range pods {
		switch {
		case errs[i] != nil:
			r.t.Errorf("pod %d: %v", i, errs[i])
		case ops[i].Status == rest.Done && ops[i].Attempt == 1:
			began++
		default:
			a.fails(rest.Conflict, ops[i], nil)
			j := a.until("it sees the other's attempt", func(j rest.Job) bool { return waiting(j) && j.Chain.Began == 1 })
			a.chainIs(j.Chain, rest.Chain{Attempt: 1, Owner: me, Revision: first, Began: 1})
		}
	}
	if began != 1 {
		r.t.Errorf("%d of two began: %+v", began, ops)
	}
}

func goesOnFromStop(r *run) {
	a := r.running()
	a.stop("s1")
	stopped := a.until("it has stopped", ended(rest.Stopped))
	q := r.activation("a2", 1)
	q.Settings.Parallelism = 2
	j := a.activated(q)
	if j.RestoredFrom != stopped.Chain.Checkpoint.Path || j.Parallelism != 2 || j.Settings == nil || *j.Settings != q.Settings || j.Chain != nil {
		r.t.Errorf("after the stop at %+v the job is %+v", stopped.Chain.Checkpoint, j)
	}
	if j.StartTime.Before(stopped.StartTime) || j.LastCheckpoint == nil || j.LastCheckpoint.ID <= stopped.Chain.Checkpoint.ID {
		r.t.Errorf("the next attempt began at %v with checkpoint %+v, the one before at %v", j.StartTime, j.LastCheckpoint, stopped.StartTime)
	}
	a.Kill()
	j = r.start().until("its successor has a checkpoint", runsWell)
	if j.Attempt != 3 || j.Parallelism != 2 || !strings.Contains(j.RestoredFrom, "/chk-") || j.Chain != nil {
		r.t.Errorf("after the loss of the pod the job is %+v", j)
	}
}
