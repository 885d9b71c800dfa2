package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/snapshot"
)

func (a *app) snapshotCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "snapshot",
		Short: "Look into checkpoints and savepoints",
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("say what to do with the snapshot: inspect or verify")
			}
			if args[0] == "export" {
				return usagef("not supported yet: weir snapshot export; use inspect or verify")
			}
			return usagef("there is no command \"snapshot %s\"; there are inspect and verify", args[0])
		},
	}
	c.AddCommand(a.inspectCommand(), a.verifyCommand())
	return c
}

func (a *app) inspectCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "inspect PATH",
		Short: "Show what is in a snapshot",
		Long:  "Show what is in a snapshot. PATH is the folder of a checkpoint (chk-<n>) or savepoint, as a path or URL.\n\nWith -o json also how far the sources had read each file.",
		Args:  between(1, 1),
	}
	a.onSnapshot(c, func(ctx context.Context, path string, json bool) error {
		s, err := snapshot.OpenSnapshot(ctx, path)
		if err != nil {
			return err
		}
		return errors.Join(a.inspect(s, json), s.Close())
	})
	return c
}

func (a *app) inspect(s *snapshot.Snapshot, json bool) error {
	sum, err := job.Inspect(s)
	if err != nil {
		return err
	}
	if json {
		return sum.WriteJSON(a.stdout)
	}
	return sum.WriteText(a.stdout)
}

// onSnapshot lets a command with the one argument PATH, and -o, do something with the snapshot there until a signal comes.
func (a *app) onSnapshot(c *cobra.Command, do func(ctx context.Context, path string, json bool) error) {
	output := outputFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		json, err := asJSON(*output)
		if err != nil {
			return err
		}
		path, err := place("PATH", args[0])
		if err != nil {
			return err
		}
		ctx, stop := a.untilSignal(c.Context())
		defer stop()
		return do(ctx, path, json)
	}
}

// verified is a report as `weir snapshot verify -o json` shows it.
type verified struct {
	Path     string    `json:"path"`
	OK       bool      `json:"ok"`
	Objects  int       `json:"objects"`
	Bytes    int64     `json:"bytes"`
	Problems []problem `json:"problems"`
	Extra    []string  `json:"extra,omitempty"`
}

type problem struct {
	Object string `json:"object"`
	Offset int64  `json:"offset"`
	Reason string `json:"reason"`
}

func (a *app) verifyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "verify PATH",
		Short: "Read every byte of a snapshot and compare all checksums",
		Long: `Read every byte of a snapshot and compare all checksums. What is damaged is named, and the exit code is 1.

PATH is the folder of a checkpoint (chk-<n>) or savepoint, as a path or URL.`,
		Args: between(1, 1),
	}
	a.onSnapshot(c, func(ctx context.Context, path string, json bool) error {
		report, err := snapshot.Verify(ctx, path)
		if err != nil {
			return err
		}
		if err := writeReport(a.stdout, report, json); err != nil {
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
	v := verified{Path: r.Path, OK: r.OK(), Objects: r.Objects, Bytes: r.Bytes, Problems: []problem{}, Extra: r.Extra}
	for _, p := range r.Problems {
		v.Problems = append(v.Problems, problem{p.Object, p.Offset, p.Reason})
	}
	return writeJSON(w, v)
}
