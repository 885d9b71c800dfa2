package logical

import (
	"slices"

	"github.com/weirstream/weir/engine/sql/expr"
)

// Key is a set of columns of an op's rows, ascending. The empty one is of at most one row.
type Key []int

// Keys is how the rows of an op are told apart. No key holds another: what is unique stays so with more columns.
type Keys struct {
	// Unique are the sets of columns in which no two rows are equal that there are at the same time; NULL equals NULL.
	Unique []Key
	// Upsert are those by which changes can be applied, though they name neither the old row nor its place: all changes of
	// rows that are equal in the key come from one subtask, in their order. Who takes rows in other hands, keyed by something else,
	// ends that, and leaves what is unique as it is.
	Upsert []Key
}

// RowKeys are none: that a table has a primary key cannot be declared yet.
func (*Scan) RowKeys([]Keys) Keys { return Keys{} }

// RowKeys are those of the input whose columns are all projected as they are. A filter takes no key away.
func (c *Calc) RowKeys(in []Keys) Keys {
	at := map[int]int{} // where a column of the input is among the results, first
	for i, e := range c.Out {
		if column, ok := e.(*expr.Column); ok {
			if _, twice := at[column.Index]; !twice {
				at[column.Index] = i
			}
		}
	}
	project := func(k Key) (out Key, ok bool) {
		for _, column := range k {
			i, there := at[column]
			if !there {
				return nil, false
			}
			out = append(out, i)
		}
		slices.Sort(out)
		return out, true
	}
	return in[0].each(project)
}

// RowKeys are those of the input, and the window where a row may be in several: any of its columns names it, because all windows of a
// function are equally long; of those that cumulate, not its start.
func (w *Window) RowKeys(in []Keys) Keys {
	if w.Windowing.assigner.Tumbling() {
		return in[0]
	}
	return in[0].with(w.Windowing, len(w.Input.Columns))
}

// RowKeys are the group columns with the window, any column of which names it: a group has one result in each.
func (a *Aggregate) RowKeys([]Keys) Keys {
	group := Key{}
	for i := range a.Keys {
		group = append(group, i)
	}
	k := Keys{Unique: []Key{group}, Upsert: []Key{group}}
	if a.Windowing == nil {
		return k
	}
	return k.with(a.Windowing, a.Keys+len(a.Calls))
}

// RowKeys are those of the left side with those of the right side. They are in order where the key of the join is among them, by which
// pairs are divided among subtasks. A side of which one row at most matches adds nothing.
func (j *Join) RowKeys(in []Keys) (out Keys) {
	left, right := in[0].Unique, in[1].Unique
	if j.Kind >= SemiJoin {
		right = []Key{{}}
	}
	for _, l := range left {
		for _, r := range right {
			if !within(l, j.Left.Columns) || j.Kind < SemiJoin && !within(r, j.Right.Columns) {
				continue
			}
			key := slices.Clone(l)
			if j.Kind >= SemiJoin || j.Outer(true) || !holds(j.Right.Keys, r) {
				for _, c := range r {
					key = append(key, j.Left.Columns+c)
				}
			}
			out.Unique = append(out.Unique, key)
			if holds(key, j.Left.Keys) && len(j.Left.Keys) > 0 {
				out.Upsert = append(out.Upsert, key)
			}
		}
	}
	return out
}

// RowKeys are those of the input; and the partition, with the number where there is more than one row in it. They are in order where the
// partition is among them.
func (t *TopN) RowKeys(in []Keys) (out Keys) {
	for _, k := range in[0].Unique {
		if !within(k, t.Columns) {
			continue
		}
		out.Unique = append(out.Unique, k)
		if holds(k, t.Partition) {
			out.Upsert = append(out.Upsert, k)
		}
	}
	if t.Limit != 1 && !t.Numbered || !within(t.Partition, t.Columns) {
		return out
	}
	key := slices.Clone(Key(t.Partition))
	slices.Sort(key)
	key = slices.Compact(key)
	if t.Limit != 1 {
		key = append(key, t.Columns)
	}
	out.Unique, out.Upsert = append(out.Unique, key), append(out.Upsert, key)
	return out
}

// within says whether all columns of a key are among the first n.
func within(k Key, n int) bool { return len(k) == 0 || slices.Max(k) < n }

// holds says whether all of some columns are among others.
func holds(all, some []int) bool {
	for _, c := range some {
		if !slices.Contains(all, c) {
			return false
		}
	}
	return true
}

// RowKeys are none: two branches may give the same row, and so may one whose text is there twice.
func (*Union) RowKeys([]Keys) Keys { return Keys{} }

// each applies a function to every key, and leaves out those for which it has none.
func (k Keys) each(f func(Key) (Key, bool)) (out Keys) {
	for _, set := range []struct{ from, to *[]Key }{{&k.Unique, &out.Unique}, {&k.Upsert, &out.Upsert}} {
		for _, key := range *set.from {
			if made, ok := f(key); ok {
				*set.to = append(*set.to, made)
			}
		}
	}
	return out
}

// windowColumns is how many columns a window has.
const windowColumns = 3

// with adds to every key one of the columns that name a window. Those of the window begin at first.
func (k Keys) with(w *Windowing, first int) (out Keys) {
	for i := range windowColumns {
		if i == 0 && w.assigner.Cumulating {
			continue // the start is that of others too
		}
		one := k.each(func(key Key) (Key, bool) { return append(slices.Clone(key), first+i), true })
		out.Unique, out.Upsert = append(out.Unique, one.Unique...), append(out.Upsert, one.Upsert...)
	}
	return out
}

// Keying knows the keys of ops, each inferred once, as [Flow] does their changes.
type Keying map[Op]Keys

// Of infers the keys of a relation, from its tables up.
func (f Keying) Of(r *Relation) Keys {
	if k, known := f[r.Op]; known {
		return k
	}
	var in []Keys
	for _, input := range r.Op.Reads() {
		in = append(in, f.Of(input))
	}
	f[r.Op] = r.Op.RowKeys(in)
	return f[r.Op]
}
