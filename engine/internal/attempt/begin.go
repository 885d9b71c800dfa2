package attempt

import (
	"context"
	"errors"
	"fmt"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/jobfolder"
	"github.com/weirstream/weir/engine/internal/restore"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/snapshot"
)

// began is what an attempt starts from.
type began struct {
	cfg      config.Config // that the attempt runs with
	attempt  snapshot.Attempt
	chosen   snapshot.Chosen
	restored *snapshot.Metadata // nil: empty
	stored   snapshot.Snapshot  // what restored was made of: as it is stored, with the uids that it has there
	foreign  bool               // restored is a savepoint, or from another folder
	over     bool               // the job had ended before, and only commits may be missing (P3)
}

// prospect is an attempt that has not begun: nothing is claimed yet.
type prospect struct {
	folder *jobfolder.Folder
	cfg    config.Config
	graph  *graph.Graph
	entry  Entry
}

// begin claims the next attempt and chooses what it goes on from, after it has checked, before it touches anything, that
// the job may run and fits what it would go on from. A job that is refused leaves nothing behind, not even a number. Whether
// it fits is asked again of what was chosen, because the chain may have grown between the look at its head and the claim; what
// an earlier attempt publishes after the claim is void (P1).
func (p prospect) begin(ctx context.Context, at func(Step)) (*began, error) {
	head, err := p.folder.Chain.Head(ctx)
	if err != nil {
		return nil, jobfolder.Classify(err)
	}
	again := restoresAgain(head, p.cfg.Restore)
	if again && p.entry.alone() { // when to restore is decided by who activates
		p.cfg.Restore.Path, p.cfg.Restore.Nonce, again = "", 0, false
	}
	if err := p.admit(ctx, head, again); err != nil {
		return nil, err
	}
	if err := p.preflight(ctx, head, again); err != nil {
		return nil, err
	}
	attempt, err := p.folder.Chain.Claim(ctx, head.Newest.N, snapshot.Claimant{Owner: p.cfg.Owner, Revision: p.cfg.Revision})
	if err != nil {
		return nil, jobfolder.Classify(err)
	}
	at(StepRestoring)
	request := p.request()
	// The same in all attempts of this job, so that one takes over what the one before has pinned.
	request.Holder = fmt.Sprintf("restore-%016x", xxh3.HashString(p.folder.Bucket().String()))
	chosen, err := p.folder.Chain.Choose(ctx, attempt, request)
	if err != nil {
		return nil, jobfolder.ClassifyRestore(err)
	}
	b := &began{cfg: p.cfg, attempt: attempt, chosen: chosen}
	if err := b.derive(p); err != nil {
		err = errors.Join(err, chosen.Hold.Release(ctx))
		if chosen.Snapshot != nil {
			err = errors.Join(err, chosen.Snapshot.Close())
		}
		return nil, err
	}
	return b, nil
}

// request is what the user wants to start from, as the chain is asked.
func (p prospect) request() snapshot.Request {
	return snapshot.Request{
		Path: p.cfg.Restore.Path, Nonce: p.cfg.Restore.Nonce, ExpectState: p.entry.expectsState(),
		AllowRepeatedOutput: p.cfg.Restore.AllowRepeatedOutput, SinksCanRewind: allRewind(p.graph),
		VerifyWhenRead: true, // see damageOf
	}
}

// derive finds out from what was chosen what the attempt is.
func (b *began) derive(p prospect) error {
	if p.entry.alone() && b.chosen.Parallelism > 0 {
		b.cfg.Parallelism = b.chosen.Parallelism // what the last activation said (P3)
	}
	if b.chosen.Snapshot != nil {
		b.restores(p.folder.Chain)
		// The chain may have grown between the look at its head and the claim.
		adopted, err := restore.Compatible(b.restored, p.graph, b.cfg)
		if err != nil {
			return err
		}
		b.stored = *b.chosen.Snapshot
		b.restored = adopted.Metadata(b.restored, p.graph)
		b.chosen.Snapshot.Metadata = b.restored
		b.chosen.Notes = append(b.chosen.Notes, adopted.Notes(b.cfg.Restore.AllowNonRestoredState)...)
	}
	// What was chosen decides, not the head: the head may be damaged, and passed over (P2).
	ended := b.chosen.Outcome
	b.over = ended != outcome.None && (p.entry.OnlyFinish || ended != outcome.Stopped)
	if p.entry.OnlyFinish && !b.over {
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
func (b *began) record(ctx context.Context, chain *snapshot.Chain) error {
	if b.over {
		return nil
	}
	return jobfolder.Classify(chain.Base(ctx, b.attempt, b.chosen, b.cfg.Parallelism))
}

// allRewind tells whether every sink can write the same again unseen (P2).
func allRewind(g *graph.Graph) bool {
	for i := range g.Nodes {
		if s := g.Nodes[i].Sink; s != nil && !s.Rewinds() {
			return false
		}
	}
	return true
}
