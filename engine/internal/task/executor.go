package task

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/internal/backend/heap"
	"github.com/weirstream/weir/engine/internal/executor"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/snapshot"
)

// Config says what an executor runs.
type Config struct {
	Graph *graph.Graph
	Job   string
	// Parallelism is the number of subtasks of each node that has none of its own, MaxParallelism the number of key groups.
	Parallelism, MaxParallelism int
	// Incremental: checkpoints are written as runs, which later ones name again.
	Incremental bool
	// Files returns where the data files of a checkpoint of an execution go; a *snapshot.FileWriter.
	Files func(e message.Execution, checkpoint int64) backend.Files
	// Blocks returns what reads the state of a snapshot that is restored; a *snapshot.Snapshot, which stays open until the
	// executor is closed.
	Blocks func(*snapshot.Metadata) (backend.Blocks, error)
	// Events takes what happens. It is called by many goroutines; it must not block, and not call the executor.
	Events func(message.Event)
	// Classify gives an error the class that a job should act by, before it is told: where state and output are written there are
	// errors of storage, of which a subtask does not know which ones will not pass. Nil: they are told as they are.
	Classify func(error) error
	Logger   *slog.Logger
	// Clock is SystemClock if it is nil, Backend heap.New.
	Clock   Clock
	Backend backend.Factory
}

func (c *Config) check() error {
	switch {
	case c.Graph == nil || c.Files == nil || c.Blocks == nil || c.Events == nil || c.Logger == nil:
		return fmt.Errorf("graph, files, blocks, events and logger are needed")
	case c.Parallelism < 1 || c.MaxParallelism < c.Parallelism || c.MaxParallelism > 1<<15:
		return fmt.Errorf("parallelism is %d and the number of key groups %d; 1 <= parallelism <= key groups <= 32768 is needed",
			c.Parallelism, c.MaxParallelism)
	}
	if err := c.Graph.Check(); err != nil {
		return err
	}
	for i, n := range c.Graph.Parallelism(c.Parallelism) {
		if n > c.MaxParallelism {
			return fmt.Errorf("operator %s has a parallelism of %d, which is more than the number of key groups, %d", c.Graph.Nodes[i].UID, n, c.MaxParallelism)
		}
	}
	return nil
}

// Executor runs executions in this process. It implements executor.Executor.
type Executor struct {
	ctx  context.Context
	cfg  Config
	ends sync.WaitGroup // of the goroutines that wait for an execution's end
	mu   struct {
		sync.Mutex
		executions map[message.Execution]*deployed // from Deploy to Stopped; one of them runs at most
		latest     *message.Execution              // nil: none was deployed
		closed     bool
	}
}

var _ executor.Executor = (*Executor)(nil)

type deployed struct {
	runs      *execution // nil: it could not be started
	cancelled bool
}

// NewExecutor makes an executor on which nothing runs yet. Subtasks get their contexts from ctx; they end with it, too, but only
// a Cancel tells that they have. It fails only for a config that is wrong.
func NewExecutor(ctx context.Context, cfg Config) (*Executor, error) {
	if cfg.Clock == nil {
		cfg.Clock = SystemClock{}
	}
	if cfg.Backend == nil {
		cfg.Backend = heap.New
	}
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("run the subtasks in this process: %w", err)
	}
	x := &Executor{ctx: ctx, cfg: cfg}
	x.mu.executions = map[message.Execution]*deployed{}
	return x, nil
}

// Deploy builds the subtasks and lets them restore and run.
func (x *Executor) Deploy(d executor.Deployment) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.mu.closed || x.mu.latest != nil && !x.mu.latest.Before(d.Execution) {
		return
	}
	x.mu.latest = &d.Execution
	runs, err := x.startLocked(d)
	x.mu.executions[d.Execution] = &deployed{runs: runs}
	if err != nil {
		x.tell(d.Execution, message.Failed{Err: x.cfg.failure(err)})
	}
}

func (x *Executor) startLocked(d executor.Deployment) (*execution, error) {
	for other := range x.mu.executions {
		return nil, fmt.Errorf("execution %s was deployed before %s has stopped", d.Execution, other)
	}
	return start(x.ctx, &x.cfg, d)
}

func (x *Executor) tell(e message.Execution, r message.Report) {
	x.cfg.Events(message.Event{Execution: e, Report: r})
}

// runningLocked returns an execution if it lives and could be started.
func (x *Executor) runningLocked(e message.Execution) *execution {
	d := x.mu.executions[e]
	if d == nil || d.cancelled {
		return nil
	}
	return d.runs
}

// Command puts an order into the queue of a subtask.
func (x *Executor) Command(o message.Order) {
	x.mu.Lock()
	defer x.mu.Unlock()
	runs := x.runningLocked(o.Execution)
	if runs == nil {
		return
	}
	if err := runs.command(o.To, o.Command); err != nil {
		x.tell(o.Execution, message.Failed{Err: x.cfg.failure(err)})
	}
}

// Abort gives up a checkpoint in all subtasks.
func (x *Executor) Abort(e message.Execution, checkpoint int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if runs := x.runningLocked(e); runs != nil {
		runs.abort(checkpoint)
	}
}

// Complete says in all subtasks that a checkpoint is complete.
func (x *Executor) Complete(e message.Execution, checkpoint int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if runs := x.runningLocked(e); runs != nil {
		runs.complete(checkpoint)
	}
}

// Cancel ends an execution, and has Stopped said when nothing of it is left.
func (x *Executor) Cancel(e message.Execution) {
	x.mu.Lock()
	defer x.mu.Unlock()
	d := x.mu.executions[e]
	if d == nil || d.cancelled || x.mu.closed {
		return
	}
	d.cancelled = true
	x.ends.Go(func() {
		d.end()
		x.mu.Lock()
		defer x.mu.Unlock()
		delete(x.mu.executions, e)
		if !x.mu.closed {
			x.tell(e, message.Stopped{})
		}
	})
}

// end returns when nothing of the execution is left.
func (d *deployed) end() {
	if d.runs != nil {
		d.runs.cancel()
		d.runs.wait()
	}
}

// Metrics returns the counters of the living execution, in the order of the graph's tasks.
func (x *Executor) Metrics() []message.Metrics {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, d := range x.mu.executions {
		if d.runs != nil && !d.cancelled {
			return d.runs.metrics()
		}
	}
	return nil
}

// Close ends what runs. What it has counted stays.
func (x *Executor) Close() {
	x.mu.Lock()
	x.mu.closed = true
	all := slices.Collect(maps.Values(x.mu.executions))
	x.mu.Unlock()
	for _, d := range all {
		d.end()
	}
	x.ends.Wait()
}
