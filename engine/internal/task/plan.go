package task

import "github.com/weirstream/weir/engine/internal/graph"

// Task is a set of nodes that run as one: a tree whose root is a source or a node that reads from other tasks.
type Task struct {
	// Name is the uid of the root.
	Name string
	// Nodes are indexes into the graph, in topological order, the root first.
	Nodes []int
	// Source says that the root is a source.
	Source bool
}

// Plan chains the nodes of a graph into tasks, in topological order. A node joins the task of its input if it has only
// one and gets its rows from the subtask of the same index; with parallelism 1 a keyed edge is such an input too.
func Plan(g *graph.Graph, parallelism int) []Task {
	var tasks []Task
	taskOf := make([]int, len(g.Nodes))
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if chained(n, parallelism) {
			taskOf[i] = taskOf[n.Inputs[0].From]
			t := &tasks[taskOf[i]]
			t.Nodes = append(t.Nodes, i)
			continue
		}
		taskOf[i] = len(tasks)
		tasks = append(tasks, Task{Name: n.UID, Nodes: []int{i}, Source: n.Source != nil})
	}
	return tasks
}

func chained(n *graph.Node, parallelism int) bool {
	return len(n.Inputs) == 1 && (n.Inputs[0].Kind == graph.Forward || parallelism == 1)
}
