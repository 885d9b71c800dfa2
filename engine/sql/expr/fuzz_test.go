package expr

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/types"
)

// edges are the values at which functions go wrong, by type.
var edges = struct {
	ints    []int32
	days    []int32
	bigs    []int64
	doubles []float64
	texts   []string
}{
	[]int32{0, 1, -1, 2, 7, -7, 31, 1000, math.MaxInt32, math.MinInt32, math.MinInt32 + 1},
	[]int32{0, 11_323, -1, 2_932_896, -719_162, math.MaxInt32, math.MinInt32},
	[]int64{0, 1, -1, 3, -15, 1000, 86_399_999, 253402300799999, -62135596800000, math.MaxInt64, math.MinInt64, math.MinInt64 + 1, 1 << 53},
	[]float64{0, math.Copysign(0, -1), 1, -1, 0.5, 2.5, -2.5, 1e10, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, 5e-324, 1e-310, 1e18, 1e19},
	[]string{"", "a", "abc", " ", "  12 ", "12", "-3", "1.5", ".", "NaN", "1e400", "é", "ß", "ΑΣ", "😀x", "a\u0301", "x\r\n", "\n", "%", "_", "\\", "[", "(", "(a*)*", "a|b$", "\\b", "(?i)k",
		"yyyy-MM-dd HH:mm:ss.SSS", "[yyyy", "''", "w Q e", "2001-02-05", "2001-02-30 24:00:00", "10000-01-01", "9", strings.Repeat("ab", 100), "%zz", "+1%20", "====", "TRUE"},
}

// edgeRows fills the columns of the test schema with edge values, and those that may be NULL with NULL now and then.
func edgeRows(r *rand.Rand, n int) *batch.Columns {
	c := batch.NewColumns(testSchema.Layout())
	for range n {
		for k, v := range c.Cols {
			if testSchema[k].Type.Nullable() && r.IntN(4) == 0 {
				v.AppendNull()
				continue
			}
			switch v := v.(type) {
			case *batch.Fixed[int32]:
				if testSchema[k].Type.Is(types.KindDate) {
					v.Append(pick(r, edges.days))
				} else {
					v.Append(pick(r, edges.ints))
				}
			case *batch.Fixed[int64]:
				v.Append(pick(r, edges.bigs))
			case *batch.Fixed[float64]:
				v.Append(pick(r, edges.doubles))
			case *batch.Fixed[bool]:
				v.Append(r.IntN(2) == 0)
			case *batch.Strings:
				v.AppendString(pick(r, edges.texts))
			}
		}
		c.N++
	}
	return c
}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// generator writes random expressions that are mostly well typed.
type generator struct{ *rand.Rand }

var columnsOf = map[types.Kind][]string{
	types.KindInt: {"i", "ni", "zero"}, types.KindBigInt: {"l", "nl"}, types.KindDouble: {"d", "nd"}, types.KindVarChar: {"s", "ns"}, types.KindBoolean: {"b", "nb"},
	types.KindDate: {"dt", "ndt"}, types.KindTimestamp: {"ts", "nt"},
}

var allTypes = []types.Type{types.Int(), types.BigInt(), types.Double(), types.String(), types.Boolean(), types.Date(), types.Timestamp(3)}

