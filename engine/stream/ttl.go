package stream

import (
	"fmt"
	"time"
	"unsafe"

	"github.com/weirstream/weir/engine/state"
)

// StateOption says more about a state that is declared.
type StateOption interface {
	option(d state.Descriptor) (state.Descriptor, error)
}

// TimeToLive is for how long what is in a state is there. See [TTL].
type TimeToLive struct{ ttl state.TTL }

// TTL declares that what is in a state expires when it was not written for so long: the value of a key, or each entry of a list or map
// by itself. It counts by processing time, the clock of the machine, so that what a function makes of it is not the same in another run;
// [TimeToLive.EventTime] has it count by event time.
//
// What has expired is not there any more, as if it had never been written, and is out of memory, and of later snapshots, within a quarter of
// the TTL. The TTL may change from one version of the program to the next, and a state may gain or lose one: what had expired by the old
// one does not come back, and what had none counts as written at the restore.
func TTL(after time.Duration) TimeToLive {
	return TimeToLive{state.TTL{MS: after.Milliseconds(), Processing: true}}
}

// EventTime has the TTL count by event time: what is written for a row or timer counts from its time on, and rows that are not late meet
// the same in every run. What is written out of order counts from the latest of the times. What event time has come to is known by
// watermarks, so that nothing is out of memory before one, nor in a stream without event time.
func (t TimeToLive) EventTime() TimeToLive {
	t.ttl.Processing = false
	return t
}

// OnReadAndWrite has what is read be there for as long as what was written. Without it, only writing counts.
func (t TimeToLive) OnReadAndWrite() TimeToLive {
	t.ttl.OnRead = true
	return t
}

func (t TimeToLive) option(d state.Descriptor) (state.Descriptor, error) {
	switch {
	case t.ttl.MS <= 0:
		return d, fmt.Errorf("a TTL of less than a millisecond")
	case d.TTL != nil:
		return d, fmt.Errorf("it has two TTLs")
	}
	return d.Expires(t.ttl), nil
}

// with applies the options of a state.
func (s *Setup) with(d state.Descriptor, options []StateOption) state.Descriptor {
	for _, o := range options {
		next, err := o.option(d)
		s.check(d.Name, err)
		d = next
	}
	return d
}

// accessTime is the time of an access to the current key's state, by the clock of a TTL.
func (o *processOp) accessTime(t *state.TTL) int64 {
	if t.Processing {
		return o.processingTime
	}
	now := o.swept
	if now < o.ctx.MaxRestoredWatermark() {
		now = max(now, o.ctx.RestoredWatermark(o.hash()))
	}
	if o.timed {
		now = max(now, o.time)
	}
	return now
}

// noteTime notes the processing time of what is called next, if a state wants it.
func (o *processOp) noteTime() {
	if o.expires {
		o.processingTime = o.ctx.ProcessingTime()
	}
}

// used returns where the current key's value is, in the cell of a state with a TTL, which is about to be written.
func (c *cells) used(key Current) unsafe.Pointer {
	return unsafe.Pointer(unsafe.SliceData(c.ttl.Use(c.of[*c.row], key.current().accessTime(c.ttl))))
}

// Get returns the current key's value, for reading. Of a state with a TTL it is no write.
func (v Value[V]) Get(c Current) (value V) {
	if v.cells.ttl == nil {
		return *v.Ref(c)
	}
	if cell := v.cells.ttl.Read(v.cells.of[*v.cells.row], c.current().accessTime(v.cells.ttl)); cell != nil {
		value = *over[V](cell)
	}
	return value
}
