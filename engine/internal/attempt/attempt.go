package attempt

import (
	"context"
	"errors"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/jobfolder"
	"github.com/weirstream/weir/engine/internal/operations"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// Spec describes an attempt that is to be made.
type Spec struct {
	Config config.Config
	Graph  *graph.Graph
	Process
	Entry Entry
	// Operations are what was asked of the job. They outlive the attempt.
	Operations *operations.List
	// Requests were made before the attempt began, resolved; the operations know them.
	Requests []rest.Request
	// Started is called once the attempt has begun, before it reads anything: others go on from it.
	Started func(*Handle)
}

// Run makes an attempt. It returns when that has ended and nothing of it is left, or with a *StuckError. Whether it began,
// Started tells. The error's class (package fault) says whether another attempt may succeed.
//
// The order follows what may still be taken back. Until the claim another process may have the job: the folder is taken and
// everything is asked that can refuse. The claim fences who was there before, but nobody goes on from the attempt; sources and
// sinks are opened then, because they may refuse too. With its record the attempt is one that did something (P1), and only
// now somebody is told of it.
func Run(ctx context.Context, a Spec) (result Result, err error) {
	process := a.Process
	process.setDefaults()
	beginning, cancel := UntilInterrupt(ctx, process.Interrupt)
	defer cancel()
	f, err := jobfolder.Acquire(beginning, a.Config, process.Random)
	if err != nil {
		return interruptedOr(beginning, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b, err := prospect{folder: f, cfg: a.Config, graph: a.Graph, entry: a.Entry}.begin(beginning, process.AtStep)
	if err != nil {
		return interruptedOr(beginning, err)
	}
	if b.chosen.Snapshot != nil {
		defer func() { err = errors.Join(err, b.chosen.Snapshot.Close()) }()
	}
	defer b.chosen.Hold.Leave() // unless it was released, for the next attempt
	for _, note := range b.chosen.Notes {
		process.Logger.Warn(note)
	}
	process.Logger.Info("attempt begins", "attempt", b.attempt.N, "from", b.chosen.From, "parallelism", b.cfg.Parallelism)
	d := newDriver(process, f, a.Graph, b, a.Operations)
	if err := d.open(ctx); err != nil {
		return Result{}, errors.Join(err, d.close())
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := b.record(beginning, f.Chain); err != nil {
		return interruptedOr(beginning, err)
	}
	if a.Started != nil {
		a.Started(&Handle{d})
	}
	result, err = d.result(d.run(ctx, a.Requests))
	if err == nil && a.Entry.Commanded { // a pod has nobody to tell
		result.Changed = d.recount(beginning)
	}
	return result, err
}

// UntilInterrupt returns a context that ends with an interrupt too, for what is done before a coordinator is there to take it:
// nothing has been read, so there is nothing to checkpoint.
func UntilInterrupt(ctx context.Context, interrupt <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-interrupt:
			cancel(errInterrupted)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

var errInterrupted = errors.New("interrupted before the job began")

// interruptedOr is the result of an attempt that has not begun: of an error that an interrupt has caused, or of another.
func interruptedOr(beginning context.Context, err error) (Result, error) {
	if errors.Is(context.Cause(beginning), errInterrupted) {
		return Result{Outcome: outcome.Interrupted}, nil
	}
	return Result{}, err
}
