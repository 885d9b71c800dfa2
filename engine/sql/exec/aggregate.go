package exec

import (
	"fmt"
	"math"
	"slices"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/state"
	"github.com/weirstream/weir/engine/window"
)

// AggregateSpec describes a window aggregate.
type AggregateSpec struct {
	Window window.Assigner
	// Keys is how many group columns the key of a row holds.
	Keys  int
	Calls []AggregateCall
	// State declares the table; CellBytes is set by [AggregateSpec.Descriptor].
	KeyNames, CallNames []string
	// Schema has the group columns, the results, and window_start, window_end and window_time.
	Schema *batch.Schema
}

// Descriptor declares the state: one cell for each key in each window.
func (s AggregateSpec) Descriptor() state.Descriptor {
	_, cellBytes := layout(s.Calls)
	return state.Descriptor{Name: "groups", Kind: state.WindowValue, Key: s.KeyNames, Value: s.CallNames, CellBytes: cellBytes}
}

// Convert returns how the cells of other calls, by their names in a snapshot, become those of s: a call that was there stays what it
// was wherever it stands, one that is new has seen no rows, and one that is gone is left out.
func (s AggregateSpec) Convert(names []string) (state.Conversion, error) {
	earlier, _, err := callsOf(names)
	if err != nil {
		return state.Conversion{}, err
	}
	var parts cellParts
	width := 0
	taken := make([]bool, len(s.Calls))
	for i, c := range earlier {
		to := 0
		for k, now := range s.Calls {
			if s.CallNames[k] == names[i] && !taken[k] {
				taken[k] = true
				parts = append(parts, cellPart{width, width + c.bytes(), to})
				break
			}
			to += now.bytes()
		}
		width += c.bytes()
	}
	return state.Conversion{CellBytes: width, Convert: parts.convert}, nil
}

// cellParts are the parts of an earlier cell that stay.
type cellParts []cellPart

// cellPart are bytes of an earlier cell, and where they go.
type cellPart struct{ from, end, to int }

func (parts cellParts) convert(cell, earlier []byte) {
	for _, p := range parts {
		copy(cell[p.to:], earlier[p.from:p.end])
	}
}

// Aggregate returns the operator that keeps the aggregates of each key in each window, and emits a window when the
// watermark reaches its last moment. A row whose window has been emitted, here or before a restore, is dropped and counted.
func Aggregate(s AggregateSpec) operator.Factory {
	return factory(func() operator.Operator {
		a := &aggregate{spec: s, watermark: math.MinInt64, nextEnd: math.MaxInt64, out: batch.NewColumns(s.Schema)}
		a.accumulators, _ = layout(s.Calls)
		a.emitted = batch.Batch{Data: a.out}
		a.visit = a.visitCell
		return a
	})
}

type aggregate struct {
	spec         AggregateSpec
	ctx          operator.Context
	table        state.Table
	accumulators []accumulator
	// watermark is the highest one acted on; nextEnd is at most the end of the first window that holds a cell.
	watermark, nextEnd int64
	// restored is the highest watermark that was acted on before a restore, in any key group.
	restored int64

	cells [][]byte
	kept  *batch.Batch // rows that are not late, of a batch that has late ones
	sel   []int32

	// What is being emitted.
	emitted batch.Batch
	out     *batch.Columns
	to      operator.Output
	windows []int64
	firing  int64 // the window
	err     error
	visit   func(hash uint64, key, cell []byte) bool
}

func (a *aggregate) Open(ctx operator.Context) error {
	a.ctx = ctx
	t, err := ctx.Table(a.spec.Descriptor())
	if err != nil {
		return fmt.Errorf("open the state of the window aggregate: %w", err)
	}
	a.table, a.restored = t, ctx.MaxRestoredWatermark()
	a.lookAhead()
	return nil
}

func (a *aggregate) Close() error { return nil }

