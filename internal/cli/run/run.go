// Package run is `weir run`: it runs a job in this process, and shows how it goes.
package run

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/internal/cli"
	"github.com/weirstream/weir/internal/inprocess"
	"github.com/weirstream/weir/internal/localjobs"
	"github.com/weirstream/weir/manifest"
)

// runFlags are those of `weir run`.
type runFlags struct {
	job                     inprocess.JobFlags
	from, web               string
	allowRepeated, takeOver bool
	restores, log           bool
}

// Command is the verb; in runs a job of jobs, as InProcess does.
func Command(a *cli.Process, in Func, jobs inprocess.Jobs) *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run [-f MANIFEST | JOB.SQL]",
		Short: "Run a job in this process",
		Long: `Run a job in this process: coordinator and workers embedded.

The job is a StreamJob manifest (-f, or an argument that ends in .yaml or .yml; - is standard input), or a file of SQL,
whose name is then that of the job. Values of spec come, the later over the earlier, from the defaults, weir.yaml (--config),
the manifest, and --set. Paths are relative to the working directory.

Without spec.checkpoint.storage, checkpoints go to ` + manifest.LocalCheckpoints + ` and savepoints to ` + manifest.LocalSavepoints + `.

Bounded input is read to its end. SIGINT and SIGTERM take a last checkpoint and end; a second one ends at once. The
same command goes on from the newest checkpoint.`,
		RunE: func(c *cobra.Command, args []string) error {
			f.restores = c.Flags().Changed("from") // an empty one is not the same as none: it may come from an unset variable
			return run(c.Context(), a, in, f, args)
		},
	}
	if jobs.OwnArgs() {
		c.Use, c.Long = programUse, programHelp
	}
	flags := c.Flags()
	f.job.Add(c, jobs)
	flags.StringVarP(&f.from, "from", "s", "", "start from this savepoint or checkpoint, if the job has not run yet (or spec.restore.nonce is new)")
	flags.StringVar(&f.web, "web", "127.0.0.1:0", "where the HTTP API listens, on the loopback device only, as in :8081; port 0 is any free one")
	flags.BoolVar(&f.allowRepeated, "allow-repeated-output", false, "go back to an older checkpoint even if output was committed after it")
	flags.BoolVar(&f.takeOver, "take-over", false, "go on with the snapshots of another owner that may still run")
	flags.BoolVar(&f.log, "log", false, "write log lines to the terminal instead of a progress line")
	return c
}

// What a program says of its verb.
const (
	programUse  = "run [-f MANIFEST] [-- ARGUMENT...]"
	programHelp = `Run the program's job in this process: coordinator and workers embedded.

What stands behind -- are the program's own arguments; without it, those of spec.program.args. Values of spec come, the later
over the earlier, from the defaults, weir.yaml (--config), the program's code, the manifest (-f, or an argument that ends in
.yaml or .yml; - is standard input), and --set. Paths are relative to the working directory.

Without a manifest the job's name is that of the program's file. Without spec.checkpoint.storage, checkpoints go to ` + manifest.LocalCheckpoints + `
and savepoints to ` + manifest.LocalSavepoints + `.

Bounded input is read to its end. SIGINT and SIGTERM take a last checkpoint and end; a second one ends at once. The
same command goes on from the newest checkpoint.`
)

// run reads the job, runs it, and shows how it goes.
func run(ctx context.Context, a *cli.Process, in Func, f runFlags, args []string) error {
	j, err := loadJob(a, f, args)
	if err != nil {
		return err
	}
	atStep, err := inprocess.CrashPoint(a.Getenv("WEIR_CRASH_AT"))
	if err != nil {
		return err
	}
	if err := refuseSecond(ctx, a, j.Config); err != nil {
		return err
	}
	// Whoever reads what is printed may end first: that is an error of the job, not the silent end of the process.
	signal.Ignore(syscall.SIGPIPE)
	listener, err := listen(ctx, f.web)
	if err != nil {
		return err
	}
	r := &runner{app: a, runJob: in, job: j, listener: listener, token: a.Getenv("WEIR_TOKEN"), start: time.Now(), atStep: atStep}
	if r.token == "" {
		r.token = newToken()
	}
	if width := a.Width(); width > 0 && !f.log {
		r.progress = newProgress(a.Stderr, a.Width)
		r.logger = slog.New(slog.NewTextHandler(r.progress, &slog.HandlerOptions{Level: slog.LevelWarn}))
	} else {
		r.logger = slog.New(slog.NewTextHandler(a.Stderr, nil))
	}
	r.logger = r.logger.With("job", j.Config.Job)
	for _, note := range j.Notes {
		r.logger.Warn(note)
	}
	result, err := r.run(ctx)
	if err != nil {
		return err
	}
	r.tell(result)
	return nil
}

