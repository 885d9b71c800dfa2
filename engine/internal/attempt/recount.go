package attempt

import (
	"context"
	"fmt"
	"time"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/outcome"
)

// recountTimeout bounds the listings of recount: what they say is only for people.
const recountTimeout = 20 * time.Second

// recount says which sources of a completed job have other input now than they had read: a user who starts the job again
// may expect that to be read.
func (d *driver) recount(ctx context.Context) (changed []string) {
	if !d.began.over || d.began.restored.Outcome != outcome.Completed {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, recountTimeout)
	defer cancel()
	for i := range d.graph.Nodes {
		n := &d.graph.Nodes[i]
		r, can := d.sources[n.UID].(connector.Recounter)
		state := d.began.restored.Operator(n.UID)
		if !can || state == nil {
			continue
		}
		seen, _, err := coordinator.OpenSplits(state)
		if err != nil {
			d.log.Warn("what the job had read cannot be told", "source", n.UID, "error", err)
			continue
		}
		count, err := r.Recount(ctx, seen)
		if err != nil {
			d.log.Warn("whether there is input that was not read is not known", "source", n.UID, "error", err)
			continue
		}
		if count.Changed {
			changed = append(changed, fmt.Sprintf("%s had read %d files, and now there are %d, which are not the same", n.UID, count.Then, count.Now))
		}
	}
	return changed
}
