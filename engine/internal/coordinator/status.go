package coordinator

import (
	"time"

	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
)

// keptCheckpoints is how many checkpoints the status lists.
const keptCheckpoints = 20

// Status is what people and the REST API see of a run. It is a copy.
type Status struct {
	State    rest.State
	Restart  int64
	Restarts int   // since the start, by failures
	Failure  error // of the newest restart; nil: none

	// Current is the checkpoint that is under way; nil: none.
	Current *CheckpointStatus
	// Newest is the metadata of the newest complete checkpoint of this run or what it was restored from; it is shared, and
	// must not be changed. Nil: neither.
	Newest *snapshot.Metadata
	// Checkpoints are the newest that have ended, oldest first.
	Checkpoints []CheckpointStatus

	// Complete is the newest complete checkpoint of this run, which nobody changes; nil: there is none yet.
	Complete *CheckpointStatus
	// LastFailure is why the newest of the AbortedInARow failed; nil: none did.
	LastFailure error

	Completed, Aborted int // checkpoints of this run
	AbortedInARow      int // since the newest complete one, or since the run began
	// Dropped counts messages of other executions and of checkpoints that were aborted.
	Dropped int
	// Held is why a checkpoint that is due is not started; nil: none is held.
	Held error
	// Ending is the outcome of the complete checkpoint that ends the job; None: it goes on.
	Ending outcome.Outcome
	// Splits tells of each source, in the order of the configuration.
	Splits []SplitStatus
}

// CheckpointStatus is one checkpoint.
type CheckpointStatus struct {
	ID       int64
	Restart  int64
	Outcome  outcome.Outcome
	Status   rest.Status
	Acked    int // subtasks
	Subtasks int
	// Started and Ended are on the clock of Step; Ended is when it became complete or failed, 0 before.
	Started, Ended time.Duration
	Stats          message.Stats // bytes in all, times of the slowest subtask
	Failure        error
}

// SplitStatus counts the splits of a source.
type SplitStatus struct {
	Source            string
	Waiting, Assigned int
	Discovered        bool // nothing more will be found
}

// counters are what only the status tells.
type counters struct {
	completed, aborted, restarts, dropped int
	inARow                                int // of the aborted
	lastFailure                           error
	checkpoints                           []CheckpointStatus
	complete                              *CheckpointStatus
}

// Ending is the outcome of the complete checkpoint that ends the job; None: it goes on. The run exits soon.
func (c *Coordinator) Ending() outcome.Outcome { return c.chain.ending }

// Status describes the run.
func (c *Coordinator) Status() Status {
	s := Status{
		State:       c.state(),
		Restart:     c.execution.name.Restart,
		Restarts:    c.status.restarts,
		Failure:     c.execution.last,
		Newest:      c.chain.head,
		Checkpoints: append([]CheckpointStatus(nil), c.status.checkpoints...),
		Completed:   c.status.completed,
		Aborted:     c.status.aborted,
		Dropped:     c.status.dropped,
		Ending:      c.chain.ending,

		Complete:      c.status.complete,
		AbortedInARow: c.status.inARow,
		LastFailure:   c.status.lastFailure,
	}
	if c.chain.held {
		s.Held = c.commitsHold()
	}
	if ck := c.chain.current; ck != nil {
		current := c.describe(ck)
		current.Status = rest.InProgress
		s.Current = &current
	}
	for _, source := range c.sources {
		s.Splits = append(s.Splits, SplitStatus{
			Source:     source.cfg.UID,
			Waiting:    len(source.queue),
			Assigned:   len(source.assigned),
			Discovered: source.done,
		})
	}
	return s
}

// state is what the run does, as REST says it.
func (c *Coordinator) state() rest.State {
	ck := c.chain.current
	switch {
	case c.ended:
		return rest.StateAfter(c.end)
	case c.chain.ending != outcome.None || ck != nil && ck.outcome != outcome.None:
		return rest.Stopping
	case c.execution.phase == running:
		return rest.Running
	case c.status.restarts > 0:
		return rest.Recovering
	}
	return rest.Starting
}

func (c *Coordinator) describe(ck *checkpoint) CheckpointStatus {
	return CheckpointStatus{
		ID:       ck.id,
		Restart:  ck.execution.Restart,
		Outcome:  ck.outcome,
		Acked:    len(ck.acked),
		Subtasks: c.subtasks,
		Started:  ck.started,
		Stats:    ck.stats,
	}
}

func (c *Coordinator) noteComplete(ck *checkpoint) {
	c.status.completed++
	c.status.inARow, c.status.lastFailure = 0, nil
	complete := c.note(ck, rest.Done, nil)
	c.status.complete = &complete
}

func (c *Coordinator) noteAborted(ck *checkpoint, reason error) {
	c.status.aborted++
	c.status.inARow++
	c.status.lastFailure = reason
	c.note(ck, rest.Undone, reason)
}

func (c *Coordinator) note(ck *checkpoint, status rest.Status, failure error) CheckpointStatus {
	d := c.describe(ck)
	d.Status, d.Failure, d.Ended = status, failure, c.now
	c.status.checkpoints = append(c.status.checkpoints, d)
	c.status.checkpoints = c.status.checkpoints[max(len(c.status.checkpoints)-keptCheckpoints, 0):]
	return d
}
