// Package checkpoint is `weir checkpoint`: it takes a checkpoint of a running job.
package checkpoint

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/internal/cli"
)

// Command is the verb.
func Command(a *cli.Process) *cobra.Command {
	var f cli.AskFlags
	c := &cobra.Command{
		Use:   "checkpoint [JOB]",
		Short: "Take a checkpoint of a running job now, and print its path",
		Long: `Take a checkpoint of a running job now, and print its path.

A checkpoint is the engine's: it is removed when newer ones have taken its place. JOB is a job's name or address (see
weir --help).`,
		Args: cli.Between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			op, err := a.Ask(c.Context(), f, cli.First(args), func(ctx context.Context, client *rest.Client, id string) (rest.Operation, error) {
				return client.Checkpoint(ctx, rest.CheckpointRequest{ID: id})
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.Stdout, op.Path)
			return err
		},
	}
	f.Add(c)
	return c
}
