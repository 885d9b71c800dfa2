package job

import (
	"context"
	"errors"
	"fmt"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/attempt"
	"github.com/weirstream/weir/engine/internal/jobfolder"
	"github.com/weirstream/weir/engine/internal/restore"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// Plan says what a job would do with the state of a snapshot (P9).
type Plan struct {
	// Against is the path of the snapshot; empty: there is none, and the job starts empty.
	Against string `json:"against,omitempty"`
	restore.Report
}

// The fates of state.
const (
	Kept        = restore.Kept
	StartsEmpty = restore.StartsEmpty
	Dropped     = restore.Dropped
	Refused     = restore.Refused
)

// The verdicts of a plan.
const (
	Fits                = restore.Fits
	NeedsAcknowledgment = restore.NeedsAcknowledgment
	DoesNotFit          = restore.DoesNotFit
)

// PlanAgainst compares a job with a snapshot, from the snapshot's metadata alone; without a path, with the newest checkpoint that
// the job would go on from. It claims nothing and changes nothing, and a job may run meanwhile. An error says that
// there is nothing to compare with: the job is wrong, or the snapshot cannot be read.
func PlanAgainst(ctx context.Context, cfg Config, g *Graph, path string) (p Plan, err error) {
	if err := attempt.Check(cfg, g); err != nil {
		return Plan{}, err
	}
	var from *snapshot.Snapshot
	if path != "" {
		from, err = openNamed(ctx, cfg, path)
	} else {
		var f *jobfolder.Folder
		if f, err = jobfolder.Observe(ctx, cfg); err != nil {
			return Plan{}, err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		from, err = newest(ctx, f)
	}
	if err != nil {
		return Plan{}, err
	}
	if from == nil {
		return Plan{Report: restore.Compare(nil, g, cfg)}, nil
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	return Plan{Against: from.Path(), Report: restore.Compare(from.Metadata, g, cfg)}, nil
}

// openNamed opens the snapshot that the user names. A path without settings of its own has those of the job's storage.
func openNamed(ctx context.Context, cfg Config, path string) (*snapshot.Snapshot, error) {
	path, err := storageurl.InheritQuery(path, cfg.Storage)
	if err != nil {
		return nil, &fault.Error{Class: fault.Permanent, Err: err}
	}
	return snapshot.OpenSnapshot(ctx, path)
}

// newest opens the newest checkpoint of a job's folder; nil: the folder holds nothing.
func newest(ctx context.Context, f *jobfolder.Folder) (*snapshot.Snapshot, error) {
	head, _, err := f.Look(ctx)
	switch {
	case err != nil:
		return nil, err
	case head.Snapshot == nil && !head.Empty:
		return nil, fmt.Errorf("%s has no checkpoint that can be read, though the job has run", f.Bucket())
	}
	return head.Snapshot, nil
}
