package job_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// resumed is a job that was stopped by one revision and runs again as another, whose attempt 2 has taken no checkpoint yet:
// the newest checkpoint is still that of the stop. old is the coordinator that was stopped.
func (w *world) resumed(t *testing.T, storage string) (old, heir *pod, next func(*job.Config)) {
	t.Helper()
	place := func(c *job.Config) { c.Storage, c.Interval = storage, time.Hour }
	next = func(c *job.Config) { place(c); c.Revision = "2" }
	w.input.Open(400)
	old = w.pod(t, place)
	w.activated(old, "a1", 0, 2)
	old.until("it had read", read(400))
	if op := old.final(old.Stop(t.Context(), "s1", "", false)); op.Status != rest.Done {
		t.Fatalf("the stop became %+v, %v", op, op.Error)
	}
	old.until("it was stopped", func(o rest.Job) bool { return o.State == rest.Stopped && o.Chain != nil })
	heir = w.pod(t, next)
	heir.until("it waited", func(o rest.Job) bool { return waits(o) && o.Chain.Attempt == 1 && o.Chain.Outcome == outcome.Stopped })
	q := w.activation("a2", 1, 3)
	q.Revision, q.Settings.Interval = "2", time.Hour
	if op := heir.final(heir.Activate(t.Context(), q)); op.Status != rest.Done {
		t.Fatalf("the activation became %+v, %v", op, op.Error)
	}
	heir.until("it ran", in(rest.Running))
	return old, heir, next
}

func TestAPodThatIsKilledBeforeItsFirstCheckpointAfterAStopBeginsAgainByItself(t *testing.T) {
	w := newWorld(t)
	_, heir, next := w.resumed(t, "mem://resumed"+rand.Text())
	heir.killed()
	w.input.Open(all)
	again := w.pod(t, next)
	o := again.until("it completed", in(rest.Completed))
	if o.Attempt != 3 || o.Parallelism != 3 {
		t.Errorf("the job is %+v", o)
	}
	w.exact(t)
}

func TestAJobThatGoesOnAfterAStopIsNotTakenByAnotherOwner(t *testing.T) {
	w := newWorld(t)
	storage := "mem://resumed" + rand.Text()
	_, heir, _ := w.resumed(t, storage)
	other := w.pod(t, func(c *job.Config) { c.Storage, c.Owner = storage, "somebody" })
	o := other.until("it waited", func(o rest.Job) bool { return waits(o) && o.Chain.Attempt == 2 })
	if o.FailureKind != rest.FailedFenced || o.Chain.Outcome != "" {
		t.Errorf("beside it the job is %+v, the chain %+v", o, o.Chain)
	}
	op := other.final(other.Activate(t.Context(), w.activation("b", 2, 2)))
	if op.Status != rest.Undone || op.Error.Code != rest.Conflict || !strings.Contains(op.Error.Message, "attempt 2") {
		t.Errorf("the activation became %+v, %v", op, op.Error)
	}
	w.input.Open(all)
	heir.until("it completed", in(rest.Completed))
	w.exact(t)
}

func TestWhatAStoppedCoordinatorIsAskedDoesNotFenceTheAttemptThatFollowed(t *testing.T) {
	w := newWorld(t)
	old, heir, _ := w.resumed(t, "mem://resumed"+rand.Text())
	for name, ask := range map[string]func() (rest.Operation, error){
		"savepoint": func() (rest.Operation, error) { return old.Savepoint(t.Context(), "x1", "") },
		"stop":      func() (rest.Operation, error) { return old.Stop(t.Context(), "x2", "", false) },
		"drain":     func() (rest.Operation, error) { return old.Stop(t.Context(), "x3", "", true) },
	} {
		op := old.final(ask())
		if op.Status != rest.Undone || op.Error.Code != rest.Conflict || !strings.Contains(op.Error.Message, "attempt 2") {
			t.Errorf("the %s became %+v, %v", name, op, op.Error)
		}
	}
	w.input.Open(all)
	if o := heir.until("it ended", func(o rest.Job) bool { return o.State == rest.Completed || o.State == rest.Failed }); o.Attempt != 2 || o.State != rest.Completed {
		t.Errorf("the job is %+v", o)
	}
	w.exact(t)
}

