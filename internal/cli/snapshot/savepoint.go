package snapshot

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/internal/cli"
)

func savepointCommand(a *cli.Process) *cobra.Command {
	var of job.SavepointOf
	c := &cobra.Command{
		Use:   "savepoint PATH TARGET",
		Short: "Make a savepoint of a checkpoint, and print its path",
		Long: `Make a savepoint of a checkpoint, and print its path. No job needs to run: it is what the job itself would have made of that
checkpoint, byte by byte, whenever and wherever it is made.

PATH is the folder of a checkpoint (chk-<n>), and TARGET the folder that the savepoint is made in, as paths or URLs.

A savepoint has no output to commit. If nothing in the job's folder says that the output before the checkpoint is committed, it is
refused: start the job, which commits it.`,
		Args: cli.Between(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if of.Checkpoint, err = cli.Place("PATH", args[0]); err != nil {
				return err
			}
			if of.Target, err = cli.Place("TARGET", args[1]); err != nil {
				return err
			}
			if of.ID != "" {
				if err := rest.CheckID(of.ID); err != nil {
					return cli.UsageError{Err: err}
				}
			}
			ctx, stop := a.UntilSignal(c.Context())
			defer stop()
			path, err := job.Savepoint(ctx, of)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.Stdout, path)
			return err
		},
	}
	c.Flags().StringVar(&of.ID, "id", "", "id of the savepoint: repeated under the same id it is made only once (default: one that is the checkpoint's own)")
	c.Flags().BoolVar(&of.AllowLostOutput, "allow-lost-output", false, "make it though output before the checkpoint may not be committed: jobs that start from it do not commit it")
	return c
}