// lookAhead finds the end of the first window that holds a cell.
func (a *aggregate) lookAhead() {
	a.nextEnd = math.MaxInt64
	a.windows = a.table.Windows(a.windows[:0])
	if len(a.windows) > 0 {
		a.nextEnd = a.spec.Window.End(a.windows[0])
	}
}

func (a *aggregate) Process(_ int, b *batch.Batch, _ operator.Output) error {
	if b.Len() == 0 {
		return nil
	}
	earliest := slices.Min(b.Window)
	if a.spec.Window.Over(earliest, max(a.watermark, a.restored)) { // else no row can be late
		if b = a.dropLate(b); b.Len() == 0 {
			return nil
		}
		earliest = slices.Min(b.Window)
	}
	n := b.Len()
	a.nextEnd = min(a.nextEnd, a.spec.Window.End(earliest))
	cols := columnsOf(b).Cols
	a.cells = grow(a.cells, n)
	for from := 0; from < n; {
		end := a.table.Resolve(b, from, a.cells)
		for k, acc := range a.accumulators {
			var arg batch.Vector
			if c := a.spec.Calls[k].Column; c >= 0 {
				arg = cols[c]
			}
			acc.add(a.cells, arg, from, end)
		}
		from = end
	}
	return nil
}

// dropLate returns the rows whose window has not been emitted: the batch itself, or a copy of those rows.
func (a *aggregate) dropLate(b *batch.Batch) *batch.Batch {
	late := 0
	for i, name := range b.Window {
		if a.over(name, b.Hash[i]) {
			late++
		}
	}
	if late == 0 {
		return b
	}
	a.ctx.Late(late)
	a.sel = a.sel[:0]
	for i, name := range b.Window {
		if !a.over(name, b.Hash[i]) {
			a.sel = append(a.sel, int32(i))
		}
	}
	if a.kept == nil {
		a.kept = b.New()
	}
	a.kept.Reset()
	a.kept.AppendSelected(b, a.sel)
	return a.kept
}

func (a *aggregate) over(name int64, hash uint64) bool {
	return a.spec.Window.Over(name, a.watermark) || a.spec.Window.Over(name, a.ctx.RestoredWatermark(hash))
}

func (a *aggregate) Flush(operator.Output) error { return nil }

func (a *aggregate) Watermark(ms int64, out operator.Output) (forward int64, err error) {
	if ms > a.watermark {
		a.watermark = ms
		if ms >= a.nextEnd-1 {
			err = a.fire(ms, out)
		}
	}
	return ms, err
}

// fire emits the windows that are over at ms.
func (a *aggregate) fire(ms int64, out operator.Output) error {
	a.to = out
	a.windows = a.table.Windows(a.windows[:0])
	for _, name := range a.windows {
		if !a.spec.Window.Over(name, ms) {
			break
		}
		a.firing = name
		a.table.Range(name, a.visit)
		if a.err != nil {
			return a.err
		}
		a.table.DropWindow(name)
	}
	if err := a.flush(); err != nil {
		return err
	}
	a.lookAhead()
	return nil
}

// visitCell adds the result of one group to what is emitted.
func (a *aggregate) visitCell(_ uint64, key, cell []byte) bool {
	keys := a.spec.Keys
	if a.err = decodeKey(key, a.out.Cols[:keys]); a.err != nil {
		return false
	}
	for k, acc := range a.accumulators {
		acc.result(cell, a.out.Cols[keys+k])
	}
	end := a.spec.Window.End(a.firing)
	for k, t := range [...]int64{a.spec.Window.Start(a.firing), end, end - 1} {
		a.out.Cols[keys+len(a.accumulators)+k].(*batch.Fixed[int64]).Append(t)
	}
	a.emitted.Time = append(a.emitted.Time, end-1)
	a.out.N++
	if a.out.N >= batch.TargetRows {
		a.err = a.flush()
	}
	return a.err == nil
}

func (a *aggregate) flush() error {
	if a.out.N == 0 {
		return nil
	}
	err := a.to.Emit(&a.emitted)
	a.emitted.Reset()
	return err
}
