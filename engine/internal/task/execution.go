package task

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/internal/backend/heap"
	"github.com/weirstream/weir/engine/internal/exchange"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/snapshot"
)

// Spec says what to run.
type Spec struct {
	Graph            *graph.Graph
	Job              string
	Attempt, Restart int64
	// Parallelism is the number of subtasks of each task, MaxParallelism the number of key groups.
	Parallelism, MaxParallelism int
	// Files returns where the data files of a checkpoint go; a *snapshot.FileWriter.
	Files func(checkpoint int64) backend.Files
	// Restore is the snapshot whose keyed state is restored, read through Blocks, a *snapshot.Snapshot. Nil: empty state.
	// Splits and committables in it are the coordinator's business.
	Restore *snapshot.Metadata
	Blocks  backend.Blocks
	// Report takes what the subtasks tell. It is called by many goroutines and must not block.
	Report func(message.Report)
	Logger *slog.Logger
	// Clock is SystemClock if it is nil, Backend heap.New.
	Clock   Clock
	Backend backend.Factory
}

func (s *Spec) check() error {
	switch {
	case s.Graph == nil || s.Files == nil || s.Report == nil || s.Logger == nil:
		return fmt.Errorf("graph, files, report and logger are needed")
	case s.Parallelism < 1 || s.MaxParallelism < s.Parallelism || s.MaxParallelism > 1<<15:
		return fmt.Errorf("parallelism is %d and the number of key groups %d; 1 <= parallelism <= key groups <= 32768 is needed",
			s.Parallelism, s.MaxParallelism)
	case s.Restore != nil && s.Blocks == nil:
		return fmt.Errorf("a snapshot is to be restored, but nothing reads its blocks")
	case s.Restore != nil && s.Restore.MaxParallelism != s.MaxParallelism:
		return fault.Permanentf("maxParallelism", fmt.Sprintf("set it to %d", s.Restore.MaxParallelism),
			"the snapshot has %d key groups, the job %d", s.Restore.MaxParallelism, s.MaxParallelism)
	}
	return s.Graph.Check()
}

// Execution is a graph that runs. It ends by Cancel only, or with the context it was started with: subtasks whose input has
// ended, or that have failed, wait for that.
type Execution struct {
	spec       Spec
	subtasks   []*subtask
	byID       map[message.Subtask]*subtask
	gates      []*exchange.Gate
	ctx        context.Context
	cancel     context.CancelFunc
	goroutines sync.WaitGroup
}

// Start builds the subtasks and lets them restore and run. It fails only for a spec that is wrong; whatever goes wrong
// later is reported.
func Start(ctx context.Context, spec Spec) (*Execution, error) {
	if spec.Clock == nil {
		spec.Clock = SystemClock{}
	}
	if spec.Backend == nil {
		spec.Backend = heap.New
	}
	if err := spec.check(); err != nil {
		return nil, fmt.Errorf("start the subtasks: %w", err)
	}
	e := &Execution{spec: spec, byID: map[message.Subtask]*subtask{}}
	e.ctx, e.cancel = context.WithCancel(ctx)
	newBuilder(e.ctx, e).build()
	for _, t := range e.subtasks {
		e.goroutines.Go(t.run)
	}
	e.goroutines.Go(func() {
		<-e.ctx.Done()
		for _, g := range e.gates {
			g.Cancel()
		}
	})
	return e, nil
}

// Command gives an order to a subtask of the task with a name. Orders are obeyed in sequence. It never blocks.
func (e *Execution) Command(task string, subtask int, c message.Command) error {
	t := e.byID[message.Subtask{Task: task, Index: subtask}]
	if t == nil {
		return fmt.Errorf("there is no subtask %s/%d", task, subtask)
	}
	t.commands.put(c)
	return nil
}

// Abort gives up a checkpoint in all subtasks: none acknowledges or declines it afterwards, unless it is just doing so.
func (e *Execution) Abort(checkpoint int64) {
	for _, t := range e.subtasks {
		t.parts.abort(checkpoint)
		t.input.abort(checkpoint)
	}
}

// Cancel ends all subtasks. It does not wait.
func (e *Execution) Cancel() { e.cancel() }

// Wait returns when the execution was cancelled and no goroutine of it is left.
func (e *Execution) Wait() { e.goroutines.Wait() }

// Metrics returns the counters of every operator in every subtask, in the order of the graph's tasks.
func (e *Execution) Metrics() []Metrics {
	var all []Metrics
	for _, t := range e.subtasks {
		for _, s := range t.stages {
			all = append(all, s.metrics.read(s.uid, t.index))
		}
	}
	return all
}
