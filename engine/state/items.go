package state

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
)

// Items is operator state: what a subtask keeps for itself, and not for a key. A rescale divides it among the subtasks as its kind says:
// an OperatorList item by item; of a UnionList each subtask gets all; a Broadcast state, which all subtasks change alike, each gets whole.
// It is kept in memory and written with each snapshot, so it is meant for little: MaxItemsBytes bounds all of a subtask.
//
// The items of a list have no names, and are in the order in which they were added. Those of a Broadcast state are in the order of their
// names, each once.
type Items struct {
	kind  Kind
	items []item
	bytes int
}

type item struct{ name, value []byte }

// MaxItemsBytes bounds names and values of all items of one state.
const MaxItemsBytes = 64 << 20

// NewItems returns an empty state of one of the kinds of operator state.
func NewItems(kind Kind) *Items { return &Items{kind: kind} }

// Len is the number of items, and Bytes how much they hold.
func (s *Items) Len() int { return len(s.items) }

// Bytes is how many bytes names and values have.
func (s *Items) Bytes() int { return s.bytes }

// Add appends an item to a list. The value is copied.
func (s *Items) Add(value []byte) {
	s.items = append(s.items, item{value: slices.Clone(value)})
	s.bytes += len(value)
}

// Clear removes all items.
func (s *Items) Clear() { s.items, s.bytes = nil, 0 }

// Get returns the value of a name in a Broadcast state, which must not be changed.
func (s *Items) Get(name []byte) (value []byte, found bool) {
	i, found := s.find(name)
	if !found {
		return nil, false
	}
	return s.items[i].value, true
}

// Put sets the value of a name. Both are copied.
func (s *Items) Put(name, value []byte) {
	i, found := s.find(name)
	if !found {
		s.items = slices.Insert(s.items, i, item{name: slices.Clone(name)})
		s.bytes += len(name)
	}
	s.bytes += len(value) - len(s.items[i].value)
	s.items[i].value = slices.Clone(value)
}

// Delete removes a name, and says whether it was there.
func (s *Items) Delete(name []byte) bool {
	i, found := s.find(name)
	if found {
		s.bytes -= len(name) + len(s.items[i].value)
		s.items = slices.Delete(s.items, i, i+1)
	}
	return found
}

func (s *Items) find(name []byte) (int, bool) {
	return slices.BinarySearchFunc(s.items, name, func(i item, name []byte) int { return bytes.Compare(i.name, name) })
}

// All returns the items in their order; neither name nor value may be changed. The state may be changed meanwhile: what the loop meets is
// what was there when it began.
func (s *Items) All() iter.Seq2[[]byte, []byte] {
	items := slices.Clone(s.items)
	return func(yield func(name, value []byte) bool) {
		for _, i := range items {
			if !yield(i.name, i.value) {
				return
			}
		}
	}
}

// The operator state of a subtask in a snapshot:
//
//	operator state = version *state      states in the order in which they are declared
//	state          = name count *item
//	item           = name value
//
// version is a byte: 1. A name and a value are a length, as an unsigned varint, and so many bytes; count is one too.
const itemsVersion = 1

// AppendItems appends the operator state of a subtask: of each state its name and its items.
func AppendItems(dst []byte, names []string, states []*Items) []byte {
	dst = append(dst, itemsVersion)
	for i, s := range states {
		dst = appendCounted(dst, []byte(names[i]))
		dst = binary.AppendUvarint(dst, uint64(len(s.items)))
		for _, item := range s.items {
			dst = appendCounted(appendCounted(dst, item.name), item.value)
		}
	}
	return dst
}

func appendCounted(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// DecodeItems calls f for each item of the operator state of a subtask, which was appended by AppendItems. Name and value alias content.
func DecodeItems(content []byte, f func(state string, name, value []byte) error) error {
	if len(content) == 0 {
		return nil
	}
	d := itemsDecoder{content: content[1:]}
	if content[0] != itemsVersion {
		return fmt.Errorf("it does not begin with version %d of the encoding of operator state", itemsVersion)
	}
	for len(d.content) > 0 && d.err == nil {
		state := string(d.counted())
		for count := d.uvarint(); count > 0 && d.err == nil; count-- {
			name, value := d.counted(), d.counted()
			if d.err != nil {
				break
			}
			if err := f(state, name, value); err != nil {
				return err
			}
		}
	}
	return d.err
}

type itemsDecoder struct {
	content []byte
	err     error
}

func (d *itemsDecoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.content)
	if n <= 0 {
		d.err = fmt.Errorf("operator state is cut off")
		d.content = nil
		return 0
	}
	d.content = d.content[n:]
	return v
}

func (d *itemsDecoder) counted() []byte {
	n := d.uvarint()
	if n > uint64(len(d.content)) {
		d.err = fmt.Errorf("%d bytes of operator state are cut off after %d", n, len(d.content))
		return nil
	}
	b := d.content[:n:n]
	d.content = d.content[n:]
	return b
}

// Share returns the items that a subtask, one of so many, gets of a state of a kind: of those that all subtasks had, in their order.
func Share(kind Kind, had []*Items, subtask, parallelism int) *Items {
	out := NewItems(kind)
	switch {
	case len(had) == 0:
	case kind == Broadcast:
		of := had[subtask%len(had)]
		out.items, out.bytes = slices.Clone(of.items), of.bytes
	case kind == OperatorList && len(had) == parallelism: // nothing moves
		out.items, out.bytes = slices.Clone(had[subtask].items), had[subtask].bytes
	default:
		var all []item
		for _, h := range had {
			all = append(all, h.items...)
		}
		if kind == OperatorList {
			all = all[subtask*len(all)/parallelism : (subtask+1)*len(all)/parallelism]
		}
		for _, i := range all {
			out.items = append(out.items, i)
			out.bytes += len(i.value)
		}
	}
	return out
}

// ReadItems returns what a subtask had of a state, with values made by convert unless that is nil.
func ReadItems(content []byte, d Descriptor, convert func(dst, earlier []byte) ([]byte, error)) (*Items, error) {
	s := NewItems(d.Kind)
	err := DecodeItems(content, func(state string, name, value []byte) (err error) {
		if state == d.Name && convert != nil {
			if value, err = convert(nil, value); err != nil {
				return err
			}
		}
		switch {
		case state != d.Name:
		case d.Kind == Broadcast:
			s.Put(name, value)
		default:
			s.Add(value)
		}
		return nil
	})
	return s, err
}
