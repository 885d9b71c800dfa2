package attempt

import (
	"context"
	"errors"
	"fmt"

	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// openTarget opens the place of savepoints. A path without a query inherits the query of the checkpoint storage if it is in the
// same bucket, and with it the way to reach it.
func (d *driver) openTarget(ctx context.Context, target string) (storage.Bucket, error) {
	place, err := storageurl.InheritQuery(target, d.cfg.Storage)
	if err != nil {
		return nil, err
	}
	return storage.Open(ctx, place)
}

func (d *driver) probeTarget(e coordinator.ProbeTarget) {
	d.inBackground(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, probeTimeout)
		defer cancel()
		found, err := d.probe(ctx, e)
		d.answer(err, found, func(err error) coordinator.Event {
			return coordinator.TargetProbeFailed{ID: e.ID, Err: err}
		})
	})
}

// probe looks for the savepoint before it writes: a request may come late, or again, after an earlier attempt has done it.
func (d *driver) probe(ctx context.Context, e coordinator.ProbeTarget) (found coordinator.Event, err error) {
	b, err := d.openTarget(ctx, e.Target)
	if err != nil {
		return nil, fmt.Errorf("savepoint target: %w", err)
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	s, err := snapshot.FindSavepoint(ctx, b, d.cfg.Job, e.ID)
	if err == nil && s != nil {
		m := s.Metadata
		return coordinator.SavepointFound{ID: e.ID, Path: s.Path(), Checkpoint: m.ID, Outcome: m.Outcome, Bytes: m.StateSize()}, nil
	}
	if err == nil {
		err = storage.Probe(ctx, b)
	}
	if err != nil {
		return nil, fmt.Errorf("savepoint target: %w", err)
	}
	return coordinator.TargetProbed{ID: e.ID}, nil
}

// export has no deadline of its own: a large savepoint takes long, and the request's deadline is the coordinator's.
func (d *driver) export(e coordinator.Export) {
	d.inBackground(func(ctx context.Context) {
		done, err := d.exportTo(ctx, e)
		d.answer(err, done, func(err error) coordinator.Event {
			return coordinator.ExportFailed{ID: e.ID, Err: err}
		})
	})
}

func (d *driver) exportTo(ctx context.Context, e coordinator.Export) (done coordinator.Exported, err error) {
	b, err := d.openTarget(ctx, e.Target)
	if err != nil {
		return done, fmt.Errorf("savepoint target: %w", err)
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	from := d.snapshotOf(e.Metadata)
	if e.Metadata == d.began.restored {
		from = &d.began.stored // a savepoint is what the checkpoint is, whatever this job makes of it (P17)
	}
	size := from.Metadata.StateSize()
	d.operations.Copying(e.ID, size, 0)
	savepoint, err := snapshot.Export(ctx, from, b, e.ID, backend.WriteWhole, func(copied int64) { d.operations.Copying(e.ID, size, copied) })
	if err != nil {
		return done, err
	}
	m := savepoint.Metadata
	return coordinator.Exported{ID: e.ID, Path: savepoint.Path(), Checkpoint: m.ID, Bytes: m.StateSize()}, nil
}
