package exec

import (
	"slices"
	"sort"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/types"
)

// columnsOf is the payload of a SQL batch.
func columnsOf(b *batch.Batch) *batch.Columns { return b.Data.(*batch.Columns) }

// view is a batch whose columns are set anew for each emission. The vectors of those that are gathered are its own.
type view struct {
	out      batch.Batch
	cols     *batch.Columns
	gathered []batch.Vector
}

func newView(s *batch.Schema) view {
	c := &batch.Columns{Schema: s, Cols: make([]batch.Vector, len(s.Fields))}
	v := view{cols: c, gathered: make([]batch.Vector, len(s.Fields))}
	v.out.Data = c
	for i, f := range s.Fields {
		v.gathered[i] = batch.NewVector(f.Layout)
	}
	return v
}

// alias sets column k to the rows of a vector as they are.
func (v *view) alias(k int, from batch.Vector) { v.cols.Cols[k] = from }

// gather sets column k to a copy of the rows sel of a vector.
func (v *view) gather(k int, from batch.Vector, sel []int32) {
	g := v.gathered[k]
	g.Reset()
	g.AppendSelected(from, sel)
	v.cols.Cols[k] = g
}

// selection counts the rows of a batch: 0, 1, 2, ...
type selection struct{ rows []int32 }

func (s *selection) all(n int) []int32 {
	for len(s.rows) < n {
		s.rows = append(s.rows, int32(len(s.rows)))
	}
	return s.rows[:n]
}

// gather returns the rows sel of a slice that has an entry for each row, or none, in the memory of dst.
func gather[T int64 | batch.RowKind](dst, src []T, sel []int32) []T {
	dst = dst[:0]
	if len(src) == 0 {
		return dst
	}
	for _, i := range sel {
		dst = append(dst, src[i])
	}
	return dst
}

// program is a list of expressions compiled for one subtask.
type program struct {
	run   expr.Run
	evals []expr.Eval
	sel   []int32 // of trueRows
}

func newProgram(file string, es []expr.Expr) program {
	p := program{run: expr.Run{File: file}, evals: make([]expr.Eval, len(es))}
	for i, e := range es {
		p.evals[i] = expr.Compile(e)
	}
	return p
}

// blame finds the first row of a batch that f fails for, and returns its error: what a row does must not depend on the batch
// that it is in. f evaluates the rows that it is given; all is what it said of all rows, and is not nil.
func (s *selection) blame(n int, all error, f func(sel []int32) error) error {
	rows := s.all(n)
	first := sort.Search(n, func(i int) bool { return f(rows[:i+1]) != nil })
	if first == n {
		return all
	}
	err := f(rows[first : first+1])
	if err == nil {
		return all
	}
	return &operator.RowError{Row: first, Err: err}
}

// evaluate evaluates all expressions for some rows, for their errors alone.
func (p *program) evaluate(in *batch.Columns, sel []int32) error {
	p.run.Start(in)
	for _, eval := range p.evals {
		eval(&p.run, sel)
	}
	return p.run.Err()
}

// trueRows returns those of the rows sel for which all expressions, which are conditions, are true; one that a condition excludes does not
// reach the next.
func (p *program) trueRows(in *batch.Columns, sel []int32) ([]int32, error) {
	p.run.Start(in)
	for _, eval := range p.evals {
		v := eval(&p.run, sel).(*batch.Fixed[bool])
		kept := grow(p.sel, len(sel))
		n := 0
		if nulls := v.Nulls; len(nulls) == 0 {
			for _, i := range sel {
				kept[n] = i
				if v.V[i] {
					n++
				}
			}
		} else {
			for _, i := range sel {
				kept[n] = i
				if v.V[i] && !nulls[i] {
					n++
				}
			}
		}
		p.sel = kept[:n]
		sel = p.sel
	}
	return sel, p.run.Err()
}

// Schema returns the schema of expressions under names.
func Schema(names []string, es []expr.Expr) *batch.Schema {
	s := &batch.Schema{Fields: make([]batch.Field, len(es))}
	for i, e := range es {
		s.Fields[i] = batch.Field{Name: names[i], Layout: types.MustLayout(e.Type())}
	}
	return s
}

// factory makes an operator factory of a constructor that cannot fail.
func factory(make func() operator.Operator) operator.Factory {
	return func() (operator.Operator, error) { return make(), nil }
}

// grow returns a slice of n entries whose contents mean nothing.
func grow[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }
