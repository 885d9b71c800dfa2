package expr

import (
	"bytes"
	"math"
	"strconv"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/types"
)

type number interface{ int32 | int64 | float64 }

// buildArithmetic makes + - * / % on two numbers of the type t.
func buildArithmetic(op string, t types.Type) builder {
	return func(c *Call, args []Eval) Eval {
		switch t.Kind() {
		case types.KindInt:
			return arithmetic(args, integerLoop[int32](op, c.Pos))
		case types.KindBigInt:
			return arithmetic(args, integerLoop[int64](op, c.Pos))
		}
		return arithmetic(args, floatLoop(op))
	}
}

// loop computes out for the rows sel; nulls says which of them have a NULL argument.
type loop[T number] func(r *Run, out, x, y []T, sel []int32, nulls []bool)

func arithmetic[T number](args []Eval, f loop[T]) Eval {
	var out batch.Fixed[T]
	return func(r *Run, sel []int32) batch.Vector {
		x := args[0](r, sel).(*batch.Fixed[T])
		y := args[1](r, sel).(*batch.Fixed[T])
		prepare(&out, r.In.N)
		inherit(&out, x.Nulls, sel)
		inherit(&out, y.Nulls, sel)
		f(r, out.V, x.V, y.V, sel, out.Nulls)
		inherit(&out, out.Nulls, sel)
		return &out
	}
}

func add[T number](_ *Run, out, x, y []T, sel []int32, _ []bool) {
	for _, i := range sel {
		out[i] = x[i] + y[i]
	}
}

func subtract[T number](_ *Run, out, x, y []T, sel []int32, _ []bool) {
	for _, i := range sel {
		out[i] = x[i] - y[i]
	}
}

func multiply[T number](_ *Run, out, x, y []T, sel []int32, _ []bool) {
	for _, i := range sel {
		out[i] = x[i] * y[i]
	}
}

func floatLoop(op string) loop[float64] {
	switch op {
	case "+":
		return add[float64]
	case "-":
		return subtract[float64]
	case "*":
		return multiply[float64]
	}
	return func(_ *Run, out, x, y []float64, sel []int32, _ []bool) {
		for _, i := range sel {
			out[i] = x[i] / y[i]
		}
	}
}

func integerLoop[T int32 | int64](op string, at parser.Pos) loop[T] {
	switch op {
	case "+":
		return add[T]
	case "-":
		return subtract[T]
	case "*":
		return multiply[T]
	}
	modulo := op == "%"
	return func(r *Run, out, x, y []T, sel []int32, nulls []bool) {
		for _, i := range sel {
			switch {
			case len(nulls) > 0 && nulls[i]:
			case y[i] == 0:
				r.fail(at, "guard it: write NULLIF(b, 0) for the divisor, or CASE WHEN b <> 0 THEN ... END", "division by zero")
			case modulo:
				out[i] = x[i] % y[i]
			default:
				out[i] = x[i] / y[i]
			}
		}
	}
}

// buildCompare makes a comparison of two values of one type.
func buildCompare(op string, t types.Type) builder {
	return func(_ *Call, args []Eval) Eval {
		switch t.Kind() {
		case types.KindVarChar:
			return compareText(op, args)
		case types.KindBoolean:
			return compareBool(op, args)
		case types.KindInt, types.KindDate:
			return compareFixed(args, compareLoop[int32](op))
		case types.KindDouble:
			return compareFixed(args, compareLoop[float64](op))
		}
		return compareFixed(args, compareLoop[int64](op))
	}
}

func compareFixed[T number](args []Eval, f func(out []bool, x, y []T, sel []int32)) Eval {
	var out batch.Fixed[bool]
	return func(r *Run, sel []int32) batch.Vector {
		x := args[0](r, sel).(*batch.Fixed[T])
		y := args[1](r, sel).(*batch.Fixed[T])
		prepare(&out, r.In.N)
		f(out.V, x.V, y.V, sel)
		inherit(&out, x.Nulls, sel)
		inherit(&out, y.Nulls, sel)
		return &out
	}
}

