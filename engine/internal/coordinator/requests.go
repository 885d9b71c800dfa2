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
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
)

// keptAnswers is how many answered requests are remembered, so that asking again gets the same answer.
const keptAnswers = 64

// requestState is how far a request has come.
type requestState uint8

const (
	// probing: the place of its savepoint is being probed by a write, before there is a barrier for it (P3).
	probing requestState = iota
	// queued: it waits for the next checkpoint that serves it.
	queued
	// attached: that checkpoint is under way.
	attached
	// exporting: the checkpoint is complete and its commits are confirmed; the savepoint is being made of it.
	exporting
	// answered successfully, and remembered.
	answered
)

// request is one savepoint, stop or checkpoint that was asked for. Several may share a checkpoint; every one outlives
// aborted checkpoints and restarts, except a stop, which fails with the checkpoint that was to be the last (P3).
type request struct {
	rest.Request // its Target is empty if no savepoint is wanted

	state      requestState
	deadline   time.Duration
	replied    bool  // nobody waits for an answer
	last       error // why it has not succeeded yet
	checkpoint int64
	metadata   *snapshot.Metadata // from exporting on
	export     retry
	result     Result
}

func (r *request) waits() bool { return r.state == queued }

func (r *request) mode() message.Mode {
	if r.Drain {
		return message.Drain
	}
	return message.Pause
}

func (r *request) outcome() outcome.Outcome {
	if r.Drain {
		return outcome.Drained
	}
	return outcome.Stopped
}

// servedBy tells whether a checkpoint with an outcome is what the request is for. The end of the input serves all.
func (r *request) servedBy(o outcome.Outcome) bool {
	return r.Kind != rest.StopOperation || o == outcome.Completed || o == r.outcome()
}

// requested takes a request. One that is under way under the same id is joined (P3).
func (c *Coordinator) requested(e Requested) {
	if e.Kind == rest.CancelOperation {
		c.exit(outcome.Cancelled, nil)
		return
	}
	r, within := &request{Request: e.Request}, e.Deadline
	if within <= 0 {
		within = c.cfg.RequestDeadline
	}
	r.deadline = c.now + within
	for _, other := range c.requests {
		switch {
		case other.ID != r.ID:
		case other.Kind == r.Kind:
			c.join(other, r.deadline)
			return
		case other.Kind != rest.CheckpointOperation && r.Kind != rest.CheckpointOperation:
			c.refuse(r, fmt.Errorf("id %q is that of a %s; choose another", r.ID, other.Kind.Word()))
			return
		}
	}
	switch {
	case r.ID == "":
		c.refuse(r, errors.New("the request has no id"))
		return
	case r.Kind == rest.SavepointOperation && r.Target == "":
		c.refuse(r, errors.New("no place to put the savepoint: name one, or set spec.savepoint.storage"))
		return
	case r.Target == "":
		r.state = queued
	default:
		c.emit(ProbeTarget{ID: r.ID, Target: r.Target})
	}
	c.requests = append(c.requests, r)
}

func (c *Coordinator) join(r *request, deadline time.Duration) {
	r.deadline = max(r.deadline, deadline)
	r.replied = false
	if r.state == answered {
		c.answer(r)
	}
}

// answer tells the requester that the request has succeeded.
func (c *Coordinator) answer(r *request) {
	r.state = answered
	r.metadata = nil
	if !r.replied {
		r.replied = true
		c.emit(Reply{Kind: r.Kind, ID: r.ID, Result: r.result})
	}
}

// refuse tells the requester that the request has failed.
func (c *Coordinator) refuse(r *request, err error) {
	if !r.replied {
		r.replied = true
		c.emit(Reply{Kind: r.Kind, ID: r.ID, Err: err})
	}
}

// drop refuses a request and forgets it: asking again starts anew.
func (c *Coordinator) drop(r *request, err error) {
	c.refuse(r, err)
	c.requests = slices.DeleteFunc(c.requests, func(other *request) bool { return other == r })
}

func (c *Coordinator) probed(id string) *request {
	for _, r := range c.requests {
		if r.ID == id && r.state == probing {
			return r
		}
	}
	return nil
}

func (c *Coordinator) targetProbed(e TargetProbed) {
	if r := c.probed(e.ID); r != nil {
		r.state = queued
	}
}

// savepointFound answers a request that was served before, by an earlier attempt or under another target's name: a stop that
// comes late must not end an attempt that began since (P3). A stop is served by the savepoint of a checkpoint that ended the
// job as it asks.
func (c *Coordinator) savepointFound(e SavepointFound) {
	r := c.probed(e.ID)
	if r == nil {
		return
	}
	if !r.servedBy(e.Outcome) {
		c.drop(r, &fault.Error{Class: fault.Permanent, Place: e.Path, Remedy: "choose another id",
			Err: fmt.Errorf("under id %s there is a savepoint that is not of this %s: its outcome is %s", r.ID, r.Kind.Word(), e.Outcome.Word())})
		return
	}
	r.result = Result{Checkpoint: e.Checkpoint, Outcome: e.Outcome, Path: e.Path, Bytes: e.Bytes}
	c.answer(r)
}

func (c *Coordinator) targetProbeFailed(e TargetProbeFailed) {
	if r := c.probed(e.ID); r != nil {
		c.drop(r, fmt.Errorf("the place of the savepoint cannot be written, and nothing was stopped: %w", e.Err))
	}
}

