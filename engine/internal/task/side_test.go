package task_test

import (
	"testing"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/backend/backendtest"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/operator"
)

// divide sends rows with odd numbers to the side output "odd", and the rest on.
type divide struct {
	operator.Stateless
	odd  operator.Output
	rows [2]batch.Rows[row]
	out  batch.Batch
}

func (o *divide) Open(ctx operator.Context) error {
	o.odd = ctx.SideOutput("odd")
	return nil
}

func (o *divide) Process(_ int, b *batch.Batch, out operator.Output) error {
	for i := range o.rows {
		o.rows[i].V = o.rows[i].V[:0]
	}
	for _, r := range b.Data.(*batch.Rows[row]).V {
		o.rows[r.At%2].V = append(o.rows[r.At%2].V, r)
	}
	for i, to := range []operator.Output{out, o.odd} {
		o.out = batch.Batch{Data: &o.rows[i]}
		if err := to.Emit(&o.out); err != nil {
			return err
		}
	}
	return nil
}

// TestTheRowsOfASideOutputGoWhereItsEdgesLead whether they stay in the task or not.
func TestTheRowsOfASideOutputGoWhereItsEdgesLead(t *testing.T) {
	for _, parallelism := range []int{1, 3} {
		n := &numbers{splits: 3, rows: 500, keys: 7}
		even, odd := newCollected(), newCollected()
		g := &graph.Graph{}
		from := g.Add(graph.Node{UID: "numbers", Name: "source", Source: &graph.Source{Source: n}})
		divided := g.Add(graph.Node{UID: "divide", Name: "divide", Inputs: []graph.Edge{{From: from}}, Side: []string{"odd"},
			Operator: func() (operator.Operator, error) { return &divide{}, nil }})
		g.Add(graph.Node{UID: "sink", Name: "sink", Inputs: []graph.Edge{{From: divided}}, Sink: even})
		keyed := g.Add(graph.Node{UID: "key", Name: "keyBy", Inputs: []graph.Edge{{From: divided, Output: "odd"}},
			Operator: func() (operator.Operator, error) { return &keyBy{}, nil }})
		g.Add(graph.Node{UID: "odd", Name: "sink", Inputs: []graph.Edge{{From: keyed, Kind: graph.Keyed}}, Sink: odd})
		d := newDriver(t, backendtest.NewStore(t, nil), g, n.names())
		d.start(parallelism)
		d.finish()
		if even.seen != 750 || odd.seen != 750 || len(d.committed) != 750 {
			t.Errorf("parallelism %d: %d rows came out, and %d of the side output, want 750 of both", parallelism, even.seen, odd.seen)
		}
		for _, r := range d.committed {
			if r.At%2 != 0 {
				t.Fatalf("row %d came out", r.At)
			}
		}
	}
}
