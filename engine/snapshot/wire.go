package snapshot

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// message builds a protobuf message. Zero values are left out, as proto3 has it.
type message []byte

func (m *message) int(n protowire.Number, v int64) {
	if v != 0 {
		m.intAlways(n, v)
	}
}

func (m *message) intAlways(n protowire.Number, v int64) {
	*m = protowire.AppendTag(*m, n, protowire.VarintType)
	*m = protowire.AppendVarint(*m, protowire.EncodeZigZag(v))
}

func (m *message) bool(n protowire.Number, v bool) {
	if v {
		*m = protowire.AppendTag(*m, n, protowire.VarintType)
		*m = protowire.AppendVarint(*m, 1)
	}
}

func (m *message) text(n protowire.Number, v string) {
	if v != "" {
		m.bytesAlways(n, []byte(v))
	}
}

func (m *message) bytes(n protowire.Number, v []byte) {
	if len(v) > 0 {
		m.bytesAlways(n, v)
	}
}

// bytesAlways is for repeated fields, in which an empty element counts.
func (m *message) bytesAlways(n protowire.Number, v []byte) {
	*m = protowire.AppendTag(*m, n, protowire.BytesType)
	*m = protowire.AppendBytes(*m, v)
}

// value is one field of a message that is read. Its methods store it, or say why it cannot be.
type value struct {
	kind   protowire.Type
	varint uint64
	body   []byte
	at     int64 // offset of the field in the body of _metadata
}

func (v value) wrong(reason string) error { return &CorruptError{Offset: v.at, Reason: reason} }

func (v value) toInt64(to *int64) error {
	if v.kind != protowire.VarintType {
		return v.wrong("not an integer")
	}
	*to = protowire.DecodeZigZag(v.varint)
	return nil
}

// toCount stores a number that is not negative and fits 32 bits.
func (v value) toCount(to *int) error {
	var n int64
	if err := v.toInt64(&n); err != nil {
		return err
	}
	if n < 0 || n > math.MaxInt32 {
		return v.wrong(fmt.Sprintf("%d is not a count", n))
	}
	*to = int(n)
	return nil
}

func (v value) toUint32(to *uint32) error {
	var n int64
	if err := v.toInt64(&n); err != nil {
		return err
	}
	if n < 0 || n > math.MaxUint32 {
		return v.wrong(fmt.Sprintf("%d is not a checksum", n))
	}
	*to = uint32(n)
	return nil
}

func (v value) appendInt64(to *[]int64) error {
	var n int64
	err := v.toInt64(&n)
	*to = append(*to, n)
	return err
}

func (v value) toBool(to *bool) error {
	if v.kind != protowire.VarintType || v.varint > 1 {
		return v.wrong("not a boolean")
	}
	*to = v.varint == 1
	return nil
}

func (v value) toText(to *string) error {
	if v.kind != protowire.BytesType {
		return v.wrong("not a text")
	}
	*to = string(v.body)
	return nil
}

func (v value) appendText(to *[]string) error {
	var s string
	err := v.toText(&s)
	*to = append(*to, s)
	return err
}

func (v value) toBytes(to *[]byte) error {
	if v.kind != protowire.BytesType {
		return v.wrong("not bytes")
	}
	*to = append([]byte(nil), v.body...)
	return nil
}

func (v value) appendBytes(to *[][]byte) error {
	var b []byte
	err := v.toBytes(&b)
	*to = append(*to, b)
	return err
}

// appendMessage reads an element of a repeated message field.
func appendMessage[T any](v value, to *[]T, field func(*T, protowire.Number, value) error) error {
	if v.kind != protowire.BytesType {
		return v.wrong("not a message")
	}
	var element T
	err := readMessage(v.body, v.at, func(n protowire.Number, v value) error { return field(&element, n, v) })
	*to = append(*to, element)
	return err
}

// readMessage calls field for each field of a message that starts at offset at.
func readMessage(b []byte, at int64, field func(protowire.Number, value) error) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return &CorruptError{Offset: at, Reason: "no field begins here"}
		}
		v := value{kind: kind, at: at}
		var content int
		switch kind {
		case protowire.VarintType:
			v.varint, content = protowire.ConsumeVarint(b[size:])
		case protowire.BytesType:
			v.body, content = protowire.ConsumeBytes(b[size:])
			if content >= 0 {
				v.at += int64(size + content - len(v.body))
			}
		default:
			return v.wrong(fmt.Sprintf("field %d has an unknown type", n))
		}
		if content < 0 {
			return v.wrong(fmt.Sprintf("field %d ends too early", n))
		}
		if err := field(n, v); err != nil {
			return err
		}
		b = b[size+content:]
		at += int64(size + content)
	}
	return nil
}

// unknownField refuses what this engine does not understand.
func unknownField(of string, n protowire.Number, v value) error {
	return v.wrong(fmt.Sprintf("%s has a field %d, which format %d does not know", of, n, Format))
}
