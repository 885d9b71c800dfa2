package snapshot

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/weirstream/weir/engine/storage"
)

// Erase deletes what a job has in its folder, for good: attempts, checkpoints and their data. Objects that are none of the
// job's snapshots are left alone. a must be the newest attempt: its claim fences whoever still runs (P1), and goes last, so
// that an erasure that was interrupted is repeated under a new claim. Another attempt that has claimed meanwhile ends it
// with a *FencedError.
func (c *Chain) Erase(ctx context.Context, a Attempt) error {
	if err := c.Check(ctx, a); err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	objects, err := c.bucket.List(ctx, "")
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	// Metadata before data: what is left of an interrupted erasure is no checkpoint.
	var metadata, data, records, own []storage.Object
	for _, o := range objects {
		folder, _, _ := strings.Cut(o.Key, "/")
		_, checkpoint := parseCheckpoint(folder)
		switch {
		case o.Key == attemptKey(a.N):
			own = append(own, o)
		case folder == attemptsFolder:
			records = append(records, o)
		case checkpoint && path.Base(o.Key) == metadataName:
			metadata = append(metadata, o)
		case checkpoint, folder == sharedFolder, strings.HasPrefix(folder, storage.ProbePrefix):
			data = append(data, o)
		}
	}
	for _, part := range [][]storage.Object{metadata, data, records, own} {
		if err := deleteAll(ctx, c.bucket, part); err != nil {
			return fmt.Errorf("erase: %w", err)
		}
	}
	return nil
}

// Dispose deletes the savepoint in a folder of a bucket, metadata first. It refuses any other folder with a
// *NotSavepointError. A savepoint that is gone, or that an interrupted Dispose has left without metadata, is no error.
func Dispose(ctx context.Context, b storage.Bucket, folder string) error {
	refuse := func(reason string) error { return &NotSavepointError{Place: b.Sub(folder).String(), Reason: reason} }
	if !strings.HasPrefix(path.Base(folder), savepointStart) {
		return refuse("its name does not begin with " + savepointStart)
	}
	s, err := Load(ctx, b, folder)
	gone := errors.Is(err, storage.ErrNotFound)
	switch {
	case gone:
	case err != nil:
		return fmt.Errorf("dispose of a savepoint: %w", err)
	case !s.Metadata.Savepoint:
		return refuse("its metadata is that of a checkpoint")
	}
	objects, err := b.List(ctx, folder+"/")
	if err != nil {
		return fmt.Errorf("dispose of a savepoint: %w", err)
	}
	metadata := path.Join(folder, metadataName)
	var data []storage.Object
	for _, o := range objects {
		name := strings.TrimPrefix(o.Key, folder+"/")
		if _, copied := attemptOfData(name); gone && (!copied || strings.Contains(name, "/")) {
			return refuse(fmt.Sprintf("it has no %s, and %s is not of a savepoint", metadataName, name))
		}
		if o.Key != metadata {
			data = append(data, o)
		}
	}
	if err := b.Delete(ctx, metadata); err != nil {
		return fmt.Errorf("dispose of a savepoint: %w", err)
	}
	if err := deleteAll(ctx, b, data); err != nil {
		return fmt.Errorf("dispose of a savepoint: %w", err)
	}
	return nil
}

func deleteAll(ctx context.Context, b storage.Bucket, objects []storage.Object) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelReads)
	for _, o := range objects {
		group.Go(func() error { return b.Delete(ctx, o.Key) })
	}
	return group.Wait()
}
