package coordinator

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/snapshot"
)

// Config is what the coordinator knows of the job. The coordinator keeps it and changes nothing in it.
type Config struct {
	Job      string
	Attempt  int64 // whose executions are this coordinator's
	Revision string
	Engine   string // version, for snapshots

	MaxParallelism int
	config.Settings

	Sources []Source
	// Operators are all nodes of the job, stateless ones, sources and sinks too, in the order in which snapshots list them.
	Operators []Operator
	// Tasks are named by the uid of their head; each has as many subtasks as that has, and each of those acknowledges every
	// checkpoint.
	Tasks []string

	// RequestDeadline bounds a request that brings no deadline of its own.
	RequestDeadline time.Duration
	// FinishDeadline is for how long the commits of the checkpoint that ends the job are tried again after a failure.
	FinishDeadline time.Duration
	// InterruptDeadline bounds what is done after InterruptRequested.
	InterruptDeadline time.Duration
	// CancelDeadline bounds the wait for TasksStopped: an execution that does not stop ends the process.
	CancelDeadline time.Duration

	// FirstCheckpoint is the id of the first checkpoint; above all that were ever seen in the job's folder (P1).
	FirstCheckpoint int64
	// Restored is what the attempt starts from; nil: empty. Only a checkpoint of the job's own chain is a parent, and has
	// its older siblings retained; Foreign says that it is a savepoint, or comes from elsewhere.
	Restored *snapshot.Metadata
	Foreign  bool
	// Newest says that Restored is the newest checkpoint of the chain: what the run writes may name its runs again (P6).
	Newest bool
	// Unverified says that the data files of Restored are verified while the subtasks read them. If one is damaged, the job may
	// have to go back: nothing of Restored is committed, and nothing that it has behind it removed, before all subtasks run.
	Unverified bool
	// OnlyFinish says that Restored ended the job and only its commits may be missing: they are confirmed, requests are
	// served from it, nothing runs, and the outcome is that of Restored.
	OnlyFinish bool

	// Random returns numbers in [0, 1); for jitter.
	Random func() float64
}

// Source is a source of the job.
type Source struct {
	UID        string
	Bounded    bool
	Order      connector.SplitOrder
	Assignment connector.Assignment
	Retires    bool // its enumerator is a connector.Retirer
}

// Operator is what snapshots record of an operator.
type Operator struct {
	UID, Name   string
	Fingerprint string
	Advisory    string
	Connector   string // of a source that has a name
	Schemas     []snapshot.StateSchema
	Sink        bool
	Parallelism int // 0: that of the settings
}

// The deadlines of a job that sets none.
const (
	DefaultRequestDeadline   = 10 * time.Minute
	DefaultFinishDeadline    = 5 * time.Minute
	DefaultInterruptDeadline = 20 * time.Second
	DefaultCancelDeadline    = time.Minute
)

// check tells what is wrong with the configuration; defaults of deadlines are filled in.
func (c *Config) check() error {
	for _, d := range []struct {
		deadline *time.Duration
		value    time.Duration
	}{
		{&c.RequestDeadline, DefaultRequestDeadline},
		{&c.FinishDeadline, DefaultFinishDeadline},
		{&c.InterruptDeadline, DefaultInterruptDeadline},
		{&c.CancelDeadline, DefaultCancelDeadline},
	} {
		if *d.deadline == 0 {
			*d.deadline = d.value
		}
		if *d.deadline < 0 {
			return errors.New("a deadline is negative")
		}
	}
	switch {
	case c.Parallelism < 1 || c.MaxParallelism < c.Parallelism:
		return fmt.Errorf("parallelism %d is not within 1 and the number of key groups, %d", c.Parallelism, c.MaxParallelism)
	case c.Interval <= 0 || c.Timeout <= 0:
		return fmt.Errorf("checkpoint interval %v and timeout %v must be positive", c.Interval, c.Timeout)
	case c.MinPause < 0 || c.TolerableFailures < 0:
		return fmt.Errorf("checkpoint pause %v and tolerable failures %d must not be negative", c.MinPause, c.TolerableFailures)
	case c.Retained < 1:
		return fmt.Errorf("%d retained checkpoints are not enough: at least the newest stays", c.Retained)
	case c.Restart.InitialDelay <= 0 || c.Restart.MaxDelay < c.Restart.InitialDelay:
		return fmt.Errorf("restart delay %v must be positive and not above its maximum %v", c.Restart.InitialDelay, c.Restart.MaxDelay)
	case c.Attempt < 1:
		return fmt.Errorf("attempt %d is not positive", c.Attempt)
	case c.FirstCheckpoint < 1:
		return fmt.Errorf("first checkpoint id %d is not positive", c.FirstCheckpoint)
	case c.Random == nil:
		return errors.New("no source of randomness")
	case c.OnlyFinish && c.Unverified:
		return errors.New("nothing verifies the checkpoint that ended the job")
	case c.OnlyFinish && (c.Restored == nil || c.Restored.Outcome == outcome.None):
		return errors.New("there is no checkpoint that ended the job")
	}
	return c.checkGraph()
}

// parallelismOf is the number of subtasks of an operator.
func (c *Config) parallelismOf(o *Operator) int {
	if o.Parallelism == 0 {
		return c.Parallelism
	}
	return o.Parallelism
}

// subtasks is the number of subtasks of each task.
func (c *Config) subtasks() map[string]int {
	subtasks := map[string]int{}
	for i := range c.Operators {
		if o := &c.Operators[i]; slices.Contains(c.Tasks, o.UID) {
			subtasks[o.UID] = c.parallelismOf(o)
		}
	}
	return subtasks
}

func (c *Config) checkGraph() error {
	known := map[string]bool{}
	for _, o := range c.Operators {
		if known[o.UID] {
			return fmt.Errorf("operator %s is there twice", o.UID)
		}
		if o.Parallelism < 0 || o.Parallelism > c.MaxParallelism {
			return fmt.Errorf("operator %s has a parallelism of %d, which is not within 1 and the number of key groups, %d",
				o.UID, o.Parallelism, c.MaxParallelism)
		}
		known[o.UID] = true
	}
	if len(c.Sources) == 0 || len(c.Tasks) == 0 {
		return errors.New("the job has no source or no task")
	}
	for _, s := range c.Sources {
		if !known[s.UID] || !slices.Contains(c.Tasks, s.UID) {
			return fmt.Errorf("source %s is not the head of a task and an operator", s.UID)
		}
	}
	for _, t := range c.Tasks {
		if !known[t] {
			return fmt.Errorf("task %s is headed by no operator", t)
		}
	}
	return nil
}
