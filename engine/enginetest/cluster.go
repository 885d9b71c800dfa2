package enginetest

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/stream"
)

// patience is how long a Cluster waits for anything: what takes longer hangs.
const patience = time.Minute

// Build describes a job, as a program's main function does.
type Build func(j *stream.Job)

// Cluster is a job that runs in the test's process, on storage that goes with the test. Its methods are the test's: one
// goroutine calls them, and what goes wrong ends the test.
type Cluster struct {
	t      testing.TB
	build  Build
	config job.Config
	clock  *Clock
	run    *clusterRun // nil: it does not run
	next   int         // numbers requests
	inputs []input
}

// input is an Input of any type.
type input interface {
	settled() bool
	over()
}

// clusterRun is one process, as far as a test has them.
type clusterRun struct {
	handle *job.Handle
	kill   context.CancelFunc
	stop   chan struct{} // closed: take a last checkpoint and end
	done   chan struct{} // closed when it has ended, with what follows
	result job.Result
	err    error
}

// Option changes how a Cluster runs its job.
type Option func(*Cluster)

// Parallelism sets the number of subtasks, which is 1 otherwise.
func Parallelism(n int) Option { return func(c *Cluster) { c.config.Parallelism = n } }

// CheckpointEvery has the job take checkpoints by itself; otherwise it does only when the test asks for one.
func CheckpointEvery(d time.Duration) Option { return func(c *Cluster) { c.config.Interval = d } }

// WithClock sets the processing time of the job; otherwise it is the machine's.
func WithClock(k *Clock) Option { return func(c *Cluster) { c.clock = k } }

// Start runs the job that build describes, until the test ends. It returns when the job runs.
func Start(t testing.TB, build Build, options ...Option) *Cluster {
	t.Helper()
	dir := t.TempDir()
	c := &Cluster{t: t, build: build, config: job.Config{
		Job: "test", Owner: "test", Revision: "1", Storage: filepath.Join(dir, "checkpoints"), MaxParallelism: 128,
		Settings: job.Settings{SavepointStorage: filepath.Join(dir, "savepoints"), Parallelism: 1, Interval: 24 * time.Hour, Timeout: patience,
			Retained: config.Retained.Default, TolerableFailures: 0,
			Restart: job.Restart{InitialDelay: time.Millisecond, MaxDelay: 10 * time.Millisecond, ResetAfter: time.Hour}},
	}}
	for _, o := range options {
		o(c)
	}
	t.Cleanup(c.Kill)
	c.Restart()
	return c
}

// Restart goes on from the newest checkpoint after Kill or Stop, as the same command does.
func (c *Cluster) Restart() {
	c.t.Helper()
	if c.run != nil {
		c.t.Fatal("the job runs: Kill or Stop it first")
	}
	j := stream.New()
	c.build(j)
	g, err := j.Graph()
	if err != nil {
		c.t.Fatalf("the job cannot be described: %v", err)
	}
	c.inputs = nil
	for i := range g.Nodes {
		if n := &g.Nodes[i]; n.Source != nil {
			if in, ok := n.Source.Source.(input); ok {
				in.over()
				c.inputs = append(c.inputs, in)
			}
		}
	}
	r := &clusterRun{stop: make(chan struct{}), done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	r.kill = cancel
	process := job.Process{Interrupt: r.stop, EngineVersion: "test",
		Logger: slog.New(quiet{slog.NewTextHandler(c.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})})}
	if c.clock != nil {
		process.Clock = c.clock
	}
	started := make(chan *job.Handle, 1)
	go func() {
		defer close(r.done)
		r.result, r.err = job.Run(ctx, c.config, g, job.Options{Process: process, Started: func(h *job.Handle) { started <- h }})
	}()
	c.run = r
	select {
	case r.handle = <-started:
	case <-r.done:
		if r.err != nil {
			c.t.Fatalf("the job did not start: %v", r.err)
		}
	}
}

// quiet leaves out what is said of the marks of an Input: they are far ahead of its rows.
type quiet struct{ slog.Handler }

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "the event time of a row is more than a year in the future") {
		return nil
	}
	return q.Handler.Handle(ctx, r)
}

// Settle returns when all that the Inputs were given is processed, and what came of it is committed; with WithClock, also what was
// due by the clock.
func (c *Cluster) Settle() {
	c.t.Helper()
	for _, in := range c.inputs {
		c.await("all rows are read", func() bool { return in.settled() || c.ended() })
	}
	if c.ended() {
		return
	}
	if c.clock != nil { // every subtask looks at the clock between two barriers
		c.Checkpoint()
	}
	c.Checkpoint()
}

// Checkpoint takes one, and returns when what was written before it is committed.
func (c *Cluster) Checkpoint() {
	c.t.Helper()
	c.ask("checkpoint", func(id string) rest.Request { return rest.CheckpointRequest{ID: id}.Request() })
}

