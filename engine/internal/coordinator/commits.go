package coordinator

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/snapshot"
)

// maxUncommitted is how many complete checkpoints may wait until their output is committed; then none is triggered. Each
// names the output of all that waited before it, so without a bound a sink that is away for long would let _metadata, and
// what is staged, grow without one.
const maxUncommitted = 8

// commit is the output of a complete checkpoint that is not known to be visible yet.
type commit struct {
	checkpoint int64
	sinks      []snapshot.SinkCommittables // of the job's sinks; empty: nothing is to be made visible
	// metadata describes the checkpoint; nil: it is one before the restored checkpoint, which names its output.
	metadata *snapshot.Metadata
	restored bool // it was there when the attempt began
	last     bool // of a checkpoint that was taken because of an interrupt
	// end is the checkpoint that has ended the job, this or a later one; nil: none has.
	end *snapshot.Metadata
	try retry
}

// enqueue adds the commit of a checkpoint that has just become complete. All before it go first.
func (c *Coordinator) enqueue(ck *checkpoint) {
	k := &commit{checkpoint: ck.id, sinks: c.committables(ck.metadata), metadata: ck.metadata, last: ck.last}
	c.chain.commits = append(c.chain.commits, k)
	if ck.outcome != outcome.None {
		c.endWith(ck.metadata)
	}
}

// endWith notes that a checkpoint has ended the job, whose end is recorded when all is committed.
func (c *Coordinator) endWith(m *snapshot.Metadata) {
	for _, k := range c.chain.commits {
		k.end = m
	}
}

// recommit makes sure of the commits of what the attempt begins from: the run before may have ended before it had confirmed
// them. The restored checkpoint names its own, and those before it that were not confirmed when it was published.
func (c *Coordinator) recommit() {
	m := c.cfg.Restored
	if m == nil {
		return
	}
	for _, p := range m.Uncommitted {
		c.warnOfRemovedSinks(p.Checkpoint, p.Sinks)
		c.chain.commits = append(c.chain.commits, &commit{checkpoint: p.Checkpoint, sinks: c.ofSinks(p.Sinks), restored: true})
	}
	c.warnOfRemovedSinks(m.ID, m.Output())
	c.chain.commits = append(c.chain.commits, &commit{checkpoint: m.ID, sinks: c.committables(m), metadata: m, restored: true})
	if m.Outcome != outcome.None {
		c.endWith(m)
	}
	c.advanceCommits()
}

// warnOfRemovedSinks says that nobody commits the output for sinks that the job no longer has.
func (c *Coordinator) warnOfRemovedSinks(checkpoint int64, sinks []snapshot.SinkCommittables) {
	for _, s := range sinks {
		if !c.hasSink(s.UID) {
			c.logf(slog.LevelWarn, "checkpoint %d has %d committables of sink %s, which the job no longer has: if they were not "+
				"committed before, that output is missing", checkpoint, len(s.Committables), s.UID)
		}
	}
}

// advanceCommits commits the oldest of what waits: strictly in the order of the checkpoints, one at a time, so that what is
// visible is always all of a prefix of them.
func (c *Coordinator) advanceCommits() {
	for len(c.chain.commits) > 0 {
		first := c.chain.commits[0]
		switch {
		case c.unread(first):
		case len(first.sinks) == 0 && !first.records() && !first.try.underWay:
			c.confirm(first)
			continue
		case first.try.underWay: // the driver ends each commit; one that makes much output visible may take longer than any deadline here
		case c.chain.ending != outcome.None && c.reached(c.chain.finishBy):
			c.exit(outcome.Failed, fault.AsTransient(c.notCommitted(c.cfg.FinishDeadline)))
		case c.reached(first.try.at):
			c.commit(first)
		}
		return
	}
}

// records tells whether the end of the job is recorded with the commit, though it may have no output of its own: the checkpoint
// that ended the job names output of those before it, which each later start would make visible again.
func (k *commit) records() bool {
	return k.end != nil && k.end.ID == k.checkpoint && len(k.end.Uncommitted) > 0
}

// unread tells whether a commit is of what the attempt restores, and nothing has verified yet: if it is damaged the job goes
// back to an earlier checkpoint, which makes the same output once more (P2).
func (c *Coordinator) unread(k *commit) bool {
	return k.restored && c.cfg.Unverified && !c.execution.ran
}

// commit makes the output of a complete checkpoint visible.
func (c *Coordinator) commit(k *commit) {
	k.try.begin()
	e := Commit{Checkpoint: k.checkpoint, Sinks: k.sinks, End: k.end}
	if k.end != nil && k.end.ID == k.checkpoint {
		for _, earlier := range c.chain.staged {
			e.Staged = append(e.Staged, earlier.sinks...)
		}
		e.Staged = append(e.Staged, k.sinks...)
	}
	c.emit(e)
}

