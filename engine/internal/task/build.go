package task

import (
	"context"
	"slices"

	"github.com/weirstream/weir/engine/internal/exchange"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/internal/message"
)

// builder wires the subtasks of an execution: first all links and gates, then what connects them.
type builder struct {
	exec   *execution
	ctx    context.Context
	graph  *graph.Graph
	marked []bool             // by node: split watermarks go with the rows that come to it
	links  [][]*link          // by node and subtask
	gates  [][]*exchange.Gate // by node and subtask; nil: the node is chained, or a source
}

func newBuilder(ctx context.Context, e *execution) *builder {
	n := len(e.cfg.Graph.Nodes)
	g := e.cfg.Graph
	return &builder{exec: e, ctx: ctx, graph: g, marked: g.CarrySplitWatermarks(), links: make([][]*link, n), gates: make([][]*exchange.Gate, n)}
}

func (b *builder) build() {
	for _, task := range Plan(b.graph, b.exec.cfg.Parallelism) {
		var limit *pace
		if task.Source {
			limit = newPace(b.graph.Nodes[task.Nodes[0]].Source.RowsPerSecond)
		}
		for i := range task.Parallelism {
			t := b.subtask(task, i, limit)
			b.exec.subtasks = append(b.exec.subtasks, t)
			b.exec.byID[t.id] = t
		}
	}
	for to := range b.graph.Nodes {
		b.connect(to)
	}
}

func (b *builder) subtask(task Task, index int, limit *pace) *subtask {
	t := &subtask{id: message.Subtask{Task: task.Name, Index: index}, index: index, parallelism: task.Parallelism, exec: b.exec, commands: newCommandQueue(), parts: newParts()}
	t.ctx, t.cancel = context.WithCancel(b.ctx)
	for _, n := range task.Nodes {
		s := newLink(t, &b.graph.Nodes[n])
		t.chain = append(t.chain, s)
		b.links[n] = append(b.links[n], s)
	}
	t.current = t.chain[0]
	root := task.Nodes[0]
	if task.Source {
		t.input = newSource(t, &b.graph.Nodes[root], limit)
		return t
	}
	gate := exchange.NewGate(b.channels(root, t), b.exec.cfg.Clock.Now)
	t.input = &consumer{task: t, gate: gate}
	b.gates[root] = append(b.gates[root], gate)
	b.exec.gates = append(b.exec.gates, gate)
	return t
}

// channels returns for each channel of the gate of a subtask of a node the input that it belongs to. Edges of one input are one to
// the operator.
func (b *builder) channels(node int, t *subtask) []int {
	var inputs []int
	for _, edge := range b.graph.Nodes[node].Inputs {
		for range b.producers(edge, t.index, t.parallelism) {
			inputs = append(inputs, edge.Input)
		}
	}
	return inputs
}

// producers are the subtasks that send to one of so many subtasks along an edge, in the order of their channels: all, but for a
// forward edge.
func (b *builder) producers(e graph.Edge, index, parallelism int) (from []int) {
	n := len(b.links[e.From])
	for i := range n {
		if e.Kind.ToAll() || graph.Forwards(i, n, index, parallelism) {
			from = append(from, i)
		}
	}
	return from
}

// connect lets the inputs of a node send to it.
func (b *builder) connect(to int) {
	n := &b.graph.Nodes[to]
	gates := b.gates[to]
	if gates == nil {
		for _, edge := range n.Inputs {
			for i, from := range b.links[edge.From] {
				from.send(edge.Output, b.links[to][i])
			}
		}
		return
	}
	next := make([]int, len(gates)) // the first channel of each gate that nobody sends to yet
	var owners exchange.Owners      // of all keyed edges
	if slices.ContainsFunc(n.Inputs, func(e graph.Edge) bool { return e.Kind == graph.Keyed }) {
		owners = exchange.OwnersOf(len(gates), b.exec.cfg.MaxParallelism)
	}
	for _, edge := range n.Inputs {
		channels := make([][]exchange.Sender, len(b.links[edge.From])) // by producer, in the order of the consumers
		for j, gate := range gates {
			for _, i := range b.producers(edge, j, len(gates)) {
				channels[i] = append(channels[i], gate.Sender(next[j]))
				next[j]++
			}
		}
		for i, from := range b.links[edge.From] {
			var o *exchange.Output
			switch edge.Kind {
			case graph.Keyed:
				o = exchange.NewKeyed(channels[i], owners)
			case graph.Broadcast:
				o = exchange.NewBroadcast(channels[i])
			case graph.Rebalance:
				o = exchange.NewRebalance(channels[i], i)
			default:
				o = exchange.NewForward(channels[i], i)
			}
			if b.marked[to] {
				o.WithSplitWatermarks()
			}
			if b.graph.Encoded {
				o.Encode(edge.Codec)
			}
			from.send(edge.Output, o)
			from.task.outputs = append(from.task.outputs, o)
		}
	}
}
