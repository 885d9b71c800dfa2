package plan

import (
	"crypto/sha256"
	"fmt"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/parser"
)

// block is a query block that is being bound. Its path names it in uids (P9): the sink or view, and the aliases of the
// subqueries that lead to it.
type block struct {
	catalog *catalog
	path    string
}

func (b *block) inner(name string) *block { return &block{b.catalog, b.path + "/" + name} }

func (b *block) query(q parser.Query) (*Relation, error) {
	switch q := q.(type) {
	case *parser.Select:
		return b.selectBlock(q)
	case *parser.Union:
		return b.union(q)
	}
	panic(fmt.Sprintf("a query of type %T", q))
}

// known binds a query whose columns must all have a type.
func (b *block) known(q parser.Query) (*Relation, error) {
	r, err := b.query(q)
	if err != nil {
		return nil, err
	}
	for i, c := range r.Columns {
		if c.Type == batch.Unknown {
			return nil, unknownType(q.At(), i)
		}
	}
	return r, nil
}

func unknownType(at parser.Pos, column int) error {
	return parser.Errorf(at, "write CAST(NULL AS INT) or the like", "the type of column %d of this query is not known: it is NULL", column+1)
}

// union binds UNION ALL: columns by position, with their common types and the names of the first query.
func (b *block) union(q *parser.Union) (*Relation, error) {
	inputs := make([]*Relation, len(q.Queries))
	blocks := make([]*block, len(q.Queries))
	for i, branch := range q.Queries {
		blocks[i] = b.inner(fmt.Sprintf("union.%d", i+1))
		var err error
		if inputs[i], err = blocks[i].query(branch); err != nil {
			return nil, err
		}
		if len(inputs[i].Columns) != len(inputs[0].Columns) {
			return nil, parser.Errorf(branch.At(), "", "the queries of UNION ALL have different numbers of columns: %d and %d", len(inputs[0].Columns), len(inputs[i].Columns))
		}
	}
	columns := append([]Column(nil), inputs[0].Columns...)
	for i, in := range inputs[1:] {
		for k := range columns {
			c, other := &columns[k], in.Columns[k]
			t, ok := expr.Common(c.Type, other.Type)
			if !ok {
				return nil, parser.Errorf(q.Queries[i+1].At(), "CAST one of them", "column %d of UNION ALL is %v in one query and %v in another", k+1, c.Type, other.Type)
			}
			c.Type = t
			if c.Origin != other.Origin {
				c.Origin = bounded(c.Origin + " | " + other.Origin)
			}
			if c.Role != other.Role || c.Role != RowTime {
				c.Role = Plain
			}
		}
	}
	for k, c := range columns {
		if c.Type == batch.Unknown {
			return nil, unknownType(q.At(), k)
		}
	}
	for i, in := range inputs {
		inputs[i] = blocks[i].widen(in, columns)
	}
	return &Relation{Op: &Union{Inputs: inputs}, Columns: columns}, nil
}

// widen converts a relation's columns to the types of others.
func (b *block) widen(r *Relation, to []Column) *Relation {
	same := true
	for i, c := range r.Columns {
		same = same && c.Type == to[i].Type
	}
	if same {
		return r
	}
	calc, value := b.extend(r)
	out := r.renamed()
	for i := range r.Columns {
		e, ok := expr.Coerce(value(i, parser.Pos{}), to[i].Type)
		if !ok {
			panic("a column of UNION ALL does not widen to the common type")
		}
		calc.Out, calc.Names = append(calc.Out, e), append(calc.Names, to[i].Name)
		out.Columns[i].Type = to[i].Type
	}
	out.Op = calc
	return out
}

// extend returns a projection of a relation that is yet to be filled, and the values to fill it from. If the relation is
// the select list of this very block, the projection takes its place.
func (b *block) extend(r *Relation) (calc *Calc, value func(i int, at parser.Pos) expr.Expr) {
	if own, ok := r.Op.(*Calc); ok && own.Block == b.path {
		return &Calc{Block: b.path, Input: own.Input, Filter: own.Filter}, func(i int, _ parser.Pos) expr.Expr { return own.Out[i] }
	}
	return &Calc{Block: b.path, Input: r}, func(i int, at parser.Pos) expr.Expr { return r.reference(i, at) }
}