// committing returns the commit that is under way for a checkpoint, or nil.
func (c *Coordinator) committing(checkpoint int64) *commit {
	if len(c.chain.commits) > 0 {
		if first := c.chain.commits[0]; first.try.underWay && first.checkpoint == checkpoint {
			return first
		}
	}
	return nil
}

func (c *Coordinator) committed(e Committed) {
	if k := c.committing(e.Checkpoint); k != nil {
		c.confirm(k)
	}
}

func (c *Coordinator) commitFailed(e CommitFailed) {
	k := c.committing(e.Checkpoint)
	if k == nil || c.fenced(e.Err) {
		return
	}
	if k.try.failed(c.now, e.Err, c.cfg.Random()) {
		c.exit(outcome.Failed, fmt.Errorf("commit the output of checkpoint %d: %w", k.checkpoint, e.Err))
		return
	}
	c.logf(slog.LevelWarn, "commit the output of checkpoint %d: %v; trying again", k.checkpoint, e.Err)
}

// confirm ends the oldest commit: all output up to its checkpoint is visible.
func (c *Coordinator) confirm(k *commit) {
	c.chain.commits = c.chain.commits[1:]
	if c.chain.ending != outcome.None {
		c.chain.finishBy = c.now + c.cfg.FinishDeadline // of the next: it was not tried before
	}
	if !c.foreign(k) {
		c.chain.confirmed = k.checkpoint
		c.chain.staged = append(c.chain.staged, k)
	}
	if k.metadata == nil {
		return
	}
	c.retire(k)
	if k.restored {
		c.serve(k.metadata) // what was asked for while only the commits of a job that is over were missing
		return
	}
	c.interrupt.done = c.interrupt.done || k.last
	c.emit(Sweep{Newest: c.chain.head})
	if live := c.liveStaged(); len(live) > 0 && !c.chain.stagedSwept {
		c.emit(SweepStaged{Live: live})
	}
	c.chain.stagedSwept = true
	c.serve(k.metadata)
}

// foreign tells whether a commit belongs to another job, from whose checkpoint the attempt began.
func (c *Coordinator) foreign(k *commit) bool { return k.restored && c.cfg.Foreign }

// forgetRecorded removes what was staged for commits that a complete checkpoint says are confirmed (P10). Those that were
// confirmed while it was being published wait for the next.
func (c *Coordinator) forgetRecorded(m *snapshot.Metadata) {
	var recorded []snapshot.SinkCommittables
	c.chain.staged = slices.DeleteFunc(c.chain.staged, func(k *commit) bool {
		if k.checkpoint > m.Confirmed {
			return false
		}
		recorded = append(recorded, k.sinks...)
		return true
	})
	if len(recorded) > 0 {
		c.emit(Forget{Sinks: recorded})
	}
}

// uncommitted is what a checkpoint records of the commits that wait, oldest first: a restore of it makes sure of all.
func (c *Coordinator) uncommitted() []snapshot.Uncommitted {
	var list []snapshot.Uncommitted
	for _, k := range c.chain.commits {
		if len(k.sinks) > 0 {
			list = append(list, snapshot.Uncommitted{Checkpoint: k.checkpoint, Sinks: k.sinks})
		}
	}
	return list
}

// commitsHold says why no checkpoint may be triggered until something is committed; nil: one may.
func (c *Coordinator) commitsHold() error {
	n := len(c.chain.commits)
	if n < maxUncommitted {
		return nil
	}
	first := c.chain.commits[0]
	err := fmt.Errorf("no checkpoint is started: %d are complete whose output is not committed yet, from checkpoint %d on", n, first.checkpoint)
	if first.try.last != nil {
		err = fmt.Errorf("%w: %w", err, first.try.last)
	}
	return err
}

// notCommitted says that the newest checkpoint is complete and its output is not visible.
func (c *Coordinator) notCommitted(within time.Duration) error {
	first, newest := c.chain.commits[0], c.chain.head
	err := fmt.Errorf("checkpoint %d (outcome %s) is complete, but its output is not committed within %v; it will be when the "+
		"job is started again", newest.ID, newest.Outcome.Word(), within)
	if first.checkpoint != newest.ID {
		err = fmt.Errorf("%w: that of checkpoint %d comes first", err, first.checkpoint)
	}
	if first.try.last != nil {
		err = fmt.Errorf("%w: %w", err, first.try.last)
	}
	return err
}
