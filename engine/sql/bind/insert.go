package bind

import (
	"slices"
	"strconv"

	"github.com/weirstream/weir/engine/sql/catalog"
	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/types"
)

func (b *binder) insert(s *parser.Insert) error {
	t := b.catalog.Table(s.Table)
	if t == nil {
		if b.catalog.IsView(s.Table) {
			return parser.Errorf(s.Table.Pos, "insert into a table", "%s is a view", s.Table.Text)
		}
		return b.catalog.Unknown(s.Table, "table")
	}
	b.inserts[t.Name]++
	path := t.Name
	if n := b.inserts[t.Name]; n > 1 {
		path += "." + strconv.Itoa(n)
	}
	block := b.block(path)
	r, err := block.query(s.Query)
	if err != nil {
		return err
	}
	from, err := targets(t, s, r)
	if err != nil {
		return err
	}
	b.converted = 0
	if r, err = block.into(s, t, from, r); err != nil {
		return err
	}
	b.plan.Inserts = append(b.plan.Inserts, logical.Insert{At: s.Pos, Into: t, Input: r})
	return nil
}

// targets returns, for each physical column of the table, the column of the query that it gets; negative: NULL.
func targets(t *catalog.Table, s *parser.Insert, r *logical.Relation) ([]int, error) {
	out := make([]int, len(t.Physical))
	written := t.Written()
	want := len(written)
	if len(s.Columns) > 0 {
		want = len(s.Columns)
	}
	if len(r.Columns) != want {
		return nil, parser.Errorf(s.Query.At(), "", "the query has %d columns, but %s takes %d", len(r.Columns), t.Name, want)
	}
	for i := range out {
		out[i] = -1
	}
	if len(s.Columns) == 0 {
		for k, i := range written {
			out[i] = k
		}
	}
	names := t.PhysicalNames()
	for k, n := range s.Columns {
		i := slices.Index(names, n.Text)
		if i >= 0 && !slices.Contains(written, i) {
			return nil, parser.Errorf(n.Pos, "leave it out", "the column %s of %s is METADATA VIRTUAL, which is not written", n.Text, t.Name)
		}
		if i < 0 {
			return nil, catalog.UnknownColumn(&parser.Column{Pos: n.Pos, Name: n.Text}, names)
		}
		if out[i] >= 0 {
			return nil, parser.Errorf(n.Pos, "", "the column %s is named twice", n.Text)
		}
		out[i] = k
	}
	return out, nil
}

// into converts a relation to the columns of a table. A bare NULL takes the type of its column.
func (b *block) into(s *parser.Insert, t *catalog.Table, targets []int, r *logical.Relation) (*logical.Relation, error) {
	if u, ok := r.Op.(*logical.Union); ok {
		return b.unionInto(s, t, targets, u)
	}
	at := s.Query.At()
	calc, value := b.extend(r)
	out := &logical.Relation{Op: calc}
	for i, f := range t.Physical {
		var v expr.Expr = &expr.Literal{Pos: at, Null: true}
		if targets[i] >= 0 {
			v = value(targets[i], at)
		}
		e, ok := expr.Coerce(v, f.Type)
		// A DATE has no time of day; as in Flink, that it becomes midnight has to be written.
		if !ok || v.Type().Is(types.KindDate) && f.Type.Is(types.KindTimestamp) {
			return nil, parser.Errorf(v.At(), "write CAST(... AS "+f.Type.String()+")", "column %s of %s is %v, but the query gives %v", f.Name, t.Name, f.Type, v.Type())
		}
		if _, declared := t.NotNull(i); declared && (t.Metadata(i) == nil || !t.Metadata(i).Virtual) {
			e = expr.NotNull(e, v.At(), "column "+f.Name+" of "+t.Name+" is declared NOT NULL, but the query gives NULL", "filter such rows with IS NOT NULL, or write COALESCE")
		}
		calc.Out, calc.Names = append(calc.Out, e), append(calc.Names, f.Name)
		out.Columns = append(out.Columns, logical.Column{Name: f.Name, Type: f.Type})
	}
	return out, nil
}

// unionInto converts each branch by itself, so that the rows of a union need no operator of their own.
func (b *block) unionInto(s *parser.Insert, t *catalog.Table, targets []int, u *logical.Union) (*logical.Relation, error) {
	out := &logical.Union{}
	for _, in := range u.Inputs {
		if b.converted++; b.converted > 2*logical.MaxBranches { // those within unions, and the unions themselves
			return nil, logical.TooManyBranches(s.Pos)
		}
		converted, err := b.into(s, t, targets, in)
		if err != nil {
			return nil, err
		}
		out.Inputs = append(out.Inputs, converted)
	}
	return &logical.Relation{Op: out, Columns: out.Inputs[0].Columns}, nil
}
