package exec

import (
	"encoding/binary"
	"fmt"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/state"
)

// JoinSpec describes a join of two inputs, whose rows are keyed by what must be equal.
type JoinSpec struct {
	File string
	// Sides are the left and the right input.
	Sides [2]JoinSide
	// Condition are what a pair must fulfil besides, over the columns of both.
	Condition []expr.Expr
	// Match is what is given of the left side alone, instead of pairs.
	Match Match
	// KeyNames declares the key of the state.
	KeyNames []string
	// Schema has the columns of the left side, and of the right side where pairs are given.
	Schema *batch.Schema
}

// Match says which rows of the left side are given instead of pairs.
type Match uint8

// What a join gives.
const (
	Pairs      Match = iota
	Matching         // rows that match something
	Unmatching       // rows that match nothing
)

// JoinSide is one input of a join.
type JoinSide struct {
	// Outer gives rows that match nothing, with NULL for the other side.
	Outer bool
	// Names declares the rows, which are all columns of Schema.
	Names  []string
	Schema *batch.Schema
}

// counts says that it is kept how many rows of the other side each row of a side matches.
func (s JoinSpec) counts(side int) bool { return s.Sides[side].Outer || side == 0 && s.Match != Pairs }

// States declares the state: the rows of each side by their key. Equal rows are one entry with their number.
func (s JoinSpec) States() []state.Descriptor {
	return []state.Descriptor{
		{Name: "left", Kind: state.SortedMap, Key: s.KeyNames, Value: s.Sides[0].Names},
		{Name: "right", Kind: state.SortedMap, Key: s.KeyNames, Value: s.Sides[1].Names},
	}
}

// Join returns the operator that keeps the rows of both sides and gives the pairs that match. A row that goes takes its pairs with it.
func Join(s JoinSpec) operator.Factory {
	return factory(func() operator.Operator {
		j := &join{spec: s, out: batch.NewColumns(s.Schema), condition: newProgram(s.File, s.Condition)}
		j.emitted.Data = j.out
		both := &batch.Schema{}
		for side := range j.sides {
			j.sides[side].first = len(both.Fields)
			both.Fields = append(both.Fields, s.Sides[side].Schema.Fields...)
			j.sides[side].end = len(both.Fields)
			j.sides[side].counts = s.counts(side)
		}
		j.pairs = batch.NewColumns(both)
		return j
	})
}

type join struct {
	operator.Stateless
	spec      JoinSpec
	ctx       operator.Context
	sides     [2]joinSide
	condition program

	// pairs are what may match the row at hand, of which entries are the counts, and the names are of the other side's rows.
	pairs   *batch.Columns
	entries []entry
	names   batch.Bytes
	rows    selection

	row, value []byte
	one        []int32
	single     [1]int32

	out     *batch.Columns
	emitted batch.Batch
	to      operator.Output
}

type joinSide struct {
	rows       state.Sorted
	cursor     state.Cursor
	first, end int // its columns among those of both
	counts     bool
}

// entry is what is kept of equal rows: how many they are and, if that is kept, how many rows of the other side each matches.
type entry struct{ rows, matches uint64 }

func (j *join) Open(ctx operator.Context) (err error) {
	j.ctx = ctx
	for side, d := range j.spec.States() {
		if j.sides[side].rows, err = ctx.Sorted(d); err != nil {
			return fmt.Errorf("open the state of the join: %w", err)
		}
		j.sides[side].cursor = j.sides[side].rows.Cursor()
	}
	return nil
}

func (j *join) Process(side int, b *batch.Batch, out operator.Output) error {
	j.to = out
	in := columnsOf(b).Cols
	unknown := 0
	for i, hash := range b.Hash {
		add := len(b.Kind) == 0 || added(b.Kind[i])
		key := b.Keys.At(i)
		if isNullKey(key) { // it matches nothing, and need not be kept for that
			if err := j.alone(side, in, i, add); err != nil {
				return err
			}
			continue
		}
		j.row = appendRow(j.row[:0], in, i)
		own := &j.sides[side]
		known, err := own.entry(hash, key, j.row)
		if err != nil {
			return err
		}
		if !add && known.rows == 0 {
			unknown++
			continue
		}
		matches, err := j.match(side, in, i, hash, key, add)
		if err != nil {
			return err
		}
		j.keep(own, hash, key, entry{known.rows, matches}, add)
		if own.counts {
			if matches == 0 {
				err = j.unmatched(side, in, i, 1, add)
			} else if j.spec.Match == Matching {
				err = j.left(in, i, 1, add)
			}
			if err != nil {
				return err
			}
		}
	}
	if unknown > 0 {
		j.ctx.Skipped(unknown)
	}
	return j.flush()
}

// keep adds a row to its equals, or takes one away.
func (j *join) keep(own *joinSide, hash uint64, key []byte, e entry, add bool) {
	if add {
		e.rows++
	} else if e.rows--; e.rows == 0 {
		own.rows.Delete(hash, key, j.row)
		return
	}
	j.value = own.appendEntry(j.value[:0], e)
	own.rows.Put(hash, key, j.row, j.value)
}

func (s *joinSide) appendEntry(dst []byte, e entry) []byte {
	dst = binary.AppendUvarint(dst, e.rows)
	if s.counts {
		dst = binary.AppendUvarint(dst, e.matches)
	}
	return dst
}

func (s *joinSide) entry(hash uint64, key, row []byte) (entry, error) {
	v, found := s.rows.Get(hash, key, row)
	if !found {
		return entry{}, nil
	}
	return s.decode(v)
}

