package run

import (
	"context"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/internal/cli"
	"github.com/weirstream/weir/manifest"
)

// Func runs a job until it ends.
type Func func(context.Context, *manifest.StreamJob, Options) (job.Result, error)

// Options are what a job that runs gets of this process.
type Options struct {
	Logger *slog.Logger
	// Interrupt is closed when the user wants the job to end, after a last checkpoint.
	Interrupt <-chan struct{}
	// Started is called once, when the job can be watched and asked.
	Started func(Running)
	// AtStep, unless nil, is called at the steps that a crash may fall between.
	AtStep func(job.Step)
	// Stdout and Stderr are for connectors that print.
	Stdout, Stderr io.Writer
	// EngineVersion is that of the program.
	EngineVersion string
}

// Running is what this process wants of a job that runs, until its end and after it.
type Running interface {
	Overview() rest.Job
	// Serve answers HTTP on the listener until ctx is done, and then those who still wait: a stop is answered by the job
	// that it ends.
	Serve(ctx context.Context, l net.Listener, token string) error
}

// runner is one run of a job.
type runner struct {
	app      *cli.Process
	runJob   Func
	job      *manifest.StreamJob
	listener net.Listener
	token    string
	atStep   func(job.Step) // see crashPoint
	logger   *slog.Logger
	progress *progress // nil: log lines
	start    time.Time
	// running is set when the job has started; it is read after its end.
	running Running
}

// ended is how a job ended.
type ended struct {
	result job.Result
	err    error
}

// run runs the job until it ends or a second signal comes.
func (r *runner) run(ctx context.Context) (job.Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	interrupt := make(chan struct{})
	started := make(chan Running, 1)
	end := make(chan ended, 1)
	options := Options{Logger: r.logger, Interrupt: interrupt, Started: func(j Running) { started <- j }, AtStep: r.atStep, EngineVersion: r.app.Version}
	options.Stdout, options.Stderr = r.printers()
	go func() {
		result, err := r.runJob(ctx, r.job, options)
		end <- ended{result, err}
	}()
	defer func() { _ = r.listener.Close() }() // again, if the job has served on it
	stopShowing, unregister, stopServing := func() {}, func() {}, func() {}
	defer func() { unregister() }()
	var interrupted time.Time // zero: not yet
	for {
		select {
		case j := <-started:
			r.running = j
			stopShowing = r.show(ctx, j)
			stopServing = r.serve(ctx, j)
			unregister = r.register()
			r.logger.Info("the job can be asked", "url", r.url())
		case s := <-r.app.Signals:
			switch {
			case interrupted.IsZero():
				interrupted = time.Now()
			case time.Since(interrupted) < r.app.SameSignal:
				continue
			default:
				stopShowing()
				return job.Result{}, cli.ErrKilled
			}
			r.logger.Info("taking a last checkpoint", "signal", s.String())
			close(interrupt)
		case e := <-end:
			stopShowing()
			stopServing()
			return e.result, e.err
		}
	}
}

// printers are where connectors print: not across the progress line.
func (r *runner) printers() (stdout, stderr io.Writer) {
	if r.progress == nil {
		return r.app.Stdout, r.app.Stderr
	}
	if r.app.StdoutIsTerminal {
		return r.progress.above(r.app.Stdout), r.progress
	}
	return r.app.Stdout, r.progress
}

// serve answers HTTP until stop is called and whoever waits for an answer has it.
func (r *runner) serve(ctx context.Context, j Running) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := j.Serve(ctx, r.listener, r.token); err != nil {
			r.logger.Warn("the job can no longer be asked", "error", err)
		}
	}()
	return func() { cancel(); <-done }
}

// show keeps the progress line fresh, until stop is called.
func (r *runner) show(ctx context.Context, j Running) (stop func()) {
	if r.progress == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.progress.follow(ctx, j.Overview)
	}()
	return func() { cancel(); <-done }
}
