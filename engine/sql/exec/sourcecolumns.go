package exec

import (
	"slices"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/sql/expr"
)

// SourceColumnsSpec describes what turns the rows of a reader into rows of a table.
type SourceColumnsSpec struct {
	File string
	// Computed are the computed columns, which follow the physical ones in Schema.
	Computed []expr.Expr
	Schema   *batch.Schema
	// RowTime is the index of the time attribute; negative: none.
	RowTime int
	// SkipNull drops rows whose time attribute is NULL, and counts them; else one is an error.
	SkipNull bool
	// Table and Place, as file:line:column of the watermark, are for errors.
	Table, Place string
}

// SourceColumns returns the operator that adds computed columns and sets event time. It emits one batch for each that it gets, with
// the same rows but for those that it drops; nothing if it drops all.
func SourceColumns(s SourceColumnsSpec) operator.Factory {
	return factory(func() operator.Operator {
		return &sourceColumns{spec: s, computed: newProgram(s.File, s.Computed), view: newView(s.Schema)}
	})
}

type sourceColumns struct {
	operator.Stateless
	spec     SourceColumnsSpec
	computed program
	view     view
	rows     selection
	ctx      operator.Context

	// Of a batch that has rows to drop.
	timed      []int32
	time, mark []int64
	kind       []batch.RowKind
}

func (s *sourceColumns) Open(ctx operator.Context) error {
	s.ctx = ctx
	return nil
}

func (s *sourceColumns) Process(_ int, b *batch.Batch, out operator.Output) error {
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
		return s.rows.blame(in.N, err, func(sel []int32) error { return s.computed.evaluate(in, sel) })
	}
	s.view.cols.N = in.N
	o := &s.view.out
	o.Time, o.SplitWatermark, o.Kind = b.Time, b.SplitWatermark, b.Kind
	if s.spec.RowTime >= 0 {
		t := s.view.cols.Cols[s.spec.RowTime].(*batch.Fixed[int64])
		if null := slices.Index(t.Nulls, true); null >= 0 {
			return s.withoutTime(b, t, null, out)
		}
		o.Time = t.V
	}
	return out.Emit(o)
}

// OptionOnNull is the option of a table that says what becomes of a row without event time.
const OptionOnNull = "scan.watermark.on-null"

// withoutTime handles a batch in which rows have no event time; the first is row null.
func (s *sourceColumns) withoutTime(b *batch.Batch, t *batch.Fixed[int64], null int, out operator.Output) error {
	if !s.spec.SkipNull {
		return &operator.RowError{Row: null, Err: fault.Permanentf(s.spec.Place,
			"correct the data, set '"+OptionOnNull+"' = 'skip' to drop such rows, or declare the watermark for a computed column that gives them a time",
			"the time attribute %s of table %s is NULL in a row", s.spec.Schema.Fields[s.spec.RowTime].Name, s.spec.Table)}
	}
	s.timed = s.timed[:0]
	for i, missing := range t.Nulls {
		if !missing {
			s.timed = append(s.timed, int32(i))
		}
	}
	s.ctx.Skipped(b.Len() - len(s.timed))
	if len(s.timed) == 0 {
		return nil
	}
	s.time, s.mark, s.kind = gather(s.time, t.V, s.timed), gather(s.mark, b.SplitWatermark, s.timed), gather(s.kind, b.Kind, s.timed)
	for k, v := range s.view.cols.Cols {
		s.view.gather(k, v, s.timed)
	}
	s.view.cols.N = len(s.timed)
	o := &s.view.out
	o.Time, o.SplitWatermark, o.Kind = s.time, s.mark, s.kind
	return operator.Selected(out.Emit(o), s.timed)
}
