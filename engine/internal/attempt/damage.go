package attempt

import (
	"errors"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/snapshot"
)

// DamagedError ends an attempt that has found damage in what it restored, while it read it. The next attempt verifies before it
// chooses, and goes on from the newest intact checkpoint, or says why it may not (P2): it is worth making at once.
type DamagedError struct {
	Err error // with a *snapshot.CorruptError
}

func (e *DamagedError) Error() string { return e.Err.Error() }

func (e *DamagedError) Unwrap() error { return e.Err }

// damageOf makes of the error that has ended an attempt a transient *DamagedError, if another attempt does better: nothing had
// verified what this one restored, and it has no complete checkpoint, which would say that all of that was read.
func damageOf(err error, from snapshot.Chosen, completed int) error {
	var corrupt *snapshot.CorruptError
	if !from.Unverified || completed > 0 || !errors.As(err, &corrupt) || !from.Snapshot.Holds(corrupt.Object) {
		return err
	}
	return fault.AsTransient(&DamagedError{err})
}
