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
	begin := j.SQL.Place(1, 1)
	graph, err := sql.Compiler{File: begin.Source, Line: begin.Line, Column: begin.Column, Connectors: connectors}.Compile(j.SQL.Text)
	if err != nil {
		return job.Result{}, wrongText(err)
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

// wrongText makes what is wrong with the SQL what is wrong with the manifest.
func wrongText(err error) error {
	var e *sql.Error
	if !errors.As(err, &e) {
		return err
	}
	return &manifest.Error{Place: manifest.Place{Source: e.File, Line: e.Line, Column: e.Column}, Msg: e.Msg, Remedy: e.Remedy}
}
