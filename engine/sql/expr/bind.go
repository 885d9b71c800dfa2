package expr

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"github.com/weirstream/weir/engine/connector/table"
	"github.com/weirstream/weir/engine/sql/datetime"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/types"
)

// Resolve finds the column that a name means.
type Resolve func(c *parser.Column) (Expr, error)

// Bind gives an expression its types. With aggregates, calls of aggregate functions become *Aggregate; without, they are
// refused. Errors are *parser.Error.
func Bind(e parser.Expr, resolve Resolve, aggregates bool) (Expr, error) {
	b := &binder{resolve: resolve, aggregates: aggregates}
	return b.bind(e)
}

// BindAs binds an expression that must widen to a type; what names it in the error.
func BindAs(e parser.Expr, to types.Type, what string, resolve Resolve, aggregates bool) (Expr, error) {
	b := &binder{resolve: resolve, aggregates: aggregates}
	return b.bindAs(e, to, what)
}

func castRemedy(to types.Type) string { return "write CAST(... AS " + to.String() + ")" }

type binder struct {
	resolve     Resolve
	aggregates  bool
	inAggregate bool
}

// bind binds an expression, and stops one that grows beyond all measure at the level where it does.
func (b *binder) bind(e parser.Expr) (Expr, error) {
	out, err := b.bindOne(e)
	if err != nil {
		return nil, err
	}
	if calls(out) > MaxCalls {
		return nil, parser.Errorf(e.At(), "compute parts of it in a view", "the expression expands to more than %d operations", MaxCalls)
	}
	return out, nil
}

func (b *binder) bindOne(e parser.Expr) (Expr, error) {
	switch e := e.(type) {
	case *parser.Column:
		return b.resolve(e)
	case *parser.Literal:
		return bindLiteral(e)
	case *parser.Interval:
		return nil, parser.Errorf(e.Pos, "write ts + INTERVAL '1' DAY or the like", "an INTERVAL can only be added to or subtracted from a DATE or TIMESTAMP")
	case *parser.Unary:
		return b.unary(e)
	case *parser.Binary:
		return b.binary(e)
	case *parser.Logical:
		return b.logical(e)
	case *parser.Is:
		return b.is(e)
	case *parser.Between:
		return b.between(e)
	case *parser.In:
		if e.Query != nil {
			return nil, notAlone(e.Pos, "IN")
		}
		return b.in(e)
	case *parser.Exists:
		return nil, notAlone(e.Pos, "EXISTS")
	case *parser.Like:
		return b.like(e)
	case *parser.Case:
		return b.caseExpr(e)
	case *parser.Cast:
		return b.cast(e)
	case *parser.Call:
		return b.call(e)
	}
	return nil, parser.Unsupported(e.At(), "this expression", "")
}

