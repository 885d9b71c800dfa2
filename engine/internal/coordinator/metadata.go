package coordinator

import (
	"cmp"
	"slices"

	"github.com/weirstream/weir/engine/snapshot"
)

// metadata assembles what is published of a checkpoint that every subtask has acknowledged.
func (c *Coordinator) metadata(ck *checkpoint) *snapshot.Metadata {
	m := &snapshot.Metadata{
		Job:            c.cfg.Job,
		ID:             ck.id,
		Parent:         c.chain.parent,
		Restart:        ck.execution.Restart,
		Outcome:        ck.outcome,
		Retained:       c.retain(ck.id),
		Confirmed:      c.chain.confirmed,
		Uncommitted:    c.uncommitted(),
		Engine:         c.cfg.Engine,
		Revision:       c.cfg.Revision,
		Parallelism:    c.cfg.Parallelism,
		MaxParallelism: c.cfg.MaxParallelism,
		Operators:      make([]snapshot.OperatorState, len(c.cfg.Operators)),
	}
	for i := range c.cfg.Operators {
		o := &c.cfg.Operators[i]
		subtasks := ck.states[o.UID]
		slices.SortFunc(subtasks, func(a, b snapshot.SubtaskState) int { return cmp.Compare(a.Index, b.Index) })
		m.Operators[i] = snapshot.OperatorState{
			UID:            o.UID,
			Name:           o.Name,
			Fingerprint:    o.Fingerprint,
			Advisory:       o.Advisory,
			Connector:      o.Connector,
			Parallelism:    c.cfg.parallelismOf(o),
			MaxParallelism: c.cfg.MaxParallelism,
			Schemas:        o.Schemas,
			Enumerator:     ck.enumerators[o.UID],
			Subtasks:       subtasks,
		}
	}
	return m
}

// retain returns the ids that stay once a checkpoint is complete: the newest, and those that a savepoint is being made of,
// or will be when their output is committed.
func (c *Coordinator) retain(id int64) []int64 {
	ids := snapshot.Retain(c.chain.retained, id, c.cfg.Retained)
	for _, r := range c.requests {
		if r.state == exporting || r.state == attached && r.Target != "" {
			ids = append(ids, r.checkpoint)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// committables returns what a checkpoint itself has to commit, for the sinks that the job has.
func (c *Coordinator) committables(m *snapshot.Metadata) []snapshot.SinkCommittables {
	return c.ofSinks(m.Output())
}

// ofSinks returns the committables of the sinks that the job has, in the order of the job.
func (c *Coordinator) ofSinks(all []snapshot.SinkCommittables) []snapshot.SinkCommittables {
	var sinks []snapshot.SinkCommittables
	for _, o := range c.cfg.Operators {
		for _, s := range all {
			if o.Sink && s.UID == o.UID {
				sinks = append(sinks, s)
			}
		}
	}
	return sinks
}

func (c *Coordinator) hasOperator(uid string) bool {
	return slices.ContainsFunc(c.cfg.Operators, func(o Operator) bool { return o.UID == uid })
}

func (c *Coordinator) hasSink(uid string) bool {
	return slices.ContainsFunc(c.cfg.Operators, func(o Operator) bool { return o.UID == uid && o.Sink })
}
