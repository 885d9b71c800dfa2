package task_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/task"
)

func TestPlanChainsWhatCanBeAFunctionCall(t *testing.T) {
	forward := func(from ...int) []graph.Edge {
		var edges []graph.Edge
		for _, f := range from {
			edges = append(edges, graph.Edge{From: f})
		}
		return edges
	}
	keyed := func(from int) []graph.Edge { return []graph.Edge{{From: from, Kind: graph.Keyed}} }
	source := graph.Node{Source: &graph.Source{}}
	for _, c := range []struct {
		name        string
		parallelism int
		inputs      [][]graph.Edge // of the nodes after the source
		want        string
	}{
		{"forward edges are chained", 2, [][]graph.Edge{forward(0), forward(1)}, "012"},
		{"a keyed edge parts two tasks", 2, [][]graph.Edge{forward(0), keyed(1), forward(2)}, "01 23"},
		{"a keyed edge with one subtask is chained", 1, [][]graph.Edge{forward(0), keyed(1), forward(2)}, "0123"},
		{"several consumers are chained", 2, [][]graph.Edge{forward(0), forward(0), forward(1)}, "0123"},
		{"several inputs begin a task", 1, [][]graph.Edge{forward(0), forward(0), forward(1, 2), forward(3)}, "012 34"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := &graph.Graph{}
			g.Add(source)
			for _, in := range c.inputs {
				g.Add(graph.Node{Inputs: in})
			}
			var got []string
			for _, tk := range task.Plan(g, c.parallelism) {
				got = append(got, strings.Trim(strings.ReplaceAll(fmt.Sprint(tk.Nodes), " ", ""), "[]"))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("tasks are %q, want %q", strings.Join(got, " "), c.want)
			}
		})
	}
}
