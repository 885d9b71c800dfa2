package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/jobfolder"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// discardTries bounds how often Discard claims anew, where other attempts claim and write too.
const discardTries = 5

// Discard deletes what the job has in its folder: attempts and checkpoints. It claims the next attempt first, so that
// whoever still runs the job is fenced and neither publishes nor commits any more (P1), and waits for nobody: what such an
// attempt writes before it knows is deleted under another claim. It may be repeated, and a folder that is gone is success. A
// chain whose newest attempt is another owner's, or cannot be read, is left alone (P5). Objects of the folder that are none
// of the job's snapshots stay; log, unless nil, tells of them.
func Discard(ctx context.Context, cfg Config, log *slog.Logger) (err error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	f, err := jobfolder.Observe(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return discardAll(ctx, f.Chain, cfg, log)
}

// discardAll claims and deletes until nothing of the job is left.
func discardAll(ctx context.Context, chain *snapshot.Chain, cfg Config, log *slog.Logger) error {
	for range discardTries {
		own, others, err := chain.Holds(ctx)
		if err == nil && len(own) > 0 {
			err = discard(ctx, chain, cfg)
		}
		var lost *snapshot.LostError
		var fenced *snapshot.FencedError
		switch {
		case errors.As(err, &lost), errors.As(err, &fenced):
			log.Info("claiming the job again to discard it", "reason", err)
		case err != nil:
			return fmt.Errorf("discard job %s: %w", cfg.Job, jobfolder.Classify(err))
		case len(own) == 0:
			if len(others) > 0 {
				log.Warn("objects that are none of the job's snapshots are left", "folder", chain.Bucket().String(),
					"objects", len(others), "first", others[0].Key)
			}
			return nil
		}
	}
	return fault.AsTransient(fmt.Errorf("discard job %s: other attempts claim it, or write, all the time", cfg.Job))
}

// discard claims and deletes once.
func discard(ctx context.Context, chain *snapshot.Chain, cfg Config) error {
	claimed, highest, err := chain.Claimed(ctx)
	var corrupt *snapshot.CorruptError
	if errors.As(err, &corrupt) {
		return &fault.Error{Class: fault.Permanent, Err: fmt.Errorf("whose job it is is not known: %w", err),
			Remedy: "nothing was deleted: make sure that the folder is that of this job, and delete it by hand"}
	}
	if err != nil {
		return err
	}
	if claimed.N > 0 && claimed.Owner != cfg.Owner {
		return &fault.Error{Class: fault.Permanent, Place: chain.Bucket().String(),
			Err:    fmt.Errorf("attempt %d is that of another owner, %s", claimed.N, claimed.Owner),
			Remedy: "nothing was deleted: it is that owner's to delete, or yours by hand"}
	}
	attempt, err := chain.Claim(ctx, highest, snapshot.Claimant{Owner: cfg.Owner, Revision: cfg.Revision})
	if err != nil {
		return err
	}
	return chain.Erase(ctx, attempt)
}

// Dispose deletes the savepoint of job cfg.Job at a path, metadata first. It refuses what is no savepoint's folder, and the
// savepoints of other jobs. It may be repeated, and a savepoint that is gone is success. A path without a query inherits that of cfg.Storage if it is in the same bucket.
func Dispose(ctx context.Context, cfg Config, path string) (err error) {
	place, err := storageurl.InheritQuery(path, cfg.Storage)
	if err != nil {
		return &fault.Error{Class: fault.Permanent, Place: "the savepoint's path", Err: err}
	}
	parent, folder, err := storageurl.Split(place)
	if err != nil {
		return &fault.Error{Class: fault.Permanent, Place: "the savepoint's path", Err: err}
	}
	b, err := storage.Open(ctx, parent)
	if err != nil {
		return fmt.Errorf("open the folder of the savepoint: %w", jobfolder.Classify(err))
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	err = snapshot.Dispose(ctx, b, cfg.Job, folder)
	var refused *snapshot.NotSavepointError
	var others *snapshot.OthersSavepointError
	if errors.As(err, &refused) || errors.As(err, &others) {
		return &fault.Error{Class: fault.Permanent, Err: err, Remedy: "name the folder that a savepoint's status tells"}
	}
	return jobfolder.ClassifyRestore(err)
}
