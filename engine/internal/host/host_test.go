package host_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/attempt"
	"github.com/weirstream/weir/engine/internal/jobtest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

func TestAnEmptyJobBeginsOnlyWhenItIsToldThatItIsEmpty(t *testing.T) {
	w := jobtest.NewWorld(t)
	p := w.Pod(t, nil)
	o := p.Until("it waited", jobtest.Waits)
	if o.ID != "counts" || o.Revision != "1" || o.Engine != "test" || o.Chain.Attempt != 0 || o.Settings != nil || o.Failure != "" {
		t.Errorf("in standby the job is %+v", o)
	}
	careless := w.Activation("a1", 0, 2)
	careless.AllowEmpty = false
	op := p.Final(p.Activate(careless))
	if op.Status != rest.Undone || op.Error.Code != rest.Conflict || !strings.Contains(op.Error.Message, "nothing to go on from") {
		t.Errorf("without allowEmpty the activation became %+v, %v", op, op.Error)
	}
	if o := p.Overview(); o.State != rest.Standby || o.FailureKind != rest.FailedNoState {
		t.Errorf("refused, the job is %+v", o)
	}
	w.Activated(p, "a2", 0, 3)
	w.Input.Open(jobtest.All)
	o = p.Until("it ran or had completed", func(o rest.Job) bool { return o.State == rest.Running || o.State == rest.Completed })
	if o.State == rest.Running && (o.Settings == nil || o.Settings.Parallelism != 3 || o.Parallelism != 3 || o.Attempt != 1 || o.Chain != nil || o.Failure != "") {
		t.Errorf("running, the job is %+v", o)
	}
	o = p.Until("it completed", jobtest.In(rest.Completed))
	if o.Chain == nil || o.Chain.Outcome != outcome.Completed || o.Chain.Attempt != 1 || o.Chain.Checkpoint == nil || o.Chain.Checkpoint.SizeBytes == 0 {
		t.Errorf("completed, the job is %+v, its chain %+v", o, o.Chain)
	}
	w.Exact(t)
}

func TestAnActivationIsCarriedOutOnceHoweverOftenItIsSent(t *testing.T) {
	w := jobtest.NewWorld(t)
	p := w.Pod(t, nil)
	w.Activated(p, "a1", 0, 2)
	w.Activated(p, "a1", 0, 2)
	w.Activated(p, "another id", 0, 2)
	var refused *rest.Error
	for name, q := range map[string]rest.ActivateRequest{
		"other settings":   w.Activation("b", 0, 3),
		"the next attempt": w.Activation("b", 1, 2),
		"the id of another": func() rest.ActivateRequest {
			q := w.Activation("a1", 0, 2)
			q.TakeOver = true
			return q
		}(),
		"another revision": func() rest.ActivateRequest {
			q := w.Activation("b", 0, 2)
			q.Revision = "2"
			return q
		}(),
	} {
		if _, err := p.Activate(q); !errors.As(err, &refused) || refused.Code != rest.Conflict {
			t.Errorf("with %s: %v, want Conflict", name, err)
		}
	}
	for _, change := range []func(*rest.Settings){
		func(s *rest.Settings) { s.Parallelism = 65 },
		func(s *rest.Settings) { s.Parallelism = 0 },
		func(s *rest.Settings) { s.Interval = 0 },
		func(s *rest.Settings) { s.Retained = 0 },
		func(s *rest.Settings) { s.Timeout = 1 << 60 },
		func(s *rest.Settings) { s.SavepointStorage = "ftp://x" },
	} {
		q := w.Activation("c", 1, 2)
		change(&q.Settings)
		if _, err := p.Activate(q); !errors.As(err, &refused) || refused.Code != rest.BadRequest {
			t.Errorf("with %+v: %v, want BadRequest", q.Settings, err)
		}
	}
	if o := p.Overview(); o.Attempt != 1 {
		t.Errorf("the job is %+v", o)
	}
}

