package stream

import (
	"math"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/state"
)

// Timer asks for a call of OnTimer for the current key when event time reaches ms. Asking twice for the same time is one call. A
// time that has passed already is called for at the next watermark, in a call for a timer right after it.
func (c *Context[O]) Timer(ms int64) { c.op.event.set(ms) }

// DeleteTimer takes back what Timer has asked for.
func (c *Context[O]) DeleteTimer(ms int64) { c.op.event.unset(ms) }

// ProcessingTimer asks for a call of OnProcessingTimer for the current key when processing time reaches ms. Asking twice for the same
// time is one call. Those that are due when a job is restored are called for at once. Those that are not due when the input ends are
// never called for, but they stay in snapshots.
func (c *Context[O]) ProcessingTimer(ms int64) { c.op.processing.set(ms) }

// DeleteProcessingTimer takes back what ProcessingTimer has asked for.
func (c *Context[O]) DeleteProcessingTimer(ms int64) { c.op.processing.unset(ms) }

// ProcessingTime is the time of the machine's clock, in ms since the epoch; it never goes back while a subtask runs. What a function
// makes of it is not the same in another run, nor after a restart.
func (c *Context[O]) ProcessingTime() int64 { return c.op.ctx.ProcessingTime() }

// Watermark is how far event time has come, in ms; math.MinInt64: nowhere yet.
func (c *Context[O]) Watermark() int64 { return c.op.acted }

// The states of timers. Those of event time were cells once, under the same name.
var (
	eventTimers      = state.Descriptor{Name: "timers", Kind: state.Timer, Key: []string{"key BYTES"}, Value: []string{"timer"}}
	processingTimers = state.Descriptor{Name: "processing-timers", Kind: state.Timer, Key: []string{"key BYTES"}, Value: []string{"timer"}}
)

// timers are those of a process function of one kind of time.
type timers struct {
	op         *processOp
	descriptor state.Descriptor
	call       func(ms int64) error // nil: the function has none
	keys       state.Timers
	due        batch.Batch // keys that are called for now; no rows
	at         int64       // their time
	fired      int         // since fireSome was called
	// rows calls the function for keys of due: made once, because a closure for each time would be an allocation.
	rows func(from, end int) error
}

// bindTimers makes timers that call a function of a program; nil: there are none.
func bindTimers[O any](op *processOp, d state.Descriptor, c *Context[O], f func(c *Context[O], ms int64) error) timers {
	t := timers{op: op, descriptor: d}
	if f != nil {
		t.call = func(ms int64) error { return f(c, ms) }
	}
	return t
}

func (t *timers) open(ctx operator.Context) (err error) {
	if t.call == nil {
		return nil
	}
	t.rows = t.fire
	t.keys, err = ctx.Timers(t.descriptor)
	return err
}

func (t *timers) set(ms int64) {
	if t.call == nil {
		t.refuse()
		return
	}
	t.keys.Set(t.op.hash(), ms, t.op.key())
}

func (t *timers) unset(ms int64) {
	if t.call != nil {
		t.keys.Delete(t.op.hash(), ms, t.op.key())
	}
}

func (t *timers) refuse() {
	if t.op.failure == nil {
		t.op.failure = fault.Permanentf("", "give the program's Functions OnTimer, or OnProcessingTimer for processing time, and start the job again",
			"a timer was set, of a kind for which there is no function")
	}
}

// next is the first time that can come.
func (t *timers) next() (ms int64, found bool) {
	if t.call == nil {
		return 0, false
	}
	ms, found = t.keys.First()
	return ms, found && ms < math.MaxInt64 // that is not the end of input either
}

// fireUntil fires all timers that are due, in their order; a timer may set others, and delete them.
func (t *timers) fireUntil(ms int64, out operator.Output) error {
	for {
		at, found := t.next()
		if !found || at > ms {
			return t.op.call.flush(out)
		}
		t.op.time, t.op.timed, t.op.marked = at, true, false // a timer that is due is in time
		if err := t.fireAt(at); err != nil {
			return err
		}
		if err := t.op.call.flushFull(out); err != nil {
			return err
		}
	}
}

// fireSome fires timers that are due, in their order, about a batch of them. What is emitted has no event time.
func (t *timers) fireSome(ms int64, out operator.Output) error {
	t.op.time, t.op.timed, t.op.marked = 0, false, false
	t.fired = 0
	for t.fired < batch.TargetRows {
		at, found := t.next()
		if !found || at > ms {
			break
		}
		if err := t.fireAt(at); err != nil {
			return err
		}
	}
	return t.op.call.flush(out)
}

// fireAt fires timers for the first time that there are any for, as many as fit into a batch, until one is set that is due before.
func (t *timers) fireAt(at int64) error {
	t.at = at
	t.due.Hash = t.due.Hash[:0]
	t.due.Keys.Reset()
	t.keys.At(at, batch.TargetRows, &t.due)
	return t.op.run(&t.due, t.rows)
}

func (t *timers) fire(from, end int) error {
	for t.op.row = from; t.op.row < end; t.op.row++ {
		if first, _ := t.keys.First(); first < t.at {
			return nil
		}
		if !t.keys.Delete(t.op.hash(), t.at, t.op.key()) {
			continue // one before it has deleted it
		}
		t.fired++
		if err := t.call(t.at); err != nil {
			return err
		}
		if t.op.failure != nil {
			return t.op.failure
		}
	}
	return nil
}

// NextTimer is the first timer of processing time.
func (o *processOp) NextTimer() (ms int64, found bool) { return o.processing.next() }

// ProcessingTime fires timers that are due.
func (o *processOp) ProcessingTime(ms int64, out operator.Output) error {
	return o.processing.fireSome(ms, out)
}
