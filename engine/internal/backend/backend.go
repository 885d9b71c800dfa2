// Package backend is the contract between a subtask and the place where the keyed state of one of its operators lives,
// and the encoding of that state in snapshots, which is the same for every backend.
//
// A backend promises that [Backend.Freeze] takes a time bounded by metadata, never by the amount of state; that what is
// frozen does not change, however the state changes while it is written; and that any backend restores what any other
// has written, at any parallelism. Implementations pass the suite of package backendtest.
//
// It refuses to know operators, checkpoints' ids and names of files.
package backend

import (
	"context"

	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/state"
)

// Scope says whose state a backend holds.
type Scope struct {
	// UID is the operator's.
	UID     string
	Subtask int
	// FirstGroup is the first key group of the subtask, EndGroup the one after its last; MaxParallelism is the number
	// of all key groups of the job.
	FirstGroup, EndGroup, MaxParallelism int
	// States are all states that the operator declares.
	States []state.Descriptor
	// Conversions are how the cells to restore become those of a state, by its name, where they hold other values.
	Conversions map[string]state.Conversion
	// Now is the processing time of a restore, which counts for what expires by it where a conversion has another TTL.
	Now int64
	// Incremental: what is frozen is written as runs, which later checkpoints name again beside what has changed since.
	Incremental bool
}

// Factory makes an empty backend.
type Factory func(Scope) (Backend, error)

// Backend holds the keyed state of one operator in one subtask. The goroutine that owns the subtask calls all methods.
type Backend interface {
	// Table returns a declared state of cells.
	Table(name string) (state.Table, error)
	// Sorted returns a declared sorted map.
	Sorted(name string) (state.Sorted, error)
	// Timers returns declared timers.
	Timers(name string) (state.Timers, error)
	// Restore fills the empty backend with the blocks of its key groups, whichever subtask wrote them. Damage is a
	// *snapshot.CorruptError.
	Restore(ctx context.Context, from []snapshot.SubtaskState, blocks Blocks) error
	// Continue says, right after Restore, that the first checkpoint may name the runs again that a subtask of this number and these
	// key groups has written: they were restored from the newest complete checkpoint of the job's own chain.
	Continue(from snapshot.SubtaskState)
	// AdvanceWatermark records that the operator has acted on a watermark: it goes into snapshots for every key group (P4).
	AdvanceWatermark(watermark int64)
	// RestoredWatermark is the watermark that was acted on before the restore in the key group of a hash;
	// snapshot.NoTime: none.
	RestoredWatermark(hash uint64) int64
	// MaxRestoredWatermark is the highest of these over the key groups of the scope.
	MaxRestoredWatermark() int64
	// Sweep takes a part of what has expired out of the states that have a TTL: by processing time, which is now, or by the watermark that the
	// operator has acted on. It takes less than a millisecond, or not longer than it took to put in what came since the call before. It
	// returns the processing time at which it wants to be called again though nothing happens, at once if more is due;
	// math.MaxInt64: not before something does. An entry that has expired is out within a quarter of the TTL, by its clock; if that goes so fast
	// that calls do not follow each other often enough, within as many calls as the state has times 8,192 entries.
	Sweep(now int64) (next int64)
	// Freeze fixes the state as it is now, for a checkpoint. complete is the newest one that is known to be complete, 0: none. What
	// is written names only runs that complete names, or what was restored; so what was frozen for a checkpoint that was aborted,
	// or of which nothing is known yet, is written again as far as it differs. Several frozen versions may be alive.
	Freeze(checkpoint, complete int64) Frozen
	// Close gives up the state. Frozen versions stay valid until they are released.
	Close() error
}

// Frozen is the state at the time of a Freeze. Its methods may be called by another goroutine than the backend's.
type Frozen interface {
	// Write writes the state. What it returns has files alone.
	Write(ctx context.Context, files Files) (snapshot.SubtaskState, error)
	// Release gives up the frozen version; it is called exactly once, whether it was written or not.
	Release()
}

// Files makes the data files of one checkpoint; *snapshot.FileWriter is one.
type Files interface {
	Create(ctx context.Context, operatorUID string, subtask int) (*snapshot.GroupFileWriter, error)
	// CreateRun makes one that later checkpoints may name again.
	CreateRun(ctx context.Context, operatorUID string, subtask int) (*snapshot.GroupFileWriter, error)
}

// Blocks reads the data files of a snapshot; *snapshot.Snapshot is one.
type Blocks interface {
	ReadBlock(ctx context.Context, f snapshot.GroupFile, b snapshot.Block) ([]byte, error)
}
