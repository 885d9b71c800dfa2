package exec

import (
	"slices"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/sql/expr"
)

// StageSpec describes what turns the rows of a reader into rows of a table.
type StageSpec struct {
	File string
	// Computed are the computed columns, which follow the physical ones in Schema.
	Computed []expr.Expr
	Schema   *batch.Schema
	// RowTime is the index of the time attribute; negative: none.
	RowTime int
	// Table and Place, as file:line:column of the watermark, are for errors.
	Table, Place string
}

// Stage returns the operator that adds computed columns and sets event time. It emits one batch, with the same rows, for
// each that it gets.
func Stage(s StageSpec) operator.Factory {
	return factory(func() operator.Operator {
		return &stage{spec: s, computed: newProgram(s.File, s.Computed), view: newView(s.Schema)}
	})
}

type stage struct {
	operator.Stateless
	spec     StageSpec
	computed program
	view     view
	rows     selection
}

func (s *stage) Process(_ int, b *batch.Batch, out operator.Output) error {
	in := columnsOf(b)
	for k, v := range in.Cols {
		s.view.alias(k, v)
	}
	sel := s.rows.all(in.N)
	s.computed.run.Start(in)
	for k, eval := range s.computed.evals {
		s.view.alias(len(in.Cols)+k, eval(&s.computed.run, sel))
	}
	if err := s.computed.run.Err(); err != nil {
		return err
	}
	s.view.cols.N = in.N
	o := &s.view.out
	o.Time, o.Mark, o.Kind = b.Time, b.Mark, b.Kind
	if s.spec.RowTime >= 0 {
		t := s.view.cols.Cols[s.spec.RowTime].(*batch.Fixed[int64])
		if slices.Contains(t.Nulls, true) {
			return fault.Permanentf(s.spec.Place, "give it a value with COALESCE in a computed column, and declare the watermark for that one",
				"the time attribute %s of table %s is NULL in a row", s.spec.Schema.Fields[s.spec.RowTime].Name, s.spec.Table)
		}
		o.Time = t.V
	}
	return out.Emit(o)
}
