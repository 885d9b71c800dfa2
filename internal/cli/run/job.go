package run

import (
	"context"
	"fmt"
	"os"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/internal/inprocess"
	"github.com/weirstream/weir/manifest"
)

// InProcess plans a job of jobs and runs it in this process.
func InProcess(jobs inprocess.Jobs) Func {
	return func(ctx context.Context, j *manifest.StreamJob, o Options) (job.Result, error) {
		return inThisProcess(ctx, jobs, j, o)
	}
}

func inThisProcess(ctx context.Context, jobs inprocess.Jobs, j *manifest.StreamJob, o Options) (job.Result, error) {
	graph, err := jobs.Graph(j, o.Stdout, o.Stderr, o.Logger)
	if err != nil {
		return job.Result{}, err
	}
	config := j.Config
	if config.Owner, err = os.Hostname(); err != nil {
		return job.Result{}, fmt.Errorf("find out whose job this is: %w", err)
	}
	return job.Run(ctx, config, graph, job.Options{
		Process: job.Process{Logger: o.Logger,
			Interrupt:     o.Interrupt,
			AtStep:        o.AtStep,
			EngineVersion: o.EngineVersion},
		Started: func(running *job.Handle) { o.Started(running) },
	})
}
