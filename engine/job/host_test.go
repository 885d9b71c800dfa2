package job_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
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
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// pod is a coordinator that runs beside the test.
type pod struct {
	*job.Host
	t         *testing.T
	interrupt chan struct{}
	kill      context.CancelFunc // ends it at once, as far as a process can do that to itself
	done      chan struct{}
	err       error
}

// pod starts a process for the job; change alters its configuration.
func (w *world) pod(t *testing.T, change func(*job.Config), at ...func(job.Step)) *pod {
	t.Helper()
	cfg := w.config(2)
	if change != nil {
		change(&cfg)
	}
	p := &pod{t: t, interrupt: make(chan struct{}), done: make(chan struct{})}
	opt := job.HostOptions{
		Interrupt: p.interrupt, EngineVersion: "test", Refresh: 5 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	if len(at) > 0 {
		opt.AtStep = at[0]
	}
	c, err := job.NewHost(cfg, w.graph(t, "count"), opt)
	if err != nil {
		t.Fatal(err)
	}
	p.Host = c
	ctx, kill := context.WithTimeout(t.Context(), 3*time.Minute)
	p.kill = kill
	go func() {
		defer close(p.done)
		p.err = c.Run(ctx)
	}()
	t.Cleanup(p.killed)
	return p
}

// killed ends the process without a last checkpoint, and waits for that.
func (p *pod) killed() {
	p.kill()
	<-p.done
}

// terminated ends the process as a SIGTERM does, and waits for that.
func (p *pod) terminated() {
	p.t.Helper()
	close(p.interrupt)
	<-p.done
	if p.err != nil {
		p.t.Errorf("after SIGTERM: %v", p.err)
	}
}

// until waits for a fact about the job.
func (p *pod) until(what string, fact func(rest.Job) bool) rest.Job {
	p.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		o := p.Overview()
		if fact(o) {
			return o
		}
		select {
		case <-tick.C:
		case <-p.done:
			p.t.Fatalf("the process ended (%v) before %s; the job is %+v", p.err, what, o)
		}
	}
}

func in(s rest.State) func(rest.Job) bool { return func(o rest.Job) bool { return o.State == s } }

// waits tells that a coordinator waits and has seen the chain.
func waits(o rest.Job) bool { return o.State == rest.Standby && o.Chain != nil }

// final returns what becomes of a request.
func (p *pod) final(op rest.Operation, err error) rest.Operation {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	if op, err = p.Operation(p.t.Context(), op.ID); err != nil {
		p.t.Fatal(err)
	}
	return op
}

// activation is a request for the attempt after expected, with a parallelism.
func (w *world) activation(id string, expected int64, parallelism int) rest.ActivateRequest {
	cfg := w.config(parallelism)
	return rest.ActivateRequest{
		ID: id, ExpectedAttempt: expected, Revision: "1", AllowEmpty: expected == 0,
		Settings: cfg.Settings,
	}
}

// activated waits for a pod that runs the attempt after expected.
func (w *world) activated(p *pod, id string, expected int64, parallelism int) {
	p.t.Helper()
	op := p.final(p.Activate(p.t.Context(), w.activation(id, expected, parallelism)))
	if op.Status != rest.Done || op.Attempt != expected+1 {
		p.t.Fatalf("the activation became %+v, %v", op, op.Error)
	}
}

func TestAnEmptyJobBeginsOnlyWhenItIsToldThatItIsEmpty(t *testing.T) {
	w := newWorld(t)
	p := w.pod(t, nil)
	o := p.until("it waited", waits)
	if o.ID != "counts" || o.Revision != "1" || o.Engine != "test" || o.Chain.Attempt != 0 || o.Settings != nil || o.Failure != "" {
		t.Errorf("in standby the job is %+v", o)
	}
	careless := w.activation("a1", 0, 2)
	careless.AllowEmpty = false
	op := p.final(p.Activate(t.Context(), careless))
	if op.Status != rest.Undone || op.Error.Code != rest.Conflict || !strings.Contains(op.Error.Message, "nothing to go on from") {
		t.Errorf("without allowEmpty the activation became %+v, %v", op, op.Error)
	}
	if o := p.Overview(); o.State != rest.Standby || o.FailureKind != rest.FailedNoState {
		t.Errorf("refused, the job is %+v", o)
	}
	w.activated(p, "a2", 0, 3)
	w.input.Open(all)
	o = p.until("it ran or had completed", func(o rest.Job) bool { return o.State == rest.Running || o.State == rest.Completed })
	if o.State == rest.Running && (o.Settings == nil || o.Settings.Parallelism != 3 || o.Parallelism != 3 || o.Attempt != 1 || o.Chain != nil || o.Failure != "") {
		t.Errorf("running, the job is %+v", o)
	}
	o = p.until("it completed", in(rest.Completed))
	if o.Chain == nil || o.Chain.Outcome != outcome.Completed || o.Chain.Attempt != 1 || o.Chain.Checkpoint == nil || o.Chain.Checkpoint.SizeBytes == 0 {
		t.Errorf("completed, the job is %+v, its chain %+v", o, o.Chain)
	}
	w.exact(t)
}

