package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/sql/exec"
	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/parser"
)

// isAggregate says whether a query block groups rows.
func isAggregate(q *parser.Select, items []item) bool {
	if len(q.GroupBy) > 0 {
		return true
	}
	found := false
	for _, it := range items {
		expr.Walk(it.expr, func(e expr.Expr) bool {
			_, ok := e.(*expr.Aggregate)
			found = found || ok
			return !found
		})
	}
	return found
}

// grouping is a window aggregate that is being bound: what its input has to compute, and where the results are.
type grouping struct {
	in    *Relation
	calc  *Calc // the group columns, then the arguments
	keys  map[string]int
	args  map[string]int
	calls map[string]int
	agg   *Aggregate
	// grouped are the window columns that GROUP BY names.
	grouped map[Role]bool
}

// canonical tells expressions over one relation apart.
func canonical(e expr.Expr) string {
	return expr.Format(e, func(c *expr.Column) string { return "#" + strconv.Itoa(c.Index) })
}

func (b *block) aggregate(q *parser.Select, from scope, filter []expr.Expr, items []item) (*Relation, error) {
	if from.Windowing == nil {
		return nil, noWindow(q, items)
	}
	calc := &Calc{Block: b.path, Input: from.Relation, Filter: filter}
	g := &grouping{in: from.Relation, calc: calc, keys: map[string]int{}, args: map[string]int{}, calls: map[string]int{}, grouped: map[Role]bool{}}
	g.agg = &Aggregate{Block: b.path, UID: b.path + "/aggregate.1", Windowing: from.Windowing}
	if q.UID != nil {
		g.agg.UID, g.agg.Named = q.UID.Text, true
	}
	if err := g.bindKeys(q, from); err != nil {
		return nil, err
	}
	for i := range items {
		g.collect(items[i].expr)
	}
	var having expr.Expr
	if q.Having != nil {
		var err error
		if having, err = expr.BindAs(q.Having, batch.Boolean, "the condition of HAVING", from.resolve, true); err != nil {
			return nil, err
		}
		g.collect(having)
	}
	result := g.relation()
	after := make([]item, len(items))
	for i, it := range items {
		e, err := expr.Rewrite(it.expr, g.rewrite(result))
		if err != nil {
			return nil, err
		}
		after[i] = item{e, it.name, it.at}
	}
	var conditions []expr.Expr
	if having != nil {
		e, err := expr.Rewrite(having, g.rewrite(result))
		if err != nil {
			return nil, err
		}
		conditions = conjuncts(e)
	}
	results := make([]expr.Expr, len(after))
	for i, it := range after {
		results[i] = it.expr
	}
	g.agg.Advisory = b.catalog.advisory(g.agg.Input, results, conditions, result)
	return b.project(result, conditions, after)
}

// noWindow refuses a group aggregate, whose results would change with every row.
func noWindow(q *parser.Select, items []item) error {
	at := q.Pos
	if len(q.GroupBy) > 0 {
		at = q.GroupBy[0].At()
	} else {
		for _, it := range slices.Backward(items) {
			expr.Walk(it.expr, func(e expr.Expr) bool {
				if a, ok := e.(*expr.Aggregate); ok {
					at = a.Pos
				}
				return true
			})
		}
	}
	return parser.Unsupported(at, "aggregates without a window (each row would change the results, which takes a changelog)",
		"read FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR)) and add window_start, window_end to GROUP BY")
}

// bindKeys binds GROUP BY: window columns, which the window itself holds, and group columns.
func (g *grouping) bindKeys(q *parser.Select, from scope) error {
	for _, p := range q.GroupBy {
		e, err := expr.Bind(p, from.resolve, false)
		if err != nil {
			return err
		}
		if _, constant := e.(*expr.Literal); constant {
			continue // it is the same in every row, and 1 is no number of a column
		}
		if c, ok := e.(*expr.Column); ok && from.Columns[c.Index].Role >= StartOfWindow {
			g.grouped[from.Columns[c.Index].Role] = true
			continue
		}
		key := canonical(e)
		if _, twice := g.keys[key]; twice {
			continue
		}
		g.keys[key] = len(g.calc.Out)
		g.calc.Out = append(g.calc.Out, e)
		g.agg.KeyNames = append(g.agg.KeyNames, fmt.Sprintf("%s %v", g.in.origin(e), e.Type()))
	}
	g.agg.Keys = len(g.calc.Out)
	for _, need := range [...]struct {
		role Role
		name string
	}{{StartOfWindow, "window_start"}, {EndOfWindow, "window_end"}} {
		if !g.grouped[need.role] {
			at := q.Pos
			if len(q.GroupBy) > 0 {
				at = q.GroupBy[0].At()
			}
			return parser.Unsupported(at, "aggregates over a part of a window", "add "+need.name+" to GROUP BY")
		}
	}
	return nil
}

