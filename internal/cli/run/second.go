package run

import (
	"context"
	"fmt"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/storage/storageurl"
	"github.com/weirstream/weir/internal/cli"
)

// refuseSecond refuses a job in a bucket that another process of this user runs on this machine: to the bucket both are the
// same owner, so that the second would take over from the first as from one that was killed (P5). A folder has a lock.
func refuseSecond(ctx context.Context, a *cli.Process, cfg job.Config) error {
	place, err := storageurl.Parse(cfg.Storage)
	if err != nil {
		return fmt.Errorf("spec.checkpoint.storage: %w", err)
	}
	if place.Scheme == "file" || place.Scheme == "mem" || cfg.TakeOver {
		return nil
	}
	jobs, _ := a.LiveJobs(ctx) // without the folder of running jobs this one runs as well; registering it warns
	for _, j := range jobs {
		if j.Job == cfg.Job && samePlace(j.Storage, cfg.Storage) {
			return fmt.Errorf("%s runs here already, as process %d with checkpoints in %s: stop it first (`weir stop %s`), or take over with --take-over",
				j.Job, j.PID, cfg.Storage, j.Job)
		}
	}
	return nil
}

// samePlace tells whether two jobs of one id have one folder. One that does not say where its own is may have any.
func samePlace(registered, wanted string) bool {
	if registered == "" {
		return true
	}
	a, errA := storageurl.Parse(registered)
	b, errB := storageurl.Parse(wanted)
	return errA == nil && errB == nil && a.Scheme == b.Scheme && a.Host == b.Host && a.Path == b.Path
}