func TestAnActivationIsCarriedOutOnceHoweverOftenItIsSent(t *testing.T) {
	w := newWorld(t)
	p := w.pod(t, nil)
	w.activated(p, "a1", 0, 2)
	w.activated(p, "a1", 0, 2)
	w.activated(p, "another id", 0, 2)
	var refused *rest.Error
	for name, q := range map[string]rest.ActivateRequest{
		"other settings":   w.activation("b", 0, 3),
		"the next attempt": w.activation("b", 1, 2),
		"the id of another": func() rest.ActivateRequest {
			q := w.activation("a1", 0, 2)
			q.TakeOver = true
			return q
		}(),
		"another revision": func() rest.ActivateRequest {
			q := w.activation("b", 0, 2)
			q.Revision = "2"
			return q
		}(),
	} {
		if _, err := p.Activate(t.Context(), q); !errors.As(err, &refused) || refused.Code != rest.Conflict {
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
		q := w.activation("c", 1, 2)
		change(&q.Settings)
		if _, err := p.Activate(t.Context(), q); !errors.As(err, &refused) || refused.Code != rest.BadRequest {
			t.Errorf("with %+v: %v, want BadRequest", q.Settings, err)
		}
	}
	if o := p.Overview(); o.Attempt != 1 {
		t.Errorf("the job is %+v", o)
	}
}

func TestOfTwoCoordinatorsThatExpectTheSameAttemptOneBegins(t *testing.T) {
	for name, storage := range map[string]string{"in a folder with a lock": "", "without a lock": "mem://" + rand.Text()} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			place := func(c *job.Config) {
				if storage != "" {
					c.Storage = storage
				}
			}
			pods := []*pod{w.pod(t, place), w.pod(t, place)}
			for _, p := range pods {
				p.until("it waited", waits)
			}
			var began []*pod
			var mu sync.Mutex
			var all sync.WaitGroup
			for _, p := range pods {
				all.Go(func() {
					for {
						op, err := p.Activate(t.Context(), w.activation("a", 0, 2))
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
					p.until("it saw the other's attempt", func(o rest.Job) bool { return waits(o) && o.Chain.Attempt == 1 && o.Failure == "" })
				}
			}
		})
	}
}

func TestARestartedPodGoesOnWithTheParallelismOfItsActivation(t *testing.T) {
	w := newWorld(t)
	w.input.Open(1000)
	p := w.pod(t, nil)
	w.activated(p, "a1", 0, 3)
	p.until("it had read, and a checkpoint", func(o rest.Job) bool { return read(1000)(o) && o.CompletedCheckpoints > 2 })
	p.killed()

	old := w.pod(t, func(c *job.Config) { c.Revision = "0" })
	old.until("the old revision waited", waits)
	w.input.Open(all)
	heir := w.pod(t, func(c *job.Config) { c.Restore.Path, c.Restore.Nonce = "/nowhere", 7 }) // for an activation to decide
	o := heir.until("it completed", in(rest.Completed))
	if o.Attempt != 2 || o.Parallelism != 3 || o.RestoredFrom == "" {
		t.Errorf("the restarted pod's job is %+v", o)
	}
	if o := old.until("it saw the end", func(o rest.Job) bool { return waits(o) && o.Chain.Outcome == outcome.Completed }); o.Chain.Attempt != 2 {
		t.Errorf("the old revision sees %+v", o.Chain)
	}
	w.exact(t)
}

