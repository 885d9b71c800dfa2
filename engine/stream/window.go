package stream

import (
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/window"
)

// Windows says which windows a row belongs to, of event time unless InProcessingTime says otherwise.
type Windows struct {
	kind       windowKind
	size, by   time.Duration // by is the slide; of sessions, size is the gap
	offset     time.Duration
	processing bool
}

type windowKind uint8

const (
	fixedWindows windowKind = iota
	sessionWindows
	globalWindows
)

// Tumbling windows follow each other without gap or overlap; one begins at the epoch.
func Tumbling(size time.Duration) Windows { return Windows{size: size, by: size} }

// Sliding windows overlap: one of a size begins every slide, of which the size is a multiple.
func Sliding(size, slide time.Duration) Windows { return Windows{size: size, by: slide} }

// Session windows hold the rows of a key that follow each other by no more than a gap. A session ends a gap after its last row.
func Session(gap time.Duration) Windows { return Windows{kind: sessionWindows, size: gap} }

// Global is one window for all rows of a key. It never ends, so it needs a [Trigger].
func Global() Windows { return Windows{kind: globalWindows} }

// Offset moves tumbling and sliding windows: one begins so much after the epoch, such as at midnight of a time zone.
func (w Windows) Offset(by time.Duration) Windows {
	w.offset = by
	return w
}

// InProcessingTime puts rows into windows by when they are processed. Nothing is late then, and nothing is the same in another run;
// windows that are not over when the input ends give no result.
func (w Windows) InProcessingTime() Windows {
	w.processing = true
	return w
}

// String is the readable form that fingerprints keep (P9).
func (w Windows) String() string {
	kind := "event time"
	if w.processing {
		kind = "processing time"
	}
	switch w.kind {
	case sessionWindows:
		return fmt.Sprintf("session of %s, gap %s", kind, window.Span(w.size.Milliseconds()))
	case globalWindows:
		return "global"
	}
	return fmt.Sprintf("%v of %s", w.assigner(), kind)
}

func (w Windows) assigner() window.Assigner {
	return window.Hop(w.by.Milliseconds(), w.size.Milliseconds(), w.offset.Milliseconds())
}

func (w Windows) check() error {
	for _, d := range []time.Duration{w.size, w.by, w.offset} {
		if d%time.Millisecond != 0 {
			return fmt.Errorf("%v is no whole number of milliseconds", d)
		}
	}
	switch {
	case w.kind == fixedWindows:
		return w.assigner().Check()
	case w.offset != 0:
		return errors.New("only tumbling and sliding windows have an offset")
	case w.kind == sessionWindows && w.size <= 0:
		return fmt.Errorf("the gap of sessions must be positive, not %v", w.size)
	}
	return nil
}

// Trigger says when a window gives a result.
type Trigger struct {
	end   bool // when it ends, and for each row that comes afterwards
	count int  // for every so many rows; 0: not for rows
	purge bool // the window is emptied then
}

// TimeTrigger gives a result when event time, or processing time, has come to the end of the window. Rows that are late, but within the
// allowed lateness, give another one each. It is the trigger of all windows but the global one.
func TimeTrigger() Trigger { return Trigger{end: true} }

// CountTrigger gives a result for every n rows, and none when the window ends.
func CountTrigger(n int) Trigger { return Trigger{count: n} }

// AndCount makes the trigger give a result for every n rows, too: before a window is over, it says how far it is.
func (t Trigger) AndCount(n int) Trigger {
	t.count = n
	return t
}

// PurgingTrigger is a trigger that empties the window with each result: the next one is of the rows since.
func PurgingTrigger(t Trigger) Trigger {
	t.purge = true
	return t
}

// Windowed is a stream that is divided by a key and windows.
type Windowed[K, T any] struct {
	in       Keyed[K, T]
	windows  Windows
	trigger  *Trigger // nil: that of the windows
	lateness time.Duration
	late     *OutputTag[T] // nil: late rows are dropped
}

// Window puts the rows of each key into windows. What becomes of them is said by Reduce, Aggregate or Apply.
//
// A row is late if its windows are over by the watermark of its own split just before it, or if they are over already: so which
// rows are late depends on the rows alone, in every run, at every parallelism and through any restart. Late rows are dropped and counted, or
// go to a side output.
func Window[K, T any](s Keyed[K, T], w Windows) Windowed[K, T] {
	return Windowed[K, T]{in: s, windows: w}
}

// AllowedLateness keeps windows of event time for longer than they last: rows that come meanwhile are not late, and give another result.
func (w Windowed[K, T]) AllowedLateness(d time.Duration) Windowed[K, T] {
	w.lateness = d
	return w
}

// Trigger says when windows give a result.
func (w Windowed[K, T]) Trigger(t Trigger) Windowed[K, T] {
	w.trigger = &t
	return w
}

// SideOutputLateData sends late rows to a side output: [GetSideOutput] of the stream of the results.
func (w Windowed[K, T]) SideOutputLateData(tag OutputTag[T]) Windowed[K, T] {
	w.late = &tag
	return w
}

