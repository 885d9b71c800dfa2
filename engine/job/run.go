// Package job runs a job: it is the composition root of the engine. A graph that the SDK or SQL has described becomes a
// coordinator and the subtasks of a worker in one process, on the job's folder in storage.
//
// What happens in order: the folder is taken and probed, the next attempt is claimed, what it goes on from is chosen and
// checked (P1, P2, P5, P9), and then the coordinator, a pure state machine, says what to do and is told what has happened,
// until it says how the run ends. The package decides nothing itself; it carries out.
//
// Run does that once, for the user's command. A Host is a process that an operator tells what to do: it waits, begins
// attempts when it is activated, and goes on with its own after a restart (P3). Preflight, Discard and Dispose are what an
// operator has done to a job's storage, by other processes with the job's credentials.
package job

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/operations"
	"github.com/weirstream/weir/engine/internal/restore"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/snapshot"
)

// Graph is the description of a job, made by package stream or package sql.
type Graph = graph.Graph

// IncompatibleError says that a snapshot's state does not fit the job, before anything is touched (P9).
type IncompatibleError = restore.IncompatibleError

// FencedError says that a later attempt has claimed the job; this one has ended without touching anything (P1).
type FencedError = snapshot.FencedError

// Run runs a job until it ends. It returns an error if the job failed, was fenced, or could not be started; the error's
// class (package fault) says whether the same command may succeed later. Cancelling ctx ends the job at once, without
// a last checkpoint; Options.Interrupt takes one first.
func Run(ctx context.Context, cfg Config, g *Graph, opt Options) (Result, error) {
	if err := check(cfg, g); err != nil {
		return Result{}, err
	}
	opt.setDefaults()
	return attempt{cfg: cfg, graph: g, opt: opt, entry: entry{commanded: true}, operations: operations.New(false)}.run(ctx)
}

func (o *Options) setDefaults() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Started == nil {
		o.Started = func(*Job) {}
	}
	if o.AtStep == nil {
		o.AtStep = func(Step) {}
	}
}

// allRewind tells whether every sink can write the same again unseen (P2).
func allRewind(g *Graph) bool {
	for i := range g.Nodes {
		if s := g.Nodes[i].Sink; s != nil && !s.Rewinds() {
			return false
		}
	}
	return true
}

// result says how the run ended.
func (d *driver) result(exit *coordinator.Exit) (Result, error) {
	status := d.coordinator.Status()
	r := Result{Already: d.began.over, Checkpoints: int64(status.Completed), CheckpointBytes: d.written}
	if d.began.chosen.Snapshot != nil {
		r.RestoredFrom = d.began.chosen.From
	}
	switch {
	case status.Newest == d.began.restored:
		r.LastCheckpoint = r.RestoredFrom
	case status.Newest != nil:
		r.LastCheckpoint = d.folder.Chain.Path(status.Newest.ID)
	}
	switch exit.Outcome {
	case outcome.Fenced:
		return r, fmt.Errorf("this attempt %d is over: %w", d.began.attempt.N, exit.Err)
	case outcome.Failed:
		return r, exit.Err
	}
	r.Outcome = exit.Outcome
	return r, exit.Err
}
