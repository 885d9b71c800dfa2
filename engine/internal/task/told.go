package task

import (
	"fmt"
	"slices"

	"github.com/weirstream/weir/engine/connector"
)

// told is what the reader of a source is told of complete checkpoints, if it wants to know.
type told struct {
	listener connector.CheckpointListener // nil: it does not
	// ended are the splits that were read to their end, and of which no complete checkpoint has told the reader yet. A split
	// stays here while checkpoints are aborted, so that its end is told all the same.
	ended []connector.CompleteSplit
	// Where the splits were at the last barrier: the first of ended, and those that were open. Whether its checkpoint becomes
	// complete is known before the next one is triggered, so there is one at a time.
	checkpoint int64
	taken      []connector.CompleteSplit
	takenEnded int
}

// finish notes a split that was read to its end.
func (t *told) finish(sp *split) {
	if t.listener != nil {
		t.ended = append(t.ended, sp.at(true))
	}
}

// remember notes where the splits are at a barrier.
func (t *told) remember(checkpoint int64, active []*split) {
	if t.listener == nil {
		return
	}
	t.checkpoint, t.takenEnded = checkpoint, len(t.ended)
	t.taken = append(t.taken[:0], t.ended...)
	for _, sp := range active {
		t.taken = append(t.taken, sp.at(false))
	}
}

// completed tells the reader how far a complete checkpoint is.
func (t *told) completed(checkpoint int64) error {
	if t.listener == nil {
		return nil
	}
	if t.checkpoint != checkpoint {
		return fmt.Errorf("checkpoint %d is complete, but the last one that was taken is %d", checkpoint, t.checkpoint)
	}
	t.ended = slices.Delete(t.ended, 0, t.takenEnded)
	return t.listener.CheckpointComplete(checkpoint, t.taken)
}
