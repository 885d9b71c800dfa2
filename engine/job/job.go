package job

import (
	"context"
	"sync/atomic"

	"github.com/weirstream/weir/engine/internal/attempt"
	"github.com/weirstream/weir/engine/internal/operations"
	"github.com/weirstream/weir/engine/rest"
)

// Job is a job that Run runs, or has run, as it is watched and asked. It is what package web serves. Its methods may be called
// from any goroutine.
type Job struct {
	attempt    atomic.Pointer[attempt.Handle] // the newest; it is there before anybody else has the job
	graph      *Graph
	operations *operations.List
}

// Overview describes the job as a whole.
func (j *Job) Overview() rest.Job { return j.attempt.Load().Overview() }

// Operators describes the operators and their subtasks, in the order of the graph.
func (j *Job) Operators() []rest.Operator { return j.attempt.Load().Operators() }

// Checkpoints lists the newest checkpoints, newest first.
func (j *Job) Checkpoints() []rest.Checkpoint { return j.attempt.Load().Checkpoints() }

// Savepoint asks for a savepoint; an empty target is spec.savepoint.storage.
func (j *Job) Savepoint(_ context.Context, id, target string) (rest.Operation, error) {
	return j.ask(operations.Savepoint(j.attempt.Load().Config(), j.graph, id, target))
}

// Stop asks for the end of the job, after a savepoint: whoever stops a job by hand wants one.
func (j *Job) Stop(_ context.Context, id, target string, drain bool) (rest.Operation, error) {
	if target == "" && j.attempt.Load().Config().SavepointStorage == "" {
		return rest.Operation{}, &rest.Error{Code: rest.BadRequest, Message: "there is no place for the savepoint, and without one the job is not stopped",
			Remedy: "name a target (--savepoint-path), or set spec.savepoint.storage"}
	}
	return j.ask(operations.Stop(j.attempt.Load().Config(), j.graph, id, target, drain))
}

// Checkpoint asks for a checkpoint now.
func (j *Job) Checkpoint(_ context.Context, id string) (rest.Operation, error) {
	return j.ask(operations.Checkpoint(id), nil)
}

// Cancel asks for the end of the job at once.
func (j *Job) Cancel(_ context.Context, id string) (rest.Operation, error) {
	return j.ask(operations.Cancel(id), nil)
}

func (j *Job) ask(r operations.Request, err error) (rest.Operation, error) {
	if err != nil {
		return rest.Operation{}, err
	}
	return j.attempt.Load().Ask(r)
}

// Activate is refused: whoever began this process has begun the job.
func (j *Job) Activate(context.Context, rest.ActivateRequest) (rest.Operation, error) {
	return rest.Operation{}, &rest.Error{Code: rest.Conflict, Message: "the job runs for as long as its process, and is not activated",
		Remedy: "end the process and begin it anew"}
}

// Operation returns what became of a request, when it is final or ctx is done.
func (j *Job) Operation(ctx context.Context, id string) (rest.Operation, error) {
	return j.operations.Wait(ctx, id)
}

// Answered says whether every request whose end is known has been asked about: a process that ends before leaves
// somebody without an answer.
func (j *Job) Answered() bool { return !j.operations.Unfetched() }
