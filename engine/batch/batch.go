// Package batch is what the runtime moves: batches of rows, never single records.
//
// A [Batch] is read-only to its receiver and valid until the receiver's Process returns; whoever keeps rows copies
// them. A forward edge inside a task passes a batch by pointer; every other edge copies into a batch that the channel
// owns and recycles, so that several consumers of one output need no reference count.
//
// A batch boundary decides nothing: no result, watermark or lateness may depend on where one batch ends and the next
// begins. The package knows nothing of operators, state or connectors.
package batch

import (
	"encoding/binary"
	"slices"
)

// TargetRows is the number of rows that producers aim for in one batch. Measured: beyond 64 to 256 rows moving a
// record between goroutines gets no cheaper, and larger batches only add latency and cache misses.
const TargetRows = 256

// TargetBytes is the size at which a producer hands a batch on even though it holds fewer than TargetRows rows.
const TargetBytes = 32 << 10

// RowKind is the changelog kind of a row.
type RowKind uint8

// The kinds of a changelog, in Flink's order.
const (
	Insert RowKind = iota
	UpdateBefore
	UpdateAfter
	Delete
)

// Payload is the body of a batch: [Rows] of a Go type for the SDK, [Columns] for SQL. The runtime does not look inside.
type Payload interface {
	// Len is the number of rows.
	Len() int
	// Reset drops all rows and keeps the memory.
	Reset()
	// New returns an empty payload of the same concrete type and schema.
	New() Payload
	// AppendSelected copies the rows sel of src, which must be of the same concrete type and schema.
	AppendSelected(src Payload, sel []int32)
	// SizeBytes estimates the memory that the rows hold, for flow control.
	SizeBytes() int
}

// Batch is the unit that the runtime moves. A slice of it that is not nil has one entry for each row.
type Batch struct {
	// Data holds the rows themselves.
	Data Payload
	// Time is the event time of each row in ms since the epoch; nil: none assigned.
	Time []int64
	// SplitWatermark is the watermark of the row's own split just before the row, in ms; nil: the rows are in time. Lateness is decided
	// by it (P4): it goes with the rows up to the operator that does, and crosses no edge behind that.
	SplitWatermark []int64
	// Window is the start, in ms, of the window that the row was assigned to; nil: none assigned.
	Window []int64
	// Hash is the xxh3 hash of the row's encoded key; nil: not keyed. The key group comes from its top bits, the slot in
	// a group's table from its low bits.
	Hash []uint64
	// Keys holds the encoded key of each row; empty: not keyed.
	Keys Bytes
	// Kind is the changelog kind of each row; nil: all are inserts.
	Kind []RowKind
}

// Of returns an empty batch whose payload is data.
func Of(data Payload) *Batch { return &Batch{Data: data} }

// Len is the number of rows.
func (b *Batch) Len() int { return b.Data.Len() }

// New returns an empty batch for rows of the same kind.
func (b *Batch) New() *Batch { return &Batch{Data: b.Data.New()} }

// Reset drops all rows and keeps the memory.
func (b *Batch) Reset() {
	b.Data.Reset()
	b.Time, b.SplitWatermark, b.Window, b.Hash, b.Kind = b.Time[:0], b.SplitWatermark[:0], b.Window[:0], b.Hash[:0], b.Kind[:0]
	b.Keys.Reset()
}

// AppendSelected copies the rows sel of src with everything that crosses any edge: all but Mark.
func (b *Batch) AppendSelected(src *Batch, sel []int32) {
	b.Time = appendSelected(b.Time, src.Time, sel)
	b.Window = appendSelected(b.Window, src.Window, sel)
	b.Hash = appendSelected(b.Hash, src.Hash, sel)
	b.Kind = appendSelected(b.Kind, src.Kind, sel)
	if src.Keys.Len() > 0 {
		b.Keys.AppendSelected(&src.Keys, sel)
	}
	b.Data.AppendSelected(src.Data, sel)
}

// AppendSplitWatermarks copies the split watermarks of the rows sel of src, where they go with the rows.
func (b *Batch) AppendSplitWatermarks(src *Batch, sel []int32) {
	b.SplitWatermark = appendSelected(b.SplitWatermark, src.SplitWatermark, sel)
}

// SizeBytes estimates the memory that the rows hold.
func (b *Batch) SizeBytes() int {
	return b.Data.SizeBytes() + 8*(len(b.Time)+len(b.SplitWatermark)+len(b.Window)+len(b.Hash)) + len(b.Kind) + len(b.Keys.Buf) + 4*len(b.Keys.Off)
}

// appendSelected appends the values sel of src, or nothing if src is empty.
func appendSelected[T any](dst, src []T, sel []int32) []T {
	if len(src) == 0 {
		return dst
	}
	start := len(dst)
	dst = slices.Grow(dst, len(sel))[:start+len(sel)]
	added := dst[start:]
	for k, i := range sel {
		added[k] = src[i]
	}
	return dst
}

// Bytes is a list of byte strings in one buffer. String i is Buf[Off[i]:Off[i+1]]; the zero value is an empty list.
type Bytes struct {
	Off []uint32
	Buf []byte
}

// Len is the number of strings.
func (s *Bytes) Len() int {
	if len(s.Off) == 0 {
		return 0
	}
	return len(s.Off) - 1
}

// At returns string i, which aliases the buffer.
func (s *Bytes) At(i int) []byte { return s.Buf[s.Off[i]:s.Off[i+1]] }

// Append copies v to the end of the list.
func (s *Bytes) Append(v []byte) {
	s.Buf = append(s.Buf, v...)
	s.Seal()
}

// AppendString copies v to the end of the list.
func (s *Bytes) AppendString(v string) {
	s.Buf = append(s.Buf, v...)
	s.Seal()
}

// Seal ends a string whose bytes the caller has appended to Buf.
func (s *Bytes) Seal() {
	if len(s.Off) == 0 {
		s.Off = append(s.Off, 0)
	}
	s.Off = append(s.Off, uint32(len(s.Buf)))
}

// Reset drops all strings and keeps the memory.
func (s *Bytes) Reset() { s.Off, s.Buf = s.Off[:0], s.Buf[:0] }

// AppendSelected copies the strings sel of src.
func (s *Bytes) AppendSelected(src *Bytes, sel []int32) {
	if len(sel) == 0 {
		return
	}
	if len(s.Off) == 0 {
		s.Off = append(s.Off, 0)
	}
	start := len(s.Off)
	buf, off := slices.Grow(s.Buf, len(src.Buf)/src.Len()*len(sel)), slices.Grow(s.Off, len(sel))[:start+len(sel)]
	all, offsets, ends := src.Buf, src.Off, off[start:]
	for k, i := range sel {
		v := all[offsets[i]:offsets[i+1]]
		if len(v) == 8 { // an integer: a move of eight bytes is cheaper than a call of one of any size
			buf = binary.LittleEndian.AppendUint64(buf, binary.LittleEndian.Uint64(v))
		} else {
			buf = append(buf, v...)
		}
		ends[k] = uint32(len(buf))
	}
	s.Buf, s.Off = buf, off
}