func TestOfTwoHostsThatExpectTheSameAttemptOneBegins(t *testing.T) {
	for name, storage := range map[string]string{"in a folder with a lock": "", "without a lock": "mem://" + rand.Text()} {
		t.Run(name, func(t *testing.T) {
			w := jobtest.NewWorld(t)
			place := func(c *job.Config) {
				if storage != "" {
					c.Storage = storage
				}
			}
			pods := []*jobtest.Pod{w.Pod(t, place), w.Pod(t, place)}
			for _, p := range pods {
				p.Until("it waited", jobtest.Waits)
			}
			var began []*jobtest.Pod
			var mu sync.Mutex
			var all sync.WaitGroup
			for _, p := range pods {
				all.Go(func() {
					for {
						op, err := p.Activate(w.Activation("a", 0, 2))
						if err == nil {
							op, err = p.Operation(t.Context(), op.ID)
						}
						switch {
						case err != nil:
							t.Error(err)
							return
						case op.Status == rest.Done:
							mu.Lock()
							began = append(began, p)
							mu.Unlock()
							return
						case op.Error.Code == rest.Conflict:
							return
						case op.Error.Code != rest.Unavailable:
							t.Errorf("the activation became %+v", op.Error)
							return
						}
					}
				})
			}
			all.Wait()
			if len(began) != 1 {
				t.Fatalf("%d began", len(began))
			}
			for _, p := range pods {
				if p != began[0] {
					p.Until("it saw the other's attempt", func(o rest.Job) bool { return jobtest.Waits(o) && o.Chain.Attempt == 1 && o.Failure == "" })
				}
			}
		})
	}
}

func TestARestartedPodGoesOnWithTheParallelismOfItsActivation(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(1000)
	p := w.Pod(t, nil)
	w.Activated(p, "a1", 0, 3)
	p.Until("it had read, and a checkpoint", func(o rest.Job) bool { return jobtest.Read(1000)(o) && o.CompletedCheckpoints > 2 })
	p.Killed()

	old := w.Pod(t, func(c *job.Config) { c.Revision = "0" })
	old.Until("the old revision waited", jobtest.Waits)
	w.Input.Open(jobtest.All)
	heir := w.Pod(t, func(c *job.Config) { c.Restore.Path, c.Restore.Nonce = "/nowhere", 7 }) // for an activation to decide
	o := heir.Until("it completed", jobtest.In(rest.Completed))
	if o.Attempt != 2 || o.Parallelism != 3 || o.RestoredFrom == "" {
		t.Errorf("the restarted pod's job is %+v", o)
	}
	if o := old.Until("it saw the end", func(o rest.Job) bool { return jobtest.Waits(o) && o.Chain.Outcome == outcome.Completed }); o.Chain.Attempt != 2 {
		t.Errorf("the old revision sees %+v", o.Chain)
	}
	w.Exact(t)
}

func TestAStoppedJobIsRescaledInItsProcess(t *testing.T) {
	w := jobtest.NewWorld(t)
	p := w.Pod(t, nil)
	for i, parallelism := range []int{2, 3, 1} {
		w.Input.Open(1000 * (i + 1))
		w.Activated(p, "a"+string(rune('1'+i)), int64(i), parallelism)
		p.Until("it had read", jobtest.Read(1000))
		op := p.Final(p.Stop("s"+string(rune('1'+i)), "", false))
		if op.Status != rest.Done || !strings.HasPrefix(filepath.Base(op.Path), "savepoint-") || op.SizeBytes == 0 || op.CopiedBytes != op.SizeBytes || op.CheckpointID == 0 {
			t.Fatalf("the stop became %+v, %v", op, op.Error)
		}
	}
	if n := w.Input.Read(); n != 3000 {
		t.Errorf("%d rows were read, want each of 3000 once", n)
	}
	p.Until("it was stopped", func(o rest.Job) bool {
		return o.State == rest.Stopped && o.Chain != nil && o.Chain.Outcome == outcome.Stopped
	})
	w.Input.Open(jobtest.All)
	w.Activated(p, "last", 3, 2)
	p.Until("it completed", jobtest.In(rest.Completed))
	w.Exact(t)
}

