package datagen

import (
	"context"
	"encoding/binary"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
)

// reader makes the rows of its splits, one split after the other.
type reader struct {
	// fill appends the rows from..from+n-1 of a split that was made at baseMS.
	fill func(into batch.Payload, from int64, n int, baseMS int64) error
	// rows is how many are made at once.
	rows int64

	waiting []openRange
	encoded []byte // position, valid until the next call
}

type openRange struct {
	id string
	rowRange
	next int64
}

// batchRows is how many rows of so many bytes are made at once, if at most so many are wanted.
func batchRows(rowBytes, wanted int) int64 {
	return int64(max(1, min(wanted, batch.TargetBytes/max(1, rowBytes))))
}

// Add queues a range.
func (r *reader) Add(s connector.Split, position []byte) error {
	o := openRange{id: s.ID}
	var err error
	if o.rowRange, err = decodeRange(s); err != nil {
		return err
	}
	o.next = o.from
	if len(position) > 0 {
		if o.next, err = o.decodePosition(position); err != nil {
			return err
		}
	}
	r.waiting = append(r.waiting, o)
	return nil
}

// Next makes rows. It never waits.
func (r *reader) Next(ctx context.Context, into *batch.Batch) (connector.Progress, error) {
	if len(r.waiting) == 0 || ctx.Err() != nil {
		return connector.Progress{}, ctx.Err()
	}
	o := &r.waiting[0]
	n := min(r.rows, o.to-o.next)
	if err := r.fill(into.Data, o.next, int(n), o.baseMS); err != nil {
		return connector.Progress{}, err
	}
	o.next += n
	r.encoded = binary.AppendUvarint(r.encoded[:0], uint64(o.next))
	p := connector.Progress{Split: o.id, Position: r.encoded, Done: o.next == o.to}
	if p.Done {
		r.waiting = r.waiting[1:]
	}
	return p, nil
}

// Close does nothing.
func (*reader) Close() error { return nil }
