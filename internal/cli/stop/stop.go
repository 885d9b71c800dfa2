// Package stop is `weir stop`: it stops a running job with a savepoint.
package stop

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/internal/cli"
)

// Command is the verb.
func Command(a *cli.Process) *cobra.Command {
	var (
		f      cli.AskFlags
		target string
		drain  bool
	)
	c := &cobra.Command{
		Use:   "stop JOB --savepoint-path DIR",
		Short: "Stop a running job with a savepoint, and print its path",
		Long: `Stop a running job with a savepoint, and print its path.

If the savepoint cannot be made, the job runs on. The same ` + "`weir run`" + ` goes on from where it stopped. JOB is a job's name or
address (see weir --help), and is always named. Without --savepoint-path the savepoint goes to the job's spec.savepoint.storage;
a job without that is not stopped.`,
		Args: cli.Named,
		RunE: func(c *cobra.Command, args []string) error {
			to := ""
			if c.Flags().Changed("savepoint-path") {
				var err error
				if to, err = cli.Place("--savepoint-path", target); err != nil {
					return err
				}
			}
			op, err := a.Ask(c.Context(), f, cli.First(args), func(ctx context.Context, client *rest.Client, id string) (rest.Operation, error) {
				return client.Stop(ctx, rest.StopRequest{ID: id, Target: to, Drain: drain})
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.Stdout, op.Path)
			return err
		},
	}
	c.Flags().StringVar(&target, "savepoint-path", "", "folder that the savepoint is made in, a path or URL (default: spec.savepoint.storage)")
	c.Flags().BoolVar(&drain, "drain", false, "end event time first, so that every window fires; the job can then never go on")
	f.Add(c)
	return c
}
