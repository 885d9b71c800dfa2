package exchange

import (
	"encoding/binary"
	"fmt"

	"github.com/weirstream/weir/engine/batch"
)

// AppendElement appends the encoding of what a producer sends: the kind as a byte, which every kind has for ever, and then a batch
// as its codec has it, or the value of a barrier or watermark in eight bytes, little endian.
func AppendElement(dst []byte, e Element, c batch.Codec) ([]byte, error) {
	dst = append(dst, byte(e.Kind))
	switch e.Kind {
	case Batch:
		return batch.AppendBatch(dst, e.Batch, c)
	case Barrier, Watermark:
		return binary.LittleEndian.AppendUint64(dst, uint64(e.Value)), nil
	case Idle, Active, EndOfInput:
		return dst, nil
	}
	return nil, fmt.Errorf("no producer sends an element of kind %d", e.Kind)
}

// DecodeElement reads all of what AppendElement has written. A batch comes in what empty returns, a batch for the codec's payloads that
// is given back with the element; if the bytes are wrong, it is of no use any more.
func DecodeElement(b []byte, c batch.Codec, empty func() *batch.Batch) (Element, error) {
	if len(b) == 0 {
		return Element{}, fmt.Errorf("an element of no bytes")
	}
	e, b := Element{Kind: Kind(b[0])}, b[1:]
	switch e.Kind {
	case Batch:
		e.Batch = empty()
		return e, batch.DecodeBatch(b, e.Batch, c)
	case Barrier, Watermark:
		if len(b) != 8 {
			return Element{}, fmt.Errorf("an element of kind %d with a value of %d bytes, not 8", e.Kind, len(b))
		}
		e.Value = int64(binary.LittleEndian.Uint64(b))
		return e, nil
	case Idle, Active, EndOfInput:
		if len(b) != 0 {
			return Element{}, fmt.Errorf("an element of kind %d with %d bytes", e.Kind, len(b))
		}
		return e, nil
	}
	return Element{}, fmt.Errorf("an element of kind %d, which no producer sends", e.Kind)
}

// encoded is a channel through which elements go as bytes, as to another process, though the gate is in this one.
type encoded struct {
	Sender
	codec batch.Codec
	like  *batch.Batch // empty, for rows of the codec
	own   *batch.Batch // that the producer fills
	bytes []byte
}

// Encode lets all that is sent go by its encoding, before anything is. It costs a copy more, and is for trying that nothing is
// lost on that way. Nil: rows have no encoding, and sending some is an error.
func (o *Output) Encode(c batch.Codec) {
	for i, to := range o.channels {
		e := &encoded{Sender: to, codec: c}
		if c != nil {
			e.like = batch.Of(c.New())
		}
		o.channels[i] = e
	}
}

func (s *encoded) Borrow(like *batch.Batch) *batch.Batch {
	b := s.own
	s.own = nil
	if b == nil {
		return like.New()
	}
	return b
}

func (s *encoded) Send(e Element) error {
	if e.Kind == Batch && s.codec == nil {
		return fmt.Errorf("%T have no encoding", e.Batch.Data)
	}
	b, err := AppendElement(s.bytes[:0], e, s.codec)
	if err != nil {
		return err
	}
	s.bytes = b
	if e.Kind == Batch {
		s.own = e.Batch
		s.own.Reset()
	}
	sent, err := DecodeElement(b, s.codec, func() *batch.Batch { return s.Sender.Borrow(s.like) })
	if err != nil {
		return err
	}
	return s.Sender.Send(sent)
}
