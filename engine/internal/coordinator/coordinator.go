package coordinator

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/snapshot"
)

// Coordinator is the state of a run. It is owned by one goroutine.
type Coordinator struct {
	cfg Config

	now     time.Duration
	effects []Effect
	// wake is the earliest time that a decision waits for.
	wake  timer
	ended bool // Exit has been said
	end   outcome.Outcome

	tasks    map[string]int // the number of subtasks of each task
	subtasks int            // of all

	execution execution
	chain     chain
	sources   []*source
	requests  []*request
	interrupt interrupt
	status    counters
}

// timer is a point in time that may be set.
type timer struct {
	at  time.Duration
	set bool
}

// New returns the coordinator of an attempt. It fails if the configuration is wrong, or the restored positions of a
// source are damaged.
func New(cfg Config) (*Coordinator, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("coordinator: %w", err)
	}
	c := &Coordinator{cfg: cfg, tasks: cfg.subtasks()}
	for _, n := range c.tasks {
		c.subtasks += n
	}
	c.execution.name = message.Execution{Attempt: cfg.Attempt}
	c.chain.nextID = cfg.FirstCheckpoint
	c.chain.head = cfg.Restored
	if m := cfg.Restored; m != nil && !cfg.Foreign {
		c.chain.parent = m.ID
		c.chain.retained = m.Retained
		c.chain.confirmed = m.Confirmed
	}
	for _, s := range cfg.Sources {
		c.sources = append(c.sources, &source{cfg: s, parallelism: c.tasks[s.UID]})
	}
	if err := c.restoreSources(); err != nil {
		return nil, err
	}
	return c, nil
}

// Step takes an event at a time and returns what is to be done about it. now is monotonic time since any origin.
func (c *Coordinator) Step(now time.Duration, e Event) []Effect {
	c.effects = nil
	if c.ended {
		return nil
	}
	c.now = max(c.now, now)
	c.handle(e)
	c.advance()
	return c.effects
}

// NextDeadline returns the time at which a Tick is due; false: only an event can change anything.
func (c *Coordinator) NextDeadline() (time.Duration, bool) {
	return c.wake.at, c.wake.set && !c.ended
}

// handle notes what has happened; what follows from it is decided by advance, or at once where it must be in the same Step.
func (c *Coordinator) handle(e Event) {
	switch e := e.(type) {
	case Started:
		c.start()
		for _, request := range e.Requests {
			c.requested(Requested{Request: request})
		}
	case Tick:
	case Discovered:
		c.discovered(e)
	case DiscoverFailed:
		c.discoverFailed(e)
	case Reported:
		c.reported(e)
	case TasksStopped:
		c.tasksStopped(e)
	case Published:
		c.published(e)
	case PublishFailed:
		c.publishFailed(e)
	case Committed:
		c.committed(e)
	case CommitFailed:
		c.commitFailed(e)
	case Retired:
		c.retired(e)
	case Exported:
		c.exported(e)
	case ExportFailed:
		c.exportFailed(e)
	case TargetProbed:
		c.targetProbed(e)
	case SavepointFound:
		c.savepointFound(e)
	case TargetProbeFailed:
		c.targetProbeFailed(e)
	case Requested:
		c.requested(e)
	case InterruptRequested:
		c.interrupted()
	default:
		panic(fmt.Sprintf("coordinator: unknown event %T", e))
	}
}

// advance makes every decision that is due, until there is none. Decisions look at the state alone, not at the event, so
// that none depends on the order of events. What waits for a time registers it by calling reached.
func (c *Coordinator) advance() {
	decisions := []func(){
		c.advanceFailure,
		c.advanceInterrupt,
		c.advanceExecution,
		c.advanceDiscovery,
		c.advanceCheckpoint,
		c.advanceCommits,
		c.advanceRequests,
		c.advanceTrigger,
		c.advanceEnd,
	}
	for {
		before := len(c.effects)
		c.wake = timer{}
		for _, decide := range decisions {
			if c.ended {
				return
			}
			decide()
		}
		if len(c.effects) == before {
			return
		}
	}
}

// reached tells whether t has come, and if not sees to it that the driver calls at t.
func (c *Coordinator) reached(t time.Duration) bool {
	if c.now >= t {
		return true
	}
	if !c.wake.set || t < c.wake.at {
		c.wake = timer{at: t, set: true}
	}
	return false
}

func (c *Coordinator) emit(e Effect) { c.effects = append(c.effects, e) }

func (c *Coordinator) logf(level slog.Level, format string, args ...any) {
	c.emit(Log{Level: level, Text: fmt.Sprintf(format, args...)})
}

// start begins the run: the commits of the restored checkpoint are confirmed while the tasks restore (P10), or once they have
// read all of it, if nothing has verified it before.
func (c *Coordinator) start() {
	c.recommit()
	if c.cfg.OnlyFinish {
		c.chain.ending = c.cfg.Restored.Outcome
		c.chain.finishBy = c.now + c.cfg.FinishDeadline
		return
	}
	c.deploy()
}

// exit ends the run. Requests that still wait are answered first.
func (c *Coordinator) exit(o outcome.Outcome, err error) {
	reason := fmt.Errorf("the run has ended (%s)", o)
	if err != nil {
		reason = fmt.Errorf("%w: %w", reason, err)
	}
	for _, r := range c.requests {
		c.refuse(r, reason)
	}
	c.emit(Exit{Outcome: o, Err: err})
	c.ended, c.end = true, o
}

// fenced ends the run if err says that a later attempt has claimed the job: nothing is done after it (P1).
func (c *Coordinator) fenced(err error) bool {
	var fenced *snapshot.FencedError
	if !errors.As(err, &fenced) {
		return false
	}
	c.exit(outcome.Fenced, err)
	return true
}
