package snapshot

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// Unsettled returns the output that a restore of a checkpoint of this folder would commit first, because nothing says that it is
// visible, oldest first: its own, and that of checkpoints before it. A savepoint has no output to commit (P3), so whoever makes one
// without the job asks. A checkpoint that is no part of the job's history is a *VoidError. Where the records of the attempts are
// lost, the user decides what is. It changes nothing.
func (c *Chain) Unsettled(ctx context.Context, of *Metadata) ([]Uncommitted, error) {
	s, err := c.survey(ctx, math.MaxInt64)
	if err != nil {
		return nil, fmt.Errorf("look whether the output of checkpoint %d is visible: %w", of.ID, err)
	}
	line := s.lineage(c.Path)
	at := slices.IndexFunc(line, func(l candidate) bool { return l.id == of.ID })
	if at < 0 && len(line) > 0 {
		return nil, &VoidError{Path: c.Path(of.ID), Attempt: of.Attempt}
	}
	confirmed := of.Confirmed
	for _, newer := range line[:max(at, 0)] {
		if newer.snapshot != nil {
			confirmed = max(confirmed, newer.snapshot.Metadata.Confirmed)
		}
	}
	for id, other := range s.complete { // also one that is void now: what its attempt knew to be visible is
		if id > of.ID && other.Metadata.Nonce == of.Nonce {
			confirmed = max(confirmed, other.Metadata.Confirmed)
		}
	}
	recorded, err := c.Snapshot(of).Confirmed(ctx)
	if err != nil {
		return nil, err
	}
	if recorded {
		confirmed = max(confirmed, of.ID)
	}
	waits := slices.Clone(of.Uncommitted)
	if own := of.Output(); len(own) > 0 {
		waits = append(waits, Uncommitted{Checkpoint: of.ID, Sinks: own})
	}
	return slices.DeleteFunc(waits, func(u Uncommitted) bool { return u.Checkpoint <= confirmed }), nil
}
