package job

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
)

// place is a job's folder in storage, held by this process.
type place struct {
	storage storage.Bucket
	folder  storage.Bucket
	lock    io.Closer
	chain   *snapshot.Chain
}

// openPlace opens the job's folder, takes it for this process where the storage can, and checks that it can hold
// snapshots (P1 "Stores").
func openPlace(ctx context.Context, cfg Config, random io.Reader) (*place, error) {
	b, err := storage.Open(ctx, cfg.Storage)
	if err != nil {
		return nil, fmt.Errorf("open checkpoint.storage: %w", err)
	}
	p := &place{storage: b, folder: b.Sub(cfg.Job)}
	if p.lock, err = storage.Lock(p.folder); err != nil {
		return nil, errors.Join(fmt.Errorf("checkpoint.storage: %w", classified(err)), b.Close())
	}
	if err := storage.Probe(ctx, p.folder); err != nil {
		return nil, errors.Join(fmt.Errorf("checkpoint.storage: %w", classified(err)), p.close())
	}
	p.chain = snapshot.NewChain(p.folder, cfg.Job, random)
	return p, nil
}

func (p *place) close() error { return errors.Join(p.lock.Close(), p.storage.Close()) }

// classified tells storage errors that will not pass from those that may (P13).
func classified(err error) error {
	var locked *storage.LockedError
	switch {
	case err == nil || fault.ClassOf(err) != fault.Unknown:
		return err
	case errors.As(err, &locked), errors.Is(err, storage.ErrPermission), errors.Is(err, storage.ErrFull),
		errors.Is(err, storage.ErrUnsupported), errors.Is(err, storage.ErrInvalid),
		errors.Is(err, storage.ErrNotFound): // of what is written, it is the bucket that is not there
		return &fault.Error{Class: fault.Permanent, Err: err}
	case storage.IsTransient(err), errors.Is(err, context.DeadlineExceeded):
		return fault.AsTransient(err)
	}
	return err
}

// began is what an attempt starts from.
type began struct {
	attempt  snapshot.Attempt
	chosen   snapshot.Chosen
	restored *snapshot.Metadata // nil: empty
	foreign  bool               // restored is a savepoint, or from another folder
	over     bool               // the job had ended before, and only commits may be missing (P3)
}

// begin claims the next attempt and chooses what it goes on from, after it has checked, before it touches anything, that
// the job may run and fits what it would go on from.
func (p *place) begin(ctx context.Context, cfg Config, g *graph.Graph, rewinds bool, at func(Step)) (*began, error) {
	head, err := p.chain.Head(ctx)
	if err != nil {
		return nil, classified(err)
	}
	again := restoresAgain(head, cfg.Restore)
	if err := p.admit(ctx, cfg, head, again); err != nil {
		return nil, err
	}
	if err := p.preflight(ctx, cfg, g, head, again); err != nil {
		return nil, err
	}
	attempt, err := p.chain.Claim(ctx, head.Newest.N, snapshot.Claimant{Owner: cfg.Owner, Revision: cfg.Revision})
	if err != nil {
		return nil, classified(err)
	}
	at(StepRestoring)
	chosen, err := p.chain.Choose(ctx, attempt, snapshot.Request{
		Path: cfg.Restore.From, Nonce: cfg.Restore.Nonce,
		AllowRepeatedOutput: cfg.Restore.AllowRepeatedOutput, SinksCanRewind: rewinds,
	})
	if err != nil {
		return nil, userError(err)
	}
	b := &began{attempt: attempt, chosen: chosen}
	if chosen.Snapshot != nil {
		b.restored = chosen.Snapshot.Metadata
		b.foreign = b.restored.Savepoint || chosen.From != p.chain.Path(b.restored.ID)
		// The chain may have grown between the look at its head and the claim.
		if err := compatible(b.restored, g, cfg.MaxParallelism, cfg.Restore.AllowNonRestoredState); err != nil {
			return nil, err
		}
		// What was chosen decides, not the head: the head may be damaged, and passed over (P2).
		b.over = !again && !b.foreign && (b.restored.Outcome == snapshot.Completed || b.restored.Outcome == snapshot.Drained)
	}
	return b, nil
}

// record makes the attempt one that did something: from here on recovery starts from what it started from (P1). All that
// can refuse the job has been asked before, so that a refused start may be followed by one from elsewhere.
func (p *place) record(ctx context.Context, cfg Config, b *began) error {
	return classified(p.chain.Base(ctx, b.attempt, b.chosen, cfg.Parallelism))
}

// restoresAgain tells whether the user asks for a restore that has not been done yet (P5).
func restoresAgain(head snapshot.Head, r Restore) bool {
	if r.From == "" {
		return false
	}
	return head.Base == nil || r.Nonce != 0 && !head.Base.HasRestored(r.Nonce)
}

// admit decides whether the attempt may begin. Whoever calls Run activates the job: it is the user's command, not a pod that
// its node has restarted.
func (p *place) admit(ctx context.Context, cfg Config, head snapshot.Head, again bool) error {
	chain := coordinator.Chain{Newest: head.Newest.N, Owner: head.Newest.Owner, Revision: head.Newest.Revision}
	if head.Snapshot != nil {
		chain.Outcome = head.Snapshot.Metadata.Outcome
	}
	if chain.Newest > 0 && chain.Owner != cfg.Owner {
		var err error
		if chain.Quiet, err = p.chain.Quiet(ctx); err != nil {
			return classified(err)
		}
	}
	verdict, why := coordinator.Admit(chain, coordinator.Applicant{
		Owner: cfg.Owner, Revision: cfg.Revision, TakeOver: cfg.Restore.TakeOver, RestoresAgain: again,
		Activation: &coordinator.Activation{ExpectedAttempt: chain.Newest},
	})
	switch verdict {
	case coordinator.Begin, coordinator.Finish:
		return nil
	default:
		return &fault.Error{Class: fault.Permanent, Place: p.folder.String(), Err: errors.New(why),
			Remedy: fmt.Sprintf("stop it there, wait until it has been quiet for %v, or set spec.restore.takeOver (--take-over)",
				coordinator.QuietPeriod)}
	}
}

// preflight checks the job against the snapshot that it would go on from (P9).
func (p *place) preflight(ctx context.Context, cfg Config, g *graph.Graph, head snapshot.Head, again bool) (err error) {
	from := head.Snapshot
	if again {
		path, err := storage.InheritQuery(cfg.Restore.From, cfg.Storage)
		if err != nil {
			return &fault.Error{Class: fault.Permanent, Place: "spec.restore.path (-s)", Err: err}
		}
		if from, err = snapshot.OpenSnapshot(ctx, path); err != nil {
			return &fault.Error{Class: fault.Permanent, Place: "spec.restore.path (-s)", Err: err,
				Remedy: "give the folder of a checkpoint (chk-<n>) or savepoint"}
		}
		defer func() { err = errors.Join(err, from.Close()) }()
		if err := mayBegin(from.Metadata, g); err != nil {
			return err
		}
	}
	if from == nil {
		return nil
	}
	return compatible(from.Metadata, g, cfg.MaxParallelism, cfg.Restore.AllowNonRestoredState)
}

// userError marks errors that the user has to decide about.
func userError(err error) error {
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
	return classified(err)
}