func (r *Relation) reference(i int, at parser.Pos) *expr.Column {
	return &expr.Column{Pos: at, Index: i, Name: r.Columns[i].Name, T: r.Columns[i].Type}
}

// scope resolves the names of one FROM clause.
type scope struct {
	*Relation
	alias string
}

func (s scope) resolve(c *parser.Column) (expr.Expr, error) {
	if c.Table != "" && c.Table != s.alias {
		remedy := ""
		if s.alias != "" {
			remedy = "the table of this query is called " + s.alias
		}
		return nil, parser.Errorf(c.Pos, remedy, "there is no table %s in this query", c.Table)
	}
	found := -1
	for i, col := range s.Columns {
		if col.Name != c.Name {
			continue
		}
		if found >= 0 {
			return nil, parser.Errorf(c.Pos, "rename one with AS", "the column %s is ambiguous", c.Name)
		}
		found = i
	}
	if found < 0 {
		names := make([]string, len(s.Columns))
		for i, col := range s.Columns {
			names[i] = col.Name
		}
		return nil, unknownColumn(c, names)
	}
	return s.reference(found, c.Pos), nil
}

// maxOrigin is the longest expansion that fingerprints show. Views upon views can double it each time.
const maxOrigin = 4096

// origin expands an expression over the relation to columns of tables.
func (r *Relation) origin(e expr.Expr) string {
	length := 0
	expr.Walk(e, func(e expr.Expr) bool {
		if c, ok := e.(*expr.Column); ok {
			length += len(r.Columns[c.Index].Origin)
		}
		return true
	})
	name := func(c *expr.Column) string { return r.Columns[c.Index].Origin }
	if length > maxOrigin {
		name = func(c *expr.Column) string { return digest(r.Columns[c.Index].Origin) }
	}
	return bounded(expr.Format(e, name))
}

// bounded is an expansion itself, or its hash if it is too long to show.
func bounded(origin string) string {
	if len(origin) > maxOrigin {
		return digest(origin)
	}
	return origin
}

func digest(s string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(s))) }

// column describes an expression over the relation as a column of the next one.
func (r *Relation) column(name string, e expr.Expr) Column {
	out := Column{Name: name, Type: e.Type(), Origin: r.origin(e)}
	if c, ok := e.(*expr.Column); ok {
		out.Role = r.Columns[c.Index].Role
	}
	return out
}

func (b *block) from(f parser.From) (scope, error) {
	switch f := f.(type) {
	case *parser.TableRef:
		r, err := b.catalog.relation(f.Name)
		return scope{r, aliasOr(f.Alias, f.Name.Text)}, err
	case *parser.Subquery:
		name := aliasOr(f.Alias, "subquery")
		r, err := b.inner(name).known(f.Query)
		return scope{r, aliasOr(f.Alias, "")}, err
	case *parser.WindowTVF:
		return b.windowTVF(f)
	}
	panic(fmt.Sprintf("a FROM of type %T", f))
}

func aliasOr(alias *parser.Name, name string) string {
	if alias != nil {
		return alias.Text
	}
	return name
}

