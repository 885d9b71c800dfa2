package coordinator

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
)

// failurePause is the longest time that a failed checkpoint holds the next one back; the interval, if that is shorter.
const failurePause = time.Second

// chain is the chain of checkpoints of the run.
type chain struct {
	nextID   int64
	current  *checkpoint        // nil: none is under way
	head     *snapshot.Metadata // newest complete checkpoint, or what the run was restored from; nil: neither
	parent   int64              // head's id if head is of this chain
	retained []int64            // by head

	// commits are the commits of the newest complete checkpoints that are not confirmed, oldest first. Only the first is under way.
	commits []*commit
	// confirmed is the newest checkpoint of this chain of which it is known that its commits, and all before, are done.
	confirmed int64
	// staged are confirmed commits of which no complete checkpoint says so: what is staged for them stays (P10).
	staged []*commit

	failures int           // in a row
	earliest time.Duration // of the next trigger, whoever wants it
	next     time.Duration // trigger by interval
	held     bool          // one is due and waits for commits, which was said

	ending   outcome.Outcome // of the complete checkpoint that ends the job; None: the job goes on
	finishBy time.Duration   // when the oldest commit must be confirmed, if the job is ending

	stagedSwept bool
}

// stage is how far a checkpoint has come.
type stage uint8

const (
	// acking: triggered; some subtasks have not acknowledged it. Only here can it be aborted by decision.
	acking stage = iota
	// publishing: it is not known whether it is complete (P1).
	publishing
)

// checkpoint is the one checkpoint that is under way.
type checkpoint struct {
	id        int64
	execution message.Execution
	mode      message.Mode
	outcome   outcome.Outcome
	last      bool // taken because of an interrupt

	stage       stage
	started     time.Duration
	enumerators map[string][]byte // by source uid, of the Step that triggered it (P4)
	// reading holds, by source uid, the chains of the splits that readers had in that Step, of sources that retire.
	reading map[string]map[string]string
	acked   map[message.Subtask]bool
	states  map[string][]snapshot.SubtaskState // by operator uid
	stats   message.Stats

	metadata *snapshot.Metadata // from publishing on
	publish  retry
}

// advanceTrigger starts the next checkpoint: one at a time, and none while too many wait for their commits. What another
// job has left to commit is no part of this chain: none is started before that is confirmed.
func (c *Coordinator) advanceTrigger() {
	if c.chain.current != nil || c.chain.ending != outcome.None || c.interrupt.taken || c.execution.phase != running {
		return
	}
	if len(c.chain.commits) > 0 && c.foreign(c.chain.commits[0]) || !c.reached(c.chain.earliest) {
		return
	}
	if !c.checkpointWanted() && !c.reached(c.chain.next) {
		return
	}
	if err := c.commitsHold(); err != nil {
		if !c.chain.held {
			c.chain.held = true
			c.logf(slog.LevelWarn, "%v", err)
		}
		return
	}
	c.chain.held = false
	c.trigger()
}

// checkpointWanted tells whether a checkpoint is wanted before its interval is over.
func (c *Coordinator) checkpointWanted() bool {
	return c.interrupt.requested || c.inputEnded() || slices.ContainsFunc(c.requests, (*request).waits)
}

func (c *Coordinator) trigger() {
	ck := &checkpoint{
		id:          c.chain.nextID,
		execution:   c.execution.name,
		last:        c.interrupt.requested,
		started:     c.now,
		enumerators: map[string][]byte{},
		reading:     map[string]map[string]string{},
		acked:       map[message.Subtask]bool{},
		states:      map[string][]snapshot.SubtaskState{},
	}
	ck.mode, ck.outcome = c.purpose()
	c.chain.nextID++
	c.chain.current = ck
	c.bindRequests(ck)
	for _, s := range c.sources {
		ck.enumerators[s.cfg.UID] = s.snapshot()
		if s.cfg.Retires {
			ck.reading[s.cfg.UID] = s.reading()
		}
		c.sendAll(s, message.Trigger{ID: ck.id, Mode: ck.mode})
	}
}

