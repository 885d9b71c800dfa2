package exec

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/state"
)

// GroupSpec describes aggregates of groups that never end: their results change with their rows.
type GroupSpec struct {
	// Keys is the number of group columns, which the key of a row holds.
	Keys  int
	Calls []GroupCall
	// Retracts says that rows may be taken back.
	Retracts bool
	// KeyNames and the names of the calls declare the state.
	KeyNames []string
	// Schema has the group columns and the results.
	Schema *batch.Schema
}

// GroupCall is one aggregate of a group.
type GroupCall struct {
	AggregateCall
	// Name is the call as fingerprints have it, Argument that of its argument.
	Name, Argument string
	// Distinct takes each value once.
	Distinct bool
}

// kept says where what a call has to know of a group is: in the group's cell, in the counts of the argument's values, and, of the
// greatest and least strings of rows that are never taken back, as the one string.
type kept struct{ cell, values, best bool }

func (s GroupSpec) kept(c GroupCall) kept {
	least := c.Function == "MIN" || c.Function == "MAX"
	switch {
	case !least:
		return kept{cell: true, values: c.Distinct}
	case s.Retracts:
		return kept{values: true}
	case c.Layout == batch.Text || c.Layout == batch.Bool:
		return kept{best: true}
	}
	return kept{cell: true}
}

// groupLayout is where each call of a group has its state. What it depends on are the names of the calls, never their order in the
// text.
type groupLayout struct {
	cellBytes int
	at        []int    // of each call: where its part of the cell begins
	values    []string // the arguments whose values are counted
	best      []string // the calls whose best value is kept by itself
	inCell    []string // the names of the calls in the cell, in its order
}

const rowsBytes = 8 // the cell begins with the number of rows of the group

func (s GroupSpec) layout() groupLayout {
	l := groupLayout{cellBytes: rowsBytes, at: make([]int, len(s.Calls))}
	order := make([]int, len(s.Calls))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return compareNames(s.Calls[a].Name, s.Calls[b].Name) })
	for _, i := range order {
		c := s.Calls[i]
		k := s.kept(c)
		if k.cell {
			l.at[i] = l.cellBytes
			l.cellBytes += c.groupBytes()
			l.inCell = append(l.inCell, c.Name)
		}
		if k.values {
			l.values = append(l.values, c.Argument)
		}
		if k.best {
			l.best = append(l.best, c.Name)
		}
	}
	slices.Sort(l.values)
	l.values = slices.Compact(l.values)
	l.best = slices.Compact(l.best)
	return l
}

