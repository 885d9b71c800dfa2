package job

import (
	"context"
	"sync/atomic"

	"github.com/weirstream/weir/engine/internal/attempt"
	"github.com/weirstream/weir/engine/internal/operations"
	"github.com/weirstream/weir/engine/rest"
)

// Handle is a job that Run runs, or has run, as it is watched and asked. It is what package web serves. Its methods may be called
// from any goroutine.
type Handle struct {
	attempt    atomic.Pointer[attempt.Handle] // the newest; it is there before anybody else has the job
	graph      *Graph
	operations *operations.List
}

// Overview describes the job as a whole.
func (j *Handle) Overview() rest.Job { return j.attempt.Load().Overview() }

// Operators describes the operators and their subtasks, in the order of the graph.
func (j *Handle) Operators() []rest.Operator { return j.attempt.Load().Operators() }

// Checkpoints lists the newest checkpoints, newest first.
func (j *Handle) Checkpoints() []rest.Checkpoint { return j.attempt.Load().Checkpoints() }

// Ask begins what is asked for, or refuses it. A stop must have a place for its savepoint: whoever stops a job by hand wants
// one. An activation is refused: whoever began this process has begun the job.
func (j *Handle) Ask(r rest.Request) (rest.Operation, error) {
	newest := j.attempt.Load()
	cfg := newest.Config()
	switch {
	case r.Kind == rest.ActivateOperation:
		return rest.Operation{}, &rest.Error{Code: rest.Conflict, Message: "the job runs for as long as its process, and is not activated",
			Remedy: "end the process and begin it anew"}
	case r.Kind == rest.StopOperation && r.Target == "" && cfg.SavepointStorage == "":
		return rest.Operation{}, &rest.Error{Code: rest.BadRequest, Message: "there is no place for the savepoint, and without one the job is not stopped",
			Remedy: "name a target (--savepoint-path), or set spec.savepoint.storage"}
	}
	resolved, err := operations.Resolve(cfg, j.graph, r)
	if err != nil {
		return rest.Operation{}, err
	}
	return newest.Ask(resolved)
}

// Operation returns what became of a request, when it is final or ctx is done.
func (j *Handle) Operation(ctx context.Context, id string) (rest.Operation, error) {
	return j.operations.Wait(ctx, id)
}

// Answered says whether every request whose end is known has been asked about: a process that ends before leaves
// somebody without an answer.
func (j *Handle) Answered() bool { return !j.operations.Unfetched() }
