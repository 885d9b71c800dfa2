package filesystem

import (
	"errors"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/storage"
)

// classed gives an error of the storage its class (P13). The error itself names the object and the remedy.
func classed(err error) error {
	var already *fault.Error
	switch {
	case err == nil || errors.As(err, &already):
		return err
	case errors.Is(err, storage.ErrTransient):
		return fault.AsTransient(err)
	}
	for _, class := range []error{storage.ErrPermission, storage.ErrFull, storage.ErrNotFound, storage.ErrExists, storage.ErrUnsupported, storage.ErrInvalid} {
		if errors.Is(err, class) {
			return &fault.Error{Class: fault.Permanent, Err: err}
		}
	}
	return err
}