// Savepoint takes one, and returns its path, which From begins at.
func (c *Cluster) Savepoint() string {
	c.t.Helper()
	return c.ask("savepoint", func(id string) rest.Request { return rest.SavepointRequest{ID: id}.Request() }).Path
}

// ask has the job do something, once it runs, and waits until it is done. A job that ends by it or before has done what it could.
func (c *Cluster) ask(what string, request func(id string) rest.Request) rest.Operation {
	c.t.Helper()
	r := c.running()
	c.await("the job runs", func() bool { return r.handle.Overview().State == rest.Running || c.ended() })
	c.next++
	op, err := r.handle.Ask(request(fmt.Sprintf("test-%d", c.next)))
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		op, err = r.handle.Operation(ctx, op.ID)
	}
	if err == nil && op.Status != rest.Done {
		err = fmt.Errorf("it is %s: %w", op.Status, op.Error)
	}
	if err != nil && !c.ended() {
		c.t.Fatalf("%s: %v", what, err)
	}
	return op
}

// Kill ends the job at once, without a last checkpoint, as far as a process can do that to itself. What does not run is left alone.
func (c *Cluster) Kill() {
	if r := c.run; r != nil {
		r.kill()
		<-r.done
		c.run = nil
	}
}

// Stop ends the job with a last checkpoint, as SIGTERM does.
func (c *Cluster) Stop() {
	c.t.Helper()
	r := c.running()
	close(r.stop)
	c.over(r)
	if r.err != nil {
		c.t.Fatalf("the job failed when it was stopped: %v", r.err)
	}
}

// Rescale goes on with another number of subtasks: from where the job was stopped, or, after Kill, from its newest checkpoint.
func (c *Cluster) Rescale(subtasks int) {
	c.t.Helper()
	if c.run != nil {
		c.Stop()
	}
	c.config.Parallelism = subtasks
	c.Restart()
}

// Upgrade goes on with another program, with the state that it has in common with the one before. State that does not fit ends the test;
// for the refusal itself there is Refuses.
func (c *Cluster) Upgrade(build Build) {
	c.t.Helper()
	if c.run != nil {
		c.Stop()
	}
	c.build = build
	c.Restart()
}

// Refuses returns why another program cannot go on with the job's state; empty: it can. The job goes on as it is.
func (c *Cluster) Refuses(build Build) string {
	c.t.Helper()
	j := stream.New()
	build(j)
	g, err := j.Graph()
	if err != nil {
		return err.Error()
	}
	plan, err := job.PlanAgainst(context.Background(), c.config, g, "")
	if err != nil {
		c.t.Fatalf("compare the program with the job's state: %v", err)
	}
	if plan.Verdict == job.Fits {
		return ""
	}
	var why []string
	for _, o := range plan.Operators {
		if o.Fate == job.Refused || o.Fate == job.Dropped {
			why = append(why, strings.TrimSpace(fmt.Sprintf("%s %s: %s", o.UID, o.Fate, o.Reason)))
		}
	}
	return strings.Join(why, "; ")
}

// Wait returns when the job has completed, which it does when its inputs have ended. Its output is committed.
func (c *Cluster) Wait() {
	c.t.Helper()
	r := c.running()
	c.over(r)
	if r.err != nil {
		c.t.Fatalf("the job failed: %v", r.err)
	}
}

// Failure returns the error that the job ends with; one that does not fail ends the test.
func (c *Cluster) Failure() error {
	c.t.Helper()
	r := c.running()
	c.over(r)
	if r.err == nil {
		c.t.Fatalf("the job has not failed: it is %s", r.result.Outcome)
	}
	return r.err
}

// over waits for the end of a run.
func (c *Cluster) over(r *clusterRun) {
	c.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case <-r.done:
		r.kill()
		c.run = nil
	case <-timeout.C:
		c.t.Fatalf("the job does not end; it is %+v", r.handle.Overview())
	}
}

// Overview describes the running job, as its API does.
func (c *Cluster) Overview() rest.Job {
	c.t.Helper()
	return c.running().handle.Overview()
}

// running is the run that there must be.
func (c *Cluster) running() *clusterRun {
	c.t.Helper()
	if c.run == nil || c.run.handle == nil {
		c.t.Fatal("the job does not run: Restart it first")
	}
	return c.run
}

// ended tells that the run has ended by itself; one that has failed ends the test.
func (c *Cluster) ended() bool {
	c.t.Helper()
	r := c.running()
	select {
	case <-r.done:
		if r.err != nil {
			c.t.Fatalf("the job failed: %v", r.err)
		}
		return true
	default:
		return false
	}
}

// await waits for a fact.
func (c *Cluster) await(what string, fact func() bool) {
	c.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !fact(); <-tick.C {
		if time.Now().After(end) {
			c.t.Fatalf("in vain it was waited until %s; the job is %+v", what, c.running().handle.Overview())
		}
	}
}