// TimeWindow is a window: the times, in ms, from Start on and before End. The global window has no bounds: those of int64.
type TimeWindow struct{ Start, End int64 }

// Aggregator folds the rows of a window into an accumulator.
type Aggregator[T, Acc, Out any] struct {
	// Add adds a row; it is given the zero Acc for the first one, and may change the accumulator that it is given.
	Add func(acc Acc, row *T) Acc
	// Merge puts the accumulators of two sessions together that have become one. Only sessions need it.
	Merge func(a, b Acc) Acc
	// Result emits what a window comes to: any number of rows, whose event time is the last ms of the window.
	Result func(c *Context[Out], w TimeWindow, acc Acc) error
}

// Aggregate folds the rows of each window into an accumulator, and calls Result for it whenever the window gives a result.
func Aggregate[K, T, Acc, Out any](w Windowed[K, T], uid string, acc Serializer[Acc], f Aggregator[T, Acc, Out]) Stream[Out] {
	if f.Add == nil || f.Result == nil {
		w.in.job.fail(uid, errors.New("its Aggregator needs Add and Result"))
	}
	if w.windows.kind == sessionWindows && f.Merge == nil {
		w.in.job.fail(uid, errors.New("sessions may become one, so its Aggregator needs Merge"))
	}
	return addWindows[K](w, uid, func(s *Setup) (*entries, contents[T, Out]) {
		s.check(windowsName, acc.invalid())
		e := s.entries(windowsName, append(windowFields(), "acc "+acc.Layout))
		return e, &accumulated[T, Acc, Out]{entries: e, acc: acc, f: f}
	})
}

// Reduce folds the rows of each window two by two, the first one as it is.
func Reduce[K, T any](w Windowed[K, T], uid string, rows Serializer[T], reduce func(a, b T) T) Stream[T] {
	return addWindows[K](w, uid, func(s *Setup) (*entries, contents[T, T]) {
		s.check(windowsName, rows.invalid())
		e := s.entries(windowsName, append(windowFields(), "row "+rows.Layout))
		return e, &reduced[T]{entries: e, rows: rows, reduce: reduce}
	})
}

// Apply keeps all rows of each window, and calls f with them, in the order in which they came, whenever the window gives a result. What
// can be folded takes less memory with Aggregate.
func Apply[K, T, Out any](w Windowed[K, T], uid string, rows Serializer[T], f func(c *Context[Out], w TimeWindow, rows iter.Seq[T]) error) Stream[Out] {
	return addWindows[K](w, uid, func(s *Setup) (*entries, contents[T, Out]) {
		s.check("window-rows", rows.invalid())
		return s.entries(windowsName, append(windowFields(), "rows window")),
			&collectedRows[T, Out]{rows: rows, entries: s.entries("window-rows", []string{"window int64", "place uint64", "row " + rows.Layout}), f: f}
	})
}

// addWindows adds the operator of windows.
func addWindows[K, T, Out any](w Windowed[K, T], uid string, declare func(*Setup) (*entries, contents[T, Out])) Stream[Out] {
	job := w.in.job
	trigger := Trigger{end: w.windows.kind != globalWindows}
	if w.trigger != nil {
		trigger = *w.trigger
	}
	if w.windows.kind == globalWindows {
		w.windows.processing = false // it has no time at all
	}
	err := w.windows.check()
	switch {
	case err != nil:
	case trigger.end && w.windows.kind == globalWindows || !trigger.end && trigger.count == 0:
		err = errors.New("its windows never give a result: they need a Trigger, such as CountTrigger")
	case trigger.count < 0:
		err = fmt.Errorf("a trigger for every %d rows gives no result", trigger.count)
	case w.lateness < 0 || w.lateness%time.Millisecond != 0:
		err = fmt.Errorf("%v is no lateness: it is a whole number of milliseconds, and not negative", w.lateness)
	case (w.windows.processing || w.windows.kind == globalWindows) && (w.lateness > 0 || w.late != nil):
		err = errors.New("only in windows of event time there are late rows")
	}
	if err != nil {
		job.fail(uid, err)
	}
	events := !w.windows.processing && w.windows.kind != globalWindows
	return addProcess[K](job, uid, []graph.Edge{w.in.keyed(0)}, func(s *Setup) declared[Out] {
		o := &windows[T, Out]{of: w.windows, trigger: trigger, events: events, lateness: w.lateness.Milliseconds()}
		if w.windows.kind == fixedWindows && err == nil {
			o.assigner = w.windows.assigner()
		}
		o.state, o.contents = declare(s)
		if w.late != nil {
			side := SideOutput(s, *w.late)
			o.late = &side
		}
		d := declared[Out]{
			name:        "window",
			decidesLate: events,
			fingerprint: []string{"window " + w.windows.String()},
			calls:       func(c *Context[Out]) calls { return &typedCalls[Out]{c: c, inputs: []rowCalls{each(c, o.row)}} },
		}
		switch {
		case w.windows.processing:
			d.timers.processing = o.timer
		case events:
			d.timers.event = o.timer
		}
		if events && w.windows.kind == sessionWindows {
			d.behind = 1
		}
		return d
	})
}
