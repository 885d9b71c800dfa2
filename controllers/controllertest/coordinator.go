package controllertest

import (
	"fmt"
	"time"

	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// coordinator is one run of `weir coordinator` in a pod. It says and does what the real one does: engine/rest/resttest is
// run by both. All its fields but the first group are guarded by bucket.mu.
type coordinator struct {
	bucket   *Bucket
	pod      string
	owner    string
	revision string
	// savepoints is where its manifest says that savepoints go; empty: nowhere.
	savepoints string
	changed    func() // tells the kubelet that readiness may have changed; called without the lock

	state         rest.State
	attempt       int64
	settings      *rest.Settings // of the newest attempt that began here; nil: none did
	restored      string
	restoreNonces []int64
	started       time.Time
	failure       string
	failureKind   rest.FailureKind
	completed     int64
	failed        int64  // checkpoints, in a row
	declined      string // why the last of them
	records       int64
	operations    map[string]*operation
	dead          bool // the process is gone: it neither answers nor publishes
	abandoned     bool // the cluster lost sight of it: no operator can stop it
}

// mostParallelism is maxParallelism of every job.
const mostParallelism = 1024

// launch is the start of a container: it claims by itself if the job is its own and was not stopped, and makes sure of the
// end of a job that is over (P3).
func launch(bucket *Bucket, pod, owner, revision, savepoints string, changed func()) *coordinator {
	c := &coordinator{bucket: bucket, pod: pod, owner: owner, revision: revision, savepoints: savepoints, changed: changed,
		state: rest.Standby, operations: map[string]*operation{}}
	bucket.mu.Lock()
	defer bucket.mu.Unlock()
	newest, began := bucket.newestLocked(), bucket.beganLocked()
	switch {
	case newest == nil || began == nil || newest.Owner != owner || newest.Revision != revision:
	case bucket.outcomeLocked().Final():
		c.finishLocked(began.Settings)
	case bucket.outcomeLocked() == outcome.None && began.Owner == owner && began.Revision == revision:
		again := began.Settings
		again.Restore = rest.Restore{} // when to restore is decided by who activates
		c.beginLocked(again, true)
	}
	return c
}

// beginLocked claims the next attempt and starts it.
func (c *coordinator) beginLocked(s rest.Settings, byItself bool) int64 {
	for other := range c.bucket.mu.active {
		if other != c && !other.abandoned {
			c.bucket.violateLocked("attempt %d was begun in pod %s while attempt %d ran in pod %s and had not been stopped",
				c.bucket.newestLocked().Number+1, c.pod, other.attempt, other.pod)
		}
	}
	c.claimLocked(Attempt{Settings: s, SelfClaimed: byItself})
	c.state = rest.Starting
	c.bucket.mu.active[c] = true
	return c.attempt
}

// finishLocked makes an attempt that confirms the commits of a head with an outcome, and is none to go on from (P3).
func (c *coordinator) finishLocked(s rest.Settings) int64 {
	c.claimLocked(Attempt{Settings: s, Finishing: true})
	c.state = rest.StateAfter(c.bucket.outcomeLocked())
	return c.attempt
}

func (c *coordinator) claimLocked(a Attempt) {
	a.Owner, a.Revision, a.Pod = c.owner, c.revision, c.pod
	a = c.bucket.claimLocked(a)
	c.attempt, c.settings, c.restored, c.started = a.Number, &a.Settings, a.RestoredFrom, time.Now()
	c.restoreNonces = c.bucket.chainLocked().RestoreNonces
	c.failure, c.failureKind, c.completed, c.records = "", "", 0, 0
	c.failed, c.declined = 0, ""
}

// step lets time pass: a start succeeds, a checkpoint completes, an operation goes on.
func (c *coordinator) step() {
	c.bucket.mu.Lock()
	before := c.state
	if !c.dead {
		c.stepLocked()
	}
	after := c.state
	c.bucket.mu.Unlock()
	if before != after {
		c.changed()
	}
}

func (c *coordinator) stepLocked() {
	b := &c.bucket.mu.behaviour
	switch {
	case c.state == rest.Starting && !b.HoldStart:
		c.state = rest.Running
	case c.state != rest.Running:
	case b.FailJob != "":
		c.endLocked(rest.Failed, b.FailJob, rest.FailedPermanently)
	case b.CompleteJob:
		c.publishLocked(outcome.Completed, "")
	case b.FailCheckpoints != "":
		c.failed++
		c.declined = b.FailCheckpoints
	case !b.HoldCheckpoints:
		c.records += 100
		c.publishLocked(outcome.None, "")
	}
	if b.HoldOperations {
		return
	}
	for _, op := range c.operations {
		if !op.state.Status.Final() {
			c.advanceLocked(op)
		}
	}
}

// publishLocked completes a checkpoint, ends the attempt if it has an outcome, and finds out when it is fenced.
func (c *coordinator) publishLocked(end outcome.Outcome, operation string) *ChainCheckpoint {
	published := c.bucket.publishLocked(c.attempt, end, operation)
	if published != nil {
		c.completed++
		c.failed, c.declined = 0, ""
	}
	switch {
	case published == nil:
		newest := c.bucket.newestLocked()
		who := "nobody: the job's folder is empty"
		if newest != nil {
			who = fmt.Sprintf("attempt %d of %s", newest.Number, newest.Owner)
		}
		c.endLocked(rest.Failed, "another attempt has claimed the job: "+who, rest.FailedFenced)
	case end.EndsChain():
		c.endLocked(rest.StateAfter(end), "", "")
	}
	return published
}

func (c *coordinator) endLocked(state rest.State, failure string, kind rest.FailureKind) {
	c.state, c.failure, c.failureKind = state, failure, kind
	delete(c.bucket.mu.active, c)
}

// terminate is the end of the process: by SIGTERM with a last checkpoint, which has no outcome, or by SIGKILL without.
func (c *coordinator) terminate(gracefully bool) {
	c.bucket.mu.Lock()
	defer c.bucket.mu.Unlock()
	if gracefully && !c.dead && c.state == rest.Running {
		c.publishLocked(outcome.None, "")
	}
	c.dead = true
	delete(c.bucket.mu.active, c)
}

// abandon lets the process go on without its pod.
func (c *coordinator) abandon() {
	c.bucket.mu.Lock()
	defer c.bucket.mu.Unlock()
	c.abandoned = true
}

// ready is what /readyz says.
func (c *coordinator) ready() error {
	c.bucket.mu.Lock()
	defer c.bucket.mu.Unlock()
	if c.dead || c.state != rest.Running {
		return &rest.Error{Code: rest.Unavailable, Message: fmt.Sprintf("the job is %s", c.state)}
	}
	return nil
}

// job is what GET /v1/job says.
func (c *coordinator) job() rest.Job {
	c.bucket.mu.Lock()
	defer c.bucket.mu.Unlock()
	j := rest.Job{ID: c.bucket.jobID, State: c.state, Revision: c.revision, Engine: "model", Attempt: c.attempt,
		MaxParallelism: mostParallelism, StartTime: c.started, RestoredFrom: c.restored, RestoreNonces: c.restoreNonces,
		CompletedCheckpoints: c.completed, FailedCheckpointsInARow: c.failed, CheckpointFailure: c.declined,
		RecordsIn: c.records, RecordsOut: c.records, Failure: c.failure, FailureKind: c.failureKind, Settings: c.settings}
	if c.settings != nil {
		j.Parallelism = c.settings.Parallelism
	}
	if h := c.bucket.headLocked(); h != nil && h.Attempt == c.attempt {
		j.LastCheckpoint = h.rest()
	}
	if c.state.Executes() {
		return j
	}
	j.Chain = c.bucket.chainLocked()
	if j.State == rest.Standby && j.Failure == "" && j.Chain.Attempt > 0 && j.Chain.Owner != c.owner && j.Chain.Outcome == outcome.None {
		j.Failure = fmt.Sprintf("the job is run by %s (attempt %d)", j.Chain.Owner, j.Chain.Attempt)
		j.FailureKind = rest.FailedFenced
	}
	return j
}

// breaks tells whether the next answer is not given.
func (c *coordinator) breaks() bool {
	c.bucket.mu.Lock()
	defer c.bucket.mu.Unlock()
	b := &c.bucket.mu.behaviour
	if b.BrokenAnswers > 0 {
		b.BrokenAnswers--
		return true
	}
	return c.dead || b.Silent
}
