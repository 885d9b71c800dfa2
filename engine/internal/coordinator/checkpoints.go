package coordinator

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/snapshot"
)

// failurePause is the longest time that a failed checkpoint holds the next one back; the interval, if that is shorter.
const failurePause = time.Second

// chain is the chain of checkpoints of the run.
type chain struct {
	nextID   int64
	current  *checkpoint        // nil: none is under way, and the commits of head are confirmed
	head     *snapshot.Metadata // newest complete checkpoint, or what the run was restored from; nil: neither
	parent   int64              // head's id if head is of this chain
	retained []int64            // by head

	// confirmed is the newest checkpoint of this chain whose commits are known to be done.
	confirmed int64

	failures int           // in a row
	earliest time.Duration // of the next trigger, whoever wants it
	next     time.Duration // trigger by interval

	ending   outcome.Outcome // of the complete checkpoint that ends the job; None: the job goes on
	finishBy time.Duration   // when the commits must be confirmed, if the job is ending

	stagedSwept bool
}

// stage is how far a checkpoint has come.
type stage uint8

const (
	// acking: triggered; some subtasks have not acknowledged it. Only here can it be aborted by decision.
	acking stage = iota
	// publishing: it is not known whether it is complete (P1).
	publishing
	// committing: it is complete, its commits are not confirmed.
	committing
)

// checkpoint is the one checkpoint that is under way.
type checkpoint struct {
	id      int64
	restart int64
	mode    message.Mode
	outcome outcome.Outcome
	last    bool // taken because of an interrupt
	// restored: it is what the run started from, and only its commits are under way.
	restored bool

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
	commit   retry
}

// advanceTrigger starts the next checkpoint: one at a time, and none before the commits of the one before are confirmed.
func (c *Coordinator) advanceTrigger() {
	if c.chain.current != nil || c.chain.ending != outcome.None || c.execution.phase != running {
		return
	}
	if !c.reached(c.chain.earliest) {
		return
	}
	if c.checkpointWanted() || c.reached(c.chain.next) {
		c.trigger()
	}
}

// checkpointWanted tells whether a checkpoint is wanted before its interval is over.
func (c *Coordinator) checkpointWanted() bool {
	return c.interrupt.requested || c.inputEnded() || slices.ContainsFunc(c.requests, (*request).waits)
}

