package expr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/sql/datetime"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/types"
)

// Expr is a bound expression: *Column, *Literal, *Call or *Aggregate. It is immutable; many subtasks compile the same one.
type Expr interface {
	At() parser.Pos
	Type() types.Type
}

type (
	// Column is a column of the input.
	Column struct {
		parser.Pos
		Index int
		Name  string
		T     types.Type
	}
	// Literal is a constant. It is of T, without NULL if it is none. The zero T is that of a bare NULL.
	Literal struct {
		parser.Pos
		T     types.Type
		Null  bool
		Int   int64 // INT, BIGINT, DATE (days), TIMESTAMP (ms), BOOLEAN (0 or 1)
		Float float64
		Text  string
		// Digits is how many digits behind the second a TIMESTAMP is written with, 0 to 3.
		Digits int
	}
	// Call is an operator or a function.
	Call struct {
		parser.Pos
		Name  string
		Args  []Expr
		T     types.Type
		build builder
		size  int // the number of calls in it, itself included
	}
	// Aggregate is a call of an aggregate function, which the planner replaces by a column before anything is compiled.
	Aggregate struct {
		parser.Pos
		Function string // COUNT, SUM, MIN, MAX, AVG
		Arg      Expr   // nil: COUNT(*)
		Distinct bool   // each value counts once
		T        types.Type
	}
)

// builder makes the evaluator of a call from those of its arguments.
type builder func(c *Call, args []Eval) Eval

// MaxCalls is how many operators and functions an expression may have once computed columns, and operands that are needed
// twice, stand in their places: more than a text of parser.MaxBytes can write out.
const MaxCalls = 1 << 17

// call makes a call whose result is of a type, and may be NULL if any argument may.
func call(at parser.Pos, name string, t types.Type, build builder, args ...Expr) *Call {
	c := &Call{Pos: at, Name: name, Args: args, T: t.WithNull(anyNullable(args)), build: build, size: 1}
	for _, a := range args {
		c.size += calls(a)
	}
	return c
}

// nullable says of a call whether its result may be NULL, where that is not decided by whether any argument may.
func (e *Call) nullable(may bool) *Call {
	e.T = e.T.WithNull(may)
	return e
}

func anyNullable(es []Expr) bool {
	return slices.ContainsFunc(es, func(e Expr) bool { return e.Type().Nullable() })
}

func allNullable(es []Expr) bool {
	return !slices.ContainsFunc(es, func(e Expr) bool { return !e.Type().Nullable() })
}

// calls is the number of calls in an expression.
func calls(e Expr) int {
	switch e := e.(type) {
	case *Call:
		return e.size
	case *Aggregate:
		if e.Arg != nil {
			return calls(e.Arg)
		}
	}
	return 0
}

// Type is the type of the column.
func (e *Column) Type() types.Type { return e.T }

// Type is the type of the constant.
func (e *Literal) Type() types.Type { return e.T.WithNull(e.Null) }

// Type is the type of the result.
func (e *Call) Type() types.Type { return e.T }

// Type is the type of the result.
func (e *Aggregate) Type() types.Type { return e.T }

// Format writes an expression in one canonical form, with the columns as name writes them. Two expressions with equal
// forms have equal values.
func Format(e Expr, name func(*Column) string) string {
	var b strings.Builder
	format(&b, e, name)
	return b.String()
}

func format(b *strings.Builder, e Expr, name func(*Column) string) {
	switch e := e.(type) {
	case *Column:
		b.WriteString(name(e))
	case *Literal:
		b.WriteString(e.text())
	case *Aggregate:
		b.WriteString(e.Function + "(")
		if e.Distinct {
			b.WriteString("DISTINCT ")
		}
		if e.Arg == nil {
			b.WriteString("*")
		} else {
			format(b, e.Arg, name)
		}
		b.WriteString(")")
	case *Call:
		between := ", "
		if infix[e.Name] && len(e.Args) > 1 {
			between = " " + e.Name + " "
		} else {
			b.WriteString(e.Name)
		}
		b.WriteString("(")
		for i, a := range e.Args {
			if i > 0 {
				b.WriteString(between)
			}
			format(b, a, name)
		}
		b.WriteString(")")
	}
}

// infix are the operators that stand between their operands.
var infix = map[string]bool{"+": true, "-": true, "*": true, "/": true, "%": true, "||": true, "=": true, "<>": true, "<": true, "<=": true,
	">": true, ">=": true, "AND": true, "OR": true}

func (e *Literal) text() string {
	if e.Null {
		return "NULL"
	}
	switch e.T.Kind() {
	case types.KindVarChar:
		return "'" + strings.ReplaceAll(e.Text, "'", "''") + "'"
	case types.KindBoolean:
		return strings.ToUpper(strconv.FormatBool(e.Int != 0))
	case types.KindDouble:
		return string(codec.AppendJavaDouble(nil, e.Float))
	case types.KindDate:
		return "DATE '" + string(datetime.AppendDate(nil, e.Int)) + "'"
	case types.KindTimestamp:
		return "TIMESTAMP '" + string(datetime.AppendTimestamp(nil, e.Int)) + "'"
	}
	return strconv.FormatInt(e.Int, 10)
}