func TestAStoppedJobIsRescaledInItsProcess(t *testing.T) {
	w := newWorld(t)
	p := w.pod(t, nil)
	for i, parallelism := range []int{2, 3, 1} {
		w.input.Open(1000 * (i + 1))
		w.activated(p, "a"+string(rune('1'+i)), int64(i), parallelism)
		p.until("it had read", read(1000))
		op := p.final(p.Stop(t.Context(), "s"+string(rune('1'+i)), "", false))
		if op.Status != rest.Done || !strings.HasPrefix(filepath.Base(op.Path), "savepoint-") || op.SizeBytes == 0 || op.CopiedBytes != op.SizeBytes || op.CheckpointID == 0 {
			t.Fatalf("the stop became %+v, %v", op, op.Error)
		}
	}
	if n := w.input.Read(); n != 3000 {
		t.Errorf("%d rows were read, want each of 3000 once", n)
	}
	p.until("it was stopped", func(o rest.Job) bool {
		return o.State == rest.Stopped && o.Chain != nil && o.Chain.Outcome == outcome.Stopped
	})
	w.input.Open(all)
	w.activated(p, "last", 3, 2)
	p.until("it completed", in(rest.Completed))
	w.exact(t)
}

func TestAnActivationThatComesRightAfterAStopWaitsForItsEnd(t *testing.T) {
	w := newWorld(t)
	w.input.Open(500)
	p := w.pod(t, nil)
	w.activated(p, "a1", 0, 2)
	p.until("it had read", read(500))
	for n := int64(1); n <= 5; n++ {
		id := string(rune('0' + n))
		if op := p.final(p.Stop(t.Context(), "s"+id, "", false)); op.Status != rest.Done {
			t.Fatalf("the stop became %+v, %v", op, op.Error)
		}
		w.activated(p, "next"+id, n, 1+int(n)%3)
		p.until("it ran", in(rest.Running))
	}
	w.input.Open(all)
	p.until("it completed", in(rest.Completed))
	w.exact(t)
}

func TestAStopIsAskedForAgainAfterTheProcessWasStartedAnew(t *testing.T) {
	for name, c := range map[string]struct{ kill func(*pod) }{
		"after its end":            {func(p *pod) { p.until("it was stopped", in(rest.Stopped)); p.terminated() }},
		"before it was committed":  {func(p *pod) { p.killed() }},
		"and nothing was recorded": {func(p *pod) { p.until("it was stopped", in(rest.Stopped)); p.killed() }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.input.Open(800)
			published := make(chan struct{}, 100)
			p := w.pod(t, nil, func(s job.Step) {
				if s == job.StepPublished {
					published <- struct{}{}
				}
			})
			q := w.activation("a1", 0, 2)
			q.Settings.Interval = time.Hour
			if op := p.final(p.Activate(t.Context(), q)); op.Status != rest.Done {
				t.Fatalf("the activation became %+v, %v", op, op.Error)
			}
			p.until("it had read", read(800))
			if name == "before it was committed" {
				w.output.FailCommits(fault.AsTransient(errors.New("the store is away")))
			}
			if _, err := p.Stop(t.Context(), "s1", "", false); err != nil {
				t.Fatal(err)
			}
			<-published
			c.kill(p)
			w.output.FailCommits(nil)

			again := w.pod(t, nil)
			again.until("it waited", waits)
			first := again.final(again.Stop(t.Context(), "s1", "", false))
			if first.Status != rest.Done || filepath.Base(first.Path) != "savepoint-counts-s1" || first.SizeBytes == 0 {
				t.Fatalf("asked for again the stop became %+v, %v", first, first.Error)
			}
			if n := len(w.output.Rows()); n != 800 {
				t.Errorf("%d rows are visible with the savepoint, want 800", n)
			}
			second := again.final(again.Stop(t.Context(), "s1", "", false))
			if diff := cmp.Diff(first, second); diff != "" {
				t.Errorf("asked for once more it differs:\n%s", diff)
			}
			without := again.final(again.Savepoint(t.Context(), "s2", ""))
			if without.Status != rest.Done || without.CheckpointID != first.CheckpointID {
				t.Errorf("a savepoint of the stopped job became %+v, %v", without, without.Error)
			}
			drain := again.final(again.Stop(t.Context(), "s3", "", true))
			if drain.Status != rest.Undone {
				t.Errorf("a drain of the stopped job became %+v", drain)
			}
			made, err := filepath.Glob(filepath.Join(w.dir, "savepoints", "savepoint-counts-s1*"))
			if err != nil || len(made) != 1 {
				t.Errorf("there are the savepoints %v, %v", made, err)
			}
			o := again.until("it was stopped", func(o rest.Job) bool { return o.State == rest.Stopped && o.Chain != nil })
			w.input.Open(all)
			w.activated(again, "a2", o.Chain.Attempt, 3)
			again.until("it completed", in(rest.Completed))
			w.exact(t)
		})
	}
}