// forms are the expressions that are no plain functions, by type; {x} stands for an expression of the type x, {same} for one
// of a type that is the same throughout the form.
var forms = map[types.Kind][]string{
	types.KindInt: {"{INT} + {INT}", "{INT} / {INT}", "{BIGINT} % {INT}", "- {INT}", "MOD({INT}, {INT})", "TIMESTAMPDIFF(MONTH, {TIMESTAMP}, {TIMESTAMP})", "TIMESTAMPDIFF(WEEK, {DATE}, {TIMESTAMP})",
		"POSITION({STRING} IN {STRING})", "ROUND({INT}, {INT})", "TRUNCATE({INT}, {INT})"},
	types.KindBigInt: {"{BIGINT} * {BIGINT}", "{BIGINT} / {BIGINT}", "{BIGINT} - {INT}", "EXTRACT(ISOYEAR FROM {TIMESTAMP})", "EXTRACT(WEEK FROM {DATE})", "EXTRACT(MILLENNIUM FROM {TIMESTAMP})", "FLOOR({BIGINT})",
		"ROUND({BIGINT}, {BIGINT})", "TRUNCATE({BIGINT}, {INT})"},
	types.KindDouble:  {"{DOUBLE} / {DOUBLE}", "{DOUBLE} * {INT}", "ROUND({DOUBLE}, {BIGINT})", "TRUNCATE({DOUBLE}, {INT})", "CEIL({DOUBLE})", "PI()"},
	types.KindVarChar: {"{STRING} || {STRING}", "TRIM(BOTH {STRING} FROM {STRING})", "CAST({STRING} AS VARCHAR(3))", "HEX({BIGINT})", "HEX({STRING})"},
	types.KindBoolean: {"{same} < {same}", "{same} = {same}", "{same} IS DISTINCT FROM {same}", "{same} BETWEEN SYMMETRIC {same} AND {same}", "{same} IN ({same}, {same})", "{same} IS NULL",
		"{BOOLEAN} AND {BOOLEAN}", "{BOOLEAN} OR NOT {BOOLEAN}", "{BOOLEAN} IS NOT TRUE", "{STRING} LIKE {STRING}", "{STRING} LIKE {STRING} ESCAPE {STRING}", "{INT} IN (1, 7, 2147483647)"},
	types.KindDate:      {"{DATE} + INTERVAL '1' MONTH", "{DATE} - INTERVAL '400' DAY", "FLOOR({DATE} TO WEEK)", "CEIL({DATE} TO YEAR)", "TIMESTAMPADD(DAY, {INT}, {DATE})"},
	types.KindTimestamp: {"{TIMESTAMP} + INTERVAL '1-6' YEAR TO MONTH", "{TIMESTAMP} - INTERVAL '1.5' SECOND", "FLOOR({TIMESTAMP} TO QUARTER)", "CEIL({TIMESTAMP} TO HOUR)", "TIMESTAMPADD(YEAR, {BIGINT}, {TIMESTAMP})"},
}

// of writes an expression of a type.
func (g generator) of(t types.Type, depth int) string {
	if depth == 0 || g.IntN(5) == 0 {
		return pick(g.Rand, columnsOf[t.Kind()])
	}
	switch g.IntN(6) {
	case 0:
		from := pick(g.Rand, allTypes)
		return fmt.Sprintf("TRY_CAST(%s AS %v)", g.of(from, depth-1), t)
	case 1:
		return "(" + g.fill(pick(g.Rand, []string{"CASE WHEN {BOOLEAN} THEN {this} ELSE {this} END", "COALESCE({this}, {this})", "NULLIF({this}, {this})", "IF({BOOLEAN}, {this}, {this})", "GREATEST({this}, {this})", "LEAST({this}, {this})"}), t, depth) + ")"
	case 2, 3:
		return "(" + g.fill(pick(g.Rand, forms[t.Kind()]), t, depth) + ")"
	}
	return g.function(t, depth)
}

// fill puts expressions into the places of a form.
func (g generator) fill(form string, this types.Type, depth int) string {
	same := pick(g.Rand, allTypes)
	for {
		before, rest, found := strings.Cut(form, "{")
		if !found {
			return form
		}
		name, after, _ := strings.Cut(rest, "}")
		t := this
		if name == "same" {
			t = same
		}
		for _, known := range allTypes {
			if typeWord(known) == name {
				t = known
			}
		}
		form = before + g.of(t, depth-1) + after
	}
}

