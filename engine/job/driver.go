package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/jobfolder"
	"github.com/weirstream/weir/engine/internal/message"
	"github.com/weirstream/weir/engine/internal/operations"
	"github.com/weirstream/weir/engine/internal/restore"
	"github.com/weirstream/weir/engine/internal/task"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/snapshot"
)

// driver steps the coordinator and does what it says. One goroutine, the one that calls run, owns all fields but those of
// mu; work that takes long goes on in goroutines that answer through the mailbox.
type driver struct {
	cfg    Config
	opt    Options
	log    *slog.Logger
	folder *jobfolder.Folder
	graph  *graph.Graph
	began  *began

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

	nodes     map[string]*graph.Node // by uid
	execution *task.Execution
	restart   int64
	before    totals // of executions that are over
	written   int64  // bytes of complete checkpoints

	sweeping  bool
	nextSweep *snapshot.Metadata

	// ending is set before anybody can learn that the attempt is about to end.
	ending atomic.Bool
	// done is closed when the loop has ended: from then on nobody changes what it owned.
	done       chan struct{}
	operations *operations.List
}

func newDriver(opt Options, f *jobfolder.Folder, g *graph.Graph, b *began, asked *operations.List) *driver {
	d := &driver{
		cfg: b.cfg, opt: opt, log: opt.Logger, folder: f, graph: g, began: b, operations: asked,
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

// coordinatorConfig describes the job to the coordinator; the enumerators are there.
func (d *driver) coordinatorConfig() coordinator.Config {
	c := coordinator.Config{
		Job: d.cfg.Job, Revision: d.cfg.Revision, Engine: d.opt.EngineVersion,
		MaxParallelism: d.cfg.MaxParallelism, Settings: d.cfg.Settings,
		FirstCheckpoint: d.began.chosen.NextID,
		Restored:        d.began.restored,
		Foreign:         d.began.foreign,
		OnlyFinish:      d.began.over,
		Random:          rand.Float64,
	}
	for i := range d.graph.Nodes {
		n := &d.graph.Nodes[i]
		o := coordinator.Operator{
			UID: n.UID, Name: n.Name, Fingerprint: n.Fingerprint, Advisory: n.Advisory, Schemas: restore.Schemas(n), Sink: n.Sink != nil,
		}
		if n.Source != nil {
			o.Connector = n.Source.Connector
		}
		c.Operators = append(c.Operators, o)
		if n.Source != nil {
			_, retires := d.sources[n.UID].(connector.Retirer)
			c.Sources = append(c.Sources, coordinator.Source{
				UID: n.UID, Bounded: n.Source.Bounded(), Order: n.Source.Order(), Assignment: connector.AssignmentOf(n.Source.Source), Retires: retires,
			})
		}
	}
	for _, t := range task.Plan(d.graph, d.cfg.Parallelism) {
		c.Tasks = append(c.Tasks, t.Name)
	}
	return c
}

// open makes what runs beside the coordinator: enumerators and committers.
func (d *driver) open(ctx context.Context) (err error) {
	d.background, d.stop = context.WithCancel(context.WithoutCancel(ctx))
	for i := range d.graph.Nodes {
		n := &d.graph.Nodes[i]
		switch {
		case n.Source != nil:
			e, err := n.Source.Enumerator(d.background)
			if err != nil {
				return fmt.Errorf("source %s: %w", n.UID, err)
			}
			d.sources[n.UID] = e
		case n.Sink != nil:
			c, err := n.Sink.Committer(d.background, connector.CommitterContext{Job: d.cfg.Job, UID: n.UID, Attempt: d.began.attempt.N})
			if err != nil {
				return fmt.Errorf("sink %s: %w", n.UID, err)
			}
			if c != nil {
				d.committers[n.UID] = c
			}
		}
	}
	if err := d.canCommit(); err != nil {
		return err
	}
	if err := d.began.refuseRepeats(ctx, d.graph, d.folder.Bucket()); err != nil {
		return err
	}
	if err := d.refuseLostInput(); err != nil {
		return err
	}
	d.coordinator, err = coordinator.New(d.coordinatorConfig())
	return err
}

// canCommit refuses a job whose sinks cannot commit what the restored checkpoint has staged for them: the connector of a
// table was changed before its output was visible. It is asked before the attempt is recorded, so that the old text can
// still be started.
func (d *driver) canCommit() error {
	if d.began.restored == nil || d.began.foreign {
		return nil
	}
	for i := range d.began.restored.Operators {
		o := &d.began.restored.Operators[i]
		if n := d.nodes[o.UID]; n == nil || n.Sink == nil || len(d.began.restored.ToCommit(o.UID)) == 0 || d.committers[o.UID] != nil || d.givesUpOutput() {
			continue
		}
		return &fault.Error{Class: fault.Permanent, Err: &restore.IncompatibleError{
			UID:    o.UID,
			Reason: "its connector commits nothing, and the output of its last checkpoint may not be committed",
			Remedy: "take the old connector back and stop the job with a savepoint first, or set spec.upgrade.allowNonRestoredState (-n) to give that output up",
		}}
	}
	return nil
}

// givesUpOutput tells whether output of the restored checkpoint for a sink that cannot commit it may be passed over: a
// stopped job has committed it, or the user says so.
func (d *driver) givesUpOutput() bool {
	return d.began.restored.Outcome != outcome.None || d.cfg.Restore.AllowNonRestoredState
}

// closeTimeout bounds the wait for what was cancelled. Code of a user or of a driver that heeds no context must not keep
// the process from ending: it is left behind, and can neither publish nor commit any more.
// After an interrupt there is less time: with the last checkpoint (20 s) and the deletions all must fit into the 60 s that a
// pod is given.
const (
	closeTimeout            = 30 * time.Second
	closeInterruptedTimeout = 15 * time.Second
)

// tidyTimeout bounds the wait for deletions at the end of a run: an interrupted process has little time.
const tidyTimeout = 5 * time.Second

// close ends all that open and run have begun, and waits for it.
func (d *driver) close() error {
	d.tidy()
	d.stop()
	limit := d.closeLimit()
	ended := within(limit, func() {
		if d.execution != nil {
			d.execution.Cancel()
			d.execution.Wait()
		}
		d.work.Wait()
	})
	if !ended {
		return &stuckError{after: limit}
	}
	var errs []error
	for _, e := range d.sources {
		errs = append(errs, e.Close())
	}
	for _, c := range d.committers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// closeLimit is how long close waits.
func (d *driver) closeLimit() time.Duration {
	select {
	case <-d.opt.Interrupt:
		return closeInterruptedTimeout
	default:
		return closeTimeout
	}
}

// stuckError says that something of an attempt could not be ended. The process should end: it may have no other attempt.
type stuckError struct{ after time.Duration }

func (e *stuckError) Error() string {
	return fmt.Sprintf("something of the job still runs %v after it was cancelled: an operator, connector or store does not return", e.after)
}

// tidy lets the last deletions end, unless the run was to end at once. What they leave is for the next run.
func (d *driver) tidy() {
	if d.exit == nil {
		return
	}
	switch d.exit.Outcome {
	case outcome.Completed, outcome.Stopped, outcome.Drained, outcome.Interrupted:
		if d.exit.Outcome != outcome.Interrupted {
			within(retireTimeout, d.retiring.Wait)
		}
		if within(tidyTimeout, d.tidying.Wait) && d.nextSweep != nil { // the loop would have begun it
			d.sweeping = false
			d.sweep(d.nextSweep)
			within(tidyTimeout, d.tidying.Wait)
		}
	}
}

// within runs f in a goroutine, and tells whether it has ended in time.
func within(limit time.Duration, f func()) (ended bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// run steps the coordinator until it exits. requests were asked for before.
func (d *driver) run(ctx context.Context, requests []coordinator.Event) *coordinator.Exit {
	timer := time.NewTimer(0)
	defer timer.Stop()
	interrupt, cancelled := d.opt.Interrupt, ctx.Done()
	d.step(coordinator.Started{Requests: requests})
	for d.exit == nil {
		d.setTimer(timer)
		select {
		case <-d.box.signal:
			for _, f := range d.box.take() {
				if d.exit == nil {
					f()
				}
			}
		case <-timer.C:
			d.step(coordinator.Tick{})
		case <-interrupt:
			interrupt = nil
			d.step(coordinator.InterruptRequested{})
		case <-cancelled:
			cancelled = nil
			d.step(coordinator.CancelRequested{})
		}
	}
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
		d.command(e)
	case coordinator.AbortCheckpoint:
		if d.execution != nil && e.Restart == d.restart {
			d.execution.Abort(e.Checkpoint)
		}
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

// deploy starts an execution; what goes wrong is reported like the failure of a subtask.
func (d *driver) deploy(e coordinator.Deploy) {
	d.restart = e.Restart
	report := func(r message.Report) { d.post(coordinator.Reported{Restart: e.Restart, Report: classifiedReport(r)}) }
	spec := task.Spec{
		Graph: d.graph, Job: d.cfg.Job, Attempt: d.began.attempt.N, Restart: e.Restart,
		Parallelism: d.cfg.Parallelism, MaxParallelism: d.cfg.MaxParallelism,
		Files: d.files(e.Restart), Restore: e.From, Report: report, Logger: d.log,
	}
	from, err := d.snapshotOf(e.From)
	if err == nil {
		if from != nil {
			spec.Blocks = from
		}
		d.execution, err = task.Start(d.background, spec)
	}
	if err != nil {
		report(message.Failed{Err: err})
		return
	}
	d.opt.AtStep(StepDeployed)
}

// classifiedReport gives the storage errors in a report their class: a subtask does not know which ones will not pass.
func classifiedReport(r message.Report) message.Report {
	switch r := r.(type) {
	case message.Decline:
		r.Err = jobfolder.Classify(r.Err)
		return r
	case message.Failed:
		r.Err = jobfolder.Classify(r.Err)
		return r
	}
	return r
}

// snapshotOf returns where the data files of a snapshot to restore are: of what the attempt began with, or of one of its
// own checkpoints.
func (d *driver) snapshotOf(m *snapshot.Metadata) (*snapshot.Snapshot, error) {
	if m == nil {
		return nil, nil
	}
	if m == d.began.restored {
		return d.began.chosen.Snapshot, nil
	}
	return d.folder.Chain.Snapshot(m), nil
}

func (d *driver) cancelTasks(e coordinator.CancelTasks) {
	d.keepTotals()
	execution := d.execution
	d.execution = nil
	d.inBackground(func(context.Context) {
		if execution != nil {
			execution.Cancel()
			execution.Wait()
		}
		d.post(coordinator.TasksStopped(e))
	})
}

func (d *driver) command(e coordinator.SendCommand) {
	if d.execution == nil || e.Restart != d.restart {
		return // the execution did not start; its failure is on its way
	}
	if err := d.execution.Command(e.Source, e.Subtask, e.Command); err != nil {
		d.post(coordinator.Reported{Restart: e.Restart, Report: message.Failed{Err: fmt.Errorf("command %T to %s: %w", e.Command, e.Source, err)}})
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

func (d *driver) publish(e coordinator.Publish) {
	m := e.Metadata
	if m.Time.IsZero() {
		m.Time = time.Now().UTC().Truncate(time.Millisecond)
	}
	d.inBackground(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, publishTimeout)
		defer cancel()
		// The look at the attempts before decides nothing, Publish's own does. But an attempt that was paused for so long
		// that its successor has used and swept the ids it goes on with would find them free, and leave voids behind.
		err := d.folder.Chain.Check(ctx, d.began.attempt)
		var fenced *snapshot.FencedError
		if !errors.As(err, &fenced) {
			err = d.folder.Chain.Publish(ctx, d.began.attempt, m)
		}
		if err == nil {
			d.opt.AtStep(StepPublished)
			d.box.put(func() {
				d.written += m.StateSize()
				d.step(coordinator.Published{Checkpoint: m.ID})
			})
			return
		}
		d.post(coordinator.PublishFailed{Checkpoint: m.ID, Err: jobfolder.Classify(err)}) // the coordinator tells its kinds apart
	})
}

func (d *driver) commit(e coordinator.Commit) {
	d.inBackground(func(ctx context.Context) {
		err := d.commitToEnd(ctx, e)
		if err == nil {
			d.opt.AtStep(StepCommitted)
		}
		d.answer(err, coordinator.Committed{Checkpoint: e.Checkpoint}, func(err error) coordinator.Event {
			return coordinator.CommitFailed{Checkpoint: e.Checkpoint, Err: err}
		})
	})
}

// commitAll commits one committable after the other.
func (d *driver) commitAll(ctx context.Context, e coordinator.Commit) error {
	for _, s := range e.Sinks {
		c := d.committers[s.UID]
		if c == nil && e.Checkpoint <= d.restoredID() { // what canCommit has let pass
			d.log.Warn("the sink commits nothing now: if output of the restored checkpoint was not committed before, it is missing", "sink", s.UID)
			continue
		}
		if c == nil {
			return fault.Permanentf("sink "+s.UID, "make its connector return a committer", "its writers return committables, but it has no committer")
		}
		for i := range s.Committables {
			if err := commitOne(ctx, c, s.Committables[i:i+1]); err != nil {
				return fmt.Errorf("commit to sink %s: %w", s.UID, err)
			}
			d.opt.AtStep(StepCommit)
		}
	}
	return nil
}

// restoredID is the checkpoint that the attempt goes on from; 0: none.
func (d *driver) restoredID() int64 {
	if d.began.restored == nil {
		return 0
	}
	return d.began.restored.ID
}

func commitOne(ctx context.Context, c connector.Committer, one [][]byte) error {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	return c.Commit(ctx, one)
}

func (d *driver) forget(e coordinator.Forget) {
	d.tidyInBackground(func(ctx context.Context) {
		for _, s := range e.Sinks {
			if c := d.committers[s.UID]; c != nil {
				d.warn("remove what was staged for committed output", s.UID, c.Forget(ctx, s.Committables))
			}
		}
	})
}

func (d *driver) sweepStaged(e coordinator.SweepStaged) {
	d.tidyInBackground(func(ctx context.Context) {
		for _, s := range e.Live {
			if c := d.committers[s.UID]; c != nil {
				d.warn("remove what earlier attempts staged", s.UID, c.Sweep(ctx, s.Committables))
			}
		}
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

// sweep deletes what is no longer retained, one sweep at a time; of those that wait the newest wins.
func (d *driver) sweep(newest *snapshot.Metadata) {
	if d.sweeping {
		d.nextSweep = newest
		return
	}
	d.sweeping = true
	d.tidyInBackground(func(ctx context.Context) {
		d.warn("delete old checkpoints", d.folder.Bucket().String(), d.folder.Chain.Sweep(ctx, d.began.attempt, newest))
		d.box.put(func() {
			d.sweeping = false
			if next := d.nextSweep; next != nil {
				d.nextSweep = nil
				d.sweep(next)
			}
		})
	})
}

func (d *driver) files(restart int64) func(checkpoint int64) backend.Files {
	return func(checkpoint int64) backend.Files {
		return d.folder.Chain.Files(d.began.attempt, restart, checkpoint)
	}
}
