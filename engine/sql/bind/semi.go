package bind

import (
	"fmt"

	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/types"
)

// subquery is x IN (SELECT ...), or [NOT] EXISTS (SELECT ...).
type subquery struct {
	at    parser.Pos
	x     parser.Expr // nil: EXISTS
	query parser.Query
	not   bool
}

// divide splits WHERE at its ANDs into conditions on rows and subqueries.
func divide(where parser.Expr) (rows []parser.Expr, subqueries []subquery, err error) {
	switch e := where.(type) {
	case nil:
	case *parser.Logical:
		if e.Op != "AND" {
			return []parser.Expr{e}, nil, nil
		}
		for _, a := range e.Args {
			r, s, err := divide(a)
			if err != nil {
				return nil, nil, err
			}
			rows, subqueries = append(rows, r...), append(subqueries, s...)
		}
	case *parser.In:
		if e.Query == nil {
			return []parser.Expr{e}, nil, nil
		}
		if e.Not {
			return nil, nil, parser.Unsupported(e.Pos, "NOT IN (SELECT ...), which gives nothing as soon as there is a NULL", "write NOT EXISTS (SELECT 1 FROM ... WHERE x = y)")
		}
		subqueries = append(subqueries, subquery{at: e.Pos, x: e.X, query: e.Query})
	case *parser.Exists:
		subqueries = append(subqueries, subquery{at: e.Pos, query: e.Query})
	case *parser.Unary:
		if inner, ok := e.X.(*parser.Exists); ok && e.Op == "NOT" {
			subqueries = append(subqueries, subquery{at: inner.Pos, query: inner.Query, not: true})
			break
		}
		rows = append(rows, e)
	default:
		rows = append(rows, e)
	}
	return rows, subqueries, nil
}

// semi binds a subquery of WHERE as a join that gives the rows of FROM alone.
func (b *block) semi(from scope, filter []expr.Expr, s subquery) (scope, error) {
	j := &joining{b: b, kind: logical.SemiJoin, on: true}
	if s.not {
		j.kind = logical.AntiJoin
	}
	j.sides[0], j.filters[0] = from, filter
	inner := b.inner(fmt.Sprintf("semi.%d", b.semis+1))
	q, plain := s.query.(*parser.Select)
	plain = plain && len(q.GroupBy) == 0 && q.Having == nil && !q.Distinct && q.UID == nil && !computes(q)
	var y expr.Expr
	var err error
	if plain {
		y, err = inner.correlated(j, q, s.x != nil)
	} else {
		y, err = inner.standing(j, s)
	}
	if err != nil {
		return scope{}, err
	}
	if s.x != nil {
		x, err := expr.Bind(s.x, from.resolve, false)
		if err != nil {
			return scope{}, err
		}
		equal, err := expr.Equals(s.at, x, y)
		if err != nil {
			return scope{}, err
		}
		j.add(equal)
	}
	j.both = scope{&logical.Relation{}, from.parts}
	return j.scope(), nil
}

// computes says whether a select list has aggregates, or numbers rows: then it is not for each row of FROM by itself.
func computes(q *parser.Select) bool {
	for _, it := range q.Items {
		c, ok := it.Expr.(*parser.Call)
		if ok && (c.Over != nil || c.Star || expr.IsAggregate(c.Name)) {
			return true
		}
	}
	return false
}

// correlated binds a subquery that only chooses rows, whose WHERE may name columns of the query around it. It returns the only column over
// both, if that is wanted.
func (b *block) correlated(j *joining, q *parser.Select, column bool) (expr.Expr, error) {
	right, none, err := b.rows(&parser.Select{Pos: q.Pos, From: q.From})
	if err != nil {
		return nil, err
	}
	if len(none) > 0 {
		panic("conditions without WHERE")
	}
	j.sides[1] = right
	outer, both := j.sides[0], together(j.sides[0], right)
	n := len(outer.Columns)
	resolve := func(c *parser.Column) (expr.Expr, error) {
		if !right.has(c) && outer.has(c) {
			return outer.resolve(c)
		}
		e, err := right.resolve(c)
		if err != nil {
			return nil, err
		}
		return both.Of(e.(*expr.Column).Index+n, c.Pos), nil
	}
	where, subqueries, err := divide(q.Where)
	if err != nil {
		return nil, err
	}
	if len(subqueries) > 0 {
		return nil, parser.Unsupported(subqueries[0].at, "a subquery in a subquery of WHERE", "write CREATE VIEW ... AS ... for the inner one")
	}
	for _, w := range where {
		condition, err := expr.BindAs(w, types.Boolean(), "the condition of WHERE", resolve, false)
		if err != nil {
			return nil, err
		}
		for _, c := range conjuncts(condition) {
			j.add(c)
		}
	}
	if !column {
		return nil, nil
	}
	items, err := right.items(q.Items)
	if err != nil {
		return nil, err
	}
	if len(items) != 1 {
		return nil, parser.Errorf(q.Pos, "select the column that is looked for alone", "a query behind IN has one column, not %d", len(items))
	}
	return shifted(items[0].expr, n), nil
}

// standing binds a subquery that knows nothing of the query around it.
func (b *block) standing(j *joining, s subquery) (expr.Expr, error) {
	r, err := b.typedQuery(s.query)
	if err != nil {
		return nil, err
	}
	j.sides[1] = single(r, "")
	if s.x == nil {
		return nil, nil
	}
	if len(r.Columns) != 1 {
		return nil, parser.Errorf(s.query.At(), "select the column that is looked for alone", "a query behind IN has one column, not %d", len(r.Columns))
	}
	return shifted(r.Of(0, s.at), len(j.sides[0].Columns)), nil
}

// has says whether a name is that of a column, or of several.
func (s scope) has(c *parser.Column) bool {
	in := part{"", 0, len(s.Columns)}
	if c.Table != "" {
		var ok bool
		if in, ok = s.part(c.Table); !ok {
			return false
		}
	}
	for i := in.from; i < in.end; i++ {
		if s.Columns[i].Name == c.Name {
			return true
		}
	}
	return false
}
