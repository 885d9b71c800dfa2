package controllertest

import (
	"context"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// Operator is an operator that is started again whenever it is killed.
type Operator struct {
	world *World
	setup func(manager.Manager) error

	mu struct {
		sync.Mutex
		stop   context.CancelFunc // ends it for good
		done   chan struct{}      // closed when it has ended
		kill   context.CancelFunc // ends the one that runs now
		starts int
	}
}

// StartOperator starts a manager that sees this world only, with the controllers that setup adds to it. If it is killed by
// a fault, or by Kill, the next one is started by itself, as a Deployment does. It ends with the test.
func (w *World) StartOperator(setup func(manager.Manager) error) *Operator {
	w.t.Helper()
	o := &Operator{world: w, setup: setup}
	o.Start()
	w.t.Cleanup(o.Stop)
	return o
}

// Start begins the operator, also again after Stop.
func (o *Operator) Start() {
	ctx, stop := context.WithCancel(o.world.ctx)
	done := make(chan struct{})
	o.mu.Lock()
	o.mu.stop, o.mu.done = stop, done
	o.mu.Unlock()
	go func() {
		defer close(done)
		defer stop()
		for ctx.Err() == nil {
			if err := o.runOnce(ctx); err != nil && ctx.Err() == nil {
				o.world.t.Errorf("the operator ended: %v", err)
				return
			}
		}
	}()
}

// Stop ends the operator, and waits until it has ended.
func (o *Operator) Stop() {
	o.mu.Lock()
	stop, done := o.mu.stop, o.mu.done
	o.mu.Unlock()
	stop()
	<-done
}

// Kill ends the operator wherever it is; another one starts by itself.
func (o *Operator) Kill() {
	o.mu.Lock()
	kill := o.mu.kill
	o.mu.Unlock()
	if kill != nil {
		kill()
	}
}

// Starts is how often the operator was started.
func (o *Operator) Starts() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.mu.starts
}

// runOnce is the life of one operator, until it is killed.
func (o *Operator) runOnce(ctx context.Context) error {
	life, kill := context.WithCancel(ctx)
	defer kill()
	mgr, err := o.world.manager(life, kill)
	if err != nil {
		return err
	}
	if err := o.setup(mgr); err != nil {
		return err
	}
	o.mu.Lock()
	o.mu.kill = kill
	o.mu.starts++
	o.mu.Unlock()
	if err := mgr.Start(life); err != nil && life.Err() == nil {
		return err
	}
	return nil
}

// manager makes the manager of one operator.
func (w *World) manager(life context.Context, kill context.CancelFunc) (manager.Manager, error) {
	unique, elected, grace := true, false, 5*time.Second
	return manager.New(w.Faults.count(w.operator), manager.Options{
		Scheme: w.Scheme,
		Logger: w.log,
		Cache:  cache.Options{DefaultNamespaces: map[string]cache.Config{w.Namespace: {}}},
		NewClient: func(config *rest.Config, options client.Options) (client.Client, error) {
			return w.Faults.wrap(life, kill, config, options)
		},
		Metrics:                 metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress:  "0",
		LeaderElection:          elected,
		GracefulShutdownTimeout: &grace,
		// Operators follow each other in one process, and worlds stand beside each other.
		Controller: config.Controller{SkipNameValidation: &unique},
	})
}