func TestASavepointThatIsAskedForWhileANewRevisionRestoresFencesNothing(t *testing.T) {
	w := newWorld(t)
	storage := "mem://restoring" + rand.Text()
	place := func(c *job.Config) { c.Storage = storage }
	w.input.Open(400)
	old := w.pod(t, place)
	w.activated(old, "a1", 0, 2)
	old.until("it had read", read(400))
	if op := old.final(old.Stop(t.Context(), "s1", "", false)); op.Status != rest.Done {
		t.Fatalf("the stop became %+v, %v", op, op.Error)
	}
	old.until("it was stopped", func(o rest.Job) bool { return o.State == rest.Stopped && o.Chain != nil })
	restoring, restored := make(chan struct{}), make(chan struct{})
	heir := w.pod(t, func(c *job.Config) { place(c); c.Revision = "2" }, func(s job.Step) {
		if s == job.StepRestoring {
			close(restoring)
			<-restored
		}
	})
	heir.until("it waited", waits)
	q := w.activation("a2", 1, 2)
	q.Revision = "2"
	if _, err := heir.Activate(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	<-restoring
	op := old.final(old.Savepoint(t.Context(), "x", ""))
	close(restored)
	if op.Status != rest.Undone || op.Error.Code != rest.Conflict || !strings.Contains(op.Error.Message, "attempt 2") {
		t.Errorf("the savepoint became %+v, %v", op, op.Error)
	}
	w.input.Open(all)
	heir.until("it completed", in(rest.Completed))
	w.exact(t)
}

func TestACompletedJobThatIsRestoredUnderANewNonceBeginsAgainByItself(t *testing.T) {
	w := newWorld(t)
	storage := "mem://restored" + rand.Text()
	place := func(c *job.Config) { c.Storage, c.Interval = storage, time.Hour }
	w.input.Open(400)
	p := w.pod(t, place)
	w.activated(p, "a1", 0, 2)
	p.until("it had read", read(400))
	savepoint := p.final(p.Savepoint(t.Context(), "sp", ""))
	w.input.Open(all)
	p.until("it completed", func(o rest.Job) bool { return o.State == rest.Completed && o.Chain != nil })
	q := w.activation("a2", 1, 2)
	q.Settings.Restore = rest.Restore{Path: savepoint.Path, Nonce: 5, AllowRepeatedOutput: true}
	if op := p.final(p.Activate(t.Context(), q)); op.Status != rest.Done {
		t.Fatalf("the restore became %+v, %v", op, op.Error)
	}
	o := p.until("it completed again", func(o rest.Job) bool { return o.State == rest.Completed && o.Chain != nil && o.Chain.Attempt == 2 })
	if len(o.RestoreNonces) != 1 || o.RestoreNonces[0] != 5 {
		t.Errorf("restored, the job is %+v", o)
	}
	q = w.activation("a3", 2, 2)
	q.Settings.Restore = rest.Restore{Path: o.Chain.Checkpoint.Path, Nonce: 6, AllowRepeatedOutput: true}
	if op := p.final(p.Activate(t.Context(), q)); op.Status != rest.Done {
		t.Fatalf("the restore of the last checkpoint became %+v, %v", op, op.Error)
	}
	if o := p.until("it completed once more", in(rest.Completed)); len(o.RestoreNonces) != 2 {
		t.Errorf("restored, the job is %+v", o)
	}
}

func TestARevisionThatDiedBeforeItBeganIsNotBroughtBackByItsPod(t *testing.T) {
	w := newWorld(t)
	storage := "mem://died" + rand.Text()
	place := func(c *job.Config) { c.Storage = storage }
	w.input.Open(400)
	old := w.pod(t, place)
	w.activated(old, "a1", 0, 2)
	old.until("it had read, and a checkpoint", func(o rest.Job) bool { return read(400)(o) && o.CompletedCheckpoints > 1 })
	old.killed()
	next := func(c *job.Config) { place(c); c.Revision = "2" }
	var heir *pod
	begun := make(chan struct{})
	heir = w.pod(t, next, func(s job.Step) {
		if <-begun; s == job.StepRestoring {
			heir.kill()
		}
	})
	close(begun)
	heir.until("it waited", waits)
	q := w.activation("a2", 1, 2)
	q.Revision = "2"
	if _, err := heir.Activate(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	<-heir.done
	again := w.pod(t, next)
	o := again.until("it waited or ran", func(o rest.Job) bool { return waits(o) || o.State == rest.Running })
	if o.State != rest.Standby || o.Chain.Attempt != 2 {
		t.Errorf("the job is %+v, the chain %+v", o, o.Chain)
	}
	w.input.Open(all)
	q = w.activation("a3", 2, 2)
	q.Revision = "2"
	if op := again.final(again.Activate(t.Context(), q)); op.Status != rest.Done {
		t.Fatalf("the activation became %+v, %v", op, op.Error)
	}
	again.until("it completed", in(rest.Completed))
	w.exact(t)
}

func TestALateStopUnderTheIdOfASavepointThatExistsDoesNotStopTheNextAttempt(t *testing.T) {
	w := newWorld(t)
	_, heir, _ := w.resumed(t, "mem://resumed"+rand.Text())
	op := heir.final(heir.Stop(t.Context(), "s1", "", false))
	if op.Status != rest.Done || !strings.HasSuffix(op.Path, "savepoint-counts-s1") || op.SizeBytes == 0 || op.CheckpointID == 0 {
		t.Errorf("the late stop became %+v, %v", op, op.Error)
	}
	if o := heir.Overview(); o.State != rest.Running || o.CompletedCheckpoints != 0 {
		t.Errorf("after it the job is %+v", o)
	}
	if op := heir.final(heir.Savepoint(t.Context(), "plain", "")); op.Status != rest.Done {
		t.Fatalf("the savepoint became %+v, %v", op, op.Error)
	}
	heir.killed()
	w.input.Open(all)
}

func TestARequestBeyondTheBoundIsRefusedWhileAnAttemptRuns(t *testing.T) {
	w := newWorld(t)
	w.input.Open(400)
	p := w.pod(t, func(c *job.Config) { c.Interval = time.Hour })
	w.activated(p, "a1", 0, 2)
	p.until("it had read", read(400))
	w.output.FailCommits(errors.New("the store is away"))
	defer w.output.FailCommits(nil)
	var refused *rest.Error
	for i := range 200 {
		_, err := p.Savepoint(t.Context(), "s"+string(rune('a'+i/26))+string(rune('a'+i%26)), "")
		if errors.As(err, &refused) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if refused == nil || refused.Code != rest.Unavailable {
		t.Errorf("the last was answered with %v", refused)
	}
	if _, err := p.Stop(t.Context(), "stop", "", false); err != nil {
		t.Errorf("beside them a stop: %v", err)
	}
}
