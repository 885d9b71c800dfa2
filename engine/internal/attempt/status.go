package attempt

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/coordinator"
	"github.com/weirstream/weir/engine/rest"
)

func (d *driver) overview() rest.Job {
	s := d.coordinator.Status()
	o := rest.Job{
		ID: d.cfg.Job, State: s.State, Revision: d.cfg.Revision, Engine: d.process.EngineVersion,
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
		o.FailureKind = KindOf(failure)
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
	for _, m := range d.executor.Metrics() {
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
			if s, ok := n.Source.Source.(connector.LagMeter); ok {
				lag := s.Lag()
				if o.LagRecords != nil {
					lag += *o.LagRecords
				}
				o.LagRecords = &lag
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

// totals are counters of executions that are over.
type totals struct{ in, out, late, skipped int64 }

// keep adds the counters of an execution that ends.
func (d *driver) keepTotals() {
	var o rest.Job
	d.count(&o)
	d.before = totals{o.RecordsIn, o.RecordsOut, o.RecordsLate, o.RecordsSkipped}
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
		TriggerTime: d.start.Add(c.Started).UTC().Truncate(time.Millisecond), SizeBytes: c.Stats.Bytes, FullSizeBytes: c.Stats.FullBytes,
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
