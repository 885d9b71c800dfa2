package stream

import (
	"fmt"
	"iter"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/operator"
	"github.com/weirstream/weir/engine/state"
)

// Subtask is the subtask that a function is called in: its operator states may be used in every call, whatever it is for.
type Subtask interface{ subtask() *processOp }

func (c *Context[O]) subtask() *processOp { return c.op }

// Redistribution says what becomes of an [OperatorList] when the job is restored.
type Redistribution uint8

const (
	// SplitRedistribution divides the items of all subtasks among the subtasks that there are now: each goes to one. Where their number has
	// not changed, each subtask has its own again.
	SplitRedistribution Redistribution = iota
	// UnionRedistribution gives each subtask the items of all, whether their number has changed or not: it keeps those that are its own.
	UnionRedistribution
)

// OperatorListState declares a list of values that each subtask keeps for itself, whatever the key is. It is for little: it is held in memory
// and written whole with each snapshot, and may have 64 MiB.
func OperatorListState[V any](s *Setup, name string, values Serializer[V], r Redistribution) OperatorList[V] {
	s.check(name, values.invalid())
	kind := state.OperatorList
	if r == UnionRedistribution {
		kind = state.UnionList
	}
	d := state.Descriptor{Name: name, Kind: kind, Value: []string{"value " + values.Layout}}
	d.Evolve = evolvesLast(d.Value, values.Evolve)
	return OperatorList[V]{s.items(d), values}
}

// OperatorList is a list of values of a subtask.
type OperatorList[V any] struct {
	items  *items
	values Serializer[V]
}

// Add appends a value to the subtask's list.
func (l OperatorList[V]) Add(c Subtask, v V) {
	text, err := l.values.Append(l.items.text[:0], v)
	if err != nil {
		l.items.fail(c, serializerRemedy, fmt.Errorf("a value cannot be encoded: %w", err))
		return
	}
	l.items.text = text
	l.items.state.Add(text)
	l.items.bound(c)
}

// All returns the subtask's values in the order in which they were added. What is added meanwhile is not met.
func (l OperatorList[V]) All(c Subtask) iter.Seq[V] {
	return func(yield func(V) bool) {
		for _, text := range l.items.state.All() {
			v, err := l.values.Decode(text)
			if err != nil {
				l.items.fail(c, serializerRemedy, fmt.Errorf("a value cannot be decoded: %w", err))
				return
			}
			if !yield(v) {
				return
			}
		}
	}
}

// Len is the number of the subtask's values.
func (l OperatorList[V]) Len(Subtask) int { return l.items.state.Len() }

// Clear empties the subtask's list.
func (l OperatorList[V]) Clear(Subtask) { l.items.state.Clear() }

const serializerRemedy = "mend the program's Serializer, and start the job again"

// items is an operator state with its types hidden.
type items struct {
	descriptor state.Descriptor
	state      *state.Items
	name, text []byte // being encoded
}

// items declares an operator state.
func (s *Setup) items(d state.Descriptor) *items {
	i := &items{descriptor: d}
	s.operatorStates = append(s.operatorStates, i)
	return i
}

func (i *items) open(ctx operator.Context) (err error) {
	i.state, err = ctx.Items(i.descriptor)
	return err
}

// bound ends the job if the state has become too large.
func (i *items) bound(c Subtask) {
	if n := i.state.Bytes(); n > state.MaxItemsBytes {
		i.fail(c, "keep less in it, or in a state of keys, and start the job again", fmt.Errorf("%d bytes are more than %d MiB", n, state.MaxItemsBytes>>20))
	}
}

// fail ends the job once the function has returned: the same would happen again after a restart.
func (i *items) fail(c Subtask, remedy string, err error) {
	if op := c.subtask(); op.failure == nil {
		op.failure = &fault.Error{Class: fault.Permanent, Place: "state " + i.descriptor.Name, Remedy: remedy, Err: err}
	}
}
