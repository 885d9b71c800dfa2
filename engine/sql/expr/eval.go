package expr

import (
	"fmt"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/types"
)

// Run is one evaluation over a batch. The first row that cannot be evaluated sets its error; the evaluation still ends,
// and its results are then worth nothing.
type Run struct {
	In *batch.Columns
	// File is the name of the script, for the place of errors.
	File string
	err  error
}

// Start begins an evaluation over the rows of in.
func (r *Run) Start(in *batch.Columns) { r.In, r.err = in, nil }

// Err is the first error of the rows, a permanent *fault.Error.
func (r *Run) Err() error { return r.err }

func (r *Run) fail(at parser.Pos, remedy, format string, args ...any) {
	if r.err == nil {
		r.err = fault.Permanentf(fmt.Sprintf("%s:%d:%d", r.File, at.Line, at.Column), remedy, format, args...)
	}
}

// Eval computes an expression for the rows sel, in ascending order, of the batch. Entry i of the result is row i; entries
// of other rows mean nothing. The result is valid until the next call and must not be changed; it may be a column of the
// batch itself. A NULL has the zero value at its place.
type Eval func(r *Run, sel []int32) batch.Vector

// Compile makes an evaluator with buffers of its own.
func Compile(e Expr) Eval {
	switch e := e.(type) {
	case *Column:
		index := e.Index
		return func(r *Run, _ []int32) batch.Vector { return r.In.Cols[index] }
	case *Literal:
		return compileLiteral(e)
	case *Call:
		args := make([]Eval, len(e.Args))
		for i, a := range e.Args {
			args[i] = Compile(a)
		}
		return e.build(e, args)
	}
	panic(fmt.Sprintf("an aggregate cannot be compiled: %T", e))
}

func compileLiteral(e *Literal) Eval {
	switch e.T.Kind() {
	case types.KindVarChar:
		return constantText(e.Text, e.Null)
	case types.KindBoolean:
		return constant(e.Int != 0, e.Null)
	case types.KindInt, types.KindDate:
		return constant(int32(e.Int), e.Null)
	case types.KindDouble:
		return constant(e.Float, e.Null)
	}
	return constant(e.Int, e.Null)
}

// constant returns a vector of copies, made once for the longest batch.
func constant[T batch.Value](v T, null bool) Eval {
	var all, out batch.Fixed[T]
	return func(r *Run, _ []int32) batch.Vector {
		for len(all.V) < r.In.N {
			if null {
				all.AppendNull()
			} else {
				all.Append(v)
			}
		}
		out.V = all.V[:r.In.N]
		if null {
			out.Nulls = all.Nulls[:r.In.N]
		}
		return &out
	}
}

func constantText(v string, null bool) Eval {
	var all, out batch.Strings
	return func(r *Run, _ []int32) batch.Vector {
		for all.Len() < r.In.N {
			if null {
				all.AppendNull()
			} else {
				all.AppendString(v)
			}
		}
		if r.In.N > 0 {
			out.Off, out.Buf = all.Off[:r.In.N+1], all.Buf[:len(v)*r.In.N]
		}
		if null {
			out.Buf, out.Nulls = nil, all.Nulls[:r.In.N]
		}
		return &out
	}
}

// prepare makes room for n values, none of them NULL.
func prepare[T batch.Value](f *batch.Fixed[T], n int) {
	if cap(f.V) < n {
		f.V = make([]T, n, max(n, batch.TargetRows))
	}
	f.V, f.Nulls = f.V[:n], f.Nulls[:0]
}

// mask returns a mask of n entries, all false if it was not in use.
func mask(m []bool, n int) []bool {
	if len(m) == n && n > 0 {
		return m
	}
	if cap(m) < n {
		return make([]bool, n, max(n, batch.TargetRows))
	}
	m = m[:n]
	clear(m)
	return m
}

// setNull makes value i of a prepared vector NULL.
func setNull[T batch.Value](f *batch.Fixed[T], i int32) {
	var zero T
	f.Nulls = mask(f.Nulls, len(f.V))
	f.V[i], f.Nulls[i] = zero, true
}

// inherit makes every value NULL that is NULL in the mask of an argument.
func inherit[T batch.Value](f *batch.Fixed[T], from []bool, sel []int32) {
	if len(from) == 0 {
		return
	}
	var zero T
	f.Nulls = mask(f.Nulls, len(f.V))
	for _, i := range sel {
		if from[i] {
			f.V[i], f.Nulls[i] = zero, true
		}
	}
}

// row gives functions that are not worth a loop of their own the arguments of one row.
type row struct {
	v []batch.Vector
	i int
}

func (a *row) text(k int) []byte   { return a.v[k].(*batch.Strings).At(a.i) }
func (a *row) float(k int) float64 { return a.v[k].(*batch.Fixed[float64]).V[a.i] }
func (a *row) bool(k int) bool     { return a.v[k].(*batch.Fixed[bool]).V[a.i] }
func (a *row) int(k int) int64 {
	if v, ok := a.v[k].(*batch.Fixed[int64]); ok {
		return v.V[a.i]
	}
	return int64(a.v[k].(*batch.Fixed[int32]).V[a.i])
}

// null says whether any argument is NULL.
func (a *row) anyNull() bool {
	for _, v := range a.v {
		if v.Null(a.i) {
			return true
		}
	}
	return false
}

func (a *row) fill(r *Run, sel []int32, args []Eval) {
	for k, arg := range args {
		a.v[k] = arg(r, sel)
	}
}

// rowFixed evaluates f row by row, only for rows without a NULL argument; f returns false for NULL.
func rowFixed[R batch.Value](args []Eval, f func(r *Run, a *row) (R, bool)) Eval {
	var out batch.Fixed[R]
	a := &row{v: make([]batch.Vector, len(args))}
	return func(r *Run, sel []int32) batch.Vector {
		a.fill(r, sel, args)
		prepare(&out, r.In.N)
		for _, i := range sel {
			a.i = int(i)
			if a.anyNull() {
				setNull(&out, i)
			} else if v, ok := f(r, a); ok {
				out.V[i] = v
			} else {
				setNull(&out, i)
			}
		}
		return &out
	}
}

// maxTextBytes is the longest string that a function makes; a longer one is an error, not a full memory.
const maxTextBytes = 16 << 20

// rowText evaluates f row by row; f appends its result and returns false for NULL. Strict: only for rows without a NULL
// argument, the others being NULL.
func rowText(args []Eval, strict bool, f func(r *Run, a *row, dst []byte) ([]byte, bool)) Eval {
	var out batch.Strings
	a := &row{v: make([]batch.Vector, len(args))}
	return func(r *Run, sel []int32) batch.Vector {
		a.fill(r, sel, args)
		out.Reset()
		for _, i := range sel {
			sealUntil(&out, int(i))
			a.i = int(i)
			ok := !strict || !a.anyNull()
			if ok {
				start := len(out.Buf)
				if out.Buf, ok = f(r, a, out.Buf); !ok {
					out.Buf = out.Buf[:start]
				}
			}
			out.Seal()
			if !ok {
				out.Nulls = mask(out.Nulls, r.In.N)
				out.Nulls[i] = true
			}
		}
		return &out
	}
}

// sealUntil makes strings empty up to string i, whose rows are not evaluated.
func sealUntil(s *batch.Strings, i int) {
	for s.Len() < i {
		s.Seal()
	}
}
