// Package exchange moves batches and control elements between the subtasks of one process: a [Gate] for each consumer
// subtask, with one bounded queue for each producer, and an [Output] for each producer.
//
// It promises that the elements of one channel arrive in order; that no row behind a barrier is handed out before the
// checkpoint is aligned, while a channel that waits for that blocks no other; that queues are bounded in batches and
// bytes; and that a cancelled gate wakes everyone who waits at it, on both sides, whichever side has cancelled it. Batches are copied into ones that the channel owns
// and recycles, so that in the steady state nothing is allocated.
//
// An output knows its channels as [Sender], which another transport can implement.
//
// It refuses to know what rows, operators and state are. Locks are taken for each batch, never for each record.
package exchange

import (
	"errors"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/fault"
)

// Kind is what an element is.
type Kind uint8

// The kinds of elements. A producer sends all but Superseded; a consumer gets Watermark and Idle merged over all
// channels, Barrier once for each aligned checkpoint, and EndOfInput once, when every channel has ended.
const (
	Batch Kind = iota
	Barrier
	Watermark
	// Idle says that its sender has nothing and will not advance event time; Active takes that back.
	Idle
	Active
	EndOfInput
	// Superseded tells the consumer that the alignment of a checkpoint was given up for a newer one.
	Superseded
)

// Element is one entry of a channel.
type Element struct {
	Kind  Kind
	Input int          // of the consumer's operator; set by the gate
	Batch *batch.Batch // of a Batch; the consumer gives it back with Recycle
	// Value is the checkpoint of a Barrier or Superseded, the watermark in ms of a Watermark.
	Value int64

	channel *channel
	size    int // bytes of the batch
}

// ErrCancelled is returned to everyone who uses a gate that was cancelled. It is transient: the cause is on the other side.
var ErrCancelled = fault.AsTransient(errors.New("the exchange was cancelled: a subtask on its other side has ended"))

// Bounds of a channel. Control elements have room of their own, so that a barrier is not held up by the bounds on rows
// more than by the rows before it.
const (
	maxBatches  = 8
	maxBytes    = 512 << 10
	maxElements = 64
)
