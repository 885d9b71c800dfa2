package attempt

import (
	"context"
	"fmt"

	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/internal/jobfolder"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/internal/task"
	"github.com/weirstream/weir/engine/snapshot"
)

// deploy starts an execution; what goes wrong is reported like the failure of a subtask.
func (d *driver) deploy(e coordinator.Deploy) {
	d.restart = e.Restart
	report := func(r message.Report) { d.post(coordinator.Reported{Restart: e.Restart, Report: classifiedReport(r)}) }
	spec := task.Spec{
		Graph: d.graph, Job: d.cfg.Job, Attempt: d.began.attempt.N, Restart: e.Restart,
		Parallelism: d.cfg.Parallelism, MaxParallelism: d.cfg.MaxParallelism,
		Files: d.files(e.Restart), Restore: e.From, Report: report, Logger: d.log,
	}
	if e.From != nil {
		spec.Blocks = d.snapshotOf(e.From)
	}
	var err error
	if d.execution, err = task.Start(d.background, spec); err != nil {
		report(message.Failed{Err: err})
		return
	}
	d.opt.AtStep(StepDeployed)
}

// classifiedReport gives the storage errors in a report their class: a subtask does not know which ones will not pass.
func classifiedReport(r message.Report) message.Report {
	switch r := r.(type) {
	case message.Decline:
		r.Err = jobfolder.Classify(r.Err)
		return r
	case message.Failed:
		r.Err = jobfolder.Classify(r.Err)
		return r
	}
	return r
}

// snapshotOf returns where the data files of a snapshot to restore are: of what the attempt began with, or of one of its
// own checkpoints.
func (d *driver) snapshotOf(m *snapshot.Metadata) *snapshot.Snapshot {
	if m == d.began.restored {
		return d.began.chosen.Snapshot
	}
	return d.folder.Chain.Snapshot(m)
}

func (d *driver) files(restart int64) func(checkpoint int64) backend.Files {
	return func(checkpoint int64) backend.Files {
		return d.folder.Chain.Files(d.began.attempt, restart, checkpoint)
	}
}

// cancelTasks ends the execution and waits for that in the background, so that the loop goes on meanwhile. Its counters are kept
// first: once the field is nil nobody finds them.
func (d *driver) cancelTasks(e coordinator.CancelTasks) {
	d.keepTotals()
	execution := d.execution
	d.execution = nil
	d.inBackground(func(context.Context) {
		if execution != nil {
			execution.Cancel()
			execution.Wait()
		}
		d.post(coordinator.TasksStopped(e))
	})
}

// abortCheckpoint tells the subtasks; those of an execution that is over have nothing to abort.
func (d *driver) abortCheckpoint(e coordinator.AbortCheckpoint) {
	if d.execution != nil && e.Restart == d.restart {
		d.execution.Abort(e.Checkpoint)
	}
}

func (d *driver) command(e coordinator.SendCommand) {
	if d.execution == nil || e.Restart != d.restart {
		return // the execution did not start; its failure is on its way
	}
	if err := d.execution.Command(e.Source, e.Subtask, e.Command); err != nil {
		d.post(coordinator.Reported{Restart: e.Restart, Report: message.Failed{Err: fmt.Errorf("command %T to %s: %w", e.Command, e.Source, err)}})
	}
}

func (d *driver) metrics() []task.Metrics {
	if d.execution == nil {
		return nil
	}
	return d.execution.Metrics()
}
