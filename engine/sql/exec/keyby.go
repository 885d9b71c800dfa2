package exec

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/operator"
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
	o.Hash = grow(o.Hash, in.N)
	for i := range o.Hash {
		o.Hash[i] = xxh3.Hash(o.Keys.At(i))
	}
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
	if len(k.keys) == 1 {
		if v, ok := k.keys[0].(*batch.Fixed[int64]); ok && len(v.Nulls) == 0 {
			encodeWords(keys, v.V)
			return
		}
	}
	for i := range n {
		for _, v := range k.keys {
			keys.Buf = appendKey(keys.Buf, v, i)
		}
		keys.Seal()
	}
}

// encodeWords does what appendKey does for the commonest key, one column of BIGINT without NULLs, in a third of the time.
func encodeWords(keys *batch.Bytes, values []int64) {
	const width = 1 + 8
	keys.Buf, keys.Off = grow(keys.Buf, width*len(values)), grow(keys.Off, len(values)+1)
	keys.Off[0] = 0
	for i, v := range values {
		at := width * i
		keys.Buf[at] = 1
		binary.BigEndian.PutUint64(keys.Buf[at+1:], uint64(v))
		keys.Off[i+1] = uint32(at + width)
	}
}
