package exec

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/state"
)

// TopNSpec describes the first rows of each partition in an order.
type TopNSpec struct {
	// Columns is how many columns of the input the rows have, in front of others that only the order needs.
	Columns int
	// Order are the columns of the input by which rows are ordered. Rows that are equal there are ordered by what they are.
	Order []TopNColumn
	// Limit is how many rows are given.
	Limit int
	// Numbered says that the number of a row is read. Else it means nothing, and a row stays given when its number changes.
	Numbered bool
	// Retracts says that rows may be taken back, so that all of them are kept.
	Retracts bool
	// KeyNames and RowNames declare the state.
	KeyNames, RowNames []string
	// Input has the columns that come, Schema those of the rows and the number.
	Input, Schema *batch.Schema
}

// TopNColumn is a column of the order.
type TopNColumn struct {
	Column                int
	Descending, NullsLast bool
}

// Descriptor declares the state: the rows of each partition in their order, equal ones once with their number.
func (s TopNSpec) Descriptor() state.Descriptor {
	return state.Descriptor{Name: "rows", Kind: state.SortedMap, Key: s.KeyNames, Value: s.RowNames}
}

// TopN returns the operator that keeps the rows of each partition, or as many as are given if none is taken back, and gives the changes of
// the first ones: one for each partition, place and batch.
func TopN(s TopNSpec) operator.Factory {
	return factory(func() operator.Operator {
		t := &topN{spec: s, out: batch.NewColumns(s.Schema)}
		t.emitted.Data = t.out
		for _, o := range s.Order {
			t.order = append(t.order, ordering{descending: o.Descending, nullsLast: o.NullsLast})
			t.like = append(t.like, batch.NewVector(s.Input.Fields[o.Column].Layout))
		}
		return t
	})
}

type topN struct {
	operator.Stateless
	spec   TopNSpec
	ctx    operator.Context
	rows   state.Sorted
	cursor state.Cursor
	order  []ordering
	like   []batch.Vector // of each column of the order, one of its type

	fold          fold
	starts, sel   []int32 // sel are the rows of the batch by their keys, those of key k from starts[k] on
	before, after batch.Bytes
	name, value   []byte
	gone          batch.Bytes // beyond what is kept

	out     *batch.Columns
	emitted batch.Batch
	to      operator.Output
}

func (t *topN) Open(ctx operator.Context) (err error) {
	t.ctx = ctx
	if t.rows, err = ctx.Sorted(t.spec.Descriptor()); err != nil {
		return fmt.Errorf("open the state of the first rows: %w", err)
	}
	t.cursor = t.rows.Cursor()
	return nil
}

func (t *topN) Process(_ int, b *batch.Batch, out operator.Output) error {
	t.to = out
	t.fold.begin(b)
	t.divide()
	in := columnsOf(b).Cols
	for k := range t.fold.len() {
		if err := t.partition(b, in, k); err != nil {
			return err
		}
	}
	return t.flush()
}

// divide sorts the rows of the batch by their keys; those of a key stay in their order.
func (t *topN) divide() {
	n := t.fold.len()
	t.starts = grow(t.starts, n+1)
	clear(t.starts)
	for _, k := range t.fold.of {
		t.starts[k+1]++
	}
	for k := range n {
		t.starts[k+1] += t.starts[k]
	}
	t.sel = grow(t.sel, len(t.fold.of))
	for i, k := range t.fold.of {
		t.sel[t.starts[k]] = int32(i)
		t.starts[k]++
	}
	copy(t.starts[1:], t.starts[:n]) // each is where the next begins
	t.starts[0] = 0
}

// partition takes the rows of key k.
func (t *topN) partition(b *batch.Batch, in []batch.Vector, k int) error {
	hash, key := t.fold.keys.Hash[k], t.fold.keys.Keys.At(k)
	if err := t.first(&t.before, hash, key); err != nil {
		return err
	}
	changed := false
	unknown := 0
	for _, row := range t.sel[t.starts[k]:t.starts[k+1]] {
		i := int(row)
		t.name = t.name[:0]
		for c, o := range t.spec.Order {
			t.name = appendSorted(t.name, in[o.Column], i, t.order[c])
		}
		t.name = appendRow(t.name, in[:t.spec.Columns], i)
		add := len(b.Kind) == 0 || added(b.Kind[i])
		if n := t.before.Len(); add && !t.spec.Retracts && n == t.spec.Limit && bytes.Compare(t.name, t.before.At(n-1)) > 0 {
			continue // it would be cut off again
		}
		known, err := t.count(hash, key)
		switch {
		case err != nil:
			return err
		case add:
			t.put(hash, key, known+1)
		case known == 0:
			unknown++
			continue
		default:
			t.put(hash, key, known-1)
		}
		changed = true
	}
	if unknown > 0 {
		t.ctx.Skipped(unknown)
	}
	if !changed {
		return nil
	}
	if err := t.first(&t.after, hash, key); err != nil {
		return err
	}
	if !t.spec.Retracts {
		if err := t.cut(hash, key); err != nil {
			return err
		}
	}
	return t.give()
}

