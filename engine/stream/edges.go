package stream

import "github.com/weirstream/weir/engine/internal/graph"

// Rebalance deals the rows of the stream out, one by one, among all subtasks of the operator that reads it: it takes them from subtasks that
// have many to those that have few. Between rows on different ways there is no order.
func Rebalance[T any](s Stream[T]) Stream[T] { return s.along(graph.Edge{Kind: graph.Rebalance}) }

// Broadcast sends each row of the stream to all subtasks of the operator that reads it. [BroadcastProcess] does it by itself.
func Broadcast[T any](s Stream[T]) Stream[T] { return s.along(graph.Edge{Kind: graph.Broadcast}) }

// Forward keeps the rows of each subtask together, in order: they go to the subtask of the same number of the operator that reads the stream, which has
// the parallelism of the one before. That is what becomes of a stream anyway where both have one parallelism; with Forward, the job is
// refused if they have not.
func Forward[T any](s Stream[T]) Stream[T] {
	return s.along(graph.Edge{Kind: graph.Forward, Same: true})
}

// along is the stream on its way to whoever reads it.
func (s Stream[T]) along(way graph.Edge) Stream[T] {
	s.way = way
	return s
}
