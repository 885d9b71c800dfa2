package bind

import (
	"slices"
	"strconv"

	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/types"
)

// isAggregate says whether a query block groups rows.
func isAggregate(q *parser.Select, items []item) bool {
	if len(q.GroupBy) > 0 {
		return true
	}
	return slices.ContainsFunc(items, func(it item) bool { return hasAggregate(it.expr) })
}

// grouping is an aggregate that is being bound: what its input has to compute, and where the results are.
type grouping struct {
	in    *logical.Relation
	calc  *logical.Calc // the group columns, then the arguments
	keys  map[string]int
	args  map[string]int
	calls map[string]int
	agg   *logical.Aggregate
	// grouped are the window columns that GROUP BY names.
	grouped map[logical.Role]bool
}

// canonical tells expressions over one relation apart.
func canonical(e expr.Expr) string {
	return expr.Format(e, func(c *expr.Column) string { return "#" + strconv.Itoa(c.Index) })
}

// aggregate binds a query block that groups rows: first what the state is kept for, GROUP BY and the aggregate functions,
// then what is made of the results.
func (b *block) aggregate(q *parser.Select, from scope, filter []expr.Expr, items []item) (*logical.Relation, error) {
	g := &grouping{
		in:   from.Relation,
		calc: &logical.Calc{Block: b.path, Input: from.Relation, Filter: filter},
		agg:  &logical.Aggregate{Block: b.path, UID: b.path + "/aggregate.1", Windowing: from.Windowing},
		keys: map[string]int{}, args: map[string]int{}, calls: map[string]int{}, grouped: map[logical.Role]bool{},
	}
	if q.UID != nil {
		g.agg.UID, g.agg.Named = q.UID.Text, true
	}
	if err := g.bindKeys(q, from); err != nil {
		return nil, err
	}
	if err := g.checkWindow(q); err != nil {
		return nil, err
	}
	for _, it := range items {
		if err := g.collect(it.expr); err != nil {
			return nil, err
		}
	}
	var having []expr.Expr
	if q.Having != nil {
		condition, err := expr.BindAs(q.Having, types.Boolean(), "the condition of HAVING", from.resolve, true)
		if err != nil {
			return nil, err
		}
		if err := g.collect(condition); err != nil {
			return nil, err
		}
		having = []expr.Expr{condition}
	}
	return b.results(g, items, having)
}

// results makes the select list and HAVING of a grouping from what its aggregate gives.
func (b *block) results(g *grouping, items []item, having []expr.Expr) (*logical.Relation, error) {
	result := g.relation()
	over := g.rewrite(result)
	list := make([]expr.Expr, len(items))
	for i := range items {
		e, err := expr.Rewrite(items[i].expr, over)
		if err != nil {
			return nil, err
		}
		list[i], items[i].expr = e, e
	}
	var conditions []expr.Expr
	for _, condition := range having {
		e, err := expr.Rewrite(condition, over)
		if err != nil {
			return nil, err
		}
		conditions = conjuncts(e)
	}
	g.agg.Advisory = b.advisories.Of(g.agg.Input, list, conditions, result)
	return b.project(result, conditions, items), nil
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
		if c, ok := e.(*expr.Column); ok && from.Windowing != nil && from.Columns[c.Index].Role >= logical.WindowStart {
			g.grouped[from.Columns[c.Index].Role] = true
			continue
		}
		key := canonical(e)
		if _, twice := g.keys[key]; twice {
			continue
		}
		g.keys[key] = len(g.calc.Out)
		g.calc.Out = append(g.calc.Out, e)
	}
	g.agg.Keys = len(g.calc.Out)
	return nil
}

// checkWindow refuses to group by a part of a window.
func (g *grouping) checkWindow(q *parser.Select) error {
	if g.in.Windowing == nil {
		return nil
	}
	for _, need := range [...]struct {
		role logical.Role
		name string
	}{{logical.WindowStart, "window_start"}, {logical.WindowEnd, "window_end"}} {
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
func (g *grouping) collect(e expr.Expr) (err error) {
	expr.Walk(e, func(e expr.Expr) bool {
		a, ok := e.(*expr.Aggregate)
		if !ok {
			return err == nil
		}
		if err == nil && g.in.Windowing != nil {
			err = inWindow(a)
		}
		name := canonical(a)
		if _, known := g.calls[name]; known {
			return false
		}
		g.calls[name] = len(g.agg.Calls)
		call := logical.Call{Function: a.Function, Distinct: a.Distinct, Arg: -1, Result: a.T}
		if a.Arg != nil {
			call.Arg = g.argument(a.Arg)
		}
		g.agg.Calls = append(g.agg.Calls, call)
		return false
	})
	return err
}

// inWindow refuses what a window cannot aggregate.
func inWindow(a *expr.Aggregate) error {
	if a.Distinct {
		return parser.Unsupported(a.Pos, a.Function+"(DISTINCT ...) in a window", "group by the value in a first window, and aggregate its results in a second")
	}
	if least := a.Function == "MIN" || a.Function == "MAX"; least && a.T.Is(types.KindVarChar, types.KindBoolean) {
		return parser.Unsupported(a.Pos, a.Function+" of "+a.T.String()+" in a window", "take it of a number, DATE or TIMESTAMP")
	}
	return nil
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

// relation completes the aggregate with its input, and returns what it gives.
func (g *grouping) relation() *logical.Relation {
	input := &logical.Relation{Op: g.calc, Windowing: g.in.Windowing}
	for _, e := range g.calc.Out {
		c := g.in.Column("", e)
		g.calc.Names = append(g.calc.Names, c.Origin)
		input.Columns = append(input.Columns, c)
	}
	g.agg.Input = input
	return &logical.Relation{Op: g.agg, Columns: g.agg.Columns()}
}

// rewrite replaces what the aggregate computes by columns of its result, and refuses columns that are not grouped.
func (g *grouping) rewrite(result *logical.Relation) func(expr.Expr) (expr.Expr, error) {
	window := len(result.Columns) - 3 // where the columns of the window are, if there is one
	return func(e expr.Expr) (expr.Expr, error) {
		if a, ok := e.(*expr.Aggregate); ok {
			return result.Of(g.agg.Keys+g.calls[canonical(a)], a.Pos), nil
		}
		if _, constant := e.(*expr.Literal); constant {
			return nil, nil
		}
		if k, ok := g.keys[canonical(e)]; ok {
			return result.Of(k, e.At()), nil
		}
		c, ok := e.(*expr.Column)
		if !ok {
			return nil, nil
		}
		if role := g.in.Columns[c.Index].Role; g.grouped[role] {
			return result.Of(window+int(role-logical.WindowStart), c.Pos), nil
		}
		return nil, parser.Errorf(c.Pos, "add it to GROUP BY", "the column %s is neither in GROUP BY nor inside an aggregate function", c.Name)
	}
}

// distinct keeps equal rows once: their columns are a group without aggregates.
func (b *block) distinct(r *logical.Relation, uid *parser.Name, at parser.Pos) (*logical.Relation, error) {
	if err := checkTypes(r.Columns, at); err != nil {
		return nil, err
	}
	input := r.Copy()
	input.Windowing = nil
	agg := &logical.Aggregate{Block: b.path, UID: b.path + "/distinct.1", Input: input, Keys: len(r.Columns)}
	if uid != nil {
		agg.UID, agg.Named = uid.Text, true
	}
	result := &logical.Relation{Op: agg, Columns: agg.Columns()}
	agg.Advisory = b.advisories.Of(input, nil, nil, result)
	return result, nil
}