func (b *binder) bindAll(es []parser.Expr) ([]Expr, error) {
	out := make([]Expr, len(es))
	for i, e := range es {
		var err error
		if out[i], err = b.bind(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// bindAs binds an expression that must widen to a type; what names it in the error.
func (b *binder) bindAs(e parser.Expr, to types.Type, what string) (Expr, error) {
	bound, err := b.bind(e)
	if err != nil {
		return nil, err
	}
	out, ok := Coerce(bound, to)
	if !ok {
		return nil, parser.Errorf(e.At(), castRemedy(to), "%s must be %v, not %v", what, to, bound.Type())
	}
	return out, nil
}

func bindLiteral(e *parser.Literal) (Expr, error) {
	l := &Literal{Pos: e.Pos}
	switch e.Kind {
	case parser.NullLiteral:
		l.Null = true
	case parser.BoolLiteral:
		l.T = types.Boolean()
		if e.Text == "TRUE" {
			l.Int = 1
		}
	case parser.StringLiteral:
		l.T, l.Text = types.String(), e.Text
	case parser.IntLiteral:
		n, err := strconv.ParseInt(e.Text, 10, 64)
		if err != nil {
			return nil, parser.Errorf(e.Pos, "", "the number %s does not fit into BIGINT", e.Text)
		}
		l.T, l.Int = types.BigInt(), n
		if n >= math.MinInt32 && n <= math.MaxInt32 {
			l.T = types.Int()
		}
	case parser.DecimalLiteral:
		f, err := strconv.ParseFloat(e.Text, 64)
		if err != nil {
			return nil, parser.Errorf(e.Pos, "", "the number %s does not fit into DOUBLE", e.Text)
		}
		l.T, l.Float = types.Double(), f
	case parser.DateLiteral:
		days, ok := datetime.ParseDate([]byte(e.Text))
		l.T, l.Int = types.Date(), days
		if !ok {
			return nil, parser.Errorf(e.Pos, "write DATE '2001-12-31'", "'%s' is not a date", e.Text)
		}
	case parser.TimestampLiteral:
		ms, ok := datetime.ParseTimestamp([]byte(e.Text))
		l.T, l.Int = types.Timestamp(3), ms
		if _, fraction, _ := strings.Cut(e.Text, "."); ok {
			l.Digits = min(len(fraction), 3)
		}
		if !ok {
			return nil, parser.Errorf(e.Pos, "write TIMESTAMP '2001-12-31 23:59:59.999'", "'%s' is not a timestamp", e.Text)
		}
	}
	return l, nil
}

func (b *binder) unary(e *parser.Unary) (Expr, error) {
	if e.Op == "NOT" {
		x, err := b.bindAs(e.X, types.Boolean(), "the operand of NOT")
		if err != nil {
			return nil, err
		}
		return call(e.Pos, "NOT", types.Boolean(), buildNot, x), nil
	}
	x, err := b.bind(e.X)
	if err != nil {
		return nil, err
	}
	if !numeric(x.Type()) {
		return nil, parser.Errorf(e.Pos, castRemedy(types.Double()), "%s takes a number, not %v", e.Op, x.Type())
	}
	if e.Op == "+" {
		return x, nil
	}
	return call(e.Pos, "-", x.Type(), buildUnary(negate[int32], negate[int64], negate[float64]), x), nil
}

func (b *binder) binary(e *parser.Binary) (Expr, error) {
	if interval, ok := e.R.(*parser.Interval); ok && (e.Op == "+" || e.Op == "-") {
		return b.shift(e, e.L, interval, e.Op == "-")
	}
	if interval, ok := e.L.(*parser.Interval); ok && e.Op == "+" {
		return b.shift(e, e.R, interval, false)
	}
	x, err := b.bind(e.L)
	if err != nil {
		return nil, err
	}
	y, err := b.bind(e.R)
	if err != nil {
		return nil, err
	}
	switch e.Op {
	case "+", "-", "*", "/", "%":
		return arithmeticCall(e.Pos, e.Op, x, y)
	case "||":
		return concatCall(e.Pos, x, y)
	case "IS DISTINCT FROM", "IS NOT DISTINCT FROM":
		return distinctCall(e, x, y)
	}
	return compareCall(e.Pos, e.Op, x, y)
}

func arithmeticCall(at parser.Pos, op string, x, y Expr) (Expr, error) {
	if x.Type().Is(types.KindTimestamp) && y.Type().Is(types.KindTimestamp) && op == "-" {
		return nil, parser.Unsupported(at, "the difference of two timestamps as an interval", "use TIMESTAMPDIFF(unit, a, b)")
	}
	t, ok := Common(x.Type(), y.Type())
	if t.Is(types.KindNull) {
		t = types.Int()
	}
	remedy := "write CAST(... AS INT), BIGINT or DOUBLE"
	if op == "+" && (x.Type().Is(types.KindVarChar) || y.Type().Is(types.KindVarChar)) {
		remedy = "strings are joined with ||, numbers in strings need CAST"
	}
	if !ok || !numeric(t) {
		return nil, parser.Errorf(at, remedy, "%s takes two numbers, not %v and %v", op, x.Type(), y.Type())
	}
	if op == "%" && t.Is(types.KindDouble) {
		return nil, parser.Errorf(at, "write CAST(... AS BIGINT)", "%% takes two integers, not %v and %v", x.Type(), y.Type())
	}
	narrow := op == "%" && t.Is(types.KindBigInt) && y.Type().Is(types.KindInt)
	x, y = mustCoerce(x, t), mustCoerce(y, t)
	out := call(at, op, t, buildArithmetic(op, t), x, y)
	if narrow {
		// The rest is less than the divisor, and has its type. It is computed in 64 bits.
		out.T, out.build = types.Int().WithNull(out.T.Nullable()), buildNarrowRest
	}
	return out, nil
}

// buildNarrowRest makes % of a BIGINT and an INT.
func buildNarrowRest(c *Call, args []Eval) Eval {
	return convert[int64, int32](buildArithmetic(c.Name, types.BigInt())(c, args))
}

// mustCoerce widens to a type that Common found.
func mustCoerce(e Expr, to types.Type) Expr {
	out, ok := Coerce(e, to)
	if !ok {
		panic("cannot widen " + e.Type().String() + " to " + to.String())
	}
	return out
}

func concatCall(at parser.Pos, x, y Expr) (Expr, error) {
	a, ok1 := Coerce(x, types.String())
	c, ok2 := Coerce(y, types.String())
	if !ok1 || !ok2 {
		return nil, parser.Errorf(at, castRemedy(types.String()), "|| joins two strings, not %v and %v", x.Type(), y.Type())
	}
	return call(at, "||", types.String(), perRow(concat), a, c), nil
}

func compareCall(at parser.Pos, op string, x, y Expr) (Expr, error) {
	x, y = literalAs(x, y.Type()), literalAs(y, x.Type())
	t, ok := Common(x.Type(), y.Type())
	if !ok {
		to := x.Type()
		if to.Is(types.KindVarChar) {
			to = y.Type()
		}
		for _, e := range [...]Expr{x, y} {
			if l, ok := e.(*Literal); ok && l.T.Is(types.KindVarChar) && !to.Is(types.KindBoolean) {
				return nil, parser.Errorf(l.Pos, "write "+example[to.Kind()]+" or the like", "'%s' is no %v, with which it is compared", quoteBare(l.Text), to)
			}
		}
		return nil, parser.Errorf(at, castRemedy(to), "cannot compare %v with %v", x.Type(), y.Type())
	}
	if t.Is(types.KindNull) {
		t = types.Int()
	}
	return call(at, op, types.Boolean(), buildCompare(op, t), mustCoerce(x, t), mustCoerce(y, t)), nil
}

// example is how a value of a type is written.
var example = map[types.Kind]string{
	types.KindInt: "12", types.KindBigInt: "12", types.KindDouble: "1.5", types.KindDate: "'2001-12-31'", types.KindTimestamp: "'2001-12-31 23:59:59'",
}

// quoteBare shows a constant of the text in an error, shortened and without control characters.
func quoteBare(s string) string {
	return strings.ReplaceAll(strings.Trim(quote([]byte(s)), `"`), `\"`, `"`)
}

// literalAs reads a string literal that is compared with a number or a time as one, as Flink does: ts > '2001-01-01'. What
// it does not mean stays a string.
func literalAs(e Expr, other types.Type) Expr {
	l, ok := e.(*Literal)
	if !ok || !l.T.Is(types.KindVarChar) || l.Null {
		return e
	}
	out, text := &Literal{Pos: l.Pos, T: other}, bytes.TrimSpace([]byte(l.Text))
	switch other.Kind() {
	case types.KindInt, types.KindBigInt:
		out.Int, ok = parseInteger(text, math.MinInt64, math.MaxInt64)
		ok = ok && !bytes.ContainsRune(text, '.')
		out.T = types.BigInt()
	case types.KindDouble:
		out.Float, ok = parseDouble(text)
	case types.KindDate:
		out.Int, ok = datetime.ParseDate(text)
	case types.KindTimestamp:
		out.Int, ok = datetime.ParseTimestamp(text)
		out.Digits = 3
	default:
		ok = false
	}
	if !ok {
		return e
	}
	return out
}

// distinctCall makes IS [NOT] DISTINCT FROM: a comparison that takes NULL for a value.
func distinctCall(e *parser.Binary, x, y Expr) (Expr, error) {
	equal, err := compareCall(e.Pos, "=", x, y)
	if err != nil {
		return nil, err
	}
	args := equal.(*Call).Args
	both := call(e.Pos, "AND", types.Boolean(), buildLogical(false), isNull(e.Pos, args[0]), isNull(e.Pos, args[1]))
	same := call(e.Pos, "COALESCE", types.Boolean(), buildCoalesce, equal, both).nullable(false)
	if e.Op == "IS DISTINCT FROM" {
		return call(e.Pos, "NOT", types.Boolean(), buildNot, same), nil
	}
	return same, nil
}

func isNull(at parser.Pos, x Expr) Expr {
	return call(at, "IS NULL", types.Boolean(), buildIsNull(false), x).nullable(false)
}

// shift binds x ± INTERVAL.
func (b *binder) shift(e *parser.Binary, operand parser.Expr, interval *parser.Interval, minus bool) (Expr, error) {
	x, err := b.bind(operand)
	if err != nil {
		return nil, err
	}
	months, ms, err := ParseInterval(interval)
	if err != nil {
		return nil, err
	}
	if minus {
		months, ms = -months, -ms
	}
	amount := &Literal{Pos: interval.Pos, T: types.BigInt(), Int: months + ms}
	unit := "MS"
	if months != 0 {
		unit = "MONTHS"
	}
	switch x.Type().Kind() {
	case types.KindTimestamp:
		return call(e.Pos, "ADD_"+unit, types.Timestamp(3), buildShift(months, ms), x, amount), nil
	case types.KindDate:
		if ms%datetime.DayMS != 0 {
			return nil, parser.Errorf(interval.Pos, "write CAST(... AS TIMESTAMP(3)) for the date", "only whole days, months and years can be added to a DATE")
		}
		return call(e.Pos, "ADD_"+unit, types.Date(), buildShiftDate(months, ms/datetime.DayMS), x, amount), nil
	}
	return nil, parser.Errorf(e.Pos, castRemedy(types.Timestamp(3)), "an INTERVAL is added to a DATE or TIMESTAMP, not to %v", x.Type())
}

func (b *binder) logical(e *parser.Logical) (Expr, error) {
	args := make([]Expr, len(e.Args))
	for i, a := range e.Args {
		var err error
		if args[i], err = b.bindAs(a, types.Boolean(), "an operand of "+e.Op); err != nil {
			return nil, err
		}
	}
	return call(e.Pos, e.Op, types.Boolean(), buildLogical(e.Op == "OR"), args...), nil
}

func (b *binder) is(e *parser.Is) (Expr, error) {
	x, err := b.bind(e.X)
	if err != nil {
		return nil, err
	}
	if e.What != "NULL" {
		c, ok := Coerce(x, types.Boolean())
		if !ok {
			return nil, parser.Errorf(e.Pos, "compare it, or write IS NULL", "IS %s tests a BOOLEAN, not %v", e.What, x.Type())
		}
		x = c
	}
	if x.Type().Is(types.KindNull) {
		x = mustCoerce(x, types.Int())
	}
	name := "IS " + e.What
	if e.Not {
		name = "IS NOT " + e.What
	}
	build := buildIsNull(e.Not)
	if e.What == "TRUE" || e.What == "FALSE" {
		build = buildIsTruth(e.What == "TRUE", e.Not)
	}
	return call(e.Pos, name, types.Boolean(), build, x).nullable(false), nil
}

func negateIf(not bool, x Expr) Expr {
	if not {
		return call(x.At(), "NOT", types.Boolean(), buildNot, x)
	}
	return x
}

func (b *binder) between(e *parser.Between) (Expr, error) {
	bound, err := b.bindAll([]parser.Expr{e.X, e.Low, e.High})
	if err != nil {
		return nil, err
	}
	out, err := betweenCall(e.Pos, bound[0], bound[1], bound[2])
	if err == nil && e.Symmetric {
		var reversed Expr
		if reversed, err = betweenCall(e.Pos, bound[0], bound[2], bound[1]); err == nil {
			out = call(e.Pos, "OR", types.Boolean(), buildLogical(true), out, reversed)
		}
	}
	if err != nil {
		return nil, err
	}
	return negateIf(e.Not, out), nil
}

func betweenCall(at parser.Pos, x, low, high Expr) (Expr, error) {
	above, err := compareCall(at, ">=", x, low)
	if err != nil {
		return nil, err
	}
	below, err := compareCall(at, "<=", x, high)
	if err != nil {
		return nil, err
	}
	return call(at, "AND", types.Boolean(), buildLogical(false), above, below), nil
}

// in binds X IN (...): constants become a set, anything else a chain of comparisons.
func (b *binder) in(e *parser.In) (Expr, error) {
	x, err := b.bind(e.X)
	if err != nil {
		return nil, err
	}
	list, err := b.bindAll(e.List)
	if err != nil {
		return nil, err
	}
	t, constants := x.Type(), true
	for i, item := range list {
		item = literalAs(item, x.Type())
		list[i] = item
		common, ok := Common(t, item.Type())
		if !ok {
			return nil, parser.Errorf(item.At(), castRemedy(x.Type()), "cannot compare %v with %v", x.Type(), item.Type())
		}
		t = common
		l, ok := item.(*Literal)
		constants = constants && ok && !l.Null
	}
	if constants && !t.Is(types.KindDouble) && !t.Is(types.KindBoolean) && len(list) > 1 {
		args := []Expr{mustCoerce(x, t)}
		for _, item := range list {
			args = append(args, mustCoerce(item, t))
		}
		return negateIf(e.Not, call(e.Pos, "IN", types.Boolean(), buildIn, args...)), nil
	}
	tests := make([]Expr, len(list))
	for i, item := range list {
		if tests[i], err = compareCall(item.At(), "=", x, item); err != nil {
			return nil, err
		}
	}
	return negateIf(e.Not, call(e.Pos, "OR", types.Boolean(), buildLogical(true), tests...)), nil
}

func (b *binder) like(e *parser.Like) (Expr, error) {
	operands := []parser.Expr{e.X, e.Pattern}
	if e.Escape != nil {
		operands = append(operands, e.Escape)
	}
	args := make([]Expr, len(operands))
	for i, o := range operands {
		var err error
		if args[i], err = b.bindAs(o, types.String(), "an operand of LIKE"); err != nil {
			return nil, err
		}
	}
	if err := checkLike(args); err != nil {
		return nil, err
	}
	return negateIf(e.Not, call(e.Pos, "LIKE", types.Boolean(), buildLike, args...)), nil
}

func (b *binder) caseExpr(e *parser.Case) (Expr, error) {
	var args []Expr
	var operand Expr
	if e.Operand != nil {
		var err error
		if operand, err = b.bind(e.Operand); err != nil {
			return nil, err
		}
	}
	for _, w := range e.Whens {
		cond, err := b.caseCondition(operand, w.Cond)
		if err != nil {
			return nil, err
		}
		if cond, err = b.orValues(operand, cond, w.Or); err != nil {
			return nil, err
		}
		then, err := b.bind(w.Then)
		if err != nil {
			return nil, err
		}
		args = append(args, cond, then)
	}
	if e.Else != nil {
		last, err := b.bind(e.Else)
		if err != nil {
			return nil, err
		}
		args = append(args, last)
	}
	return caseCall(e.Pos, "CASE", args)
}

// caseCondition binds what stands behind WHEN: a condition, or a value to compare with the operand.
func (b *binder) caseCondition(operand Expr, cond parser.Expr) (Expr, error) {
	if operand == nil {
		return b.bindAs(cond, types.Boolean(), "the condition of WHEN")
	}
	value, err := b.bind(cond)
	if err != nil {
		return nil, err
	}
	return compareCall(cond.At(), "=", operand, value)
}

// orValues adds the further values of CASE x WHEN a, b THEN to the condition for the first.
func (b *binder) orValues(operand, cond Expr, values []parser.Expr) (Expr, error) {
	if len(values) == 0 {
		return cond, nil
	}
	tests := []Expr{cond}
	for _, v := range values {
		test, err := b.caseCondition(operand, v)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	return call(cond.At(), "OR", types.Boolean(), buildLogical(true), tests...), nil
}

// caseCall makes CASE of conditions, results and perhaps a last result, which get their common type.
func caseCall(at parser.Pos, name string, args []Expr) (Expr, error) {
	isResult := func(i int) bool { return i%2 == 1 || i == len(args)-1 && len(args)%2 == 1 }
	var results []Expr
	for i, a := range args {
		if isResult(i) {
			results = append(results, a)
		}
	}
	t, err := commonType(at, name, results)
	if err != nil {
		return nil, err
	}
	for i, a := range args {
		if isResult(i) {
			args[i] = mustCoerce(a, t)
		}
	}
	withoutElse := len(args)%2 == 0
	return call(at, name, t, buildCase, args...).nullable(withoutElse || anyNullable(results)), nil
}

// commonType finds the type that all values widen to.
func commonType(at parser.Pos, name string, values []Expr) (types.Type, error) {
	t := types.Null()
	for _, v := range values {
		common, ok := Common(t, v.Type())
		if !ok {
			return t, parser.Errorf(v.At(), castRemedy(t), "the values of %s have different types: %v and %v", name, t, v.Type())
		}
		t = common
	}
	if t.Is(types.KindNull) {
		return t, parser.Errorf(at, "write CAST(NULL AS INT) or the like", "the type of %s is not known: all its values are NULL", name)
	}
	return t, nil
}

func (b *binder) cast(e *parser.Cast) (Expr, error) {
	to, err := TypeOf(e.Type)
	if err != nil {
		return nil, err
	}
	x, err := b.bind(e.X)
	if err != nil {
		return nil, err
	}
	if l, ok := x.(*Literal); ok && l.T.Is(types.KindNull) {
		out := *l.widen(to)
		out.Digits = 3
		return &out, nil
	}
	if e.Type.Name == "VARCHAR" && len(e.Type.Args) == 1 && castable(x.Type(), to) {
		// A cast to a limited length cuts what is longer, which is all that a length does in Flink.
		text := call(e.Pos, "CAST_STRING", to, castBuilder(x.Type(), to, e.Try), x)
		return lookup("LEFT").apply(e.Pos, []Expr{text, &Literal{Pos: e.Pos, T: types.Int(), Int: int64(e.Type.Args[0])}})
	}
	if !castable(x.Type(), to) {
		remedy := ""
		if x.Type().Is(types.KindTimestamp) {
			remedy = "use EXTRACT(EPOCH FROM ...) for a number"
		}
		return nil, parser.Errorf(e.Pos, remedy, "cannot cast %v to %v", x.Type(), to)
	}
	name := "CAST_" + typeWord(to)
	if e.Try {
		name = "TRY_" + name
	}
	build := castBuilder(x.Type(), to, e.Try)
	if n := digits(x); x.Type().Is(types.KindTimestamp) && to.Is(types.KindVarChar) && n < 3 {
		build = func(_ *Call, args []Eval) Eval {
			return rowText(args, true, func(_ *Run, a *row, dst []byte) ([]byte, bool) { return datetime.AppendPrecise(dst, a.int(0), n), true })
		}
	}
	out := call(e.Pos, name, to, build, x)
	if e.Try {
		out.nullable(true)
	}
	return out, nil
}

// digits is how many digits behind the second Flink's type of a TIMESTAMP has: a literal as many as are written, a column
// and what most functions give three. A text shows them.
func digits(e Expr) int {
	switch e := e.(type) {
	case *Literal:
		return e.Digits
	case *Call:
		switch name, _, _ := strings.Cut(e.Name, "_"); name {
		case "ADD":
			return digits(e.Args[0])
		case "TIMESTAMPADD":
			return digits(e.Args[1])
		case "CASE", "COALESCE", "GREATEST", "LEAST":
			most := 0
			for _, a := range e.Args {
				if a.Type().Is(types.KindTimestamp) {
					most = max(most, digits(a))
				}
			}
			return most
		}
	}
	return 3
}

// near is the function whose name is most like an unknown one.
func near(name string) string {
	var names []string
	for _, f := range Functions() {
		names = append(names, f.Name)
	}
	if n := table.Nearest(name, names); n != "" {
		return "did you mean " + n + "?"
	}
	return "the SQL reference lists the functions"
}

// notAlone refuses a subquery that is a part of a larger condition.
func notAlone(at parser.Pos, word string) error {
	return parser.Unsupported(at, word+" (SELECT ...) as a part of another expression", "say it in WHERE by itself, with AND to others")
}

// Equals is x = y of bound expressions.
func Equals(at parser.Pos, x, y Expr) (Expr, error) { return compareCall(at, "=", x, y) }