func compareLoop[T number](op string) func(out []bool, x, y []T, sel []int32) {
	switch op {
	case "=":
		return func(out []bool, x, y []T, sel []int32) {
			for _, i := range sel {
				out[i] = x[i] == y[i]
			}
		}
	case "<>":
		return func(out []bool, x, y []T, sel []int32) {
			for _, i := range sel {
				out[i] = x[i] != y[i]
			}
		}
	case "<", ">":
		return func(out []bool, x, y []T, sel []int32) {
			if op == ">" {
				x, y = y, x
			}
			for _, i := range sel {
				out[i] = x[i] < y[i]
			}
		}
	}
	return func(out []bool, x, y []T, sel []int32) {
		if op == ">=" {
			x, y = y, x
		}
		for _, i := range sel {
			out[i] = x[i] <= y[i]
		}
	}
}

// holdsFor are the comparisons that ask for an order, by what a three-way comparison says.
var holdsFor = map[string]func(int) bool{
	"<":  func(c int) bool { return c < 0 },
	"<=": func(c int) bool { return c <= 0 },
	">":  func(c int) bool { return c > 0 },
	">=": func(c int) bool { return c >= 0 },
}

func compareText(op string, args []Eval) Eval {
	holds := holdsFor[op]
	var out batch.Fixed[bool]
	return func(r *Run, sel []int32) batch.Vector {
		x := args[0](r, sel).(*batch.Strings)
		y := args[1](r, sel).(*batch.Strings)
		prepare(&out, r.In.N)
		if holds == nil {
			for _, i := range sel {
				out.V[i] = bytes.Equal(x.At(int(i)), y.At(int(i))) == (op == "=")
			}
		} else {
			for _, i := range sel {
				out.V[i] = holds(bytes.Compare(x.At(int(i)), y.At(int(i))))
			}
		}
		inherit(&out, x.Nulls, sel)
		inherit(&out, y.Nulls, sel)
		return &out
	}
}

// compareBool compares truth values, of which FALSE is the lesser.
func compareBool(op string, args []Eval) Eval {
	holds := holdsFor[op]
	if holds == nil {
		holds = func(c int) bool { return (c == 0) == (op == "=") }
	}
	var out batch.Fixed[bool]
	return func(r *Run, sel []int32) batch.Vector {
		x := args[0](r, sel).(*batch.Fixed[bool])
		y := args[1](r, sel).(*batch.Fixed[bool])
		prepare(&out, r.In.N)
		for _, i := range sel {
			out.V[i] = holds(oneOrZero[int](x.V[i]) - oneOrZero[int](y.V[i]))
		}
		inherit(&out, x.Nulls, sel)
		inherit(&out, y.Nulls, sel)
		return &out
	}
}

// buildUnary makes a function of one number, by the type of its argument; a nil function does not exist for that type.
func buildUnary(i32 func(int32) int32, i64 func(int64) int64, f64 func(float64) float64) builder {
	return func(c *Call, args []Eval) Eval {
		switch c.T.Kind() {
		case types.KindInt:
			return mapFixed(args[0], i32)
		case types.KindBigInt:
			return mapFixed(args[0], i64)
		}
		return mapFixed(args[0], f64)
	}
}

func mapFixed[A, R batch.Value](arg Eval, f func(A) R) Eval {
	var out batch.Fixed[R]
	return func(r *Run, sel []int32) batch.Vector {
		v := arg(r, sel).(*batch.Fixed[A])
		prepare(&out, r.In.N)
		for _, i := range sel {
			out.V[i] = f(v.V[i])
		}
		inherit(&out, v.Nulls, sel)
		return &out
	}
}

func negate[T number](v T) T { return -v }

func absolute[T number](v T) T {
	if v < 0 {
		return -v
	}
	return v
}

func sign[T number](v T) T {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return v
}

func same[T number](v T) T { return v }

