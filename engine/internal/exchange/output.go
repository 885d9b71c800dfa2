package exchange

import (
	"fmt"
	"slices"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/state"
)

// Output sends what one producer subtask emits to the channels of the consumers' gates. One goroutine uses it. Rows wait
// in partial batches until these are full; every control element, and Flush, sends them first.
type Output struct {
	channels []Sender
	open     []*batch.Batch // by channel; nil: none
	owner    Owners         // the channel of each key group; nil: the edge is not keyed
	next     int            // where the next batch goes, if the edge is not keyed
	toAll    bool           // every row goes to all channels
	dealt    bool           // rows are dealt out, one by one
	marks    bool           // rows go with their split watermarks
	sel      [][]int32      // by channel; rows of the batch at hand
	all      []int32        // 0, 1, 2, ...
}

// NewKeyed makes the output of a keyed edge: there is a channel for each consumer subtask, in their order, wherever their gates are. A
// row goes to the channel of the subtask that owns the key group of its hash.
func NewKeyed(channels []Sender, owners Owners) *Output {
	o := newOutput(channels)
	o.owner, o.sel = owners, make([][]int32, len(channels))
	return o
}

// NewForward makes the output of an edge that is not keyed. If there are several channels the batches go to one after the
// other, beginning with channel first: rows must have no order then, so that none may change what another has said.
func NewForward(channels []Sender, first int) *Output {
	o := newOutput(channels)
	o.next = first % len(channels)
	return o
}

// NewRebalance makes the output of an edge that deals rows out among all channels, beginning with channel first.
func NewRebalance(channels []Sender, first int) *Output {
	o := NewForward(channels, first)
	o.dealt, o.sel = true, make([][]int32, len(channels))
	return o
}

// NewBroadcast makes the output of an edge that sends every row to all channels.
func NewBroadcast(channels []Sender) *Output {
	o := newOutput(channels)
	o.toAll = true
	return o
}

func newOutput(channels []Sender) *Output {
	return &Output{channels: channels, open: make([]*batch.Batch, len(channels))}
}

// WithSplitWatermarks lets rows go with their split watermarks, for a consumer by which, or behind which, it is decided which rows are late (P4): how
// far a row's own split is does not depend on the way that the row takes.
func (o *Output) WithSplitWatermarks() *Output {
	o.marks = true
	return o
}

// Owners is the consumer subtask of each key group. Nobody changes it, so that all producers of an edge share one.
type Owners []uint16

// OwnersOf says whose the key groups are.
func OwnersOf(parallelism, maxParallelism int) Owners {
	owners := make(Owners, maxParallelism)
	for group := range owners {
		owners[group] = uint16(state.Owner(group, parallelism, maxParallelism))
	}
	return owners
}

// Emit copies the rows of a batch into the channels' batches.
func (o *Output) Emit(b *batch.Batch) error {
	switch {
	case o.toAll:
		for to := range o.channels {
			if err := o.add(to, b, o.rows(b.Len())); err != nil {
				return err
			}
		}
		return nil
	case o.dealt:
		return o.dealRows(b)
	case o.owner == nil:
		return o.deal(b)
	}
	if len(b.Hash) != b.Len() {
		return fmt.Errorf("%d rows with %d hashed keys came to a keyed edge", b.Len(), len(b.Hash))
	}
	for i := range o.sel {
		o.sel[i] = o.sel[i][:0]
	}
	groups := len(o.owner)
	for i, hash := range b.Hash {
		to := o.owner[state.KeyGroup(hash, groups)]
		o.sel[to] = append(o.sel[to], int32(i))
	}
	return o.addSelected(b)
}

// addSelected copies the rows in sel into the batches of their channels.
func (o *Output) addSelected(b *batch.Batch) error {
	for to, sel := range o.sel {
		if len(sel) == 0 {
			continue
		}
		if err := o.add(to, b, sel); err != nil {
			return err
		}
	}
	return nil
}

