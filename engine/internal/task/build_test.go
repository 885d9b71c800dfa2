package task

import (
	"slices"
	"testing"

	"github.com/weirstream/weir/engine/internal/graph"
)

func TestEdgesOfOneInputAreOneToTheOperator(t *testing.T) {
	g := &graph.Graph{Nodes: []graph.Node{{Inputs: []graph.Edge{{Kind: graph.Keyed}, {Kind: graph.Forward}, {Kind: graph.Keyed, Input: 1}}}}}
	b := &builder{graph: g, exec: &execution{cfg: &Config{Parallelism: 3}}}
	if got, want := b.channels(0), []int{0, 0, 0, 0, 1, 1, 1}; !slices.Equal(got, want) {
		t.Errorf("the channels belong to the inputs %v, want %v", got, want)
	}
}