// buildRound makes ROUND(x, digits): half away from zero on the decimal digits that a person sees, as Flink does.
func buildRound(c *Call, args []Eval) Eval {
	if c.T.Is(types.KindDouble) {
		return rowFixed(args, func(_ *Run, a *row) (float64, bool) { return round(a.float(0), int(clampDigits(a.int(1)))), true })
	}
	if c.T.Is(types.KindInt) {
		return rowFixed(args, func(_ *Run, a *row) (int32, bool) { return int32(roundInteger(a.int(0), a.int(1))), true })
	}
	return rowFixed(args, func(_ *Run, a *row) (int64, bool) { return roundInteger(a.int(0), a.int(1)), true })
}

// buildTruncate makes TRUNCATE(x, digits), which drops the digits that ROUND rounds.
func buildTruncate(c *Call, args []Eval) Eval {
	switch c.T.Kind() {
	case types.KindDouble:
		return rowFixed(args, func(_ *Run, a *row) (float64, bool) { return cut(a.float(0), int(clampDigits(a.int(1))), false), true })
	case types.KindInt:
		return rowFixed(args, func(_ *Run, a *row) (int32, bool) { return int32(cutInteger(a.int(0), a.int(1))), true })
	}
	return rowFixed(args, func(_ *Run, a *row) (int64, bool) { return cutInteger(a.int(0), a.int(1)), true })
}

// buildLog makes LOG(x) or LOG(base, x), with Flink's formula.
func buildLog(_ *Call, args []Eval) Eval {
	if len(args) == 1 {
		return mapFixed(args[0], ln)
	}
	return rowFixed(args, func(_ *Run, a *row) (float64, bool) { return ln(a.float(1)) / ln(a.float(0)), true })
}

func clampDigits(n int64) int64 { return max(-400, min(400, n)) }

// cutInteger makes the last -digits digits zero.
func cutInteger(v, digits int64) int64 {
	if digits >= 0 {
		return v
	}
	if digits < -18 {
		return 0
	}
	return v - v%powerOfTen(-digits)
}

// powerOfTen returns 10^n for n from 0 to 18.
func powerOfTen(n int64) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

// roundInteger rounds to 10^-digits; digits at or above 0 change nothing.
func roundInteger(v, digits int64) int64 {
	if digits >= 0 {
		return v
	}
	if digits < -18 {
		return 0
	}
	unit := powerOfTen(-digits)
	rest := v % unit
	v -= rest
	switch {
	case rest >= unit-rest && rest > 0:
		v += unit
	case -rest >= unit+rest && rest < 0:
		v -= unit
	}
	return v
}

func round(v float64, digits int) float64 {
	if digits == 0 {
		return math.Round(v) + 0 // decimals have no -0.0
	}
	return cut(v, digits, true)
}

// cut drops the decimal digits behind a place; half says to round half away from zero.
func cut(v float64, digits int, half bool) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return v
	}
	// d.ddde±xx: the shortest digits that mean v, of which those behind the place are dropped.
	var buf [40]byte
	text := strconv.AppendFloat(buf[:0], v, 'e', -1, 64)
	e := bytes.IndexByte(text, 'e')
	exponent, err := strconv.Atoi(string(text[e+1:]))
	if err != nil {
		return v
	}
	first := 0
	if text[0] == '-' {
		first = 1
	}
	var own [40]byte
	digitsOf := append(append(own[:0], text[first]), text[min(first+2, e):e]...)
	keep := exponent + 1 + digits // digits that stay
	if keep >= len(digitsOf) {
		return v + 0
	}
	if keep < 0 {
		return 0
	}
	up := half && digitsOf[keep] >= '5'
	mantissa, err := strconv.ParseUint("0"+string(digitsOf[:keep]), 10, 64)
	if err != nil {
		return v
	}
	if up {
		mantissa++
	}
	out := strconv.AppendUint(make([]byte, 0, 40), mantissa, 10)
	out = append(out, 'e')
	out = strconv.AppendInt(out, int64(-digits), 10)
	f, err := strconv.ParseFloat(string(out), 64)
	if err != nil {
		return v
	}
	if f == 0 {
		return 0
	}
	return math.Copysign(f, v)
}