// loadJob reads what the flags and arguments name.
func loadJob(a *cli.Process, f runFlags, args []string) (*manifest.StreamJob, error) {
	var settings []manifest.Setting
	for _, s := range []struct {
		given bool
		manifest.Setting
	}{
		{f.restores, manifest.Setting{Flag: "-s", Path: "spec.restore.path", Value: f.from}},
		{f.allowRepeated, manifest.Setting{Flag: "--allow-repeated-output", Path: "spec.restore.allowRepeatedOutput", Value: "true"}},
		{f.takeOver, manifest.Setting{Flag: "--take-over", Path: "spec.restore.takeOver", Value: "true"}},
	} {
		if s.given {
			settings = append(settings, s.Setting)
		}
	}
	return f.job.Load(a, args, settings...)
}

// listen opens the HTTP API's port. A local job is for this machine alone (P11).
func listen(ctx context.Context, web string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(web)
	if err != nil {
		return nil, cli.Usagef("--web %q is no address; write :8081", web)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return nil, cli.Usagef("--web %q: port %q is no number up to 65535; write :8081", web, port)
	} else if host == "" || host == "localhost" {
		web = fmt.Sprintf("127.0.0.1:%d", n)
	} else if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, cli.Usagef("--web %q: a local job listens on 127.0.0.1 only; write :%s", web, port)
	}
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", web)
	if err != nil {
		return nil, fmt.Errorf("--web: %w; choose another port, or none at all", err)
	}
	return l, nil
}

// newToken is what nobody guesses.
func newToken() string {
	b := make([]byte, 32)
	rand.Read(b) // it never fails: where there is no randomness, crypto/rand ends the process
	return hex.EncodeToString(b)
}

// register lets the other commands find the job. Without that it runs as well, so that what goes wrong is a warning.
func (r *runner) register() (remove func()) {
	folder, err := localjobs.Open(r.app.Getenv)
	var removeFile func() error
	if err == nil {
		removeFile, err = folder.Add(localjobs.Entry{
			Job: r.job.Config.Job, URL: r.url(), Token: r.token, PID: os.Getpid(), Start: r.start.UTC().Truncate(time.Millisecond),
			Storage: r.job.Config.Storage,
		})
	}
	if err != nil {
		r.logger.Warn("other commands do not find this job by its name", "error", err, "url", r.url())
		return func() {}
	}
	return func() {
		if err := removeFile(); err != nil {
			r.logger.Warn("the job is still listed as running", "error", err)
		}
	}
}

func (r *runner) url() string { return "http://" + r.listener.Addr().String() }

// remedyForChanged is what to do about input that a completed job does not read.
const remedyForChanged = "to read it, give the job another name and an output of its own, or let the table watch its folder ('source.monitor-interval') from the start"

// tell says how the run ended.
func (r *runner) tell(result job.Result) {
	if r.progress == nil {
		attributes := []any{"outcome", result.Outcome, "lastCheckpoint", result.LastCheckpoint}
		if result.Already {
			if len(result.Changed) > 0 {
				attributes = append(attributes, "changed", result.Changed, "remedy", remedyForChanged)
			}
			r.logger.Info("nothing to do: the job had ended before", attributes...)
			return
		}
		if r.running != nil {
			o := r.running.Overview()
			attributes = append(attributes, "recordsIn", o.RecordsIn, "recordsOut", o.RecordsOut, "recordsLate", o.RecordsLate, "recordsSkipped", o.RecordsSkipped,
				"checkpoints", o.CompletedCheckpoints)
		}
		r.logger.Info("job ended", attributes...)
		return
	}
	var b strings.Builder
	outcome := result.Outcome.Word()
	if result.Already {
		fmt.Fprintf(&b, "%s %s before; there is nothing to do", r.job.Config.Job, outcome)
		if len(result.Changed) > 0 {
			fmt.Fprintf(&b, ", though its input has changed since: %s; %s", strings.Join(result.Changed, "; "), remedyForChanged)
		}
	} else {
		fmt.Fprintf(&b, "%s %s", r.job.Config.Job, outcome)
		if r.running != nil {
			o := r.running.Overview()
			fmt.Fprintf(&b, ": %s", counts(o))
		}
		fmt.Fprintf(&b, " in %v", time.Since(r.start).Round(100*time.Millisecond))
	}
	if result.LastCheckpoint != "" {
		fmt.Fprintf(&b, "; %s", result.LastCheckpoint)
	}
	r.progress.line(b.String())
}
