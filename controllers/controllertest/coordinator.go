package controllertest

import (
	"fmt"
	"time"

	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// coordinator is one run of `weir coordinator` in a pod. All its fields but the first group are guarded by bucket.mu.
type coordinator struct {
	bucket   *Bucket
	pod      string
	owner    string
	revision string
	// savepoints is where its manifest says that savepoints go; empty: nowhere.
	savepoints string
	changed    func() // tells the kubelet that readiness may have changed; called without the lock

	state       rest.State
	attempt     int64
	settings    *rest.Settings
	restored    string
	started     time.Time
	failure     string
	failureKind rest.FailureKind
	completed   int64
	failed      int64  // checkpoints, in a row
	declined    string // why the last of them
	records     int64
	operations  map[string]*operation
	dead        bool // the process is gone: it neither answers nor publishes
	abandoned   bool // the cluster lost sight of it: no operator can stop it
}

// operation is one request and how far it is.
type operation struct {
	request string // tells a repetition from another request under the same id
	state   rest.Operation
	target  string
	drain   bool
}

// launch is the start of a container: it claims by itself if the job is its own and was not stopped (P3).
func launch(bucket *Bucket, pod, owner, revision, savepoints string, changed func()) *coordinator {
	c := &coordinator{bucket: bucket, pod: pod, owner: owner, revision: revision, savepoints: savepoints, changed: changed,
		state: rest.Standby, operations: map[string]*operation{}}
	bucket.mu.Lock()
	defer bucket.mu.Unlock()
	newest := bucket.newestLocked()
	if newest != nil && newest.Owner == owner && newest.Revision == revision && bucket.outcomeLocked() == outcome.None {
		c.beginLocked(newest.Settings, true)
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
	a := c.bucket.claimLocked(Attempt{Owner: c.owner, Revision: c.revision, Pod: c.pod, Settings: s, SelfClaimed: byItself})
	c.attempt, c.settings, c.restored, c.started = a.Number, &a.Settings, a.RestoredFrom, time.Now()
	c.state, c.failure, c.failureKind, c.completed, c.records = rest.Starting, "", "", 0, 0
	c.failed, c.declined = 0, ""
	c.bucket.mu.active[c] = true
	return a.Number
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
		c.publishLocked("", "")
	}
	if b.HoldOperations {
		return
	}
	for _, op := range c.operations {
		if op.state.Status == rest.InProgress {
			c.advanceLocked(op)
		}
	}
}

// advanceLocked brings an operation to its end.
func (c *coordinator) advanceLocked(op *operation) {
	b := &c.bucket.mu.behaviour
	if len(b.FailOperations) > 0 {
		op.state.Status, op.state.Error = rest.Undone, b.FailOperations[0]
		b.FailOperations = b.FailOperations[1:]
		return
	}
	if c.state == rest.Starting {
		return
	}
	head := c.bucket.headLocked()
	switch {
	case c.state == rest.Running && op.state.Kind == rest.StopOperation:
		end := outcome.Stopped
		if op.drain {
			end = outcome.Drained
		}
		head = c.publishLocked(end, op.state.ID)
	case c.state == rest.Running && head == nil:
		return // the first checkpoint is still to come
	case c.state != rest.Running:
		if head == nil || !serves(head.Outcome, op) {
			op.state.Status = rest.Undone
			op.state.Error = &rest.Error{Code: rest.Conflict, Message: fmt.Sprintf("the job is %s", c.state)}
			return
		}
		// An attempt of its own confirms the head's commits and exports it.
		c.bucket.claimLocked(Attempt{Owner: c.owner, Revision: c.revision, Pod: c.pod, Settings: c.bucket.newestLocked().Settings, Finishing: true})
	}
	if head == nil {
		op.state.Status = rest.Undone
		op.state.Error = &rest.Error{Code: rest.Unavailable, Message: c.failure}
		return
	}
	op.state.Status, op.state.CheckpointID, op.state.Path = rest.Done, head.ID, head.Path
	op.state.SizeBytes = 1000 + head.ID
	op.state.CopiedBytes = 0
	if op.target != "" {
		op.state.Path = c.bucket.exportLocked(op.state.ID, op.target)
		op.state.CopiedBytes = op.state.SizeBytes
	}
}

// serves tells whether a head with an outcome is what was asked for.
func serves(end outcome.Outcome, op *operation) bool {
	switch {
	case op.state.Kind == rest.SavepointOperation || end == outcome.Completed:
		return end.EndsChain()
	case op.drain:
		return end == outcome.Drained
	default:
		return end == outcome.Stopped
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
	case end == outcome.Completed:
		c.endLocked(rest.Completed, "", "")
	case end.EndsChain():
		c.endLocked(rest.Stopped, "", "")
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
		c.publishLocked("", "")
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
func (c *coordinator) ready() bool {
	c.bucket.mu.Lock()
	defer c.bucket.mu.Unlock()
	return !c.dead && c.state == rest.Running
}

// job is what GET /v1/job says.
func (c *coordinator) job() rest.Job {
	c.bucket.mu.Lock()
	defer c.bucket.mu.Unlock()
	j := rest.Job{ID: c.bucket.jobID, State: c.state, Revision: c.revision, Engine: "model", Attempt: c.attempt,
		MaxParallelism: 1024, StartTime: c.started, RestoredFrom: c.restored, CompletedCheckpoints: c.completed,
		FailedCheckpointsInARow: c.failed, CheckpointFailure: c.declined,
		RecordsIn: c.records, RecordsOut: c.records, Failure: c.failure, FailureKind: c.failureKind, Settings: c.settings}
	if c.settings != nil {
		j.Parallelism = c.settings.Parallelism
	}
	if h := c.bucket.headLocked(); h != nil && h.Attempt == c.attempt {
		j.LastCheckpoint = h.rest()
	}
	if c.state != rest.Running && c.state != rest.Starting {
		j.Chain = c.bucket.chainLocked()
	}
	return j
}

// activate begins an attempt (P3).
func (c *coordinator) activate(r rest.ActivateRequest) (rest.Operation, error) {
	c.bucket.mu.Lock()
	defer c.bucket.mu.Unlock()
	if e := c.bucket.mu.behaviour.RefuseActivation; e != nil {
		return rest.Operation{}, e
	}
	if old := c.operations[r.ID]; old != nil {
		return old.state, nil
	}
	if err := c.mayActivateLocked(r); err != nil {
		return rest.Operation{}, err
	}
	op := &operation{state: rest.Operation{ID: r.ID, Kind: rest.ActivateOperation, Status: rest.Done}}
	if e := c.bucket.mu.behaviour.FailActivation; e != nil {
		c.bucket.claimLocked(Attempt{Owner: c.owner, Revision: c.revision, Pod: c.pod, Settings: r.Settings, Failed: true})
		op.state.Status, op.state.Error = rest.Undone, e
		c.operations[r.ID] = op
		return op.state, nil
	}
	op.state.Attempt = c.beginLocked(r.Settings, false)
	c.operations[r.ID] = op
	return op.state, nil
}

func (c *coordinator) mayActivateLocked(r rest.ActivateRequest) error {
	chain := c.bucket.chainLocked()
	conflict := func(format string, args ...any) error {
		return &rest.Error{Code: rest.Conflict, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case c.state == rest.Starting || c.state == rest.Running:
		return conflict("attempt %d runs already", c.attempt)
	case r.Revision != c.revision:
		return conflict("this is revision %s, not %s", c.revision, r.Revision)
	case r.ExpectedAttempt != chain.Attempt:
		return conflict("the newest attempt is %d, not %d", chain.Attempt, r.ExpectedAttempt)
	case chain.Outcome.Final():
		return conflict("the job is over: %s", chain.Outcome)
	case chain.Attempt == 0 && !r.AllowEmpty:
		return conflict("there is no checkpoint, and the job may not start empty")
	case chain.Owner != "" && chain.Owner != c.owner && chain.Outcome == outcome.None && !r.TakeOver:
		return conflict("%s runs the job", chain.Owner)
	}
	if why := c.bucket.repeatsLocked(r.Settings.Restore); why != "" {
		return conflict("%s; to accept that, use restore.allowRepeatedOutput", why)
	}
	return nil
}

// begin takes a savepoint, stop, checkpoint or cancel, or finds the one of the same id.
func (c *coordinator) begin(op operation) (rest.Operation, error) {
	c.bucket.mu.Lock()
	defer c.bucket.mu.Unlock()
	b := &c.bucket.mu.behaviour
	if old := c.operations[op.state.ID]; old != nil {
		if old.request != op.request {
			return rest.Operation{}, &rest.Error{Code: rest.Conflict, Message: fmt.Sprintf("id %s was used for another request: %s", op.state.ID, old.request),
				Remedy: "choose another id"}
		}
		if old.state.Status != rest.Undone {
			return old.state, nil
		}
		// What failed left nothing behind, and is made again.
	}
	if b.Refuse != nil {
		return rest.Operation{}, b.Refuse
	}
	switch {
	case op.target != "":
	case c.settings != nil:
		op.target = c.settings.SavepointStorage
	default:
		op.target = c.savepoints
	}
	if op.state.Kind == rest.SavepointOperation && op.target == "" {
		return rest.Operation{}, &rest.Error{Code: rest.BadRequest, Message: "there is no place for the savepoint",
			Remedy: "name a target, or set spec.savepoint.storage"}
	}
	op.state.Status = rest.InProgress
	op.state.SizeBytes, op.state.CopiedBytes = 1000, 250
	c.operations[op.state.ID] = &op
	return op.state, nil
}

// find returns an operation by its id.
func (c *coordinator) find(id string) (rest.Operation, error) {
	c.bucket.mu.Lock()
	defer c.bucket.mu.Unlock()
	if op := c.operations[id]; op != nil {
		return op.state, nil
	}
	return rest.Operation{}, &rest.Error{Code: rest.NotFound, Message: fmt.Sprintf("nothing was asked for under id %s", id)}
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
