package task

import (
	"context"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/internal/cli"
	"github.com/weirstream/weir/internal/daemon/pod"
	"github.com/weirstream/weir/internal/inprocess"
	"github.com/weirstream/weir/manifest"
)

// How long a preflight waits for storage that may come back, and how it paces itself. The deadline of its Job is longer.
const (
	preflightPatience = time.Minute
	preflightPause    = time.Second
	preflightMaxPause = 10 * time.Second
)

// Preflight is the verb that checks a revision, which is a job of jobs.
func Preflight(a *cli.Process, jobs inprocess.Jobs) *cobra.Command {
	var f pod.Flags
	c := &cobra.Command{
		Use:   "preflight --manifest FILE --revision HASH --owner OWNER",
		Short: "Check, in a pod, whether a revision would start from where its job is",
		Long: `Check, in a pod, whether a revision would start from where its job is: the SQL or program plans, storage can be reached, and the
state that it would restore fits. It claims nothing and changes nothing, so that what runs is not touched.

The result is one line of JSON in the termination log, for the operator. Exit codes: 0 it would start, 1 it would not,
2 wrong use.`,
		Args: cli.Between(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := cli.Required(c, "manifest", "revision", "owner"); err != nil {
				return err
			}
			return task(a, c, f, jobs.Program(nil), func(ctx context.Context, j *manifest.StreamJob, log *slog.Logger) (string, *rest.Chain, error) {
				graph, err := jobs.Graph(j, a.Stdout, a.Stderr, log)
				if err != nil {
					return "", nil, err
				}
				chain, err := patiently(ctx, log, func(ctx context.Context) (rest.Chain, error) { return job.Preflight(ctx, j.Config, graph) })
				if err != nil {
					return "", nil, err
				}
				return passed(chain), &chain, nil
			})
		},
	}
	f.Add(c)
	f.AddRevision(c)
	f.AddOwner(c)
	return c
}

// passed says what the revision would start from.
func passed(chain rest.Chain) string {
	if chain.Checkpoint == nil {
		return "the revision would start empty"
	}
	return "the revision would start from " + chain.Checkpoint.Path
}

// patiently repeats what fails for reasons that may pass (P13).
func patiently(ctx context.Context, log *slog.Logger, check func(context.Context) (rest.Chain, error)) (rest.Chain, error) {
	end := time.Now().Add(preflightPatience)
	for pause := preflightPause; ; pause = min(2*pause, preflightMaxPause) {
		chain, err := check(ctx)
		if err == nil || fault.ClassOf(err) == fault.Permanent || ctx.Err() != nil || time.Now().Add(pause).After(end) {
			return chain, err
		}
		log.Warn("it is tried again", "error", cli.OneLine(err.Error()), "after", pause.String())
		select {
		case <-ctx.Done():
			return chain, err
		case <-time.After(pause):
		}
	}
}
