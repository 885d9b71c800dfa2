package bind

import (
	"math"

	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/types"
)

// ranking finds ROW_NUMBER() OVER (...) in a select list; negative: it has none.
func ranking(list []parser.Item) (int, *parser.Call) {
	for i, it := range list {
		if c, ok := it.Expr.(*parser.Call); ok && c.Over != nil && c.Name == "ROW_NUMBER" {
			return i, c
		}
	}
	return -1, nil
}

// numbered binds a query block that numbers its rows. A query around it says how many are wanted.
func (b *block) numbered(q *parser.Select, from scope, filter []expr.Expr, at int, call *parser.Call) (*logical.Relation, error) {
	if len(call.Args) > 0 || call.Star || call.Distinct || call.Filter != nil {
		return nil, parser.Errorf(call.Pos, "write ROW_NUMBER() OVER (...)", "ROW_NUMBER takes nothing")
	}
	if len(q.GroupBy) > 0 || q.Having != nil || q.Distinct {
		return nil, parser.Unsupported(call.Pos, "ROW_NUMBER() in a query with GROUP BY or DISTINCT", "number the rows of a query around it")
	}
	if len(call.Over.Order) == 0 {
		return nil, parser.Errorf(call.Over.Pos, "add ORDER BY", "ROW_NUMBER() numbers rows in an order, and OVER has none")
	}
	topn := &logical.TopN{Block: b.path, UID: b.path + "/topn.1", At: call.Pos, Columns: len(from.Columns)}
	if q.UID != nil {
		topn.UID, topn.Named = q.UID.Text, true
	}
	if err := b.numberedInput(topn, from, filter, call.Over); err != nil {
		return nil, err
	}
	topn.Advisory = b.advisories.OfRows(topn)
	ranked := &logical.Relation{Op: topn, Columns: append(from.Copy().Columns, logical.Column{Type: types.BigInt().NotNull(), Origin: "ROW_NUMBER()"})}
	for i := range ranked.Columns {
		ranked.Columns[i].Role = logical.Plain
	}
	over := scope{ranked, from.parts}
	rest := append([]parser.Item(nil), q.Items[:at]...)
	items, err := over.items(rest)
	if err != nil {
		return nil, err
	}
	number := item{expr: ranked.Of(topn.Columns, call.Pos), name: aliasOr(q.Items[at].Alias, ""), at: call.Pos}
	column := len(items)
	behind, err := over.items(q.Items[at+1:])
	if err != nil {
		return nil, err
	}
	items = append(append(items, number), behind...)
	for _, it := range items {
		if hasAggregate(it.expr) {
			return nil, parser.Unsupported(call.Pos, "ROW_NUMBER() beside an aggregate", "number the rows of a query around it")
		}
	}
	out := b.project(ranked, nil, items)
	calc, ok := out.Op.(*logical.Calc)
	if !ok { // every column as it is
		calc = &logical.Calc{Block: b.path, Input: ranked}
		for i, c := range ranked.Columns {
			calc.Out, calc.Names = append(calc.Out, ranked.Of(i, call.Pos)), append(calc.Names, c.Name)
		}
		out.Op = calc
	}
	out.Ranked = &logical.Ranked{Column: column, Of: calc, TopN: topn}
	return out, nil
}

// numberedInput makes the input of a top-n: all columns of FROM, and behind them what partitions and order have to be computed for.
func (b *block) numberedInput(topn *logical.TopN, from scope, filter []expr.Expr, over *parser.Over) error {
	var items []item
	for i, c := range from.Columns {
		items = append(items, item{expr: from.Of(i, over.Pos), name: c.Name})
	}
	place := func(p parser.Expr) (int, error) {
		e, err := expr.Bind(p, from.resolve, false)
		if err != nil {
			return 0, err
		}
		if e.Type().Is(types.KindNull) {
			return 0, parser.Errorf(p.At(), "write CAST(NULL AS INT) or the like", "the type of this is not known")
		}
		if c, ok := e.(*expr.Column); ok {
			return c.Index, nil
		}
		items = append(items, item{expr: e})
		return len(items) - 1, nil
	}
	for _, p := range over.Partition {
		i, err := place(p)
		if err != nil {
			return err
		}
		topn.Partition = append(topn.Partition, i)
	}
	for _, o := range over.Order {
		i, err := place(o.Expr)
		if err != nil {
			return err
		}
		topn.Order = append(topn.Order, logical.SortColumn{Column: i, Descending: o.Descending, NullsLast: o.NullsLast})
	}
	topn.Input = b.project(from.Relation, filter, items)
	return nil
}

func hasAggregate(e expr.Expr) bool {
	found := false
	expr.Walk(e, func(e expr.Expr) bool {
		_, ok := e.(*expr.Aggregate)
		found = found || ok
		return !found
	})
	return found
}

// limit gives rows that are numbered their bound, which a condition on the number says. Others of the filter stay. uses are
// what else is made of the rows: whether the number is read is a part of what the rows are.
func limit(from scope, filter []expr.Expr, uses []expr.Expr) (scope, []expr.Expr) {
	ranked := from.Ranked
	var least int64
	var rest []expr.Expr
	for _, c := range filter {
		n, exact, ok := bound(c, ranked.Column)
		if !ok {
			rest = append(rest, c)
			continue
		}
		if least == 0 || n < least {
			least = n
		}
		if exact && n > 1 {
			rest = append(rest, c) // it is one of those that are given
		}
	}
	if least == 0 {
		return from, filter
	}
	topn := *ranked.TopN
	topn.Limit = least
	for _, e := range append(uses, rest...) {
		expr.Walk(e, func(e expr.Expr) bool {
			c, ok := e.(*expr.Column)
			topn.Numbered = topn.Numbered || ok && c.Index == ranked.Column
			return true
		})
	}
	calc := *ranked.Of
	input := *calc.Input
	input.Op = &topn
	calc.Input = &input
	if !topn.Numbered {
		calc.Out = append([]expr.Expr(nil), calc.Out...)
		calc.Out[ranked.Column] = &expr.Literal{T: types.BigInt().NotNull()} // nobody reads it
	}
	relation := from.Copy()
	relation.Op, relation.Ranked = &calc, nil
	return scope{relation, from.parts}, rest
}

// bound reads a condition n <= 10, n < 10, n = 1, or the other way round. exact says that it is the last.
func bound(e expr.Expr, column int) (n int64, exact, ok bool) {
	call, isCall := e.(*expr.Call)
	if !isCall || len(call.Args) != 2 {
		return 0, false, false
	}
	name, a, b := call.Name, call.Args[0], call.Args[1]
	if _, literal := a.(*expr.Literal); literal {
		a, b = b, a
		name = map[string]string{">=": "<=", ">": "<", "=": "="}[name]
	}
	c, isColumn := a.(*expr.Column)
	l, isLiteral := b.(*expr.Literal)
	if !isColumn || c.Index != column || !isLiteral || l.Null || !l.T.Is(types.KindInt, types.KindBigInt) {
		return 0, false, false
	}
	switch n = l.Int; name {
	case "<=":
	case "<":
		n--
	case "=":
		exact = true
	default:
		return 0, false, false
	}
	return n, exact, n >= 1 && n <= math.MaxInt32
}
