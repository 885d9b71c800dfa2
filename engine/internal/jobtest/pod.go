package jobtest

import (
	"cmp"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
)

// Pod is a host that runs beside the test, as in a job's pod.
type Pod struct {
	*job.Host
	// Interrupt ends it with a last checkpoint when it is closed, as a SIGTERM does.
	Interrupt chan struct{}
	// Kill ends it at once, as far as a process can do that to itself.
	Kill context.CancelFunc
	// Done is closed when it has ended, with Err.
	Done chan struct{}
	Err  error

	t *testing.T
}

// Pod starts a process for the job, which ends with the test; change, unless nil, alters its configuration, and at is its
// Process.AtStep.
func (w *World) Pod(t *testing.T, change func(*job.Config), at ...func(job.Step)) *Pod {
	t.Helper()
	cfg := w.Config(2)
	if change != nil {
		change(&cfg)
	}
	p := &Pod{t: t, Interrupt: make(chan struct{}), Done: make(chan struct{})}
	opt := job.HostOptions{
		Process: job.Process{Interrupt: p.Interrupt, EngineVersion: "test",
			Logger: slog.New(slog.NewTextHandler(t.Output(), nil))},
		Refresh: 5 * time.Millisecond,
	}
	if len(at) > 0 {
		opt.AtStep = at[0]
	}
	c, err := job.NewHost(cfg, w.Graph(t, cmp.Or(w.UID, "count")), opt)
	if err != nil {
		t.Fatal(err)
	}
	p.Host = c
	ctx, kill := context.WithTimeout(t.Context(), 3*time.Minute)
	p.Kill = kill
	go func() {
		defer close(p.Done)
		p.Err = c.Run(ctx)
	}()
	t.Cleanup(p.Killed)
	return p
}

// Killed ends the process without a last checkpoint, and waits for that.
func (p *Pod) Killed() {
	p.Kill()
	<-p.Done
}

// Terminated ends the process as a SIGTERM does, and waits for that.
func (p *Pod) Terminated() {
	p.t.Helper()
	close(p.Interrupt)
	<-p.Done
	if p.Err != nil {
		p.t.Errorf("after SIGTERM: %v", p.Err)
	}
}

// Until waits for a fact about the job.
func (p *Pod) Until(what string, fact func(rest.Job) bool) rest.Job {
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
		case <-p.Done:
			p.t.Fatalf("the process ended (%v) before %s; the job is %+v", p.Err, what, o)
		}
	}
}

// In tells that the job is in a state.
func In(s rest.State) func(rest.Job) bool { return func(o rest.Job) bool { return o.State == s } }

// Waits tells that a host waits and has seen the chain.
func Waits(o rest.Job) bool { return o.State == rest.Standby && o.Chain != nil }

// Final returns what becomes of a request.
func (p *Pod) Final(op rest.Operation, err error) rest.Operation {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	if op, err = p.Operation(p.t.Context(), op.ID); err != nil {
		p.t.Fatal(err)
	}
	return op
}

// Activation is a request for the attempt after expected, with a parallelism.
func (w *World) Activation(id string, expected int64, parallelism int) rest.ActivateRequest {
	cfg := w.Config(parallelism)
	return rest.ActivateRequest{
		ID: id, ExpectedAttempt: expected, Revision: "1", AllowEmpty: expected == 0,
		Settings: cfg.Settings,
	}
}

// Activated waits for a pod that runs the attempt after expected.
func (w *World) Activated(p *Pod, id string, expected int64, parallelism int) {
	p.t.Helper()
	op := p.Final(p.Activate(w.Activation(id, expected, parallelism)))
	if op.Status != rest.Done || op.Attempt != expected+1 {
		p.t.Fatalf("the activation became %+v, %v", op, op.Error)
	}
}

// Savepoint asks for a savepoint.
func (p *Pod) Savepoint(id, target string) (rest.Operation, error) {
	return p.Ask(rest.SavepointRequest{ID: id, Target: target}.Request())
}

// Stop asks for a stop.
func (p *Pod) Stop(id, target string, drain bool) (rest.Operation, error) {
	return p.Ask(rest.StopRequest{ID: id, Target: target, Drain: drain}.Request())
}

// Checkpoint asks for a checkpoint now.
func (p *Pod) Checkpoint(id string) (rest.Operation, error) {
	return p.Ask(rest.CheckpointRequest{ID: id}.Request())
}

// Cancel asks for the end of the attempt.
func (p *Pod) Cancel(id string) (rest.Operation, error) {
	return p.Ask(rest.CancelRequest{ID: id}.Request())
}

// Activate asks for an attempt.
func (p *Pod) Activate(q rest.ActivateRequest) (rest.Operation, error) { return p.Ask(q.Request()) }
