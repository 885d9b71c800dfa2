package snapshot

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/stateview"
	"github.com/weirstream/weir/internal/cli"
)

func exportCommand(a *cli.Process) *cobra.Command {
	c := &cobra.Command{
		Use:   "export PATH",
		Short: "Write the state of a snapshot as JSON lines",
		Long: `Write the state of a snapshot as JSON lines: uid, state, key group, key, window or name, and value of each entry.
PATH is the folder of a checkpoint (chk-<n>) or savepoint, as a path or URL; no job needs to run.

Two snapshots with the same state give the same lines. What the snapshot does not describe, such as values that a program has
encoded itself, is written as {"hex":"..."}.`,
		Args: cli.Between(1, 1),
	}
	want := filterFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		ctx, stop := a.UntilSignal(c.Context())
		defer stop()
		return open(ctx, args[0], func(s *snapshot.Snapshot) error { return Export(ctx, a.Stdout, s, *want) })
	}
	return c
}

// Export writes the entries that are wanted as JSON lines.
func Export(ctx context.Context, to io.Writer, s *snapshot.Snapshot, want stateview.Filter) error {
	lines := newLines(to)
	err := stateview.Each(ctx, s, want, func(e stateview.Entry) error { return lines.Encode(e) })
	return errors.Join(err, lines.Flush())
}

func diffCommand(a *cli.Process) *cobra.Command {
	c := &cobra.Command{
		Use:   "diff BEFORE AFTER",
		Short: "Compare the state of two snapshots of a job",
		Long: `Compare the state of two snapshots of a job, and count the entries that differ. With -o json every entry that was added,
removed or changed is a line.

BEFORE and AFTER are folders of checkpoints (chk-<n>) or savepoints, as paths or URLs.`,
		Args: cli.Between(2, 2),
	}
	want, output := filterFlags(c), cli.OutputFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		asJSON, err := cli.AsJSON(*output)
		if err != nil {
			return err
		}
		ctx, stop := a.UntilSignal(c.Context())
		defer stop()
		return open(ctx, args[0], func(before *snapshot.Snapshot) error {
			return open(ctx, args[1], func(after *snapshot.Snapshot) error { return diff(ctx, a.Stdout, before, after, *want, asJSON) })
		})
	}
	return c
}

func diff(ctx context.Context, to io.Writer, before, after *snapshot.Snapshot, want stateview.Filter, asJSON bool) error {
	lines := newLines(to)
	counts, err := stateview.Diff(ctx, before, after, want, func(c stateview.Change) error {
		if !asJSON {
			return nil
		}
		return lines.Encode(c)
	})
	if err != nil || asJSON {
		return errors.Join(err, lines.Flush())
	}
	rows := "OPERATOR\tSTATE\tEQUAL\tADDED\tREMOVED\tCHANGED\n"
	for _, n := range counts {
		rows += fmt.Sprintf("%s\t%s\t%d\t%d\t%d\t%d\n", n.UID, n.State, n.Equal, n.Added, n.Removed, n.Changed)
	}
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	_, err = io.WriteString(table, rows)
	return errors.Join(err, table.Flush())
}

// open lets do look into the snapshot at a path that the user names.
func open(ctx context.Context, name string, do func(*snapshot.Snapshot) error) error {
	path, err := cli.Place("PATH", name)
	if err != nil {
		return err
	}
	return job.Look(ctx, path, do)
}

// filterFlags adds the flags that say which entries are wanted.
func filterFlags(c *cobra.Command) *stateview.Filter {
	var want stateview.Filter
	c.Flags().StringVar(&want.UID, "uid", "", "only the operator with this uid")
	c.Flags().StringVar(&want.State, "state", "", "only the state of this name")
	c.Flags().StringVar(&want.Key, "key", "", "only this key: as JSON, an array of its columns, or the text of the only one")
	return &want
}

// lines writes values as JSON lines.
type lines struct {
	*json.Encoder
	*bufio.Writer
}

func newLines(to io.Writer) lines {
	w := bufio.NewWriter(to)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return lines{e, w}
}
