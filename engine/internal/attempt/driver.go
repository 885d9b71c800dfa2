package attempt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/engine/config"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/internal/executor"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/jobfolder"
	"github.com/weirstream/weir/engine/internal/operations"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
)

// driver steps the coordinator and does what it says. One goroutine, the one that calls run, owns all fields but those of
// mu; work that takes long goes on in goroutines that answer through the mailbox.
type driver struct {
	cfg     config.Config
	process Process
	log     *slog.Logger
	folder  *jobfolder.Folder
	graph   *graph.Graph
	began   *began

	coordinator *coordinator.Coordinator
	start       time.Time // origin of the coordinator's monotonic time
	box         *mailbox
	exit        *coordinator.Exit

	// background covers all work outside the loop; it is cancelled when the loop ends.
	background context.Context
	stop       context.CancelFunc
	work       sync.WaitGroup
	tidying    sync.WaitGroup // the part of work that deletes what is not needed any more
	retiring   sync.WaitGroup // the part of work that removes what sources have read

	sources    map[string]connector.Enumerator
	committers map[string]connector.Committer

	nodes    map[string]*graph.Node // by uid
	executor executor.Executor      // nil: the attempt could not be opened
	before   totals                 // of executions that are over
	written  int64                  // bytes of complete checkpoints

	originReleased bool // what pinned the checkpoint that the job was restored from

	sweeping  bool
	nextSweep *snapshot.Metadata

	// ending is set before anybody can learn that the attempt is about to end.
	ending atomic.Bool
	// done is closed when the loop has ended: from then on nobody changes what it owned.
	done       chan struct{}
	operations *operations.List
}

func newDriver(process Process, f *jobfolder.Folder, g *graph.Graph, b *began, requests *operations.List) *driver {
	d := &driver{
		cfg: b.cfg, process: process, log: process.Logger, folder: f, graph: g, began: b, operations: requests,
		start: time.Now(), box: newMailbox(),
		sources: map[string]connector.Enumerator{}, committers: map[string]connector.Committer{},
		done: make(chan struct{}),
	}
	d.ending.Store(b.over)
	d.nodes = map[string]*graph.Node{}
	for i := range g.Nodes {
		d.nodes[g.Nodes[i].UID] = &g.Nodes[i]
	}
	return d
}

// run steps the coordinator until it exits. requests were asked for before.
//
// Each turn takes one thing that has happened. What the coordinator answers is done before the next is taken, in its order: it
// counts on that, and so do those who ask in the loop (Handle.ask), who see no half of a step. After the last step nothing of
// the mailbox is done any more, though entries may still come: a sender looks at done afterwards, and answers for
// itself (Handle.Give). So done is closed first, and then what the attempt had is made final.
func (d *driver) run(ctx context.Context, requests []rest.Request) *coordinator.Exit {
	timer := time.NewTimer(0)
	defer timer.Stop()
	interrupt, cancelled := d.process.Interrupt, ctx.Done()
	d.step(coordinator.Started{Requests: requests})
	for d.exit == nil {
		d.setTimer(timer)
		select {
		case <-d.box.signal:
			for _, f := range d.box.take() {
				if d.exit == nil { // an entry before this one may have ended the loop
					f()
				}
			}
		case <-timer.C:
			d.step(coordinator.Tick{})
		case <-interrupt:
			interrupt = nil // it is closed, and would be received for ever
			d.step(coordinator.InterruptRequested{})
		case <-cancelled:
			cancelled = nil
			d.step(coordinator.Requested{Request: rest.Request{Kind: rest.CancelOperation}})
		}
	}
	d.process.AtStep(StepEnded)
	close(d.done)
	d.operations.End(d.exit)
	return d.exit
}

func (d *driver) setTimer(timer *time.Timer) {
	if at, ok := d.coordinator.NextDeadline(); ok {
		timer.Reset(max(0, at-time.Since(d.start)))
		return
	}
	timer.Stop()
}

// step tells the coordinator what has happened and does what it says.
func (d *driver) step(e coordinator.Event) {
	effects := d.coordinator.Step(time.Since(d.start), e)
	if d.coordinator.Ending() != outcome.None {
		d.ending.Store(true)
	}
	for _, effect := range effects {
		d.perform(effect)
	}
}

// post steps the coordinator from another goroutine.
func (d *driver) post(e coordinator.Event) { d.box.put(func() { d.step(e) }) }

// perform does one effect, or begins it.
func (d *driver) perform(e coordinator.Effect) {
	switch e := e.(type) {
	case coordinator.Deploy:
		d.deploy(e)
	case coordinator.CancelTasks:
		d.cancelTasks(e)
	case coordinator.SendCommand:
		d.executor.Command(e.Order)
	case coordinator.AbortCheckpoint:
		d.executor.Abort(e.Execution, e.Checkpoint)
	case coordinator.NotifyComplete:
		d.executor.Complete(e.Execution, e.Checkpoint)
	case coordinator.Discover:
		d.discover(e)
	case coordinator.Publish:
		d.publish(e)
	case coordinator.Commit:
		d.commit(e)
	case coordinator.Forget:
		d.forget(e)
	case coordinator.SweepStaged:
		d.sweepStaged(e)
	case coordinator.Retire:
		d.retire(e)
	case coordinator.Sweep:
		d.sweep(e.Newest)
	case coordinator.ProbeTarget:
		d.probeTarget(e)
	case coordinator.Export:
		d.export(e)
	case coordinator.Reply:
		d.operations.Reply(e, d.folder.Chain.Path)
	case coordinator.Log:
		d.log.Log(d.background, e.Level, e.Text)
	case coordinator.Exit:
		d.exit = &e
	default:
		panic(fmt.Sprintf("unknown effect %T", e))
	}
}

// inBackground runs f in a goroutine that the driver waits for at its end.
func (d *driver) inBackground(f func(ctx context.Context)) {
	d.work.Add(1)
	go func() {
		defer d.work.Done()
		f(d.background)
	}()
}

// tidyInBackground is inBackground for what deletes.
func (d *driver) tidyInBackground(f func(ctx context.Context)) {
	d.tidying.Add(1)
	d.inBackground(func(ctx context.Context) {
		defer d.tidying.Done()
		ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
		defer cancel()
		f(ctx)
	})
}

// answer posts one of two events, for an effect that has ended.
func (d *driver) answer(err error, done coordinator.Event, failed func(error) coordinator.Event) {
	if err != nil {
		d.post(failed(jobfolder.Classify(err)))
		return
	}
	d.post(done)
}

// deadlines of single effects; the coordinator decides whether and how long to try again.
const (
	discoverTimeout = 30 * time.Minute // a listing of millions of files takes long; storage bounds the wait for each answer
	publishTimeout  = time.Minute
	commitTimeout   = 2 * time.Minute // of one committable: how many there are is not bounded
	probeTimeout    = time.Minute
	sweepTimeout    = 5 * time.Minute
)

func (d *driver) discover(e coordinator.Discover) {
	d.inBackground(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, discoverTimeout)
		defer cancel()
		found, err := d.sources[e.Source].Discover(ctx, e.Seen)
		d.answer(err, coordinator.Discovered{Source: e.Source, Discovery: found}, func(err error) coordinator.Event {
			return coordinator.DiscoverFailed{Source: e.Source, Err: err}
		})
	})
}

// warn logs an error of work that is repeated later anyway.
func (d *driver) warn(what, place string, err error) {
	var fenced *snapshot.FencedError
	if err == nil || errors.As(err, &fenced) || d.background.Err() != nil {
		return
	}
	d.log.Warn(what+": it is left for later", "place", place, "error", err)
}
