package filesystem

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// parallelRequests bounds how many files are handled at once.
const parallelRequests = 8

// committer makes the staged files of one sink visible (P10). Its methods may be called at the same time, but for Close.
type committer struct {
	bucket  storage.Bucket
	path    string
	attempt int64
	staging string // folder of the job's staged files
	uid8    string
	mu      struct {
		sync.Mutex
		others map[string]storage.Bucket // by root: where the sink wrote before its path was changed
	}
}

// Commit publishes the files. It is idempotent: a file that is there with its content is done.
func (c *committer) Commit(ctx context.Context, committables [][]byte) error {
	return c.each(ctx, committables, func(ctx context.Context, b storage.Bucket, f *committable) error {
		err := b.Publish(ctx, f.Staged, f.Final, f.content())
		if errors.Is(err, storage.ErrNotFound) && b != c.bucket && c.bucket.Publish(ctx, f.Staged, f.Final, f.content()) == nil {
			err = nil // the path was moved with what was staged there, which has the size and checksum of the committable
		}
		switch {
		case errors.Is(err, storage.ErrNotFound):
			return &fault.Error{Class: fault.Permanent, Remedy: "put one of the two files back, or restore a savepoint from before them",
				Err: fmt.Errorf("output of a complete checkpoint is lost: %w", err)}
		case errors.Is(err, storage.ErrExists):
			return &fault.Error{Class: fault.Permanent, Remedy: "move the old file away, or write to another path: a visible file is never overwritten",
				Err: fmt.Errorf("a file of another run has the name of this one's output: %w", err)}
		}
		return classed(err)
	})
}

// Forget deletes the staged copies.
func (c *committer) Forget(ctx context.Context, committables [][]byte) error {
	return c.each(ctx, committables, func(ctx context.Context, b storage.Bucket, f *committable) error {
		return classed(b.Delete(ctx, f.Staged))
	})
}

// each calls f for every committable, several at once.
func (c *committer) each(ctx context.Context, encoded [][]byte, f func(context.Context, storage.Bucket, *committable) error) error {
	committables, err := decodeCommittables(encoded)
	if err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallelRequests)
	for i := range committables {
		b, err := c.bucketOf(ctx, committables[i].Root)
		if err != nil {
			return errors.Join(err, group.Wait())
		}
		group.Go(func() error { return f(groupCtx, b, &committables[i]) })
	}
	return group.Wait()
}

// bucketOf returns the bucket of a root, which differs from that of the sink if its path has changed since.
func (c *committer) bucketOf(ctx context.Context, root string) (storage.Bucket, error) {
	if root == c.bucket.String() || root == rootOf(c.path, c.bucket) {
		return c.bucket, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if b := c.mu.others[root]; b != nil {
		return b, nil
	}
	name, err := storageurl.InheritQuery(root, c.path)
	if err != nil {
		return nil, fault.Permanentf("committable of the snapshot", "use the version of Weir that wrote the snapshot", "its root is malformed: %w", err)
	}
	b, err := storage.Open(ctx, name)
	if err != nil {
		return nil, classed(err)
	}
	c.mu.others[root] = b
	return b, nil
}

// Sweep deletes what lower attempts staged for this sink and no live committable names.
func (c *committer) Sweep(ctx context.Context, live [][]byte) error {
	committables, err := decodeCommittables(live)
	if err != nil {
		return err
	}
	keep := make(map[string]bool, len(committables))
	for _, l := range committables {
		keep[l.Staged] = true
	}
	staged, err := c.bucket.List(ctx, c.staging)
	if err != nil {
		return classed(err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelRequests)
	for _, o := range staged {
		if attempt, ok := c.attemptOf(o.Key); ok && attempt < c.attempt && !keep[o.Key] {
			group.Go(func() error { return classed(c.bucket.Delete(ctx, o.Key)) })
		}
	}
	return group.Wait()
}

// attemptOf reads the attempt in the name of a file that this sink staged.
func (c *committer) attemptOf(key string) (attempt int64, ok bool) {
	folder, name, ok := strings.Cut(strings.TrimPrefix(key, c.staging), "/")
	if !ok || !strings.HasPrefix(name, c.uid8+"-") {
		return 0, false
	}
	number, _, ok := strings.Cut(folder, ".")
	attempt, err := strconv.ParseInt(number, 10, 64)
	return attempt, ok && err == nil
}

// Close closes the buckets.
func (c *committer) Close() error {
	err := c.bucket.Close()
	for _, b := range c.mu.others {
		err = errors.Join(err, b.Close())
	}
	return err
}