// Walk calls f for an expression and all below it, as long as f returns true.
func Walk(e Expr, f func(Expr) bool) {
	if !f(e) {
		return
	}
	switch e := e.(type) {
	case *Call:
		for _, a := range e.Args {
			Walk(a, f)
		}
	case *Aggregate:
		if e.Arg != nil {
			Walk(e.Arg, f)
		}
	}
}

// Rewrite returns an expression with every part for which f returns another one replaced, from the top down.
func Rewrite(e Expr, f func(Expr) (Expr, error)) (Expr, error) {
	out, err := f(e)
	if err != nil || out != nil {
		return out, err
	}
	c, ok := e.(*Call)
	if !ok {
		return e, nil
	}
	call := *c
	call.Args = make([]Expr, len(c.Args))
	for i, a := range c.Args {
		if call.Args[i], err = Rewrite(a, f); err != nil {
			return nil, err
		}
	}
	return &call, nil
}

// numeric says whether values of the type can be added.
func numeric(t types.Type) bool {
	return t.Is(types.KindInt) || t.Is(types.KindBigInt) || t.Is(types.KindDouble)
}

func integer(t types.Type) bool { return t.Is(types.KindInt, types.KindBigInt) }

// Common returns the type that values of both types widen to without a CAST. It has NULL if one of them has.
func Common(a, b types.Type) (types.Type, bool) {
	null := a.Nullable() || b.Nullable()
	switch {
	case b.Is(types.KindNull) || a.Same(b):
		return a.WithNull(null), true
	case a.Is(types.KindNull):
		return b.WithNull(null), true
	case numeric(a) && numeric(b):
		if a.Kind() < b.Kind() { // INT, BIGINT, DOUBLE
			a = b
		}
		return a.WithNull(null), true
	case a.Is(types.KindDate) && b.Is(types.KindTimestamp), a.Is(types.KindTimestamp) && b.Is(types.KindDate):
		return types.Timestamp(3).WithNull(null), true
	}
	return types.Null(), false
}

// Coerce widens an expression to a type; it fails if that takes a CAST. It makes no NULL, and none away.
func Coerce(e Expr, to types.Type) (Expr, bool) {
	from := e.Type()
	if from.Same(to) {
		return e, true
	}
	if t, ok := Common(from, to); !ok || !t.Same(to) {
		return nil, false
	}
	if l, ok := e.(*Literal); ok {
		return l.widen(to), true
	}
	if c, ok := e.(*Call); ok && c.Name == "%" && c.Args[0].Type().Same(to) {
		// The rest of a BIGINT and an INT has been computed in 64 bits, and only cut to the type of the divisor.
		return call(c.Pos, c.Name, to, buildArithmetic(c.Name, to), c.Args...), true
	}
	return call(e.At(), "CAST_"+typeWord(to), to, castBuilder(from, to, false), e), true
}

func (e *Literal) widen(to types.Type) *Literal {
	l := *e
	switch {
	case to.Is(types.KindDouble) && !e.T.Is(types.KindNull):
		l.Float, l.Int = float64(e.Int), 0
	case to.Is(types.KindTimestamp) && e.T.Is(types.KindDate):
		l.Int *= datetime.DayMS
	}
	l.T = to
	return &l
}

// typeWord is a type's name in the canonical form of a cast.
func typeWord(t types.Type) string {
	s, _, _ := strings.Cut(t.String(), "(")
	return s
}

// TypeOf returns the type that a name means.
func TypeOf(n parser.TypeName) (types.Type, error) {
	full := n.Name
	if len(n.Args) > 0 {
		full += strings.ReplaceAll(fmt.Sprint(n.Args), " ", ", ")
		full = strings.NewReplacer("[", "(", "]", ")").Replace(full)
	}
	if n.Name == "VARCHAR" && (len(n.Args) == 0 || len(n.Args) == 1 && n.Args[0] > 0) {
		return types.String(), nil
	}
	switch full {
	case "STRING":
		return types.String(), nil
	case "BOOLEAN":
		return types.Boolean(), nil
	case "INT", "INTEGER":
		return types.Int(), nil
	case "BIGINT":
		return types.BigInt(), nil
	case "DOUBLE":
		return types.Double(), nil
	case "DATE":
		return types.Date(), nil
	case "TIMESTAMP(3)":
		return types.Timestamp(3), nil
	}
	remedy := "the types are STRING, BOOLEAN, INT, BIGINT, DOUBLE, DATE and TIMESTAMP(3)"
	switch n.Name {
	case "VARCHAR", "CHAR", "STRING":
		remedy = "use STRING"
	case "TINYINT", "SMALLINT":
		remedy = "use INT"
	case "FLOAT", "REAL", "DECIMAL", "NUMERIC", "DEC":
		remedy = "use DOUBLE"
	case "TIMESTAMP", "TIMESTAMP_LTZ":
		remedy = "use TIMESTAMP(3)"
	}
	return types.Null(), parser.Unsupported(n.Pos, "the type "+full, remedy)
}
