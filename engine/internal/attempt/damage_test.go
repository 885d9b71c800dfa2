package attempt

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
)

func TestDamageOfWhatWasRestoredIsWorthAnotherAttempt(t *testing.T) {
	b, err := storage.Open(t.Context(), "mem://"+rand.Text())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	chain := snapshot.NewChain(b, "job", nil)
	restored := chain.Snapshot(&snapshot.Metadata{ID: 3})
	met := func(checkpoint int64) error {
		return fmt.Errorf("subtask count/1: %w", &snapshot.CorruptError{Object: chain.Path(checkpoint) + "/1.0-count", Reason: "the file is missing"})
	}
	for _, c := range []struct {
		name       string
		err        error
		unverified bool
		completed  int
		again      bool
	}{
		{"met while it was read", met(3), true, 0, true},
		{"though it was verified first", met(3), false, 0, false},
		{"of a checkpoint that the attempt took itself", met(4), true, 1, false},
		{"of the restored one, which had been read once", met(3), true, 1, false},
		{"of something else", met(30), true, 0, false},
		{"no damage", errors.New("storage is away"), true, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := damageOf(c.err, snapshot.Chosen{Snapshot: restored, Unverified: c.unverified}, c.completed)
			var damaged *DamagedError
			if again := errors.As(err, &damaged) && fault.ClassOf(err) == fault.Transient; again != c.again || err.Error() != c.err.Error() {
				t.Errorf("%v, of class %v; worth another attempt: %v, want %v", err, fault.ClassOf(err), again, c.again)
			}
		})
	}
}
