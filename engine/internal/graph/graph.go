// Package graph is the description of a job that the SDK and SQL build and the runtime runs: nodes with uids, and
// edges. It is data; it starts nothing.
package graph

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/state"
)

// EdgeKind is how rows go from one node to the next.
type EdgeKind uint8

const (
	// Forward hands the rows of subtask i to subtask i; such nodes are chained into one task where they can be. If the nodes differ in
	// parallelism, the rows of one subtask go on to one of fewer subtasks, and are dealt out among more (see [Forwards]).
	Forward EdgeKind = iota
	// Keyed hands each row to the subtask that owns the key group of its hash.
	Keyed
	// Rebalance deals the rows of each subtask out among all subtasks of the next node, whatever the numbers of both are.
	Rebalance
	// Broadcast hands each row to all subtasks of the next node.
	Broadcast
)

// ToAll tells whether a subtask sends to all subtasks of the next node along edges of the kind.
func (k EdgeKind) ToAll() bool { return k != Forward }

// Edge brings a node rows.
type Edge struct {
	From int // index of the upstream node
	Kind EdgeKind
	// Input is which input of the node's operator the rows come to, from 0. Edges of one input are a union: an operator that
	// tells its inputs apart does not see which edge a row took.
	Input int
	// Output is the name of the side output of From that the rows come from; empty: its main output. Watermarks, barriers and the end
	// of input come along every edge.
	Output string
	// Same says of a forward edge that both nodes must have one parallelism.
	Same bool
	// Codec is of the rows; nil: they have no encoding, and do not leave their process.
	Codec batch.Codec
}

// Node is an operator, a source or a sink. Exactly one of Source, Operator and Sink is set.
type Node struct {
	// UID names the node in snapshots; unique, and the same for the same node in every version of the job (P9).
	UID  string
	Name string
	// Inputs are empty for a source, one or more for the rest; those of one input of the operator stand together, in the order
	// of the inputs.
	Inputs []Edge
	// Parallelism is the number of subtasks; 0: that of the job, or with Follows that of the first input. See [Graph.Parallelism].
	Parallelism int
	// Follows says that the node belongs to the one that it reads: what prepares rows for an edge runs where they are.
	Follows bool

	Source *Source
	// Operator makes the operator of one subtask.
	Operator operator.Factory
	Sink     connector.Sink

	// DecidesLate says that the operator decides by the split watermarks of its rows which of them are late (P4): they go with the rows up to it,
	// and no further.
	DecidesLate bool
	// Side names the operator's side outputs: rows of other types than those of its main output, each with edges of its own. One that no
	// edge comes from loses its rows.
	Side []string

	// State lists the keyed states; a node that has any is reached by Keyed edges only, and Broadcast ones.
	State []state.Descriptor
	// OperatorState lists the states of subtasks.
	OperatorState []state.Descriptor
	// Fingerprint says in readable words what the state means; it must be equal on restore (P9). Empty: no state.
	Fingerprint string
	// Convert makes the cells of the node's only state from those that hold other values, by their names in the snapshot, and of
	// equal keys: a value that is there under its name stays what it was, and a new one is zero. The fingerprint has a line
	// "aggregate <name>" for each value. Nil: the values must be equal on restore.
	Convert func(values []string) (state.Conversion, error)
	// Advisory says in readable words which rows are in the state: lines "table <quoted name>", one "rows ...", one
	// "gives ...". It tells nodes of one Path apart, and is compared for nothing else. Empty: the uid is a name.
	Advisory string
	// Path is what the text names of the uid, if the rest is a place among others (see [Path]): such a uid alone moves no
	// state (P9). Empty: all of the uid is a name.
	Path string
}

// Path returns a uid without the parts that only count: the n-th INSERT into a table, the n-th branch of a UNION ALL, the
// n-th operator of its kind. What an edit of the text can turn into one another has one path: w/aggregate.1,
// w.2/aggregate.1 and w/union.1/aggregate.1 have the path w/aggregate.
func Path(uid string) string {
	parts := strings.Split(uid, "/")
	last := len(parts) - 1
	var out []string
	for i, part := range parts {
		counted := ordinal.ReplaceAllString(part, "")
		switch {
		case i == 0 || i == last:
			out = append(out, counted)
		case counted == "union" && part != counted:
		default:
			out = append(out, part)
		}
	}
	return strings.Join(out, "/")
}

var ordinal = regexp.MustCompile(`\.\d+$`)

// Source is a source with what turns its rows into events.
type Source struct {
	connector.Source
	// Connector is its name, for who reads positions in snapshots; empty: a Go program has made the source.
	Connector string
	// RowsPerSecond limits how fast the whole job reads, over all subtasks; 0: as fast as it can. The runtime keeps it,
	// whatever the connector is.
	RowsPerSecond float64
	// Event assigns event time; nil: the source has none, and its watermark stays at its lowest until the input ends.
	Event *EventTime
}

// EventTime says how a source's rows get event time and watermarks.
type EventTime struct {
	// Timestamps makes the operator that is run on every batch the reader fills, before split watermarks are assigned: it must emit exactly
	// one batch for each, with the same rows and Time set. Sources without computed columns set Time in place.
	Timestamps operator.Factory
	// DelayMS is how far the watermark stays behind the highest event time of a split.
	DelayMS int64
	// Idle is how long a source without input holds the watermark back before it counts as idle; 0: for ever.
	Idle time.Duration
}

// Graph is a job: nodes in topological order.
type Graph struct {
	Nodes []Node
	// Encoded: what tasks of one process send each other goes through its encoding, as between processes. It is for tests.
	Encoded bool
}

