// Package logical is what a script means: relations that are computed from relations, up to the tables that are read and
// written. Every column knows which columns of tables it comes from, and with that every state knows what it means (P9).
//
// A plan is unoptimised on purpose, and nothing changes it once package bind has made it: uids and fingerprints come from
// the names in the text, so the same text gives the same in every version of the engine. How it is carried out is decided
// in package physical.
package logical

import (
	"slices"

	"github.com/weirstream/weir/engine/sql/catalog"
	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/types"
	"github.com/weirstream/weir/engine/window"
)

// Plan is a bound script.
type Plan struct {
	// Inserts are what is written, in the order of the text.
	Inserts []Insert
	// Views are the relations that have a name of their own. Several queries may read one, which is then computed once.
	Views []*Relation
}

// MaxBranches is how many branches of UNION ALL a query may have, those of its views included: views of UNION ALL upon others
// can double them each time.
const MaxBranches = 1000

// TooManyBranches refuses a query with more than MaxBranches branches.
func TooManyBranches(insert parser.Pos) error {
	return parser.Errorf(insert, "", "the query has more than %d branches of UNION ALL, those of its views included", MaxBranches)
}

// Insert writes the rows of a relation, which has the physical columns of the table, into it.
type Insert struct {
	At    parser.Pos
	Into  *catalog.Table
	Input *Relation
}

// Relation is a stream of rows with named columns. Several relations may share an Op under other names.
type Relation struct {
	Op      Op
	Columns []Column
	// Windowing is set while the rows carry a window that a GROUP BY can use.
	Windowing *Windowing
	// Ranked is set while a column is the number of a row that has no bound yet, which a query around this one may give it.
	Ranked *Ranked
}

// Ranked says which column of a relation is a row's number. The relation is a projection of what numbers the rows.
type Ranked struct {
	Column int
	Of     *Calc
	TopN   *TopN // what Of reads
}

// Column is a column of a relation.
type Column struct {
	// Name is empty for an expression without an alias.
	Name string
	Type types.Type
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
	// WindowStart, WindowEnd and WindowTime are the columns that a windowing function adds.
	WindowStart
	WindowEnd
	WindowTime
)

// Windowing is what a windowing function did. Views share it, so it cannot be changed.
type Windowing struct {
	function string
	assigner window.Assigner
	time     string
}

// NewWindowing describes a windowing function, TUMBLE, HOP or CUMULATE, over the time attribute with the origin time.
func NewWindowing(function string, assigner window.Assigner, time string) *Windowing {
	return &Windowing{function, assigner, time}
}

// Assigner says which windows a row belongs to.
func (w *Windowing) Assigner() window.Assigner { return w.assigner }

// String is the readable form for fingerprints, such as "TUMBLE(date, 1 h)".
func (w *Windowing) String() string {
	return w.function + "(" + w.time + ", " + w.assigner.String() + ")"
}

// Columns are window_start, window_end and window_time, as the windowing function adds them.
func (w *Windowing) Columns() []Column {
	return []Column{
		{Name: "window_start", Type: types.Timestamp(3).NotNull(), Origin: "window_start of " + w.String(), Role: WindowStart},
		{Name: "window_end", Type: types.Timestamp(3).NotNull(), Origin: "window_end of " + w.String(), Role: WindowEnd},
		{Name: "window_time", Type: types.Timestamp(3).NotNull(), Origin: "window_time of " + w.String(), Role: WindowTime},
	}
}

// Op computes rows: *Scan, *Calc, *Window, *Aggregate, *Join, *TopN or *Union. An Op that several relations share is computed once.
type Op interface {
	op()
	// Reads are the relations that it computes rows from.
	Reads() []*Relation
	// Takes is which changes it can take from what it reads.
	Takes() Changes
	// Gives is which changes its own rows may be if those that it reads may be in.
	Gives(in Changes) Changes
	// RowKeys is by what its own rows are told apart if those that it reads are by in, input by input.
	RowKeys(in []Keys) Keys
}

