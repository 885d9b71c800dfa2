package task

import (
	"math"
	"sync/atomic"

	"github.com/weirstream/weir/engine/batch"
)

// Metrics are the counters of one operator in one subtask since the start of the execution.
type Metrics struct {
	UID     string
	Subtask int
	// Rows and the bytes that they hold in memory.
	RecordsIn, RecordsOut, BytesIn, BytesOut int64
	// Late counts rows that were dropped because they came too late.
	Late int64
	// Skipped counts records that were dropped because they could not be read, or had no event time, where the table says so.
	Skipped int64
	// Watermark is the event time in ms that the operator has got to; math.MinInt64: none.
	Watermark int64
}

// counters are written by the goroutine that owns the subtask, once for each batch, and read by anyone.
type counters struct {
	recordsIn, recordsOut, bytesIn, bytesOut, late, skipped, watermark atomic.Int64
}

func (c *counters) in(b *batch.Batch) {
	c.recordsIn.Add(int64(b.Len()))
	c.bytesIn.Add(int64(b.SizeBytes()))
}

func (c *counters) out(b *batch.Batch) {
	c.recordsOut.Add(int64(b.Len()))
	c.bytesOut.Add(int64(b.SizeBytes()))
}

func (c *counters) read(uid string, subtask int) Metrics {
	return Metrics{
		UID: uid, Subtask: subtask,
		RecordsIn: c.recordsIn.Load(), RecordsOut: c.recordsOut.Load(),
		BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut.Load(),
		Late: c.late.Load(), Skipped: c.skipped.Load(), Watermark: c.watermark.Load(),
	}
}

func newCounters() *counters {
	c := &counters{}
	c.watermark.Store(math.MinInt64)
	return c
}
