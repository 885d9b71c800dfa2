package physical

import (
	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/sql/exec"
	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/types"
)

// windowColumns are what a windowing function adds, in this order.
var windowColumns = [...]int{exec.WindowStart, exec.WindowEnd, exec.WindowTime}

// window builds a windowing function that adds its columns to all others.
func (b *builder) window(w *logical.Window, inTime bool) ([]*Node, error) {
	streams, err := b.streams(w.Input, false)
	if err != nil {
		return nil, err
	}
	var layout []int
	schema := &batch.Schema{}
	for i, c := range w.Input.Columns {
		layout = append(layout, i)
		schema.Fields = append(schema.Fields, batch.Field{Name: c.Name, Layout: types.MustLayout(c.Type)})
	}
	for _, k := range windowColumns {
		layout = append(layout, k)
		schema.Fields = append(schema.Fields, exec.WindowField(k))
	}
	return b.assign(w, inTime, streams, layout, schema), nil
}

func (b *builder) assign(w *logical.Window, inTime bool, streams []*Node, layout []int, schema *batch.Schema) []*Node {
	spec := exec.AssignSpec{Window: w.Windowing.Assigner(), KeepLate: !inTime, Out: layout, Schema: schema}
	return b.chain(w.Block, "window", w.Windowing.String(), streams, &Assign{spec})
}

// split divides the columns of a calc above a window of n columns: those to compute before rows are assigned, and the
// layout of the result, as indices of them or window columns. It fails if an expression needs both.
func split(c *logical.Calc, n int) (before []expr.Expr, layout []int, ok bool) {
	ofWindow := func(e expr.Expr) bool {
		found := false
		expr.Walk(e, func(e expr.Expr) bool {
			c, isColumn := e.(*expr.Column)
			found = found || isColumn && c.Index >= n
			return !found
		})
		return found
	}
	for _, f := range c.Filter {
		if ofWindow(f) {
			return nil, nil, false
		}
	}
	for _, e := range c.Out {
		column, isColumn := e.(*expr.Column)
		switch {
		case isColumn && column.Index >= n:
			layout = append(layout, windowColumns[column.Index-n])
		case ofWindow(e):
			return nil, nil, false
		default:
			layout = append(layout, len(before))
			before = append(before, e)
		}
	}
	return before, layout, true
}

// calcBelow does the work of a calc before rows are assigned to windows, and multiplied. If there is none but to choose
// columns, the window does that by itself.
func (b *builder) calcBelow(c *logical.Calc, w *logical.Window, inTime bool, before []expr.Expr, layout []int) ([]*Node, error) {
	streams, err := b.streams(w.Input, false)
	if err != nil {
		return nil, err
	}
	if columns, ok := indices(before); ok && len(c.Filter) == 0 {
		for i, k := range layout {
			if k >= 0 {
				layout[i] = columns[k]
			}
		}
	} else {
		streams = b.project(c, before, exec.Schema(make([]string, len(before)), before), streams)
	}
	return b.assign(w, inTime, streams, layout, exec.Schema(c.Names, c.Out)), nil
}

// indices are the columns that expressions are, if they are nothing else.
func indices(es []expr.Expr) ([]int, bool) {
	out := make([]int, len(es))
	for i, e := range es {
		c, ok := e.(*expr.Column)
		if !ok {
			return nil, false
		}
		out[i] = c.Index
	}
	return out, true
}

// aggregate builds an aggregate: each stream is keyed, and one node takes them all.
func (b *builder) aggregate(a *logical.Aggregate) ([]*Node, error) {
	streams, err := b.streams(a.Input, true)
	if err != nil {
		return nil, err
	}
	keyBy := exec.KeyBySpec{Schema: &batch.Schema{}}
	for i := range a.KeyColumns() {
		keyBy.Keys = append(keyBy.Keys, i)
	}
	for i, c := range a.Arguments() {
		keyBy.Out = append(keyBy.Out, a.Keys+i)
		keyBy.Schema.Fields = append(keyBy.Schema.Fields, batch.Field{Name: c.Origin, Layout: types.MustLayout(c.Type)})
	}
	var node *Node
	if a.Windowing != nil {
		node = windowAggregate(a)
	} else if node, err = b.group(a); err != nil {
		return nil, err
	}
	for _, n := range b.chain(a.Block, "key", "key by", streams, &KeyBy{keyBy}) {
		node.Inputs = append(node.Inputs, Edge{From: n, Keyed: true})
	}
	return []*Node{b.add(node)}, nil
}

// resultSchema has the group columns and the results of an aggregate.
func resultSchema(a *logical.Aggregate) *batch.Schema {
	schema := &batch.Schema{}
	for _, c := range a.KeyColumns() {
		schema.Fields = append(schema.Fields, batch.Field{Name: c.Origin, Layout: types.MustLayout(c.Type)})
	}
	for i, name := range a.CallNames() {
		schema.Fields = append(schema.Fields, batch.Field{Name: name, Layout: types.MustLayout(a.Calls[i].Result)})
	}
	return schema
}

// call is one of an aggregate's calls.
func call(a *logical.Aggregate, c logical.Call) exec.AggregateCall {
	out := exec.AggregateCall{Function: c.Function, Column: c.Arg}
	if c.Arg >= 0 {
		out.Layout = types.MustLayout(a.Arguments()[c.Arg].Type)
	}
	return out
}

// windowAggregate is the node of an aggregate in windows.
func windowAggregate(a *logical.Aggregate) *Node {
	spec := exec.AggregateSpec{Window: a.Windowing.Assigner(), Keys: a.Keys, KeyNames: a.KeyNames(), CallNames: a.CallNames(), Schema: resultSchema(a)}
	for _, c := range a.Calls {
		spec.Calls = append(spec.Calls, call(a, c))
	}
	for _, k := range windowColumns {
		spec.Schema.Fields = append(spec.Schema.Fields, exec.WindowField(k))
	}
	return &Node{UID: a.UID, Name: "aggregate " + a.Windowing.String(), Op: &Aggregate{spec, a}}
}

// group is the node of an aggregate without windows.
func (b *builder) group(a *logical.Aggregate) (*Node, error) {
	changes, err := b.flow.Of(a.Input)
	if err != nil {
		return nil, err
	}
	spec := exec.GroupSpec{Keys: a.Keys, Retracts: changes != logical.Inserts, KeyNames: a.KeyNames(), Schema: resultSchema(a)}
	names := a.CallNames()
	for i, c := range a.Calls {
		g := exec.GroupCall{AggregateCall: call(a, c), Name: names[i], Distinct: c.Distinct}
		if c.Arg >= 0 {
			arg := a.Arguments()[c.Arg]
			g.Argument = arg.Origin + " " + arg.Type.String()
		}
		spec.Calls = append(spec.Calls, g)
	}
	name := "aggregate"
	if len(a.Calls) == 0 {
		name = "distinct"
	}
	return &Node{UID: a.UID, Name: name, Op: &Group{spec, a}}, nil
}
