package job

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/internal/operations"
	"github.com/weirstream/weir/engine/internal/task"
	"github.com/weirstream/weir/engine/rest"
)

// Job is an attempt that runs or has ended, as it is watched and asked from other goroutines. It is what package web serves.
type Job struct{ d *driver }

// ask runs f where it may read what the loop owns: in the loop, or after its end.
func (j *Job) ask(f func(d *driver)) {
	if j.over() { // nobody takes from the mailbox any more
		f(j.d)
		return
	}
	answered := make(chan struct{})
	var once sync.Once
	j.d.box.put(func() { once.Do(func() { f(j.d); close(answered) }) })
	select {
	case <-answered:
	case <-j.d.done:
		// Entries that were taken with the last one are not run.
		once.Do(func() { f(j.d); close(answered) })
	}
}

// Overview describes the job as a whole.
func (j *Job) Overview() (o rest.Job) {
	j.ask(func(d *driver) { o = d.overview() })
	return o
}

func (d *driver) overview() rest.Job {
	s := d.coordinator.Status()
	o := rest.Job{
		ID: d.cfg.Job, State: s.State, Revision: d.cfg.Revision, Engine: d.opt.EngineVersion,
		Attempt: d.began.attempt.N, Restarts: int64(s.Restarts), Parallelism: d.cfg.Parallelism,
		MaxParallelism: d.cfg.MaxParallelism, StartTime: d.start.UTC().Truncate(time.Millisecond),
		CompletedCheckpoints: int64(s.Completed), FailedCheckpoints: int64(s.Aborted),
		FailedCheckpointsInARow: int64(s.AbortedInARow),
	}
	if d.began.chosen.Snapshot != nil {
		o.RestoredFrom = d.began.chosen.From
	}
	o.RestoreNonces = d.began.chosen.RestoreNonces()
	failure := s.Failure
	if d.exit != nil && d.exit.Err != nil {
		failure = d.exit.Err
	}
	if failure != nil {
		o.Failure, o.FailureKind = failure.Error(), rest.FailedTransiently
	}
	if d.exit != nil && failure != nil {
		o.FailureKind = kindOf(failure)
	}
	if failure := cmp.Or(s.LastFailure, s.Held); failure != nil {
		o.CheckpointFailure = failure.Error()
	}
	if s.Complete != nil {
		complete := d.checkpoint(*s.Complete)
		o.LastCheckpoint = &complete
	}
	d.count(&o)
	return o
}

// count adds up the counters of the subtasks, those of earlier restarts included.
func (d *driver) count(o *rest.Job) {
	o.RecordsIn, o.RecordsOut, o.RecordsLate, o.RecordsSkipped = d.before.in, d.before.out, d.before.late, d.before.skipped
	lowest := int64(math.MaxInt64)
	for _, m := range d.metrics() {
		n := d.nodes[m.UID]
		switch {
		case n.Source != nil:
			o.RecordsIn += m.RecordsOut
		case n.Sink != nil:
			o.RecordsOut += m.RecordsIn
			lowest = min(lowest, m.Watermark)
		}
		o.RecordsLate += m.Late
		o.RecordsSkipped += m.Skipped
	}
	o.WatermarkMs = shownWatermark(lowest)
	for i := range d.graph.Nodes {
		if n := &d.graph.Nodes[i]; n.Source != nil {
			if s, ok := n.Source.Source.(connector.PasserOver); ok {
				o.FilesPassedOver += s.PassedOver()
			}
		}
	}
}

// maxShown is the highest number that every reader of JSON takes for what it is.
const maxShown = 1 << 53

// shownWatermark is a watermark for people: nil before the first, and when event time has ended, which no date stands for.
func shownWatermark(ms int64) *int64 {
	if ms < -maxShown || ms > maxShown {
		return nil
	}
	return &ms
}

func (d *driver) metrics() []task.Metrics {
	if d.execution == nil {
		return nil
	}
	return d.execution.Metrics()
}

// totals are counters of executions that are over.
type totals struct{ in, out, late, skipped int64 }

// keep adds the counters of an execution that ends.
func (d *driver) keepTotals() {
	var o rest.Job
	d.count(&o)
	d.before = totals{o.RecordsIn, o.RecordsOut, o.RecordsLate, o.RecordsSkipped}
}

// Operators describes the operators and their subtasks, in the order of the graph.
func (j *Job) Operators() (list []rest.Operator) {
	j.ask(func(d *driver) {
		bySubtask := map[string][]rest.Subtask{}
		for _, m := range d.metrics() {
			bySubtask[m.UID] = append(bySubtask[m.UID], rest.Subtask{
				Index: m.Subtask, RecordsIn: m.RecordsIn, RecordsOut: m.RecordsOut, RecordsLate: m.Late, RecordsSkipped: m.Skipped,
				WatermarkMs: shownWatermark(m.Watermark),
			})
		}
		for i := range d.graph.Nodes {
			n := &d.graph.Nodes[i]
			list = append(list, rest.Operator{UID: n.UID, Name: n.Name, Parallelism: d.cfg.Parallelism, Subtasks: bySubtask[n.UID]})
		}
	})
	return list
}

