package job

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
)

// Look lets do read the snapshot at a path, however long that takes: a checkpoint is pinned meanwhile, so that the job which it is of
// does not delete it (P6). Who may not write there, or asks for a checkpoint that may be deleted already, reads without a pin; if it goes,
// the error says so.
func Look(ctx context.Context, path string, do func(*snapshot.Snapshot) error) error {
	s, err := snapshot.OpenSnapshot(ctx, path)
	if err != nil {
		return err
	}
	hold, err := pinned(ctx, s, "who looks into it")
	if err == nil {
		err = swept(ctx, s, do(s))
	}
	return errors.Join(err, release(ctx, hold), s.Close())
}

// pinned pins a snapshot, if it is a checkpoint that can be pinned. nil: it is not.
func pinned(ctx context.Context, s *snapshot.Snapshot, purpose string) (*snapshot.Hold, error) {
	if s.Metadata.Savepoint {
		return nil, nil // it is its owner's to delete
	}
	hold, err := s.Chain().Hold(ctx, s.Metadata.ID, purpose)
	var gone *snapshot.SweptError
	if errors.Is(err, storage.ErrPermission) || errors.As(err, &gone) {
		return nil, nil
	}
	return hold, err
}

// releaseTimeout bounds the release of a pin by a process that was interrupted; what is left expires.
const releaseTimeout = 10 * time.Second

func release(ctx context.Context, hold *snapshot.Hold) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	return hold.Release(ctx)
}

// swept says of what seems damaged whether the job has deleted the checkpoint meanwhile.
func swept(ctx context.Context, s *snapshot.Snapshot, err error) error {
	var corrupt *snapshot.CorruptError
	if !errors.As(err, &corrupt) || s.Metadata.Savepoint {
		return err
	}
	if gone, _ := s.Gone(ctx); gone { // if that cannot be told either, the damage is all that is known
		return fmt.Errorf("%s was deleted by its job while it was read: name a newer checkpoint (%w)", s.Path(), err)
	}
	return err
}
