package attempt

import (
	"errors"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
)

// KindOf says what an error that has ended or prevented an attempt asks for.
func KindOf(err error) rest.FailureKind {
	var (
		fenced  *snapshot.FencedError
		lost    *snapshot.LostError
		refused *RefusedError
		missing *snapshot.StateMissingError
		locked  *storage.LockedError
	)
	switch {
	case errors.As(err, &fenced), errors.As(err, &lost):
		return rest.FailedFenced
	case errors.As(err, &refused) && refused.Verdict == coordinator.Refuse:
		return rest.FailedFenced
	case errors.As(err, &refused) && refused.Verdict == coordinator.Missing, errors.As(err, &missing):
		return rest.FailedNoState
	case errors.As(err, &locked): // the process that has the folder may end
		return rest.FailedTransiently
	case fault.ClassOf(err) == fault.Permanent:
		return rest.FailedPermanently
	}
	return rest.FailedTransiently
}

// IsRefused tells that an attempt might not begin as things are (P3, P5), whether or not something is wrong with the job.
func IsRefused(err error) bool {
	var r *RefusedError
	return errors.As(err, &r)
}

// IsTooLate tells that an attempt might not begin because another was there before: nothing is wrong with the job.
func IsTooLate(err error) bool {
	var refused *RefusedError
	var lost *snapshot.LostError
	return errors.As(err, &lost) || errors.As(err, &refused) && refused.Verdict == coordinator.Standby
}
