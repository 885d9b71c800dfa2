package task

import (
	"math"
	"sync/atomic"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/message"
)

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

func (c *counters) read(uid string, subtask int) message.Metrics {
	return message.Metrics{
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
