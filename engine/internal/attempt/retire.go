package attempt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/coordinator"
)

// retireTimeout bounds one removal of what was read, and the wait for it at the end of a job. What is left then is removed
// after the next checkpoint, or by the next start.
const retireTimeout = 5 * time.Minute

// retire has a source remove what a complete checkpoint has behind it. A failure fails nothing: the files are asked for again
// after the next checkpoint.
func (d *driver) retire(e coordinator.Retire) {
	d.retiring.Add(1)
	d.inBackground(func(ctx context.Context) {
		defer d.retiring.Done()
		ctx, cancel := context.WithTimeout(ctx, retireTimeout)
		defer cancel()
		done, err := d.retireFenced(ctx, e)
		d.warn("remove files that were read", e.Source, err)
		d.post(coordinator.Retired{Source: e.Source, IDs: done})
	})
}

// refuseLostInput refuses to go back behind a damaged checkpoint by itself: files that it had behind it may be removed, and
// nobody would read their rows again (P2).
func (d *driver) refuseLostInput() error {
	b := d.began
	if len(b.chosen.Passed) == 0 || b.chosen.Repeats() || b.cfg.Restore.AllowRepeatedOutput {
		return nil
	}
	for uid, e := range d.sources {
		if _, ok := e.(connector.Retirer); !ok {
			continue
		}
		return fault.Permanentf(b.chosen.From,
			fmt.Sprintf("put chk-%d back whole; or put the files back that were removed or moved since this checkpoint, and go on with "+
				"--allow-repeated-output (spec.restore.allowRepeatedOutput)", slices.Max(b.chosen.Passed)),
			"checkpoint %d is damaged, and source %s removes what it has read: files that only this checkpoint has behind it are gone, "+
				"and to go back would miss their rows", slices.Max(b.chosen.Passed), uid)
	}
	return nil
}

// retireFenced removes nothing once a later attempt has begun: it may have been told to go on from an earlier checkpoint,
// and then it reads the files again (P1).
func (d *driver) retireFenced(ctx context.Context, e coordinator.Retire) (done []string, err error) {
	retirer, ok := d.sources[e.Source].(connector.Retirer)
	if !ok {
		return nil, errors.New("its enumerator retires nothing")
	}
	if err := d.folder.Chain.Check(ctx, d.began.attempt); err != nil {
		return nil, err
	}
	d.process.AtStep(StepRetire)
	done, err = retirer.Retire(ctx, e.Splits)
	d.process.AtStep(StepRetired)
	return done, err
}
