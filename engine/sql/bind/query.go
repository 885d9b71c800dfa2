package bind

import (
	"fmt"

	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/types"
)

// block is a query block that is being bound. Its path names it in uids (P9): the sink or view, and the aliases of the
// subqueries that lead to it, or their names in WITH.
type block struct {
	*binder
	path  string
	joins int   // there have been so far
	semis int   // joins for IN and EXISTS
	with  *with // nil: none
}

// with is a query that WITH has named, for the blocks behind it.
type with struct {
	name  string
	view  *logical.Relation
	outer *with // of before
}

func (b *binder) block(path string) *block { return &block{binder: b, path: path} }

func (b *block) inner(name string) *block {
	return &block{binder: b.binder, path: b.path + "/" + name, with: b.with}
}

func (b *block) query(q parser.Query) (*logical.Relation, error) {
	switch q := q.(type) {
	case *parser.Select:
		return b.selectBlock(q)
	case *parser.Union:
		return b.union(q)
	case *parser.With:
		return b.named(q)
	}
	panic(fmt.Sprintf("a query of type %T", q))
}

// named binds a query behind others that WITH names. They hide tables and views of their names.
func (b *block) named(q *parser.With) (*logical.Relation, error) {
	scoped := *b
	names := map[string]bool{}
	for _, v := range q.Views {
		if names[v.Name.Text] {
			return nil, parser.Errorf(v.Name.Pos, "give one of them another name", "WITH names two queries %s", v.Name.Text)
		}
		names[v.Name.Text] = true
		r, err := scoped.inner("with." + v.Name.Text).view(v)
		if err != nil {
			return nil, err
		}
		scoped.with = &with{v.Name.Text, r, scoped.with}
	}
	return scoped.query(q.Query)
}

// relation returns what a name in FROM means here.
func (b *block) relation(n parser.Name) (*logical.Relation, error) {
	for w := b.with; w != nil; w = w.outer {
		if w.name == n.Text {
			return w.view, nil
		}
	}
	return b.binder.relation(n)
}

// typedQuery binds a query whose columns must all have a type.
func (b *block) typedQuery(q parser.Query) (*logical.Relation, error) {
	r, err := b.query(q)
	if err != nil {
		return nil, err
	}
	return r, checkTypes(r.Columns, q.At())
}

// checkTypes refuses columns that are nothing but NULL.
func checkTypes(columns []logical.Column, at parser.Pos) error {
	for i, c := range columns {
		if c.Type.Is(types.KindNull) {
			return parser.Errorf(at, "write CAST(NULL AS INT) or the like", "the type of column %d of this query is not known: it is NULL", i+1)
		}
	}
	return nil
}

func (b *block) selectBlock(q *parser.Select) (*logical.Relation, error) {
	from, filter, err := b.rows(q)
	if err != nil {
		return nil, err
	}
	if at, call := ranking(q.Items); at >= 0 {
		return b.numbered(q, from, filter, at, call)
	}
	items, err := from.items(q.Items)
	if err != nil {
		return nil, err
	}
	if from.Ranked != nil {
		from, filter = limit(from, filter, b.uses(q, from, items))
	}
	if isAggregate(q, items) {
		r, err := b.aggregate(q, from, filter, items)
		if err != nil || !q.Distinct {
			return r, err
		}
		return b.distinct(r, nil, q.Pos)
	}
	if join, ok := from.Op.(*logical.Join); ok && q.UID != nil && !q.Distinct && b.joins == 1 {
		join.UID, join.Named = q.UID.Text, true
	} else if q.UID != nil && !q.Distinct && b.joins > 1 {
		return nil, parser.Errorf(q.UID.Pos, "remove the hint", "it names the state of a query with one join, and this has %d", b.joins)
	} else if q.UID != nil && !q.Distinct {
		return nil, parser.Errorf(q.UID.Pos, "remove the hint", "this query has no state that a uid could name")
	}
	if q.Having != nil {
		return nil, parser.Errorf(q.Having.At(), "use WHERE", "HAVING needs GROUP BY")
	}
	r := b.project(from.Relation, filter, items)
	if q.Distinct {
		return b.distinct(r, q.UID, q.Pos)
	}
	return r, nil
}

