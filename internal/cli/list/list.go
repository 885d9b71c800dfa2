// Package list is `weir list`: it lists the jobs that run on this machine.
package list

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/internal/cli"
	"github.com/weirstream/weir/internal/localjobs"
)

// Listed is a running job as `weir list -o json` shows it.
type Listed struct {
	Job string `json:"job"`
	URL string `json:"url"`
	PID int    `json:"pid"`
	// Overview is what the job says of itself; nil: it did not answer, and Error says why.
	Overview    *rest.Job         `json:"overview,omitempty"`
	Checkpoints []rest.Checkpoint `json:"checkpoints,omitempty"`
	Error       string            `json:"error,omitempty"`
}

// listTimeout is how long one job may take to answer: a process that is stopped never does.
const listTimeout = 3 * time.Second

// Command is the verb.
func Command(a *cli.Process) *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "List the jobs that run on this machine, and their checkpoints",
		Args:  cli.Between(0, 0),
	}
	output := cli.OutputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		json, err := cli.AsJSON(*output)
		if err != nil {
			return err
		}
		list, err := listJobs(c.Context(), a)
		if err != nil {
			return err
		}
		if json {
			return cli.WriteJSON(a.Stdout, list)
		}
		return writeList(a, list, time.Now())
	}
	return c
}

// listJobs asks all jobs at once.
func listJobs(ctx context.Context, a *cli.Process) ([]Listed, error) {
	jobs, err := a.LiveJobs(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Listed, len(jobs))
	var group errgroup.Group
	for i, j := range jobs {
		group.Go(func() error {
			list[i] = query(ctx, j)
			return nil
		})
	}
	return list, group.Wait()
}

func query(ctx context.Context, j localjobs.Entry) Listed {
	l := Listed{Job: j.Job, URL: j.URL, PID: j.PID}
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	client, err := rest.NewClient(j.URL, j.Token, nil)
	if err == nil {
		var o rest.Job
		if o, err = client.Job(ctx); err == nil {
			l.Overview = &o
			l.Checkpoints, err = client.Checkpoints(ctx)
		}
	}
	if err != nil {
		l.Error = cli.OneLine(err.Error())
	}
	return l
}

func writeList(a *cli.Process, list []Listed, now time.Time) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(a.Stderr, "no job runs on this machine")
		return err
	}
	var b strings.Builder
	fmt.Fprintln(&b, "JOB\tSTATE\tUP\tIN\tOUT\tCHECKPOINTS\tLAST\tURL\tPID")
	for _, l := range list {
		o := l.Overview
		if o == nil {
			fmt.Fprintf(&b, "%s\tunknown: %s\t\t\t\t\t\t%s\t%d\n", l.Job, l.Error, l.URL, l.PID)
			continue
		}
		checkpoints, last := strconv.FormatInt(o.CompletedCheckpoints, 10), "none"
		if n := o.FailedCheckpointsInARow; n > 0 {
			checkpoints += fmt.Sprintf(", then %d failed", n)
		}
		if c := o.LastCheckpoint; c != nil {
			last = c.Path
		}
		fmt.Fprintf(&b, "%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\t%d\n", l.Job, o.State, now.Sub(o.StartTime).Truncate(time.Second),
			o.RecordsIn, o.RecordsOut, checkpoints, last, l.URL, l.PID)
	}
	t := tabwriter.NewWriter(a.Stdout, 0, 8, 2, ' ', 0)
	_, err := io.WriteString(t, b.String())
	return errors.Join(err, t.Flush())
}
