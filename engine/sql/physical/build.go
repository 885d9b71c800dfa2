package physical

import (
	"fmt"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/sql/catalog"
	"github.com/weirstream/weir/engine/sql/exec"
	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
)

// Build decides how a plan is carried out. Run-time errors name the file. An error is a *parser.Error.
func Build(p *logical.Plan, file string) (*Plan, error) {
	b := &builder{file: file, views: map[logical.Op]bool{}, built: map[request][]*Node{}, flow: logical.Flow{}, kinds: map[string]int{}}
	for _, v := range p.Views {
		b.views[v.Op] = true
	}
	sinks := map[*catalog.Table]*Node{}
	var order []*Node
	for _, in := range p.Inserts {
		changes, err := changesOf(b.flow, in)
		if err != nil {
			return nil, err
		}
		b.insert = in.At
		sink := sinks[in.Into]
		if sink == nil {
			sink = &Node{UID: "sink/" + in.Into.Name, Name: "sink " + in.Into.Name, Op: &Sink{Table: in.Into}}
			sinks[in.Into] = sink
			order = append(order, sink)
		}
		if to := sink.Op.(*Sink); to.Changes|changes != to.Changes {
			to.Changes |= changes
			if changes != logical.Inserts {
				to.At = in.At
			}
		}
		streams, err := b.streams(in.Input, false)
		if err != nil {
			return nil, err
		}
		for _, n := range streams {
			sink.Inputs = append(sink.Inputs, Edge{From: n})
		}
	}
	b.plan.Nodes = append(b.plan.Nodes, order...)
	return &b.plan, nil
}

type builder struct {
	file   string
	plan   Plan
	insert parser.Pos // of the INSERT that is being built
	views  map[logical.Op]bool
	flow   logical.Flow
	built  map[request][]*Node // the streams of what is built already, so that a view is computed once
	kinds  map[string]int      // how many nodes of each "block/kind" there are
}

// request is what streams are built for. A view of windows that one query aggregates and another only reads is two things:
// what is late for the one is a row like any other to the other.
type request struct {
	op logical.Op
	// inTime says that late rows are dropped where they are assigned to the windows that the op reads (P4), because an
	// aggregate reads them. Without, a windowing function only adds columns, to late rows too.
	inTime bool
}

// streams returns the nodes whose output together is a relation. inTime is as in request; it means nothing to a relation
// without windows.
func (b *builder) streams(r *logical.Relation, inTime bool) ([]*Node, error) {
	q := request{r.Op, inTime && r.Windowing != nil}
	if n, done := b.built[q]; done {
		return n, nil
	}
	n, err := b.build(q)
	b.built[q] = n
	return n, err
}

func (b *builder) build(q request) ([]*Node, error) {
	switch op := q.op.(type) {
	case *logical.Scan:
		return b.scan(op.Table), nil
	case *logical.Calc:
		return b.calc(op, q.inTime)
	case *logical.Window:
		return b.window(op, q.inTime)
	case *logical.Aggregate:
		return b.aggregate(op)
	case *logical.Join:
		return b.join(op)
	case *logical.TopN:
		return b.topN(op)
	case *logical.Union:
		return b.union(op)
	}
	panic(fmt.Sprintf("a plan with a %T", q.op))
}

func (b *builder) add(n *Node) *Node {
	b.plan.Nodes = append(b.plan.Nodes, n)
	return n
}

// chain adds an operator behind each stream.
func (b *builder) chain(block, kind, name string, inputs []*Node, op Op) []*Node {
	out := make([]*Node, len(inputs))
	for i, in := range inputs {
		out[i] = b.add(&Node{UID: b.uid(block, kind), Name: name, Inputs: []Edge{{From: in}}, Op: op})
	}
	return out
}

// uid numbers the nodes of a kind in a query block (P9).
func (b *builder) uid(block, kind string) string {
	prefix := block + "/" + kind
	b.kinds[prefix]++
	return fmt.Sprintf("%s.%d", prefix, b.kinds[prefix])
}

func (b *builder) scan(t *catalog.Table) []*Node {
	uid := "source/" + t.Name
	streams := []*Node{b.add(&Node{UID: uid, Name: "source " + t.Name, Op: &Source{t}})}
	if t.RowTime < 0 && len(t.Computed) > 0 {
		return b.chain(uid, "computed", "computed columns of "+t.Name, streams, &Computed{t})
	}
	return streams
}

func (b *builder) union(u *logical.Union) ([]*Node, error) {
	var all []*Node
	for _, in := range u.Inputs {
		streams, err := b.streams(in, false)
		if err != nil {
			return nil, err
		}
		if all = append(all, streams...); len(all) > logical.MaxBranches {
			return nil, logical.TooManyBranches(b.insert)
		}
	}
	return all, nil
}

// calc builds a filter and projection, above a windowing function before the rows are multiplied, where that can be.
func (b *builder) calc(c *logical.Calc, inTime bool) ([]*Node, error) {
	if w, ok := c.Input.Op.(*logical.Window); ok && !b.views[w] {
		if before, layout, ok := split(c, len(w.Input.Columns)); ok {
			return b.calcBelow(c, w, inTime, before, layout)
		}
	}
	streams, err := b.streams(c.Input, inTime)
	if err != nil {
		return nil, err
	}
	return b.project(c, c.Out, exec.Schema(c.Names, c.Out), streams), nil
}

func (b *builder) project(c *logical.Calc, out []expr.Expr, schema *batch.Schema, streams []*Node) []*Node {
	name := "project"
	if len(c.Filter) > 0 {
		name = "filter and project"
	}
	return b.chain(c.Block, "calc", name, streams, &Calc{exec.CalcSpec{File: b.file, Filter: c.Filter, Out: out, Schema: schema}})
}
