// Package savepoint is `weir savepoint`: it takes a savepoint of a running job.
package savepoint

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
		Use:   "savepoint [JOB [TARGET]]",
		Short: "Take a savepoint of a running job, and print its path",
		Long: `Take a savepoint of a running job, and print its path.

A savepoint is complete and yours: move or copy its folder, and it still restores. TARGET is the folder that it is made
in, a path or URL; by default spec.savepoint.storage. JOB is a job's name or address (see weir --help).`,
		Args: cli.Between(0, 2),
		RunE: func(c *cobra.Command, args []string) error {
			target := ""
			if len(args) == 2 {
				var err error
				if target, err = cli.Place("TARGET", args[1]); err != nil {
					return err
				}
			}
			op, err := a.Ask(c.Context(), f, cli.First(args), func(ctx context.Context, client *rest.Client, id string) (rest.Operation, error) {
				return client.Savepoint(ctx, rest.SavepointRequest{ID: id, Target: target})
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
