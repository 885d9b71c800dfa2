package attempt

import (
	"context"
	"fmt"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/coordinator"
)

func (d *driver) commit(e coordinator.Commit) {
	d.inBackground(func(ctx context.Context) {
		err := d.commitToEnd(ctx, e)
		if err == nil {
			d.process.AtStep(StepCommitted)
		}
		d.answer(err, coordinator.Committed{Checkpoint: e.Checkpoint}, func(err error) coordinator.Event {
			return coordinator.CommitFailed{Checkpoint: e.Checkpoint, Err: err}
		})
	})
}

// commitToEnd is commitAll, and for the checkpoint that ended the job what no later checkpoint will do: it records that all
// is committed, and removes what was staged (P10). A start that finds the record commits nothing, of that checkpoint and of
// those before: what the user has moved away since does not appear again. A process that is killed before the record is
// written leaves the commit to the next start; one that is killed after it, the removal.
func (d *driver) commitToEnd(ctx context.Context, e coordinator.Commit) error {
	if e.End == nil {
		return d.commitAll(ctx, e)
	}
	s := d.snapshotOf(e.End)
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
		d.process.AtStep(StepUnrecorded)
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

// commitAll commits one committable after the other.
func (d *driver) commitAll(ctx context.Context, e coordinator.Commit) error {
	for _, s := range e.Sinks {
		c := d.committers[s.UID]
		if c == nil && e.Checkpoint <= d.restoredID() { // what canCommit has let pass
			d.log.Warn("the sink commits nothing now: if output of the restored checkpoint was not committed before, it is missing", "sink", s.UID)
			continue
		}
		if c == nil {
			return fault.Permanentf("sink "+s.UID, "make its connector return a committer", "its writers return committables, but it has no committer")
		}
		for i := range s.Committables {
			if err := commitOne(ctx, c, s.Committables[i:i+1]); err != nil {
				return fmt.Errorf("commit to sink %s: %w", s.UID, err)
			}
			d.process.AtStep(StepCommit)
		}
	}
	return nil
}

// restoredID is the checkpoint that the attempt goes on from; 0: none.
func (d *driver) restoredID() int64 {
	if d.began.restored == nil {
		return 0
	}
	return d.began.restored.ID
}

func commitOne(ctx context.Context, c connector.Committer, one [][]byte) error {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	return c.Commit(ctx, one)
}

func (d *driver) forget(e coordinator.Forget) {
	d.tidyInBackground(func(ctx context.Context) {
		for _, s := range e.Sinks {
			if c := d.committers[s.UID]; c != nil {
				d.warn("remove what was staged for committed output", s.UID, c.Forget(ctx, s.Committables))
			}
		}
	})
}

func (d *driver) sweepStaged(e coordinator.SweepStaged) {
	d.tidyInBackground(func(ctx context.Context) {
		for _, s := range e.Live {
			if c := d.committers[s.UID]; c != nil {
				d.warn("remove what earlier attempts staged", s.UID, c.Sweep(ctx, s.Committables))
			}
		}
	})
}
