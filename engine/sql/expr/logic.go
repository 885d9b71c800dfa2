package expr

import (
	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/types"
)

// buildLogical makes AND (stop is false) or OR (stop is true): three-valued, and a row for which an argument has
// decided is not evaluated further.
func buildLogical(stop bool) builder {
	return func(_ *Call, args []Eval) Eval {
		var out batch.Fixed[bool]
		var open []int32
		return func(r *Run, sel []int32) batch.Vector {
			prepare(&out, r.In.N)
			for _, i := range sel {
				out.V[i] = !stop
			}
			open = append(open[:0], sel...)
			for _, arg := range args {
				if len(open) == 0 {
					break
				}
				v := arg(r, open).(*batch.Fixed[bool])
				kept := open[:0]
				for _, i := range open {
					switch {
					case v.Null(int(i)):
						setNull(&out, i)
					case v.V[i] == stop:
						out.V[i] = stop
						if len(out.Nulls) > 0 {
							out.Nulls[i] = false
						}
						continue
					}
					kept = append(kept, i)
				}
				open = kept
			}
			return &out
		}
	}
}

func buildNot(_ *Call, args []Eval) Eval {
	var out batch.Fixed[bool]
	return func(r *Run, sel []int32) batch.Vector {
		v := args[0](r, sel).(*batch.Fixed[bool])
		prepare(&out, r.In.N)
		for _, i := range sel {
			out.V[i] = !v.V[i]
		}
		inherit(&out, v.Nulls, sel)
		return &out
	}
}

// buildIsNull makes IS NULL, or IS NOT NULL if not is set. It is never NULL.
func buildIsNull(not bool) builder {
	return func(_ *Call, args []Eval) Eval {
		var out batch.Fixed[bool]
		return func(r *Run, sel []int32) batch.Vector {
			nulls := args[0](r, sel).NullMask()
			prepare(&out, r.In.N)
			for _, i := range sel {
				out.V[i] = (len(nulls) > 0 && nulls[i]) != not
			}
			return &out
		}
	}
}

// NotNull is the value of an expression, and fails the run at a place if it is NULL.
func NotNull(e Expr, at parser.Pos, msg, remedy string) Expr {
	if !e.Type().Nullable() {
		return e
	}
	return call(at, "NOT_NULL", e.Type(), func(c *Call, args []Eval) Eval {
		return func(r *Run, sel []int32) batch.Vector {
			v := args[0](r, sel)
			if nulls := v.NullMask(); len(nulls) > 0 {
				for _, i := range sel {
					if nulls[i] {
						r.fail(c.Pos, remedy, "%s", msg)
						break
					}
				}
			}
			return v
		}
	}, e).nullable(false)
}

// buildIsTruth makes IS TRUE or IS FALSE; with not, IS NOT TRUE or IS NOT FALSE. It is never NULL.
func buildIsTruth(truth, not bool) builder {
	return func(_ *Call, args []Eval) Eval {
		var out batch.Fixed[bool]
		return func(r *Run, sel []int32) batch.Vector {
			v := args[0](r, sel).(*batch.Fixed[bool])
			prepare(&out, r.In.N)
			for _, i := range sel {
				out.V[i] = (!v.Null(int(i)) && v.V[i] == truth) != not
			}
			return &out
		}
	}
}

// choice collects for each row which of several results it takes.
type choice struct {
	from    []int32 // index into results; -1: NULL
	results []batch.Vector
	gather  func(n int, sel []int32, from []int32, results []batch.Vector) batch.Vector
}

func newChoice(t types.Type, results int) *choice {
	c := &choice{results: make([]batch.Vector, results)}
	switch t.Kind() {
	case types.KindVarChar:
		c.gather = gatherText()
	case types.KindBoolean:
		c.gather = gatherFixed[bool]()
	case types.KindInt, types.KindDate:
		c.gather = gatherFixed[int32]()
	case types.KindDouble:
		c.gather = gatherFixed[float64]()
	default:
		c.gather = gatherFixed[int64]()
	}
	return c
}

func (c *choice) start(n int, sel []int32) {
	if cap(c.from) < n {
		c.from = make([]int32, n, max(n, batch.TargetRows))
	}
	c.from = c.from[:n]
	for _, i := range sel {
		c.from[i] = -1
	}
}

func (c *choice) take(result int, v batch.Vector, rows []int32) {
	c.results[result] = v
	for _, i := range rows {
		c.from[i] = int32(result)
	}
}

func gatherFixed[T batch.Value]() func(int, []int32, []int32, []batch.Vector) batch.Vector {
	var out batch.Fixed[T]
	return func(n int, sel, from []int32, results []batch.Vector) batch.Vector {
		prepare(&out, n)
		for _, i := range sel {
			if from[i] < 0 {
				setNull(&out, i)
				continue
			}
			v := results[from[i]].(*batch.Fixed[T])
			if out.V[i] = v.V[i]; v.Null(int(i)) {
				setNull(&out, i)
			}
		}
		return &out
	}
}

func gatherText() func(int, []int32, []int32, []batch.Vector) batch.Vector {
	var out batch.Strings
	return func(n int, sel, from []int32, results []batch.Vector) batch.Vector {
		out.Reset()
		for _, i := range sel {
			sealUntil(&out, int(i))
			null := from[i] < 0
			if !null {
				v := results[from[i]].(*batch.Strings)
				if null = v.Null(int(i)); !null {
					out.Buf = append(out.Buf, v.At(int(i))...)
				}
			}
			out.Seal()
			if null {
				out.Nulls = mask(out.Nulls, n)
				out.Nulls[i] = true
			}
		}
		return &out
	}
}

// buildCase makes CASE: arguments are pairs of condition and result, and perhaps one last result.
func buildCase(c *Call, args []Eval) Eval {
	pick := newChoice(c.T, len(args))
	var open, taken []int32
	return func(r *Run, sel []int32) batch.Vector {
		pick.start(r.In.N, sel)
		open = append(open[:0], sel...)
		for k := 0; k+1 < len(args) && len(open) > 0; k += 2 {
			cond := args[k](r, open).(*batch.Fixed[bool])
			kept := open[:0]
			taken = taken[:0]
			for _, i := range open {
				if cond.V[i] && !cond.Null(int(i)) {
					taken = append(taken, i)
				} else {
					kept = append(kept, i)
				}
			}
			open = kept
			if len(taken) > 0 {
				pick.take(k+1, args[k+1](r, taken), taken)
			}
		}
		if last := len(args) - 1; len(args)%2 == 1 && len(open) > 0 {
			pick.take(last, args[last](r, open), open)
		}
		return pick.gather(r.In.N, sel, pick.from, pick.results)
	}
}

// buildCoalesce makes COALESCE: an argument is evaluated for the rows whose earlier ones are all NULL.
func buildCoalesce(c *Call, args []Eval) Eval {
	pick := newChoice(c.T, len(args))
	var open, taken []int32
	return func(r *Run, sel []int32) batch.Vector {
		pick.start(r.In.N, sel)
		open = append(open[:0], sel...)
		for k, arg := range args {
			if len(open) == 0 {
				break
			}
			v := arg(r, open)
			kept := open[:0]
			taken = taken[:0]
			for _, i := range open {
				if v.Null(int(i)) {
					kept = append(kept, i)
				} else {
					taken = append(taken, i)
				}
			}
			open = kept
			pick.take(k, v, taken)
		}
		return pick.gather(r.In.N, sel, pick.from, pick.results)
	}
}
