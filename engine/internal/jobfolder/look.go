package jobfolder

import (
	"context"
	"fmt"

	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
)

// Look reads the head of the chain, and what the status says of it.
func (f *Folder) Look(ctx context.Context) (snapshot.Head, rest.Chain, error) {
	head, err := f.Chain.Head(ctx)
	if err != nil {
		return snapshot.Head{}, rest.Chain{}, fmt.Errorf("checkpoint.storage: %w", Classify(err))
	}
	return head, chainOf(head), nil
}

// chainOf says of a head what an activation must fit.
func chainOf(head snapshot.Head) rest.Chain {
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
		TriggerTime: m.Time, SizeBytes: m.WrittenSize(), FullSizeBytes: m.StateSize(),
	}
	return c
}