func compareNames(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// groupBytes is the width of an aggregate's part of a group's cell.
func (c AggregateCall) groupBytes() int {
	if c.Layout == batch.Float64 && (c.Function == "SUM" || c.Function == "AVG") {
		return exactBytes
	}
	return c.bytes()
}

const (
	stateGroups = "groups"
	stateValues = "values"
	stateBest   = "extremes"
)

// States declares the state: a cell for each group; how often each value is in it, where that counts; and strings.
func (s GroupSpec) States() []state.Descriptor {
	l := s.layout()
	out := []state.Descriptor{{Name: stateGroups, Kind: state.Value, Key: s.KeyNames, Value: l.inCell, CellBytes: l.cellBytes}}
	if len(l.values) > 0 {
		out = append(out, state.Descriptor{Name: stateValues, Kind: state.SortedMap, Key: s.KeyNames, Value: l.values})
	}
	if len(l.best) > 0 {
		out = append(out, state.Descriptor{Name: stateBest, Kind: state.SortedMap, Key: s.KeyNames, Value: l.best})
	}
	return out
}

// Convert returns how the cells of other calls become those of s, as [AggregateSpec.Convert] does; nil: they do not. If rows can be
// taken back they cannot, because a call that is new has not seen those that are.
func (s GroupSpec) Convert() func(names []string) (state.Conversion, error) {
	if s.Retracts || len(s.States()) > 1 {
		return nil
	}
	return func(names []string) (state.Conversion, error) {
		earlier, _, err := callsOf(names)
		if err != nil {
			return state.Conversion{}, err
		}
		parts := cellParts{{0, rowsBytes, 0}}
		width := rowsBytes
		l := s.layout()
		taken := make([]bool, len(s.Calls))
		for i, c := range earlier {
			for k, now := range s.Calls {
				if now.Name == names[i] && !taken[k] {
					taken[k] = true
					parts = append(parts, cellPart{width, width + c.groupBytes(), l.at[k]})
					break
				}
			}
			width += c.groupBytes()
		}
		return state.Conversion{CellBytes: width, Convert: parts.convert}, nil
	}
}

// Group returns the operator that keeps the aggregates of each group, and gives their changes: one for each group and batch, if the
// results are others than before.
func Group(s GroupSpec) operator.Factory {
	return factory(func() operator.Operator {
		l := s.layout()
		g := &group{
			spec: s, layout: l, view: newView(s.Schema), keys: make([]batch.Vector, s.Keys), results: make([]batch.Vector, len(s.Calls)),
			counted: make([]int, len(s.Calls)),
		}
		for i := range g.keys {
			g.keys[i] = batch.NewVector(s.Schema.Fields[i].Layout)
		}
		for i, c := range s.Calls {
			g.results[i] = batch.NewVector(s.Schema.Fields[s.Keys+i].Layout)
			g.calls = append(g.calls, g.accumulator(i))
			g.counted[i] = -1
			if s.kept(c).values {
				g.counted[i], _ = slices.BinarySearch(l.values, c.Argument)
			}
		}
		return g
	})
}

type group struct {
	operator.Stateless
	spec    GroupSpec
	layout  groupLayout
	ctx     operator.Context
	table   state.Table
	values  state.Sorted // nil: no values are counted
	best    state.Sorted // nil: no string is kept
	cursor  state.Cursor
	calls   []groupAccumulator
	counted []int // of each call: which of the counted arguments its own is; -1: none

	fold fold
	// cells are those of the keys of the batch, rowCells those of the rows.
	cells, rowCells [][]byte
	signs           []int8 // of the rows: 1, or -1 for one that is taken back
	// live are the rows that count, first those of them that bring a value to a group, or take its last away, for one argument.
	live, first []int32
	name, count []byte

	// keys are the group columns of the keys; results those of the groups before the batch and then after it.
	keys, results []batch.Vector
	changed       []bool
	rows          []int64 // in the groups before and after
	view          view
	ofKeys, of    []int32 // the rows of keys and of results that are given
	kinds         []batch.RowKind
}

// groupKey is the group whose result is asked for.
type groupKey struct {
	hash uint64
	key  []byte
	cell []byte
}

// groupAccumulator keeps one aggregate of a group. The zero cell is that of no rows.
type groupAccumulator interface {
	// apply takes the rows sel of the argument into their cells, or out of them.
	apply(cells [][]byte, sel []int32, signs []int8, arg batch.Vector)
	// result appends the value for a group.
	result(g groupKey, to batch.Vector) error
}

func (g *group) Open(ctx operator.Context) (err error) {
	g.ctx = ctx
	for _, d := range g.spec.States() {
		switch d.Name {
		case stateGroups:
			g.table, err = ctx.Table(d)
		case stateValues:
			if g.values, err = ctx.Sorted(d); err == nil {
				g.cursor = g.values.Cursor()
			}
		case stateBest:
			g.best, err = ctx.Sorted(d)
		}
		if err != nil {
			return fmt.Errorf("open the state of the aggregate: %w", err)
		}
	}
	return nil
}

func (g *group) Process(_ int, b *batch.Batch, out operator.Output) error {
	g.fold.begin(b)
	n := g.fold.len()
	g.cells = grow(g.cells, n)
	for from := 0; from < n; {
		end := g.table.Resolve(&g.fold.keys, from, g.cells)
		if err := g.change(b, from, end); err != nil {
			return err
		}
		if err := g.emit(from, end, out); err != nil {
			return err
		}
		from = end
	}
	return nil
}

// change takes the rows of the keys from to end-1, whose cells are there, into their groups.
func (g *group) change(b *batch.Batch, from, end int) error {
	for _, v := range g.results {
		v.Reset()
	}
	g.rows = g.rows[:0]
	if err := g.remember(from, end); err != nil {
		return err
	}
	if g.spec.Keys > 0 {
		for _, v := range g.keys {
			v.Reset()
		}
		for k := from; k < end; k++ {
			if err := decodeKey(g.fold.keys.Keys.At(k), g.keys); err != nil {
				return err
			}
		}
	}
	g.countRows(b, from, end)
	cols := columnsOf(b).Cols
	for a := range g.layout.values {
		if err := g.countValues(b, cols, a); err != nil {
			return err
		}
	}
	for i, c := range g.spec.Calls {
		var arg batch.Vector
		if c.Column >= 0 {
			arg = cols[c.Column]
		}
		switch k := g.spec.kept(c); {
		case k.cell && !c.Distinct:
			g.calls[i].apply(g.rowCells, g.live, g.signs, arg)
		case k.best:
			g.keepBest(b, i, arg)
		}
	}
	return g.remember(from, end)
}

// remember appends what the groups give now.
func (g *group) remember(from, end int) error {
	for k := from; k < end; k++ {
		of := groupKey{g.fold.keys.Hash[k], g.fold.keys.Keys.At(k), g.cells[k]}
		g.rows = append(g.rows, int64(load(of.cell, 0)))
		for i, c := range g.calls {
			if err := c.result(of, g.results[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// countRows counts the rows of the groups, and chooses those that count: a row that is not there cannot be taken back.
func (g *group) countRows(b *batch.Batch, from, end int) {
	n := len(b.Hash)
	g.rowCells, g.signs, g.live = grow(g.rowCells, n), grow(g.signs, n), g.live[:0]
	unknown := 0
	for i, k := range g.fold.of {
		if int(k) < from || int(k) >= end {
			continue
		}
		cell := g.cells[k]
		g.rowCells[i], g.signs[i] = cell, 1
		rows := load(cell, 0)
		if len(b.Kind) > 0 && !added(b.Kind[i]) {
			if g.signs[i] = -1; rows == 0 {
				unknown++
				continue
			}
		}
		store(cell, 0, rows+uint64(int64(g.signs[i])))
		g.live = append(g.live, int32(i))
	}
	if unknown > 0 {
		g.ctx.Skipped(unknown)
	}
}

// countValues counts the values of an argument in each group, and gives the calls over each value once those that are new there, or
// there no more.
func (g *group) countValues(b *batch.Batch, cols []batch.Vector, a int) error {
	column := -1
	for i, c := range g.spec.Calls {
		if g.counted[i] == a {
			column = c.Column
		}
	}
	arg := cols[column]
	g.first = g.first[:0]
	for _, i := range g.live {
		if arg.Null(int(i)) {
			continue
		}
		hash, key := b.Hash[i], b.Keys.At(int(i))
		g.name = appendSorted(valuesOf(g.name[:0], a), arg, int(i), ordering{})
		count, err := g.countOf(hash, key)
		if err != nil {
			return err
		}
		sum := count + int64(g.signs[i])
		switch {
		case sum < 0:
			continue // the row is known, by another value: what it was made of has changed
		case sum == 0:
			g.values.Delete(hash, key, g.name)
		default:
			g.count = binary.AppendUvarint(g.count[:0], uint64(sum))
			g.values.Put(hash, key, g.name, g.count)
		}
		if count == 0 || sum == 0 {
			g.first = append(g.first, i)
		}
	}
	for i, c := range g.spec.Calls {
		if c.Distinct && g.counted[i] == a {
			g.calls[i].apply(g.rowCells, g.first, g.signs, arg)
		}
	}
	return nil
}

// valuesOf appends what the names of an argument's values begin with.
func valuesOf(dst []byte, argument int) []byte {
	return binary.BigEndian.AppendUint16(dst, uint16(argument))
}

func (g *group) countOf(hash uint64, key []byte) (int64, error) {
	v, found := g.values.Get(hash, key, g.name)
	if !found {
		return 0, nil
	}
	n, size := binary.Uvarint(v)
	if size != len(v) || n == 0 || n > math.MaxInt64 {
		return 0, fmt.Errorf("a count of the state is damaged: %x", v)
	}
	return int64(n), nil
}

// keepBest keeps the greatest or least of the strings of a call, of rows that are never taken back.
func (g *group) keepBest(b *batch.Batch, call int, arg batch.Vector) {
	name := g.bestName(call)
	for _, i := range g.live {
		if arg.Null(int(i)) {
			continue
		}
		hash, key := b.Hash[i], b.Keys.At(int(i))
		g.count = appendSorted(g.count[:0], arg, int(i), ordering{})
		if best, found := g.best.Get(hash, key, name); found && (string(g.count) >= string(best)) != (g.spec.Calls[call].Function == "MAX") {
			continue
		}
		g.best.Put(hash, key, name, g.count)
	}
}

// bestName is under what the best string of a call is kept.
func (g *group) bestName(call int) []byte {
	i, _ := slices.BinarySearch(g.layout.best, g.spec.Calls[call].Name)
	g.name = valuesOf(g.name[:0], i)
	return g.name
}

// emit gives what has changed of the keys from to end-1, and forgets the groups without rows.
func (g *group) emit(from, end int, out operator.Output) error {
	n := end - from
	g.compare(n)
	g.ofKeys, g.of, g.kinds = g.ofKeys[:0], g.of[:0], g.kinds[:0]
	updates := false
	for k := range n {
		before, after := g.rows[k] > 0, g.rows[n+k] > 0
		switch {
		case before && after:
			if g.changed[k] {
				updates = true
				g.give(k, k, batch.UpdateBefore)
				g.give(k, n+k, batch.UpdateAfter)
			}
		case after:
			g.give(k, n+k, batch.Insert)
		case before:
			updates = true
			g.give(k, k, batch.Delete)
		}
		if !after {
			g.forget(from + k)
		}
	}
	if len(g.kinds) == 0 {
		return nil
	}
	for c, v := range g.keys {
		g.view.gather(c, v, g.ofKeys)
	}
	for c, v := range g.results {
		g.view.gather(len(g.keys)+c, v, g.of)
	}
	o := &g.view.out
	g.view.cols.N, o.Kind = len(g.kinds), nil
	if updates {
		o.Kind = g.kinds
	}
	return out.Emit(o)
}

func (g *group) give(key, result int, kind batch.RowKind) {
	g.ofKeys, g.of, g.kinds = append(g.ofKeys, int32(key)), append(g.of, int32(result)), append(g.kinds, kind)
}

// forget removes the state of a key without rows.
func (g *group) forget(k int) {
	hash, key := g.fold.keys.Hash[k], g.fold.keys.Keys.At(k)
	g.table.Delete(hash, 0, key)
	if g.values != nil {
		g.values.Clear(hash, key)
	}
}

// compare finds the groups, of n, whose results are others than before.
func (g *group) compare(n int) {
	g.changed = grow(g.changed, n)
	clear(g.changed)
	for _, v := range g.results {
		for k := range n {
			g.changed[k] = g.changed[k] || !same(v, k, n+k)
		}
	}
}

// same tells whether two values of a vector are equal, NULL being equal to NULL and NaN to NaN.
func same(v batch.Vector, a, b int) bool {
	if v.Null(a) || v.Null(b) {
		return v.Null(a) == v.Null(b)
	}
	switch v := v.(type) {
	case *batch.Strings:
		return string(v.At(a)) == string(v.At(b))
	case *batch.Fixed[int64]:
		return v.V[a] == v.V[b]
	case *batch.Fixed[int32]:
		return v.V[a] == v.V[b]
	case *batch.Fixed[float64]:
		return math.Float64bits(v.V[a]) == math.Float64bits(v.V[b]) || v.V[a] != v.V[a] && v.V[b] != v.V[b]
	case *batch.Fixed[bool]:
		return v.V[a] == v.V[b]
	}
	panic(fmt.Sprintf("results of type %T are compared", v))
}
