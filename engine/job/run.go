// Package job runs a job: it is the composition root of the engine. A graph that the SDK or SQL has described becomes a
// coordinator and the subtasks of a worker in one process, on the job's folder in storage.
//
// Run does that for the user's command: once, or twice if what the first attempt restores is damaged. It makes attempts
// (package attempt), which may be asked while they run. A Host is a process that an operator tells what to do (package host).
// Preflight, Discard and Dispose are what an operator has done to a job's storage, by other processes with the job's
// credentials.
package job

import (
	"context"
	"errors"

	"github.com/weirstream/weir/engine/internal/attempt"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/operations"
	"github.com/weirstream/weir/engine/internal/restore"
	"github.com/weirstream/weir/engine/rest"
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
// a last checkpoint; Process.Interrupt takes one first.
func Run(ctx context.Context, cfg Config, g *Graph, opt Options) (Result, error) {
	if err := attempt.Check(cfg, g); err != nil {
		return Result{}, err
	}
	j := &Handle{graph: g, operations: operations.New(false)}
	spec := attempt.Spec{
		Config: cfg, Graph: g, Entry: attempt.Entry{Commanded: true}, Operations: j.operations,
		Process: opt.Process,
		Started: func(h *attempt.Handle) {
			if first := j.attempt.Swap(h) == nil; first && opt.Started != nil {
				opt.Started(j)
			}
		},
	}
	// What is restored is verified while it is read. The attempt after one that met damage verifies first, and so is the last.
	for {
		result, err := attempt.Run(ctx, spec)
		var damaged *attempt.DamagedError
		var stuck *attempt.StuckError
		if !errors.As(err, &damaged) || errors.As(err, &stuck) {
			return result, err
		}
		if opt.Logger != nil {
			opt.Logger.Warn("what the attempt restored is damaged: another one begins, and verifies before it chooses", "error", err)
		}
	}
}

// Preflight tells whether a job could begin: that its storage can hold snapshots and be read, and that its state fits what
// it would go on from (P9). It returns the end of the chain as it is, for whoever decides whether to activate; whose the
// chain is, and whether it has ended, are no errors. It claims nothing, and changes nothing but a probe that it removes, so
// that a job may run meanwhile. The error's class (package fault) says whether it may pass.
func Preflight(ctx context.Context, cfg Config, g *Graph) (rest.Chain, error) {
	return attempt.Preflight(ctx, cfg, g)
}
