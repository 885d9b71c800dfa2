package jobtest

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
)

// Run is a job that runs beside the test.
type Run struct {
	// Job is nil if the run ended before it began.
	Job *job.Handle
	// Interrupt ends it with a last checkpoint when it is closed.
	Interrupt chan struct{}
	// Done is closed when it has ended, with Result and Err.
	Done   chan struct{}
	Result job.Result
	Err    error
}

// Start runs a job, and returns when it has begun or ended. It ends with the test.
func (w *World) Start(t *testing.T, cfg job.Config, g *job.Graph) *Run {
	t.Helper()
	return Start(t, cfg, g, t.Output())
}

// Start is World.Start for any job, which logs to a writer.
func Start(t *testing.T, cfg job.Config, g *job.Graph, log io.Writer) *Run {
	t.Helper()
	r := &Run{Interrupt: make(chan struct{}), Done: make(chan struct{})}
	started := make(chan *job.Handle, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	opt := job.Options{Process: job.Process{Interrupt: r.Interrupt, Logger: slog.New(slog.NewTextHandler(log, nil))}, Started: func(j *job.Handle) { started <- j }}
	go func() {
		defer cancel()
		defer close(r.Done)
		r.Result, r.Err = job.Run(ctx, cfg, g, opt)
	}()
	t.Cleanup(func() { cancel(); <-r.Done })
	select {
	case r.Job = <-started:
	case <-r.Done:
	}
	return r
}

// Wait returns when the run has ended.
func (r *Run) Wait(t *testing.T) (job.Result, error) {
	t.Helper()
	<-r.Done
	return r.Result, r.Err
}

// Until waits for a fact about the running job.
func (r *Run) Until(t *testing.T, what string, fact func(rest.Job) bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !fact(r.Job.Overview()) {
		select {
		case <-tick.C:
		case <-r.Done:
			t.Fatalf("the job ended as %v (%v) before %s", r.Result.Outcome, r.Err, what)
		}
	}
}

// Checkpoints says that so many are complete.
func Checkpoints(n int64) func(rest.Job) bool {
	return func(o rest.Job) bool { return o.CompletedCheckpoints >= n }
}

// Read says that so many rows have passed the source.
func Read(n int64) func(rest.Job) bool {
	return func(o rest.Job) bool { return o.RecordsIn >= n && o.State == rest.Running }
}

// Savepoint asks for a savepoint.
func (r *Run) Savepoint(id, target string) (rest.Operation, error) {
	return r.Job.Ask(rest.SavepointRequest{ID: id, Target: target}.Request())
}

// Stop asks for a stop.
func (r *Run) Stop(id, target string, drain bool) (rest.Operation, error) {
	return r.Job.Ask(rest.StopRequest{ID: id, Target: target, Drain: drain}.Request())
}

// Checkpoint asks for a checkpoint now.
func (r *Run) Checkpoint(id string) (rest.Operation, error) {
	return r.Job.Ask(rest.CheckpointRequest{ID: id}.Request())
}

// Cancel asks for the end of the job.
func (r *Run) Cancel(id string) (rest.Operation, error) {
	return r.Job.Ask(rest.CancelRequest{ID: id}.Request())
}
