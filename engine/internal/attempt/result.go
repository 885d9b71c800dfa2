package attempt

import (
	"fmt"

	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/outcome"
)

// result says how the run ended.
func (d *driver) result(exit *coordinator.Exit) (Result, error) {
	status := d.coordinator.Status()
	r := Result{Already: d.began.over, Checkpoints: int64(status.Completed), CheckpointBytes: d.written}
	if d.began.chosen.Snapshot != nil {
		r.RestoredFrom = d.began.chosen.From
	}
	switch {
	case status.Newest == d.began.restored:
		r.LastCheckpoint = r.RestoredFrom
	case status.Newest != nil:
		r.LastCheckpoint = d.folder.Chain.Path(status.Newest.ID)
	}
	switch exit.Outcome {
	case outcome.Fenced:
		return r, fmt.Errorf("this attempt %d is over: %w", d.began.attempt.N, exit.Err)
	case outcome.Failed:
		return r, damageOf(exit.Err, d.began.chosen, status.Completed)
	}
	r.Outcome = exit.Outcome
	return r, exit.Err
}
