package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/state"
)

// The states of a process function beside ValueState: values of any size, lists and maps. All of them are sorted maps of the
// backend. A value that cannot be encoded or decoded ends the job with an error that names the state, after the function has
// returned: what it did until then is in no snapshot.

// EncodedState declares a state of one value of any size for each key.
func EncodedState[V any](s *Setup, name string, values Serializer[V], options ...StateOption) Encoded[V] {
	s.check(name, values.invalid())
	return Encoded[V]{s.entries(name, []string{"value " + values.Layout}, options...).evolves(values.Evolve), values}
}

// Encoded is one value of any size for each key, or none.
type Encoded[V any] struct {
	entries *entries
	values  Serializer[V]
}

// Get returns the current key's value, if it has one. Changes of it are for Put.
func (e Encoded[V]) Get(c Current) (v V, found bool) {
	text, found := e.entries.get(c, nil)
	if !found {
		return v, false
	}
	return decode(e.entries, c, e.values, text)
}

// Put sets the current key's value.
func (e Encoded[V]) Put(c Current, v V) {
	if text, ok := encode(e.entries, c, e.values, v); ok {
		e.entries.put(c, nil, text)
	}
}

// Clear removes the current key's value.
func (e Encoded[V]) Clear(c Current) { e.entries.clear(c) }

// ReducingState declares a state of one value for each key that all values added to it are folded into, two by two.
func ReducingState[V any](s *Setup, name string, values Serializer[V], reduce func(a, b V) V, options ...StateOption) Reducing[V] {
	return Reducing[V]{EncodedState(s, name, values, options...), reduce}
}

// Reducing is all values that were added for each key, as one.
type Reducing[V any] struct {
	all    Encoded[V]
	reduce func(a, b V) V
}

// Add folds a value into the current key's; the first one is taken as it is.
func (r Reducing[V]) Add(c Current, v V) {
	if all, found := r.all.Get(c); found {
		v = r.reduce(all, v)
	}
	r.all.Put(c, v)
}

// Get returns the current key's value, if any was added.
func (r Reducing[V]) Get(c Current) (V, bool) { return r.all.Get(c) }

// Clear removes the current key's value.
func (r Reducing[V]) Clear(c Current) { r.all.Clear(c) }

// AggregatingState declares a state of an accumulator for each key, to which values of another type are added. add is given the
// zero Acc for the first value, and may change the accumulator that it is given.
func AggregatingState[In, Acc, Out any](s *Setup, name string, acc Serializer[Acc], add func(Acc, In) Acc, result func(Acc) Out,
	options ...StateOption) Aggregating[In, Acc, Out] {
	return Aggregating[In, Acc, Out]{EncodedState(s, name, acc, options...), add, result}
}

// Aggregating is what the values that were added for each key come to.
type Aggregating[In, Acc, Out any] struct {
	acc    Encoded[Acc]
	add    func(Acc, In) Acc
	result func(Acc) Out
}

// Add adds a value to the current key's accumulator.
func (a Aggregating[In, Acc, Out]) Add(c Current, v In) {
	acc, _ := a.acc.Get(c)
	a.acc.Put(c, a.add(acc, v))
}

// Get returns the result for the current key, if any value was added.
func (a Aggregating[In, Acc, Out]) Get(c Current) (out Out, found bool) {
	acc, found := a.acc.Get(c)
	if !found {
		return out, false
	}
	return a.result(acc), true
}

// Clear removes the current key's accumulator.
func (a Aggregating[In, Acc, Out]) Clear(c Current) { a.acc.Clear(c) }

// ListState declares a state of a list of values for each key.
func ListState[V any](s *Setup, name string, values Serializer[V], options ...StateOption) KeyedList[V] {
	s.check(name, values.invalid())
	return KeyedList[V]{s.entries(name, []string{"place uint64", "value " + values.Layout}, options...).evolves(values.Evolve), values}
}

// KeyedList is a list of values for each key.
type KeyedList[V any] struct {
	entries *entries
	values  Serializer[V]
}

// Add appends a value to the current key's list.
func (l KeyedList[V]) Add(c Current, v V) {
	text, ok := encode(l.entries, c, l.values, v)
	if !ok {
		return
	}
	// A place is a number, counted from 0 while the list is not empty.
	next := uint64(0)
	cursor := l.entries.borrow()
	op := c.current()
	if cursor.SeekEnd(op.hash(), op.key()); cursor.Prev() {
		next = binary.BigEndian.Uint64(cursor.Name()) + 1
	}
	l.entries.give(cursor)
	l.entries.name = binary.BigEndian.AppendUint64(l.entries.name[:0], next)
	l.entries.put(c, l.entries.name, text)
}

