package bind

import (
	"fmt"

	"github.com/weirstream/weir/engine/sql/catalog"
	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/types"
)

var joinKinds = map[parser.JoinKind]logical.JoinKind{
	parser.InnerJoin: logical.InnerJoin, parser.LeftJoin: logical.LeftJoin, parser.RightJoin: logical.RightJoin, parser.FullJoin: logical.FullJoin,
}

// joining is a join that is being bound: conditions of each side alone, of equal columns, and the rest.
type joining struct {
	b       *block
	kind    logical.JoinKind
	sides   [2]scope
	within  [2]*joining // a side that is a join itself, which is completed with this one
	both    scope       // the columns of both; those of a side that may be missing may be NULL
	on      bool        // the join has a condition of its own
	filters [2][]expr.Expr
	keys    [2][]expr.Expr // of each side, pairs that must be equal
	rest    []expr.Expr
}

// join binds l JOIN r ON condition, as far as it can be without WHERE.
func (b *block) join(f *parser.Join) (*joining, error) {
	j := &joining{b: b, kind: joinKinds[f.Kind], on: f.On != nil}
	for i, side := range [...]parser.From{f.Left, f.Right} {
		var err error
		if inner, ok := side.(*parser.Join); ok {
			if j.within[i], err = b.join(inner); err == nil {
				j.sides[i] = j.within[i].both
			}
		} else {
			j.sides[i], err = b.from(side)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, p := range j.sides[1].parts {
		if _, twice := j.sides[0].part(p.name); twice && p.name != "" {
			return nil, parser.Errorf(f.Right.At(), "give one of them another name with AS", "two tables of this query are called %s", p.name)
		}
	}
	on := together(j.sides[0], j.sides[1])
	if len(on.Columns) > catalog.MaxColumns {
		return nil, parser.Errorf(f.Pos, "name the columns that are needed in a subquery", "the query has more than %d columns", catalog.MaxColumns)
	}
	side := func(i int) logical.JoinSide {
		return logical.JoinSide{Input: j.sides[i].Relation, Columns: len(j.sides[i].Columns)}
	}
	like := &logical.Join{Kind: j.kind, Left: side(0), Right: side(1)}
	j.both = scope{&logical.Relation{Columns: like.Columns()}, on.parts}
	if f.On == nil {
		return j, nil
	}
	condition, err := expr.BindAs(f.On, types.Boolean(), "the condition of ON", on.resolve, false)
	if err != nil {
		return nil, err
	}
	for _, c := range conjuncts(condition) {
		j.add(c)
	}
	return j, nil
}

// together is the scope of two, one behind the other.
func together(left, right scope) scope {
	n := len(left.Columns)
	out := scope{&logical.Relation{Columns: append(left.Copy().Columns, right.Columns...)}, append([]part(nil), left.parts...)}
	for _, p := range right.parts {
		out.parts = append(out.parts, part{p.name, p.from + n, p.end + n})
	}
	return out
}

// of says which sides the columns of an expression are of.
func (j *joining) of(e expr.Expr) (left, right bool) {
	n := len(j.sides[0].Columns)
	expr.Walk(e, func(e expr.Expr) bool {
		if c, ok := e.(*expr.Column); ok {
			left, right = left || c.Index < n, right || c.Index >= n
		}
		return true
	})
	return left, right
}

// add takes a condition of ON: of the side whose rows need not match it is no filter.
func (j *joining) add(c expr.Expr) {
	left, right := j.of(c)
	switch {
	case left && !right && (j.kind == logical.InnerJoin || j.kind == logical.RightJoin):
		j.filter(0, c)
	case right && !left && (j.kind == logical.InnerJoin || j.kind == logical.LeftJoin || j.kind >= logical.SemiJoin):
		j.filter(1, j.ofRight(c))
	case !j.equal(c):
		j.rest = append(j.rest, c)
	}
}

// equal takes a condition that an expression of one side equals one of the other.
func (j *joining) equal(c expr.Expr) (taken bool) {
	call, ok := c.(*expr.Call)
	if !ok || call.Name != "=" || len(call.Args) != 2 {
		return false
	}
	if call.Args[0].Type().Is(types.KindDouble) {
		defer func() {
			if taken { // NaN is one key, and equals nothing
				j.rest = append(j.rest, c)
			}
		}()
	}
	a, b := call.Args[0], call.Args[1]
	aLeft, aRight := j.of(a)
	bLeft, bRight := j.of(b)
	if aRight && !aLeft && bLeft && !bRight {
		a, b = b, a
	} else if !(aLeft && !aRight && bRight && !bLeft) {
		return false
	}
	j.keys[0], j.keys[1] = append(j.keys[0], a), append(j.keys[1], j.ofRight(b))
	return true
}

// take takes conditions of WHERE, and returns those that it does not take: those on one side alone, whose rows then wait for nothing, and, if
// the join has no condition of its own, those of equal columns.
func (j *joining) take(where []expr.Expr) (left []expr.Expr) {
	for _, c := range where {
		l, r := j.of(c)
		switch {
		case l && !r && (j.kind == logical.InnerJoin || j.kind == logical.LeftJoin):
			j.filter(0, c)
		case r && !l && (j.kind == logical.InnerJoin || j.kind == logical.RightJoin):
			j.filter(1, j.ofRight(c))
		case j.kind == logical.InnerJoin && !j.on && j.equal(c):
		default:
			left = append(left, c)
		}
	}
	return left
}

// filter takes a condition on one side.
func (j *joining) filter(side int, c expr.Expr) {
	conditions := []expr.Expr{c}
	if within := j.within[side]; within != nil {
		conditions = within.take(conditions)
	}
	j.filters[side] = append(j.filters[side], conditions...)
}

// ofRight is an expression over both sides, which has columns of the right one alone, over that.
func (j *joining) ofRight(e expr.Expr) expr.Expr { return shifted(e, -len(j.sides[0].Columns)) }

// shifted is an expression over columns that stand n places further.
func shifted(e expr.Expr, n int) expr.Expr {
	out, err := expr.Rewrite(e, func(e expr.Expr) (expr.Expr, error) {
		c, ok := e.(*expr.Column)
		if !ok {
			return nil, nil
		}
		moved := *c
		moved.Index += n
		return &moved, nil
	})
	if err != nil {
		panic(err) // no column can fail
	}
	return out
}

// scope completes the join, those within it first.
func (j *joining) scope() scope {
	for i, within := range j.within {
		if within != nil {
			j.sides[i] = within.scope()
		}
	}
	op := &logical.Join{Block: j.b.path, Kind: j.kind, Condition: j.rest}
	if j.kind >= logical.SemiJoin {
		j.b.semis++
		op.UID = fmt.Sprintf("%s/semi.%d", j.b.path, j.b.semis)
	} else {
		j.b.joins++
		op.UID = fmt.Sprintf("%s/join.%d", j.b.path, j.b.joins)
	}
	op.Left = j.b.side(j.sides[0].Relation, j.filters[0], j.keys[0])
	op.Right = j.b.side(j.sides[1].Relation, j.filters[1], j.keys[1])
	op.Advisory = j.b.advisories.OfRows(op)
	j.both.Relation = &logical.Relation{Op: op, Columns: op.Columns()}
	return j.both
}

// side is an input of a join: a relation with what its key needs, computed behind its own columns.
func (b *block) side(r *logical.Relation, filter, keys []expr.Expr) logical.JoinSide {
	out := logical.JoinSide{Input: r, Columns: len(r.Columns), Tables: b.advisories.Tables(r)}
	var computed []expr.Expr
	for _, k := range keys {
		if c, ok := k.(*expr.Column); ok {
			out.Keys = append(out.Keys, c.Index)
			continue
		}
		out.Keys = append(out.Keys, out.Columns+len(computed))
		computed = append(computed, k)
	}
	if len(filter) == 0 && len(computed) == 0 {
		return out
	}
	items := make([]item, 0, len(r.Columns)+len(computed))
	for i, c := range r.Columns {
		items = append(items, item{expr: r.Of(i, parser.Pos{}), name: c.Name})
	}
	for _, e := range computed {
		items = append(items, item{expr: e})
	}
	out.Input = b.project(r, filter, items)
	return out
}
