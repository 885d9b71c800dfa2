package manifest

import (
	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/engine/job"
)

// config is a complete spec as the engine takes it.
func config(s *v1alpha1.StreamJobSpec) job.Config {
	return job.Config{
		Job:               *s.JobID,
		Revision:          revision(s),
		Storage:           *s.Checkpoint.Storage,
		SavepointStorage:  orEmpty(s.Savepoint.Storage),
		Parallelism:       int(*s.Parallelism),
		MaxParallelism:    int(*s.MaxParallelism),
		Interval:          s.Checkpoint.Interval.Duration,
		Timeout:           s.Checkpoint.Timeout.Duration,
		MinPause:          s.Checkpoint.MinPause.Duration,
		Retained:          int(*s.Checkpoint.Retained),
		TolerableFailures: int(*s.Checkpoint.TolerableFailures),
		Restart: job.RestartPolicy{
			InitialDelay: s.Restart.InitialDelay.Duration,
			MaxDelay:     s.Restart.MaxDelay.Duration,
			ResetAfter:   s.Restart.ResetAfter.Duration,
		},
		Restore: job.Restore{
			From:                  orEmpty(s.Restore.Path),
			Nonce:                 *s.Restore.Nonce,
			AllowNonRestoredState: *s.Upgrade.AllowNonRestoredState,
			AllowRepeatedOutput:   *s.Restore.AllowRepeatedOutput,
			TakeOver:              *s.Restore.TakeOver,
		},
	}
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
