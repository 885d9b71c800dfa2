package sql

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/sql/exec"
	"github.com/weirstream/weir/engine/sql/physical"
)

// TestEdgesKeepTheirInputs: no text gives an operator of two inputs yet, so the plan is made up.
func TestEdgesKeepTheirInputs(t *testing.T) {
	node := func(uid string, inputs ...physical.Edge) *physical.Node {
		return &physical.Node{UID: uid, Inputs: inputs, Op: &physical.KeyBy{Spec: exec.KeyBySpec{}}}
	}
	a, b, c := node("a"), node("b"), node("c")
	join := node("join", physical.Edge{From: c, Keyed: true}, physical.Edge{From: a, Keyed: true}, physical.Edge{From: b, Input: 1})
	g, err := Compiler{}.lower(&physical.Plan{Nodes: []*physical.Node{a, b, c, join}})
	if err != nil {
		t.Fatal(err)
	}
	want := []graph.Edge{{From: 2, Kind: graph.Keyed}, {From: 0, Kind: graph.Keyed}, {From: 1, Kind: graph.Forward, Input: 1}}
	if diff := cmp.Diff(want, g.Nodes[3].Inputs); diff != "" {
		t.Error(diff)
	}
}
