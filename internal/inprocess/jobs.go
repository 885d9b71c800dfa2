package inprocess

import (
	"io"
	"log/slog"
	"time"

	"github.com/weirstream/weir/engine/connector/registry"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/sql"
	"github.com/weirstream/weir/manifest"
)

// Jobs are those that a command line runs and compares: texts of SQL, or the one of the program itself.
type Jobs interface {
	// OwnArgs tells that what stands behind -- is for the program.
	OwnArgs() bool
	// Program is who reads its own job, given arguments; nil: the job is SQL. nil arguments leave it those of the manifest.
	Program(args []string) *manifest.Program
	// Graph plans a job. Connectors that print do so to stdout and stderr.
	Graph(j *manifest.StreamJob, stdout, stderr io.Writer, log *slog.Logger) (*job.Graph, error)
}

// SQL are the jobs whose text is in a manifest, or a file.
type SQL struct{}

// OwnArgs is false.
func (SQL) OwnArgs() bool { return false }

// Program is nil.
func (SQL) Program([]string) *manifest.Program { return nil }

// Graph plans a job's SQL. Places in errors are those in the user's file; in a pod, those in spec.sql.
func (SQL) Graph(j *manifest.StreamJob, stdout, stderr io.Writer, log *slog.Logger) (*job.Graph, error) {
	if j.Spec.Program != nil {
		return nil, fault.Permanentf("spec.program.image", "build the program into an image, with job.Main as its main function, and name that",
			"the image is the engine's own, and no program")
	}
	connectors := registry.New(registry.Environment{Stdout: stdout, Stderr: stderr, Log: log, Now: time.Now})
	begin := j.SQL.Place(1, 1)
	graph, err := sql.Compiler{File: begin.Source, Line: begin.Line, Column: begin.Column, Connectors: connectors}.Compile(j.SQL.Text)
	if err != nil {
		return nil, WrongText(err)
	}
	return graph, nil
}