// purpose says what the next checkpoint is for. The end of the input goes before a stop: it is one (P3).
func (c *Coordinator) purpose() (message.Mode, outcome.Outcome) {
	if c.inputEnded() {
		return message.Continue, outcome.Completed
	}
	for _, r := range c.requests {
		if r.Kind == rest.StopOperation && r.waits() {
			return r.mode(), r.outcome()
		}
	}
	if c.interrupt.requested {
		return message.Pause, outcome.None
	}
	return message.Continue, outcome.None
}

func (c *Coordinator) acked(a message.Ack) {
	ck := c.chain.current
	if ck == nil || ck.stage != acking || ck.id != a.Checkpoint || ck.acked[a.Subtask] {
		c.status.dropped++ // of an aborted checkpoint: what it names is nobody's
		return
	}
	for _, s := range a.States {
		if s.State.Index != a.Index || !c.hasOperator(s.UID) {
			c.taskFailed(fmt.Errorf("subtask %s/%d acknowledged checkpoint %d with the state of operator %q, subtask %d",
				a.Task, a.Index, a.Checkpoint, s.UID, s.State.Index))
			return
		}
	}
	for _, s := range a.States {
		ck.states[s.UID] = append(ck.states[s.UID], s.State)
	}
	ck.acked[a.Subtask] = true
	ck.stats.Bytes += a.Stats.Bytes
	ck.stats.FullBytes += a.Stats.FullBytes
	ck.stats.Align = max(ck.stats.Align, a.Stats.Align)
	ck.stats.Sync = max(ck.stats.Sync, a.Stats.Sync)
	ck.stats.Async = max(ck.stats.Async, a.Stats.Async)
}

func (c *Coordinator) declined(d message.Decline) {
	ck := c.chain.current
	if ck == nil || ck.stage != acking || ck.id != d.Checkpoint {
		c.status.dropped++
		return
	}
	c.checkpointFailed(fmt.Errorf("subtask %s/%d declined: %w", d.Task, d.Index, d.Err))
}

// advanceCheckpoint moves the checkpoint that is under way.
func (c *Coordinator) advanceCheckpoint() {
	ck := c.chain.current
	switch {
	case ck == nil:
	case ck.stage == acking && len(ck.acked) == c.subtasks:
		c.coverRetirement(ck)
		ck.metadata = c.metadata(ck)
		if run := c.strangeRun(ck.metadata); run != "" {
			c.checkpointFailed(fmt.Errorf("a subtask names the run %s, which is neither new nor of the newest complete checkpoint", run))
			return
		}
		ck.stage = publishing
		c.publish(ck)
	case ck.stage == acking:
		if c.reached(ck.started + c.cfg.Timeout) {
			c.checkpointFailed(fmt.Errorf("%d of %d subtasks have acknowledged within %v", len(ck.acked), c.subtasks, c.cfg.Timeout))
		}
	case ck.stage == publishing:
		if !ck.publish.underWay && c.reached(ck.publish.at) {
			c.publish(ck)
		}
	}
}

func (c *Coordinator) publish(ck *checkpoint) {
	ck.publish.begin()
	c.emit(Publish{Metadata: ck.metadata})
}

// publishFailed sorts the answers of snapshot.Chain.Publish (P1): fenced ends everything, undecided is asked again and
// nothing else is done about the checkpoint meanwhile, all others mean that it is not there.
func (c *Coordinator) publishFailed(e PublishFailed) {
	ck := c.chain.current
	if ck == nil || ck.stage != publishing || ck.id != e.Checkpoint || c.fenced(e.Err) {
		return
	}
	ck.publish.failed(c.now, e.Err, c.cfg.Random()) // however often: only the chain can decide
	var undecided *snapshot.UndecidedError
	var taken *snapshot.TakenError
	switch {
	case errors.As(e.Err, &undecided):
		c.logf(slog.LevelWarn, "%v; asking again", e.Err)
	case errors.As(e.Err, &taken):
		c.abort(e.Err) // by a zombie, through no fault of the job
		c.chain.earliest, c.chain.next = c.now, c.now
		c.afterAbort(ck)
	default:
		c.checkpointFailed(e.Err)
	}
}

