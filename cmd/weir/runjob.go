package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/weirstream/weir/engine/connector/registry"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/sql"
	"github.com/weirstream/weir/manifest"
)

// runJob plans a job's SQL and runs it in this process.
func runJob(ctx context.Context, j *manifest.Job, o runOptions) (job.Result, error) {
	connectors := registry.New(registry.Environment{Stdout: o.stdout, Stderr: o.stderr, Log: o.logger, Now: time.Now})
	graph, err := sql.Compile(j.SQL.Text, j.SQL.Source(), connectors)
	if err != nil {
		return job.Result{}, textError(j.SQL, err)
	}
	config := j.Config
	if config.Owner, err = os.Hostname(); err != nil {
		return job.Result{}, fmt.Errorf("find out whose job this is: %w", err)
	}
	return job.Run(ctx, config, graph, job.Options{
		Logger:        o.logger,
		Interrupt:     o.interrupt,
		AtStep:        o.atStep,
		EngineVersion: version,
		Started:       func(running *job.Job) { o.started(running) },
	})
}

// textError names the place of an error in the file that the SQL stands in.
func textError(text manifest.Text, err error) error {
	var e *sql.Error
	if !errors.As(err, &e) {
		return err
	}
	return &manifest.Error{Place: text.Place(e.Line, e.Column), Msg: e.Msg, Remedy: e.Remedy}
}
