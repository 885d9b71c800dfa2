package resttest

import (
	"strings"

	"github.com/weirstream/weir/engine/rest"
)

var pods = []testCase{
	{"the next process of a pod that is lost goes on by itself, and never says that it waits", goesOnByItself},
	{"a pod that is told to end takes a last checkpoint, which is no end of the job", terminates},
	{"a newer attempt fences the older, which begins nothing by itself any more", fences},
	{"another owner's job is shown, and taken over on demand", takesOver},
}

func goesOnByItself(r *run) {
	a := r.running()
	before := a.job()
	a.Kill()
	heir := r.start()
	j := heir.until("it runs", func(j rest.Job) bool {
		if waiting(j) {
			r.t.Fatalf("about to begin by itself, the job is %+v", j)
		}
		return runsWell(j)
	})
	if j.Attempt != 2 || j.Parallelism != before.Parallelism || !strings.Contains(j.RestoredFrom, "/chk-") || j.Settings == nil || *j.Settings != r.Settings ||
		j.LastCheckpoint.ID <= before.LastCheckpoint.ID || j.Failure != "" || j.Chain != nil {
		r.t.Errorf("after the loss of the pod the job is %+v with %+v", j, j.Settings)
	}
}

func terminates(r *run) {
	a := r.running()
	before := a.job().LastCheckpoint.ID
	a.Terminate()
	other := r.startAs(me, second)
	j := other.until("it waits", waiting)
	a.chainIs(j.Chain, rest.Chain{Attempt: 1, Owner: me, Revision: first, Began: 1})
	if a.completeIs(j.Chain.Checkpoint, 0, rest.Periodic); j.Chain.Checkpoint.ID <= before {
		r.t.Errorf("after checkpoint %d the last is %+v", before, j.Chain.Checkpoint)
	}
	last := j.Chain.Checkpoint
	if j := r.start().until("its next process goes on", runsWell); j.Attempt != 2 || j.RestoredFrom != last.Path {
		r.t.Errorf("after %+v the job is %+v", last, j)
	}
}

func fences(r *run) {
	old := r.running()
	heir := r.startAs(me, second)
	heir.until("it waits", waiting)
	q := r.activation("a2", 1)
	q.Revision = second
	if j := heir.activated(q); j.Attempt != 2 || j.Revision != second || !strings.Contains(j.RestoredFrom, "/chk-") {
		r.t.Errorf("the heir's job is %+v", j)
	}
	j := old.until("it knows", func(j rest.Job) bool { return j.State == rest.Failed && j.Chain != nil && j.Chain.Began == 2 })
	if j.FailureKind != rest.FailedFenced || !strings.Contains(j.Failure, "attempt 2") || j.Attempt != 1 {
		r.t.Errorf("fenced, the job is %+v", j)
	}
	old.chainIs(j.Chain, rest.Chain{Attempt: 2, Owner: me, Revision: second, Began: 2})
	heir.Kill()
	op, err := old.operator.Activate(r.ctx, r.activation("late", 1))
	old.fails(rest.Conflict, op, err)
	if j := old.job(); j.State != rest.Failed || j.FailureKind != rest.FailedFenced {
		r.t.Errorf("after a late activation the job is %+v", j)
	}
	if j := old.activated(r.activation("a3", 2)); j.Failure != "" || j.FailureKind != "" {
		r.t.Errorf("activated again, the job is %+v", j)
	}
}

func takesOver(r *run) {
	theirs := r.startAs(somebody, first)
	theirs.until("it waits", waiting)
	theirs.activated(r.activation("a1", 0))
	mine := r.start()
	j := mine.until("it waits", waiting)
	mine.chainIs(j.Chain, rest.Chain{Attempt: 1, Owner: somebody, Revision: first, Began: 1})
	if j.FailureKind != rest.FailedFenced || !strings.Contains(j.Failure, somebody) || j.Attempt != 0 {
		r.t.Errorf("beside another's job the job is %+v", j)
	}
	q := r.activation("a2", 1)
	op, err := mine.operator.Activate(r.ctx, q)
	if why := mine.fails(rest.Conflict, op, err); !strings.Contains(why.Message, somebody) {
		r.t.Errorf("the answer does not name the owner: %v", why)
	}
	mine.until("it waits", waiting)
	op, err = mine.user.Savepoint(r.ctx, rest.SavepointRequest{ID: "p1"})
	mine.fails(rest.Conflict, op, err)
	if j := theirs.job(); j.State != rest.Running {
		r.t.Errorf("their job is %+v", j)
	}
	q.ID, q.TakeOver = "a3", true
	mine.activated(q)
	j = theirs.until("they know", in(rest.Failed))
	if j.FailureKind != rest.FailedFenced {
		r.t.Errorf("their job is %+v", j)
	}
	// What its owner stopped is free.
	mine.stop("s1")
	mine.until("it has stopped", ended(rest.Stopped))
	theirs.activated(r.activation("a4", 2))
}
