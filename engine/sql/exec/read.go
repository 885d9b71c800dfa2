package exec

import (
	"fmt"
	"strings"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/state"
	"github.com/weirstream/weir/engine/types"
)

// GroupReader reads the state of aggregates out of snapshots, for people. What it returns is valid until the next call.
type GroupReader struct {
	// Keys are the group columns, Results the aggregates, by the names that the snapshot has for them.
	Keys, Results types.Schema
	// Windowed says that a group has a cell in each of its windows.
	Windowed bool

	// results append the values of a cell.
	results     []func(cell []byte, to batch.Vector) error
	cellBytes   int
	key, result *batch.Columns
}

// NewGroupReader returns a reader of a state that [AggregateSpec.Descriptor] has declared, or of the cells of [GroupSpec.States].
func NewGroupReader(d state.Descriptor) (*GroupReader, error) {
	r := &GroupReader{Windowed: d.Kind == state.WindowValue}
	if !r.Windowed && d.Kind != state.Value {
		return nil, fmt.Errorf("a %v has no cells of groups", d.Kind)
	}
	for _, name := range d.Key {
		origin, t, ok := typed(name)
		if !ok {
			return nil, fmt.Errorf("the type of the group column %q is not known", name)
		}
		r.Keys = append(r.Keys, types.Field{Name: origin, Type: t})
	}
	calls, results, err := callsOf(d.Value)
	if err != nil {
		return nil, err
	}
	r.Results = results
	if d.Kind == state.Value {
		r.ofGroups(calls)
	} else {
		r.ofWindows(calls)
	}
	r.key, r.result = batch.NewColumns(r.Keys.Layout()), batch.NewColumns(r.Results.Layout())
	return r, nil
}

func (r *GroupReader) ofWindows(calls []AggregateCall) {
	var accumulators []accumulator
	accumulators, r.cellBytes = layout(calls)
	for _, a := range accumulators {
		r.results = append(r.results, func(cell []byte, to batch.Vector) error {
			a.result(cell, to)
			return nil
		})
	}
}

func (r *GroupReader) ofGroups(calls []AggregateCall) {
	g := &group{layout: groupLayout{cellBytes: rowsBytes}}
	for _, c := range calls {
		g.spec.Calls = append(g.spec.Calls, GroupCall{AggregateCall: c})
		g.layout.at = append(g.layout.at, g.layout.cellBytes)
		g.layout.cellBytes += c.groupBytes()
	}
	r.cellBytes = g.layout.cellBytes
	for i := range calls {
		a := g.accumulator(i)
		r.results = append(r.results, func(cell []byte, to batch.Vector) error { return a.result(groupKey{cell: cell}, to) })
	}
}

// callsOf returns the calls that a snapshot names, and what they give. Their columns are not known.
func callsOf(names []string) (calls []AggregateCall, results types.Schema, err error) {
	for _, name := range names {
		c := AggregateCall{Function: name[:max(0, strings.IndexByte(name, '('))]}
		t := types.BigInt()
		switch c.Function {
		case "COUNT":
		case "SUM", "MIN", "MAX", "AVG":
			_, of, ok := typed(strings.TrimSuffix(name, ")"))
			if t = of; !ok || !t.Is(types.KindInt, types.KindBigInt, types.KindDouble, types.KindDate, types.KindTimestamp) {
				return nil, nil, fmt.Errorf("the type of the aggregate %q is not known", name)
			}
		default:
			return nil, nil, fmt.Errorf("the aggregate %q is not known", name)
		}
		c.Layout = types.MustLayout(t)
		calls = append(calls, c)
		results = append(results, types.Field{Name: name, Type: t})
	}
	return calls, results, nil
}

// CellBytes is the width of a cell.
func (r *GroupReader) CellBytes() int { return r.cellBytes }

// Key returns a row of the group columns.
func (r *GroupReader) Key(key []byte) (*batch.Columns, error) {
	r.key.Reset()
	r.key.N = 1
	return r.key, decodeKey(key, r.key.Cols)
}

// Result returns a row of the aggregates of a cell.
func (r *GroupReader) Result(cell []byte) *batch.Columns {
	r.result.Reset()
	r.result.N = 1
	for i, result := range r.results {
		if err := result(cell, r.result.Cols[i]); err != nil {
			panic(err) // a cell of numbers cannot be wrong
		}
	}
	return r.result
}

// typed divides "<origin> <type>" as fingerprints have it. An origin may hold any text.
func typed(name string) (origin string, t types.Type, ok bool) {
	known := []types.Type{types.Boolean(), types.Int(), types.BigInt(), types.Double(), types.String(), types.Date()}
	for precision := range 4 {
		known = append(known, types.Timestamp(precision))
	}
	for _, t := range known {
		if origin, ok := strings.CutSuffix(name, " "+t.String()); ok {
			return origin, t, true
		}
	}
	return "", types.Type{}, false
}
