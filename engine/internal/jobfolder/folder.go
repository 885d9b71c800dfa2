package jobfolder

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
)

// Folder is a job's folder in storage, open.
type Folder struct {
	// Chain is the job's checkpoints and attempts, in this folder.
	Chain   *snapshot.Chain
	storage storage.Bucket
	lock    io.Closer // nil: it is only looked at
}

// Acquire opens the job's folder, takes it for this process where the storage can, and checks that it can hold snapshots (P1
// "Stores"). random is read for the names of attempts; nil: crypto/rand.
func Acquire(ctx context.Context, cfg config.Config, random io.Reader) (*Folder, error) {
	b, err := storage.Open(ctx, cfg.Storage)
	if err != nil {
		return nil, fmt.Errorf("checkpoint.storage: %w", err)
	}
	f := &Folder{storage: b, Chain: snapshot.NewChain(b.Sub(cfg.Job), cfg.Job, random)}
	if f.lock, err = storage.Lock(f.Bucket()); err != nil {
		return nil, errors.Join(fmt.Errorf("checkpoint.storage: %w", Classify(err)), b.Close())
	}
	if err := storage.Probe(ctx, f.Bucket()); err != nil {
		return nil, errors.Join(fmt.Errorf("checkpoint.storage: %w", Classify(err)), f.Close())
	}
	return f, nil
}

// Observe opens the job's folder to look at it from outside: without its lock, and without changing anything. A job may run
// there meanwhile, in this process or another.
func Observe(ctx context.Context, cfg config.Config) (*Folder, error) {
	b, err := storage.Open(ctx, cfg.Storage)
	if err != nil {
		return nil, fmt.Errorf("checkpoint.storage: %w", Classify(err))
	}
	return &Folder{storage: b, Chain: snapshot.NewChain(b.Sub(cfg.Job), cfg.Job, nil)}, nil
}

// Bucket is the folder itself.
func (f *Folder) Bucket() storage.Bucket { return f.Chain.Bucket() }

// Close gives the folder back. Nothing of it may be used any more.
func (f *Folder) Close() error {
	var err error
	if f.lock != nil {
		err = f.lock.Close()
	}
	return errors.Join(err, f.storage.Close())
}

// Classify tells storage errors that will not pass from those that may (P13). One that has a class keeps it.
func Classify(err error) error {
	var locked *storage.LockedError
	var others *snapshot.OthersSavepointError
	switch {
	case err == nil || fault.ClassOf(err) != fault.Unknown:
		return err
	case errors.As(err, &others):
		return &fault.Error{Class: fault.Permanent, Err: err, Remedy: "choose another id, or another place for savepoints"}
	case errors.As(err, &locked), errors.Is(err, storage.ErrPermission), errors.Is(err, storage.ErrFull),
		errors.Is(err, storage.ErrUnsupported), errors.Is(err, storage.ErrInvalid),
		errors.Is(err, storage.ErrNotFound): // of what is written, it is the bucket that is not there
		return &fault.Error{Class: fault.Permanent, Err: err}
	case storage.IsTransient(err), errors.Is(err, context.DeadlineExceeded):
		return fault.AsTransient(err)
	}
	return err
}

// ClassifyRestore is Classify for errors of what was to be restored, which are the user's to decide about: nothing of the
// chain, or of the snapshot that was named, changes by waiting.
func ClassifyRestore(err error) error {
	var (
		repeat  *snapshot.RepeatError
		damaged *snapshot.DamagedError
		corrupt *snapshot.CorruptError
		void    *snapshot.VoidError
		missing *snapshot.StateMissingError
	)
	if errors.As(err, &repeat) || errors.As(err, &damaged) || errors.As(err, &corrupt) || errors.As(err, &void) || errors.As(err, &missing) {
		return &fault.Error{Class: fault.Permanent, Err: err}
	}
	return Classify(err)
}
