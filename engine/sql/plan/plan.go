// Package plan binds the statements of a script to a plan: tables and views by name, columns by alias, types, windows and
// aggregates, and the uids and fingerprints of P9.
//
// A plan is unoptimised on purpose: uids come from the names in the text, so that the same text gives the same uids in
// every version of the engine. The package reads and decides; it makes no operators and opens no connectors. Errors are
// *parser.Error.
package plan

import (
	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/sql/exec"
	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/window"
)

// Plan is a bound script: what each INSERT writes, in the order of the text.
type Plan struct{ Inserts []Insert }

// Insert writes the rows of a relation, which has the physical columns of the table, into it.
type Insert struct {
	At    parser.Pos
	Into  *Table
	Input *Relation
}

// Relation is a stream of rows with named columns. Several relations may share an Op under other names.
type Relation struct {
	Op      Op
	Columns []Column
	// Windowing is set while the rows carry a window that a GROUP BY can use.
	Windowing *Windowing
}

// Column is a column of a relation.
type Column struct {
	// Name is empty for an expression without an alias.
	Name string
	Type batch.Type
	// Origin is the value expanded to columns of tables, for fingerprints: it does not change when an alias does.
	Origin string
	Role   Role
}

// Role says what a column is besides a value.
type Role uint8

// The roles of columns.
const (
	// Plain columns are values only.
	Plain Role = iota
	// RowTime is the time attribute: the event time of the rows.
	RowTime
	// StartOfWindow, EndOfWindow and TimeOfWindow are the columns that a windowing function adds.
	StartOfWindow
	EndOfWindow
	TimeOfWindow
)

// Windowing is what a windowing function did. Views share it: nothing changes it once it is made.
type Windowing struct {
	Function string // TUMBLE or HOP
	Assigner window.Assigner
	// Time is the origin of the time attribute.
	Time string
}

// String is the readable form for fingerprints, such as "TUMBLE(date, 1 h)".
func (w *Windowing) String() string {
	return w.Function + "(" + w.Time + ", " + w.Assigner.String() + ")"
}

// Op computes rows: *Scan, *Calc, *Window, *Aggregate or *Union. An Op that several relations share is computed once.
type Op interface{ op() }

type (
	// Scan reads a table: its physical columns, then its computed ones.
	Scan struct{ Table *Table }
	// Calc filters and projects.
	Calc struct {
		Block  string
		Input  *Relation
		Filter []expr.Expr
		Out    []expr.Expr
		Names  []string // of Out
	}
	// Window assigns rows to windows; it adds window_start, window_end and window_time to the columns of its input.
	Window struct {
		Block     string
		Input     *Relation
		Windowing *Windowing
		// Shared says that it is a view of its own, which several queries may read.
		Shared bool
	}
	// Aggregate groups windowed rows. Its input has the group columns and then the arguments; its own columns are the
	// group columns, the results, window_start, window_end and window_time.
	Aggregate struct {
		Block       string
		UID         string
		Named       bool // the text names the uid with a hint
		Fingerprint string
		Advisory    string
		Input       *Relation
		Windowing   *Windowing
		Keys        int // the number of group columns
		Calls       []exec.AggregateCall
		// KeyNames and CallNames are the origins of both, for people and for the check on restore.
		KeyNames, CallNames []string
	}
	// Union is UNION ALL of relations with equal columns.
	Union struct{ Inputs []*Relation }
)

func (*Scan) op()      {}
func (*Calc) op()      {}
func (*Window) op()    {}
func (*Aggregate) op() {}
func (*Union) op()     {}

// Build binds a parsed script.
func Build(script []parser.Statement) (*Plan, error) {
	c := &catalog{tables: map[string]*Table{}, views: map[string]*Relation{}, inserts: map[string]int{}, provenances: map[Op]provenance{}}
	p := &Plan{}
	for _, s := range script {
		switch s := s.(type) {
		case *parser.CreateTable:
			if err := c.createTable(s); err != nil {
				return nil, err
			}
		case *parser.CreateView:
			if err := c.createView(s); err != nil {
				return nil, err
			}
		case *parser.Drop:
			if c.declared(s.Name) {
				return nil, parser.Unsupported(s.Pos, "DROP "+s.What+" of what the script declares", "remove it, and give each table and view a name of its own")
			}
		case *parser.Insert:
			in, err := c.insert(s)
			if err != nil {
				return nil, err
			}
			p.Inserts = append(p.Inserts, in)
		}
	}
	if len(p.Inserts) == 0 {
		at := parser.Pos{Line: 1, Column: 1}
		if len(script) > 0 {
			at = script[len(script)-1].At()
		}
		return nil, parser.Errorf(at, "add INSERT INTO <table> SELECT ...", "the script inserts nothing into any table")
	}
	return p, nil
}
