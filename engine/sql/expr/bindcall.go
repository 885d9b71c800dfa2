package expr

import (
	"math"
	"strings"

	"github.com/weirstream/weir/engine/sql/datetime"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/types"
)

func (b *binder) call(e *parser.Call) (Expr, error) {
	f := lookup(e.Name)
	switch {
	case e.Over != nil:
		return nil, over(e)
	case ranks[e.Name]:
		return nil, parser.Errorf(e.Pos, "write "+e.Name+"() OVER (PARTITION BY ... ORDER BY ...)", "%s() says where a row stands in an order", e.Name)
	case f == nil && unrepeatable[e.Name]:
		return nil, parser.Unsupported(e.Pos, "the function "+e.Name, "rows that are read again after a failure would get another value; use a column of the data")
	case f == nil && unsupported[e.Name]:
		return nil, parser.Unsupported(e.Pos, "the function "+e.Name, "the SQL reference lists the functions")
	case f == nil && groupWindowParts[e.Name]:
		return nil, groupWindow(e, e.Name)
	case f == nil && (e.Name == "TUMBLE" || e.Name == "HOP" || e.Name == "SESSION"):
		return nil, groupWindow(e, e.Name+" in GROUP BY")
	case f == nil:
		return nil, parser.Errorf(e.Pos, near(e.Name), "there is no function %s", e.Name)
	case !f.aggregate && (e.Star || e.Distinct || e.Filter != nil):
		return nil, parser.Errorf(e.Pos, "", "*, DISTINCT and FILTER are for aggregate functions; %s is none", e.Name)
	case e.Unit != "" && f.bind == nil:
		return nil, parser.Errorf(e.Pos, "write "+f.Signature, "%s takes no unit", e.Name)
	case f.bind != nil:
		return f.bind(b, e)
	}
	args, err := b.bindAll(e.Args)
	if err != nil {
		return nil, err
	}
	if f.check != nil {
		if err := f.check(args); err != nil {
			return nil, err
		}
	}
	return f.apply(e.Pos, args)
}

// groupWindow refuses the windows of old, which stand in GROUP BY, and says how the same one is written.
func groupWindow(e *parser.Call, what string) error {
	window, _, _ := strings.Cut(e.Name, "_")
	if window == "SESSION" {
		return parser.Unsupported(e.Pos, what, "there are TUMBLE and HOP windows, in FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), ...))")
	}
	return parser.Unsupported(e.Pos, what, "write FROM TABLE("+window+"(TABLE t, DESCRIPTOR(ts), ...)), group by window_start, window_end, and use window_start, window_end or window_time")
}

// apply checks and widens the arguments of a plain function.
func (f *function) apply(at parser.Pos, args []Expr) (Expr, error) {
	if len(args) < f.required || len(args) > len(f.params) && !f.variadic {
		return nil, f.wrongCount(at, len(args))
	}
	common := types.Null()
	for i, a := range args {
		if k := f.kindOf(i); k == numbers || k == anyType {
			t, ok := Common(common, a.Type())
			if !ok {
				return nil, parser.Errorf(a.At(), castRemedy(common), "the arguments of %s have different types: %v and %v", f.Name, common, a.Type())
			}
			common = t
		}
	}
	for i, a := range args {
		to := f.wanted(f.kindOf(i), a.Type(), common)
		c, ok := Coerce(a, to)
		if !ok || to.Is(types.KindNull) {
			return nil, parser.Errorf(a.At(), "the signature is "+f.Signature, "argument %d of %s must be %s, not %v", i+1, f.Name, kindNames[f.kindOf(i)], a.Type())
		}
		args[i] = c
	}
	t := f.result
	if t.Is(types.KindNull) {
		t = args[0].Type()
	}
	out := call(at, f.Name, t, f.build, args...)
	if f.givesNull {
		out.nullable(true)
	}
	return out, nil
}

func (f *function) wrongCount(at parser.Pos, n int) error {
	return parser.Errorf(at, "the signature is "+f.Signature, "%s does not take %d arguments", f.Name, n)
}

