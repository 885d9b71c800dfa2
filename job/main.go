package job

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/internal/cli"
	"github.com/weirstream/weir/internal/cli/cancel"
	"github.com/weirstream/weir/internal/cli/checkpoint"
	"github.com/weirstream/weir/internal/cli/list"
	"github.com/weirstream/weir/internal/cli/plan"
	"github.com/weirstream/weir/internal/cli/run"
	"github.com/weirstream/weir/internal/cli/savepoint"
	"github.com/weirstream/weir/internal/cli/snapshot"
	"github.com/weirstream/weir/internal/cli/state"
	"github.com/weirstream/weir/internal/cli/stop"
	"github.com/weirstream/weir/internal/cli/version"
	"github.com/weirstream/weir/internal/daemon/coordinator"
	"github.com/weirstream/weir/internal/daemon/task"
	"github.com/weirstream/weir/internal/inprocess"
)

// Main runs the command line of a program whose job build describes, and ends the process. It is the whole main function: what
// comes before it, such as flag.Parse, would meet the arguments of the operator's pods. A program has one job; one that is to
// have several chooses by its own arguments.
//
// build is called when a verb needs the job, and once in a process, unless the arguments differ. It may read files and
// environment to describe the job, but it does nothing else: it is also called to plan a job that does not run.
func Main(build func(*Program) error) {
	name := filepath.Base(os.Args[0])
	p := cli.OfOS(engineVersion())
	os.Exit(p.Main(context.Background(), command(p, name, build), os.Args[1:]))
}

// command is the command line of a program.
func command(p *cli.Process, name string, build func(*Program) error) *cobra.Command {
	jobs := &ownJob{name: name, build: build}
	about := cli.About{Name: name, Short: "A stateful streaming job", Long: "A stateful streaming job, which is run, planned and asked as with weir.",
		FlagHint: "; what is the program's own stands behind --"}
	return cli.Root(p, about,
		run.Command(p, run.InProcess(jobs), jobs), plan.Command(p, jobs), manifestCommand(p, jobs),
		savepoint.Command(p), stop.Command(p), checkpoint.Command(p), cancel.Command(p),
		list.Command(p), snapshot.Command(p), state.Command(p), version.Command(p),
		coordinator.Command(p, coordinator.IdentityPause, jobs), task.Preflight(p, jobs), task.Discard(p), task.Dispose(p))
}

// engine is the module that runs jobs.
const engine = "github.com/weirstream/weir"

// engineVersion is that of the engine that is linked into this program: dev, if it was built in the engine's own tree.
func engineVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path != engine {
			continue
		}
		if m.Replace != nil {
			m = m.Replace
		}
		if m.Version != "" && m.Version != "(devel)" {
			return m.Version
		}
	}
	return "dev"
}

// manifestCommand prints a manifest.
func manifestCommand(p *cli.Process, jobs *ownJob) *cobra.Command {
	var image string
	c := &cobra.Command{
		Use:   "manifest --image IMAGE [-f MANIFEST] [-- ARGUMENT...]",
		Short: "Print the StreamJob of this program, for a cluster",
		Long: `Print the StreamJob of this program, for a cluster: what its code says of the job, under what a manifest (-f) and --set say.
The operator does not run the program to learn what its code says, so in a cluster the StreamJob is what counts.`,
	}
	var f inprocess.JobFlags
	f.Add(c, jobs)
	c.Flags().StringVar(&image, "image", "", "the image that the program is built into (default: that of the manifest)")
	c.RunE = func(c *cobra.Command, args []string) error {
		text, err := f.Written(p, args, image)
		if err != nil {
			return err
		}
		if _, err := p.Stdout.Write(text); err != nil {
			return fmt.Errorf("print the manifest: %w", err)
		}
		return nil
	}
	return c
}
