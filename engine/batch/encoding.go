package batch

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unsafe"
)

// Codec writes the rows of payloads of one concrete type and schema as bytes, and reads them back. It has no state: any number
// of goroutines use it.
type Codec interface {
	// Layout describes the encoding. Who writes and who reads rows have equal ones, or do not understand each other.
	Layout() string
	// New returns an empty payload for such rows.
	New() Payload
	// Append appends the encoding of a payload's rows. It fails for rows that have none.
	Append(dst []byte, p Payload) ([]byte, error)
	// Decode reads all of b, which a codec of this layout has written of that many rows, into an empty payload. What is not such
	// bytes it refuses, without taking more memory than a small multiple of theirs. Nothing of b is kept.
	Decode(b []byte, rows int, into Payload) error
}

// The optional parts of an encoded batch, which follow each other in this order.
const (
	hasTime = 1 << iota
	hasSplitWatermark
	hasWindow
	hasHash
	hasKeys
	hasKind
	unknownParts // and all above
)

// AppendBatch appends the encoding of a batch.
//
//	uvarint rows
//	byte    which optional parts there are: 1 time, 2 split watermark, 4 window, 8 hash, 16 keys, 32 kind
//	time, split watermark, window, hash: 8 bytes for each row
//	keys:   strings
//	kind:   a byte for each row
//	the rows, as the codec has them
//
// Strings are the end of each in the bytes of all, as 4 bytes, and then those bytes. Numbers are little endian: as they are in memory
// on every machine that the engine runs on, so that a column is one copy.
func AppendBatch(dst []byte, b *Batch, c Codec) ([]byte, error) {
	n := b.Len()
	var parts byte
	for _, p := range []struct {
		rows int
		part byte
	}{{len(b.Time), hasTime}, {len(b.SplitWatermark), hasSplitWatermark}, {len(b.Window), hasWindow}, {len(b.Hash), hasHash}, {b.Keys.Len(), hasKeys}, {len(b.Kind), hasKind}} {
		switch p.rows {
		case 0:
		case n:
			parts |= p.part
		default:
			return nil, fmt.Errorf("encode a batch of %d rows: part %d of it has %d", n, p.part, p.rows)
		}
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	dst = append(dst, parts)
	dst = append(dst, memory(b.Time)...)
	dst = append(dst, memory(b.SplitWatermark)...)
	dst = append(dst, memory(b.Window)...)
	dst = append(dst, memory(b.Hash)...)
	if parts&hasKeys != 0 {
		dst = appendStrings(dst, &b.Keys)
	}
	dst = append(dst, memory(b.Kind)...)
	dst, err := c.Append(dst, b.Data)
	if err != nil {
		return nil, fmt.Errorf("encode a batch: %w", err)
	}
	return dst, nil
}

// DecodeBatch reads all of what AppendBatch has written into an empty batch, whose payload is one of the codec. It keeps nothing of b.
// What is wrong with the bytes is an error, and then the batch may hold anything until it is reset.
func DecodeBatch(b []byte, into *Batch, c Codec) error {
	if err := decodeBatch(b, into, c); err != nil {
		return fmt.Errorf("decode a batch: %w", err)
	}
	return nil
}

func decodeBatch(b []byte, into *Batch, c Codec) error {
	rows, size := binary.Uvarint(b)
	if size <= 0 || rows > math.MaxInt32 || len(b) == size {
		return fmt.Errorf("it does not begin with its rows")
	}
	n, parts := int(rows), b[size]
	if parts >= unknownParts || n == 0 && parts != 0 {
		return fmt.Errorf("%d rows with the parts %#x", n, parts)
	}
	d := decoder{b: b[size+1:]}
	if parts&hasTime != 0 {
		into.Time = take(&d, into.Time, n)
	}
	if parts&hasSplitWatermark != 0 {
		into.SplitWatermark = take(&d, into.SplitWatermark, n)
	}
	if parts&hasWindow != 0 {
		into.Window = take(&d, into.Window, n)
	}
	if parts&hasHash != 0 {
		into.Hash = take(&d, into.Hash, n)
	}
	if parts&hasKeys != 0 {
		d.strings(&into.Keys, n)
	}
	if parts&hasKind != 0 {
		into.Kind = take(&d, into.Kind, n)
		if d.err == nil && slices.Max(into.Kind) > Delete {
			d.fail("a row is of a kind that there is not")
		}
	}
	if d.err != nil {
		return d.err
	}
	if err := c.Decode(d.b, n, into.Data); err != nil {
		return err
	}
	if got := into.Data.Len(); got != n {
		return fmt.Errorf("it has %d rows, not %d", got, n)
	}
	return nil
}

// memory is the memory of values without pointers.
func memory[T Value | uint64 | uint32 | RowKind](v []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(*new(T))))
}

// appendStrings appends strings, of which there is one at least.
func appendStrings(dst []byte, s *Bytes) []byte {
	ends := s.Off[1:]
	first := s.Off[0]
	if first == 0 {
		dst = append(dst, memory(ends)...)
	} else {
		for _, end := range ends {
			dst = binary.LittleEndian.AppendUint32(dst, end-first)
		}
	}
	return append(dst, s.Buf[first:ends[len(ends)-1]]...)
}

// decoder reads from b, until something is wrong with it.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

// bytes returns the next n bytes, of b itself; nil: there are not so many.
func (d *decoder) bytes(n int) []byte {
	if d.err != nil {
		return nil
	}
	if n > len(d.b) {
		d.fail("it is cut off: %d bytes are there, and %d are due", len(d.b), n)
		return nil
	}
	taken := d.b[:n]
	d.b = d.b[n:]
	return taken
}

// take reads n values over those of v. Those of type bool are for bools to read.
func take[T Value | uint64 | uint32 | RowKind](d *decoder, v []T, n int) []T {
	from := d.bytes(n * int(unsafe.Sizeof(*new(T))))
	if d.err != nil {
		return v[:0]
	}
	v = slices.Grow(v[:0], n)[:n]
	copy(memory(v), from)
	return v
}

// bools reads n bools over those of v.
func (d *decoder) bools(v []bool, n int) []bool {
	if d.err == nil && n <= len(d.b) {
		for _, b := range d.b[:n] {
			if b > 1 { // a bool that is neither would be either
				d.fail("a byte of %d is no bool", b)
			}
		}
	}
	return take(d, v, n)
}

// strings reads n strings over those of s.
func (d *decoder) strings(s *Bytes, n int) {
	s.Reset()
	if n == 0 {
		return
	}
	from := d.bytes(4 * n)
	if d.err != nil {
		return
	}
	off := slices.Grow(s.Off[:0], n+1)[:n+1]
	off[0] = 0
	copy(memory(off[1:]), from)
	for i, end := range off[1:] {
		if end < off[i] {
			d.fail("string %d ends before it begins", i)
			return
		}
	}
	buf := d.bytes(int(off[n]))
	if d.err != nil {
		return
	}
	s.Off, s.Buf = off, append(s.Buf[:0], buf...)
}