func TestAnActivationThatComesRightAfterAStopWaitsForItsEnd(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(500)
	p := w.Pod(t, nil)
	w.Activated(p, "a1", 0, 2)
	p.Until("it had read", jobtest.Read(500))
	for n := int64(1); n <= 5; n++ {
		id := string(rune('0' + n))
		if op := p.Final(p.Stop("s"+id, "", false)); op.Status != rest.Done {
			t.Fatalf("the stop became %+v, %v", op, op.Error)
		}
		w.Activated(p, "next"+id, n, 1+int(n)%3)
		p.Until("it ran", jobtest.In(rest.Running))
	}
	w.Input.Open(jobtest.All)
	p.Until("it completed", jobtest.In(rest.Completed))
	w.Exact(t)
}

func TestAStopIsAskedForAgainAfterTheProcessWasStartedAnew(t *testing.T) {
	for name, c := range map[string]struct{ kill func(*jobtest.Pod) }{
		"after its end":            {func(p *jobtest.Pod) { p.Until("it was stopped", jobtest.In(rest.Stopped)); p.Terminated() }},
		"before it was committed":  {func(p *jobtest.Pod) { p.Killed() }},
		"and nothing was recorded": {func(p *jobtest.Pod) { p.Until("it was stopped", jobtest.In(rest.Stopped)); p.Killed() }},
	} {
		t.Run(name, func(t *testing.T) {
			w := jobtest.NewWorld(t)
			w.Input.Open(800)
			published := make(chan struct{}, 100)
			p := w.Pod(t, nil, func(s job.Step) {
				if s == job.StepPublished {
					published <- struct{}{}
				}
			})
			q := w.Activation("a1", 0, 2)
			q.Settings.Interval = time.Hour
			if op := p.Final(p.Activate(q)); op.Status != rest.Done {
				t.Fatalf("the activation became %+v, %v", op, op.Error)
			}
			p.Until("it had read", jobtest.Read(800))
			if name == "before it was committed" {
				w.Output.FailCommits(fault.AsTransient(errors.New("the store is away")))
			}
			if _, err := p.Stop("s1", "", false); err != nil {
				t.Fatal(err)
			}
			<-published
			c.kill(p)
			w.Output.FailCommits(nil)

			again := w.Pod(t, nil)
			again.Until("it waited", jobtest.Waits)
			first := again.Final(again.Stop("s1", "", false))
			if first.Status != rest.Done || filepath.Base(first.Path) != "savepoint-counts-s1" || first.SizeBytes == 0 {
				t.Fatalf("asked for again the stop became %+v, %v", first, first.Error)
			}
			if n := len(w.Output.Rows()); n != 800 {
				t.Errorf("%d rows are visible with the savepoint, want 800", n)
			}
			second := again.Final(again.Stop("s1", "", false))
			if diff := cmp.Diff(first, second); diff != "" {
				t.Errorf("asked for once more it differs:\n%s", diff)
			}
			without := again.Final(again.Savepoint("s2", ""))
			if without.Status != rest.Done || without.CheckpointID != first.CheckpointID {
				t.Errorf("a savepoint of the stopped job became %+v, %v", without, without.Error)
			}
			drain := again.Final(again.Stop("s3", "", true))
			if drain.Status != rest.Undone {
				t.Errorf("a drain of the stopped job became %+v", drain)
			}
			made, err := filepath.Glob(filepath.Join(w.Dir, "savepoints", "savepoint-counts-s1*"))
			if err != nil || len(made) != 1 {
				t.Errorf("there are the savepoints %v, %v", made, err)
			}
			o := again.Until("it was stopped", func(o rest.Job) bool { return o.State == rest.Stopped && o.Chain != nil })
			w.Input.Open(jobtest.All)
			w.Activated(again, "a2", o.Chain.Attempt, 3)
			again.Until("it completed", jobtest.In(rest.Completed))
			w.Exact(t)
		})
	}
}

