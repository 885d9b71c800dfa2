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
		own         []int          // of the nodes, the source being the first; 0: that of the job
		want        string
	}{
		{"forward edges are chained", 2, [][]graph.Edge{forward(0), forward(1)}, nil, "012"},
		{"a keyed edge parts two tasks", 2, [][]graph.Edge{forward(0), keyed(1), forward(2)}, nil, "01 23"},
		{"a keyed edge with one subtask is chained", 1, [][]graph.Edge{forward(0), keyed(1), forward(2)}, nil, "0123"},
		{"several consumers are chained", 2, [][]graph.Edge{forward(0), forward(0), forward(1)}, nil, "0123"},
		{"several inputs begin a task", 1, [][]graph.Edge{forward(0), forward(0), forward(1, 2), forward(3)}, nil, "012 34"},
		{"other numbers part what is forward", 2, [][]graph.Edge{forward(0), forward(1), forward(2)}, []int{1, 0, 0, 1}, "0 12 3"},
		{"equal numbers chain", 4, [][]graph.Edge{forward(0), forward(1)}, []int{3, 3, 3}, "012"},
		{"a keyed edge from one subtask to one is chained", 3, [][]graph.Edge{keyed(0), keyed(1), forward(2)}, []int{1, 1, 0, 0}, "01 23"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := &graph.Graph{}
			g.Add(source)
			for _, in := range c.inputs {
				g.Add(graph.Node{Inputs: in})
			}
			for i, n := range c.own {
				g.Nodes[i].Parallelism = n
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
