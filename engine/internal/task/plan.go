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
	// Parallelism is the number of its subtasks: all its nodes have it.
	Parallelism int
}

// Plan chains the nodes of a graph into tasks, in topological order, in a job of a parallelism. A node joins the task of its
// input if it has only one and gets its rows from the subtask of the same index: both have the same parallelism, and the edge is
// forward, or there is one subtask.
func Plan(g *graph.Graph, parallelism int) []Task {
	var tasks []Task
	taskOf := make([]int, len(g.Nodes))
	subtasks := g.Parallelism(parallelism)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if chained(n, subtasks[i], subtasks) {
			taskOf[i] = taskOf[n.Inputs[0].From]
			t := &tasks[taskOf[i]]
			t.Nodes = append(t.Nodes, i)
			continue
		}
		taskOf[i] = len(tasks)
		tasks = append(tasks, Task{Name: n.UID, Nodes: []int{i}, Source: n.Source != nil, Parallelism: subtasks[i]})
	}
	return tasks
}

func chained(n *graph.Node, parallelism int, all []int) bool {
	if len(n.Inputs) != 1 || all[n.Inputs[0].From] != parallelism {
		return false
	}
	return n.Inputs[0].Kind == graph.Forward || parallelism == 1
}
