// Package coordinator is `weir coordinator`: the process of a job's pod.
package coordinator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/internal/cli"
	"github.com/weirstream/weir/internal/daemon/pod"
	"github.com/weirstream/weir/internal/inprocess"
)

// coordinatorFlags are those of `weir coordinator`.
type coordinatorFlags struct {
	pod.Flags
	identity, listen, metrics string
}

// Command is the verb, for a job of jobs. Another identity is looked for every identityPause.
func Command(a *cli.Process, identityPause time.Duration, jobs inprocess.Jobs) *cobra.Command {
	var f coordinatorFlags
	c := &cobra.Command{
		Use:   "coordinator --manifest FILE --revision HASH --owner OWNER --identity DIR",
		Short: "Run one revision of a job in a pod, as the operator asks for it",
		Long: `Run one revision of a job in a pod, as the operator asks for it: coordinator and workers in one process.

It waits for the operator to activate it, and serves its state meanwhile and after every end. A process that is started
again while its own attempt is the newest goes on by itself. SIGTERM takes a last checkpoint and ends; a second one ends
at once. Log lines are JSON, on standard error.`,
		Args: cli.Between(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := cli.Required(c, "manifest", "revision", "owner", "identity"); err != nil {
				return err
			}
			err := coordinate(c.Context(), a, f, identityPause, jobs)
			if err != nil {
				err = errors.Join(err, pod.LastWords(f.Log, pod.ResultOf(err)))
			}
			return err
		},
	}
	f.Add(c)
	f.AddRevision(c)
	f.AddOwner(c)
	c.Flags().StringVar(&f.identity, "identity", "", "folder of the job's identity: "+rest.TokenFile+", "+rest.OperatorFile+", "+rest.CertificateFile+", "+rest.KeyFile+" (required)")
	c.Flags().StringVar(&f.listen, "listen", ":8443", "where the HTTPS API listens")
	c.Flags().StringVar(&f.metrics, "metrics", ":9090", "where Prometheus' metrics are served, as plain HTTP")
	return c
}

// coordinate reads the job and serves it until a signal comes.
func coordinate(ctx context.Context, a *cli.Process, f coordinatorFlags, identityPause time.Duration, jobs inprocess.Jobs) (err error) {
	atStep, err := inprocess.CrashPoint(a.Getenv("WEIR_CRASH_AT"))
	if err != nil {
		return err
	}
	if name := a.Getenv(resources.PodEnv); name != "" && !resources.Wanted(name) {
		return cli.Usagef("pod %s is one too many, and would take the job from the first: scale its StatefulSet to 1", name)
	}
	j, err := pod.Job(a, f.Flags, jobs.Program(nil))
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(a.Stderr, nil)).With("job", j.Config.Job, "revision", j.Config.Revision)
	for _, note := range j.Notes {
		log.Warn(note)
	}
	graph, err := jobs.Graph(j, a.Stdout, a.Stderr, log)
	if err != nil {
		return err
	}
	identity, err := rest.ReadIdentity(f.identity)
	if err != nil {
		return fmt.Errorf("--identity: %w", err)
	}
	interrupt := make(chan struct{})
	c, err := job.NewHost(j.Config, graph, job.HostOptions{
		Process: job.Process{Logger: log, Interrupt: interrupt, AtStep: atStep, EngineVersion: a.Version},
	})
	if err != nil {
		return cli.UsageError{Err: err} // the same revision can never run
	}
	api, err := listenOn(ctx, "--listen", f.listen)
	if err != nil {
		return err
	}
	metrics, err := listenOn(ctx, "--metrics", f.metrics)
	if err != nil {
		return errors.Join(err, api.Close())
	}
	log.Info("the job can be asked", "address", api.Addr().String(), "metrics", metrics.Addr().String(), "engine", a.Version)
	s := &server{log: log, host: c, dir: f.identity, identityPause: identityPause}
	p := &process{app: a, log: log, interrupt: interrupt}
	return p.run(ctx, c.Run, map[string]func(context.Context) error{
		"the API":     func(ctx context.Context) error { return s.serve(ctx, api, identity) },
		"the metrics": func(ctx context.Context) error { return c.ServeMetrics(ctx, metrics) },
	})
}

