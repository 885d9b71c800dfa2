package job

import (
	"context"

	"github.com/weirstream/weir/engine/internal/coordinator"
)

// commitToEnd is commitAll, and for the checkpoint that ended the job what no later checkpoint will do: it records that all
// is committed, and removes what was staged (P10). A start that finds the record commits nothing: what the user has moved
// away since does not appear again. A process that is killed before the record is written leaves the commit to the next
// start; one that is killed after it, the removal.
func (d *driver) commitToEnd(ctx context.Context, e coordinator.Commit) error {
	if e.Last == nil {
		return d.commitAll(ctx, e)
	}
	s, err := d.snapshotOf(e.Last)
	if err != nil {
		return err
	}
	confirmed, err := s.Confirmed(ctx)
	if err != nil {
		return err
	}
	foreign := d.began.foreign && e.Last == d.began.restored // its folder is another job's, and so is what was staged
	if !confirmed {
		if err := d.commitAll(ctx, e); err != nil || foreign {
			return err
		}
		d.opt.AtStep(StepUnrecorded)
		if err := s.Confirm(ctx); err != nil {
			d.warn("record the end of the job", s.Path(), err)
			return nil // the output is visible; the next start records that
		}
	}
	if !foreign {
		d.forget(coordinator.Forget{Sinks: e.Sinks})
	}
	return nil
}