func (f *function) kindOf(i int) kind { return f.params[min(i, len(f.params)-1)] }

// wanted is the type that an argument has to widen to; that of a bare NULL: none will do.
func (f *function) wanted(k kind, from, common types.Type) types.Type {
	switch k {
	case text:
		return types.String()
	case real:
		return types.Double()
	case instant:
		return types.Timestamp(3)
	case whole:
		if integer(from) {
			return from
		}
		if from.Is(types.KindNull) {
			return types.Int()
		}
		return types.Null()
	case numbers:
		if !common.Is(types.KindNull) && !numeric(common) {
			return types.Null()
		}
	}
	return common
}

func (b *binder) aggregate(e *parser.Call) (Expr, error) {
	switch {
	case b.inAggregate:
		return nil, parser.Errorf(e.Pos, "compute the inner one in a view", "an aggregate function cannot stand inside another")
	case !b.aggregates:
		return nil, parser.Errorf(e.Pos, "put it into the select list or HAVING of a query with GROUP BY", "the aggregate function %s is not allowed here", e.Name)
	case e.Star && e.Name != "COUNT":
		return nil, parser.Errorf(e.Pos, "", "%s(*) means nothing; name a column", e.Name)
	case !e.Star && len(e.Args) != 1:
		return nil, parser.Errorf(e.Pos, "write "+e.Name+"(x)", "%s takes one argument, not %d", e.Name, len(e.Args))
	}
	inner := &binder{resolve: b.resolve, aggregates: true, inAggregate: true}
	out := &Aggregate{Pos: e.Pos, Function: e.Name, T: types.BigInt().NotNull()}
	out.Distinct = e.Distinct && e.Name != "MIN" && e.Name != "MAX" // the least of all is the least of all that differ
	var err error
	if !e.Star {
		if out.Arg, err = inner.bind(e.Args[0]); err != nil {
			return nil, err
		}
	}
	if e.Filter != nil {
		cond, err := inner.bindAs(e.Filter, types.Boolean(), "the condition of FILTER")
		if err != nil {
			return nil, err
		}
		if out.Arg == nil {
			out.Arg = &Literal{Pos: e.Pos, T: types.Int(), Int: 1}
		}
		if out.Arg, err = caseCall(e.Pos, "CASE", []Expr{cond, out.Arg}); err != nil {
			return nil, err
		}
	}
	return out, out.checkType()
}

// checkType sets the type of the result, or refuses an argument that has no sum. A group has at least one row, so that it gives NULL
// only if the argument may be NULL.
func (e *Aggregate) checkType() error {
	if e.Arg == nil {
		return nil
	}
	t := e.Arg.Type()
	if t.Is(types.KindNull) {
		return parser.Errorf(e.Pos, "write CAST(NULL AS INT) or the like", "the type of the argument of %s is not known", e.Function)
	}
	switch e.Function {
	case "COUNT":
		return nil
	case "SUM", "AVG":
		if !numeric(t) {
			return parser.Errorf(e.Pos, "write CAST(... AS INT), BIGINT or DOUBLE", "%s takes a number, not %v", e.Function, t)
		}
	}
	e.T = t
	return nil
}

func bindTrim(b *binder, c *parser.Call) (Expr, error) {
	args, err := b.bindAll(c.Args)
	if err != nil {
		return nil, err
	}
	f := lookup("BTRIM")
	switch c.Unit {
	case "LEADING":
		f = lookup("LTRIM")
	case "TRAILING":
		f = lookup("RTRIM")
	}
	return f.apply(c.Pos, args)
}

// one binds the only argument of a special form.
func (b *binder) one(c *parser.Call) (Expr, error) {
	if len(c.Args) != 1 {
		return nil, lookup(c.Name).wrongCount(c.Pos, len(c.Args))
	}
	return b.bind(c.Args[0])
}

