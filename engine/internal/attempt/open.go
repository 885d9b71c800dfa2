package attempt

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/internal/restore"
	"github.com/weirstream/weir/engine/internal/task"
	"github.com/weirstream/weir/engine/outcome"
)

// coordinatorConfig describes the job to the coordinator; the enumerators are there.
func (d *driver) coordinatorConfig() coordinator.Config {
	c := coordinator.Config{
		Job: d.cfg.Job, Attempt: d.began.attempt.N, Revision: d.cfg.Revision, Engine: d.process.EngineVersion,
		MaxParallelism: d.cfg.MaxParallelism, Settings: d.cfg.Settings,
		FirstCheckpoint: d.began.chosen.NextID,
		Restored:        d.began.restored,
		Foreign:         d.began.foreign,
		Newest:          d.began.chosen.Newest,
		Unverified:      d.began.chosen.Unverified,
		OnlyFinish:      d.began.over,
		Random:          rand.Float64,
	}
	subtasks := d.graph.Parallelism(d.cfg.Parallelism)
	for i := range d.graph.Nodes {
		n := &d.graph.Nodes[i]
		o := coordinator.Operator{
			UID: n.UID, Name: n.Name, Fingerprint: n.Fingerprint, Advisory: n.Advisory, Schemas: restore.Schemas(n), Sink: n.Sink != nil,
			Parallelism: subtasks[i],
		}
		if n.Source != nil {
			o.Connector = n.Source.Connector
		}
		c.Operators = append(c.Operators, o)
		if n.Source != nil {
			_, retires := d.sources[n.UID].(connector.Retirer)
			c.Sources = append(c.Sources, coordinator.Source{
				UID: n.UID, Bounded: n.Source.Bounded(), Order: n.Source.Order(), Assignment: connector.AssignmentOf(n.Source.Source), Retires: retires,
			})
		}
	}
	for _, t := range task.Plan(d.graph, d.cfg.Parallelism) {
		c.Tasks = append(c.Tasks, t.Name)
	}
	return c
}

// open makes what runs beside the coordinator: enumerators and committers.
func (d *driver) open(ctx context.Context) (err error) {
	d.background, d.stop = context.WithCancel(context.WithoutCancel(ctx))
	for i := range d.graph.Nodes {
		n := &d.graph.Nodes[i]
		switch {
		case n.Source != nil:
			e, err := n.Source.Enumerator(d.background)
			if err != nil {
				return fmt.Errorf("source %s: %w", n.UID, err)
			}
			d.sources[n.UID] = e
		case n.Sink != nil:
			c, err := n.Sink.Committer(d.background, connector.CommitterContext{Job: d.cfg.Job, UID: n.UID, Attempt: d.began.attempt.N})
			if err != nil {
				return fmt.Errorf("sink %s: %w", n.UID, err)
			}
			if c != nil {
				d.committers[n.UID] = c
			}
		}
	}
	if err := d.canCommit(); err != nil {
		return err
	}
	if err := d.began.refuseRepeats(ctx, d.graph, d.folder.Bucket()); err != nil {
		return err
	}
	if err := d.refuseLostInput(); err != nil {
		return err
	}
	if d.coordinator, err = coordinator.New(d.coordinatorConfig()); err != nil {
		return err
	}
	d.executor, err = d.executorHere()
	return err
}

// canCommit refuses a job whose sinks cannot commit what the restored checkpoint has staged for them: the connector of a
// table was changed before its output was visible. It is asked before the attempt is recorded, so that the old text can
// still be started.
func (d *driver) canCommit() error {
	if d.began.restored == nil || d.began.foreign {
		return nil
	}
	for i := range d.began.restored.Operators {
		o := &d.began.restored.Operators[i]
		if n := d.nodes[o.UID]; n == nil || n.Sink == nil || len(d.began.restored.ToCommit(o.UID)) == 0 || d.committers[o.UID] != nil || d.givesUpOutput() {
			continue
		}
		return &fault.Error{Class: fault.Permanent, Err: &restore.IncompatibleError{
			UID:    o.UID,
			Reason: "its connector commits nothing, and the output of its last checkpoint may not be committed",
			Remedy: "take the old connector back and stop the job with a savepoint first, or set spec.upgrade.allowNonRestoredState (-n) to give that output up",
		}}
	}
	return nil
}

// givesUpOutput tells whether output of the restored checkpoint for a sink that cannot commit it may be passed over: a
// stopped job has committed it, or the user says so.
func (d *driver) givesUpOutput() bool {
	return d.began.restored.Outcome != outcome.None || d.cfg.Restore.AllowNonRestoredState
}
