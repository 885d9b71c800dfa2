package attempt

import (
	"context"
	"fmt"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/storage"
)

// refuseRepeats refuses an attempt where output is visible of a later checkpoint than what it would go on from: all of that
// would be written again beside it (P2). The chain alone cannot tell where its newest checkpoints were removed, or an older
// copy of the folder was put back. An attempt that may repeat output goes on with checkpoints above all that is visible,
// because the names of output carry their ids.
func (b *began) refuseRepeats(ctx context.Context, g *graph.Graph, folder storage.Bucket) error {
	from := int64(0)
	if b.restored != nil {
		from = b.restored.ID
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		sink, ok := n.Sink.(connector.VisibleSink)
		if !ok {
			continue
		}
		newest, object, err := sink.NewestVisible(ctx, b.cfg.Job, n.UID)
		switch {
		case err != nil:
			return fmt.Errorf("sink %s: look for output that is visible already: %w", n.UID, err)
		case newest <= from:
		case b.chosen.Repeats() || b.cfg.Restore.AllowRepeatedOutput:
			b.chosen.NextID = max(b.chosen.NextID, newest+1)
		default:
			return fmt.Errorf("sink %s: %w", n.UID, b.repeatsOutput(newest, object, folder))
		}
	}
	return nil
}

// repeatsOutput says what would be written again, and what to do instead.
func (b *began) repeatsOutput(newest int64, object string, folder storage.Bucket) error {
	if b.restored == nil || b.foreign {
		return fault.Permanentf(object,
			"name the checkpoint storage of that run, restore one of its later snapshots, use another job id, or move the files away",
			"output of an earlier run of job %s is there, of its checkpoint %d, but the job has no state of it", b.cfg.Job, newest)
	}
	return fault.Permanentf(object,
		fmt.Sprintf("put chk-%d and all before it back into %s, or accept with --allow-repeated-output (spec.restore.allowRepeatedOutput) "+
			"that what came after checkpoint %d is written again", newest, folder, b.restored.ID),
		"output of checkpoint %d of job %s is visible, but the newest checkpoint that is left is %d: later ones were removed, or an "+
			"older copy of their folder was put back", newest, b.cfg.Job, b.restored.ID)
}
