package inprocess

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/internal/cli"
	"github.com/weirstream/weir/manifest"
)

// JobFlags are how a job is named to a verb: a manifest or a file of SQL, and what goes over its fields.
type JobFlags struct {
	command          *cobra.Command
	jobs             Jobs
	file, config     string
	set              []string
	allowNonRestored bool
}

// Add adds the flags to a command, and has it take the arguments that name a job of jobs.
func (f *JobFlags) Add(c *cobra.Command, jobs Jobs) {
	f.command, f.jobs = c, jobs
	c.Args = f.check
	flags := c.Flags()
	flags.StringVarP(&f.file, "file", "f", "", "manifest with one StreamJob; - is standard input")
	flags.BoolVarP(&f.allowNonRestored, "allow-non-restored-state", "n", false, "leave behind the state of operators that the job no longer has")
	flags.StringArrayVar(&f.set, "set", nil, "set a field, as in --set spec.parallelism=4; can be repeated")
	flags.StringVar(&f.config, "config", "", "weir.yaml: defaults for the fields of spec (default: $WEIR_CONFIG)")
}

// Load reads the job that the flags and arguments name. The settings of other flags go over those of --set.
func (f *JobFlags) Load(a *cli.Process, args []string, more ...manifest.Setting) (*manifest.StreamJob, error) {
	in, err := f.input(a, args, more)
	if err != nil {
		return nil, err
	}
	return manifest.Load(in)
}

// Written is the manifest of what is written of the job, for a cluster, with a program's image.
func (f *JobFlags) Written(a *cli.Process, args []string, image string) ([]byte, error) {
	var more []manifest.Setting
	if image != "" {
		more = append(more, manifest.Setting{Flag: "--image", Path: "spec.program.image", Value: image})
	}
	in, err := f.input(a, args, more)
	if err != nil {
		return nil, err
	}
	return manifest.Written(in)
}

// input is all that the flags and arguments name.
func (f *JobFlags) input(a *cli.Process, args []string, more []manifest.Setting) (manifest.Input, error) {
	in, err := f.read(a, args)
	if err != nil {
		return in, err
	}
	config := f.config
	if config == "" {
		config = a.Getenv("WEIR_CONFIG")
	}
	if config != "" {
		if in.Global, err = a.ReadFile(config); err != nil {
			return in, err
		}
	}
	for _, text := range f.set {
		s, err := manifest.ParseSetting(text)
		if err != nil {
			return in, err
		}
		in.Settings = append(in.Settings, s)
	}
	if f.allowNonRestored {
		in.Settings = append(in.Settings, manifest.Setting{Flag: "-n", Path: "spec.upgrade.allowNonRestoredState", Value: "true"})
	}
	in.Settings = append(in.Settings, more...)
	return in, nil
}

// split takes the program's own arguments, which stand behind --, from the others; own is nil if there is no --.
func (f *JobFlags) split(c *cobra.Command, args []string) (named, own []string) {
	dash := c.ArgsLenAtDash()
	if dash < 0 {
		return args, nil
	}
	return args[:dash], append([]string{}, args[dash:]...)
}

// check refuses arguments that name no job, or more than one.
func (f *JobFlags) check(c *cobra.Command, args []string) error {
	if !f.jobs.OwnArgs() {
		return cli.Between(0, 1)(c, args)
	}
	named, _ := f.split(c, args)
	if len(named) > 0 && !isYAML(named[0]) {
		return cli.Usagef("%q is no manifest; what is the program's own stands behind --: %s -- %s", named[0], c.CommandPath(), strings.Join(named, " "))
	}
	return cli.Between(0, 1)(c, named)
}

func isYAML(name string) bool {
	ext := filepath.Ext(name)
	return ext == ".yaml" || ext == ".yml" || name == "-"
}

// read reads the manifest or SQL.
func (f *JobFlags) read(a *cli.Process, args []string) (in manifest.Input, err error) {
	args, own := f.split(f.command, args)
	in.Program = f.jobs.Program(own)
	command := f.command.CommandPath()
	switch {
	case f.file != "" && len(args) > 0:
		return in, cli.Usagef("two jobs are named, %s and %s; name one", f.file, args[0])
	case f.file != "" && filepath.Ext(f.file) == ".sql":
		return in, cli.Usagef("-f takes a manifest, and %s is SQL; run `weir %s %s`", f.file, f.command.Name(), f.file)
	case f.file != "":
		in.Manifest, err = a.ReadFile(f.file)
	case len(args) == 0 && in.Program != nil: // it is its own job
	case len(args) == 0 || args[0] == "":
		return in, cli.Usagef("no job is named; run `%s -f streamjob.yaml` or `%s job.sql`", command, command)
	case isYAML(args[0]):
		in.Manifest, err = a.ReadFile(args[0])
	default:
		in.SQL, err = a.ReadFile(args[0])
	}
	return in, err
}
