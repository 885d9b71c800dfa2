package main

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

	"github.com/weirstream/weir/cmd/weir/internal/localjobs"
	"github.com/weirstream/weir/engine/rest"
)

// listed is a running job as `weir list -o json` shows it.
type listed struct {
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

func (a *app) listCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "List the jobs that run on this machine, and their checkpoints",
		Args:  between(0, 0),
	}
	output := outputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		json, err := asJSON(*output)
		if err != nil {
			return err
		}
		list, err := a.list(c.Context())
		if err != nil {
			return err
		}
		if json {
			return writeJSON(a.stdout, list)
		}
		return a.writeList(list, time.Now())
	}
	return c
}

// list asks all jobs at once.
func (a *app) list(ctx context.Context) ([]listed, error) {
	jobs, err := a.liveJobs(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]listed, len(jobs))
	var group errgroup.Group
	for i, j := range jobs {
		group.Go(func() error {
			list[i] = askListed(ctx, j)
			return nil
		})
	}
	return list, group.Wait()
}

func askListed(ctx context.Context, j localjobs.Job) listed {
	l := listed{Job: j.Job, URL: j.URL, PID: j.PID}
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
		l.Error = oneLine(err.Error())
	}
	return l
}

func (a *app) writeList(list []listed, now time.Time) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(a.stderr, "no job runs on this machine")
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
	t := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	_, err := io.WriteString(t, b.String())
	return errors.Join(err, t.Flush())
}
