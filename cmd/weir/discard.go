package main

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/manifest"
)

func (a *app) discardCommand() *cobra.Command {
	var f podFlags
	c := &cobra.Command{
		Use:   "discard --manifest FILE --owner OWNER",
		Short: "Delete all checkpoints of a job, in a pod (onDelete: Delete)",
		Long: `Delete all checkpoints of a job, in a pod (onDelete: Delete). It claims the job's next attempt first, so that nothing of
the job can publish any more. Savepoints stay. What is gone already is no failure, so that it can be repeated.`,
		Args: between(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := required(c, "manifest", "owner"); err != nil {
				return err
			}
			return a.task(c, f, func(ctx context.Context, j *manifest.Job, log *slog.Logger) (string, *rest.Chain, error) {
				return "the checkpoints of " + j.Config.Job + " are deleted", nil, job.Discard(ctx, j.Config, log)
			})
		},
	}
	f.add(c)
	f.addOwner(c)
	return c
}

func (a *app) disposeCommand() *cobra.Command {
	var (
		f    podFlags
		path string
	)
	c := &cobra.Command{
		Use:   "dispose --manifest FILE --path URL",
		Short: "Delete one savepoint, in a pod (deletionPolicy: Delete)",
		Long: `Delete one savepoint, in a pod (deletionPolicy: Delete). A folder that is no savepoint's is refused. What is gone already
is no failure, so that it can be repeated.`,
		Args: between(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := required(c, "manifest", "path"); err != nil {
				return err
			}
			url, err := place("--path", path)
			if err != nil {
				return err
			}
			return a.task(c, f, func(ctx context.Context, j *manifest.Job, _ *slog.Logger) (string, *rest.Chain, error) {
				return url + " is deleted", nil, job.Dispose(ctx, j.Config, url)
			})
		},
	}
	f.add(c)
	c.Flags().StringVar(&path, "path", "", "the savepoint's folder (required)")
	return c
}
