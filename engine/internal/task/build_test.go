package task

import (
	"slices"
	"testing"

	"github.com/weirstream/weir/engine/internal/graph"
)

func TestEdgesOfOneInputAreOneToTheOperator(t *testing.T) {
	g := &graph.Graph{Nodes: []graph.Node{{}, {Inputs: []graph.Edge{{Kind: graph.Keyed}, {Kind: graph.Forward}, {Kind: graph.Keyed, Input: 1}}}}}
	b := &builder{graph: g, links: [][]*link{make([]*link, 3), nil}}
	if got, want := b.channels(1, &subtask{parallelism: 3}), []int{0, 0, 0, 0, 1, 1, 1}; !slices.Equal(got, want) {
		t.Errorf("the channels belong to the inputs %v, want %v", got, want)
	}
}

func TestAForwardEdgeLeadsFromEverySubtaskToAsFewAsKeepItsRowsInOrder(t *testing.T) {
	g := &graph.Graph{Nodes: []graph.Node{{}, {Inputs: []graph.Edge{{}}}}}
	for _, c := range []struct {
		from, to int
		want     [][]int // by consumer
	}{
		{2, 2, [][]int{{0}, {1}}},
		{4, 1, [][]int{{0, 1, 2, 3}}},
		{5, 2, [][]int{{0, 2, 4}, {1, 3}}},
		{1, 3, [][]int{{0}, {0}, {0}}},
		{2, 3, [][]int{{0, 1}, {0, 1}, {0, 1}}},
	} {
		b := &builder{graph: g, links: [][]*link{make([]*link, c.from), nil}}
		for to, want := range c.want {
			if got := b.producers(g.Nodes[1].Inputs[0], to, c.to); !slices.Equal(got, want) {
				t.Errorf("from %d to %d: %v send to %d, want %v", c.from, c.to, got, to, want)
			}
		}
	}
}
