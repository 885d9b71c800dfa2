package job

import (
	"context"
	"fmt"
	"time"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/outcome"
)

// commitToEnd is commitAll, and for the checkpoint that ended the job what no later checkpoint will do: it records that all
// is committed, and removes what was staged (P10). A start that finds the record commits nothing, of that checkpoint and of
// those before: what the user has moved away since does not appear again. A process that is killed before the record is
// written leaves the commit to the next start; one that is killed after it, the removal.
func (d *driver) commitToEnd(ctx context.Context, e coordinator.Commit) error {
	if e.End == nil {
		return d.commitAll(ctx, e)
	}
	s, err := d.snapshotOf(e.End)
	if err != nil {
		return err
	}
	confirmed, err := s.Confirmed(ctx)
	if err != nil {
		return err
	}
	foreign := d.began.foreign && e.End == d.began.restored // its folder is another job's, and so is what was staged
	ends := e.Checkpoint == e.End.ID
	if !confirmed {
		if err := d.commitAll(ctx, e); err != nil || foreign || !ends {
			return err
		}
		d.opt.AtStep(StepUnrecorded)
		if err := s.Confirm(ctx); err != nil {
			d.warn("record the end of the job", s.Path(), err)
			return nil // the output is visible; the next start records that
		}
	}
	if !foreign && ends {
		d.forget(coordinator.Forget{Sinks: e.Staged})
	}
	return nil
}

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