// IdentityPause is how often the identity is looked at. The node writes a Secret that has changed within a minute or so.
const IdentityPause = 5 * time.Second

// server is the API of a host, with the identity in a folder.
type server struct {
	log           *slog.Logger
	host          *job.Host
	dir           string
	identityPause time.Duration
}

// serve answers with the job's identity, and with the one that follows it when its Secret changes, as after the
// operator's key was replaced: nobody has to start the pod again for that.
func (s *server) serve(ctx context.Context, api net.Listener, id rest.ServerIdentity) error {
	for address := api.Addr().String(); ; {
		serving, stop := context.WithCancel(ctx)
		next := make(chan rest.ServerIdentity, 1)
		go func() {
			defer stop()
			if other, changed := s.nextIdentity(serving, id); changed {
				next <- other
			}
		}()
		err := s.host.Serve(serving, api, id)
		stop()
		if err != nil || ctx.Err() != nil {
			return err
		}
		id = <-next
		s.log.Info("the job's identity has changed", "address", address)
		if api, err = listenOn(ctx, "--listen", address); err != nil {
			return err
		}
	}
}

// nextIdentity returns the identity that follows one; false: ctx is done. What is half written is looked at again.
func (s *server) nextIdentity(ctx context.Context, id rest.ServerIdentity) (rest.ServerIdentity, bool) {
	ticker := time.NewTicker(s.identityPause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return id, false
		case <-ticker.C:
		}
		other, err := rest.ReadIdentity(s.dir)
		switch {
		case err != nil:
			s.log.Warn("the identity cannot be read, and stays what it was", "error", cli.OneLine(err.Error()))
		case !other.Equal(id):
			return other, true
		}
	}
}

// listenOn opens a port for all the network; what may be asked there is not a matter of the address.
func listenOn(ctx context.Context, flag, address string) (net.Listener, error) {
	var c net.ListenConfig
	l, err := c.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return l, nil
}

// process is the life of a coordinator's process.
type process struct {
	app       *cli.Process
	log       *slog.Logger
	interrupt chan struct{}
	at        time.Time // of the interrupt; zero: not yet
}

// run runs the coordinator beside its servers, until it has ended after a signal, or because one of them fails: a pod that
// cannot be asked is better started again.
func (p *process) run(ctx context.Context, coordinator func(context.Context) error, servers map[string]func(context.Context) error) error {
	serving, stopServing := context.WithCancel(ctx)
	defer stopServing()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	end := make(chan error, 1)
	go func() { end <- coordinator(ctx) }()
	served := make(chan error, len(servers))
	for name, serve := range servers {
		go func() {
			err := serve(serving)
			if err != nil {
				err = fmt.Errorf("%s can no longer be served: %w", name, err)
			}
			served <- err
		}()
	}
	var failed error
	for left := len(servers); ; {
		select {
		case s := <-p.app.Signals:
			if !p.signal(s) {
				return cli.ErrKilled
			}
		case err := <-served:
			left--
			failed = errors.Join(failed, err)
			p.end()
		case err := <-end:
			stopServing()
			for ; left > 0; left-- {
				failed = errors.Join(failed, <-served)
			}
			return errors.Join(err, failed)
		}
	}
}

// signal asks the coordinator for its end; it returns false if that was asked for before.
func (p *process) signal(s os.Signal) bool {
	if !p.at.IsZero() {
		return time.Since(p.at) < p.app.SameSignal
	}
	p.log.Info("ending, after a last checkpoint if an attempt runs", "signal", s.String())
	p.end()
	return true
}

// end asks the coordinator for its end, once.
func (p *process) end() {
	if p.at.IsZero() {
		p.at = time.Now()
		close(p.interrupt)
	}
}