func (b *block) selectBlock(q *parser.Select) (*Relation, error) {
	from, err := b.from(q.From)
	if err != nil {
		return nil, err
	}
	var filter []expr.Expr
	if q.Where != nil {
		cond, err := expr.BindAs(q.Where, batch.Boolean, "the condition of WHERE", from.resolve, false)
		if err != nil {
			return nil, err
		}
		filter = conjuncts(cond)
	}
	items, err := from.items(q.Items)
	if err != nil {
		return nil, err
	}
	if isAggregate(q, items) {
		return b.aggregate(q, from, filter, items)
	}
	if q.UID != nil {
		return nil, parser.Errorf(q.UID.Pos, "remove the hint", "this query has no state that a uid could name")
	}
	if q.Having != nil {
		return nil, parser.Errorf(q.Having.At(), "use WHERE", "HAVING needs GROUP BY")
	}
	return b.project(from.Relation, filter, items)
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

// maxColumns is how many columns a table may have, and * may make: views upon views can double them each time.
const maxColumns = 4096

// item is a bound entry of a select list.
type item struct {
	expr expr.Expr
	name string
	at   parser.Pos
}

// items binds a select list; aggregates are allowed.
func (s scope) items(list []parser.Item) ([]item, error) {
	var out []item
	for _, i := range list {
		if i.Star {
			if i.Table != nil && i.Table.Text != s.alias {
				return nil, parser.Errorf(i.Pos, "", "there is no table %s in this query", i.Table.Text)
			}
			for k, c := range s.Columns {
				out = append(out, item{s.reference(k, i.Pos), c.Name, i.Pos})
			}
			if len(out) > maxColumns {
				return nil, parser.Errorf(i.Pos, "name the columns that are needed", "the query has more than %d columns", maxColumns)
			}
			continue
		}
		e, err := expr.Bind(i.Expr, s.resolve, true)
		if err != nil {
			return nil, err
		}
		name := ""
		if c, ok := i.Expr.(*parser.Column); ok {
			name = c.Name
		}
		out = append(out, item{e, aliasOr(i.Alias, name), i.Expr.At()})
	}
	return out, nil
}

// project makes the relation of a filter and a select list; one that only renames columns computes nothing.
func (b *block) project(in *Relation, filter []expr.Expr, items []item) (*Relation, error) {
	out := &Relation{Windowing: in.Windowing}
	calc := &Calc{Block: b.path, Input: in, Filter: filter}
	identity := len(filter) == 0 && len(items) == len(in.Columns)
	for i, it := range items {
		c, ok := it.expr.(*expr.Column)
		identity = identity && ok && c.Index == i
		calc.Out, calc.Names = append(calc.Out, it.expr), append(calc.Names, it.name)
		out.Columns = append(out.Columns, in.column(it.name, it.expr))
	}
	out.Op = calc
	if identity {
		out.Op = in.Op
	}
	return out, nil
}

// into converts a relation to the columns of a table. A bare NULL takes the type of its column.
func (b *block) into(t *Table, targets []int, r *Relation, at parser.Pos) (*Relation, error) {
	if u, ok := r.Op.(*Union); ok {
		// Each branch is converted by itself, so that the rows of a union need no operator of their own.
		out := &Union{}
		for _, in := range u.Inputs {
			converted, err := b.into(t, targets, in, at)
			if err != nil {
				return nil, err
			}
			out.Inputs = append(out.Inputs, converted)
		}
		return &Relation{Op: out, Columns: out.Inputs[0].Columns}, nil
	}
	calc, value := b.extend(r)
	out := &Relation{Op: calc}
	for i, f := range t.Physical.Fields {
		var v expr.Expr = &expr.Literal{Pos: at, Null: true}
		if targets[i] >= 0 {
			v = value(targets[i], at)
		}
		e, ok := expr.Coerce(v, f.Type)
		// A DATE has no time of day; as in Flink, that it becomes midnight has to be written.
		if !ok || v.Type() == batch.Date && f.Type == batch.Timestamp {
			return nil, parser.Errorf(v.At(), "write CAST(... AS "+f.Type.String()+")", "column %s of %s is %v, but the query gives %v", f.Name, t.Name, f.Type, v.Type())
		}
		if isPlace(t.NotNull[i]) {
			e = expr.NotNull(e, v.At(), "column "+f.Name+" of "+t.Name+" is declared NOT NULL, but the query gives NULL", "filter such rows with IS NOT NULL, or write COALESCE")
		}
		calc.Out, calc.Names = append(calc.Out, e), append(calc.Names, f.Name)
		out.Columns = append(out.Columns, Column{Name: f.Name, Type: f.Type})
	}
	return out, nil
}
