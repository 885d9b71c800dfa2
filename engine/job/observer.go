package job

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
)

// observer is a job's folder as it is looked at from outside: without its lock, and without changing anything. A job may run
// there meanwhile, in this process or another.
type observer struct {
	storage storage.Bucket
	chain   *snapshot.Chain
}

func openObserver(ctx context.Context, cfg Config) (*observer, error) {
	b, err := storage.Open(ctx, cfg.Storage)
	if err != nil {
		return nil, fmt.Errorf("checkpoint.storage: %w", classified(err))
	}
	return &observer{storage: b, chain: snapshot.NewChain(b.Sub(cfg.Job), cfg.Job, nil)}, nil
}

func (o *observer) close() error { return o.storage.Close() }

// look reads the head, and what is said of it.
func (o *observer) look(ctx context.Context) (snapshot.Head, rest.Chain, error) {
	head, err := o.chain.Head(ctx)
	if err != nil {
		return snapshot.Head{}, rest.Chain{}, fmt.Errorf("checkpoint.storage: %w", classified(err))
	}
	return head, restChain(head), nil
}

// restChain says of a head what an activation must fit.
func restChain(head snapshot.Head) rest.Chain {
	c := rest.Chain{
		Attempt: head.Newest.N, Owner: head.Newest.Owner, Revision: head.Newest.Revision, Began: head.Began.N,
		Outcome: head.Outcome,
	}
	if head.Base != nil {
		c.RestoreNonces = head.Base.RestoreNonces
	}
	if head.Snapshot == nil {
		return c
	}
	m := head.Snapshot.Metadata
	c.Checkpoint = &rest.Checkpoint{
		ID: m.ID, Type: rest.CheckpointTypeOf(m.Outcome), Status: rest.Done, Path: head.Snapshot.Path(),
		TriggerTime: m.Time, SizeBytes: m.StateSize(),
	}
	return c
}

// Preflight tells whether a job could begin: that its storage can hold snapshots and be read, and that its state fits what
// it would go on from (P9). It returns the end of the chain as it is, for whoever decides whether to activate; whose the
// chain is, and whether it has ended, are no errors. It claims nothing, and changes nothing but a probe that it removes, so
// that a job may run meanwhile. The error's class (package fault) says whether it may pass.
func Preflight(ctx context.Context, cfg Config, g *Graph) (chain rest.Chain, err error) {
	if err := checkActivated(cfg, g); err != nil {
		return rest.Chain{}, err
	}
	o, err := openObserver(ctx, cfg)
	if err != nil {
		return rest.Chain{}, err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	// Whoever takes the folder meanwhile removes probes that lie in it, but not below it.
	if err := storage.Probe(ctx, o.chain.Bucket().Sub(probeFolder)); err != nil {
		return rest.Chain{}, fmt.Errorf("checkpoint.storage: %w", classified(err))
	}
	head, chain, err := o.look(ctx)
	if err != nil {
		return rest.Chain{}, err
	}
	p := &place{storage: o.storage, folder: o.chain.Bucket(), chain: o.chain}
	return chain, p.preflight(ctx, cfg, g, head, entry{commanded: true}, restoresAgain(head, cfg.Restore))
}

// probeFolder is where a preflight probes, in the job's folder.
const probeFolder = storage.ProbePrefix + "preflight"

// lookTimeout bounds a look at the chain.
const lookTimeout = 30 * time.Second
