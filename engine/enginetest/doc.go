// Package enginetest is for tests of jobs: of the engine's own, and of a user's. [Start] runs a job in the test's process, on
// storage of the test's own; an [Input] hands it rows, and event time, when the test says so; a [Ledger] keeps an exactly-once
// account of what it wrote; a [Clock] is its processing time. Input, Ledger and Clock outlive a run, so that a test can kill
// one in its midst and begin the next, at another parallelism or with another program:
//
//	clicks, sessions := enginetest.NewInput[Click](), enginetest.NewLedger[Session]()
//	c := enginetest.Start(t, func(j *stream.Job) {
//		stream.To(Sessions(enginetest.Events(j, "clicks", clicks)), "sessions", sessions)
//	})
//	clicks.Push(1000, Click{"ann"})
//	c.Settle() // all that was pushed is processed and committed
//	c.Kill()   // at once, without a last checkpoint
//	c.Rescale(3)
//	clicks.Watermark(60_000)
//	c.Settle()
//	sessions.Exactly(t, Session{"ann", 1000, 1})
//
// What a pipeline does is in functions of streams, which the program's main function gives real sources and sinks, and the
// test its own.
//
// [Tap] and [Partitions] are sources for tests of the engine itself: of splits that end, and of those that do not.
package enginetest
