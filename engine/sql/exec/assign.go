package exec

import (
	"math"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/window"
)

// Columns that [Assign] can add, as negative indices.
const (
	WindowStart = -1 - iota
	WindowEnd
	WindowTime // end - 1 ms, the event time of what a window emits
)

// WindowField returns the field of such a column, as Flink names it.
func WindowField(column int) batch.Field {
	name := map[int]string{WindowStart: "window_start", WindowEnd: "window_end", WindowTime: "window_time"}[column]
	return batch.Field{Name: name, Layout: batch.Int64}
}

// AssignSpec describes a windowing table-valued function.
type AssignSpec struct {
	Window window.Assigner
	// KeepLate lets rows into windows that are over, for windows that nobody aggregates.
	KeepLate bool
	// Out are the columns of the result: indices of input columns, or WindowStart, WindowEnd, WindowTime.
	Out    []int
	Schema *batch.Schema
}

// Assign returns the operator that assigns rows to windows by their event time, once for each window. It decides lateness
// (P4): a row does not enter a window that is over at the row's split watermark; one that enters none is dropped and counted. Rows
// without split watermarks come from a window aggregate, which emits them in time.
func Assign(s AssignSpec) operator.Factory {
	return factory(func() operator.Operator {
		a := &assign{spec: s, view: newView(s.Schema)}
		for _, c := range s.Out {
			if c < 0 {
				a.added = append(a.added, &batch.Fixed[int64]{})
			}
		}
		return a
	})
}

type assign struct {
	operator.Stateless
	spec    AssignSpec
	ctx     operator.Context
	view    view
	added   []*batch.Fixed[int64] // one for each window column of Out
	sel     []int32
	time    []int64
	windows []int64 // by name, of the rows that are handed on
}

func (a *assign) Open(ctx operator.Context) error {
	a.ctx = ctx
	return nil
}

func (a *assign) Process(_ int, b *batch.Batch, out operator.Output) error {
	if len(b.Time) != b.Len() {
		panic("rows without event time reached a window")
	}
	marks := b.SplitWatermark
	if a.spec.KeepLate {
		marks = nil
	}
	if a.spec.Window.Tumbling() {
		return a.tumble(b, marks, out)
	}
	a.sel, a.windows = a.sel[:0], a.windows[:0]
	if err := a.overlap(b, marks, out); err != nil {
		return err
	}
	return a.emit(b, len(a.sel), false, out)
}

func (a *assign) count(late int) {
	if late > 0 {
		a.ctx.Late(late)
	}
}

// tumble hands on the rows that are not late, with their windows.
func (a *assign) tumble(b *batch.Batch, marks []int64, out operator.Output) error {
	w, n := a.spec.Window, len(b.Time)
	a.windows = grow(a.windows, n)
	starts := a.windows           // which are the names of tumbling windows
	start := int64(math.MaxInt64) // of the last row's window: the next row is often in the same, which spares a division
	for i, t := range b.Time {
		if t < start || t >= start+w.SizeMS {
			start = w.Last(t)
		}
		starts[i] = start
	}
	late := 0
	if len(marks) > 0 {
		for i, mark := range marks[:n] {
			if w.Over(starts[i], mark) {
				late++
			}
		}
	}
	if late == 0 {
		return a.emit(b, n, true, out)
	}
	a.count(late)
	a.sel = a.sel[:0]
	for i, mark := range marks {
		if !w.Over(starts[i], mark) {
			starts[len(a.sel)] = starts[i]
			a.sel = append(a.sel, int32(i))
		}
	}
	a.windows = starts[:len(a.sel)]
	return a.emit(b, len(a.sel), false, out)
}

// overlap selects each row once for each of its windows. It hands rows on in between: what multiplies must stay bounded.
func (a *assign) overlap(b *batch.Batch, marks []int64, out operator.Output) error {
	late := 0
	for i, t := range b.Time {
		mark := int64(math.MinInt64)
		if len(marks) > 0 {
			mark = marks[i]
		}
		before := len(a.windows)
		a.windows = a.spec.Window.Append(a.windows, t, mark)
		if len(a.windows) == before {
			late++
		}
		for range len(a.windows) - before {
			a.sel = append(a.sel, int32(i))
		}
		if len(a.sel) >= 4*batch.TargetRows {
			if err := a.emit(b, len(a.sel), false, out); err != nil {
				return err
			}
		}
	}
	a.count(late)
	return nil
}

// emit hands on the n rows that have windows: all rows, once each, if whole is set, else those selected so far.
func (a *assign) emit(b *batch.Batch, n int, whole bool, out operator.Output) error {
	if n == 0 {
		return nil
	}
	in := columnsOf(b)
	added := a.added
	for k, c := range a.spec.Out {
		switch {
		case c < 0:
			a.fill(added[0], c)
			a.view.alias(k, added[0])
			added = added[1:]
		case whole:
			a.view.alias(k, in.Cols[c])
		default:
			a.view.gather(k, in.Cols[c], a.sel)
		}
	}
	a.view.cols.N = n
	o := &a.view.out
	o.Window, o.Time = a.windows, b.Time
	if !whole {
		a.time = gather(a.time, b.Time, a.sel)
		o.Time = a.time
	}
	err := out.Emit(o)
	if !whole {
		err = operator.Selected(err, a.sel)
	}
	a.sel, a.windows = a.sel[:0], a.windows[:0]
	return err
}

// fill computes a window column from the names of the windows.
func (a *assign) fill(v *batch.Fixed[int64], column int) {
	w := a.spec.Window
	v.Reset()
	switch column {
	case WindowStart:
		for _, name := range a.windows {
			v.V = append(v.V, w.Start(name))
		}
	case WindowEnd:
		for _, name := range a.windows {
			v.V = append(v.V, w.End(name))
		}
	case WindowTime:
		for _, name := range a.windows {
			v.V = append(v.V, w.End(name)-1)
		}
	}
}
