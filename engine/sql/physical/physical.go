// Package physical decides how a plan is carried out: which operators there are, in which order, and where rows are keyed.
//
// Every logical op becomes one stream of operators, or several if there is a UNION ALL below it: what follows is then done
// in each branch, up to the next keyed edge or sink, which takes them all as one input. So the split watermarks by which lateness is decided
// (P4) reach every window, no row is handed over from task to task for a union, and a union needs no operator.
//
// The rules here may change from one version to the next, because no state depends on them: what has state keeps the uid
// and the fingerprint that package logical gives it. No connector is opened here.
package physical

import (
	"github.com/weirstream/weir/engine/sql/catalog"
	"github.com/weirstream/weir/engine/sql/exec"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
)

// Plan is what runs. Nodes come after those that they read.
type Plan struct{ Nodes []*Node }

// Node is a source, an operator or a sink.
type Node struct {
	UID    string
	Name   string // for people
	Inputs []Edge
	Op     Op
}

// Edge brings a node rows.
type Edge struct {
	From *Node
	// Keyed edges bring each row to the subtask that owns its key; others hand rows on where they are.
	Keyed bool
	// Input is which input of the operator the rows come to, from 0; those of one input stand together, in the order of the inputs. Edges of
	// one input are a union.
	Input int
}

// Op is *Source, *Computed, *Calc, *Assign, *KeyBy, *Aggregate, *Group, *Join, *TopN or *Sink.
type Op interface{ op() }

type (
	// Source reads a table. Rows have the computed columns too if the table has a time attribute, else the physical ones.
	Source struct{ Table *catalog.Table }
	// Computed adds the computed columns of a table without a time attribute.
	Computed struct{ Table *catalog.Table }
	// Calc filters and projects.
	Calc struct{ Spec exec.CalcSpec }
	// Assign assigns rows to windows.
	Assign struct{ Spec exec.AssignSpec }
	// KeyBy computes the key of each row, before a keyed edge.
	KeyBy struct{ Spec exec.KeyBySpec }
	// Aggregate keeps the results of groups in windows.
	Aggregate struct {
		Spec exec.AggregateSpec
		Of   *logical.Aggregate
	}
	// Group keeps the results of groups that never end.
	Group struct {
		Spec exec.GroupSpec
		Of   *logical.Aggregate
	}
	// Join keeps the rows of two inputs and pairs them.
	Join struct {
		Spec exec.JoinSpec
		Of   *logical.Join
	}
	// TopN keeps the first rows of partitions.
	TopN struct {
		Spec exec.TopNSpec
		Of   *logical.TopN
	}
	// Sink writes a table.
	Sink struct {
		Table *catalog.Table
		// Changes are what the rows may be that are written, and At the INSERT that changes rows, if there is one.
		Changes logical.Changes
		At      parser.Pos
	}
)

func (*Source) op()    {}
func (*Computed) op()  {}
func (*Calc) op()      {}
func (*Assign) op()    {}
func (*KeyBy) op()     {}
func (*Aggregate) op() {}
func (*Group) op()     {}
func (*Join) op()      {}
func (*TopN) op()      {}
func (*Sink) op()      {}
