// Package cancel is `weir cancel`: it ends a running job at once.
package cancel

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/internal/cli"
)

// Command is the verb.
func Command(a *cli.Process) *cobra.Command {
	var f cli.AskFlags
	c := &cobra.Command{
		Use:   "cancel JOB",
		Short: "End a running job at once, without a last checkpoint",
		Long: `End a running job at once, without a last checkpoint. Its checkpoints stay, and the same ` + "`weir run`" + ` goes on from the
newest. JOB is a job's name or address (see weir --help), and is always named.`,
		Args: cli.Named,
		RunE: func(c *cobra.Command, args []string) error {
			_, err := a.Ask(c.Context(), f, cli.First(args), func(ctx context.Context, client *rest.Client, id string) (rest.Operation, error) {
				return client.Cancel(ctx, rest.CancelRequest{ID: id})
			})
			return err
		},
	}
	f.Add(c)
	return c
}