// published: the checkpoint is complete. From here on it is what recovery starts from, and if it has an outcome there is
// no way back (P3).
func (c *Coordinator) published(e Published) {
	ck := c.chain.current
	if ck == nil || ck.stage != publishing || ck.id != e.Checkpoint {
		return
	}
	m := ck.metadata
	c.chain.current = nil
	c.chain.head, c.chain.parent, c.chain.retained = m, m.ID, m.Retained
	c.chain.failures = 0
	c.chain.next = max(ck.started+c.cfg.Interval, c.now+c.cfg.MinPause)
	c.interrupt.taken = c.interrupt.taken || ck.last
	c.noteComplete(ck)
	if c.execution.phase == running { // which is the execution that has taken it: the next is not deployed while this is in doubt
		c.emit(NotifyComplete{Execution: ck.execution, Checkpoint: ck.id})
	}
	if ck.outcome != outcome.None {
		c.chain.ending = ck.outcome
		c.chain.finishBy = c.now + c.cfg.FinishDeadline
		c.cancelTasks()
	}
	c.enqueue(ck)
	c.advanceCommits()
	c.forgetRecorded(m)
}

// liveStaged is what the first sweep of staged objects must spare: what the checkpoint that the run was restored from
// names, its own and what waited before it, because it may be restored once more (P10). The list has every sink.
func (c *Coordinator) liveStaged() []snapshot.SinkCommittables {
	var live []snapshot.SinkCommittables
	for _, o := range c.cfg.Operators {
		if o.Sink {
			live = append(live, snapshot.SinkCommittables{UID: o.UID, Committables: c.cfg.Restored.ToCommit(o.UID)})
		}
	}
	return live
}

// abort gives up the checkpoint that is under way: it is certain that it will not be complete.
func (c *Coordinator) abort(reason error) {
	ck := c.chain.current
	c.chain.current = nil
	c.chain.earliest = c.now + min(c.cfg.Interval, failurePause)
	c.chain.next = max(ck.started+c.cfg.Interval, c.now+c.cfg.MinPause)
	c.emit(AbortCheckpoint{Execution: ck.execution, Checkpoint: ck.id})
	c.logf(slog.LevelWarn, "checkpoint %d failed: %v", ck.id, reason)
	c.noteAborted(ck, reason)
	c.unbindRequests(ck, reason)
}

// afterAbort lets the sources go on after an aborted checkpoint. A drain has already said that event time has ended,
// which cannot be taken back: the execution starts again from the last complete checkpoint.
func (c *Coordinator) afterAbort(ck *checkpoint) {
	if c.execution.phase != running || c.execution.name != ck.execution {
		return
	}
	switch ck.mode {
	case message.Drain:
		c.restartTasks(errors.New("the drain failed after it had ended event time"), 0)
	case message.Pause:
		for _, s := range c.sources {
			c.sendAll(s, message.Resume{})
		}
	}
}

// checkpointFailed aborts the checkpoint that is under way and counts it: too many in a row restart the job.
func (c *Coordinator) checkpointFailed(reason error) {
	ck := c.chain.current
	c.abort(reason)
	c.chain.failures++
	if c.chain.failures > c.cfg.TolerableFailures && c.execution.phase == running && c.execution.name == ck.execution {
		err := fmt.Errorf("%d checkpoints in a row have failed; the last, %d: %w", c.chain.failures, ck.id, reason)
		c.chain.failures = 0
		c.taskFailed(err)
		return
	}
	c.afterAbort(ck)
}
