package host

import (
	"context"
	"time"

	"github.com/weirstream/weir/engine/internal/attempt"
	"github.com/weirstream/weir/engine/internal/jobfolder"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
)

// lookTimeout bounds a look at the chain.
const lookTimeout = 30 * time.Second

// readHead reads the head of the chain, and keeps it for the status.
func (h *Host) readHead(ctx context.Context) (snapshot.Head, error) {
	return h.lookAnd(ctx, func(snapshot.Head) {})
}

// lookAnd is look, with what follows from the head for the status: nobody sees the one without the other.
func (h *Host) lookAnd(ctx context.Context, followLocked func(snapshot.Head)) (snapshot.Head, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	h.own.nextLook = time.Now().Add(h.refresh)
	head, chain, err := h.lookNow(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.mu.unseen = failure{err.Error(), attempt.KindOf(err)}
		return head, err
	}
	h.mu.chain, h.mu.unseen = &chain, failure{}
	followLocked(head)
	return head, nil
}

func (h *Host) lookNow(ctx context.Context) (head snapshot.Head, chain rest.Chain, err error) {
	if h.own.observer == nil {
		if h.own.observer, err = jobfolder.Observe(ctx, h.cfg); err != nil {
			return head, chain, err
		}
	}
	return h.own.observer.Look(ctx)
}
