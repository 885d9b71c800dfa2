package stream

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/operator"
)

// OutputTag names a side output, and says what its rows are.
type OutputTag[T any] struct{ name string }

// NewOutputTag returns the tag of a name. An operator has one side output of a name at most.
func NewOutputTag[T any](name string) OutputTag[T] { return OutputTag[T]{name} }

// SideOutput declares a side output of a process function: rows of any type beside those that Context.Emit sends on.
func SideOutput[T any](s *Setup, tag OutputTag[T]) Side[T] {
	if tag.name == "" {
		s.errs = append(s.errs, errors.New("a side output has no name: give its OutputTag one"))
	}
	if slices.ContainsFunc(s.sides, func(other side) bool { return other.tag() == tag.name }) {
		s.errs = append(s.errs, fmt.Errorf("side output %s is declared twice", tag.name))
	}
	r := &sideRows[T]{name: tag.name}
	s.sides = append(s.sides, r)
	return Side[T]{r}
}

// Side is a side output of a process function.
type Side[T any] struct{ to *sideRows[T] }

// Emit sends a row to the side output, with the event time of the row or timer that the function is called for.
func (s Side[T]) Emit(_ Subtask, row T) { s.to.add(row) }

// GetSideOutput returns the rows that the process function of a stream has sent to a side output. If nobody gets them, they are
// dropped.
func GetSideOutput[T, O any](of Stream[O], tag OutputTag[T]) Stream[T] {
	uid := of.job.graph.Nodes[of.node].UID
	switch rows, declared := of.job.sides[sideOf{of.node, tag.name}]; {
	case of.side != "":
		of.job.fail(uid, fmt.Errorf("side output %s is that of a stream that is a side output itself; get it from the stream of the function", tag.name))
	case !declared:
		of.job.fail(uid, fmt.Errorf("its function declares no side output %s; declare it with SideOutput", tag.name))
	default:
		if _, same := rows.(*batch.Rows[T]); !same {
			of.job.fail(uid, fmt.Errorf("side output %s has rows of another type than %v", tag.name, reflect.TypeFor[T]()))
		}
	}
	return Stream[T]{job: of.job, node: of.node, side: tag.name}
}

// sideOf is a side output of a node.
type sideOf struct {
	node int
	name string
}

func (s *Setup) sideNames() (names []string) {
	for _, side := range s.sides {
		names = append(names, side.tag())
	}
	return names
}

// side is a side output with its type hidden.
type side interface {
	tag() string
	rows() batch.Payload
	open(op *processOp, out operator.Output)
	flush() error
}

// sideRows are the rows that wait to be sent to a side output.
type sideRows[T any] struct {
	name  string
	op    *processOp
	to    operator.Output
	kept  batch.Rows[T]
	at    []int64
	marks []int64
	batch batch.Batch
}

func (r *sideRows[T]) tag() string { return r.name }

func (r *sideRows[T]) rows() batch.Payload { return &r.kept }

func (r *sideRows[T]) open(op *processOp, out operator.Output) { r.op, r.to = op, out }

func (r *sideRows[T]) add(row T) {
	r.kept.V = append(r.kept.V, row)
	if r.op.timed {
		r.at = append(r.at, r.op.time)
	}
	if r.op.marked {
		r.marks = append(r.marks, r.op.in.SplitWatermark[r.op.row])
	}
}

func (r *sideRows[T]) flush() error {
	if len(r.kept.V) == 0 {
		return nil
	}
	r.batch = batch.Batch{Data: &r.kept, Time: r.at, SplitWatermark: r.marks}
	err := r.to.Emit(&r.batch)
	r.kept.V, r.at, r.marks = r.kept.V[:0], r.at[:0], r.marks[:0]
	return err
}
