package message

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// coder goes through the fields of a message in the order of their numbers, and writes them or reads them. What is said of a
// message to a coder is both its encoding and its decoding, so the two cannot differ.
//
// The encoding is protobuf's: integers as sint64, zero values left out, so that fields may be added. A reader refuses fields that
// it does not know, and fields that are out of order: a command that is understood in part must not be obeyed. What it makes is never
// larger than what it reads by more than a factor, whatever the lengths in it say.
type coder struct {
	reading bool
	out     []byte // what is written
	in      []byte // what is left to read
	err     error  // what is wrong with what is read; nothing is read after it
}

// next takes the next field's tag if it is the field n.
func (c *coder) next(n protowire.Number, want protowire.Type) bool {
	if c.err != nil || len(c.in) == 0 {
		return false
	}
	got, kind, size := protowire.ConsumeTag(c.in)
	switch {
	case size < 0:
		c.err = protowire.ParseError(size)
		return false
	case got != n:
		return false // a later one; what is none is found at the end
	case kind != want:
		c.err = fmt.Errorf("field %d is of type %d, not %d", n, kind, want)
		return false
	}
	c.in = c.in[size:]
	return true
}

// takeBytes takes the content of a field of bytes, which is a part of what is read.
func (c *coder) takeBytes(n protowire.Number) ([]byte, bool) {
	if !c.next(n, protowire.BytesType) {
		return nil, false
	}
	v, size := protowire.ConsumeBytes(c.in)
	if size < 0 {
		c.err = fmt.Errorf("field %d: %w", n, protowire.ParseError(size))
		return nil, false
	}
	c.in = c.in[size:]
	return v, true
}

func (c *coder) putBytes(n protowire.Number, v []byte) {
	c.out = protowire.AppendBytes(protowire.AppendTag(c.out, n, protowire.BytesType), v)
}

// end says what is wrong with what was read, if anything.
func (c *coder) end() error {
	if c.err == nil && len(c.in) > 0 {
		n, _, size := protowire.ConsumeTag(c.in)
		if size < 0 {
			return protowire.ParseError(size)
		}
		return fmt.Errorf("field %d is unknown or out of place", n)
	}
	return c.err
}

func (c *coder) int64(n protowire.Number, v *int64) {
	if !c.reading {
		if *v != 0 {
			c.out = protowire.AppendVarint(protowire.AppendTag(c.out, n, protowire.VarintType), protowire.EncodeZigZag(*v))
		}
		return
	}
	if !c.next(n, protowire.VarintType) {
		return
	}
	x, size := protowire.ConsumeVarint(c.in)
	if size < 0 {
		c.err = fmt.Errorf("field %d: %w", n, protowire.ParseError(size))
		return
	}
	c.in = c.in[size:]
	*v = protowire.DecodeZigZag(x)
}

// within is an integer from 0 to a highest one.
func within[T ~uint8](c *coder, n protowire.Number, v *T, highest int64) {
	x := int64(*v)
	c.int64(n, &x)
	switch {
	case !c.reading: // what is written is not touched: others may read it
	case c.err == nil && (x < 0 || x > highest):
		c.err = fmt.Errorf("field %d is %d, which is not within 0 and %d", n, x, highest)
	default:
		*v = T(x)
	}
}

// int32 is an int of 32 bits. It may be negative: what an index means is known to who has the list.
func (c *coder) int32(n protowire.Number, v *int) {
	x := int64(*v)
	c.int64(n, &x)
	switch {
	case !c.reading:
	case c.err == nil && int64(int32(x)) != x:
		c.err = fmt.Errorf("field %d is %d, which has more than 32 bits", n, x)
	default:
		*v = int(x)
	}
}

func (c *coder) bool(n protowire.Number, v *bool) {
	var x uint8
	if *v {
		x = 1
	}
	within(c, n, &x, 1)
	if c.reading {
		*v = x == 1
	}
}

func (c *coder) duration(n protowire.Number, v *time.Duration) { c.int64(n, (*int64)(v)) }

func (c *coder) text(n protowire.Number, v *string) {
	if !c.reading {
		if *v != "" {
			c.putBytes(n, []byte(*v))
		}
		return
	}
	if b, ok := c.takeBytes(n); ok {
		*v = string(b)
	}
}

// bytes reads a copy; what is empty is nil.
func (c *coder) bytes(n protowire.Number, v *[]byte) {
	if !c.reading {
		if len(*v) > 0 {
			c.putBytes(n, *v)
		}
		return
	}
	if b, ok := c.takeBytes(n); ok {
		*v = append([]byte(nil), b...)
	}
}

// message is a message in the message, which is left out if it is empty.
func (c *coder) message(n protowire.Number, fields func(c *coder)) {
	if !c.reading {
		var inner coder
		fields(&inner)
		if len(inner.out) > 0 {
			c.putBytes(n, inner.out)
		}
		return
	}
	b, ok := c.takeBytes(n)
	if !ok {
		return
	}
	inner := coder{reading: true, in: b}
	fields(&inner)
	if err := inner.end(); err != nil {
		c.err = fmt.Errorf("in field %d: %w", n, err)
	}
}

// list is a repeated message, of which empty ones count.
func list[T any](c *coder, n protowire.Number, items *[]T, fields func(c *coder, item *T)) {
	if !c.reading {
		for i := range *items {
			var inner coder
			fields(&inner, &(*items)[i])
			c.putBytes(n, inner.out)
		}
		return
	}
	for {
		b, ok := c.takeBytes(n)
		if !ok {
			return
		}
		var item T
		inner := coder{reading: true, in: b}
		fields(&inner, &item)
		if err := inner.end(); err != nil {
			c.err = fmt.Errorf("in field %d: %w", n, err)
			return
		}
		*items = append(*items, item)
	}
}

// other is a message that has an encoding of its own.
func other[T any](c *coder, n protowire.Number, v *T, encode func(T) []byte, decode func([]byte) (T, error)) {
	if !c.reading {
		if b := encode(*v); len(b) > 0 {
			c.putBytes(n, b)
		}
		return
	}
	b, ok := c.takeBytes(n)
	if !ok {
		return
	}
	x, err := decode(b)
	if err != nil {
		c.err = fmt.Errorf("in field %d: %w", n, err)
		return
	}
	*v = x
}
