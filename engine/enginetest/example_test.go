package enginetest_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/stream"
)

// Click is a row of the input, Visit one of the output.
type Click struct{ User string }

type Visit struct {
	User   string
	Clicks int64
}

// Visits counts the clicks of each user until there has been none for a minute: what is tested. The program's main function
// gives it a real source, and sends what comes of it to a real sink.
func Visits(clicks stream.Stream[Click]) stream.Stream[Visit] {
	byUser := stream.KeyBy(clicks, func(c *Click) string { return c.User })
	return stream.Aggregate(stream.Window(byUser, stream.Session(time.Minute)), "visits", stream.JSON[Visit](),
		stream.Aggregator[Click, Visit, Visit]{
			Add:   func(v Visit, c *Click) Visit { return Visit{c.User, v.Clicks + 1} },
			Merge: func(a, b Visit) Visit { return Visit{a.User, a.Clicks + b.Clicks} },
			Result: func(c *stream.Context[Visit], _ stream.TimeWindow, v Visit) error {
				c.Emit(v)
				return nil
			},
		})
}

// In a test, t is what the test function is given.
func Example() {
	clicks, visits := enginetest.NewInput[Click](), enginetest.NewLedger[Visit]()
	c := enginetest.Start(t, func(j *stream.Job) {
		stream.To(Visits(enginetest.Events(j, "clicks", clicks)), "visits-out", visits)
	})

	clicks.Push(1_000, Click{"ann"}, Click{"bob"})
	c.Settle() // all that was pushed is processed, and what came of it committed
	fmt.Println("before a minute is over:", visits.Rows())

	clicks.Push(2_000, Click{"ann"})
	c.Kill()     // at once: what was processed since the checkpoint is lost,
	c.Rescale(3) // and processed again, by three subtasks
	clicks.Watermark(200_000)
	c.Settle()

	visits.Exactly(t, Visit{"ann", 2}, Visit{"bob", 1})
	got := visits.Rows()
	slices.SortFunc(got, func(a, b Visit) int { return int(b.Clicks - a.Clicks) })
	fmt.Println("after it:", got)
	// Output:
	// before a minute is over: []
	// after it: [{ann 2} {bob 1}]
}
