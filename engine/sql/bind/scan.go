package bind

import (
	"github.com/weirstream/weir/engine/sql/catalog"
	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
)

// scan reads a table. Columns that are declared NOT NULL are looked at before anything else is done with the rows.
func scan(t *catalog.Table) logical.Op {
	op := &logical.Scan{Table: t}
	in := &logical.Relation{Op: op, Columns: columnsOf(t)}
	for i := range in.Columns {
		in.Columns[i].Type = in.Columns[i].Type.WithNull(true) // whatever is declared, this is what is read
	}
	check := &logical.Calc{Block: "source/" + t.Name, Input: in}
	checks := false
	for i, c := range in.Columns {
		e := expr.Expr(in.Of(i, parser.Pos{}))
		if i < len(t.Physical) {
			if at, declared := t.NotNull(i); declared {
				checks = true
				e = expr.NotNull(e, at, "column "+c.Name+" of "+t.Name+" is declared NOT NULL, but a row that is read has NULL in it", "declare it without NOT NULL, and filter or fill in such rows")
			}
		}
		check.Out, check.Names = append(check.Out, e), append(check.Names, c.Name)
	}
	if !checks {
		return op
	}
	return check
}

// columnsOf are the columns that a query sees in a table.
func columnsOf(t *catalog.Table) []logical.Column {
	var out []logical.Column
	for _, f := range t.Physical {
		out = append(out, logical.Column{Name: f.Name, Type: f.Type, Origin: f.Name})
	}
	for i, e := range t.Computed {
		origin := expr.Format(e, func(c *expr.Column) string { return c.Name })
		out = append(out, logical.Column{Name: t.ComputedNames[i], Type: e.Type(), Origin: origin})
	}
	if t.RowTime >= 0 {
		out[t.RowTime].Role = logical.RowTime
	}
	return out
}
