package message

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weirstream/weir/engine/snapshot"
)

// Version is that of the encoding of orders, events and metrics; it is their first byte. Processes of one job run one engine, so
// no process reads another version than it writes: it says so, and does nothing.
const Version = 1

// form is how one kind of message is written. A kind has its number for ever.
type form[M any] struct {
	kind  int64
	write func(m M, c *coder) bool // false: m is of another kind
	read  func(c *coder) M
}

func formOf[M, T any](kind int64, fields func(c *coder, m *T)) form[M] {
	return form[M]{
		kind: kind,
		write: func(m M, c *coder) bool {
			t, ok := any(m).(T)
			if ok {
				fields(c, &t)
			}
			return ok
		},
		read: func(c *coder) M {
			var t T
			fields(c, &t)
			return any(t).(M)
		},
	}
}

// commands has every Command.
var commands = []form[Command]{
	formOf[Command](1, func(c *coder, m *Trigger) {
		c.int64(1, &m.ID)
		within(c, 2, &m.Mode, int64(Drain))
	}),
	formOf[Command](2, func(*coder, *Resume) {}),
	formOf[Command](3, func(c *coder, m *Assign) {
		c.text(1, &m.Split.ID)
		c.text(2, &m.Split.Chain)
		c.bytes(3, &m.Split.Spec)
		c.bytes(4, &m.Position)
		c.int64(5, &m.MaxTime)
	}),
	formOf[Command](4, func(c *coder, m *WatermarkBound) {
		c.int64(1, &m.MaxTime)
		c.bool(2, &m.Watched)
	}),
	formOf[Command](5, func(c *coder, m *Follow) { c.int64(1, &m.MaxTime) }),
	formOf[Command](6, func(c *coder, m *Completed) { c.int64(1, &m.ID) }),
	formOf[Command](7, func(*coder, *NoMoreSplits) {}),
}

// reports has every Report. Field 1 is the subtask.
var reports = []form[Report]{
	formOf[Report](1, func(*coder, *Stopped) {}),
	formOf[Report](2, func(c *coder, m *Running) { m.Subtask.fields(c) }),
	formOf[Report](3, func(c *coder, m *SplitProgress) {
		m.Subtask.fields(c)
		c.text(2, &m.Split)
		c.int64(3, &m.MaxTime)
	}),
	formOf[Report](4, func(c *coder, m *SplitIdle) {
		m.Subtask.fields(c)
		c.text(2, &m.Split)
		c.bool(3, &m.Idle)
	}),
	formOf[Report](5, func(c *coder, m *SplitDone) {
		m.Subtask.fields(c)
		c.text(2, &m.Split)
		c.int64(3, &m.MaxTime)
		c.bool(4, &m.PassedOver)
	}),
	formOf[Report](6, func(c *coder, m *SplitWanted) { m.Subtask.fields(c) }),
	formOf[Report](7, func(c *coder, m *Ended) { m.Subtask.fields(c) }),
	formOf[Report](8, func(c *coder, m *Ack) {
		m.Subtask.fields(c)
		c.int64(2, &m.Checkpoint)
		list(c, 3, &m.States, func(c *coder, s *OperatorState) { s.fields(c, m.Checkpoint) })
		c.message(4, m.Stats.fields)
	}),
	formOf[Report](9, func(c *coder, m *Decline) {
		m.Subtask.fields(c)
		c.int64(2, &m.Checkpoint)
		m.Err.field(c, 3)
	}),
	formOf[Report](10, func(c *coder, m *Failed) {
		m.Subtask.fields(c)
		m.Err.field(c, 2)
	}),
}

// fields is field 1 of a report.
func (s *Subtask) fields(c *coder) { c.message(1, s.name) }

func (s *Subtask) name(c *coder) {
	c.text(1, &s.Task)
	c.int32(2, &s.Index)
}

func (e *Execution) fields(c *coder) {
	c.int64(1, &e.Attempt)
	c.int64(2, &e.Restart)
}

func (s *OperatorState) fields(c *coder, checkpoint int64) {
	c.text(1, &s.UID)
	other(c, 2, &s.State,
		func(s snapshot.SubtaskState) []byte { return snapshot.AppendSubtask(nil, &s) },
		func(b []byte) (snapshot.SubtaskState, error) { return snapshot.DecodeSubtask(b, checkpoint) })
}

func (s *Stats) fields(c *coder) {
	c.int64(1, &s.Bytes)
	c.int64(2, &s.FullBytes)
	c.duration(3, &s.Align)
	c.duration(4, &s.Sync)
	c.duration(5, &s.Async)
}

