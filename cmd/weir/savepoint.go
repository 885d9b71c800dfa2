package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/rest"
)

func (a *app) savepointCommand() *cobra.Command {
	var f askFlags
	c := &cobra.Command{
		Use:   "savepoint [JOB [TARGET]]",
		Short: "Take a savepoint of a running job, and print its path",
		Long: `Take a savepoint of a running job, and print its path.

A savepoint is complete and yours: move or copy its folder, and it still restores. TARGET is the folder that it is made
in, a path or URL; by default spec.savepoint.storage. JOB is a job's name or address (see weir --help).`,
		Args: between(0, 2),
		RunE: func(c *cobra.Command, args []string) error {
			target := ""
			if len(args) == 2 {
				var err error
				if target, err = place("TARGET", args[1]); err != nil {
					return err
				}
			}
			op, err := a.ask(c.Context(), f, first(args), func(ctx context.Context, client *rest.Client, id string) (rest.Operation, error) {
				return client.Savepoint(ctx, rest.SavepointRequest{ID: id, Target: target})
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
