package sql

import (
	"fmt"
	"time"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/sql/exec"
	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/sql/plan"
	"github.com/weirstream/weir/engine/state"
)

// lowering makes the nodes of a plan. Every Op gives one stream of rows, or several if there is a UNION ALL below it: what
// follows is then done in each branch, up to the next keyed edge or sink, which takes them all. So the marks by which
// lateness is decided (P4) reach every window, and a union needs no operator.
type lowering struct {
	compiler Compiler
	insert   parser.Pos // of the INSERT that is being lowered
	graph    *graph.Graph
	nodes    map[lowered][]int // the streams of what is lowered already, so that a view is computed once
	kinds    map[string]int    // how many nodes of each "block/kind" there are
	sinks    map[*plan.Table]*sink
}

// lowered is what a plan's Op is lowered for. A view of windows that one query aggregates and another only reads is two
// things: what is late for the one is a row like any other to the other.
type lowered struct {
	op plan.Op
	// inTime says that late rows are dropped where they are assigned to the windows that the op reads (P4), because an
	// aggregate reads them. Without, a windowing function only adds columns, to late rows too.
	inTime bool
}

// maxBranches is how many streams may be read together: views of UNION ALL upon others can double them each time.
const maxBranches = 1000

type sink struct {
	table  *plan.Table
	sink   connector.Sink
	inputs []graph.Edge
}

func (l *lowering) plan(p *plan.Plan) error {
	var order []*sink
	for _, in := range p.Inserts {
		l.insert = in.At
		s := l.sinks[in.Into]
		if s == nil {
			var err error
			if s, err = l.sink(in.Into); err != nil {
				return err
			}
			l.sinks[in.Into] = s
			order = append(order, s)
		}
		streams, err := l.streams(in.Input, false)
		if err != nil {
			return err
		}
		for _, n := range streams {
			s.inputs = append(s.inputs, graph.Edge{From: n, Kind: graph.Forward})
		}
	}
	for _, s := range order {
		l.graph.Add(graph.Node{UID: "sink/" + s.table.Name, Name: "sink " + s.table.Name, Inputs: s.inputs, Sink: s.sink})
	}
	return nil
}

func (l *lowering) sink(t *plan.Table) (*sink, error) {
	name, spec, err := l.compiler.spec(t)
	if err != nil {
		return nil, err
	}
	spec.Options.Allow(optionIdle, exec.OptionOnNull)
	k, err := l.compiler.Connectors.Sink(name, spec)
	if err != nil {
		return nil, err
	}
	return &sink{table: t, sink: k}, spec.Options.Check()
}

// streams returns the nodes whose output together is a relation. inTime is as in lowered; it means nothing to a relation
// without windows.
func (l *lowering) streams(r *plan.Relation, inTime bool) ([]int, error) {
	of := lowered{r.Op, inTime && r.Windowing != nil}
	if n, done := l.nodes[of]; done {
		return n, nil
	}
	n, err := l.lower(of)
	l.nodes[of] = n
	return n, err
}

func (l *lowering) lower(of lowered) ([]int, error) {
	switch op := of.op.(type) {
	case *plan.Scan:
		return l.scan(op.Table)
	case *plan.Calc:
		return l.calc(op, of.inTime)
	case *plan.Window:
		return l.window(op, of.inTime)
	case *plan.Aggregate:
		return l.aggregate(op)
	case *plan.Union:
		var all []int
		for _, in := range op.Inputs {
			streams, err := l.streams(in, false)
			if err != nil {
				return nil, err
			}
			if all = append(all, streams...); len(all) > maxBranches {
				return nil, parser.Errorf(l.insert, "", "the query has more than %d branches of UNION ALL, those of its views included", maxBranches)
			}
		}
		return all, nil
	}
	panic(fmt.Sprintf("a plan with a %T", of.op))
}

