package attempt

import (
	"context"
	"errors"
	"fmt"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/jobfolder"
	"github.com/weirstream/weir/engine/internal/restore"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// Preflight tells whether a job could begin: that its storage can hold snapshots and be read, and that its state fits what
// it would go on from (P9). It returns the end of the chain as it is, for the decision whether to activate; whose the
// chain is, and whether it has ended, are no errors. It claims nothing, and changes nothing but a probe that it removes, so
// that a job may run meanwhile. The error's class (package fault) says whether it may pass.
func Preflight(ctx context.Context, cfg config.Config, g *graph.Graph) (chain rest.Chain, err error) {
	if err := CheckActivated(cfg, g); err != nil {
		return rest.Chain{}, err
	}
	f, err := jobfolder.Observe(ctx, cfg)
	if err != nil {
		return rest.Chain{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	// A process that takes the folder meanwhile removes probes that lie in it, but not below it.
	if err := storage.Probe(ctx, f.Bucket().Sub(probeFolder)); err != nil {
		return rest.Chain{}, fmt.Errorf("checkpoint.storage: %w", jobfolder.Classify(err))
	}
	head, chain, err := f.Look(ctx)
	if err != nil {
		return rest.Chain{}, err
	}
	p := prospect{folder: f, cfg: cfg, graph: g, entry: Entry{Commanded: true}}
	return chain, p.preflight(ctx, head, restoresAgain(head, cfg.Restore))
}

// probeFolder is where a preflight probes, in the job's folder.
const probeFolder = storage.ProbePrefix + "preflight"

// preflight checks the job against the snapshot that it would go on from (P9), and whether that would write output again
// (P2): whoever stops a job for another start, or claims, is told before.
func (p prospect) preflight(ctx context.Context, head snapshot.Head, again bool) error {
	switch {
	case again:
		return p.foresee(ctx, head)
	case head.Snapshot != nil:
		_, err := restore.Compatible(head.Snapshot.Metadata, p.graph, p.cfg)
		return err
	case head.Empty:
		return p.mayWrite(ctx, &began{cfg: p.cfg, attempt: snapshot.Attempt{N: head.Newest.N + 1}})
	default: // what is there cannot be read, which choosing tells
		return nil
	}
}

// foresee is preflight for a snapshot that the user names.
func (p prospect) foresee(ctx context.Context, head snapshot.Head) (err error) {
	path, err := storageurl.InheritQuery(p.cfg.Restore.Path, p.cfg.Storage)
	if err != nil {
		return &fault.Error{Class: fault.Permanent, Place: "spec.restore.path (-s)", Err: err}
	}
	from, err := snapshot.OpenSnapshot(ctx, path)
	if err != nil {
		return &fault.Error{Class: fault.Permanent, Place: "spec.restore.path (-s)", Err: err,
			Remedy: "give the folder of a checkpoint (chk-<n>) or savepoint"}
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if err := restore.MayBegin(from.Metadata, p.graph); err != nil {
		return err
	}
	if _, err := restore.Compatible(from.Metadata, p.graph, p.cfg); err != nil {
		return err
	}
	b := &began{cfg: p.cfg, attempt: snapshot.Attempt{N: head.Newest.N + 1}}
	if b.chosen, err = p.folder.Chain.Foresee(ctx, p.request()); err != nil {
		return jobfolder.ClassifyRestore(err)
	}
	if b.chosen.Snapshot == nil {
		return nil // the nonce has taken effect since the look at the head
	}
	defer func() { err = errors.Join(err, b.chosen.Snapshot.Close()) }()
	b.restores(p.folder.Chain)
	return p.mayWrite(ctx, b)
}

// mayWrite asks the sinks whether output is visible that the job would write again (P2). A sink that cannot be reached is
// left to the attempt.
func (p prospect) mayWrite(ctx context.Context, b *began) error {
	if err := b.refuseRepeats(ctx, p.graph, p.folder.Bucket()); fault.ClassOf(err) == fault.Permanent {
		return err
	}
	return nil
}