func unitOf(c *parser.Call, allowed func(datetime.Unit) bool) (datetime.Unit, error) {
	u, ok := datetime.UnitOf(c.Unit)
	if !ok || !allowed(u) {
		return 0, parser.Errorf(c.Pos, "write a unit such as HOUR, DAY or MONTH", "%s does not know the unit %s", c.Name, c.Unit)
	}
	return u, nil
}

// span says whether a unit is a length of time, and not only a part of a date.
func span(u datetime.Unit) bool { return u <= datetime.Year }

func bindFloor(b *binder, c *parser.Call) (Expr, error) {
	x, err := b.one(c)
	if err != nil {
		return nil, err
	}
	ceil := c.Name != "FLOOR"
	if c.Unit == "" {
		if !numeric(x.Type()) {
			return nil, parser.Errorf(c.Pos, "write "+c.Name+"(x TO HOUR) or the like for times", "%s takes a number, not %v", c.Name, x.Type())
		}
		f := math.Floor
		if ceil {
			f = math.Ceil
		}
		return call(c.Pos, c.Name, x.Type(), buildUnary(same[int32], same[int64], f), x), nil
	}
	u, err := unitOf(c, span)
	if err != nil {
		return nil, err
	}
	ts, ok := Coerce(x, types.Timestamp(3))
	if !ok {
		return nil, parser.Errorf(c.Pos, castRemedy(types.Timestamp(3)), "%s(x TO %s) takes a DATE or TIMESTAMP, not %v", c.Name, c.Unit, x.Type())
	}
	out := call(c.Pos, c.Name+"_TO_"+c.Unit, types.Timestamp(3), buildFloorTo(u, ceil), ts)
	if x.Type().Is(types.KindDate) {
		return call(c.Pos, "CAST_DATE", types.Date(), castBuilder(types.Timestamp(3), types.Date(), false), out), nil
	}
	return out, nil
}

// bindRound makes the form of ROUND or TRUNCATE, which take no digits for none.
func bindRound(build builder) form {
	return func(b *binder, c *parser.Call) (Expr, error) {
		args, err := b.bindAll(c.Args)
		if err != nil {
			return nil, err
		}
		if len(args) == 1 {
			args = append(args, &Literal{Pos: c.Pos, T: types.Int()})
		}
		f := function{Function: lookup(c.Name).Function, params: []kind{numbers, whole}, required: 2, build: build}
		return f.apply(c.Pos, args)
	}
}

// bindConstant makes the form of a function without arguments.
func bindConstant(value float64) form {
	return func(_ *binder, c *parser.Call) (Expr, error) {
		if len(c.Args) > 0 {
			return nil, lookup(c.Name).wrongCount(c.Pos, len(c.Args))
		}
		return &Literal{Pos: c.Pos, T: types.Double(), Float: value}, nil
	}
}

func bindMod(b *binder, c *parser.Call) (Expr, error) {
	args, err := b.bindAll(c.Args)
	if err != nil {
		return nil, err
	}
	if len(args) != 2 {
		return nil, lookup(c.Name).wrongCount(c.Pos, len(args))
	}
	return arithmeticCall(c.Pos, "%", args[0], args[1])
}

func bindExtract(b *binder, c *parser.Call) (Expr, error) {
	u, err := unitOf(c, func(datetime.Unit) bool { return true })
	if err != nil {
		return nil, err
	}
	x, err := b.one(c)
	if err != nil {
		return nil, err
	}
	ts, ok := Coerce(x, types.Timestamp(3))
	if !ok {
		return nil, parser.Errorf(c.Pos, castRemedy(types.Timestamp(3)), "EXTRACT takes a DATE or TIMESTAMP, not %v", x.Type())
	}
	return call(c.Pos, "EXTRACT_"+c.Unit, types.BigInt(), buildExtract(u), ts), nil
}

