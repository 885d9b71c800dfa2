package graph_test

import (
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/state"
)

func TestAForwardEdgeNeedsOneParallelism(t *testing.T) {
	var sink connector.Sink = struct{ connector.Sink }{}
	for name, c := range map[string]struct {
		from, to int
		follows  bool
		fits     bool
	}{
		"that of the job":                     {0, 0, false, true},
		"that of the one before":              {3, 0, true, true},
		"the same":                            {3, 3, false, true},
		"another":                             {3, 2, false, false},
		"one of its own, and that of the job": {1, 0, false, false},
	} {
		g := graph.Graph{Nodes: []graph.Node{
			{UID: "in", Source: &graph.Source{}, Parallelism: c.from},
			{UID: "out", Sink: sink, Parallelism: c.to, Follows: c.follows, Inputs: []graph.Edge{{Same: true}}},
		}}
		err := g.Check()
		if (err == nil) != c.fits || err != nil && !strings.Contains(err.Error(), "operator out: rows go forward to it from in, ") {
			t.Errorf("%s: %v, want that it fits: %v", name, err, c.fits)
		}
	}
}

func TestKeyedStateIsReachedByKeyedAndBroadcastEdges(t *testing.T) {
	var sink connector.Sink = struct{ connector.Sink }{}
	for kind, fits := range map[graph.EdgeKind]bool{graph.Keyed: true, graph.Broadcast: true, graph.Forward: false, graph.Rebalance: false} {
		g := graph.Graph{Nodes: []graph.Node{
			{UID: "in", Source: &graph.Source{}},
			{UID: "out", Sink: sink, State: []state.Descriptor{{Name: "n"}}, Fingerprint: "n", Inputs: []graph.Edge{{Kind: graph.Keyed}, {Kind: kind, Input: 1}}},
		}}
		if err := g.Check(); (err == nil) != fits {
			t.Errorf("kind %d: %v, want that it fits: %v", kind, err, fits)
		}
	}
	if graph.Forward.ToAll() || !graph.Broadcast.ToAll() || !graph.Rebalance.ToAll() || !graph.Keyed.ToAll() {
		t.Error("a forward edge alone leads to one subtask")
	}
}
