package attempt

import (
	"context"
	"errors"
	"time"

	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/internal/jobfolder"
	"github.com/weirstream/weir/engine/snapshot"
)

func (d *driver) publish(e coordinator.Publish) {
	m := e.Metadata
	if m.Time.IsZero() {
		m.Time = time.Now().UTC().Truncate(time.Millisecond)
	}
	d.inBackground(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, publishTimeout)
		defer cancel()
		// The look at the attempts before decides nothing, Publish's own does. But an attempt that was paused for so long
		// that its successor has used and swept the ids it goes on with would find them free, and leave voids behind.
		err := d.folder.Chain.Check(ctx, d.began.attempt)
		var fenced *snapshot.FencedError
		if !errors.As(err, &fenced) {
			err = d.folder.Chain.Publish(ctx, d.began.attempt, m)
		}
		if err == nil {
			d.process.AtStep(StepPublished)
			d.box.put(func() {
				d.written += m.WrittenSize()
				d.releaseOrigin()
				d.step(coordinator.Published{Checkpoint: m.ID})
			})
			return
		}
		d.post(coordinator.PublishFailed{Checkpoint: m.ID, Err: jobfolder.Classify(err)}) // the coordinator tells its kinds apart
	})
}

// releaseOrigin lets another job delete the checkpoint that this one was restored from: there is one of its own now (P6).
func (d *driver) releaseOrigin() {
	hold := d.began.chosen.Hold
	if hold == nil || d.originReleased {
		return
	}
	d.originReleased = true
	d.tidyInBackground(func(ctx context.Context) {
		d.warn("release what the job was restored from", d.began.chosen.From, hold.Release(ctx))
	})
}

// sweep deletes what is no longer retained, one sweep at a time; of those that wait the newest wins.
func (d *driver) sweep(newest *snapshot.Metadata) {
	if d.sweeping {
		d.nextSweep = newest
		return
	}
	d.sweeping = true
	d.tidyInBackground(func(ctx context.Context) {
		d.warn("delete old checkpoints", d.folder.Bucket().String(), d.folder.Chain.Sweep(ctx, d.began.attempt, newest))
		d.box.put(func() {
			d.sweeping = false
			if next := d.nextSweep; next != nil {
				d.nextSweep = nil
				d.sweep(next)
			}
		})
	})
}