// collect gives every aggregate of an expression a place; equal ones share it.
func (g *grouping) collect(e expr.Expr) {
	expr.Walk(e, func(e expr.Expr) bool {
		a, ok := e.(*expr.Aggregate)
		if !ok {
			return true
		}
		name := canonical(a)
		if _, known := g.calls[name]; known {
			return false
		}
		g.calls[name] = len(g.agg.Calls)
		call := exec.AggregateCall{Function: a.Function, Column: -1, Type: a.T}
		origin := a.Function + "(*)"
		if a.Arg != nil {
			call.Column, call.Type = g.argument(a.Arg), a.Arg.Type()
			origin = fmt.Sprintf("%s(%s %v)", a.Function, g.in.origin(a.Arg), call.Type)
		}
		g.agg.Calls = append(g.agg.Calls, call)
		g.agg.CallNames = append(g.agg.CallNames, origin)
		return false
	})
}

// argument returns the index, after the group columns, of an argument; equal ones are computed once.
func (g *grouping) argument(e expr.Expr) int {
	name := canonical(e)
	i, known := g.args[name]
	if !known {
		i = len(g.args)
		g.args[name] = i
		g.calc.Out = append(g.calc.Out, e)
	}
	return i
}

// relation returns what the aggregate gives: group columns, results, and the columns of the window.
func (g *grouping) relation() *Relation {
	input := &Relation{Op: g.calc, Windowing: g.in.Windowing}
	for _, e := range g.calc.Out {
		c := g.in.column("", e)
		g.calc.Names = append(g.calc.Names, c.Origin)
		input.Columns = append(input.Columns, c)
	}
	g.agg.Input = input
	out := &Relation{Op: g.agg}
	out.Columns = append(out.Columns, input.Columns[:g.agg.Keys]...)
	for i := range out.Columns {
		out.Columns[i].Role = Plain
	}
	for i, c := range g.agg.Calls {
		out.Columns = append(out.Columns, Column{Type: c.Result(), Origin: g.agg.CallNames[i]})
	}
	w := g.agg.Windowing.String()
	out.Columns = append(out.Columns,
		Column{Name: "window_start", Type: batch.Timestamp, Origin: "window_start of " + w},
		Column{Name: "window_end", Type: batch.Timestamp, Origin: "window_end of " + w},
		Column{Name: "window_time", Type: batch.Timestamp, Origin: "window_time of " + w, Role: RowTime})
	g.agg.Fingerprint = g.fingerprint()
	return out
}

// fingerprint says what the state means (P9).
func (g *grouping) fingerprint() string {
	var lines []string
	for _, k := range g.agg.KeyNames {
		lines = append(lines, "key "+k)
	}
	lines = append(lines, "window "+g.agg.Windowing.String())
	for _, c := range g.agg.CallNames {
		lines = append(lines, "aggregate "+c)
	}
	return strings.Join(lines, "\n")
}

// rewrite replaces what the aggregate computes by columns of its result, and refuses columns that are not grouped.
func (g *grouping) rewrite(result *Relation) func(expr.Expr) (expr.Expr, error) {
	window := len(result.Columns) - 3
	return func(e expr.Expr) (expr.Expr, error) {
		if a, ok := e.(*expr.Aggregate); ok {
			return result.reference(g.agg.Keys+g.calls[canonical(a)], a.Pos), nil
		}
		if _, constant := e.(*expr.Literal); constant {
			return nil, nil
		}
		if k, ok := g.keys[canonical(e)]; ok {
			return result.reference(k, e.At()), nil
		}
		c, ok := e.(*expr.Column)
		if !ok {
			return nil, nil
		}
		if role := g.in.Columns[c.Index].Role; g.grouped[role] {
			return result.reference(window+int(role-StartOfWindow), c.Pos), nil
		}
		return nil, parser.Errorf(c.Pos, "add it to GROUP BY", "the column %s is neither in GROUP BY nor inside an aggregate function", c.Name)
	}
}
