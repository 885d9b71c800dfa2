// Package state is `weir state`: it looks up keys in the state of checkpoints and savepoints.
package state

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/stateview"
	"github.com/weirstream/weir/internal/cli"
	snapshots "github.com/weirstream/weir/internal/cli/snapshot"
)

// Command is the verb.
func Command(a *cli.Process) *cobra.Command {
	c := &cobra.Command{
		Use:   "state",
		Short: "Look up keys in the state of a snapshot",
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.Usagef("say what to do with the state: get")
			}
			return cli.Usagef("there is no command \"state %s\"; there is get", args[0])
		},
	}
	c.AddCommand(getCommand(a))
	return c
}

func getCommand(a *cli.Process) *cobra.Command {
	return &cobra.Command{
		Use:   "get PATH UID KEY",
		Short: "Show what an operator's state has under a key",
		Long: `Show what an operator's state has under a key, as JSON lines. PATH is the folder of a checkpoint (chk-<n>) or savepoint, as a
path or URL; no job needs to run. UID is the operator's, as weir snapshot inspect shows it. KEY is the text of the only key
column, or a JSON array of all of them, such as '["ATL",7]'.`,
		Args: cli.Between(3, 3),
		RunE: func(c *cobra.Command, args []string) error {
			path, err := cli.Place("PATH", args[0])
			if err != nil {
				return err
			}
			if args[1] == "" || args[2] == "" {
				return cli.Usagef("UID and KEY must not be empty; see `%s --help`", c.CommandPath())
			}
			ctx, stop := a.UntilSignal(c.Context())
			defer stop()
			var found bytes.Buffer
			err = job.Look(ctx, path, func(s *snapshot.Snapshot) error {
				err := snapshots.Export(ctx, &found, s, stateview.Filter{UID: args[1], Key: args[2]})
				if err == nil && found.Len() == 0 {
					err = fmt.Errorf("%s: operator %s has nothing under the key %s", s.Path(), args[1], args[2])
				}
				return err
			})
			_, werr := found.WriteTo(a.Stdout)
			return errors.Join(err, werr)
		},
	}
}
