package attempt

import (
	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/internal/executor"
	"github.com/weirstream/weir/engine/internal/jobfolder"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/internal/task"
	"github.com/weirstream/weir/engine/snapshot"
)

// executorHere runs the subtasks in this process.
func (d *driver) executorHere() (executor.Executor, error) {
	return task.NewExecutor(d.background, task.Config{
		Graph: d.graph, Job: d.cfg.Job, Parallelism: d.cfg.Parallelism, MaxParallelism: d.cfg.MaxParallelism, Incremental: !d.cfg.WholeCheckpoints,
		Files: func(e message.Execution, checkpoint int64) backend.Files {
			return d.folder.Chain.Files(d.began.attempt, e.Restart, checkpoint)
		},
		Blocks: func(m *snapshot.Metadata) (backend.Blocks, error) { return d.snapshotOf(m), nil },
		Events: d.heard, Classify: jobfolder.Classify, Logger: d.log, Clock: d.process.Clock,
	})
}

// deploy begins an execution; what goes wrong is reported like the failure of a subtask.
func (d *driver) deploy(e coordinator.Deploy) {
	d.executor.Deploy(executor.Deployment{Execution: e.Execution, From: e.From, Continues: e.Continues})
	d.process.AtStep(StepDeployed)
}

// heard tells the coordinator what comes from an execution. Many goroutines call it.
func (d *driver) heard(e message.Event) {
	if _, stopped := e.Report.(message.Stopped); stopped {
		d.post(coordinator.TasksStopped{Execution: e.Execution})
		return
	}
	d.post(coordinator.Reported{Event: e})
}

// snapshotOf returns where the data files of a snapshot are: of what the attempt began with, or of one of its own
// checkpoints.
func (d *driver) snapshotOf(m *snapshot.Metadata) *snapshot.Snapshot {
	if m == d.began.restored {
		return d.began.chosen.Snapshot
	}
	return d.folder.Chain.Snapshot(m)
}

// cancelTasks ends the execution. Its counters are kept first: once it is cancelled nobody finds them.
func (d *driver) cancelTasks(e coordinator.CancelTasks) {
	d.keepTotals()
	d.executor.Cancel(e.Execution)
}