// chain adds an operator behind each stream.
func (l *lowering) chain(block, kind, name string, inputs []int, f operator.Factory) []int {
	out := make([]int, len(inputs))
	for i, in := range inputs {
		out[i] = l.graph.Add(graph.Node{
			UID:      l.uid(block, kind),
			Name:     name,
			Inputs:   []graph.Edge{{From: in, Kind: graph.Forward}},
			Operator: f,
		})
	}
	return out
}

// uid numbers the nodes of a kind in a query block (P9).
func (l *lowering) uid(block, kind string) string {
	prefix := block + "/" + kind
	l.kinds[prefix]++
	return fmt.Sprintf("%s.%d", prefix, l.kinds[prefix])
}

func (l *lowering) scan(t *plan.Table) ([]int, error) {
	name, spec, err := l.compiler.spec(t)
	if err != nil {
		return nil, err
	}
	idle, err := spec.Options.Duration(optionIdle, 0)
	if err != nil {
		return nil, err
	}
	onNull, err := spec.Options.OneOf(exec.OptionOnNull, "fail", "skip")
	if err != nil {
		return nil, err
	}
	s, err := l.compiler.Connectors.Source(name, spec)
	if err != nil {
		return nil, err
	}
	if err := spec.Options.Check(); err != nil {
		return nil, err
	}
	uid := "source/" + t.Name
	node := graph.Node{UID: uid, Name: "source " + t.Name, Source: &graph.Source{Source: s}, Fingerprint: sourceFingerprint(t)}
	stage := exec.Stage(exec.StageSpec{
		File: l.compiler.File, Computed: t.Computed, Schema: t.Schema(), RowTime: t.RowTime, SkipNull: onNull == "skip", Table: t.Name, Place: l.compiler.at(t.WatermarkAt),
	})
	if t.RowTime >= 0 {
		node.Source.Event = &graph.EventTime{Stage: stage, DelayMS: t.DelayMS, Idle: idle.Round(time.Millisecond)}
	}
	streams := []int{l.graph.Add(node)}
	if t.RowTime < 0 && len(t.Computed) > 0 {
		return l.chain(uid, "computed", "computed columns of "+t.Name, streams, stage), nil
	}
	return streams, nil
}

// sourceFingerprint says where a table's rows come from: positions in one place mean nothing in another (P9).
func sourceFingerprint(t *plan.Table) string {
	s := ""
	for _, key := range [...]string{optionConnector, "path", "topic"} {
		if v, ok := t.Option(key); ok {
			s += key + " " + v + "\n"
		}
	}
	return s[:len(s)-1]
}

// window lowers a windowing function that adds its columns to all others.
func (l *lowering) window(w *plan.Window, inTime bool) ([]int, error) {
	streams, err := l.streams(w.Input, false)
	if err != nil {
		return nil, err
	}
	var layout []int
	schema := &batch.Schema{}
	for i, c := range w.Input.Columns {
		layout = append(layout, i)
		schema.Fields = append(schema.Fields, batch.Field{Name: c.Name, Type: c.Type})
	}
	for _, k := range [...]int{exec.WindowStart, exec.WindowEnd, exec.WindowTime} {
		layout = append(layout, k)
		schema.Fields = append(schema.Fields, exec.WindowField(k))
	}
	return l.assign(w, inTime, streams, layout, schema), nil
}

func (l *lowering) assign(w *plan.Window, inTime bool, streams, layout []int, schema *batch.Schema) []int {
	spec := exec.AssignSpec{Window: w.Windowing.Assigner, KeepLate: !inTime, Out: layout, Schema: schema}
	return l.chain(w.Block, "window", w.Windowing.String(), streams, exec.Assign(spec))
}

