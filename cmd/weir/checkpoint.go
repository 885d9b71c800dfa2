package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/rest"
)

func (a *app) checkpointCommand() *cobra.Command {
	var f askFlags
	c := &cobra.Command{
		Use:   "checkpoint [JOB]",
		Short: "Take a checkpoint of a running job now, and print its path",
		Long: `Take a checkpoint of a running job now, and print its path.

A checkpoint is the engine's: it is removed when newer ones have taken its place. JOB is a job's name or address (see
weir --help).`,
		Args: between(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			op, err := a.ask(c.Context(), f, first(args), func(ctx context.Context, client *rest.Client, id string) (rest.Operation, error) {
				return client.Checkpoint(ctx, rest.CheckpointRequest{ID: id})
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.stdout, op.Path)
			return err
		},
	}
	f.add(c)
	return c
}
