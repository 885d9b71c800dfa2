package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
)

// discardTries bounds how often Discard claims anew, where other attempts claim too.
const discardTries = 5

// Discard deletes what the job has in its folder: attempts and checkpoints. It claims the next attempt first, so that
// whoever still runs the job is fenced and neither publishes nor commits any more (P1), and waits for nobody. It may be
// repeated, and a folder that is gone is success. A chain whose newest attempt is another owner's is that owner's job, and
// is left alone (P5). Objects of the folder that are none of the job's snapshots stay; log, unless nil, tells of them.
func Discard(ctx context.Context, cfg Config, log *slog.Logger) (err error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	o, err := openOutlook(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	for range discardTries {
		left, err := o.discard(ctx, cfg)
		var lost *snapshot.LostError
		var fenced *snapshot.FencedError
		switch {
		case errors.As(err, &lost), errors.As(err, &fenced):
			log.Info("claiming the job again to discard it", "job", cfg.Job, "reason", err)
			continue
		case err != nil:
			return fmt.Errorf("discard job %s: %w", cfg.Job, err)
		case len(left) > 0:
			log.Warn("objects that are none of the job's snapshots are left", "folder", o.chain.Bucket().String(), "objects", len(left), "first", left[0].Key)
		}
		return nil
	}
	return fault.AsTransient(fmt.Errorf("discard job %s: other attempts claim it all the time", cfg.Job))
}

// discard claims and deletes once. It returns what is left in the folder.
func (o *outlook) discard(ctx context.Context, cfg Config) ([]storage.Object, error) {
	objects, err := o.chain.Bucket().List(ctx, "")
	if err != nil || len(objects) == 0 {
		return nil, classified(err)
	}
	newest, err := o.chain.Newest(ctx)
	if err != nil {
		return nil, classified(err)
	}
	unknown := newest.Nonce == snapshot.Nonce{} // there is none, or it cannot be read
	if !unknown && newest.Owner != cfg.Owner {
		return nil, &fault.Error{Class: fault.Permanent, Place: o.chain.Bucket().String(),
			Err:    fmt.Errorf("attempt %d is that of another owner, %s", newest.N, newest.Owner),
			Remedy: "nothing was deleted: it is that owner's to delete, or yours by hand"}
	}
	attempt, err := o.chain.Claim(ctx, newest.N, snapshot.Claimant{Owner: cfg.Owner, Revision: cfg.Revision})
	if err != nil {
		return nil, classified(err)
	}
	if err := o.chain.Erase(ctx, attempt); err != nil {
		return nil, classified(err)
	}
	left, err := o.chain.Bucket().List(ctx, "")
	return left, classified(err)
}

// Dispose deletes the savepoint at a path, metadata first. It refuses what is no savepoint's folder. It may be repeated, and
// a savepoint that is gone is success. A path without a query inherits that of cfg.Storage if it is in the same bucket.
func Dispose(ctx context.Context, cfg Config, path string) (err error) {
	place, err := storage.InheritQuery(path, cfg.Storage)
	if err != nil {
		return &fault.Error{Class: fault.Permanent, Place: "the savepoint's path", Err: err}
	}
	parent, folder, err := storage.SplitURL(place)
	if err != nil {
		return &fault.Error{Class: fault.Permanent, Place: "the savepoint's path", Err: err}
	}
	b, err := storage.Open(ctx, parent)
	if err != nil {
		return fmt.Errorf("open the folder of the savepoint: %w", classified(err))
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	err = snapshot.Dispose(ctx, b, folder)
	var refused *snapshot.NotSavepointError
	if errors.As(err, &refused) {
		return &fault.Error{Class: fault.Permanent, Err: err, Remedy: "name the folder that a savepoint's status tells"}
	}
	return userError(err)
}
