// Package operator holds the contract of the links of a task's chain, and the operators that every job shares.
//
// One goroutine owns a subtask and calls all methods of its operators, so they need no locks. Barriers are the task's
// business: an operator's keyed state lives in tables that the task freezes, sources and sinks have contracts of their own.
package operator

import (
	"context"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/state"
)

// Output takes the batches that an operator emits.
type Output interface {
	// Emit hands a batch on. The receiver is done with it when Emit returns.
	Emit(b *batch.Batch) error
}

// Operator is one link of a chain.
type Operator interface {
	// Open is called once, before any row; the tables that it asks for are restored already.
	Open(ctx Context) error
	// Process handles the rows of one batch of an input (0, 1, ...), which is read-only and valid until it returns. Several edges
	// may lead to one input.
	Process(input int, b *batch.Batch, out Output) error
	// Watermark tells that event time, the minimum over all inputs, has advanced to ms: whatever waited for it is emitted
	// now. It returns the watermark that holds for what is emitted later: ms, or less if rows of earlier times may still
	// follow. math.MaxInt64 is the end of all input, after which nothing may be kept back.
	Watermark(ms int64, out Output) (forward int64, err error)
	// Flush emits what the operator keeps back of the rows that it has processed, such as changes that it folds into one. It
	// is called before every barrier, because no snapshot holds what is kept back, before every watermark, before idleness,
	// and when there is nothing to do.
	Flush(out Output) error
	Close() error
}

// CheckpointListener is an Operator that is told which checkpoints are complete: all that it had processed before their barriers
// is behind any recovery.
type CheckpointListener interface {
	// CheckpointComplete is called between two batches, in the order of the checkpoints. One that was aborted is never told. One
	// that is complete may be left out if the execution ends for a failure. After a restore nothing is told of the restored
	// checkpoint: that it is complete follows from the restore.
	CheckpointComplete(checkpoint int64) error
}

// ProcessingTimed is an Operator that waits for processing time: the time of the machine's clock, which never goes back while a subtask
// runs. What it does then is not the same in another run (P4).
type ProcessingTimed interface {
	// NextTimer is the processing time, in ms since the epoch, that the operator waits for; found is false if it waits for none.
	NextTimer() (ms int64, found bool)
	// ProcessingTime tells that processing time has come to ms, which is not before the next timer. It handles a part of what is due,
	// so that barriers and rows do not wait for all of it, and is called again for the rest. It is not called once the input has ended.
	ProcessingTime(ms int64, out Output) error
}

// Context is what the task offers to an operator.
type Context interface {
	context.Context
	UID() string
	// Subtask is the index of the subtask and the number of all.
	Subtask() (index, parallelism int)
	// Table returns a keyed state of cells of the operator, restored.
	Table(d state.Descriptor) (state.Table, error)
	// Sorted returns a sorted map of the operator, restored.
	Sorted(d state.Descriptor) (state.Sorted, error)
	// Timers returns timers of the operator, restored.
	Timers(d state.Descriptor) (state.Timers, error)
	// Items returns an operator state, restored: what the subtask keeps for itself.
	Items(d state.Descriptor) (*state.Items, error)
	// SideOutput returns where the rows of a side output of the operator go. It stays the same.
	SideOutput(name string) Output
	// RestoredWatermark is the lowest watermark that the operator had acted on in any of the restored key groups that
	// hold state for the hash, math.MinInt64 for new state (P4): what it had fired must not fire again.
	RestoredWatermark(hash uint64) int64
	// MaxRestoredWatermark is the highest that RestoredWatermark returns for any hash: what lies beyond it needs no look-up
	// for each row.
	MaxRestoredWatermark() int64
	// ProcessingTime is the current processing time, in ms since the epoch.
	ProcessingTime() int64
	// Late counts a record that was dropped because it came too late.
	Late(records int)
	// Skipped counts records that were dropped because they are faulty and the user asked to go on.
	Skipped(records int)
}

// Factory makes the operator of one subtask.
type Factory func() (Operator, error)

// Stateless is embedded by operators that neither open anything, nor keep anything back, nor care for event time.
type Stateless struct{}

// Open does nothing.
func (Stateless) Open(Context) error { return nil }

// Watermark forwards the watermark.
func (Stateless) Watermark(ms int64, _ Output) (int64, error) { return ms, nil }

// Flush does nothing.
func (Stateless) Flush(Output) error { return nil }

// Close does nothing.
func (Stateless) Close() error { return nil }