// Checkpoints lists the newest checkpoints, newest first.
func (j *Job) Checkpoints() (list []rest.Checkpoint) {
	j.ask(func(d *driver) { list = d.checkpoints(d.coordinator.Status()) })
	return list
}

func (d *driver) checkpoints(s coordinator.Status) []rest.Checkpoint {
	var list []rest.Checkpoint
	for _, c := range s.Checkpoints {
		list = append(list, d.checkpoint(c))
	}
	if s.Current != nil {
		list = append(list, d.checkpoint(*s.Current))
	}
	slices.Reverse(list)
	return list
}

func (d *driver) checkpoint(c coordinator.CheckpointStatus) rest.Checkpoint {
	out := rest.Checkpoint{
		ID: c.ID, Type: rest.CheckpointTypeOf(c.Outcome), Status: c.Status,
		TriggerTime: d.start.Add(c.Started).UTC().Truncate(time.Millisecond), SizeBytes: c.Stats.Bytes,
	}
	end := c.Ended
	if end == 0 {
		end = time.Since(d.start)
	}
	out.DurationMs = (end - c.Started).Milliseconds()
	if c.Status == rest.Done {
		out.Path = d.folder.Chain.Path(c.ID)
	}
	if c.Failure != nil {
		out.Failure = c.Failure.Error()
	}
	return out
}

// Savepoint asks for a savepoint; an empty target is spec.savepoint.storage.
func (j *Job) Savepoint(_ context.Context, id, target string) (rest.Operation, error) {
	return j.asked(operations.Savepoint(j.d.cfg, j.d.graph, id, target))
}

// Stop asks for the end of the job, after a savepoint: whoever stops a job by hand wants one.
func (j *Job) Stop(_ context.Context, id, target string, drain bool) (rest.Operation, error) {
	if target == "" && j.d.cfg.SavepointStorage == "" {
		return rest.Operation{}, &rest.Error{Code: rest.BadRequest, Message: "there is no place for the savepoint, and without one the job is not stopped",
			Remedy: "name a target (--savepoint-path), or set spec.savepoint.storage"}
	}
	return j.asked(operations.Stop(j.d.cfg, j.d.graph, id, target, drain))
}

// Checkpoint asks for a checkpoint now.
func (j *Job) Checkpoint(_ context.Context, id string) (rest.Operation, error) {
	return j.asked(operations.Checkpoint(id), nil)
}

// Cancel asks for the end of the job at once.
func (j *Job) Cancel(_ context.Context, id string) (rest.Operation, error) {
	return j.asked(operations.Cancel(id), nil)
}

// Activate is refused: whoever began this process has begun the job.
func (j *Job) Activate(context.Context, rest.ActivateRequest) (rest.Operation, error) {
	return rest.Operation{}, &rest.Error{Code: rest.Conflict, Message: "the job runs for as long as its process, and is not activated",
		Remedy: "end the process and begin it anew"}
}

// Operation returns what became of a request, when it is final or ctx is done.
func (j *Job) Operation(ctx context.Context, id string) (rest.Operation, error) {
	return j.d.operations.Wait(ctx, id)
}

// Answered says whether every request whose end is known has been asked about: a process that ends before leaves
// somebody without an answer.
func (j *Job) Answered() bool { return !j.d.operations.Unfetched() }

func (j *Job) asked(r operations.Request, err error) (rest.Operation, error) {
	if err != nil {
		return rest.Operation{}, err
	}
	return j.begin(r)
}

// begin takes a request, or says what became of it before.
func (j *Job) begin(r operations.Request) (rest.Operation, error) {
	if j.over() {
		return rest.Operation{}, &rest.Error{Code: rest.Unavailable, Message: "the job has ended"}
	}
	op, isNew, err := j.d.operations.Begin(r, operations.Mailed)
	if err == nil && isNew {
		j.give(r)
	}
	return op, err
}

// give mails a request that is noted among the operations.
func (j *Job) give(r operations.Request) {
	j.d.box.put(func() {
		j.d.operations.Give(r.ID, operations.Stepped)
		j.d.step(r.Event)
	})
	if j.over() { // it may have ended before it could take the request
		j.d.operations.EndOf(r.ID, j.d.exit)
	}
}

// over tells that the loop has ended.
func (j *Job) over() bool {
	select {
	case <-j.d.done:
		return true
	default:
		return false
	}
}