func TestWithoutAnAttemptThereIsNothingToStop(t *testing.T) {
	w := newWorld(t)
	p := w.pod(t, nil)
	p.until("it waited", waits)
	var refused *rest.Error
	if _, err := p.Checkpoint(t.Context(), "c"); !errors.As(err, &refused) || refused.Code != rest.Conflict {
		t.Errorf("a checkpoint: %v", err)
	}
	if _, err := p.Cancel(t.Context(), "d"); !errors.As(err, &refused) || refused.Code != rest.Conflict {
		t.Errorf("a cancel: %v", err)
	}
	if op := p.final(p.Stop(t.Context(), "s", "", false)); op.Status != rest.Undone || op.Error.Code != rest.Conflict {
		t.Errorf("the stop became %+v", op)
	}
	p.terminated()
	if _, err := p.Stop(t.Context(), "s2", "", false); !errors.As(err, &refused) || refused.Code != rest.Unavailable {
		t.Errorf("after the process's end: %v", err)
	}
}

func TestOnlySoManyRequestsAreRemembered(t *testing.T) {
	w := newWorld(t)
	p := w.pod(t, nil)
	p.until("it waited", waits)
	for i := range 600 {
		p.final(p.Stop(t.Context(), fmt.Sprintf("s%d", i), "", false))
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
	w := newWorld(t)
	w.input.Open(all)
	p := w.pod(t, nil)
	w.activated(p, "a1", 0, 2)
	p.until("it completed", in(rest.Completed))
	p.terminated()
	again := w.pod(t, nil)
	again.until("it had completed", in(rest.Completed))
	op := again.final(again.Savepoint(t.Context(), "sp", ""))
	if op.Status != rest.Done || op.SizeBytes == 0 {
		t.Errorf("the savepoint became %+v, %v", op, op.Error)
	}
	o := again.until("it had completed", func(o rest.Job) bool { return o.State == rest.Completed && o.Chain != nil })
	w.activated(again, "a2", o.Chain.Attempt, 3)
	if o := again.until("it had completed", in(rest.Completed)); o.RecordsIn != 0 {
		t.Errorf("activated, the completed job is %+v", o)
	}
	w.exact(t)
}

func TestAPodThatIsKilledAtAnyStepLosesAndRepeatsNothing(t *testing.T) {
	for _, step := range []job.Step{job.StepRestoring, job.StepDeployed, job.StepPublished, job.StepCommit, job.StepCommitted} {
		for _, nth := range []int{1, 2, 5} {
			if step == job.StepRestoring && nth > 1 {
				continue
			}
			t.Run(string(step), func(t *testing.T) {
				w := newWorld(t)
				w.input.Open(all)
				var p *pod
				var mu sync.Mutex
				begun, seen := make(chan struct{}), 0
				p = w.pod(t, nil, func(s job.Step) {
					<-begun
					mu.Lock()
					defer mu.Unlock()
					if s != step {
						return
					}
					if seen++; seen == nth {
						p.kill()
					}
				})
				close(begun)
				if _, err := p.Activate(t.Context(), w.activation("a1", 0, 2)); err != nil {
					t.Fatal(err)
				}
				tick := time.NewTicker(time.Millisecond)
				defer tick.Stop()
				for ended := false; !ended && p.Overview().State != rest.Completed; {
					select {
					case <-p.done:
						ended = true
					case <-tick.C:
					}
				}
				p.killed()
				heir := w.pod(t, nil)
				o := heir.until("it knew what to do", func(o rest.Job) bool { return waits(o) || o.State == rest.Completed })
				if o.State == rest.Standby { // nothing had begun
					q := w.activation("a2", o.Chain.Attempt, 2)
					q.AllowEmpty = true
					if op := heir.final(heir.Activate(t.Context(), q)); op.Status != rest.Done {
						t.Fatalf("the activation became %+v, %v", op, op.Error)
					}
					heir.until("it completed", in(rest.Completed))
				}
				w.exact(t)
			})
		}
	}
}

// TestAPodThatBeginsByItselfNeverSaysThatItWaits looks at the status all the time while pods of a job that runs start.
func TestAPodThatBeginsByItselfNeverSaysThatItWaits(t *testing.T) {
	w := newWorld(t)
	w.input.Open(400)
	p := w.pod(t, nil)
	w.activated(p, "a1", 0, 2)
	p.until("checkpoints were complete", checkpoints(2))
	p.killed()
	for range 30 {
		heir := w.pod(t, nil)
		for o := heir.Overview(); o.State != rest.Running; o = heir.Overview() {
			if waits(o) {
				t.Fatalf("about to begin by itself, the job is %+v", o)
			}
			select {
			case <-heir.done:
				t.Fatalf("the process ended (%v); the job is %+v", heir.err, o)
			default:
			}
		}
		heir.killed()
	}
	w.input.Open(all)
	w.pod(t, nil).until("it completed", in(rest.Completed))
	w.exact(t)
}

func TestAFencedCoordinatorTouchesNothingAndWaits(t *testing.T) {
	w := newWorld(t)
	w.input.Open(400)
	place := func(c *job.Config) { c.Storage = "mem://fenced" + w.dir }
	old := w.pod(t, place)
	w.activated(old, "a1", 0, 2)
	old.until("checkpoints were complete", checkpoints(2))
	heir := w.pod(t, func(c *job.Config) { place(c); c.Revision = "2" })
	heir.until("it waited", func(o rest.Job) bool { return waits(o) && o.Chain.Attempt == 1 })
	q := w.activation("a2", 1, 3)
	q.Revision = "2"
	if op := heir.final(heir.Activate(t.Context(), q)); op.Status != rest.Done {
		t.Fatalf("the activation became %+v, %v", op, op.Error)
	}
	o := old.until("it knew that it was fenced", func(o rest.Job) bool { return o.State == rest.Failed })
	if o.FailureKind != rest.FailedFenced || !strings.Contains(o.Failure, "attempt 2") {
		t.Errorf("fenced, the job is %+v", o)
	}
	w.input.Open(1000)
	heir.until("it had read and committed", func(o rest.Job) bool { return o.State == rest.Running && len(w.output.Rows()) == 1000 })
	heir.killed()
	// Its attempt is the newest's no more, and it does not begin by itself; the operator may have it begin.
	o = old.until("it saw the heir's attempt", func(o rest.Job) bool { return o.Chain != nil && o.Chain.Attempt == 2 })
	if o.State != rest.Failed || o.Chain.Revision != "2" {
		t.Errorf("after the heir's death the job is %+v", o)
	}
	if op := old.final(old.Activate(t.Context(), w.activation("late", 1, 2))); op.Status != rest.Undone || op.Error.Code != rest.Conflict {
		t.Errorf("a late activation became %+v", op)
	}
	w.input.Open(all)
	w.activated(old, "a3", 2, 2)
	old.until("it completed", in(rest.Completed))
	w.exact(t)
}

func TestAnotherOwnersJobIsShownAndTakenOverOnDemand(t *testing.T) {
	w := newWorld(t)
	w.input.Open(400)
	p := w.pod(t, func(c *job.Config) { c.Owner = "somebody" })
	w.activated(p, "a1", 0, 2)
	p.until("it had read, and a checkpoint", func(o rest.Job) bool { return read(400)(o) && o.CompletedCheckpoints > 1 })
	p.killed()
	mine := w.pod(t, nil)
	o := mine.until("it waited", waits)
	if o.FailureKind != rest.FailedFenced || !strings.Contains(o.Failure, "somebody") {
		t.Errorf("beside another's job the job is %+v", o)
	}
	q := w.activation("a2", 1, 2)
	if op := mine.final(mine.Activate(t.Context(), q)); op.Status != rest.Undone || op.Error.Code != rest.Conflict {
		t.Errorf("the activation became %+v", op)
	}
	q.ID, q.TakeOver = "a3", true
	w.input.Open(all)
	if op := mine.final(mine.Activate(t.Context(), q)); op.Status != rest.Done {
		t.Errorf("with takeOver the activation became %+v, %v", op, op.Error)
	}
	mine.until("it completed", in(rest.Completed))
	w.exact(t)
}

func TestAStorageThatCannotBeReadIsLookedAtUntilItCan(t *testing.T) {
	w := newWorld(t)
	w.input.Open(400)
	p := w.pod(t, nil)
	w.activated(p, "a1", 0, 2)
	p.until("it had read, and a checkpoint", func(o rest.Job) bool { return read(400)(o) && o.CompletedCheckpoints > 1 })
	p.killed()
	folder := filepath.Join(w.dir, "counts")
	if err := os.Rename(folder, folder+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(folder, folder); err != nil { // nothing can be read there
		t.Fatal(err)
	}
	again := w.pod(t, nil)
	o := again.until("it knew", func(o rest.Job) bool { return o.Failure != "" })
	if o.State != rest.Standby || o.FailureKind != rest.FailedPermanently || o.Chain != nil {
		t.Errorf("with the storage away the job is %+v", o)
	}
	op := again.final(again.Activate(t.Context(), w.activation("a2", 1, 2)))
	if op.Status != rest.Undone || op.Error.Code != rest.Conflict {
		t.Errorf("the activation became %+v", op)
	}
	// At once: a pod that looks while there is neither finds a job that has not begun.
	if err := unix.Renameat2(unix.AT_FDCWD, folder+".away", unix.AT_FDCWD, folder, unix.RENAME_EXCHANGE); err != nil {
		t.Fatal(err)
	}
	w.input.Open(all)
	if o := again.until("it completed", in(rest.Completed)); o.Failure != "" || o.Attempt != 2 {
		t.Errorf("with the storage back the job is %+v", o)
	}
	w.exact(t)
}

func TestAPodWaitsForAFolderThatAnotherProcessHas(t *testing.T) {
	w := newWorld(t)
	w.input.Open(400)
	p := w.pod(t, nil)
	w.activated(p, "a1", 0, 2)
	p.until("checkpoints were complete", checkpoints(2))
	twin := w.pod(t, nil) // the same revision and owner: by the chain alone it might begin
	twin.until("it found the folder locked", func(o rest.Job) bool {
		return o.FailureKind == rest.FailedTransiently && strings.Contains(o.Failure, "in use by")
	})
	p.terminated()
	w.input.Open(all)
	twin.until("it completed", in(rest.Completed))
	w.exact(t)
}

func TestAnAttemptThatFailsTransientlyIsBegunAgainByItsProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.input.Open(all)
		cfg := w.config(2)
		cfg.Storage = "mem://" + rand.Text()
		c, err := job.NewHost(cfg, w.graph(t, "count"), job.HostOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Run(ctx) }()
		w.output.FailCommits(fault.AsTransient(errors.New("the store is away")))
		op, err := c.Activate(ctx, w.activation("a1", 0, 3))
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
		w.output.FailCommits(nil)
		for deadline := time.Now().Add(time.Hour); c.Overview().State != rest.Completed && time.Now().Before(deadline); {
			<-time.After(time.Second) // on the bubble's clock
		}
		if o := c.Overview(); o.State != rest.Completed || o.Failure != "" || o.Parallelism != 3 {
			t.Errorf("completed, the job is %+v", o)
		}
		w.exact(t)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestACoordinatorIsServedWithTheIdentityOfItsPod(t *testing.T) {
	w := newWorld(t)
	p := w.pod(t, nil)
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
	op, err := operator.Activate(t.Context(), w.activation("a1", 0, 2))
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
	w := newWorld(t)
	waiting := w.pod(t, nil)
	waiting.until("it waited", waits)
	waiting.terminated()
	w.input.Open(600)
	p := w.pod(t, nil)
	w.activated(p, "a1", 0, 2)
	p.until("it had read", read(600))
	p.terminated()
	w.input.Open(all)
	p = w.pod(t, nil)
	p.until("it completed", in(rest.Completed))
	if n := w.input.Read(); n != all {
		t.Errorf("%d rows were read, want each of %d once", n, all)
	}
	w.exact(t)
}