// bindRequests gives the waiting requests the checkpoint that is being triggered.
func (c *Coordinator) bindRequests(ck *checkpoint) {
	for _, r := range c.requests {
		if r.waits() && r.servedBy(ck.outcome) {
			r.state, r.checkpoint = attached, ck.id
		}
	}
}

// unbindRequests takes back what an aborted checkpoint was for: savepoints wait for the next one, stops fail.
func (c *Coordinator) unbindRequests(ck *checkpoint, reason error) {
	for _, r := range slices.Clone(c.requests) {
		if r.state != attached || r.checkpoint != ck.id {
			continue
		}
		r.last = fmt.Errorf("checkpoint %d failed: %w", ck.id, reason)
		r.state = queued
		if r.Kind == rest.StopOperation {
			c.drop(r, fmt.Errorf("the job goes on: %w", r.last))
		}
	}
}

// serve gives a checkpoint whose commits are confirmed to the requests that are bound to it.
func (c *Coordinator) serve(m *snapshot.Metadata) {
	for _, r := range c.requests {
		if r.state != attached || r.checkpoint != m.ID {
			continue
		}
		r.result = Result{Checkpoint: m.ID, Outcome: m.Outcome, Bytes: m.StateSize()}
		if r.Target == "" {
			c.answer(r)
			continue
		}
		r.state, r.metadata = exporting, m
	}
}

// advanceRequests binds what waits to the checkpoint that has ended the job, repeats exports, and ends what is overdue.
func (c *Coordinator) advanceRequests() {
	for _, r := range slices.Clone(c.requests) {
		if r.state == queued && c.chain.ending != outcome.None {
			c.bindToEnd(r)
		}
		if r.state == exporting && !r.export.underWay && c.reached(r.export.at) {
			r.export.begin()
			c.emit(Export{ID: r.ID, Target: r.Target, Metadata: r.metadata})
		}
		if !r.replied && c.reached(r.deadline) {
			c.expire(r)
		}
	}
	c.forgetAnswers()
}

// bindToEnd gives a request the last checkpoint of the job.
func (c *Coordinator) bindToEnd(r *request) {
	m := c.chain.head
	if !r.servedBy(c.chain.ending) {
		c.drop(r, fault.Permanentf("", "", "the job has ended before, with outcome %s", c.chain.ending.Word()))
		return
	}
	r.state, r.checkpoint = attached, m.ID
	if len(c.chain.commits) == 0 {
		c.serve(m)
	}
}

// expire answers a request whose deadline has come. A stop that is not published goes no further (P3); an export that is
// under way goes on unheard, and if it succeeds, asking again gets its path.
func (c *Coordinator) expire(r *request) {
	err := fmt.Errorf("the %s was not done in time: %s", r.Kind.Word(), r.waitsFor())
	if held := c.commitsHold(); held != nil && r.state == queued {
		err = fmt.Errorf("the %s was not done in time: %w", r.Kind.Word(), held)
	}
	if r.last != nil {
		err = fmt.Errorf("%w; %w", err, r.last)
	}
	ck := c.chain.current
	switch {
	case r.state == exporting && r.export.underWay:
		c.refuse(r, err)
	case r.Kind == rest.StopOperation && r.state == attached && ck != nil && ck.stage == acking:
		c.drop(r, fmt.Errorf("the job goes on: %w", err))
		c.abort(err)
		c.afterAbort(ck)
	default:
		c.drop(r, err)
	}
}

// waitsFor says what a request was waiting for.
func (r *request) waitsFor() string {
	switch r.state {
	case probing:
		return "no answer from the place of the savepoint"
	case queued:
		return "no checkpoint could be started"
	case attached:
		return fmt.Sprintf("checkpoint %d was not complete and committed", r.checkpoint)
	}
	return fmt.Sprintf("checkpoint %d is complete and committed, but its export was not done", r.checkpoint)
}

func (c *Coordinator) exportOf(id string) *request {
	for _, r := range c.requests {
		if r.ID == id && r.state == exporting && r.export.underWay {
			return r
		}
	}
	return nil
}

func (c *Coordinator) exported(e Exported) {
	if r := c.exportOf(e.ID); r != nil {
		r.result.Path, r.result.Checkpoint, r.result.Bytes = e.Path, e.Checkpoint, e.Bytes
		c.answer(r)
	}
}

// exportFailed tries again until the deadline, unless the error is permanent. It says nothing about the checkpoint.
func (c *Coordinator) exportFailed(e ExportFailed) {
	r := c.exportOf(e.ID)
	if r == nil || c.fenced(e.Err) {
		return
	}
	permanent := r.export.failed(c.now, e.Err, c.cfg.Random())
	r.last = fmt.Errorf("export of checkpoint %d: %w", r.checkpoint, e.Err)
	if permanent || r.replied {
		c.drop(r, r.last)
		return
	}
	c.logf(slog.LevelWarn, "savepoint %s: %v; trying again", r.ID, r.last)
}

// forgetAnswers bounds what is remembered: the oldest go.
func (c *Coordinator) forgetAnswers() {
	excess := -keptAnswers
	for _, r := range c.requests {
		if r.state == answered {
			excess++
		}
	}
	c.requests = slices.DeleteFunc(c.requests, func(r *request) bool {
		old := r.state == answered && excess > 0
		if old {
			excess--
		}
		return old
	})
}
