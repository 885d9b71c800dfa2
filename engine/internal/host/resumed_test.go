package host_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/internal/attempt"
	"github.com/weirstream/weir/engine/internal/jobtest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// resumed is a job that was stopped by one revision and runs again as another, whose attempt 2 has taken no checkpoint yet:
// the newest checkpoint is still that of the stop. old is the host that was stopped.
func resumed(t *testing.T, w *jobtest.World, storage string) (old, heir *jobtest.Pod, next func(*job.Config)) {
	t.Helper()
	place := func(c *job.Config) { c.Storage, c.Interval = storage, time.Hour }
	next = func(c *job.Config) { place(c); c.Revision = "2" }
	w.Input.Open(400)
	old = w.Pod(t, place)
	w.Activated(old, "a1", 0, 2)
	old.Until("it had read", jobtest.Read(400))
	if op := old.Final(old.Stop("s1", "", false)); op.Status != rest.Done {
		t.Fatalf("the stop became %+v, %v", op, op.Error)
	}
	old.Until("it was stopped", func(o rest.Job) bool { return o.State == rest.Stopped && o.Chain != nil })
	heir = w.Pod(t, next)
	heir.Until("it waited", func(o rest.Job) bool {
		return jobtest.Waits(o) && o.Chain.Attempt == 1 && o.Chain.Outcome == outcome.Stopped
	})
	q := w.Activation("a2", 1, 3)
	q.Revision, q.Settings.Interval = "2", time.Hour
	if op := heir.Final(heir.Activate(q)); op.Status != rest.Done {
		t.Fatalf("the activation became %+v, %v", op, op.Error)
	}
	heir.Until("it ran", jobtest.In(rest.Running))
	return old, heir, next
}

func TestAPodThatIsKilledBeforeItsFirstCheckpointAfterAStopBeginsAgainByItself(t *testing.T) {
	w := jobtest.NewWorld(t)
	_, heir, next := resumed(t, w, "mem://resumed"+rand.Text())
	heir.Killed()
	w.Input.Open(jobtest.All)
	again := w.Pod(t, next)
	o := again.Until("it completed", jobtest.In(rest.Completed))
	if o.Attempt != 3 || o.Parallelism != 3 {
		t.Errorf("the job is %+v", o)
	}
	w.Exact(t)
}

func TestAJobThatGoesOnAfterAStopIsNotTakenByAnotherOwner(t *testing.T) {
	w := jobtest.NewWorld(t)
	storage := "mem://resumed" + rand.Text()
	_, heir, _ := resumed(t, w, storage)
	other := w.Pod(t, func(c *job.Config) { c.Storage, c.Owner = storage, "somebody" })
	o := other.Until("it waited", func(o rest.Job) bool { return jobtest.Waits(o) && o.Chain.Attempt == 2 })
	if o.FailureKind != rest.FailedFenced || o.Chain.Outcome != "" {
		t.Errorf("beside it the job is %+v, the chain %+v", o, o.Chain)
	}
	op := other.Final(other.Activate(w.Activation("b", 2, 2)))
	if op.Status != rest.Undone || op.Error.Code != rest.Conflict || !strings.Contains(op.Error.Message, "attempt 2") {
		t.Errorf("the activation became %+v, %v", op, op.Error)
	}
	w.Input.Open(jobtest.All)
	heir.Until("it completed", jobtest.In(rest.Completed))
	w.Exact(t)
}

func TestWhatAStoppedHostIsAskedDoesNotFenceTheAttemptThatFollowed(t *testing.T) {
	w := jobtest.NewWorld(t)
	old, heir, _ := resumed(t, w, "mem://resumed"+rand.Text())
	for name, ask := range map[string]func() (rest.Operation, error){
		"savepoint": func() (rest.Operation, error) { return old.Savepoint("x1", "") },
		"stop":      func() (rest.Operation, error) { return old.Stop("x2", "", false) },
		"drain":     func() (rest.Operation, error) { return old.Stop("x3", "", true) },
	} {
		op := old.Final(ask())
		if op.Status != rest.Undone || op.Error.Code != rest.Conflict || !strings.Contains(op.Error.Message, "attempt 2") {
			t.Errorf("the %s became %+v, %v", name, op, op.Error)
		}
	}
	w.Input.Open(jobtest.All)
	if o := heir.Until("it ended", func(o rest.Job) bool { return o.State == rest.Completed || o.State == rest.Failed }); o.Attempt != 2 || o.State != rest.Completed {
		t.Errorf("the job is %+v", o)
	}
	w.Exact(t)
}

func TestASavepointThatIsAskedForWhileANewRevisionRestoresFencesNothing(t *testing.T) {
	w := jobtest.NewWorld(t)
	storage := "mem://restoring" + rand.Text()
	place := func(c *job.Config) { c.Storage = storage }
	w.Input.Open(400)
	old := w.Pod(t, place)
	w.Activated(old, "a1", 0, 2)
	old.Until("it had read", jobtest.Read(400))
	if op := old.Final(old.Stop("s1", "", false)); op.Status != rest.Done {
		t.Fatalf("the stop became %+v, %v", op, op.Error)
	}
	old.Until("it was stopped", func(o rest.Job) bool { return o.State == rest.Stopped && o.Chain != nil })
	restoring, restored := make(chan struct{}), make(chan struct{})
	heir := w.Pod(t, func(c *job.Config) { place(c); c.Revision = "2" }, func(s job.Step) {
		if s == attempt.StepRestoring {
			close(restoring)
			<-restored
		}
	})
	heir.Until("it waited", jobtest.Waits)
	q := w.Activation("a2", 1, 2)
	q.Revision = "2"
	if _, err := heir.Activate(q); err != nil {
		t.Fatal(err)
	}
	<-restoring
	op := old.Final(old.Savepoint("x", ""))
	close(restored)
	if op.Status != rest.Undone || op.Error.Code != rest.Conflict || !strings.Contains(op.Error.Message, "attempt 2") {
		t.Errorf("the savepoint became %+v, %v", op, op.Error)
	}
	w.Input.Open(jobtest.All)
	heir.Until("it completed", jobtest.In(rest.Completed))
	w.Exact(t)
}

