// Package snapshot is `weir snapshot`: it looks into checkpoints and savepoints.
package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/internal/cli"
)

// Command is the verb.
func Command(a *cli.Process) *cobra.Command {
	c := &cobra.Command{
		Use:   "snapshot",
		Short: "Look into checkpoints and savepoints",
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.Usagef("say what to do with the snapshot: inspect, verify, export, diff, savepoint, du or gc")
			}
			return cli.Usagef("there is no command \"snapshot %s\"; there are inspect, verify, export, diff, savepoint, du and gc", args[0])
		},
	}
	c.AddCommand(inspectCommand(a), verifyCommand(a), exportCommand(a), diffCommand(a), savepointCommand(a), duCommand(a), gcCommand(a))
	return c
}

func inspectCommand(a *cli.Process) *cobra.Command {
	c := &cobra.Command{
		Use:   "inspect PATH",
		Short: "Show what is in a snapshot",
		Long:  "Show what is in a snapshot. PATH is the folder of a checkpoint (chk-<n>) or savepoint, as a path or URL.\n\nWith -o json also how far the sources had read each file.",
		Args:  cli.Between(1, 1),
	}
	onSnapshot(a, c, func(ctx context.Context, path string, json bool) error {
		s, err := snapshot.OpenSnapshot(ctx, path)
		if err != nil {
			return err
		}
		return errors.Join(inspect(a, s, json), s.Close())
	})
	return c
}

func inspect(a *cli.Process, s *snapshot.Snapshot, json bool) error {
	sum, err := job.Inspect(s)
	if err != nil {
		return err
	}
	if json {
		return sum.WriteJSON(a.Stdout)
	}
	return sum.WriteText(a.Stdout)
}

// onSnapshot lets a command with the one argument PATH, and -o, do something with the snapshot there until a signal comes.
func onSnapshot(a *cli.Process, c *cobra.Command, do func(ctx context.Context, path string, json bool) error) {
	output := cli.OutputFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		json, err := cli.AsJSON(*output)
		if err != nil {
			return err
		}
		path, err := cli.Place("PATH", args[0])
		if err != nil {
			return err
		}
		ctx, stop := a.UntilSignal(c.Context())
		defer stop()
		return do(ctx, path, json)
	}
}

// Verified is a report as `weir snapshot verify -o json` shows it.
type Verified struct {
	Path     string    `json:"path"`
	OK       bool      `json:"ok"`
	Objects  int       `json:"objects"`
	Bytes    int64     `json:"bytes"`
	Problems []Problem `json:"problems"`
	Extra    []string  `json:"extra,omitempty"`
}

// Problem is what is wrong with an object.
type Problem struct {
	Object string `json:"object"`
	Offset int64  `json:"offset"`
	Reason string `json:"reason"`
}

func verifyCommand(a *cli.Process) *cobra.Command {
	c := &cobra.Command{
		Use:   "verify PATH",
		Short: "Read every byte of a snapshot and compare all checksums",
		Long: `Read every byte of a snapshot and compare all checksums. What is damaged is named, and the exit code is 1.

PATH is the folder of a checkpoint (chk-<n>) or savepoint, as a path or URL.`,
		Args: cli.Between(1, 1),
	}
	onSnapshot(a, c, func(ctx context.Context, path string, json bool) error {
		report, err := snapshot.Verify(ctx, path)
		if err != nil {
			return err
		}
		if err := writeReport(a.Stdout, report, json); err != nil {
			return err
		}
		if !report.OK() {
			return fmt.Errorf("%s cannot be restored: %w", report.Path, report.Problems[0])
		}
		return nil
	})
	return c
}

func writeReport(w io.Writer, r *snapshot.Report, json bool) error {
	if !json {
		_, err := io.WriteString(w, r.String())
		return err
	}
	v := Verified{Path: r.Path, OK: r.OK(), Objects: r.Objects, Bytes: r.Bytes, Problems: []Problem{}, Extra: r.Extra}
	for _, p := range r.Problems {
		v.Problems = append(v.Problems, Problem{p.Object, p.Offset, p.Reason})
	}
	return cli.WriteJSON(w, v)
}
