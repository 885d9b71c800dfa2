package task

import (
	"context"
	"fmt"
	"sync"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/internal/exchange"
	"github.com/weirstream/weir/engine/internal/executor"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/snapshot"
)

// execution is a graph that runs. It ends by cancel only, or with the context it was started with: subtasks whose input has
// ended, or that have failed, wait for that.
type execution struct {
	cfg        *Config
	name       message.Execution
	from       *snapshot.Metadata // nil: empty state
	continues  bool               // runs of from may be named again
	blocks     backend.Blocks     // of from
	subtasks   []*subtask
	byID       map[message.Subtask]*subtask
	gates      []*exchange.Gate
	ctx        context.Context
	cancel     context.CancelFunc // ends all subtasks, and does not wait
	goroutines sync.WaitGroup
}

// start builds the subtasks and lets them restore and run. It fails only for a snapshot that cannot be restored; whatever
// goes wrong later is reported.
func start(ctx context.Context, cfg *Config, d executor.Deployment) (*execution, error) {
	e := &execution{cfg: cfg, name: d.Execution, from: d.From, continues: d.Continues, byID: map[message.Subtask]*subtask{}}
	if err := e.openSnapshot(); err != nil {
		return nil, fmt.Errorf("start the subtasks: %w", err)
	}
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

// openSnapshot finds what reads the blocks of the snapshot that is restored.
func (e *execution) openSnapshot() (err error) {
	if e.from == nil {
		return nil
	}
	if e.from.MaxParallelism != e.cfg.MaxParallelism {
		return fault.Permanentf("maxParallelism", fmt.Sprintf("set it to %d", e.from.MaxParallelism),
			"the snapshot has %d key groups, the job %d", e.from.MaxParallelism, e.cfg.MaxParallelism)
	}
	e.blocks, err = e.cfg.Blocks(e.from)
	return err
}

// report says what a subtask tells.
func (e *execution) report(r message.Report) {
	e.cfg.Events(message.Event{Execution: e.name, Report: r})
}

// command puts an order into the queue of a subtask. Orders are obeyed in sequence.
func (e *execution) command(to message.Subtask, c message.Command) error {
	t := e.byID[to]
	if t == nil {
		return fmt.Errorf("command %T to %s: there is no subtask %s/%d", c, to.Task, to.Task, to.Index)
	}
	t.commands.put(c)
	return nil
}

// abort gives up a checkpoint in all subtasks: none acknowledges or declines it afterwards, unless it is just doing so.
func (e *execution) abort(checkpoint int64) {
	for _, t := range e.subtasks {
		t.parts.abort(checkpoint)
		t.input.abort(checkpoint)
	}
}

// complete says in all subtasks that a checkpoint is complete, between the commands before and after it.
func (e *execution) complete(checkpoint int64) {
	for _, t := range e.subtasks {
		t.parts.complete(checkpoint)
		t.commands.put(message.Completed{ID: checkpoint})
	}
}

// wait returns when the execution was cancelled and no goroutine of it is left.
func (e *execution) wait() { e.goroutines.Wait() }

// metrics returns the counters of every operator in every subtask, in the order of the graph's tasks.
func (e *execution) metrics() []message.Metrics {
	var all []message.Metrics
	for _, t := range e.subtasks {
		for _, s := range t.chain {
			all = append(all, s.metrics.read(s.uid, t.index))
		}
	}
	return all
}