func TestACompletedJobThatIsRestoredUnderANewNonceBeginsAgainByItself(t *testing.T) {
	w := jobtest.NewWorld(t)
	storage := "mem://restored" + rand.Text()
	place := func(c *job.Config) { c.Storage, c.Interval = storage, time.Hour }
	w.Input.Open(400)
	p := w.Pod(t, place)
	w.Activated(p, "a1", 0, 2)
	p.Until("it had read", jobtest.Read(400))
	savepoint := p.Final(p.Savepoint("sp", ""))
	w.Input.Open(jobtest.All)
	p.Until("it completed", func(o rest.Job) bool { return o.State == rest.Completed && o.Chain != nil })
	q := w.Activation("a2", 1, 2)
	q.Settings.Restore = rest.Restore{Path: savepoint.Path, Nonce: 5, AllowRepeatedOutput: true}
	if op := p.Final(p.Activate(q)); op.Status != rest.Done {
		t.Fatalf("the restore became %+v, %v", op, op.Error)
	}
	o := p.Until("it completed again", func(o rest.Job) bool { return o.State == rest.Completed && o.Chain != nil && o.Chain.Attempt == 2 })
	if len(o.RestoreNonces) != 1 || o.RestoreNonces[0] != 5 {
		t.Errorf("restored, the job is %+v", o)
	}
	q = w.Activation("a3", 2, 2)
	q.Settings.Restore = rest.Restore{Path: o.Chain.Checkpoint.Path, Nonce: 6, AllowRepeatedOutput: true}
	if op := p.Final(p.Activate(q)); op.Status != rest.Done {
		t.Fatalf("the restore of the last checkpoint became %+v, %v", op, op.Error)
	}
	if o := p.Until("it completed once more", jobtest.In(rest.Completed)); len(o.RestoreNonces) != 2 {
		t.Errorf("restored, the job is %+v", o)
	}
}

func TestARevisionThatDiedBeforeItBeganIsNotBroughtBackByItsPod(t *testing.T) {
	w := jobtest.NewWorld(t)
	storage := "mem://died" + rand.Text()
	place := func(c *job.Config) { c.Storage = storage }
	w.Input.Open(400)
	old := w.Pod(t, place)
	w.Activated(old, "a1", 0, 2)
	old.Until("it had read, and a checkpoint", func(o rest.Job) bool { return jobtest.Read(400)(o) && o.CompletedCheckpoints > 1 })
	old.Killed()
	next := func(c *job.Config) { place(c); c.Revision = "2" }
	var heir *jobtest.Pod
	begun := make(chan struct{})
	heir = w.Pod(t, next, func(s job.Step) {
		if <-begun; s == attempt.StepRestoring {
			heir.Kill()
		}
	})
	close(begun)
	heir.Until("it waited", jobtest.Waits)
	q := w.Activation("a2", 1, 2)
	q.Revision = "2"
	if _, err := heir.Activate(q); err != nil {
		t.Fatal(err)
	}
	<-heir.Done
	again := w.Pod(t, next)
	o := again.Until("it waited or ran", func(o rest.Job) bool { return jobtest.Waits(o) || o.State == rest.Running })
	if o.State != rest.Standby || o.Chain.Attempt != 2 {
		t.Errorf("the job is %+v, the chain %+v", o, o.Chain)
	}
	w.Input.Open(jobtest.All)
	q = w.Activation("a3", 2, 2)
	q.Revision = "2"
	if op := again.Final(again.Activate(q)); op.Status != rest.Done {
		t.Fatalf("the activation became %+v, %v", op, op.Error)
	}
	again.Until("it completed", jobtest.In(rest.Completed))
	w.Exact(t)
}

func TestALateStopUnderTheIdOfASavepointThatExistsDoesNotStopTheNextAttempt(t *testing.T) {
	w := jobtest.NewWorld(t)
	_, heir, _ := resumed(t, w, "mem://resumed"+rand.Text())
	op := heir.Final(heir.Stop("s1", "", false))
	if op.Status != rest.Done || !strings.HasSuffix(op.Path, "savepoint-counts-s1") || op.SizeBytes == 0 || op.CheckpointID == 0 {
		t.Errorf("the late stop became %+v, %v", op, op.Error)
	}
	if o := heir.Overview(); o.State != rest.Running || o.CompletedCheckpoints != 0 {
		t.Errorf("after it the job is %+v", o)
	}
	if op := heir.Final(heir.Savepoint("plain", "")); op.Status != rest.Done {
		t.Fatalf("the savepoint became %+v, %v", op, op.Error)
	}
	heir.Killed()
	w.Input.Open(jobtest.All)
}

func TestARequestBeyondTheBoundIsRefusedWhileAnAttemptRuns(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(400)
	p := w.Pod(t, func(c *job.Config) { c.Interval = time.Hour })
	w.Activated(p, "a1", 0, 2)
	p.Until("it had read", jobtest.Read(400))
	w.Output.FailCommits(errors.New("the store is away"))
	defer w.Output.FailCommits(nil)
	var refused *rest.Error
	for i := range 200 {
		_, err := p.Savepoint("s"+string(rune('a'+i/26))+string(rune('a'+i%26)), "")
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
	if _, err := p.Stop("stop", "", false); err != nil {
		t.Errorf("beside them a stop: %v", err)
	}
}
