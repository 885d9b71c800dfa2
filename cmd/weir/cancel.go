package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/rest"
)

func (a *app) cancelCommand() *cobra.Command {
	var f askFlags
	c := &cobra.Command{
		Use:   "cancel JOB",
		Short: "End a running job at once, without a last checkpoint",
		Long: `End a running job at once, without a last checkpoint. Its checkpoints stay, and the same ` + "`weir run`" + ` goes on from the
newest. JOB is a job's name or address (see weir --help), and is always named.`,
		Args: named,
		RunE: func(c *cobra.Command, args []string) error {
			_, err := a.ask(c.Context(), f, first(args), func(ctx context.Context, client *rest.Client, id string) (rest.Operation, error) {
				return client.Cancel(ctx, rest.CancelRequest{ID: id})
			})
			return err
		},
	}
	f.add(c)
	return c
}
