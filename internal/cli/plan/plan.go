// Package plan is `weir plan`: it says what a changed job would do with the state that there is.
package plan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/internal/cli"
	"github.com/weirstream/weir/internal/inprocess"
	"github.com/weirstream/weir/manifest"
)

// The exit codes beside those of all verbs, for scripts that decide whether a change may go in.
const (
	needsAcknowledgment = 3
	doesNotFit          = 4
)

// tries is how often a running job is asked for its newest checkpoint, which it may remove before it is read.
const tries = 5

// Command is the verb, for a job of jobs.
func Command(a *cli.Process, jobs inprocess.Jobs) *cobra.Command {
	var f inprocess.JobFlags
	var against string
	c := &cobra.Command{
		Use:   "plan [-f MANIFEST | JOB.SQL] [--against PATH|JOB]",
		Short: "Show what a changed job would do with the state that there is",
		Long: `Show what a changed job would do with the state that there is: what it keeps, what starts empty, what it drops, and what does
not fit, and why. Nothing is claimed or changed, and a job may run meanwhile.

PATH is the folder of a checkpoint (chk-<n>) or savepoint, as a URL or a path with a slash in it, such as ./chk-7. JOB is the
name or address of a running job (see weir --help), whose newest checkpoint is meant. Without --against it is the newest
checkpoint from which ` + "`weir run`" + ` would go on.

Exit codes: 0 the job fits, 3 what it drops must be agreed to with -n (spec.upgrade.allowNonRestoredState), or what begins empty
in standing state with spec.upgrade.initEmpty, 4 it does not fit, 1 failed, 2 wrong use.`,
	}
	if jobs.OwnArgs() {
		c.Use = "plan [-f MANIFEST] [--against PATH|JOB] [-- ARGUMENT...]"
		c.Short = "Show what this program would do with the state that there is"
	}
	output := cli.OutputFlag(c)
	f.Add(c, jobs)
	c.Flags().StringVar(&against, "against", "", "the snapshot or running job that the job is compared with")
	c.RunE = func(c *cobra.Command, args []string) error {
		asJSON, err := cli.AsJSON(*output)
		if err != nil {
			return err
		}
		if c.Flags().Changed("against") && against == "" {
			return cli.Usagef("--against is empty; leave it out to compare with the job's own newest checkpoint")
		}
		j, err := f.Load(a, args)
		if err != nil {
			return err
		}
		graph, err := jobs.Graph(j, io.Discard, io.Discard, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		ctx, stop := a.UntilSignal(c.Context())
		defer stop()
		p, err := compare(ctx, a, j, graph, against)
		if err != nil {
			return err
		}
		if asJSON {
			err = cli.WriteJSON(a.Stdout, p)
		} else {
			err = write(a.Stdout, p)
		}
		return errors.Join(err, verdict(p))
	}
	return c
}

// compare finds out what --against names.
func compare(ctx context.Context, a *cli.Process, j *manifest.StreamJob, graph *job.Graph, against string) (job.Plan, error) {
	if against == "" || isPlace(against) {
		if against != "" {
			var err error
			if against, err = cli.Place("--against", against); err != nil {
				return job.Plan{}, err
			}
		}
		return job.PlanAgainst(ctx, j.Config, graph, against)
	}
	client, err := a.Find(ctx, against)
	if err != nil {
		return job.Plan{}, err
	}
	for try := 1; ; try++ {
		newest, err := newestOf(ctx, client, against)
		if err != nil {
			return job.Plan{}, err
		}
		p, err := job.PlanAgainst(ctx, j.Config, graph, newest)
		if err == nil || !errors.Is(err, storage.ErrNotFound) || try == tries {
			return p, err
		}
	}
}

// isPlace tells a snapshot's place from a job's name or address. A job's name has no slash, and its address is http.
func isPlace(against string) bool {
	scheme, _, isURL := strings.Cut(against, "://")
	if isURL {
		return scheme != "http" && scheme != "https"
	}
	return strings.ContainsAny(against, `/\`)
}

// newestOf is the path of a running job's newest checkpoint.
func newestOf(ctx context.Context, client *rest.Client, name string) (string, error) {
	running, err := client.Job(ctx)
	switch {
	case err != nil:
		return "", err
	case running.LastCheckpoint != nil:
		return running.LastCheckpoint.Path, nil
	case running.RestoredFrom != "":
		return running.RestoredFrom, nil
	}
	return "", fmt.Errorf("job %s has no checkpoint yet; take one with `weir checkpoint`", name)
}

// words are the fates as a table shows them.
var words = map[string]string{
	string(job.Kept): "kept", string(job.StartsEmpty): "starts empty", string(job.Dropped): "dropped", string(job.Refused): "refused",
}

// write shows a plan to people.
func write(w io.Writer, p job.Plan) error {
	var text bytes.Buffer
	against := p.Against
	if against == "" {
		against = "nothing: the job has not run yet"
	}
	fmt.Fprintf(&text, "against %s\n\n", against)
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, o := range p.Operators {
		what := o.UID
		if what == "" {
			what = "the job"
		}
		if o.Was != "" {
			what += " (was " + o.Was + ")"
		}
		if o.Reason != "" {
			what += ": " + o.Reason
		}
		if o.Remedy != "" {
			what += "\n\t  " + o.Remedy
		}
		if _, err := fmt.Fprintf(table, "%s\t%s\n", words[string(o.Fate)], what); err != nil {
			return err
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if len(p.Operators) == 0 {
		text.WriteString("the job has no state\n")
	}
	_, err := text.WriteTo(w)
	return err
}

// verdict is the end of the command: none if the job fits.
func verdict(p job.Plan) error {
	switch p.Verdict {
	case job.NeedsAcknowledgment:
		return cli.ExitError{Code: needsAcknowledgment, Err: errors.New("what would be dropped or begin empty must be agreed to; the lines above say how")}
	case job.DoesNotFit:
		return cli.ExitError{Code: doesNotFit, Err: errors.New("the job does not fit the state that there is")}
	}
	return nil
}