// uses are the expressions of a query block over its rows, besides WHERE. What cannot be bound is refused later.
func (b *block) uses(q *parser.Select, from scope, items []item) []expr.Expr {
	var out []expr.Expr
	for _, it := range items {
		out = append(out, it.expr)
	}
	for _, p := range append([]parser.Expr{q.Having}, q.GroupBy...) {
		if p == nil {
			continue
		}
		if e, err := expr.Bind(p, from.resolve, true); err == nil {
			out = append(out, e)
		}
	}
	return out
}

// rows binds FROM and WHERE. What a join takes of WHERE is left out of the filter.
func (b *block) rows(q *parser.Select) (from scope, filter []expr.Expr, err error) {
	var j *joining
	if f, ok := q.From.(*parser.Join); ok {
		if j, err = b.join(f); err == nil {
			from = j.both
		}
	} else {
		from, err = b.from(q.From)
	}
	if err != nil {
		return scope{}, nil, err
	}
	where, subqueries, err := divide(q.Where)
	if err != nil {
		return scope{}, nil, err
	}
	for _, w := range where {
		condition, err := expr.BindAs(w, types.Boolean(), "the condition of WHERE", from.resolve, false)
		if err != nil {
			return scope{}, nil, err
		}
		filter = append(filter, conjuncts(condition)...)
	}
	if j != nil {
		filter = j.take(filter)
		from = j.scope()
	}
	for _, s := range subqueries {
		if from, err = b.semi(from, filter, s); err != nil {
			return scope{}, nil, err
		}
		filter = nil // the join has taken it
	}
	return from, filter, nil
}

func (b *block) from(f parser.From) (scope, error) {
	switch f := f.(type) {
	case *parser.TableRef:
		r, err := b.relation(f.Name)
		if err != nil {
			return scope{}, err
		}
		return b.called(r, f.Alias, f.Name.Text)
	case *parser.Subquery:
		r, err := b.inner(aliasOr(f.Alias.Name, "subquery")).typedQuery(f.Query)
		if err != nil {
			return scope{}, err
		}
		return b.called(r, f.Alias, "")
	case *parser.WindowTVF:
		return b.windowTVF(f)
	}
	panic(fmt.Sprintf("a FROM of type %T", f))
}

// called is the scope of one relation under the names that a query gives it and its columns.
func (b *block) called(r *logical.Relation, alias parser.Alias, name string) (scope, error) {
	name = aliasOr(alias.Name, name)
	if len(alias.Columns) > 0 {
		if len(alias.Columns) != len(r.Columns) {
			return scope{}, parser.Errorf(alias.Columns[0].Pos, "", "%s names %d columns, there are %d", name, len(alias.Columns), len(r.Columns))
		}
		r = r.Copy()
		for i, n := range alias.Columns {
			r.Columns[i].Name = n.Text
		}
	}
	return single(r, name), nil
}

// conjuncts splits a condition at its ANDs.
func conjuncts(e expr.Expr) []expr.Expr {
	if c, ok := e.(*expr.Call); ok && c.Name == "AND" {
		var out []expr.Expr
		for _, a := range c.Args {
			out = append(out, conjuncts(a)...)
		}
		return out
	}
	return []expr.Expr{e}
}

// project makes the relation of a filter and a select list; one that only renames columns computes nothing.
func (b *block) project(in *logical.Relation, filter []expr.Expr, items []item) *logical.Relation {
	out := &logical.Relation{Windowing: in.Windowing}
	calc := &logical.Calc{Block: b.path, Input: in, Filter: filter}
	identity := len(filter) == 0 && len(items) == len(in.Columns)
	for i, it := range items {
		c, ok := it.expr.(*expr.Column)
		identity = identity && ok && c.Index == i
		calc.Out, calc.Names = append(calc.Out, it.expr), append(calc.Names, it.name)
		out.Columns = append(out.Columns, in.Column(it.name, it.expr))
	}
	out.Op = calc
	if identity {
		out.Op = in.Op
	}
	return out
}

// extend returns a projection of a relation that is yet to be filled, and the values to fill it from. If the relation is
// the select list of this very block, the projection takes its place.
func (b *block) extend(r *logical.Relation) (calc *logical.Calc, value func(i int, at parser.Pos) expr.Expr) {
	if own, ok := r.Op.(*logical.Calc); ok && own.Block == b.path {
		return &logical.Calc{Block: b.path, Input: own.Input, Filter: own.Filter}, func(i int, _ parser.Pos) expr.Expr { return own.Out[i] }
	}
	return &logical.Calc{Block: b.path, Input: r}, func(i int, at parser.Pos) expr.Expr { return r.Of(i, at) }
}
