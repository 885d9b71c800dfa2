package job

import (
	"errors"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
)

// kindOf says what an error that has ended or prevented an attempt asks for.
func kindOf(err error) rest.FailureKind {
	var (
		fenced  *snapshot.FencedError
		lost    *snapshot.LostError
		refused *refusedError
		missing *snapshot.StateMissingError
		locked  *storage.LockedError
	)
	switch {
	case errors.As(err, &fenced), errors.As(err, &lost):
		return rest.FailedFenced
	case errors.As(err, &refused) && refused.verdict == coordinator.Refuse:
		return rest.FailedFenced
	case errors.As(err, &refused) && refused.verdict == coordinator.Missing, errors.As(err, &missing):
		return rest.FailedNoState
	case errors.As(err, &locked): // the process that has the folder may end
		return rest.FailedTransiently
	case fault.ClassOf(err) == fault.Permanent:
		return rest.FailedPermanently
	}
	return rest.FailedTransiently
}

// refused tells that an attempt might not begin, whatever is wrong with the job.
func refused(err error) bool {
	var r *refusedError
	return errors.As(err, &r)
}

// isRefusal tells that nothing is wrong with the job: another was there before.
func isRefusal(err error) bool {
	var refused *refusedError
	var lost *snapshot.LostError
	return errors.As(err, &lost) || errors.As(err, &refused) && refused.verdict == coordinator.Standby
}

// startError answers who asked for an attempt that did not begin.
func startError(err error) error {
	var already *rest.Error
	if errors.As(err, &already) {
		return already
	}
	code := rest.Conflict
	if kindOf(err) == rest.FailedTransiently && !isRefusal(err) {
		code = rest.Unavailable
	}
	return &rest.Error{Code: code, Message: err.Error()}
}