// Add appends a node and returns its index.
func (g *Graph) Add(n Node) int {
	g.Nodes = append(g.Nodes, n)
	return len(g.Nodes) - 1
}

// Parallelism returns the number of subtasks of each node in a job of a parallelism.
func (g *Graph) Parallelism(job int) []int {
	all := make([]int, len(g.Nodes))
	for i, n := range g.Nodes {
		switch {
		case n.Parallelism > 0:
			all[i] = n.Parallelism
		case n.Follows:
			all[i] = all[n.Inputs[0].From]
		default:
			all[i] = job
		}
	}
	return all
}

// Forwards tells whether a forward edge brings rows of a subtask, one of so many, to a subtask of the next node, which has so many. To
// fewer subtasks all rows of one go to one, so that they stay in order; more of them share the rows of each.
func Forwards(subtask, of, to, ofTo int) bool { return of < ofTo || subtask%ofTo == to }

// sameParallelism tells whether two nodes have as many subtasks whatever the parallelism of the job is.
func (g *Graph) sameParallelism(a, b int) bool {
	for _, job := range []int{1, 2} {
		if all := g.Parallelism(job); all[a] != all[b] {
			return false
		}
	}
	return true
}

// States are all states of the node, in the order in which snapshots describe them.
func (n *Node) States() []state.Descriptor {
	return append(slices.Clip(n.State), n.OperatorState...)
}

// CarrySplitWatermarks says of each node whether the split watermarks of rows have to come to it: it decides by them what is late, or one behind it does.
func (g *Graph) CarrySplitWatermarks() []bool {
	marked := make([]bool, len(g.Nodes))
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := &g.Nodes[i]
		marked[i] = marked[i] || n.DecidesLate
		for _, e := range n.Inputs {
			// What a node with split watermarks emits is in time.
			if from := &g.Nodes[e.From]; marked[i] && !from.DecidesLate {
				marked[e.From] = true
			}
		}
	}
	return marked
}

// Check tells what is wrong with the graph, if anything.
func (g *Graph) Check() error {
	if len(g.Nodes) == 0 {
		return fmt.Errorf("the job has no operators")
	}
	seen := map[string]bool{}
	read := make([]bool, len(g.Nodes))
	for i, n := range g.Nodes {
		if n.UID == "" {
			return fmt.Errorf("operator %q has no uid", n.Name)
		}
		if seen[n.UID] {
			return fmt.Errorf("uid %q is used twice; give one of the operators another", n.UID)
		}
		seen[n.UID] = true
		if err := n.check(i); err != nil {
			return fmt.Errorf("operator %s: %w", n.UID, err)
		}
		for _, e := range n.Inputs {
			read[e.From] = true
			if from := &g.Nodes[e.From]; e.Output != "" && !slices.Contains(from.Side, e.Output) {
				return fmt.Errorf("operator %s: operator %s has no side output %q", n.UID, from.UID, e.Output)
			}
		}
	}
	for i, n := range g.Nodes {
		if !read[i] && n.Sink == nil {
			return fmt.Errorf("the output of operator %s goes nowhere", n.UID)
		}
		for _, e := range n.Inputs {
			if e.Same && !g.sameParallelism(e.From, i) {
				return fmt.Errorf("operator %s: rows go forward to it from %s, which need not have as many subtasks: give both the same parallelism, or none",
					n.UID, g.Nodes[e.From].UID)
			}
		}
	}
	return nil
}

func (n *Node) check(index int) error {
	kinds := 0
	for _, set := range []bool{n.Source != nil, n.Operator != nil, n.Sink != nil} {
		if set {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return fmt.Errorf("it must be exactly one of source, operator and sink")
	case n.Source != nil && len(n.Inputs) > 0:
		return fmt.Errorf("a source has no inputs")
	case n.Source != nil && !(n.Source.RowsPerSecond >= 0):
		return fmt.Errorf("%v rows per second is no rate; 0 is no limit", n.Source.RowsPerSecond)
	case n.Source == nil && len(n.Inputs) == 0:
		return fmt.Errorf("it has no input")
	case n.Parallelism < 0:
		return fmt.Errorf("its parallelism is %d, which is not positive", n.Parallelism)
	case n.Parallelism == 0 && n.Follows && n.Source != nil:
		return fmt.Errorf("a source follows no other")
	case len(n.Side) > 0 && n.Operator == nil:
		return fmt.Errorf("only an operator has side outputs")
	case len(n.States()) > 0 && n.Fingerprint == "":
		return fmt.Errorf("it has state but no fingerprint")
	}
	next := 0 // the input that may follow
	for i, e := range n.Inputs {
		if same := i > 0 && e.Input == next-1; !same && e.Input != next {
			return fmt.Errorf("an edge of input %d stands where one of input %d is due", e.Input, next)
		}
		next = e.Input + 1
		if e.From < 0 || e.From >= index {
			return fmt.Errorf("input %d does not come before it", e.From)
		}
		if len(n.State) > 0 && e.Kind != Keyed && e.Kind != Broadcast {
			return fmt.Errorf("it has keyed state, but an input is not keyed")
		}
	}
	return nil
}

// Leaves tells whether rows may have to leave their process on an edge to a node: it is no link of a chain, at every parallelism of the
// job.
func (g *Graph) Leaves(e Edge, to int) bool {
	subtasks := g.Parallelism(0)
	return e.Kind != Forward || len(g.Nodes[to].Inputs) > 1 || subtasks[e.From] != subtasks[to]
}

// Empty returns an empty batch of the kind that the payload describes; it is what exchanges recycle.
func Empty(p batch.Payload) *batch.Batch { return batch.Of(p.New()) }
