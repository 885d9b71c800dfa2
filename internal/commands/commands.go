// Package commands is what the program weir is made of: its verbs, in the order in which they are added.
package commands

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/controllers"
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
	"github.com/weirstream/weir/internal/daemon/operator"
	"github.com/weirstream/weir/internal/daemon/task"
	"github.com/weirstream/weir/internal/inprocess"
)

// Parts are what verbs run, and may be others in tests.
type Parts struct {
	// RunJob runs a job until it ends.
	RunJob run.Func
	// RunOperator is an operator until its context is done.
	RunOperator operator.Func
	// IdentityPause is how often a coordinator looks for another identity.
	IdentityPause time.Duration
}

// Real are those of the program.
func Real() Parts {
	return Parts{RunJob: run.InProcess(inprocess.SQL{}), RunOperator: controllers.Run, IdentityPause: coordinator.IdentityPause}
}

// Weir returns the program's root, for one command.
func Weir(p *cli.Process, parts Parts) *cobra.Command {
	jobs := inprocess.SQL{}
	return cli.Root(p, cli.Weir,
		run.Command(p, parts.RunJob, jobs), plan.Command(p, jobs), savepoint.Command(p), stop.Command(p), checkpoint.Command(p), cancel.Command(p),
		list.Command(p), snapshot.Command(p), state.Command(p), version.Command(p),
		coordinator.Command(p, parts.IdentityPause, jobs), task.Preflight(p, jobs), task.Discard(p), task.Dispose(p), operator.Command(p, parts.RunOperator))
}
