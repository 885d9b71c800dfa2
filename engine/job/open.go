package job

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storageurl"
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
		return nil, fmt.Errorf("checkpoint.storage: %w", err)
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

// began is what an attempt starts from.
type began struct {
	cfg      Config // that the attempt runs with
	attempt  snapshot.Attempt
	chosen   snapshot.Chosen
	restored *snapshot.Metadata // nil: empty
	foreign  bool               // restored is a savepoint, or from another folder
	over     bool               // the job had ended before, and only commits may be missing (P3)
}

// begin claims the next attempt and chooses what it goes on from, after it has checked, before it touches anything, that
// the job may run and fits what it would go on from.
func (p *place) begin(ctx context.Context, cfg Config, g *graph.Graph, e entry, at func(Step)) (*began, error) {
	head, err := p.chain.Head(ctx)
	if err != nil {
		return nil, classified(err)
	}
	again := restoresAgain(head, cfg.Restore)
	if again && e.alone() { // when to restore is decided by who activates
		cfg.Restore.Path, cfg.Restore.Nonce, again = "", 0, false
	}
	if err := p.admit(ctx, cfg, head, e, again); err != nil {
		return nil, err
	}
	if err := p.preflight(ctx, cfg, g, head, e, again); err != nil {
		return nil, err
	}
	attempt, err := p.chain.Claim(ctx, head.Newest.N, snapshot.Claimant{Owner: cfg.Owner, Revision: cfg.Revision})
	if err != nil {
		return nil, classified(err)
	}
	at(StepRestoring)
	chosen, err := p.chain.Choose(ctx, attempt, requestOf(cfg, g, e))
	if err != nil {
		return nil, userError(err)
	}
	b := &began{cfg: cfg, attempt: attempt, chosen: chosen}
	if err := b.settle(p, g, e); err != nil {
		if chosen.Snapshot != nil {
			err = errors.Join(err, chosen.Snapshot.Close())
		}
		return nil, err
	}
	return b, nil
}

// requestOf is what the user wants to start from, as the chain is asked.
func requestOf(cfg Config, g *graph.Graph, e entry) snapshot.Request {
	return snapshot.Request{
		Path: cfg.Restore.Path, Nonce: cfg.Restore.Nonce, ExpectState: e.expectsState(),
		AllowRepeatedOutput: cfg.Restore.AllowRepeatedOutput, SinksCanRewind: allRewind(g),
	}
}

// settle derives from what was chosen what the attempt is.
func (b *began) settle(p *place, g *graph.Graph, e entry) error {
	if e.alone() && b.chosen.Parallelism > 0 {
		b.cfg.Parallelism = b.chosen.Parallelism // what the last activation said (P3)
	}
	if b.chosen.Snapshot != nil {
		b.restores(p.chain)
		// The chain may have grown between the look at its head and the claim.
		adopted, err := compatible(b.restored, g, b.cfg)
		if err != nil {
			return err
		}
		b.restored = adopted.metadata(b.restored, g)
		b.chosen.Snapshot.Metadata = b.restored
		b.chosen.Notes = append(b.chosen.Notes, adopted.notes(b.cfg.Restore.AllowNonRestoredState)...)
	}
	// What was chosen decides, not the head: the head may be damaged, and passed over (P2).
	ended := b.chosen.Outcome
	b.over = ended != outcome.None && (e.onlyFinish || ended != outcome.Stopped)
	if e.onlyFinish && !b.over {
		return fault.Permanentf(b.chosen.From, "activate the job", "the checkpoint that ended the job cannot be read, and this one did not end it")
	}
	return nil
}

// restores takes over what was chosen of a snapshot.
func (b *began) restores(chain *snapshot.Chain) {
	b.restored = b.chosen.Snapshot.Metadata
	b.foreign = b.restored.Savepoint || b.chosen.From != chain.Path(b.restored.ID)
}

// record makes the attempt one that did something: from here on recovery starts from what it started from (P1). All that
// can refuse the job has been asked before, so that a refused start may be followed by one from elsewhere. An attempt that
// only finishes goes on from nothing, and leaves the job ended as it was (P3).
func (p *place) record(ctx context.Context, b *began) error {
	if b.over {
		return nil
	}
	return classified(p.chain.Base(ctx, b.attempt, b.chosen, b.cfg.Parallelism))
}

// preflight checks the job against the snapshot that it would go on from (P9), and whether that would write output again
// (P2): whoever stops a job for another start, or claims, is told before.
func (p *place) preflight(ctx context.Context, cfg Config, g *graph.Graph, head snapshot.Head, e entry, again bool) error {
	switch {
	case again:
		return p.foresee(ctx, cfg, g, head, e)
	case head.Snapshot != nil:
		_, err := compatible(head.Snapshot.Metadata, g, cfg)
		return err
	case head.Empty:
		return p.mayWrite(ctx, &began{cfg: cfg, attempt: snapshot.Attempt{N: head.Newest.N + 1}}, g)
	default: // what is there cannot be read, which choosing tells
		return nil
	}
}

// foresee is preflight for a snapshot that the user names.
func (p *place) foresee(ctx context.Context, cfg Config, g *graph.Graph, head snapshot.Head, e entry) (err error) {
	path, err := storageurl.InheritQuery(cfg.Restore.Path, cfg.Storage)
	if err != nil {
		return &fault.Error{Class: fault.Permanent, Place: "spec.restore.path (-s)", Err: err}
	}
	from, err := snapshot.OpenSnapshot(ctx, path)
	if err != nil {
		return &fault.Error{Class: fault.Permanent, Place: "spec.restore.path (-s)", Err: err,
			Remedy: "give the folder of a checkpoint (chk-<n>) or savepoint"}
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if err := mayBegin(from.Metadata, g); err != nil {
		return err
	}
	if _, err := compatible(from.Metadata, g, cfg); err != nil {
		return err
	}
	b := &began{cfg: cfg, attempt: snapshot.Attempt{N: head.Newest.N + 1}}
	if b.chosen, err = p.chain.Foresee(ctx, requestOf(cfg, g, e)); err != nil {
		return userError(err)
	}
	if b.chosen.Snapshot == nil {
		return nil // the nonce has taken effect since the look at the head
	}
	defer func() { err = errors.Join(err, b.chosen.Snapshot.Close()) }()
	b.restores(p.chain)
	return p.mayWrite(ctx, b, g)
}

// mayWrite asks the sinks whether output is visible that the job would write again (P2). A sink that cannot be reached is
// left to the attempt.
func (p *place) mayWrite(ctx context.Context, b *began, g *graph.Graph) error {
	if err := b.refuseRepeats(ctx, g, p.folder); fault.ClassOf(err) == fault.Permanent {
		return err
	}
	return nil
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
