package stream

import (
	"errors"

	"github.com/weirstream/weir/engine/internal/graph"
)

// CoFunctions are what a process function of two inputs does. All of them see the same states and timers of the current key.
type CoFunctions[A, B, O any] struct {
	// First and Second are called for every row of the first and the second stream.
	First  func(c *Context[O], row *A) error
	Second func(c *Context[O], row *B) error
	// OnTimer is called for every timer of event time that is due; nil if the function sets none.
	OnTimer func(c *Context[O], ms int64) error
	// OnProcessingTimer is called for every timer of processing time that is due; nil if the function sets none.
	OnProcessingTimer func(c *Context[O], ms int64) error
}

// CoProcess is [Process] for two streams of different rows that are divided by keys of one type: rows with equal keys meet in
// the same states. Event time is that of the stream that is behind. There is no order between rows of different streams.
func CoProcess[K, A, B, O any](first Keyed[K, A], second Keyed[K, B], uid string, build func(*Setup) CoFunctions[A, B, O]) Stream[O] {
	return addCoProcess(first, second, uid, func(s *Setup) declared[O] {
		f := build(s)
		return declared[O]{
			timers: onTimers[O]{f.OnTimer, f.OnProcessingTimer},
			calls: func(c *Context[O]) calls {
				return &typedCalls[O]{c: c, inputs: []rowCalls{each(c, f.First), each(c, f.Second)}}
			},
		}
	})
}

func addCoProcess[K, A, B, O any](first Keyed[K, A], second Keyed[K, B], uid string, declare func(*Setup) declared[O]) Stream[O] {
	if first.job != second.job {
		first.job.fail(uid, errors.New("the streams belong to different jobs"))
	}
	return addProcess[K](first.job, uid, []graph.Edge{first.keyed(0), second.keyed(1)}, declare)
}
