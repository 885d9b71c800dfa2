// Package checkpoint is the protocol by which a subtask with several input channels aligns the barriers of a
// checkpoint, as a pure state machine: what arrived in, what to do out. It knows no queues, goroutines or state.
//
// The rules are Flink's for aligned checkpoints (org.apache.flink.streaming.runtime.io.checkpointing), but for the end
// of input: a channel whose input has ended still carries barriers here, because ended subtasks live on and take part
// in checkpoints until the job is over. So an ended channel is waited for like any other, and there is no event for it.
//
//   - A channel that has delivered the barrier of the pending checkpoint is blocked until all have.
//   - A newer barrier gives up the pending checkpoint, and begins its own.
//   - A barrier of a checkpoint that is over (complete, given up, aborted) is ignored, and blocks nothing.
//   - An abort from the coordinator ends the pending checkpoint, or makes one whose barrier is still to come void.
package checkpoint

import "fmt"

// EventKind is what happened.
type EventKind uint8

// The events.
const (
	// Barrier: the barrier of checkpoint ID arrived on Channel.
	Barrier EventKind = iota
	// Abort: the coordinator gave up checkpoint ID.
	Abort
)

// Event is one thing that happened.
type Event struct {
	Kind    EventKind
	Channel int // of a Barrier
	ID      int64
}

// ActionKind is what the gate is to do.
type ActionKind uint8

// The actions.
const (
	// Block: read nothing from Channel.
	Block ActionKind = iota
	// Unblock: read all channels again.
	Unblock
	// Aligned: every channel has delivered the barrier of checkpoint ID: take the snapshot. The channels are to be
	// read again only afterwards; an Unblock follows.
	Aligned
	// GiveUp: checkpoint ID will not be aligned, because a newer one has begun; the coordinator does not know yet.
	GiveUp
)

// Action is one thing to do.
type Action struct {
	Kind    ActionKind
	Channel int // of a Block
	ID      int64
}

// String reads like the protocol scripts.
func (a Action) String() string {
	switch a.Kind {
	case Block:
		return fmt.Sprintf("block channel %d", a.Channel)
	case Unblock:
		return "unblock all"
	case Aligned:
		return fmt.Sprintf("aligned %d", a.ID)
	case GiveUp:
		return fmt.Sprintf("give up %d", a.ID)
	}
	return fmt.Sprintf("action %d", a.Kind)
}

// Alignment is the state of the protocol in one subtask.
type Alignment struct {
	over    int64   // every checkpoint up to this one is over, but for the pending one
	pending int64   // being aligned; 0: none
	arrived []bool  // by channel, for the pending checkpoint
	missing int     // channels that have not arrived
	void    []int64 // aborted checkpoints above over, whose barriers are still to come
	actions []Action
}

// New returns the state before any barrier, for a number of channels.
func New(channels int) *Alignment { return &Alignment{arrived: make([]bool, channels)} }

// Pending is the checkpoint that is being aligned; 0: none.
func (a *Alignment) Pending() int64 { return a.pending }

// Step takes an event and returns what to do, in order; the slice is valid until the next call. Checkpoint ids are
// positive and grow.
func (a *Alignment) Step(e Event) []Action {
	a.actions = a.actions[:0]
	switch e.Kind {
	case Barrier:
		a.barrier(e.Channel, e.ID)
	case Abort:
		a.abort(e.ID)
	}
	return a.actions
}

func (a *Alignment) barrier(channel int, id int64) {
	switch {
	case id != a.pending && (id <= a.over || a.isVoid(id)):
		return
	case id != a.pending:
		if a.pending != 0 {
			a.do(Action{Kind: GiveUp, ID: a.pending})
			a.end()
		}
		a.pending, a.missing = id, len(a.arrived)
		a.advance(id)
	case a.arrived[channel]:
		panic(fmt.Sprintf("barrier %d arrived twice on channel %d, which is blocked", id, channel))
	}
	a.arrived[channel] = true
	a.missing--
	a.do(Action{Kind: Block, Channel: channel})
	if a.missing == 0 {
		a.do(Action{Kind: Aligned, ID: id})
		a.end()
	}
}

func (a *Alignment) abort(id int64) {
	switch {
	case id == a.pending:
		a.end()
	case id > a.over && !a.isVoid(id):
		a.void = append(a.void, id)
	}
}

// end ends the pending checkpoint, however it went.
func (a *Alignment) end() {
	a.pending = 0
	clear(a.arrived)
	a.do(Action{Kind: Unblock})
}

// advance records that a checkpoint has begun, so all before it are over.
func (a *Alignment) advance(id int64) {
	a.over = id
	kept := a.void[:0]
	for _, v := range a.void {
		if v > id {
			kept = append(kept, v)
		}
	}
	a.void = kept
}

func (a *Alignment) isVoid(id int64) bool {
	for _, v := range a.void {
		if v == id {
			return true
		}
	}
	return false
}

func (a *Alignment) do(action Action) { a.actions = append(a.actions, action) }