func TestWithoutAnAttemptThereIsNothingToStop(t *testing.T) {
	w := jobtest.NewWorld(t)
	p := w.Pod(t, nil)
	p.Until("it waited", jobtest.Waits)
	var refused *rest.Error
	if _, err := p.Checkpoint("c"); !errors.As(err, &refused) || refused.Code != rest.Conflict {
		t.Errorf("a checkpoint: %v", err)
	}
	if _, err := p.Cancel("d"); !errors.As(err, &refused) || refused.Code != rest.Conflict {
		t.Errorf("a cancel: %v", err)
	}
	if op := p.Final(p.Stop("s", "", false)); op.Status != rest.Undone || op.Error.Code != rest.Conflict {
		t.Errorf("the stop became %+v", op)
	}
	p.Terminated()
	if _, err := p.Stop("s2", "", false); !errors.As(err, &refused) || refused.Code != rest.Unavailable {
		t.Errorf("after the process's end: %v", err)
	}
}

func TestOnlySoManyRequestsAreRemembered(t *testing.T) {
	w := jobtest.NewWorld(t)
	p := w.Pod(t, nil)
	p.Until("it waited", jobtest.Waits)
	for i := range 600 {
		p.Final(p.Stop(fmt.Sprintf("s%d", i), "", false))
	}
	var refused *rest.Error
	if _, err := p.Operation(t.Context(), "s0"); !errors.As(err, &refused) || refused.Code != rest.NotFound {
		t.Errorf("the oldest: %v", err)
	}
	if op, err := p.Operation(t.Context(), "s599"); err != nil || op.Status != rest.Undone {
		t.Errorf("the newest: %+v, %v", op, err)
	}
}

func TestACompletedJobIsFinishedAgainAndGivesItsSavepoint(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(jobtest.All)
	p := w.Pod(t, nil)
	w.Activated(p, "a1", 0, 2)
	p.Until("it completed", jobtest.In(rest.Completed))
	p.Terminated()
	again := w.Pod(t, nil)
	again.Until("it had completed", jobtest.In(rest.Completed))
	op := again.Final(again.Savepoint("sp", ""))
	if op.Status != rest.Done || op.SizeBytes == 0 {
		t.Errorf("the savepoint became %+v, %v", op, op.Error)
	}
	o := again.Until("it had completed", func(o rest.Job) bool { return o.State == rest.Completed && o.Chain != nil })
	w.Activated(again, "a2", o.Chain.Attempt, 3)
	if o := again.Until("it had completed", jobtest.In(rest.Completed)); o.RecordsIn != 0 {
		t.Errorf("activated, the completed job is %+v", o)
	}
	w.Exact(t)
}

func TestAPodThatIsKilledAtAnyStepLosesAndRepeatsNothing(t *testing.T) {
	for _, step := range []job.Step{attempt.StepRestoring, attempt.StepDeployed, job.StepPublished, attempt.StepCommit, attempt.StepCommitted} {
		for _, nth := range []int{1, 2, 5} {
			if step == attempt.StepRestoring && nth > 1 {
				continue
			}
			t.Run(string(step), func(t *testing.T) {
				w := jobtest.NewWorld(t)
				w.Input.Open(jobtest.All)
				var p *jobtest.Pod
				var mu sync.Mutex
				begun, seen := make(chan struct{}), 0
				p = w.Pod(t, nil, func(s job.Step) {
					<-begun
					mu.Lock()
					defer mu.Unlock()
					if s != step {
						return
					}
					if seen++; seen == nth {
						p.Kill()
					}
				})
				close(begun)
				if _, err := p.Activate(w.Activation("a1", 0, 2)); err != nil {
					t.Fatal(err)
				}
				tick := time.NewTicker(time.Millisecond)
				defer tick.Stop()
				for ended := false; !ended && p.Overview().State != rest.Completed; {
					select {
					case <-p.Done:
						ended = true
					case <-tick.C:
					}
				}
				p.Killed()
				heir := w.Pod(t, nil)
				o := heir.Until("it knew what to do", func(o rest.Job) bool { return jobtest.Waits(o) || o.State == rest.Completed })
				if o.State == rest.Standby { // nothing had begun
					q := w.Activation("a2", o.Chain.Attempt, 2)
					q.AllowEmpty = true
					if op := heir.Final(heir.Activate(q)); op.Status != rest.Done {
						t.Fatalf("the activation became %+v, %v", op, op.Error)
					}
					heir.Until("it completed", jobtest.In(rest.Completed))
				}
				w.Exact(t)
			})
		}
	}
}

