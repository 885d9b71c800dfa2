package snapshot

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/weirstream/weir/engine/storage"
)

// Retain returns the ids that stay once checkpoint id is complete: the newest keep of those that stayed before and id.
// keep under 1 counts as 1.
func Retain(before []int64, id int64, keep int) []int64 {
	ids := slices.Concat(before, []int64{id})
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return ids[max(len(ids)-max(keep, 1), 0):]
}

// Sweep deletes what newest no longer retains: newest is the newest checkpoint of attempt a that Publish has called
// complete. Older checkpoints go that are neither in Retained nor pinned (Hold), what lower attempts left in folders above (a
// checkpoint of theirs that has metadata goes when a complete one of a's has passed its id), the runs that no checkpoint names which
// stays, pins that have expired, and the records of attempts below that of the oldest checkpoint which stays. Nothing of a later
// attempt is touched, also if a has been superseded since (P1).
//
// A checkpoint's metadata goes before its data: a sweep that is interrupted leaves data without metadata, which is no
// checkpoint and is swept by the next, and never a checkpoint that looks whole and is not (P2).
func (c *Chain) Sweep(ctx context.Context, a Attempt, newest *Metadata) error {
	if newest.Attempt != a.N || newest.Nonce != a.Nonce || newest.Savepoint {
		return fmt.Errorf("sweep: checkpoint %d is not one of attempt %d", newest.ID, a.N)
	}
	listed, err := c.list(ctx)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	// After newest was published, which is what makes a pin certain (Hold).
	pinned, err := c.listPins(ctx, checkpointFolder(newest.ID)+"/"+metadataName)
	if err != nil {
		return fmt.Errorf("sweep: look for pins: %w", err)
	}
	stay := slices.Clone(newest.Retained)
	for _, id := range listed.checkpoints {
		if pinned.holds(id) { // one above may be: its attempt did not know that it was superseded, and neither did who reads it
			stay = append(stay, id)
		}
		switch {
		case id > newest.ID:
			err = c.sweepAbove(ctx, a, id)
		case id == newest.ID || slices.Contains(stay, id):
		default:
			err = c.deleteCheckpoint(ctx, id)
		}
		if err != nil {
			return fmt.Errorf("sweep checkpoint %d: %w", id, err)
		}
	}
	if err := deleteAll(ctx, c.bucket, pinned.expired); err != nil {
		return fmt.Errorf("sweep pins: %w", err)
	}
	retained, known, err := c.load(ctx, newest, stay)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	if !known {
		return nil
	}
	if err := c.sweepRuns(ctx, a, newest, retained); err != nil {
		return fmt.Errorf("sweep runs: %w", err)
	}
	return c.sweepAttempts(ctx, a, retained, listed.attempts)
}

// load returns the checkpoints that stay, newest itself included. One that cannot be read may name any run, and be of any
// attempt: then they are not known.
func (c *Chain) load(ctx context.Context, newest *Metadata, stay []int64) (all []*Metadata, known bool, err error) {
	all = []*Metadata{newest}
	for _, id := range stay {
		if id == newest.ID {
			continue
		}
		s, err := Load(ctx, c.bucket, checkpointFolder(id))
		var corrupt *CorruptError
		switch {
		case errors.Is(err, storage.ErrNotFound):
			continue
		case errors.As(err, &corrupt):
			return nil, false, nil
		case err != nil:
			return nil, false, err
		}
		all = append(all, s.Metadata)
	}
	return all, true, nil
}

// sweepRuns deletes the runs that no retained checkpoint names. Those of a's own that are of a checkpoint above newest are spared:
// it may be under way. What a later attempt names is spared, too: it began from newest, names no other runs of attempts before
// its own than newest does (Chosen.Newest), and its own are of a higher number.
func (c *Chain) sweepRuns(ctx context.Context, a Attempt, newest *Metadata, retained []*Metadata) error {
	objects, err := c.bucket.List(ctx, sharedFolder+"/")
	if err != nil || len(objects) == 0 {
		return err
	}
	named := map[string]bool{}
	for _, m := range retained {
		for _, key := range m.RunKeys() {
			named[key] = true
		}
	}
	var gone []storage.Object
	for _, o := range objects {
		attempt, checkpoint, ok := writerOfRun(path.Base(o.Key))
		over := attempt < a.N || attempt == a.N && checkpoint <= newest.ID
		if ok && over && !named[o.Key] {
			gone = append(gone, o)
		}
	}
	return deleteAll(ctx, c.bucket, gone)
}

// deleteCheckpoint deletes the folder of a checkpoint, metadata first.
func (c *Chain) deleteCheckpoint(ctx context.Context, id int64) error {
	if err := c.bucket.Delete(ctx, checkpointFolder(id)+"/"+metadataName); err != nil {
		return err
	}
	objects, err := c.bucket.List(ctx, checkpointFolder(id)+"/")
	if err != nil {
		return err
	}
	return deleteAll(ctx, c.bucket, objects)
}

// sweepAbove deletes the data files of lower attempts from a folder that is still ahead, unless it is a checkpoint.
func (c *Chain) sweepAbove(ctx context.Context, a Attempt, id int64) error {
	objects, err := c.bucket.List(ctx, checkpointFolder(id)+"/")
	if err != nil {
		return err
	}
	var lower []storage.Object
	for _, o := range objects {
		if path.Base(o.Key) == metadataName {
			return nil
		}
		if attempt, ok := attemptOfData(path.Base(o.Key)); ok && attempt < a.N {
			lower = append(lower, o)
		}
	}
	return deleteAll(ctx, c.bucket, lower)
}

// sweepAttempts deletes the records of attempts that no retained checkpoint can lead to.
func (c *Chain) sweepAttempts(ctx context.Context, a Attempt, retained []*Metadata, attempts []int64) error {
	oldest := a.N
	for _, m := range retained {
		oldest = min(oldest, m.Attempt)
	}
	for _, n := range attempts {
		if n >= oldest {
			continue
		}
		// The base first: a claim without one did nothing.
		for _, key := range []string{baseKey(n), attemptKey(n)} {
			if err := c.bucket.Delete(ctx, key); err != nil {
				return fmt.Errorf("sweep attempt %d: %w", n, err)
			}
		}
	}
	return nil
}
