package exec

import (
	"encoding/binary"
	"fmt"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/state"
)

// KeyBySpec describes how rows are keyed.
type KeyBySpec struct {
	// Keys are the group columns; none: all rows have the one empty key.
	Keys []int
	// Out are the columns that cross the keyed edge, for Schema. The group columns do not have to: the key holds them.
	Out    []int
	Schema *batch.Schema
	// Nulls says what becomes of rows with NULL in their key.
	Nulls NullKeys
}

// NullKeys says what becomes of rows with NULL in their key.
type NullKeys uint8

// What becomes of rows with NULL in their key.
const (
	// KeepNulls makes NULL a value like any other.
	KeepNulls NullKeys = iota
	// DropNulls leaves the rows out.
	DropNulls
	// SpreadNulls gives them the one key that is no other's, and divides them among all subtasks by what else is in them.
	SpreadNulls
)

// KeyBy returns the operator that encodes and hashes the key of each row. Event time stays behind: windows know theirs.
func KeyBy(s KeyBySpec) operator.Factory {
	return factory(func() operator.Operator { return &keyBy{spec: s, view: newView(s.Schema)} })
}

type keyBy struct {
	operator.Stateless
	spec KeyBySpec
	view view
	keys []batch.Vector

	// Of a batch with NULL in keys that has to go another way.
	null     []bool
	sel      []int32
	selected []batch.Vector // the keys of the rows that are not left out
	marked   batch.Bytes
	rest     batch.Bytes // what the rows with NULL in their key have, and its hashes
	hashes   []uint64
	window   []int64
	kind     []batch.RowKind
}

func (k *keyBy) Process(_ int, b *batch.Batch, out operator.Output) error {
	in := columnsOf(b)
	k.keys = k.keys[:0]
	for _, c := range k.spec.Keys {
		k.keys = append(k.keys, in.Cols[c])
	}
	o := &k.view.out
	if k.spec.Nulls != KeepNulls && k.findNulls(in.N) {
		if k.spec.Nulls == DropNulls {
			return k.without(b, in, out)
		}
		return k.spread(b, in, out)
	}
	k.encode(&o.Keys, in.N)
	o.Hash = state.HashKeys(o.Hash, &o.Keys)
	for i, c := range k.spec.Out {
		k.view.alias(i, in.Cols[c])
	}
	k.view.cols.N = in.N
	o.Window, o.Kind = b.Window, b.Kind
	return out.Emit(o)
}

// encode writes the keys of n rows.
func (k *keyBy) encode(keys *batch.Bytes, n int) {
	keys.Reset()
	if alone(k.keys) {
		encodeAlone(keys, k.keys[0])
		return
	}
	for i := range n {
		for _, v := range k.keys {
			keys.Buf = appendKey(keys.Buf, v, i)
		}
		keys.Seal()
	}
}

// encodeAlone writes keys of one column of fixed width.
func encodeAlone(keys *batch.Bytes, v batch.Vector) {
	if v, ok := v.(*batch.Fixed[int64]); ok && len(v.Nulls) == 0 {
		encodeWords(keys, v.V)
		return
	}
	for i := range v.Len() {
		if !v.Null(i) {
			keys.Buf = appendValue(keys.Buf, v, i)
		}
		keys.Seal()
	}
}

// encodeWords is encodeAlone for the commonest key, BIGINT without NULLs, in a third of the time.
func encodeWords(keys *batch.Bytes, values []int64) {
	const width = 8
	keys.Buf, keys.Off = grow(keys.Buf, width*len(values)), grow(keys.Off, len(values)+1)
	keys.Off[0] = 0
	buf, off := keys.Buf, keys.Off[1:]
	for i, v := range values {
		binary.BigEndian.PutUint64(buf[width*i:width*i+width], uint64(v))
		off[i] = uint32(width*i + width)
	}
}

// findNulls marks the rows with NULL in their key, and says whether there are any.
func (k *keyBy) findNulls(n int) bool {
	k.null = grow(k.null, n)
	clear(k.null)
	found := false
	for _, v := range k.keys {
		for i, null := range v.NullMask() {
			if null {
				k.null[i], found = true, true
			}
		}
	}
	return found
}

// without hands on the rows without NULL in their key.
func (k *keyBy) without(b *batch.Batch, in *batch.Columns, out operator.Output) error {
	k.sel = k.sel[:0]
	for i, null := range k.null {
		if !null {
			k.sel = append(k.sel, int32(i))
		}
	}
	if len(k.sel) == 0 {
		return nil
	}
	if k.selected == nil {
		for _, v := range k.keys {
			k.selected = append(k.selected, newLike(v))
		}
	}
	for c, v := range k.keys {
		k.selected[c].Reset()
		k.selected[c].AppendSelected(v, k.sel)
		k.keys[c] = k.selected[c]
	}
	o := &k.view.out
	k.encode(&o.Keys, len(k.sel))
	o.Hash = state.HashKeys(o.Hash, &o.Keys)
	for i, c := range k.spec.Out {
		k.view.gather(i, in.Cols[c], k.sel)
	}
	k.view.cols.N = len(k.sel)
	k.window, k.kind = gather(k.window, b.Window, k.sel), gather(k.kind, b.Kind, k.sel)
	o.Window, o.Kind = k.window, k.kind
	return operator.Selected(out.Emit(o), k.sel)
}

// spread hands on all rows, those with NULL in their key by their columns.
func (k *keyBy) spread(b *batch.Batch, in *batch.Columns, out operator.Output) error {
	o := &k.view.out
	k.encode(&k.marked, in.N)
	o.Keys.Reset()
	for i, null := range k.null {
		if null {
			o.Keys.Buf = append(o.Keys.Buf, nullKey)
			o.Keys.Seal()
		} else {
			o.Keys.Append(k.marked.At(i))
		}
	}
	for i, c := range k.spec.Out {
		k.view.alias(i, in.Cols[c])
	}
	o.Hash = state.HashKeys(o.Hash, &o.Keys)
	k.rest.Reset()
	for i, null := range k.null {
		if null {
			k.rest.Buf = appendRow(k.rest.Buf, k.view.cols.Cols, i)
			k.rest.Seal()
		}
	}
	k.hashes = state.HashKeys(k.hashes, &k.rest)
	next := 0
	for i, null := range k.null {
		if null {
			o.Hash[i] = k.hashes[next]
			next++
		}
	}
	k.view.cols.N = in.N
	o.Window, o.Kind = b.Window, b.Kind
	return out.Emit(o)
}

// newLike returns an empty vector of the type of another.
func newLike(v batch.Vector) batch.Vector {
	switch v.(type) {
	case *batch.Strings:
		return &batch.Strings{}
	case *batch.Fixed[bool]:
		return &batch.Fixed[bool]{}
	case *batch.Fixed[int32]:
		return &batch.Fixed[int32]{}
	case *batch.Fixed[int64]:
		return &batch.Fixed[int64]{}
	case *batch.Fixed[float64]:
		return &batch.Fixed[float64]{}
	}
	panic(fmt.Sprintf("a key column of type %T", v))
}