func (f *Failure) field(c *coder, n protowire.Number) {
	other(c, n, f, func(f Failure) []byte { return f.Append(nil) }, DecodeFailure)
}

func (m *Metrics) fields(c *coder) {
	c.text(1, &m.UID)
	c.int32(2, &m.Subtask)
	c.int64(3, &m.RecordsIn)
	c.int64(4, &m.RecordsOut)
	c.int64(5, &m.BytesIn)
	c.int64(6, &m.BytesOut)
	c.int64(7, &m.Late)
	c.int64(8, &m.Skipped)
	c.int64(9, &m.Watermark)
}

// Append appends the order: the version, and then in protobuf wire format
//
//	message Order {
//	  Execution execution = 1;
//	  Subtask   to = 2;
//	  sint64    kind = 3;      // of the command, as in the list of commands
//	  bytes     command = 4;   // fields as in that list; always there
//	}
//
// It panics for a command that is in no list.
func (o Order) Append(b []byte) []byte {
	c := coder{out: append(b, Version)}
	o.fields(&c)
	return c.out
}

// DecodeOrder reads what Append wrote. It keeps nothing of b.
func DecodeOrder(b []byte) (o Order, err error) {
	if err := read(b, o.fields); err != nil {
		return Order{}, fmt.Errorf("an order is malformed: %w", err)
	}
	return o, nil
}

func (o *Order) fields(c *coder) {
	c.message(1, o.Execution.fields)
	c.message(2, o.To.name)
	oneOf(c, 3, commands, &o.Command)
}

// Append appends the event: the version, and then in protobuf wire format
//
//	message Event {
//	  Execution execution = 1;
//	  sint64    kind = 2;      // of the report, as in the list of reports
//	  bytes     report = 3;    // fields as in that list; always there
//	}
//
// It panics for a report that is in no list.
func (e Event) Append(b []byte) []byte {
	c := coder{out: append(b, Version)}
	e.fields(&c)
	return c.out
}

// DecodeEvent reads what Append wrote. It keeps nothing of b.
func DecodeEvent(b []byte) (e Event, err error) {
	if err := read(b, e.fields); err != nil {
		return Event{}, fmt.Errorf("an event is malformed: %w", err)
	}
	return e, nil
}

func (e *Event) fields(c *coder) {
	c.message(1, e.Execution.fields)
	oneOf(c, 2, reports, &e.Report)
}

// AppendMetrics appends the counters of subtasks: the version, and then each as field 1 of a message.
func AppendMetrics(b []byte, metrics []Metrics) []byte {
	c := coder{out: append(b, Version)}
	list(&c, 1, &metrics, func(c *coder, m *Metrics) { m.fields(c) })
	return c.out
}

// DecodeMetrics reads what AppendMetrics wrote. It keeps nothing of b.
func DecodeMetrics(b []byte) (metrics []Metrics, err error) {
	err = read(b, func(c *coder) { list(c, 1, &metrics, func(c *coder, m *Metrics) { m.fields(c) }) })
	if err != nil {
		return nil, fmt.Errorf("counters of subtasks are malformed: %w", err)
	}
	return metrics, nil
}

// read reads a message behind its version.
func read(b []byte, fields func(c *coder)) error {
	if len(b) == 0 {
		return fmt.Errorf("it is empty")
	}
	if b[0] != Version {
		return fmt.Errorf("it is of version %d, and this process knows version %d: let all processes of a job run one image", b[0], Version)
	}
	c := coder{reading: true, in: b[1:]}
	fields(&c)
	return c.end()
}

// oneOf is a message of one of several kinds: field n says which, and the next one holds it.
func oneOf[M any](c *coder, n protowire.Number, forms []form[M], m *M) {
	if !c.reading {
		for _, f := range forms {
			var inner coder
			if f.write(*m, &inner) {
				c.int64(n, &f.kind)
				c.putBytes(n+1, inner.out)
				return
			}
		}
		panic(fmt.Sprintf("message: %T has no encoding", *m))
	}
	var kind int64
	c.int64(n, &kind)
	if c.err != nil {
		return
	}
	for _, f := range forms {
		if f.kind == kind {
			read := false
			c.message(n+1, func(c *coder) { *m, read = f.read(c), true })
			if c.err == nil && !read {
				c.err = fmt.Errorf("field %d is missing", n+1)
			}
			return
		}
	}
	c.err = fmt.Errorf("its kind is %d, which version %d does not have", kind, Version)
}
