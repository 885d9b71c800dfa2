package bind

import (
	"fmt"

	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
)

// union binds UNION ALL and UNION: columns by position, with their common types and the names of the first query.
func (b *block) union(q *parser.Union) (*logical.Relation, error) {
	inputs := make([]*logical.Relation, len(q.Queries))
	blocks := make([]*block, len(q.Queries))
	for i, branch := range q.Queries {
		blocks[i] = b.inner(fmt.Sprintf("union.%d", i+1))
		var err error
		if inputs[i], err = blocks[i].query(branch); err != nil {
			return nil, err
		}
		if len(inputs[i].Columns) != len(inputs[0].Columns) {
			return nil, parser.Errorf(branch.At(), "", "the queries of UNION have different numbers of columns: %d and %d", len(inputs[0].Columns), len(inputs[i].Columns))
		}
	}
	columns, err := commonColumns(q, inputs)
	if err != nil {
		return nil, err
	}
	for i, in := range inputs {
		inputs[i] = blocks[i].widen(in, columns)
	}
	all := &logical.Relation{Op: &logical.Union{Inputs: inputs}, Columns: columns}
	if q.Distinct {
		return b.distinct(all, nil, q.Pos)
	}
	return all, nil
}

func commonColumns(q *parser.Union, inputs []*logical.Relation) ([]logical.Column, error) {
	columns := inputs[0].Copy().Columns
	for i, in := range inputs[1:] {
		for k := range columns {
			c, other := &columns[k], in.Columns[k]
			t, ok := expr.Common(c.Type, other.Type)
			if !ok {
				return nil, parser.Errorf(q.Queries[i+1].At(), "CAST one of them", "column %d of UNION is %v in one query and %v in another", k+1, c.Type, other.Type)
			}
			c.Type = t
			c.Origin = logical.EitherOrigin(c.Origin, other.Origin)
			if c.Role != other.Role || c.Role != logical.RowTime {
				c.Role = logical.Plain
			}
		}
	}
	return columns, checkTypes(columns, q.At())
}

// widen converts a relation's columns to the types of others.
func (b *block) widen(r *logical.Relation, to []logical.Column) *logical.Relation {
	same := true
	for i, c := range r.Columns {
		same = same && c.Type.Same(to[i].Type)
	}
	if same {
		return r
	}
	calc, value := b.extend(r)
	out := r.Copy()
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
