package jobfolder

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/storage"
)

func TestErrorsOfTheStoreAreClassified(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want fault.Class
	}{
		{"a lost permission stays", storage.ErrPermission, fault.Permanent},
		{"a full disk stays", storage.ErrFull, fault.Permanent},
		{"a bucket that is gone stays", storage.ErrNotFound, fault.Permanent},
		{"another process does not go away by itself", &storage.LockedError{Folder: "f"}, fault.Permanent},
		{"a store that is away may come back", storage.ErrTransient, fault.Transient},
		{"a deadline may be kept next time", context.DeadlineExceeded, fault.Transient},
		{"a class that is known is kept", fault.AsTransient(storage.ErrPermission), fault.Transient},
		{"others repeat until they are equal", errors.New("x"), fault.Unknown},
	} {
		if got := fault.ClassOf(Classify(fmt.Errorf("write: %w", c.err))); got != c.want {
			t.Errorf("%s: class %v, want %v", c.name, got, c.want)
		}
	}
}
