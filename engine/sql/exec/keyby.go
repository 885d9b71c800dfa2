package exec

import (
	"encoding/binary"

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
}

// KeyBy returns the operator that encodes and hashes the key of each row. Event time stays behind: windows know theirs.
func KeyBy(s KeyBySpec) operator.Factory {
	return factory(func() operator.Operator { return &keyBy{spec: s, view: newView(s.Schema)} })
}

type keyBy struct {
	operator.Stateless
	spec KeyBySpec
	view view
	keys []batch.Vector
}

func (k *keyBy) Process(_ int, b *batch.Batch, out operator.Output) error {
	in := columnsOf(b)
	k.keys = k.keys[:0]
	for _, c := range k.spec.Keys {
		k.keys = append(k.keys, in.Cols[c])
	}
	o := &k.view.out
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
