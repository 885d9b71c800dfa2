package main

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
)

// coordinatorFlags are those of `weir coordinator`.
type coordinatorFlags struct {
	podFlags
	identity, listen, metrics string
}

func (a *app) coordinatorCommand() *cobra.Command {
	var f coordinatorFlags
	c := &cobra.Command{
		Use:   "coordinator --manifest FILE --revision HASH --owner OWNER --identity DIR",
		Short: "Run one revision of a job in a pod, as the operator asks for it",
		Long: `Run one revision of a job in a pod, as the operator asks for it: coordinator and workers in one process.

It waits for the operator to activate it, and serves its state meanwhile and after every end. A process that is started
again while its own attempt is the newest goes on by itself. SIGTERM takes a last checkpoint and ends; a second one ends
at once. Log lines are JSON, on standard error.`,
		Args: between(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := required(c, "manifest", "revision", "owner", "identity"); err != nil {
				return err
			}
			err := a.coordinate(c.Context(), f)
			if err != nil {
				err = errors.Join(err, lastWords(f.log, resultOf(err)))
			}
			return err
		},
	}
	f.add(c)
	f.addRevision(c)
	f.addOwner(c)
	c.Flags().StringVar(&f.identity, "identity", "", "folder of the job's identity: "+rest.TokenFile+", "+rest.OperatorFile+", "+rest.CertificateFile+", "+rest.KeyFile+" (required)")
	c.Flags().StringVar(&f.listen, "listen", ":8443", "where the HTTPS API listens")
	c.Flags().StringVar(&f.metrics, "metrics", ":9090", "where Prometheus' metrics are served, as plain HTTP")
	return c
}

// coordinate reads the job and serves it until a signal comes.
func (a *app) coordinate(ctx context.Context, f coordinatorFlags) (err error) {
	atStep, err := crashPoint(a.getenv("WEIR_CRASH_AT"))
	if err != nil {
		return err
	}
	if name := a.getenv(resources.PodEnv); name != "" && !resources.OnlyPod(name) {
		return usagef("pod %s is one too many, and would take the job from the first: scale its StatefulSet to 1", name)
	}
	j, err := a.podJob(f.podFlags)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(a.stderr, nil)).With("job", j.Config.Job, "revision", j.Config.Revision)
	for _, note := range j.Notes {
		log.Warn(note)
	}
	graph, err := a.podGraph(j, log)
	if err != nil {
		return err
	}
	identity, err := rest.ReadIdentity(f.identity)
	if err != nil {
		return fmt.Errorf("--identity: %w", err)
	}
	interrupt := make(chan struct{})
	c, err := job.NewHost(j.Config, graph, job.HostOptions{
		Logger: log, Interrupt: interrupt, AtStep: atStep, EngineVersion: version,
	})
	if err != nil {
		return usageError{err} // the same revision can never run
	}
	api, err := listenOn(ctx, "--listen", f.listen)
	if err != nil {
		return err
	}
	metrics, err := listenOn(ctx, "--metrics", f.metrics)
	if err != nil {
		return errors.Join(err, api.Close())
	}
	log.Info("the job can be asked", "address", api.Addr().String(), "metrics", metrics.Addr().String(), "engine", version)
	p := &pod{app: a, log: log, interrupt: interrupt}
	return p.run(ctx, c.Run, map[string]func(context.Context) error{
		"the API":     func(ctx context.Context) error { return a.serveAPI(ctx, log, c, api, f.identity, identity) },
		"the metrics": func(ctx context.Context) error { return c.ServeMetrics(ctx, metrics) },
	})
}

// identityPause is how often the identity is looked at. The node writes a Secret that has changed within a minute or so.
const identityPause = 5 * time.Second

// serveAPI answers with the job's identity, and with the one that follows it when its Secret changes, as after the
// operator's key was replaced: nobody has to start the pod again for that.
func (a *app) serveAPI(ctx context.Context, log *slog.Logger, c *job.Host, api net.Listener, dir string, id rest.ServerIdentity) error {
	for address := api.Addr().String(); ; {
		serving, stop := context.WithCancel(ctx)
		next := make(chan rest.ServerIdentity, 1)
		go func() {
			defer stop()
			if other, changed := a.nextIdentity(serving, log, dir, id); changed {
				next <- other
			}
		}()
		err := c.Serve(serving, api, id)
		stop()
		if err != nil || ctx.Err() != nil {
			return err
		}
		id = <-next
		log.Info("the job's identity has changed", "address", address)
		if api, err = listenOn(ctx, "--listen", address); err != nil {
			return err
		}
	}
}

// nextIdentity returns the identity that follows one; false: ctx is done. What is half written is looked at again.
func (a *app) nextIdentity(ctx context.Context, log *slog.Logger, dir string, id rest.ServerIdentity) (rest.ServerIdentity, bool) {
	ticker := time.NewTicker(a.identityPause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return id, false
		case <-ticker.C:
		}
		other, err := rest.ReadIdentity(dir)
		switch {
		case err != nil:
			log.Warn("the identity cannot be read, and stays what it was", "error", oneLine(err.Error()))
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

// pod is the life of a coordinator's process.
type pod struct {
	app       *app
	log       *slog.Logger
	interrupt chan struct{}
	at        time.Time // of the interrupt; zero: not yet
}

// run runs the coordinator beside its servers, until it has ended after a signal, or because one of them fails: a pod that
// cannot be asked is better started again.
func (p *pod) run(ctx context.Context, coordinator func(context.Context) error, servers map[string]func(context.Context) error) error {
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
		case s := <-p.app.signals:
			if !p.signal(s) {
				return errKilled
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
func (p *pod) signal(s os.Signal) bool {
	if !p.at.IsZero() {
		return time.Since(p.at) < p.app.sameSignal
	}
	p.log.Info("ending, after a last checkpoint if an attempt runs", "signal", s.String())
	p.end()
	return true
}

// end asks the coordinator for its end, once.
func (p *pod) end() {
	if p.at.IsZero() {
		p.at = time.Now()
		close(p.interrupt)
	}
}
