package snapshot

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/weirstream/weir/engine/storage"
)

// Erase deletes what a job has in its folder, for good: attempts, checkpoints and their data. Objects that are none of the
// job's snapshots are left alone. a must be the newest attempt: its claim fences an attempt that still runs (P1), and goes last, so
// that an erasure that was interrupted is repeated under a new claim. Another attempt that has claimed meanwhile ends it
// with a *FencedError. What an attempt that does not know yet that it is fenced writes meanwhile is left; Holds tells of it.
func (c *Chain) Erase(ctx context.Context, a Attempt) error {
	objects, err := c.bucket.List(ctx, "")
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	h := holdingsOf(objects)
	var records, own []storage.Object
	for _, o := range h.records {
		if o.Key == attemptKey(a.N) {
			own = append(own, o)
		} else {
			records = append(records, o)
		}
	}
	// Metadata before data: what is left of an interrupted erasure is no checkpoint.
	for _, part := range [][]storage.Object{h.metadata, h.data, records, own} {
		if err := c.Check(ctx, a); err != nil {
			return fmt.Errorf("erase: %w", err)
		}
		if err := deleteAll(ctx, c.bucket, part); err != nil {
			return fmt.Errorf("erase: %w", err)
		}
	}
	return nil
}

// Holds returns what the job has in its folder, which Erase deletes, and what others have there, which it does not.
func (c *Chain) Holds(ctx context.Context) (own, others []storage.Object, err error) {
	objects, err := c.bucket.List(ctx, "")
	if err != nil {
		return nil, nil, fmt.Errorf("list the job's folder: %w", err)
	}
	h := holdingsOf(objects)
	return slices.Concat(h.metadata, h.data, h.records), h.others, nil
}

// holdings are the objects in a job's folder by what they are.
type holdings struct{ metadata, data, records, others []storage.Object }

func holdingsOf(objects []storage.Object) holdings {
	var h holdings
	for _, o := range objects {
		folder, _, _ := strings.Cut(o.Key, "/")
		_, checkpoint := parseCheckpoint(folder)
		switch {
		case folder == attemptsFolder:
			h.records = append(h.records, o)
		case checkpoint && path.Base(o.Key) == metadataName:
			h.metadata = append(h.metadata, o)
		case checkpoint, folder == sharedFolder, folder == pinsFolder, strings.HasPrefix(folder, storage.ProbePrefix):
			h.data = append(h.data, o)
		default:
			h.others = append(h.others, o)
		}
	}
	return h
}

// Dispose deletes the savepoint in a folder of a bucket, metadata first. It refuses any other folder with a
// *NotSavepointError, and the savepoint of another job than job with an *OthersSavepointError. A savepoint that is gone, or
// that an interrupted Dispose has left without metadata, is no error.
func Dispose(ctx context.Context, b storage.Bucket, job, folder string) error {
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
	case s.Metadata.Job != job:
		return &OthersSavepointError{Path: s.Path(), Job: s.Metadata.Job}
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
