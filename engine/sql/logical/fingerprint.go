package logical

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/engine/sql/expr"
)

// What a state means is said twice (P9).
//
// The fingerprint says what a cell of the state is: which values make the key, which windows there are, what is aggregated.
// It must be equal on restore, because another meaning of the same bytes is a wrong result. It says all that in columns of
// tables, never in aliases, so that a text may be rewritten freely; and nothing of filters, HAVING or the select list,
// because a query may be given another condition and go on from its counts.
//
// The advisory fingerprint says which rows are in the state and what is made of it: tables, conditions, results. It is
// compared only where two states of one job could be taken for each other, because only their place in the text tells
// them apart.

// Fingerprint says what the state means.
func (a *Aggregate) Fingerprint() string {
	var lines []string
	for _, k := range a.KeyNames() {
		lines = append(lines, "key "+k)
	}
	calls := a.CallNames()
	if a.Windowing != nil {
		lines = append(lines, "window "+a.Windowing.String())
	} else {
		slices.Sort(calls) // in which order the text has them says nothing of the state
	}
	for _, c := range calls {
		lines = append(lines, "aggregate "+c)
	}
	return strings.Join(lines, "\n")
}

// Fingerprint says what the state means: rows by the key of the join, and how many others they match.
func (j *Join) Fingerprint() string {
	lines := []string{"join " + j.Kind.String(), "left " + strings.Join(j.Left.Tables, ", "), "right " + strings.Join(j.Right.Tables, ", ")}
	for _, k := range j.KeyNames() {
		lines = append(lines, "key "+k)
	}
	both := j.relation()
	var conditions []string
	for _, c := range j.Condition {
		conditions = append(conditions, "condition "+both.Origin(c))
	}
	slices.Sort(conditions)
	return strings.Join(append(lines, slices.Compact(conditions)...), "\n")
}

// Fingerprint says what the state means: rows by their partition, in an order. How many are given is no part of it. What may be
// taken back is, because then more than those that are given are kept.
func (t *TopN) Fingerprint(retracts bool) string {
	lines := []string{"top-n"}
	for _, p := range t.PartitionNames() {
		lines = append(lines, "partition "+p)
	}
	for _, o := range t.OrderNames() {
		lines = append(lines, "order "+o)
	}
	if t.Numbered {
		lines = append(lines, "numbered")
	}
	if retracts {
		return strings.Join(append(lines, "all rows"), "\n")
	}
	return strings.Join(append(lines, "the first rows"), "\n")
}

// relation is what conditions of the join are over.
func (j *Join) relation() *Relation {
	return &Relation{Op: j, Columns: append(slices.Clone(j.Left.Rows()), j.Right.Rows()...)}
}

// maxOrigin is the longest expansion that fingerprints show. Views upon views can double it each time.
const maxOrigin = 4096

// Origin expands an expression over the relation to columns of tables.
func (r *Relation) Origin(e expr.Expr) string {
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

// EitherOrigin is the origin of a column of a union: that of its branches, if it is the same.
func EitherOrigin(a, b string) string {
	if a == b {
		return a
	}
	return bounded(a + " | " + b)
}

// bounded is an expansion itself, or its hash if it is too long to show.
func bounded(origin string) string {
	if len(origin) > maxOrigin {
		return digest(origin)
	}
	return origin
}

func digest(s string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(s))) }

// Advisories makes advisory fingerprints. It remembers the provenance of each op: views upon views can double what is to
// be said each time.
type Advisories map[Op]provenance

// provenance says which rows a relation has: the tables that they come from, and what filters and joins them on the way.
type provenance struct {
	tables []string // by name, each once
	rows   string   // readable; its hash, if it is too long to show
}

// Of says which rows are in the state of an aggregate over input, and what is made of its result: the expressions of the
// select list, for the groups that HAVING leaves.
func (a Advisories) Of(input *Relation, list, having []expr.Expr, result *Relation) string {
	p := a.provenance(input)
	var lines []string
	for _, t := range p.tables {
		lines = append(lines, "table "+strconv.Quote(t))
	}
	gives := make([]string, len(list)) // of SELECT DISTINCT none: its key says it
	for i, e := range list {
		gives[i] = result.Origin(e)
	}
	return strings.Join(append(lines, "rows "+p.rows, "gives "+bounded(strings.Join(gives, ", "))+result.where(having)), "\n")
}

// OfRows says which rows are in the state of a join or top-n, which keeps whole rows.
func (a Advisories) OfRows(op Op) string {
	p := a.compute(&Relation{Op: op})
	slices.Sort(p.tables)
	p.tables = slices.Compact(p.tables)
	var lines []string
	for _, t := range p.tables {
		lines = append(lines, "table "+strconv.Quote(t))
	}
	return strings.Join(append(lines, "rows "+bounded(p.rows), "gives all columns"), "\n")
}

// Tables are the quoted names of the tables that a relation's rows come from.
func (a Advisories) Tables(r *Relation) []string {
	var out []string
	for _, t := range a.provenance(r).tables {
		out = append(out, strconv.Quote(t))
	}
	return out
}

func (a Advisories) provenance(r *Relation) provenance {
	if p, known := a[r.Op]; known {
		return p
	}
	p := a.compute(r)
	slices.Sort(p.tables)
	p.tables = slices.Compact(p.tables)
	p.rows = bounded(p.rows)
	a[r.Op] = p
	return p
}

func (a Advisories) compute(r *Relation) provenance {
	switch op := r.Op.(type) {
	case *Scan:
		return provenance{[]string{op.Table.Name}, strconv.Quote(op.Table.Name)}
	case *Window:
		return a.provenance(op.Input)
	case *Calc:
		p := a.provenance(op.Input)
		return provenance{slices.Clone(p.tables), p.rows + op.Input.where(op.Filter)}
	case *Aggregate:
		p := a.provenance(op.Input)
		state := strings.ReplaceAll(op.Fingerprint(), "\n", ", ")
		return provenance{slices.Clone(p.tables), "(" + state + " of " + p.rows + ")"}
	case *Join:
		l, r := a.provenance(op.Left.Input), a.provenance(op.Right.Input)
		state := strings.ReplaceAll(op.Fingerprint(), "\n", ", ")
		return provenance{append(slices.Clone(l.tables), r.tables...), "(" + state + " of " + l.rows + " and " + r.rows + ")"}
	case *TopN:
		p := a.provenance(op.Input)
		order := strings.Join(op.OrderNames(), ", ")
		return provenance{slices.Clone(p.tables), "(top-n of " + strings.Join(op.PartitionNames(), ", ") + " by " + order + " of " + p.rows + ")"}
	case *Union:
		return a.ofUnion(op)
	}
	panic("an op without rows")
}

// ofUnion: the order of the branches says nothing of the rows. Which columns they give does: the columns of a union are
// those of its branches by position.
func (a Advisories) ofUnion(op *Union) provenance {
	var p provenance
	branches := make([]string, len(op.Inputs))
	for i, in := range op.Inputs {
		branch := a.provenance(in)
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

// where is the readable form of a filter over the relation; the order of its conditions says nothing.
func (r *Relation) where(filter []expr.Expr) string {
	if len(filter) == 0 {
		return ""
	}
	conditions := make([]string, len(filter))
	for i, f := range filter {
		conditions[i] = r.Origin(f)
	}
	slices.Sort(conditions)
	return " where " + strings.Join(slices.Compact(conditions), " and ")
}
