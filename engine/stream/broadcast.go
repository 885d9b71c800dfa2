package stream

import (
	"errors"
	"fmt"
	"iter"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/state"
)

// BroadcastFunctions are what a process function of a keyed and a broadcast stream does.
type BroadcastFunctions[T, R, O any] struct {
	// Row is called for every row of the keyed stream, with the states of its key. It reads broadcast states.
	Row func(c *Context[O], row *T) error
	// Broadcast is called for every row of the broadcast stream, in every subtask. It may change broadcast states, which must become the same in
	// all subtasks: so it does nothing but what follows from the row and these states.
	Broadcast func(c *BroadcastContext[O], row *R) error
	// OnTimer is called for every timer of event time that is due; nil if the function sets none.
	OnTimer func(c *Context[O], ms int64) error
	// OnProcessingTimer is called for every timer of processing time that is due; nil if the function sets none.
	OnProcessingTimer func(c *Context[O], ms int64) error
}

// BroadcastProcess calls functions for the rows of a keyed stream, as [Process] does, and for those of another stream, of which each goes to all
// subtasks: rules, rates, or whatever all keys have to know. What they leave is in states that are declared with [BroadcastState].
//
// There is no order between rows of the two streams, nor between broadcast rows that come from different subtasks; those that come from one are in order.
// Event time is that of the stream that is behind: a broadcast stream without event time holds it back until it ends. When the job is restored,
// with as many subtasks or others, every subtask has the broadcast states again.
func BroadcastProcess[K, T, R, O any](keyed Keyed[K, T], broadcast Stream[R], uid string, build func(*Setup) BroadcastFunctions[T, R, O]) Stream[O] {
	if keyed.job != broadcast.job {
		keyed.job.fail(uid, errors.New("the streams belong to different jobs"))
	}
	toAll := Broadcast(broadcast).edge()
	toAll.Input = 1
	return addProcess[K](keyed.job, uid, []graph.Edge{keyed.keyed(0), toAll}, func(s *Setup) declared[O] {
		f := build(s)
		return declared[O]{
			name:      "broadcast process",
			timers:    onTimers[O]{f.OnTimer, f.OnProcessingTimer},
			broadcast: 1,
			calls: func(c *Context[O]) calls {
				b := &BroadcastContext[O]{c}
				return &typedCalls[O]{c: c, inputs: []rowCalls{
					each(c, f.Row),
					each(c, func(_ *Context[O], row *R) error { return f.Broadcast(b, row) }),
				}}
			},
		}
	})
}

// BroadcastContext is what a function works with that is called for a row of a broadcast stream. There is no key.
type BroadcastContext[O any] struct{ c *Context[O] }

func (b *BroadcastContext[O]) subtask() *processOp { return b.c.op }

func (b *BroadcastContext[O]) changes() {}

// Changes is the context of a call that may change broadcast states.
type Changes interface {
	Subtask
	changes()
}

// Emit sends a row on, from every subtask.
func (b *BroadcastContext[O]) Emit(row O) { b.c.Emit(row) }

// Subtask is the index of the subtask that is called, and the number of all: what is to be emitted once for a broadcast row, subtask 0
// emits.
func (b *BroadcastContext[O]) Subtask() (index, parallelism int) { return b.c.op.ctx.Subtask() }

// Time returns the event time of the row, in ms; 0 if rows have none.
func (b *BroadcastContext[O]) Time() int64 { return b.c.Time() }

// Watermark is how far event time has come, in ms; math.MinInt64: nowhere yet.
func (b *BroadcastContext[O]) Watermark() int64 { return b.c.Watermark() }

// ProcessingTime is the time of the machine's clock, as that of a Context.
func (b *BroadcastContext[O]) ProcessingTime() int64 { return b.c.ProcessingTime() }

// BroadcastState declares a map that each subtask has whole, in the order of its keys' encodings. It is held in memory and written whole with each
// snapshot, and may have 64 MiB.
func BroadcastState[K, V any](s *Setup, name string, keys Serializer[K], values Serializer[V]) BroadcastMap[K, V] {
	s.check(name, keys.invalid())
	s.check(name, values.invalid())
	d := state.Descriptor{Name: name, Kind: state.Broadcast, Value: []string{"key " + keys.Layout, "value " + values.Layout}}
	d.Evolve = evolvesLast(d.Value, values.Evolve)
	return BroadcastMap[K, V]{s.items(d), keys, values, map[string]V{}}
}

// BroadcastMap is a map that all subtasks have. All calls may read it, and those for rows of the broadcast stream change it. A value that was read
// is shared by all who read it: it must not be changed.
type BroadcastMap[K, V any] struct {
	items  *items
	keys   Serializer[K]
	values Serializer[V]
	read   map[string]V // by encoded key: values that were decoded
}

// Get returns what the map has under k.
func (m BroadcastMap[K, V]) Get(c Subtask, k K) (v V, found bool) {
	name, ok := m.name(c, k)
	if !ok {
		return v, false
	}
	if v, found = m.read[string(name)]; found {
		return v, true
	}
	text, found := m.items.state.Get(name)
	if !found {
		return v, false
	}
	if v, found = m.value(c, text); found {
		m.read[string(name)] = v
	}
	return v, found
}

// All returns the map in order, as it is when the loop begins.
func (m BroadcastMap[K, V]) All(c Subtask) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for name, text := range m.items.state.All() {
			k, err := m.keys.Decode(name)
			if err != nil {
				m.items.fail(c, serializerRemedy, fmt.Errorf("a key cannot be decoded: %w", err))
				return
			}
			v, ok := m.value(c, text)
			if !ok || !yield(k, v) {
				return
			}
		}
	}
}

// Len is how many keys the map has.
func (m BroadcastMap[K, V]) Len(Subtask) int { return m.items.state.Len() }

// Put sets what the map has under k.
func (m BroadcastMap[K, V]) Put(c Changes, k K, v V) {
	name, ok := m.name(c, k)
	if !ok {
		return
	}
	text, err := m.values.Append(m.items.text[:0], v)
	if err != nil {
		m.items.fail(c, serializerRemedy, fmt.Errorf("a value cannot be encoded: %w", err))
		return
	}
	m.items.text = text
	delete(m.read, string(name))
	m.items.state.Put(name, text)
	m.items.bound(c)
}

// Delete removes k, and says whether it was there.
func (m BroadcastMap[K, V]) Delete(c Changes, k K) bool {
	name, ok := m.name(c, k)
	if !ok {
		return false
	}
	delete(m.read, string(name))
	return m.items.state.Delete(name)
}

// Clear empties the map.
func (m BroadcastMap[K, V]) Clear(Changes) {
	clear(m.read)
	m.items.state.Clear()
}

// name encodes a key; it is valid until the next call.
func (m BroadcastMap[K, V]) name(c Subtask, k K) ([]byte, bool) {
	name, err := m.keys.Append(m.items.name[:0], k)
	if err != nil {
		m.items.fail(c, serializerRemedy, fmt.Errorf("a key cannot be encoded: %w", err))
		return nil, false
	}
	m.items.name = name
	return name, true
}

func (m BroadcastMap[K, V]) value(c Subtask, text []byte) (v V, ok bool) {
	v, err := m.values.Decode(text)
	if err != nil {
		m.items.fail(c, serializerRemedy, fmt.Errorf("a value cannot be decoded: %w", err))
		return v, false
	}
	return v, true
}

// callAll calls the function for the rows of a batch that have no keys.
func (o *processOp) callAll(input int, b *batch.Batch) error {
	o.in = b
	o.noteTime()
	return o.call.rows(input, b.Data, 0, b.Len())
}