type (
	// Scan reads a table: its physical columns, then its computed ones.
	Scan struct{ Table *catalog.Table }
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
	}
	// Aggregate groups rows. Its input has the group columns and then the arguments; its own columns are the group columns, the
	// results and, if it groups the rows of windows, window_start, window_end and window_time.
	Aggregate struct {
		Block     string
		UID       string
		Named     bool // the text names the uid with a hint
		Advisory  string
		Input     *Relation
		Windowing *Windowing // nil: a group never ends, and its results change with its rows
		Keys      int        // the number of group columns
		Calls     []Call
	}
	// Join gives the pairs of rows of two inputs that match. Its columns are those of the left side and then those of the right
	// side; an input may have more, which its keys need.
	Join struct {
		Block       string
		UID         string
		Named       bool
		Advisory    string
		Kind        JoinKind
		Left, Right JoinSide
		// Condition are what a pair must fulfil besides equal keys, over the columns of the join.
		Condition []expr.Expr
	}
	// TopN numbers the rows of each partition in an order, and gives those up to a number. Its columns are the first ones of the input,
	// and the number.
	TopN struct {
		Block    string
		UID      string
		Named    bool
		Advisory string
		At       parser.Pos // of the function
		Input    *Relation
		// Columns is how many columns of the input the rows have; others are for partitions and order.
		Columns   int
		Partition []int
		Order     []SortColumn
		// Limit is how many rows are given of a partition; 0: no query has said so.
		Limit int64
		// Numbered says that the number is read; else it means nothing.
		Numbered bool
	}
	// Union is UNION ALL of relations with equal columns.
	Union struct{ Inputs []*Relation }
)

func (*Scan) op()      {}
func (*Calc) op()      {}
func (*Window) op()    {}
func (*Aggregate) op() {}
func (*Join) op()      {}
func (*TopN) op()      {}
func (*Union) op()     {}

// SortColumn is a column of an order.
type SortColumn struct {
	Column                int
	Descending, NullsLast bool
}

// PartitionNames are the partition's columns by their origins, with their types.
func (t *TopN) PartitionNames() []string {
	var names []string
	for _, c := range t.Partition {
		names = append(names, t.Input.Columns[c].Origin+" "+t.Input.Columns[c].Type.String())
	}
	return names
}

// OrderNames are the columns of the order by their origins, with their types and how they are ordered.
func (t *TopN) OrderNames() []string {
	var names []string
	for _, o := range t.Order {
		name := t.Input.Columns[o.Column].Origin + " " + t.Input.Columns[o.Column].Type.String()
		if o.Descending {
			name += " DESC"
		}
		if o.NullsLast != o.Descending {
			name += map[bool]string{true: " NULLS LAST", false: " NULLS FIRST"}[o.NullsLast]
		}
		names = append(names, name)
	}
	return names
}

// Rows are the columns that the op gives of its input.
func (t *TopN) Rows() []Column { return t.Input.Columns[:t.Columns] }

// JoinKind says what a join gives.
type JoinKind uint8

// The kinds of joins.
const (
	InnerJoin JoinKind = iota
	LeftJoin           // rows of the left side that match nothing, too
	RightJoin          // those of the right side
	FullJoin           // those of both
	SemiJoin           // rows of the left side that match something, once and alone
	AntiJoin           // those that match nothing
)

// String is the word for fingerprints.
func (k JoinKind) String() string {
	return [...]string{"INNER", "LEFT", "RIGHT", "FULL", "SEMI", "ANTI"}[k]
}

// JoinSide is one side of a join.
type JoinSide struct {
	Input *Relation
	// Columns is how many columns of the input the rows of the join have; others are for keys only.
	Columns int
	// Keys are the columns of the input that must equal those of the other side. NULL equals nothing.
	Keys []int
	// Tables are those that the rows come from.
	Tables []string
}

// Rows are the columns of a side that the join gives.
func (s JoinSide) Rows() []Column { return s.Input.Columns[:s.Columns] }

// Outer says that rows of the side are given too that match nothing.
func (j *Join) Outer(right bool) bool {
	if right {
		return j.Kind == RightJoin || j.Kind == FullJoin
	}
	return j.Kind == LeftJoin || j.Kind == FullJoin
}

