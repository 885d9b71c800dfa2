package host

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/internal/attempt"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/operations"
	"github.com/weirstream/weir/engine/internal/web"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
)

// Host is a process that runs a job for an operator: what is in a job's pod. Over its whole life it serves the
// job's status and takes requests (it is what package web serves), also while no attempt runs: before the first, and after
// one has stopped, completed or failed. Its methods may be called from any goroutine, and answer at once, whatever state the
// storage is in.
//
// An attempt begins when it is activated. By itself the process begins one only at its start, if the newest attempt was its
// own revision's and has not ended, and again after an attempt of its own that failed transiently (P3). A process that was
// fenced begins none by itself any more (P5).
type Host struct {
	cfg     config.Config
	graph   *graph.Graph
	process attempt.Process
	refresh time.Duration
	log     *slog.Logger

	operations *operations.List
	// wake holds a token while there is something new in mu to carry out.
	wake chan struct{}
	// own is what the goroutine of Run alone uses.
	own lifecycle

	mu struct {
		sync.Mutex
		phase phase
		// shown is the state while no attempt runs, failure why it is so.
		shown   rest.State
		failure failure
		// chain is what the last look at it gave; unseen is why the last look gave nothing.
		chain  *rest.Chain
		unseen failure
		// attempt is the newest that began here; nil: none did.
		attempt *attempt.Handle
		// activation waits to be carried out, or is being; nil: none does.
		activation *activation
		// requests wait for the end of what is under way, oldest first.
		requests []operations.Request
	}
}

// phase is what the process is doing.
type phase uint8

const (
	waiting   phase = iota // for what it is asked for
	beginning              // an attempt, which may be refused or fail
	running                // an attempt, until nothing of it is left
	left                   // Run has returned
)

// failure is an error as the status shows it.
type failure struct {
	text string
	kind rest.FailureKind
}

// activation is one that was asked for.
type activation struct {
	request rest.Request
	expects coordinator.Activation
	cfg     config.Config // with its settings
	// after is how many of the requests that wait came before it.
	after int
}

// Options are what the process adds to a Config.
type Options struct {
	attempt.Process
	// Refresh is how often the chain is looked at while no attempt runs; 0: every 5 s.
	Refresh time.Duration
}

// defaultRefresh is how old what the status says of the chain may be.
const defaultRefresh = 5 * time.Second

// New returns a host of the job that cfg and g describe; Run runs it. A job that no attempt can run is
// refused with a permanent error.
func New(cfg config.Config, g *graph.Graph, opt Options) (*Host, error) {
	if err := attempt.CheckActivated(cfg, g); err != nil {
		return nil, err
	}
	h := &Host{
		cfg: cfg, graph: g, refresh: opt.Refresh, operations: operations.New(true), wake: make(chan struct{}, 1),
		process: opt.Process,
	}
	if h.process.Logger == nil {
		h.process.Logger = slog.New(slog.DiscardHandler)
	}
	h.log = h.process.Logger
	if h.refresh == 0 {
		h.refresh = defaultRefresh
	}
	h.own.unasked = &h.cfg
	h.mu.shown = rest.Standby
	return h, nil
}

// Serve answers the HTTPS API of package rest on the listener, with the identity of the pod, until ctx is done.
func (h *Host) Serve(ctx context.Context, l net.Listener, id rest.ServerIdentity) error {
	server, err := web.New(h, web.Options{Token: id.Token, OperatorTokenHash: id.OperatorTokenHash, Certificate: &id.Certificate, Log: h.log})
	if err != nil {
		return err
	}
	return server.Serve(ctx, l)
}

// ServeMetrics answers /metrics on the listener until ctx is done.
func (h *Host) ServeMetrics(ctx context.Context, l net.Listener) error {
	return web.ServeMetrics(ctx, l, h, h.log)
}

// Overview describes the job as a whole. While no attempt runs it tells of the last that did, and of the chain.
func (h *Host) Overview() rest.Job {
	h.mu.Lock()
	phase, newest := h.mu.phase, h.mu.attempt
	shown, shownFailure, chain, unseen := h.mu.shown, h.mu.failure, h.mu.chain, h.mu.unseen
	h.mu.Unlock()
	var o rest.Job
	if newest != nil && phase != beginning {
		o = newest.Overview()
		settings := newest.Config().Settings
		o.Settings = &settings // also when it has ended: it may be activated again as it was
	}
	o.ID, o.Revision, o.Engine, o.MaxParallelism = h.cfg.Job, h.cfg.Revision, h.process.EngineVersion, h.cfg.MaxParallelism
	switch phase {
	case running:
		if newest.Over() {
			o.State = rest.Stopping // something of it is left, and the chain has not been looked at
		}
		return o
	case beginning:
		o.State = rest.Starting
		if shown == rest.Recovering {
			o.State = shown
		}
	default:
		o.State = shown
	}
	o.Chain = chain
	if shownFailure.text == "" && o.State == rest.Standby {
		shownFailure = h.anothers(chain)
	}
	if shownFailure.text == "" {
		shownFailure = unseen
	}
	o.Failure, o.FailureKind = shownFailure.text, shownFailure.kind
	return o
}

// anothers is the failure of a host that waits beside the job of another owner.
func (h *Host) anothers(chain *rest.Chain) failure {
	if chain == nil || chain.Attempt == 0 || chain.Owner == h.cfg.Owner || chain.Outcome != outcome.None {
		return failure{}
	}
	return failure{fmt.Sprintf("the job is run by %s (attempt %d)", chain.Owner, chain.Attempt), rest.FailedFenced}
}

// Operators describes the operators of the attempt that runs, or was the last.
func (h *Host) Operators() []rest.Operator {
	if a := h.newest(); a != nil {
		return a.Operators()
	}
	return nil
}

// Checkpoints lists the checkpoints of the attempt that runs, or was the last, newest first.
func (h *Host) Checkpoints() []rest.Checkpoint {
	if a := h.newest(); a != nil {
		return a.Checkpoints()
	}
	return nil
}

func (h *Host) newest() *attempt.Handle {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.attempt
}