func (c *Coordinator) trigger() {
	ck := &checkpoint{
		id:          c.chain.nextID,
		restart:     c.execution.restart,
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
		if r.kind == StopRequest && r.waits() {
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
	case ck.stage == acking && len(ck.acked) == len(c.cfg.Tasks)*c.cfg.Parallelism:
		c.coverRetirement(ck)
		ck.metadata = c.metadata(ck)
		ck.stage = publishing
		c.publish(ck)
	case ck.stage == acking:
		if c.reached(ck.started + c.cfg.Timeout) {
			c.checkpointFailed(fmt.Errorf("%d of %d subtasks have acknowledged within %v", len(ck.acked),
				len(c.cfg.Tasks)*c.cfg.Parallelism, c.cfg.Timeout))
		}
	case ck.stage == publishing:
		if !ck.publish.underWay && c.reached(ck.publish.at) {
			c.publish(ck)
		}
	case ck.commit.underWay: // the driver ends each commit; one that makes much output visible may take longer than any deadline here
	case c.chain.ending != outcome.None && c.reached(c.chain.finishBy):
		c.exit(outcome.Failed, fault.AsTransient(c.uncommitted(ck, c.cfg.FinishDeadline)))
	case c.reached(ck.commit.at):
		c.commit(ck)
	}
}

func (c *Coordinator) uncommitted(ck *checkpoint, within time.Duration) error {
	err := fmt.Errorf("checkpoint %d (outcome %s) is complete, but its output is not committed within %v; it will be when the "+
		"job is started again", ck.id, ck.metadata.Outcome.Word(), within)
	if ck.commit.last != nil {
		err = fmt.Errorf("%w: %w", err, ck.commit.last)
	}
	return err
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
	before, m := c.chain.head, ck.metadata
	ck.stage = committing
	c.chain.head, c.chain.parent, c.chain.retained = m, m.ID, m.Retained
	c.chain.failures = 0
	c.noteComplete(ck)
	if ck.outcome != outcome.None {
		c.chain.ending = ck.outcome
		c.chain.finishBy = c.now + c.cfg.FinishDeadline
		c.cancelTasks()
	}
	c.commit(ck)
	// m says that the commits of the one before are confirmed, so what was staged for them may go (P10).
	if before != nil && before.ID == m.Parent && before.ID <= m.Confirmed {
		if staged := c.committables(before); len(staged) > 0 {
			c.emit(Forget{Sinks: staged})
		}
	}
}

// commit makes the output of a complete checkpoint visible, or confirms at once that there is none.
func (c *Coordinator) commit(ck *checkpoint) {
	sinks := c.committables(ck.metadata)
	if len(sinks) == 0 {
		c.confirm(ck)
		return
	}
	ck.commit.begin()
	e := Commit{Checkpoint: ck.id, Sinks: sinks}
	if ck.metadata.Outcome != outcome.None {
		e.Last = ck.metadata
	}
	c.emit(e)
}

// recommit confirms the commits of the restored checkpoint: the run before may have ended between publish and commit.
func (c *Coordinator) recommit() {
	m := c.cfg.Restored
	if m == nil {
		return
	}
	for _, o := range m.Operators {
		if !c.hasSink(o.UID) && countCommittables(o) > 0 {
			c.logf(slog.LevelWarn, "checkpoint %d has %d committables of sink %s, which the job no longer has: if they were not "+
				"committed before, that output is missing", m.ID, countCommittables(o), o.UID)
		}
	}
	ck := &checkpoint{id: m.ID, metadata: m, stage: committing, restored: true, started: c.now}
	c.chain.current = ck
	c.commit(ck)
}

func (c *Coordinator) committed(e Committed) {
	if ck := c.chain.current; ck != nil && ck.stage == committing && ck.id == e.Checkpoint {
		c.confirm(ck)
	}
}

func (c *Coordinator) commitFailed(e CommitFailed) {
	ck := c.chain.current
	if ck == nil || ck.stage != committing || ck.id != e.Checkpoint || c.fenced(e.Err) {
		return
	}
	if ck.commit.failed(c.now, e.Err, c.cfg.Random()) {
		c.exit(outcome.Failed, fmt.Errorf("commit the output of checkpoint %d: %w", ck.id, e.Err))
		return
	}
	c.logf(slog.LevelWarn, "commit the output of checkpoint %d: %v; trying again", ck.id, e.Err)
}

// confirm ends a checkpoint: its output is visible. Only now may the next one start.
func (c *Coordinator) confirm(ck *checkpoint) {
	c.chain.current = nil
	if !ck.restored || !c.cfg.Foreign {
		c.chain.confirmed = ck.id
	}
	c.retire(ck)
	if ck.restored {
		c.serve(ck.metadata) // what was asked for while only the commits of a job that is over were missing
		return
	}
	c.chain.next = max(ck.started+c.cfg.Interval, c.now+c.cfg.MinPause)
	c.interrupt.done = c.interrupt.done || ck.last
	c.emit(Sweep{Newest: ck.metadata})
	if live := c.liveStaged(); len(live) > 0 && !c.chain.stagedSwept {
		c.emit(SweepStaged{Live: live})
	}
	c.chain.stagedSwept = true
	c.serve(ck.metadata)
}

// liveStaged is what the first sweep of staged objects must spare: what the checkpoint that the run was restored from
// names, because it may be restored once more (P10). The list has every sink.
func (c *Coordinator) liveStaged() []SinkCommittables {
	var live []SinkCommittables
	for _, o := range c.cfg.Operators {
		if o.Sink {
			live = append(live, SinkCommittables{UID: o.UID, Committables: committablesOf(c.cfg.Restored, o.UID)})
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
	c.emit(AbortCheckpoint{Restart: ck.restart, Checkpoint: ck.id})
	c.logf(slog.LevelWarn, "checkpoint %d failed: %v", ck.id, reason)
	c.noteAborted(ck, reason)
	c.unbindRequests(ck, reason)
}

// afterAbort lets the sources go on after an aborted checkpoint. A drain has already said that event time has ended,
// which cannot be taken back: the execution starts again from the last complete checkpoint.
func (c *Coordinator) afterAbort(ck *checkpoint) {
	if c.execution.phase != running || c.execution.restart != ck.restart {
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
	if c.chain.failures > c.cfg.TolerableFailures && c.execution.phase == running && c.execution.restart == ck.restart {
		err := fmt.Errorf("%d checkpoints in a row have failed; the last, %d: %w", c.chain.failures, ck.id, reason)
		c.chain.failures = 0
		c.taskFailed(err)
		return
	}
	c.afterAbort(ck)
}
