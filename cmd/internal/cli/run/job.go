package run

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/weirstream/weir/cmd/internal/inprocess"
	"github.com/weirstream/weir/engine/connector/registry"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/sql"
	"github.com/weirstream/weir/manifest"
)

// InProcess plans a job's SQL and runs it in this process.
func InProcess(ctx context.Context, j *manifest.StreamJob, o Options) (job.Result, error) {
	connectors := registry.New(registry.Environment{Stdout: o.Stdout, Stderr: o.Stderr, Log: o.Logger, Now: time.Now})
	begin := j.SQL.Place(1, 1)
	graph, err := sql.Compiler{File: begin.Source, Line: begin.Line, Column: begin.Column, Connectors: connectors}.Compile(j.SQL.Text)
	if err != nil {
		return job.Result{}, inprocess.WrongText(err)
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
