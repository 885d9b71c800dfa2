package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/internal/cli"
)

func duCommand(a *cli.Process) *cobra.Command {
	c := &cobra.Command{
		Use:   "du PATH",
		Short: "Show what the checkpoints of a job take",
		Long: `Show what the checkpoints of a job take, in bytes: of each all that it needs, and what it alone needs. Incremental checkpoints
share data files, so that the sum of the first is more than there is, and removing a checkpoint frees no more than the second.

PATH is the folder of a job (<checkpoint.storage>/<job id>), as a path or URL; the job may run.`,
		Args: cli.Between(1, 1),
	}
	onSnapshot(a, c, func(ctx context.Context, path string, json bool) error {
		u, err := usageOf(ctx, path)
		if err != nil {
			return err
		}
		if json {
			return cli.WriteJSON(a.Stdout, u)
		}
		return writeUsage(a.Stdout, u)
	})
	return c
}

func gcCommand(a *cli.Process) *cobra.Command {
	var dryRun bool
	c := &cobra.Command{
		Use:   "gc PATH",
		Short: "Show which data files of a job no checkpoint needs",
		Long: `Show which data files of a job no checkpoint needs: what attempts have left that were killed, and checkpoints that failed. Nothing
is deleted: a job deletes them by itself, after its next checkpoint, so --dry-run is needed.

PATH is the folder of a job (<checkpoint.storage>/<job id>), as a path or URL; the job may run.`,
		Args: cli.Between(1, 1),
	}
	onSnapshot(a, c, func(ctx context.Context, path string, json bool) error {
		if !dryRun {
			return cli.Usagef("say --dry-run: a job deletes by itself what no checkpoint needs, and this only shows it")
		}
		u, err := usageOf(ctx, path)
		if err != nil {
			return err
		}
		if json {
			return cli.WriteJSON(a.Stdout, u.Garbage)
		}
		for _, g := range u.Garbage {
			if _, err := fmt.Fprintf(a.Stdout, "%d bytes  %s\n", g.Bytes, g.Object); err != nil {
				return err
			}
		}
		_, err = fmt.Fprintf(a.Stdout, "%d bytes in %d files that no checkpoint needs\n", u.GarbageBytes, len(u.Garbage))
		return err
	})
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show it, and delete nothing")
	return c
}

// usageOf measures the job's folder at a path.
func usageOf(ctx context.Context, path string) (u snapshot.Usage, err error) {
	b, err := storage.Open(ctx, path)
	if err != nil {
		return u, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	u, err = snapshot.NewChain(b, "", nil).Usage(ctx)
	if err == nil && len(u.Checkpoints) == 0 {
		err = fmt.Errorf("%s is not the folder of a job: it has no checkpoint", u.Path)
	}
	return u, err
}

func writeUsage(w io.Writer, u snapshot.Usage) error {
	rows := "CHECKPOINT\tBYTES\tALONE\n"
	for _, c := range u.Checkpoints {
		damaged := ""
		if c.Damaged {
			damaged = "\tits metadata cannot be read"
		}
		rows += fmt.Sprintf("%d\t%d\t%d%s\n", c.ID, c.Bytes, c.Alone, damaged)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, err := io.WriteString(table, rows)
	if err = errors.Join(err, table.Flush()); err != nil {
		return err
	}
	for _, p := range u.Pins {
		if _, err := fmt.Fprintf(w, "checkpoint %d is kept for %s\n", p.Checkpoint, p.Purpose); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(w, "%d bytes in all, %d of them in %d files that no checkpoint needs\n", u.Bytes, u.GarbageBytes, len(u.Garbage))
	return err
}