// TestAPodThatBeginsByItselfNeverSaysThatItWaits looks at the status all the time while pods of a job that runs start.
func TestAPodThatBeginsByItselfNeverSaysThatItWaits(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(400)
	p := w.Pod(t, nil)
	w.Activated(p, "a1", 0, 2)
	p.Until("checkpoints were complete", jobtest.Checkpoints(2))
	p.Killed()
	for range 30 {
		heir := w.Pod(t, nil)
		for o := heir.Overview(); o.State != rest.Running; o = heir.Overview() {
			if jobtest.Waits(o) {
				t.Fatalf("about to begin by itself, the job is %+v", o)
			}
			select {
			case <-heir.Done:
				t.Fatalf("the process ended (%v); the job is %+v", heir.Err, o)
			default:
			}
		}
		heir.Killed()
	}
	w.Input.Open(jobtest.All)
	w.Pod(t, nil).Until("it completed", jobtest.In(rest.Completed))
	w.Exact(t)
}

func TestAFencedHostTouchesNothingAndWaits(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(400)
	place := func(c *job.Config) { c.Storage = "mem://fenced" + w.Dir }
	old := w.Pod(t, place)
	w.Activated(old, "a1", 0, 2)
	old.Until("checkpoints were complete", jobtest.Checkpoints(2))
	heir := w.Pod(t, func(c *job.Config) { place(c); c.Revision = "2" })
	heir.Until("it waited", func(o rest.Job) bool { return jobtest.Waits(o) && o.Chain.Attempt == 1 })
	q := w.Activation("a2", 1, 3)
	q.Revision = "2"
	if op := heir.Final(heir.Activate(q)); op.Status != rest.Done {
		t.Fatalf("the activation became %+v, %v", op, op.Error)
	}
	o := old.Until("it knew that it was fenced", func(o rest.Job) bool { return o.State == rest.Failed })
	if o.FailureKind != rest.FailedFenced || !strings.Contains(o.Failure, "attempt 2") {
		t.Errorf("fenced, the job is %+v", o)
	}
	w.Input.Open(1000)
	heir.Until("it had read and committed", func(o rest.Job) bool { return o.State == rest.Running && len(w.Output.Rows()) == 1000 })
	heir.Killed()
	// Its attempt is the newest's no more, and it does not begin by itself; the operator may have it begin.
	o = old.Until("it saw the heir's attempt", func(o rest.Job) bool { return o.Chain != nil && o.Chain.Attempt == 2 })
	if o.State != rest.Failed || o.Chain.Revision != "2" {
		t.Errorf("after the heir's death the job is %+v", o)
	}
	if op := old.Final(old.Activate(w.Activation("late", 1, 2))); op.Status != rest.Undone || op.Error.Code != rest.Conflict {
		t.Errorf("a late activation became %+v", op)
	}
	w.Input.Open(jobtest.All)
	w.Activated(old, "a3", 2, 2)
	old.Until("it completed", jobtest.In(rest.Completed))
	w.Exact(t)
}