// dealRows copies one row after the other into the batch of the next channel: batches may be of few rows, or of one for a long time.
func (o *Output) dealRows(b *batch.Batch) error {
	if len(o.channels) > 1 && hasChanges(b) {
		return errDealtChanges
	}
	for i := range o.sel {
		o.sel[i] = o.sel[i][:0]
	}
	for i := range b.Len() {
		o.sel[o.next] = append(o.sel[o.next], int32(i))
		if o.next++; o.next == len(o.channels) {
			o.next = 0
		}
	}
	return o.addSelected(b)
}

// hasChanges tells whether rows of a batch change others.
func hasChanges(b *batch.Batch) bool {
	return slices.ContainsFunc(b.Kind, func(k batch.RowKind) bool { return k != batch.Insert })
}

// deal copies all rows of a batch into the batch of the next channel.
func (o *Output) deal(b *batch.Batch) error {
	to := o.next
	if len(o.channels) > 1 {
		if hasChanges(b) {
			return errDealtChanges
		}
		if o.next++; o.next == len(o.channels) {
			o.next = 0
		}
	}
	return o.add(to, b, o.rows(b.Len()))
}

var errDealtChanges = fault.Permanentf("", "give both operators the same parallelism, or divide the rows by a key",
	"rows that change others would be dealt out among more subtasks, where they come in any order")

// rows selects all of n rows.
func (o *Output) rows(n int) []int32 {
	for len(o.all) < n {
		o.all = append(o.all, int32(len(o.all)))
	}
	return o.all[:n]
}

// add copies rows into the open batch of a channel, which must have the same optional parts.
func (o *Output) add(to int, b *batch.Batch, sel []int32) error {
	open := o.open[to]
	if open != nil && o.shapeOf(open) != o.shapeOf(b) {
		if err := o.flush(to); err != nil {
			return err
		}
		open = nil
	}
	if open == nil {
		open = o.channels[to].Borrow(b)
		o.open[to] = open
	}
	open.AppendSelected(b, sel)
	if o.marks {
		open.AppendSplitWatermarks(b, sel)
	}
	if open.Len() >= batch.TargetRows || open.SizeBytes() >= batch.TargetBytes {
		return o.flush(to)
	}
	return nil
}

// shape says which optional parts the rows of a batch have that go with them.
type shape struct{ time, mark, window, hash, keys, kind bool }

func (o *Output) shapeOf(b *batch.Batch) shape {
	return shape{len(b.Time) > 0, o.marks && len(b.SplitWatermark) > 0, len(b.Window) > 0, len(b.Hash) > 0, b.Keys.Len() > 0, len(b.Kind) > 0}
}

func (o *Output) flush(to int) error {
	b := o.open[to]
	if b == nil {
		return nil
	}
	o.open[to] = nil
	return o.channels[to].Send(Element{Kind: Batch, Batch: b})
}

// Flush sends all partial batches.
func (o *Output) Flush() error {
	for to := range o.channels {
		if err := o.flush(to); err != nil {
			return err
		}
	}
	return nil
}

// Watermark tells all consumers that event time has advanced.
func (o *Output) Watermark(ms int64) error { return o.broadcast(Element{Kind: Watermark, Value: ms}) }

// Idle tells all consumers whether the producer is idle.
func (o *Output) Idle(idle bool) error {
	if idle {
		return o.broadcast(Element{Kind: Idle})
	}
	return o.broadcast(Element{Kind: Active})
}

// Barrier sends the barrier of a checkpoint to all consumers.
func (o *Output) Barrier(checkpoint int64) error {
	return o.broadcast(Element{Kind: Barrier, Value: checkpoint})
}

// End tells all consumers that no rows will follow. Barriers still do.
func (o *Output) End() error { return o.broadcast(Element{Kind: EndOfInput}) }

// Cancel says that the producer is lost, so that no consumer waits for it. Any goroutine may call it.
func (o *Output) Cancel() {
	for _, c := range o.channels {
		c.Cancel()
	}
}

func (o *Output) broadcast(e Element) error {
	if err := o.Flush(); err != nil {
		return err
	}
	for _, c := range o.channels {
		if err := c.Send(e); err != nil {
			return err
		}
	}
	return nil
}
