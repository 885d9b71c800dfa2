package job

import (
	"context"
	"errors"
	"fmt"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/internal/jobfolder"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// SavepointOf says how a savepoint is made of a checkpoint, without the job.
type SavepointOf struct {
	// Checkpoint is the folder of the checkpoint, and Target that in which the savepoint's folder is made.
	Checkpoint, Target string
	// ID names the savepoint: the same under the same id is made once. Empty: one that is the checkpoint's own.
	ID string
	// AllowLostOutput makes it though output before the checkpoint may not be visible. A savepoint has none to commit.
	AllowLostOutput bool
	// Progress, unless nil, is called with the bytes that are dealt with of all, by several goroutines.
	Progress func(copied, of int64)
}

// Savepoint makes a savepoint of a retained checkpoint and returns its path. The job need not run, and is not asked; it may run. What
// is made is what the job itself would have made of the checkpoint, byte by byte.
func Savepoint(ctx context.Context, of SavepointOf) (path string, err error) {
	place, err := storageurl.InheritQuery(of.Target, of.Checkpoint)
	if err != nil {
		return "", &fault.Error{Class: fault.Permanent, Err: err}
	}
	from, err := snapshot.OpenSnapshot(ctx, of.Checkpoint)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	m := from.Metadata
	if m.Savepoint {
		return "", fault.Permanentf(from.Path(), "copy its folder: a savepoint may lie anywhere", "it is a savepoint already")
	}
	if of.ID == "" {
		of.ID = fmt.Sprintf("chk-%d-%.8s", m.ID, m.Nonce)
	} else if err := rest.CheckID(of.ID); err != nil {
		return "", err
	}
	chain := from.Chain()
	if storage.Within(place, chain.Bucket().String()) {
		return "", fault.Permanentf(place, "name another folder", "it is in the folder of the job's checkpoints, which goes with the job")
	}
	hold, err := pinned(ctx, from, "a savepoint that is made of it")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, release(ctx, hold)) }()
	waits, err := chain.Unsettled(ctx, m)
	if err != nil {
		return "", jobfolder.ClassifyRestore(err)
	}
	if len(waits) > 0 && !of.AllowLostOutput {
		return "", fault.Permanentf(from.Path(),
			"start the job, which commits it, and ask it for the savepoint; or name an older checkpoint; or set --allow-lost-output to leave that output out",
			"nothing says that the output of checkpoint %d is committed, and a savepoint has none to commit", waits[0].Checkpoint)
	}
	target, err := storage.Open(ctx, place)
	if err != nil {
		return "", fmt.Errorf("savepoint target: %w", err)
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if err := storage.Probe(ctx, target); err != nil {
		return "", fmt.Errorf("savepoint target: %w", err)
	}
	var progress func(int64)
	if of.Progress != nil {
		size := m.StateSize()
		progress = func(copied int64) { of.Progress(copied, size) }
	}
	s, err := snapshot.Export(ctx, from, target, of.ID, backend.WriteWhole, progress)
	if err != nil {
		return "", jobfolder.ClassifyRestore(swept(ctx, from, err))
	}
	return s.Path(), nil
}