// All returns the current key's values in the order in which they were added. The list may be changed meanwhile: what is added
// comes last.
func (l KeyedList[V]) All(c Current) iter.Seq[V] {
	return func(yield func(V) bool) {
		l.entries.ascend(c, nil, func(_, text []byte) bool {
			v, ok := decode(l.entries, c, l.values, text)
			return ok && yield(v)
		})
	}
}

// Clear empties the current key's list.
func (l KeyedList[V]) Clear(c Current) { l.entries.clear(c) }

// MapState declares a state of a map for each key. The order of the map's keys is that of their encodings, as bytes.
func MapState[K, V any](s *Setup, name string, keys Serializer[K], values Serializer[V], options ...StateOption) KeyedMap[K, V] {
	s.check(name, keys.invalid())
	s.check(name, values.invalid())
	return KeyedMap[K, V]{s.entries(name, []string{"key " + keys.Layout, "value " + values.Layout}, options...).evolves(values.Evolve), keys, values}
}

// KeyedMap is a map for each key of the stream, in the order of its own keys.
type KeyedMap[K, V any] struct {
	entries *entries
	keys    Serializer[K]
	values  Serializer[V]
}

// Get returns what the current key's map has under k.
func (m KeyedMap[K, V]) Get(c Current, k K) (v V, found bool) {
	name, ok := m.name(c, k)
	if !ok {
		return v, false
	}
	text, found := m.entries.get(c, name)
	if !found {
		return v, false
	}
	return decode(m.entries, c, m.values, text)
}

// Put sets what the current key's map has under k.
func (m KeyedMap[K, V]) Put(c Current, k K, v V) {
	name, ok := m.name(c, k)
	if !ok {
		return
	}
	if text, ok := encode(m.entries, c, m.values, v); ok {
		m.entries.put(c, name, text)
	}
}

// Delete removes k from the current key's map, and says whether it was there.
func (m KeyedMap[K, V]) Delete(c Current, k K) bool {
	name, ok := m.name(c, k)
	return ok && m.entries.delete(c, name)
}

// All returns the current key's map in order. It may be changed meanwhile: what is put in further on is met, what is deleted is not.
func (m KeyedMap[K, V]) All(c Current) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) { m.entries.ascend(c, nil, m.pair(c, yield)) }
}

// From returns the current key's map in order, from the first key on that is not below k.
func (m KeyedMap[K, V]) From(c Current, k K) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if name, ok := m.name(c, k); ok {
			m.entries.ascend(c, name, m.pair(c, yield))
		}
	}
}

// Backward returns the current key's map from its last key to its first.
func (m KeyedMap[K, V]) Backward(c Current) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) { m.entries.descend(c, m.pair(c, yield)) }
}

// Clear empties the current key's map.
func (m KeyedMap[K, V]) Clear(c Current) { m.entries.clear(c) }

// name encodes a key of the map; it is valid until the next call.
func (m KeyedMap[K, V]) name(c Current, k K) (name []byte, ok bool) {
	name, err := m.keys.Append(m.entries.name[:0], k)
	if err != nil {
		m.entries.fail(c, fmt.Errorf("a key cannot be encoded: %w", err))
		return nil, false
	}
	m.entries.name = name
	return name, true
}

// pair decodes entries for yield.
func (m KeyedMap[K, V]) pair(c Current, yield func(K, V) bool) func(name, text []byte) bool {
	return func(name, text []byte) bool {
		k, err := m.keys.Decode(name)
		if err != nil {
			m.entries.fail(c, fmt.Errorf("a key cannot be decoded: %w", err))
			return false
		}
		v, ok := decode(m.entries, c, m.values, text)
		return ok && yield(k, v)
	}
}

// entries is a state that is a sorted map, with its types hidden.
type entries struct {
	descriptor state.Descriptor
	sorted     state.Sorted
	expiring   *state.Expiring // nil: entries do not expire
	idle       []state.Cursor  // that nobody is using
	name, text []byte          // being encoded
}

// check notes what is wrong with a state.
func (s *Setup) check(name string, err error) {
	if err != nil {
		s.errs = append(s.errs, fmt.Errorf("state %s: %w", name, err))
	}
}

// entries declares a sorted map.
func (s *Setup) entries(name string, value []string, options ...StateOption) *entries {
	d := state.Descriptor{Name: name, Kind: state.SortedMap, Key: []string{"key BYTES"}, Value: value}
	e := &entries{descriptor: s.with(d, options)}
	s.maps = append(s.maps, e)
	return e
}

// evolves lets the values of the state become those of another layout.
func (e *entries) evolves(values func(layout string) (func(dst, earlier []byte) ([]byte, error), error)) *entries {
	e.descriptor.Evolve = evolvesLast(e.descriptor.Value, values)
	return e
}

