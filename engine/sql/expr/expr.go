package expr

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/sql/datetime"
	"github.com/weirstream/weir/engine/sql/parser"
)

// Expr is a bound expression: *Column, *Literal, *Call or *Aggregate. It is immutable; many subtasks compile the same one.
type Expr interface {
	At() parser.Pos
	Type() batch.Type
}

type (
	// Column is a column of the input.
	Column struct {
		parser.Pos
		Index int
		Name  string
		T     batch.Type
	}
	// Literal is a constant. Type Unknown is a bare NULL.
	Literal struct {
		parser.Pos
		T     batch.Type
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
		T     batch.Type
		build builder
		size  int // the number of calls in it, itself included
	}
	// Aggregate is a call of an aggregate function, which the planner replaces by a column before anything is compiled.
	Aggregate struct {
		parser.Pos
		Function string // COUNT, SUM, MIN, MAX, AVG
		Arg      Expr   // nil: COUNT(*)
		T        batch.Type
	}
)

// builder makes the evaluator of a call from those of its arguments.
type builder func(c *Call, args []Eval) Eval

// MaxCalls is how many operators and functions an expression may have once computed columns, and operands that are needed
// twice, stand in their places: more than a text of parser.MaxBytes can write out.
const MaxCalls = 1 << 17

func call(at parser.Pos, name string, t batch.Type, build builder, args ...Expr) *Call {
	c := &Call{Pos: at, Name: name, Args: args, T: t, build: build, size: 1}
	for _, a := range args {
		c.size += calls(a)
	}
	return c
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
func (e *Column) Type() batch.Type { return e.T }

// Type is the type of the constant.
func (e *Literal) Type() batch.Type { return e.T }

// Type is the type of the result.
func (e *Call) Type() batch.Type { return e.T }

// Type is the type of the result.
func (e *Aggregate) Type() batch.Type { return e.T }

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
	switch e.T {
	case batch.String:
		return "'" + strings.ReplaceAll(e.Text, "'", "''") + "'"
	case batch.Boolean:
		return strings.ToUpper(strconv.FormatBool(e.Int != 0))
	case batch.Double:
		return string(codec.AppendJavaDouble(nil, e.Float))
	case batch.Date:
		return "DATE '" + string(datetime.AppendDate(nil, e.Int)) + "'"
	case batch.Timestamp:
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
func numeric(t batch.Type) bool { return t == batch.Int || t == batch.BigInt || t == batch.Double }

func integer(t batch.Type) bool { return t == batch.Int || t == batch.BigInt }

// Common returns the type that values of both types widen to without a CAST.
func Common(a, b batch.Type) (batch.Type, bool) {
	switch {
	case a == b || b == batch.Unknown:
		return a, true
	case a == batch.Unknown:
		return b, true
	case numeric(a) && numeric(b):
		return max(a, b), true // Int < BigInt < Double
	case a == batch.Date && b == batch.Timestamp, a == batch.Timestamp && b == batch.Date:
		return batch.Timestamp, true
	}
	return batch.Unknown, false
}

// Coerce widens an expression to a type; it fails if that takes a CAST.
func Coerce(e Expr, to batch.Type) (Expr, bool) {
	from := e.Type()
	if from == to {
		return e, true
	}
	if t, ok := Common(from, to); !ok || t != to {
		return nil, false
	}
	if l, ok := e.(*Literal); ok {
		return l.widen(to), true
	}
	if c, ok := e.(*Call); ok && c.Name == "%" && c.Args[0].Type() == to {
		// The rest of a BIGINT and an INT has been computed in 64 bits, and only cut to the type of the divisor.
		return call(c.Pos, c.Name, to, buildArithmetic(c.Name, to), c.Args...), true
	}
	return call(e.At(), "CAST_"+typeWord(to), to, castBuilder(from, to, false), e), true
}

func (e *Literal) widen(to batch.Type) *Literal {
	l := *e
	switch {
	case to == batch.Double && e.T != batch.Unknown:
		l.Float, l.Int = float64(e.Int), 0
	case to == batch.Timestamp && e.T == batch.Date:
		l.Int *= datetime.DayMS
	}
	l.T = to
	return &l
}

// typeWord is a type's name in the canonical form of a cast.
func typeWord(t batch.Type) string {
	s, _, _ := strings.Cut(t.String(), "(")
	return s
}

// TypeOf returns the type that a name means.
func TypeOf(n parser.TypeName) (batch.Type, error) {
	full := n.Name
	if len(n.Args) > 0 {
		full += strings.ReplaceAll(fmt.Sprint(n.Args), " ", ", ")
		full = strings.NewReplacer("[", "(", "]", ")").Replace(full)
	}
	if n.Name == "VARCHAR" && (len(n.Args) == 0 || len(n.Args) == 1 && n.Args[0] > 0) {
		return batch.String, nil
	}
	switch full {
	case "STRING":
		return batch.String, nil
	case "BOOLEAN":
		return batch.Boolean, nil
	case "INT", "INTEGER":
		return batch.Int, nil
	case "BIGINT":
		return batch.BigInt, nil
	case "DOUBLE":
		return batch.Double, nil
	case "DATE":
		return batch.Date, nil
	case "TIMESTAMP(3)":
		return batch.Timestamp, nil
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
	return batch.Unknown, parser.Unsupported(n.Pos, "the type "+full, remedy)
}
