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
		Restart:        ck.restart,
		Outcome:        ck.outcome,
		Retained:       c.retain(ck.id),
		Confirmed:      c.chain.confirmed,
		Engine:         c.cfg.Engine,
		Revision:       c.cfg.Revision,
		Parallelism:    c.cfg.Parallelism,
		MaxParallelism: c.cfg.MaxParallelism,
		Operators:      make([]snapshot.OperatorState, len(c.cfg.Operators)),
	}
	for i, o := range c.cfg.Operators {
		subtasks := ck.states[o.UID]
		slices.SortFunc(subtasks, func(a, b snapshot.SubtaskState) int { return cmp.Compare(a.Index, b.Index) })
		m.Operators[i] = snapshot.OperatorState{
			UID:            o.UID,
			Name:           o.Name,
			Fingerprint:    o.Fingerprint,
			Advisory:       o.Advisory,
			Connector:      o.Connector,
			Parallelism:    c.cfg.Parallelism,
			MaxParallelism: c.cfg.MaxParallelism,
			Schemas:        o.Schemas,
			Enumerator:     ck.enumerators[o.UID],
			Subtasks:       subtasks,
		}
	}
	return m
}

// retain returns the ids that stay once a checkpoint is complete: the newest, and those that a savepoint is being made of.
func (c *Coordinator) retain(id int64) []int64 {
	ids := snapshot.Retain(c.chain.retained, id, c.cfg.Retained)
	for _, r := range c.requests {
		if r.state == exporting {
			ids = append(ids, r.metadata.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// committables returns those of a checkpoint, for the sinks that have any.
func (c *Coordinator) committables(m *snapshot.Metadata) []SinkCommittables {
	var sinks []SinkCommittables
	for _, o := range c.cfg.Operators {
		if list := committablesOf(m, o.UID); o.Sink && len(list) > 0 {
			sinks = append(sinks, SinkCommittables{UID: o.UID, Committables: list})
		}
	}
	return sinks
}

func committablesOf(m *snapshot.Metadata, uid string) [][]byte {
	if m == nil {
		return nil
	}
	o := m.Operator(uid)
	if o == nil {
		return nil
	}
	var list [][]byte
	for _, s := range o.Subtasks {
		list = append(list, s.Committables...)
	}
	return list
}

func countCommittables(o snapshot.OperatorState) int {
	n := 0
	for _, s := range o.Subtasks {
		n += len(s.Committables)
	}
	return n
}

func (c *Coordinator) hasOperator(uid string) bool {
	return slices.ContainsFunc(c.cfg.Operators, func(o Operator) bool { return o.UID == uid })
}

func (c *Coordinator) hasSink(uid string) bool {
	return slices.ContainsFunc(c.cfg.Operators, func(o Operator) bool { return o.UID == uid && o.Sink })
}
