package job

import (
	"context"
	"errors"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/internal/jobfolder"
	"github.com/weirstream/weir/engine/internal/operations"
	"github.com/weirstream/weir/engine/internal/overlap"
	"github.com/weirstream/weir/engine/outcome"
)

// attempt is one activation of a job in this process, from the claim to its end. Run makes one, a Host one after
// the other.
type attempt struct {
	cfg   Config
	graph *Graph
	opt   Options
	entry entry
	// operations outlive the attempt.
	operations *operations.List
	// requests were asked for before it began.
	requests []coordinator.Event
}

// check refuses a job that no attempt can run, before any storage is touched.
func check(cfg Config, g *Graph) error {
	if err := g.Check(); err != nil {
		return &fault.Error{Class: fault.Permanent, Err: err}
	}
	return overlap.Check(cfg, g)
}

// checkActivated is check for a job that is activated with settings: those of the manifest must do.
func checkActivated(cfg Config, g *Graph) error {
	if err := check(cfg, g); err != nil {
		return err
	}
	if wrong := wrongSettings(cfg.Settings, cfg.MaxParallelism); wrong != "" {
		return &fault.Error{Class: fault.Permanent, Place: "job " + cfg.Job, Err: errors.New(wrong)}
	}
	return nil
}

// run returns when the attempt has ended and nothing of it is left, or with a *stuckError. Whether it began, so that
// others go on from what it did, Options.Started tells.
func (a attempt) run(ctx context.Context) (result Result, err error) {
	opt := a.opt
	beginning, interrupted, cancel := untilInterrupt(ctx, opt.Interrupt)
	defer cancel()
	f, err := jobfolder.Hold(beginning, a.cfg, opt.Random)
	if err != nil {
		return interrupted(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b, err := prospect{folder: f, cfg: a.cfg, graph: a.graph, entry: a.entry}.begin(beginning, opt.AtStep)
	if err != nil {
		return interrupted(err)
	}
	if b.chosen.Snapshot != nil {
		defer func() { err = errors.Join(err, b.chosen.Snapshot.Close()) }()
	}
	for _, note := range b.chosen.Notes {
		opt.Logger.Warn(note)
	}
	opt.Logger.Info("attempt begins", "attempt", b.attempt.N, "from", b.chosen.From, "parallelism", b.cfg.Parallelism)
	d := newDriver(opt, f, a.graph, b, a.operations)
	if err := d.open(ctx); err != nil {
		return Result{}, errors.Join(err, d.close())
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := b.record(beginning, f.Chain); err != nil {
		return interrupted(err)
	}
	opt.Started(&Job{d})
	result, err = d.result(d.run(ctx, a.requests))
	if err == nil && a.entry.commanded { // a pod has nobody to tell
		result.Changed = d.recount(beginning)
	}
	return result, err
}

// untilInterrupt returns a context that ends with an interrupt, for what is done before the coordinator is there to take
// it: nothing has been read, so there is nothing to checkpoint. interrupted turns the error that this causes into the result.
func untilInterrupt(ctx context.Context, interrupt <-chan struct{}) (beginning context.Context, interrupted func(error) (Result, error), cancel func()) {
	beginning, cancelCause := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-interrupt:
			cancelCause(errInterrupted)
		case <-beginning.Done():
		}
	}()
	interrupted = func(err error) (Result, error) {
		if errors.Is(context.Cause(beginning), errInterrupted) {
			return Result{Outcome: outcome.Interrupted}, nil
		}
		return Result{}, err
	}
	return beginning, interrupted, func() { cancelCause(nil) }
}

var errInterrupted = errors.New("interrupted before the job began")