func TestAnotherOwnersJobIsShownAndTakenOverOnDemand(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(400)
	p := w.Pod(t, func(c *job.Config) { c.Owner = "somebody" })
	w.Activated(p, "a1", 0, 2)
	p.Until("it had read, and a checkpoint", func(o rest.Job) bool { return jobtest.Read(400)(o) && o.CompletedCheckpoints > 1 })
	p.Killed()
	mine := w.Pod(t, nil)
	o := mine.Until("it waited", jobtest.Waits)
	if o.FailureKind != rest.FailedFenced || !strings.Contains(o.Failure, "somebody") {
		t.Errorf("beside another's job the job is %+v", o)
	}
	q := w.Activation("a2", 1, 2)
	if op := mine.Final(mine.Activate(q)); op.Status != rest.Undone || op.Error.Code != rest.Conflict {
		t.Errorf("the activation became %+v", op)
	}
	q.ID, q.TakeOver = "a3", true
	w.Input.Open(jobtest.All)
	if op := mine.Final(mine.Activate(q)); op.Status != rest.Done {
		t.Errorf("with takeOver the activation became %+v, %v", op, op.Error)
	}
	mine.Until("it completed", jobtest.In(rest.Completed))
	w.Exact(t)
}

func TestAStorageThatCannotBeReadIsLookedAtUntilItCan(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(400)
	p := w.Pod(t, nil)
	w.Activated(p, "a1", 0, 2)
	p.Until("it had read, and a checkpoint", func(o rest.Job) bool { return jobtest.Read(400)(o) && o.CompletedCheckpoints > 1 })
	p.Killed()
	folder := filepath.Join(w.Dir, "counts")
	if err := os.Rename(folder, folder+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(folder, folder); err != nil { // nothing can be read there
		t.Fatal(err)
	}
	again := w.Pod(t, nil)
	o := again.Until("it knew", func(o rest.Job) bool { return o.Failure != "" })
	if o.State != rest.Standby || o.FailureKind != rest.FailedPermanently || o.Chain != nil {
		t.Errorf("with the storage away the job is %+v", o)
	}
	op := again.Final(again.Activate(w.Activation("a2", 1, 2)))
	if op.Status != rest.Undone || op.Error.Code != rest.Conflict {
		t.Errorf("the activation became %+v", op)
	}
	// At once: a pod that looks while there is neither finds a job that has not begun.
	if err := unix.Renameat2(unix.AT_FDCWD, folder+".away", unix.AT_FDCWD, folder, unix.RENAME_EXCHANGE); err != nil {
		t.Fatal(err)
	}
	w.Input.Open(jobtest.All)
	if o := again.Until("it completed", jobtest.In(rest.Completed)); o.Failure != "" || o.Attempt != 2 {
		t.Errorf("with the storage back the job is %+v", o)
	}
	w.Exact(t)
}

func TestAPodWaitsForAFolderThatAnotherProcessHas(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(400)
	p := w.Pod(t, nil)
	w.Activated(p, "a1", 0, 2)
	p.Until("checkpoints were complete", jobtest.Checkpoints(2))
	twin := w.Pod(t, nil) // the same revision and owner: by the chain alone it might begin
	twin.Until("it found the folder locked", func(o rest.Job) bool {
		return o.FailureKind == rest.FailedTransiently && strings.Contains(o.Failure, "in use by")
	})
	p.Terminated()
	w.Input.Open(jobtest.All)
	twin.Until("it completed", jobtest.In(rest.Completed))
	w.Exact(t)
}

func TestAnAttemptThatFailsTransientlyIsBegunAgainByItsProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := jobtest.NewWorld(t)
		w.Input.Open(jobtest.All)
		cfg := w.Config(2)
		cfg.Storage = "mem://" + rand.Text()
		c, err := job.NewHost(cfg, w.Graph(t, "count"), job.HostOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Run(ctx) }()
		w.Output.FailCommits(fault.AsTransient(errors.New("the store is away")))
		op, err := c.Ask(w.Activation("a1", 0, 3).Request())
		if err == nil {
			op, err = c.Operation(ctx, op.ID)
		}
		if err != nil || op.Status != rest.Done {
			t.Fatalf("the activation became %+v, %v", op, err)
		}
		// The commits of its last checkpoint are tried for minutes, and then by one attempt after the other.
		<-time.After(time.Hour)
		if o := c.Overview(); o.Attempt < 3 || o.State == rest.Failed {
			t.Errorf("after an hour the job is %+v", o)
		}
		w.Output.FailCommits(nil)
		for deadline := time.Now().Add(time.Hour); c.Overview().State != rest.Completed && time.Now().Before(deadline); {
			<-time.After(time.Second) // on the bubble's clock
		}
		if o := c.Overview(); o.State != rest.Completed || o.Failure != "" || o.Parallelism != 3 {
			t.Errorf("completed, the job is %+v", o)
		}
		w.Exact(t)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAHostIsServedWithTheIdentityOfItsPod(t *testing.T) {
	w := jobtest.NewWorld(t)
	p := w.Pod(t, nil)
	id, err := rest.NewIdentity(bytes.Repeat([]byte("k"), 32), "uid-1")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range id.Files() {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	served, err := rest.ReadIdentity(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var servers sync.WaitGroup
	listen := func(serve func(net.Listener) error) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		servers.Go(func() {
			if err := serve(l); err != nil {
				t.Error(err)
			}
		})
		return l.Addr().String()
	}
	api := listen(func(l net.Listener) error { return p.Serve(ctx, l, served) })
	metrics := listen(func(l net.Listener) error { return p.ServeMetrics(ctx, l) })
	t.Cleanup(func() { cancel(); servers.Wait() })
	operator, err := rest.NewPodClient(api, id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(operator.Close)
	op, err := operator.Activate(t.Context(), w.Activation("a1", 0, 2))
	if err == nil {
		op, err = operator.Operation(t.Context(), op.ID, time.Minute)
	}
	if err != nil || op.Status != rest.Done || op.Attempt != 1 {
		t.Fatalf("the activation became %+v, %v", op, err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+metrics+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil || !strings.Contains(string(text), "weir_job_attempt") {
		t.Errorf("the metrics are %q, %v", text, err)
	}
}

func TestASignalEndsAProcessWithALastCheckpointOrAtOnce(t *testing.T) {
	w := jobtest.NewWorld(t)
	waiting := w.Pod(t, nil)
	waiting.Until("it waited", jobtest.Waits)
	waiting.Terminated()
	w.Input.Open(600)
	p := w.Pod(t, nil)
	w.Activated(p, "a1", 0, 2)
	p.Until("it had read", jobtest.Read(600))
	p.Terminated()
	w.Input.Open(jobtest.All)
	p = w.Pod(t, nil)
	p.Until("it completed", jobtest.In(rest.Completed))
	if n := w.Input.Read(); n != jobtest.All {
		t.Errorf("%d rows were read, want each of %d once", n, jobtest.All)
	}
	w.Exact(t)
}

// TestASavepointOfACompletedJobIsItsLastCheckpointWhateverItsTextIsNow: the names that a changed text gives to state are the attempt's
// alone.
func TestASavepointOfACompletedJobIsItsLastCheckpointWhateverItsTextIsNow(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(jobtest.All)
	p := w.Pod(t, nil)
	w.Activated(p, "a1", 0, 2)
	p.Until("it completed", jobtest.In(rest.Completed))
	var made []rest.Operation
	take := func(p *jobtest.Pod, id string) {
		t.Helper()
		op := p.Final(p.Savepoint(id, ""))
		if op.Status != rest.Done {
			t.Fatalf("the savepoint became %+v, %v", op, op.Error)
		}
		made = append(made, op)
	}
	take(p, "before")
	p.Terminated()
	w.UID = "renamed"
	again := w.Pod(t, func(c *job.Config) { c.Restore.AllowNonRestoredState = true })
	again.Until("it had completed", jobtest.In(rest.Completed))
	take(again, "after")
	metadata := func(op rest.Operation) string {
		text, err := os.ReadFile(filepath.Join(strings.TrimPrefix(op.Path, "file://"), "_metadata"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if before, after := metadata(made[0]), metadata(made[1]); before != after {
		t.Errorf("the savepoints differ:\n%q\n%q", before, after)
	}
}