// function calls a plain function whose result has the type.
func (g generator) function(t types.Type, depth int) string {
	f := pick(g.Rand, functions())
	for tries := 0; f.bind != nil || !f.result.Same(t) && !(f.result.Is(types.KindNull) && numeric(t)); tries++ {
		if tries == 500 {
			return pick(g.Rand, columnsOf[t.Kind()])
		}
		f = pick(g.Rand, functions())
	}
	args := make([]string, f.required+g.IntN(len(f.params)-f.required+1))
	for k := range args {
		of := map[kind][]types.Type{
			text: {types.String()}, whole: {types.Int(), types.BigInt()}, real: {types.Double(), types.Int()}, numbers: {t}, anyType: {t}, instant: {types.Timestamp(3), types.Date()},
		}[f.kindOf(k)]
		args[k] = g.of(pick(g.Rand, of), depth-1)
	}
	if f.Name == "OVERLAY" && len(args) >= 3 || f.Name != "OVERLAY" {
		return f.Name + "(" + strings.Join(args, ", ") + ")"
	}
	return pick(g.Rand, columnsOf[t.Kind()])
}

// FuzzExpressions evaluates random expressions over edge values: whatever binds gives a value or a permanent fault for
// every row, is NULL only if its type says that it may be, and never panics. An input makes few expressions over few rows: each may make strings of maxTextBytes, and one
// input must not take seconds.
func FuzzExpressions(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		g := generator{rand.New(rand.NewPCG(seed, 9))}
		in := edgeRows(g.Rand, 20)
		for range 10 {
			text := g.of(pick(g.Rand, allTypes), 3)
			if e, err := bindText(text); err == nil { // a random constant may be refused, and so may the types of some forms
				evaluate(t, text, e, in)
			}
		}
	})
}

// TestMostRandomExpressionsBind: a generator whose texts are refused would fuzz nothing.
func TestMostRandomExpressionsBind(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(1, 9))}
	bound := 0
	for range 600 {
		if _, err := bindText(g.of(pick(g.Rand, allTypes), 3)); err == nil {
			bound++
		}
	}
	if bound < 300 {
		t.Errorf("of 600 expressions only %d bind: the generator is broken", bound)
	}
}

// FuzzTexts evaluates whatever text binds over edge values. A text may also be more than one expression, or none.
func FuzzTexts(f *testing.F) {
	for k, line := range strings.Split(strings.TrimSpace(flinkValues), "\n") {
		if text, _, _ := strings.Cut(line, "\t"); k%40 == 0 {
			f.Add(text)
		}
	}
	for _, seed := range []string{"GREATEST(b, nb)", "REGEXP_REPLACE(s, s, s)", "DATE_FORMAT(ts, s)", "s LIKE s ESCAPE s", "LPAD(s, i, ns)", "CAST(TIMESTAMP '2001-01-01 00:00:00.1' AS STRING)",
		"*", "t.*", "1 FROM t UNION ALL SELECT 2", "1 FROM t; SET 'a' = 'b'; SELECT 1"} {
		f.Add(seed)
	}
	in := edgeRows(rand.New(rand.NewPCG(1, 1)), 60)
	f.Fuzz(func(t *testing.T, text string) {
		if e, err := bindText(text); err == nil && !e.Type().Is(types.KindNull) {
			evaluate(t, text, e, in)
		}
	})
}

func evaluate(t *testing.T, text string, e Expr, in *batch.Columns) {
	defer func() {
		if p := recover(); p != nil {
			t.Fatalf("%s panics: %v", text, p)
		}
	}()
	sel := make([]int32, in.N)
	for i := range sel {
		sel[i] = int32(i)
	}
	r := &Run{File: "q.sql"}
	r.Start(in)
	v := Compile(e)(r, sel)
	if r.Err() != nil {
		if fault.ClassOf(r.Err()) != fault.Permanent {
			t.Errorf("%s: %v is not permanent", text, r.Err())
		}
		return
	}
	if v.Len() < in.N {
		t.Errorf("%s gives %d values for %d rows", text, v.Len(), in.N)
	}
	for i := range sel {
		if v.Null(i) && !e.Type().Nullable() {
			t.Fatalf("%s is %s, but NULL in row %d", text, e.Type().SQL(), i)
		}
		showValue(v, e.Type(), i)
	}
}