func (s *joinSide) decode(v []byte) (e entry, err error) {
	rows, n := binary.Uvarint(v)
	if n > 0 && s.counts {
		var m int
		if e.matches, m = binary.Uvarint(v[n:]); m > 0 {
			n += m
		} else {
			n = 0
		}
	}
	if e.rows = rows; n <= 0 || n != len(v) || rows == 0 {
		return entry{}, fmt.Errorf("the number of a row in the state is damaged: %x", v)
	}
	return e, nil
}

// match gives the pairs of row i of a side, and returns how many there are. The rows of the other side that are counted have one match
// more, or one less.
func (j *join) match(side int, in []batch.Vector, i int, hash uint64, key []byte, add bool) (matches uint64, err error) {
	other := &j.sides[1-side]
	other.cursor.Seek(hash, key, nil)
	for more := true; more; {
		j.pairs.Reset()
		j.names.Reset()
		j.entries = j.entries[:0]
		for j.pairs.N < batch.TargetRows {
			if more = other.cursor.Next(); !more {
				break
			}
			e, err := other.decode(other.cursor.Value())
			if err != nil {
				return 0, err
			}
			if err := decodeRow(other.cursor.Name(), j.pairs.Cols[other.first:other.end]); err != nil {
				return 0, err
			}
			j.entries = append(j.entries, e)
			if other.counts {
				j.names.Append(other.cursor.Name())
			}
			j.pairs.N++
		}
		if j.pairs.N == 0 {
			break
		}
		sel, err := j.matching(side, in, i)
		if err != nil {
			return 0, &operator.RowError{Row: i, Err: err}
		}
		for _, k := range sel {
			e := j.entries[k]
			matches += e.rows
			if err := j.pair(side, in, i, int(k), e, add); err != nil {
				return 0, err
			}
			if !other.counts {
				continue
			}
			if add {
				e.matches++
			} else {
				e.matches--
			}
			j.value = other.appendEntry(j.value[:0], e)
			other.rows.Put(hash, key, j.names.At(int(k)), j.value)
		}
	}
	return matches, nil
}

// matching selects the pairs that fulfil the condition.
func (j *join) matching(side int, in []batch.Vector, i int) ([]int32, error) {
	sel := j.rows.all(j.pairs.N)
	if len(j.condition.evals) == 0 {
		return sel, nil
	}
	j.one = j.one[:0]
	for range j.pairs.N {
		j.one = append(j.one, int32(i))
	}
	own := &j.sides[side]
	for c, v := range j.pairs.Cols[own.first:own.end] {
		v.AppendSelected(in[c], j.one)
	}
	return j.condition.trueRows(j.pairs, sel)
}

// pair gives row i of a side with row k of the other, as often as that is there; and, before it comes or after it has gone, the row of the
// other side that matches nothing else.
func (j *join) pair(side int, in []batch.Vector, i, k int, e entry, add bool) error {
	other := 1 - side
	if j.sides[other].counts && add && e.matches == 0 {
		if err := j.change(other, k, e.rows, add); err != nil {
			return err
		}
	}
	if j.spec.Match == Pairs {
		own, mate := &j.sides[side], &j.sides[other]
		for range e.rows {
			j.append(own, in, i)
			j.append(mate, j.pairs.Cols[mate.first:mate.end], k)
			if err := j.given(add); err != nil {
				return err
			}
		}
	}
	if j.sides[other].counts && !add && e.matches == 1 {
		return j.change(other, k, e.rows, add)
	}
	return nil
}

// change gives that row k of the other side, which matched nothing, matches now, or the other way round.
func (j *join) change(other, k int, rows uint64, matches bool) error {
	s := &j.sides[other]
	columns := j.pairs.Cols[s.first:s.end]
	if j.spec.Match == Matching {
		return j.left(columns, k, rows, matches)
	}
	return j.unmatched(other, columns, k, rows, !matches)
}

// alone gives a row whose key has NULL in it.
func (j *join) alone(side int, in []batch.Vector, i int, add bool) error {
	if !j.sides[side].counts {
		return nil
	}
	return j.unmatched(side, in, i, 1, add)
}

// unmatched gives a row that matches nothing, as often as it is there: with NULL for the other side, or by itself.
func (j *join) unmatched(side int, columns []batch.Vector, i int, rows uint64, add bool) error {
	switch j.spec.Match {
	case Matching:
		return nil
	case Unmatching:
		return j.left(columns, i, rows, add)
	}
	own, other := &j.sides[side], &j.sides[1-side]
	for range rows {
		j.append(own, columns, i)
		for _, v := range j.out.Cols[other.first:other.end] {
			v.AppendNull()
		}
		if err := j.given(add); err != nil {
			return err
		}
	}
	return nil
}

// left gives a row of the left side by itself.
func (j *join) left(columns []batch.Vector, i int, rows uint64, add bool) error {
	for range rows {
		j.append(&j.sides[0], columns, i)
		if err := j.given(add); err != nil {
			return err
		}
	}
	return nil
}

// append appends row i of a side to the columns of that side.
func (j *join) append(s *joinSide, from []batch.Vector, i int) {
	j.single[0] = int32(i)
	for c, v := range j.out.Cols[s.first:s.end] {
		v.AppendSelected(from[c], j.single[:])
	}
}

// given ends a row that comes, or goes.
func (j *join) given(add bool) error {
	kind := batch.Insert
	if !add {
		kind = batch.Delete
	}
	j.emitted.Kind = append(j.emitted.Kind, kind)
	if j.out.N++; j.out.N < batch.TargetRows {
		return nil
	}
	return j.flush()
}

func (j *join) flush() error {
	if j.out.N == 0 {
		return nil
	}
	return emitChanges(j.to, &j.emitted)
}

// nullKey is the key of rows that match nothing, which is that of no others: a key of one column of one byte is 0 or 1, that of
// several begins with one of these.
const nullKey = 0xff

func isNullKey(key []byte) bool { return len(key) == 1 && key[0] == nullKey }
