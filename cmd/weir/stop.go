package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/rest"
)

func (a *app) stopCommand() *cobra.Command {
	var (
		f      askFlags
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
		Args: named,
		RunE: func(c *cobra.Command, args []string) error {
			to := ""
			if c.Flags().Changed("savepoint-path") {
				var err error
				if to, err = place("--savepoint-path", target); err != nil {
					return err
				}
			}
			op, err := a.ask(c.Context(), f, first(args), func(ctx context.Context, client *rest.Client, id string) (rest.Operation, error) {
				return client.Stop(ctx, rest.StopRequest{ID: id, Target: to, Drain: drain})
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.stdout, op.Path)
			return err
		},
	}
	c.Flags().StringVar(&target, "savepoint-path", "", "folder that the savepoint is made in, a path or URL (default: spec.savepoint.storage)")
	c.Flags().BoolVar(&drain, "drain", false, "end event time first, so that every window fires; the job can then never go on")
	f.add(c)
	return c
}