const leastNormal = 0x1p-1022

// ln is the natural logarithm. That of the standard library is wrong below the normal numbers on some processors.
func ln(x float64) float64 {
	if x > 0 && x < leastNormal {
		return math.Log(x*0x1p54) - 54*math.Ln2
	}
	return math.Log(x)
}

// log10 is exact for powers of ten.
func log10(x float64) float64 {
	v := math.Log10(x)
	if x > 0 && x < leastNormal {
		v = math.Log10(x*0x1p54) - 54*math.Ln2/math.Ln10
	}
	if n := math.Round(v); math.Abs(v-n) < 1e-9 && n >= -323 && n <= 308 && math.Pow10(int(n)) == x {
		return n
	}
	return v
}

// power is x to the power of y as in Java, for which 1 has no infinite powers; it is exact for powers of ten.
func power(x, y float64) float64 {
	small := math.Abs(y) <= 1000
	switch {
	case math.IsNaN(y) || (x == 1 || x == -1) && math.IsInf(y, 0):
		return math.NaN()
	case x == 10 && small && y == math.Trunc(y):
		return math.Pow10(int(y))
	case x == 100 && small && 2*y == math.Trunc(2*y):
		return math.Pow10(int(2 * y))
	}
	return math.Pow(x, y)
}

// squareRoot is that of Flink, which takes the power of one half: -0.0 and -Infinity have one.
func squareRoot(x float64) float64 {
	if x == 0 || math.IsInf(x, -1) {
		return math.Abs(x)
	}
	return math.Sqrt(x)
}

// Precedes is the order of values in GREATEST, LEAST, MIN and MAX. It is total, so that no result depends on the order in
// which values come: -0.0 comes before 0.0, and NaN behind all numbers, as Java's Double.compare has it. Comparisons, = and
// the like, are those of IEEE 754 instead, and GROUP BY takes -0.0 for 0.0 and every NaN for the same.
func Precedes[T int32 | int64 | float64](a, b T) bool {
	switch {
	case a < b:
		return true
	case a == b:
		return math.Signbit(float64(a)) && !math.Signbit(float64(b))
	}
	return math.IsNaN(float64(b)) && !math.IsNaN(float64(a))
}

// buildExtreme makes GREATEST (want is 1) or LEAST (want is -1): NULL if any argument is.
func buildExtreme(want int) builder {
	return func(c *Call, args []Eval) Eval {
		better := func(x, y int) bool { return x*want > y*want }
		switch c.T.Kind() {
		case types.KindVarChar:
			return rowText(args, true, func(_ *Run, a *row, dst []byte) ([]byte, bool) {
				best := a.text(0)
				for k := 1; k < len(args); k++ {
					if v := a.text(k); better(bytes.Compare(v, best), 0) {
						best = v
					}
				}
				return append(dst, best...), true
			})
		case types.KindDouble:
			return rowFixed(args, func(_ *Run, a *row) (float64, bool) {
				best := a.float(0)
				for k := 1; k < len(args); k++ {
					if v := a.float(k); want > 0 && Precedes(best, v) || want < 0 && Precedes(v, best) {
						best = v
					}
				}
				return best, true
			})
		case types.KindBoolean:
			return rowFixed(args, func(_ *Run, a *row) (bool, bool) {
				best := a.bool(0)
				for k := 1; k < len(args); k++ {
					if v := a.bool(k); v == (want > 0) {
						best = v
					}
				}
				return best, true
			})
		case types.KindInt, types.KindDate:
			return rowFixed(args, func(_ *Run, a *row) (int32, bool) { return int32(extremeInteger(a, want > 0)), true })
		}
		return rowFixed(args, func(_ *Run, a *row) (int64, bool) { return extremeInteger(a, want > 0), true })
	}
}

func extremeInteger(a *row, greatest bool) int64 {
	best := a.int(0)
	for k := 1; k < len(a.v); k++ {
		if v := a.int(k); (v > best) == greatest && v != best {
			best = v
		}
	}
	return best
}