func bindTimestampAdd(b *binder, c *parser.Call) (Expr, error) {
	u, err := unitOf(c, span)
	if err != nil {
		return nil, err
	}
	args, err := b.bindAll(c.Args)
	if err != nil {
		return nil, err
	}
	// A DATE stays one if the unit is made of days.
	isDate := len(args) == 2 && args[1].Type().Is(types.KindDate) && u >= datetime.Day
	out, err := withUnit(c, args, types.Timestamp(3), buildAddUnits(u), whole, instant)
	if err != nil || !isDate {
		return out, err
	}
	return call(c.Pos, "CAST_DATE", types.Date(), castBuilder(types.Timestamp(3), types.Date(), false), out), nil
}

func bindTimestampDiff(b *binder, c *parser.Call) (Expr, error) {
	u, err := unitOf(c, span)
	if err != nil {
		return nil, err
	}
	args, err := b.bindAll(c.Args)
	if err != nil {
		return nil, err
	}
	return withUnit(c, args, types.Int(), buildDiff(u), instant, instant)
}

// withUnit makes a special form of its unit and the arguments behind it.
func withUnit(c *parser.Call, args []Expr, result types.Type, build builder, params ...kind) (Expr, error) {
	f := function{Function: lookup(c.Name).Function, params: params, required: len(params), result: result, build: build}
	out, err := f.apply(c.Pos, args)
	if err != nil {
		return nil, err
	}
	made := out.(*Call)
	made.Name += "_" + strings.ToUpper(c.Unit)
	return made, nil
}

func bindCoalesce(b *binder, c *parser.Call) (Expr, error) {
	args, err := b.bindAll(c.Args)
	if err != nil {
		return nil, err
	}
	if len(args) == 0 || c.Name == "IFNULL" && len(args) != 2 {
		return nil, lookup(c.Name).wrongCount(c.Pos, len(args))
	}
	t, err := commonType(c.Pos, c.Name, args)
	if err != nil {
		return nil, err
	}
	for i, a := range args {
		args[i] = mustCoerce(a, t)
	}
	return call(c.Pos, "COALESCE", t, buildCoalesce, args...).nullable(allNullable(args)), nil
}

func bindNullIf(b *binder, c *parser.Call) (Expr, error) {
	args, err := b.bindAll(c.Args)
	if err != nil {
		return nil, err
	}
	if len(args) != 2 {
		return nil, lookup(c.Name).wrongCount(c.Pos, len(args))
	}
	equal, err := compareCall(c.Pos, "=", args[0], args[1])
	if err != nil {
		return nil, err
	}
	return caseCall(c.Pos, "CASE", []Expr{equal, &Literal{Pos: c.Pos, Null: true}, args[0]})
}

func bindIf(b *binder, c *parser.Call) (Expr, error) {
	if len(c.Args) != 3 {
		return nil, lookup(c.Name).wrongCount(c.Pos, len(c.Args))
	}
	cond, err := b.bindAs(c.Args[0], types.Boolean(), "the condition of IF")
	if err != nil {
		return nil, err
	}
	values, err := b.bindAll(c.Args[1:])
	if err != nil {
		return nil, err
	}
	return caseCall(c.Pos, "CASE", append([]Expr{cond}, values...))
}

// ranks are the functions that say where a row stands in an order.
var ranks = map[string]bool{"ROW_NUMBER": true, "RANK": true, "DENSE_RANK": true}

// over refuses what stands before OVER where it cannot be, or at all.
func over(e *parser.Call) error {
	switch {
	case e.Name == "ROW_NUMBER":
		return parser.Errorf(e.Pos, "select it AS rn in a subquery, and say WHERE rn <= 10 around it", "ROW_NUMBER() can only be a column of the select list by itself")
	case ranks[e.Name]:
		return parser.Unsupported(e.Pos, e.Name, "use ROW_NUMBER(), which numbers equal rows one after the other")
	}
	return parser.Unsupported(e.Pos, e.Name+" over other rows of the query", "of what stands before OVER there is ROW_NUMBER()")
}

// IsAggregate says whether a name, in upper case, is that of an aggregate function.
func IsAggregate(name string) bool {
	f := lookup(name)
	return f != nil && f.aggregate
}
