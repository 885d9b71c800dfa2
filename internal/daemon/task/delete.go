package task

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/internal/cli"
	"github.com/weirstream/weir/internal/daemon/pod"
	"github.com/weirstream/weir/manifest"
)

// Discard is the verb that deletes checkpoints.
func Discard(a *cli.Process) *cobra.Command {
	var f pod.Flags
	c := &cobra.Command{
		Use:   "discard --manifest FILE --owner OWNER",
		Short: "Delete all checkpoints of a job, in a pod (onDelete: Delete)",
		Long: `Delete all checkpoints of a job, in a pod (onDelete: Delete). It claims the job's next attempt first, so that nothing of
the job can publish any more. Savepoints stay. What is gone already is no failure, so that it can be repeated.`,
		Args: cli.Between(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := cli.Required(c, "manifest", "owner"); err != nil {
				return err
			}
			return task(a, c, f, nil, func(ctx context.Context, j *manifest.StreamJob, log *slog.Logger) (string, *rest.Chain, error) {
				return "the checkpoints of " + j.Config.Job + " are deleted", nil, job.Discard(ctx, j.Config, log)
			})
		},
	}
	f.Add(c)
	f.AddOwner(c)
	return c
}

// Dispose is the verb that deletes a savepoint.
func Dispose(a *cli.Process) *cobra.Command {
	var (
		f    pod.Flags
		path string
	)
	c := &cobra.Command{
		Use:   "dispose --manifest FILE --path URL",
		Short: "Delete one savepoint, in a pod (deletionPolicy: Delete)",
		Long: `Delete one savepoint, in a pod (deletionPolicy: Delete). A folder that is no savepoint's is refused. What is gone already
is no failure, so that it can be repeated.`,
		Args: cli.Between(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := cli.Required(c, "manifest", "path"); err != nil {
				return err
			}
			url, err := cli.Place("--path", path)
			if err != nil {
				return err
			}
			return task(a, c, f, nil, func(ctx context.Context, j *manifest.StreamJob, _ *slog.Logger) (string, *rest.Chain, error) {
				return url + " is deleted", nil, job.Dispose(ctx, j.Config, url)
			})
		},
	}
	f.Add(c)
	c.Flags().StringVar(&path, "path", "", "the savepoint's folder (required)")
	return c
}
