package inprocess

import (
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/connector/registry"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/sql"
	"github.com/weirstream/weir/internal/cli"
	"github.com/weirstream/weir/manifest"
)

// JobFlags are how a job is named to a verb: a manifest or a file of SQL, and what goes over its fields.
type JobFlags struct {
	verb             string
	file, config     string
	set              []string
	allowNonRestored bool
}

// Add adds the flags to a command.
func (f *JobFlags) Add(c *cobra.Command) {
	f.verb = c.Name()
	flags := c.Flags()
	flags.StringVarP(&f.file, "file", "f", "", "manifest with one StreamJob; - is standard input")
	flags.BoolVarP(&f.allowNonRestored, "allow-non-restored-state", "n", false, "leave behind the state of operators that the job no longer has")
	flags.StringArrayVar(&f.set, "set", nil, "set a field, as in --set spec.parallelism=4; can be repeated")
	flags.StringVar(&f.config, "config", "", "weir.yaml: defaults for the fields of spec (default: $WEIR_CONFIG)")
}

// Load reads the job that the flags and arguments name. The settings of other flags go over those of --set.
func (f *JobFlags) Load(a *cli.Process, args []string, more ...manifest.Setting) (*manifest.StreamJob, error) {
	in, err := f.read(a, args)
	if err != nil {
		return nil, err
	}
	config := f.config
	if config == "" {
		config = a.Getenv("WEIR_CONFIG")
	}
	if config != "" {
		if in.Global, err = a.ReadFile(config); err != nil {
			return nil, err
		}
	}
	for _, text := range f.set {
		s, err := manifest.ParseSetting(text)
		if err != nil {
			return nil, err
		}
		in.Settings = append(in.Settings, s)
	}
	if f.allowNonRestored {
		in.Settings = append(in.Settings, manifest.Setting{Flag: "-n", Path: "spec.upgrade.allowNonRestoredState", Value: "true"})
	}
	in.Settings = append(in.Settings, more...)
	return manifest.Load(in)
}

// read reads the manifest or SQL.
func (f *JobFlags) read(a *cli.Process, args []string) (in manifest.Input, err error) {
	isYAML := func(name string) bool {
		ext := filepath.Ext(name)
		return ext == ".yaml" || ext == ".yml" || name == "-"
	}
	switch {
	case f.file != "" && len(args) > 0:
		return in, cli.Usagef("two jobs are named, %s and %s; name one", f.file, args[0])
	case f.file != "" && filepath.Ext(f.file) == ".sql":
		return in, cli.Usagef("-f takes a manifest, and %s is SQL; run `weir %s %s`", f.file, f.verb, f.file)
	case f.file != "":
		in.Manifest, err = a.ReadFile(f.file)
	case len(args) == 0 || args[0] == "":
		return in, cli.Usagef("no job is named; run `weir %s -f streamjob.yaml` or `weir %s job.sql`", f.verb, f.verb)
	case isYAML(args[0]):
		in.Manifest, err = a.ReadFile(args[0])
	default:
		in.SQL, err = a.ReadFile(args[0])
	}
	return in, err
}

// Graph plans a job's SQL. Places in errors are those in the user's file. Connectors that print do so to stdout and stderr.
func Graph(j *manifest.StreamJob, stdout, stderr io.Writer, log *slog.Logger) (*job.Graph, error) {
	connectors := registry.New(registry.Environment{Stdout: stdout, Stderr: stderr, Log: log, Now: time.Now})
	begin := j.SQL.Place(1, 1)
	graph, err := sql.Compiler{File: begin.Source, Line: begin.Line, Column: begin.Column, Connectors: connectors}.Compile(j.SQL.Text)
	if err != nil {
		return nil, WrongText(err)
	}
	return graph, nil
}
