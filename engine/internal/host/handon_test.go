package host_test

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/internal/attempt"
	"github.com/weirstream/weir/engine/internal/jobtest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
)

func TestARequestThatReachesAnAttemptAsItEndsIsServedFromItsLastCheckpoint(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(800)
	target := filepath.Join(w.Dir, "savepoints")
	var p *jobtest.Pod
	var once sync.Once
	ops := make(chan rest.Operation, 4)
	ask := func() {
		for _, ask := range []func() (rest.Operation, error){
			func() (rest.Operation, error) { return p.Savepoint("s2", target) },
			func() (rest.Operation, error) { return p.Stop("s3", target, false) },
			func() (rest.Operation, error) { return p.Checkpoint("c") },
			func() (rest.Operation, error) { return p.Cancel("x") },
		} {
			op, err := ask()
			if err != nil {
				t.Error(err)
			}
			ops <- op
		}
	}
	ready := make(chan struct{})
	p = w.Pod(t, nil, func(s job.Step) {
		if <-ready; s == attempt.StepEnded {
			once.Do(ask) // what it mails lies in the mailbox when nobody looks there any more
		}
	})
	close(ready)
	q := w.Activation("a1", 0, 2)
	q.Settings.Interval = time.Hour  // so that the stop's checkpoint has all output
	q.Settings.SavepointStorage = "" // so that the confirmation of the commits ends the attempt
	if op := p.Final(p.Activate(q)); op.Status != rest.Done {
		t.Fatalf("the activation became %+v, %v", op, op.Error)
	}
	p.Until("it had read", jobtest.Read(800))
	first := p.Final(p.Stop("s1", "", false))
	if first.Status != rest.Done || first.CheckpointID == 0 {
		t.Fatalf("the stop became %+v, %v", first, first.Error)
	}
	for _, want := range []struct {
		id     string
		status rest.Status
		path   bool
	}{{"s2", rest.Done, true}, {"s3", rest.Done, true}, {"c", rest.Undone, false}, {"x", rest.Done, false}} {
		op := p.Final(<-ops, nil)
		if op.ID != want.id || op.Status != want.status || (op.Path != "") != want.path {
			t.Errorf("%s became %+v, %v", want.id, op, op.Error)
		}
		if want.path && op.CheckpointID != first.CheckpointID {
			t.Errorf("%s is of checkpoint %d, the stop's is %d", want.id, op.CheckpointID, first.CheckpointID)
		}
	}
}
