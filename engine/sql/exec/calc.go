package exec

import (
	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/sql/expr"
)

// CalcSpec describes a filter and a projection in one.
type CalcSpec struct {
	File string
	// Filter are conditions that must all be true; a row that one of them excludes does not reach the next.
	Filter []expr.Expr
	// Out are the columns of the result, for Schema.
	Out    []expr.Expr
	Schema *batch.Schema
}

// Calc returns the operator of a filter and projection. Rows keep their event time, split watermark and window.
func Calc(s CalcSpec) operator.Factory {
	return factory(func() operator.Operator {
		return &calc{filter: newProgram(s.File, s.Filter), project: newProgram(s.File, s.Out), view: newView(s.Schema)}
	})
}

type calc struct {
	operator.Stateless
	filter, project program
	view            view
	rows            selection
	time, mark, win []int64
	kind            []batch.RowKind
}

func (c *calc) Process(_ int, b *batch.Batch, out operator.Output) error {
	in := columnsOf(b)
	sel, err := c.selectRows(in, c.rows.all(in.N))
	if err != nil {
		return c.blame(in, err)
	}
	if len(sel) == 0 {
		return nil
	}
	c.project.run.Start(in)
	whole := len(sel) == in.N
	for k, eval := range c.project.evals {
		v := eval(&c.project.run, sel)
		if whole {
			c.view.alias(k, v)
		} else {
			c.view.gather(k, v, sel)
		}
	}
	if err := c.project.run.Err(); err != nil {
		return c.blame(in, err)
	}
	o := &c.view.out
	c.view.cols.N = len(sel)
	o.Time, o.SplitWatermark, o.Window, o.Kind = b.Time, b.SplitWatermark, b.Window, b.Kind
	if !whole {
		c.time = gather(c.time, b.Time, sel)
		c.mark = gather(c.mark, b.SplitWatermark, sel)
		c.win = gather(c.win, b.Window, sel)
		c.kind = gather(c.kind, b.Kind, sel)
		divide(c.kind, b.Kind, sel)
		o.Time, o.SplitWatermark, o.Window, o.Kind = c.time, c.mark, c.win, c.kind
	}
	err = out.Emit(o)
	if err != nil && !whole {
		return operator.Selected(err, sel)
	}
	return err
}

// divide makes of an update of which one half alone was selected what that half is by itself: a delete, or an insert. kinds are those
// of the rows sel of all. The halves of an update stand one behind the other, and in one batch.
func divide(kinds, all []batch.RowKind, sel []int32) {
	for k, kind := range kinds {
		i := int(sel[k])
		switch kind {
		case batch.UpdateBefore:
			if i+1 < len(all) && all[i+1] == batch.UpdateAfter && (k+1 == len(sel) || int(sel[k+1]) != i+1) {
				kinds[k] = batch.Delete
			}
		case batch.UpdateAfter:
			if i > 0 && all[i-1] == batch.UpdateBefore && (k == 0 || int(sel[k-1]) != i-1) {
				kinds[k] = batch.Insert
			}
		}
	}
}

// blame finds the row that cannot be evaluated.
func (c *calc) blame(in *batch.Columns, err error) error {
	return c.rows.blame(in.N, err, func(rows []int32) error {
		sel, err := c.selectRows(in, rows)
		if err != nil {
			return err
		}
		return c.project.evaluate(in, sel)
	})
}

// selectRows returns those of the rows sel for which all conditions are true.
func (c *calc) selectRows(in *batch.Columns, sel []int32) ([]int32, error) {
	if len(c.filter.evals) == 0 {
		return sel, nil
	}
	return c.filter.trueRows(in, sel)
}
