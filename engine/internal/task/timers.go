package task

import (
	"math"
	"slices"
	"time"

	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/state"
)

// Processing time of a subtask, and the operators that wait for it. They are called between batches, a part of what is due each
// time, so that neither rows nor barriers wait for a storm of timers. All that they emit is on its way before the barrier of a checkpoint
// that does not hold them any more, because one goroutine fires timers and takes part in checkpoints.

// maxSleep is how long a subtask sleeps that has a timer: a wall clock that was set, or a machine that was suspended, moves processing
// time without waking it.
const maxSleep = 10 * time.Second

type timed struct {
	link *link
	op   operator.ProcessingTimed
}

// processingTime is the wall clock's, in ms, but never less than it was.
func (t *subtask) processingTime() int64 {
	t.now = max(t.now, t.exec.cfg.Clock.Now().UnixMilli())
	return t.now
}

// listTimed finds the operators that may wait for processing time, and the states that expire.
func (t *subtask) listTimed() {
	t.nextSweep = math.MaxInt64
	for _, s := range t.chain {
		if slices.ContainsFunc(s.node.State, func(d state.Descriptor) bool { return d.TTL != nil }) {
			t.expiring = append(t.expiring, s.backend)
		}
		if op, ok := s.op.(operator.ProcessingTimed); ok {
			t.timed = append(t.timed, timed{s, op})
		}
	}
}

// nextTimer is the first processing time that an operator waits for.
func (t *subtask) nextTimer() (ms int64, found bool) {
	if t.ended {
		return 0, false
	}
	for _, o := range t.timed {
		if next, waits := o.op.NextTimer(); waits && (!found || next < ms) {
			ms, found = next, true
		}
	}
	if t.nextSweep < math.MaxInt64 && (!found || t.nextSweep < ms) {
		ms, found = t.nextSweep, true
	}
	return ms, found
}

// sweep takes a part of what has expired out of the states. No operator is being called, which could have cells or entries in hand.
func (t *subtask) sweep() {
	if len(t.expiring) == 0 || t.ended {
		return
	}
	now := t.processingTime()
	t.nextSweep = math.MaxInt64
	for _, b := range t.expiring {
		t.nextSweep = min(t.nextSweep, b.Sweep(now))
	}
}

// fireTimers lets each operator handle a part of what is due.
func (t *subtask) fireTimers() error {
	next, found := t.nextTimer()
	if !found || next > t.processingTime() {
		return nil
	}
	for _, o := range t.timed {
		if next, waits := o.op.NextTimer(); !waits || next > t.now {
			continue
		}
		if err := o.link.call(func() error { return o.op.ProcessingTime(t.now, (*fanOut)(o.link)) }); err != nil {
			return err
		}
	}
	return nil
}

// untilTimer is how long the subtask may sleep for its timers; 0: for ever. due: it may not, one is due.
func (t *subtask) untilTimer() (limit time.Duration, due bool) {
	next, found := t.nextTimer()
	if !found {
		return 0, false
	}
	now := t.processingTime()
	if next <= now {
		return 0, true
	}
	if next > now+maxSleep.Milliseconds() {
		return maxSleep, false
	}
	return time.Duration(next-now) * time.Millisecond, false
}

// end passes the end of input on. No timer of processing time is due after it: those that are left stay in the state.
func (t *subtask) end() error {
	t.ended = true
	return t.chain[0].End()
}