// evolvesLast lets values of a state evolve whose layout is in the last of its fields: what is before it must be what it was.
func evolvesLast(fields []string, values func(layout string) (func(dst, earlier []byte) ([]byte, error), error)) func([]string) (func(dst, earlier []byte) ([]byte, error), error) {
	if values == nil {
		return nil
	}
	last := len(fields) - 1
	return func(earlier []string) (func(dst, earlier []byte) ([]byte, error), error) {
		if len(earlier) != len(fields) || !slices.Equal(earlier[:last], fields[:last]) {
			return nil, errors.New("it is of another shape, or its keys are others")
		}
		_, layout, _ := strings.Cut(earlier[last], " ")
		return values(layout)
	}
}

func (e *entries) open(ctx operator.Context) (err error) {
	if e.sorted, err = ctx.Sorted(e.descriptor); err == nil && e.descriptor.TTL != nil {
		e.expiring = state.NewExpiring(e.sorted, *e.descriptor.TTL)
	}
	return err
}

func (e *entries) get(c Current, name []byte) ([]byte, bool) {
	op := c.current()
	if e.expiring != nil {
		return e.expiring.Get(op.hash(), op.key(), name, op.accessTime(e.descriptor.TTL))
	}
	return e.sorted.Get(op.hash(), op.key(), name)
}

func (e *entries) put(c Current, name, text []byte) {
	size := len(name) + len(text)
	if e.expiring != nil {
		size += state.StampBytes
	}
	if size > state.MaxEntryBytes {
		e.failWith(c, "make what is kept under one name smaller, for instance with a list or a map of its parts, and start the job again",
			fmt.Errorf("an entry of %d bytes is larger than %d MiB", size, state.MaxEntryBytes>>20))
		return
	}
	op := c.current()
	if e.expiring != nil {
		e.expiring.Put(op.hash(), op.key(), name, text, op.accessTime(e.descriptor.TTL))
		return
	}
	e.sorted.Put(op.hash(), op.key(), name, text)
}

func (e *entries) delete(c Current, name []byte) bool {
	op := c.current()
	if e.expiring != nil {
		return e.expiring.Delete(op.hash(), op.key(), name, op.accessTime(e.descriptor.TTL))
	}
	return e.sorted.Delete(op.hash(), op.key(), name)
}

func (e *entries) clear(c Current) {
	op := c.current()
	e.sorted.Clear(op.hash(), op.key())
}

// ascend calls f for the entries of the current key from a name on, until it returns false.
func (e *entries) ascend(c Current, from []byte, f func(name, text []byte) bool) {
	cursor, op := e.borrow(), c.current()
	defer e.give(cursor)
	for cursor.Seek(op.hash(), op.key(), from); cursor.Next() && e.visit(c, cursor, f); {
	}
}

// visit calls f for the entry at which a cursor stands, unless it has expired.
func (e *entries) visit(c Current, cursor state.Cursor, f func(name, text []byte) bool) bool {
	if e.expiring == nil {
		return f(cursor.Name(), cursor.Value())
	}
	op := c.current()
	text, live := e.expiring.Value(op.hash(), op.key(), cursor.Name(), cursor.Value(), op.accessTime(e.descriptor.TTL))
	return !live || f(cursor.Name(), text)
}

// descend calls f for the entries of the current key from the last on, until it returns false.
func (e *entries) descend(c Current, f func(name, text []byte) bool) {
	cursor, op := e.borrow(), c.current()
	defer e.give(cursor)
	for cursor.SeekEnd(op.hash(), op.key()); cursor.Prev() && e.visit(c, cursor, f); {
	}
}

// borrow returns a cursor that nobody else uses: loops over one state may be within each other.
func (e *entries) borrow() state.Cursor {
	if n := len(e.idle); n > 0 {
		c := e.idle[n-1]
		e.idle = e.idle[:n-1]
		return c
	}
	return e.sorted.Cursor()
}

func (e *entries) give(c state.Cursor) { e.idle = append(e.idle, c) }

// fail ends the job because of a Serializer.
func (e *entries) fail(c Current, err error) {
	e.failWith(c, "mend the program's Serializer, and start the job again", err)
}

// failWith ends the job once the function has returned: the same would happen again after a restart.
func (e *entries) failWith(c Current, remedy string, err error) {
	if op := c.current(); op.failure == nil {
		op.failure = &fault.Error{Class: fault.Permanent, Place: "state " + e.descriptor.Name, Remedy: remedy, Err: err}
	}
}

// encode returns the encoding of a value, valid until the next call.
func encode[V any](e *entries, c Current, values Serializer[V], v V) (text []byte, ok bool) {
	text, err := values.Append(e.text[:0], v)
	if err != nil {
		e.fail(c, fmt.Errorf("a value cannot be encoded: %w", err))
		return nil, false
	}
	e.text = text
	return text, true
}

func decode[V any](e *entries, c Current, values Serializer[V], text []byte) (v V, ok bool) {
	v, err := values.Decode(text)
	if err != nil {
		e.fail(c, fmt.Errorf("a value cannot be decoded: %w", err))
		return v, false
	}
	return v, true
}