func (t *topN) put(hash uint64, key []byte, n uint64) {
	if n == 0 {
		t.rows.Delete(hash, key, t.name)
		return
	}
	t.value = binary.AppendUvarint(t.value[:0], n)
	t.rows.Put(hash, key, t.name, t.value)
}

// count is how many rows like the one at hand there are.
func (t *topN) count(hash uint64, key []byte) (uint64, error) {
	v, found := t.rows.Get(hash, key, t.name)
	if !found {
		return 0, nil
	}
	return countOf(v)
}

func countOf(v []byte) (uint64, error) {
	n, size := binary.Uvarint(v)
	if size != len(v) || n == 0 {
		return 0, fmt.Errorf("the number of a row in the state is damaged: %x", v)
	}
	return n, nil
}

// first lists the first rows of a partition, equal ones as often as they are there, and leaves the cursor at the last.
func (t *topN) first(list *batch.Bytes, hash uint64, key []byte) error {
	list.Reset()
	t.cursor.Seek(hash, key, nil)
	for list.Len() < t.spec.Limit && t.cursor.Next() {
		n, err := countOf(t.cursor.Value())
		if err != nil {
			return err
		}
		for ; n > 0 && list.Len() < t.spec.Limit; n-- {
			list.Append(t.cursor.Name())
		}
	}
	return nil
}

// cut removes the rows behind those of after, at the last of which the cursor stands, and of equal ones of that those that are too many.
func (t *topN) cut(hash uint64, key []byte) error {
	n := t.after.Len()
	if n < t.spec.Limit {
		return nil
	}
	t.gone.Reset()
	for t.cursor.Next() {
		t.gone.Append(t.cursor.Name())
	}
	for i := range t.gone.Len() {
		t.rows.Delete(hash, key, t.gone.At(i))
	}
	last := t.after.At(n - 1)
	there := uint64(0)
	for i := n - 1; i >= 0 && bytes.Equal(t.after.At(i), last); i-- {
		there++
	}
	t.name = append(t.name[:0], last...)
	kept, err := t.count(hash, key)
	if err == nil && kept > there {
		t.put(hash, key, there)
	}
	return err
}

// give gives the difference of the first rows before and after: what goes before what comes.
func (t *topN) give() error {
	if t.spec.Numbered || t.spec.Limit == 1 {
		return t.giveByPlace()
	}
	if err := t.giveMissing(&t.before, &t.after, batch.Delete); err != nil {
		return err
	}
	return t.giveMissing(&t.after, &t.before, batch.Insert)
}

// giveMissing gives the rows of a list that another has not, both in their order.
func (t *topN) giveMissing(of, from *batch.Bytes, kind batch.RowKind) error {
	k := 0
	for i := range of.Len() {
		name := of.At(i)
		for k < from.Len() && bytes.Compare(from.At(k), name) < 0 {
			k++
		}
		if k < from.Len() && bytes.Equal(from.At(k), name) {
			k++
			continue
		}
		if err := t.row(name, i, kind); err != nil {
			return err
		}
	}
	return t.full()
}

// giveByPlace gives the rows that are others at their place.
func (t *topN) giveByPlace() error {
	for i := range max(t.before.Len(), t.after.Len()) {
		var err error
		switch {
		case i >= t.after.Len():
			err = t.row(t.before.At(i), i, batch.Delete)
		case i >= t.before.Len():
			err = t.row(t.after.At(i), i, batch.Insert)
		case !bytes.Equal(t.before.At(i), t.after.At(i)):
			if err = t.row(t.before.At(i), i, batch.UpdateBefore); err == nil {
				err = t.row(t.after.At(i), i, batch.UpdateAfter)
			}
		}
		if err != nil {
			return err
		}
	}
	return t.full()
}

// row appends a row, and its number.
func (t *topN) row(name []byte, place int, kind batch.RowKind) error {
	for c, o := range t.order {
		n, err := sortedEnd(name, t.like[c], o)
		if err != nil {
			return err
		}
		name = name[n:]
	}
	if err := decodeRow(name, t.out.Cols[:t.spec.Columns]); err != nil {
		return err
	}
	t.out.Cols[t.spec.Columns].(*batch.Fixed[int64]).Append(int64(place) + 1)
	t.emitted.Kind = append(t.emitted.Kind, kind)
	t.out.N++
	return nil
}

// full hands on what is given, if it is enough. It is asked between two partitions, so that no update is cut in two.
func (t *topN) full() error {
	if t.out.N < batch.TargetRows {
		return nil
	}
	return t.flush()
}

func (t *topN) flush() error {
	if t.out.N == 0 {
		return nil
	}
	return emitChanges(t.to, &t.emitted)
}

// emitChanges emits rows with their kinds, which are left out if all are inserts, and empties the batch.
func emitChanges(to operator.Output, b *batch.Batch) error {
	kinds := b.Kind
	inserts := true
	for _, k := range kinds {
		inserts = inserts && k == batch.Insert
	}
	if inserts {
		b.Kind = nil
	}
	err := to.Emit(b)
	b.Kind = kinds
	b.Reset()
	return err
}
