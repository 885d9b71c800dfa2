package stream

import (
	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/state"
)

// timeOp sets the event time of each row.
type timeOp[T any] struct {
	operator.Stateless
	at  func(*T) int64
	out batch.Batch
}

func (o *timeOp[T]) Process(_ int, b *batch.Batch, out operator.Output) error {
	rows := b.Data.(*batch.Rows[T]).V
	o.out = batch.Batch{Data: b.Data, Time: o.out.Time[:0]}
	for i := range rows {
		o.out.Time = append(o.out.Time, o.at(&rows[i]))
	}
	return out.Emit(&o.out)
}

type mapOp[I, O any] struct {
	operator.Stateless
	f    func(*I, *O)
	rows batch.Rows[O]
	out  batch.Batch
}

func (o *mapOp[I, O]) Process(_ int, b *batch.Batch, out operator.Output) error {
	in := b.Data.(*batch.Rows[I]).V
	if cap(o.rows.V) < len(in) {
		o.rows.V = make([]O, len(in))
	}
	o.rows.V = o.rows.V[:len(in)]
	clear(o.rows.V)
	for i := range in {
		o.f(&in[i], &o.rows.V[i])
	}
	o.out = batch.Batch{Data: &o.rows, Time: b.Time, SplitWatermark: b.SplitWatermark, Kind: b.Kind}
	return out.Emit(&o.out)
}

type flatMapOp[I, O any] struct {
	operator.Stateless
	f    func(row *I, emit func(O))
	emit func(O) // appends to rows
	rows batch.Rows[O]
	from []int32 // the row of the input that each of rows comes from
	out  batch.Batch
}

func (o *flatMapOp[I, O]) Process(_ int, b *batch.Batch, out operator.Output) error {
	in := b.Data.(*batch.Rows[I]).V
	o.rows.V, o.from = o.rows.V[:0], o.from[:0]
	for i := range in {
		o.f(&in[i], o.emit)
		for len(o.from) < len(o.rows.V) {
			o.from = append(o.from, int32(i))
		}
	}
	if len(o.rows.V) == 0 {
		return nil
	}
	o.out = batch.Batch{Data: &o.rows, Time: o.out.Time[:0], SplitWatermark: o.out.SplitWatermark[:0], Kind: o.out.Kind[:0]}
	o.out.Time = selected(o.out.Time, b.Time, o.from)
	o.out.SplitWatermark = selected(o.out.SplitWatermark, b.SplitWatermark, o.from)
	o.out.Kind = selected(o.out.Kind, b.Kind, o.from)
	return operator.Selected(out.Emit(&o.out), o.from)
}

// selected appends the elements of a column of a batch, if it has that column.
func selected[E any](dst, column []E, sel []int32) []E {
	if len(column) == 0 {
		return dst
	}
	for _, i := range sel {
		dst = append(dst, column[i])
	}
	return dst
}

type filterOp[T any] struct {
	operator.Stateless
	f    func(*T) bool
	sel  []int32
	rows batch.Rows[T]
	out  batch.Batch
}

func (o *filterOp[T]) Process(_ int, b *batch.Batch, out operator.Output) error {
	in := b.Data.(*batch.Rows[T]).V
	o.sel = o.sel[:0]
	for i := range in {
		if o.f(&in[i]) {
			o.sel = append(o.sel, int32(i))
		}
	}
	if len(o.sel) == len(in) {
		return out.Emit(b)
	}
	if len(o.sel) == 0 {
		return nil
	}
	o.out.Data = &o.rows
	o.out.Reset()
	o.out.AppendSelected(b, o.sel)
	o.out.AppendSplitWatermarks(b, o.sel)
	return operator.Selected(out.Emit(&o.out), o.sel)
}

// encodeKeys puts the encoded key of every row into keys, which is empty.
type encodeKeys[T any] func(keys *batch.Bytes, rows []T)

// keyOp encodes each row's key and hashes it, once for the whole way.
type keyOp[T any] struct {
	operator.Stateless
	encode encodeKeys[T]
	out    batch.Batch
}

func (o *keyOp[T]) Process(_ int, b *batch.Batch, out operator.Output) error {
	keys := o.out.Keys
	keys.Reset()
	o.encode(&keys, b.Data.(*batch.Rows[T]).V)
	hash := state.HashKeys(o.out.Hash, &keys)
	o.out = batch.Batch{Data: b.Data, Time: b.Time, SplitWatermark: b.SplitWatermark, Window: b.Window, Kind: b.Kind, Keys: keys, Hash: hash}
	return out.Emit(&o.out)
}

// passOp hands on what it gets, from all its inputs.
type passOp struct{ operator.Stateless }

func (passOp) Process(_ int, b *batch.Batch, out operator.Output) error { return out.Emit(b) }