// calc lowers a filter and projection. Above a windowing function it does its work before rows are multiplied, if no
// expression needs the columns of the window.
func (l *lowering) calc(c *plan.Calc, inTime bool) ([]int, error) {
	input := c.Input
	w, above := input.Op.(*plan.Window)
	var before []expr.Expr
	var layout []int
	if above && w.Shared {
		above = false
	} else if above {
		before, layout, above = split(c, len(w.Input.Columns))
	}
	if above {
		input = w.Input
	}
	streams, err := l.streams(input, inTime)
	if err != nil {
		return nil, err
	}
	schema := exec.Schema(c.Names, c.Out)
	if !above {
		return l.project(c, c.Out, schema, streams), nil
	}
	if len(c.Filter) == 0 && onlyColumns(before) {
		for i, k := range layout {
			if k >= 0 {
				layout[i] = before[k].(*expr.Column).Index
			}
		}
	} else {
		streams = l.project(c, before, exec.Schema(make([]string, len(before)), before), streams)
	}
	return l.assign(w, inTime, streams, layout, schema), nil
}

func (l *lowering) project(c *plan.Calc, out []expr.Expr, schema *batch.Schema, streams []int) []int {
	name := "project"
	if len(c.Filter) > 0 {
		name = "filter and project"
	}
	spec := exec.CalcSpec{File: l.compiler.File, Filter: c.Filter, Out: out, Schema: schema}
	return l.chain(c.Block, "calc", name, streams, exec.Calc(spec))
}

// split divides the columns of a calc above a window of n columns: those to compute before rows are assigned, and the
// layout of the result, as indices of them or window columns. It fails if an expression needs both.
func split(c *plan.Calc, n int) (before []expr.Expr, layout []int, ok bool) {
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
			layout = append(layout, exec.WindowStart-(column.Index-n))
		case ofWindow(e):
			return nil, nil, false
		default:
			layout = append(layout, len(before))
			before = append(before, e)
		}
	}
	return before, layout, true
}

func onlyColumns(es []expr.Expr) bool {
	for _, e := range es {
		if _, ok := e.(*expr.Column); !ok {
			return false
		}
	}
	return true
}

// aggregate lowers a window aggregate: each stream is keyed, and one node takes them all.
func (l *lowering) aggregate(a *plan.Aggregate) ([]int, error) {
	streams, err := l.streams(a.Input, true)
	if err != nil {
		return nil, err
	}
	keyBy := exec.KeyBySpec{Schema: &batch.Schema{}}
	spec := exec.AggregateSpec{Window: a.Windowing.Assigner, Calls: a.Calls, KeyNames: a.KeyNames, CallNames: a.CallNames, Schema: &batch.Schema{}}
	for i, c := range a.Input.Columns {
		f := batch.Field{Name: c.Origin, Type: c.Type}
		if i < a.Keys {
			keyBy.Keys = append(keyBy.Keys, i)
			spec.Keys = append(spec.Keys, c.Type)
			spec.Schema.Fields = append(spec.Schema.Fields, f)
		} else {
			keyBy.Out = append(keyBy.Out, i)
			keyBy.Schema.Fields = append(keyBy.Schema.Fields, f)
		}
	}
	for i, c := range a.Calls {
		spec.Schema.Fields = append(spec.Schema.Fields, batch.Field{Name: a.CallNames[i], Type: c.Result()})
	}
	for _, k := range [...]int{exec.WindowStart, exec.WindowEnd, exec.WindowTime} {
		spec.Schema.Fields = append(spec.Schema.Fields, exec.WindowField(k))
	}
	node := graph.Node{UID: a.UID, Name: "aggregate " + a.Windowing.String(), Operator: exec.Aggregate(spec),
		State: []state.Descriptor{spec.Descriptor()}, Fingerprint: a.Fingerprint, Advisory: a.Advisory}
	if !a.Named {
		node.Path = graph.Path(a.UID)
	}
	for _, n := range l.chain(a.Block, "key", "key by", streams, exec.KeyBy(keyBy)) {
		node.Inputs = append(node.Inputs, graph.Edge{From: n, Kind: graph.Keyed})
	}
	return []int{l.graph.Add(node)}, nil
}