// Columns are those of the left side and of the right side. Those of a side that may be missing may be NULL; none is a time attribute:
// rows wait for each other however long.
func (j *Join) Columns() []Column {
	out := slices.Clone(j.Left.Rows())
	if j.Kind < SemiJoin {
		out = append(out, j.Right.Rows()...)
	}
	for i := range out {
		out[i].Role = Plain
		if j.Outer(i < j.Left.Columns) { // of the other side
			out[i].Type = out[i].Type.WithNull(true)
		}
	}
	return out
}

// KeyNames are the pairs of equal columns by their origins, with their types.
func (j *Join) KeyNames() []string {
	names := make([]string, len(j.Left.Keys))
	for i, l := range j.Left.Keys {
		left, right := j.Left.Input.Columns[l], j.Right.Input.Columns[j.Right.Keys[i]]
		names[i] = left.Origin + " = " + right.Origin + " " + left.Type.String()
	}
	return names
}

// RowNames are the columns of a side by their origins, with their types.
func (s JoinSide) RowNames() []string { return Names(s.Rows()) }

// Names are columns by their origins, with their types.
func Names(columns []Column) []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Origin + " " + c.Type.String()
	}
	return names
}

// Call is one aggregate function of an Aggregate.
type Call struct {
	Function string // COUNT, SUM, MIN, MAX, AVG
	Distinct bool   // each value counts once
	// Arg is the place of the argument among those of the Aggregate's input; negative: COUNT(*).
	Arg    int
	Result types.Type
}

// Of returns an expression for column i, as a text at a place names it.
func (r *Relation) Of(i int, at parser.Pos) *expr.Column {
	return &expr.Column{Pos: at, Index: i, Name: r.Columns[i].Name, T: r.Columns[i].Type}
}

// Column describes an expression over the relation as a column of the next one.
func (r *Relation) Column(name string, e expr.Expr) Column {
	out := Column{Name: name, Type: e.Type(), Origin: r.Origin(e)}
	if c, ok := e.(*expr.Column); ok {
		out.Role = r.Columns[c.Index].Role
	}
	return out
}

// Copy returns a relation whose columns can be changed without changing those of another.
func (r *Relation) Copy() *Relation {
	out := *r
	out.Columns = append([]Column(nil), r.Columns...)
	return &out
}

// KeyColumns are the group columns of the input.
func (a *Aggregate) KeyColumns() []Column { return a.Input.Columns[:a.Keys] }

// Arguments are the columns of the input that the calls are over.
func (a *Aggregate) Arguments() []Column { return a.Input.Columns[a.Keys:] }

// Columns are the group columns, the results of the calls, and the window, if there is one: its time is the event time of what it gives.
func (a *Aggregate) Columns() []Column {
	out := append([]Column(nil), a.KeyColumns()...)
	for i := range out {
		out[i].Role = Plain
	}
	names := a.CallNames()
	for i, c := range a.Calls {
		out = append(out, Column{Type: c.Result, Origin: names[i]})
	}
	if a.Windowing == nil {
		return out
	}
	for _, c := range a.Windowing.Columns() {
		if c.Role == WindowTime {
			c.Role = RowTime
		} else {
			c.Role = Plain
		}
		out = append(out, c)
	}
	return out
}

// KeyNames are the origins and types of the group columns, for people and for the check on restore.
func (a *Aggregate) KeyNames() []string {
	var names []string
	for _, c := range a.KeyColumns() {
		names = append(names, c.Origin+" "+c.Type.String())
	}
	return names
}

// CallNames are the calls with the origins and types of their arguments, for people and for the check on restore.
func (a *Aggregate) CallNames() []string {
	names := make([]string, len(a.Calls))
	for i, c := range a.Calls {
		names[i] = c.Function + "(*)"
		if c.Arg >= 0 {
			arg := a.Arguments()[c.Arg]
			distinct := ""
			if c.Distinct {
				distinct = "DISTINCT "
			}
			names[i] = c.Function + "(" + distinct + arg.Origin + " " + arg.Type.String() + ")"
		}
	}
	return names
}
