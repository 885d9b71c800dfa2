package plan

import (
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/engine/sql/expr"
)

// provenance says which rows a relation has: the tables that they come from, and what filters and joins them on the way.
type provenance struct {
	tables []string // by name, each once
	rows   string   // readable; its hash, if it is too long to show
}

// provenance is computed once for each op: views upon views can double what is to be said each time.
func (c *catalog) provenance(r *Relation) provenance {
	if p, known := c.provenances[r.Op]; known {
		return p
	}
	p := c.originOfRows(r)
	slices.Sort(p.tables)
	p.tables = slices.Compact(p.tables)
	p.rows = bounded(p.rows)
	c.provenances[r.Op] = p
	return p
}

func (c *catalog) originOfRows(r *Relation) provenance {
	switch op := r.Op.(type) {
	case *Scan:
		return provenance{[]string{op.Table.Name}, strconv.Quote(op.Table.Name)}
	case *Window:
		return c.provenance(op.Input)
	case *Calc:
		p := c.provenance(op.Input)
		return provenance{slices.Clone(p.tables), p.rows + op.Input.where(op.Filter)}
	case *Aggregate:
		p := c.provenance(op.Input)
		state := strings.ReplaceAll(op.Fingerprint, "\n", ", ")
		return provenance{slices.Clone(p.tables), "(" + state + " of " + p.rows + ")"}
	case *Union:
		// The order of the branches says nothing of the rows. Which columns they give does: the columns of a union are those
		// of its branches by position.
		var p provenance
		branches := make([]string, len(op.Inputs))
		for i, in := range op.Inputs {
			branch := c.provenance(in)
			origins := make([]string, len(in.Columns))
			for k, column := range in.Columns {
				origins[k] = column.Origin
			}
			p.tables = append(p.tables, branch.tables...)
			branches[i] = "(" + bounded(strings.Join(origins, ", ")) + " of " + branch.rows + ")"
		}
		slices.Sort(branches)
		p.rows = "(" + strings.Join(branches, " union all ") + ")"
		return p
	}
	panic("an op without rows")
}

// where is the readable form of a filter over the relation; the order of its conditions says nothing.
func (r *Relation) where(filter []expr.Expr) string {
	if len(filter) == 0 {
		return ""
	}
	conditions := make([]string, len(filter))
	for i, f := range filter {
		conditions[i] = r.origin(f)
	}
	slices.Sort(conditions)
	return " where " + strings.Join(slices.Compact(conditions), " and ")
}

// advisory says which rows are in the state of an aggregate, and what is made of its results (P9). It tells queries apart
// that a uid tells apart by their place alone, and is compared for nothing else: a query that has a name of its own may
// be filtered otherwise and go on.
func (c *catalog) advisory(input *Relation, results []expr.Expr, having []expr.Expr, result *Relation) string {
	p := c.provenance(input)
	var lines []string
	for _, t := range p.tables {
		lines = append(lines, "table "+strconv.Quote(t))
	}
	gives := make([]string, len(results))
	for i, e := range results {
		gives[i] = result.origin(e)
	}
	return strings.Join(append(lines, "rows "+p.rows, "gives "+bounded(strings.Join(gives, ", "))+result.where(having)), "\n")
}
