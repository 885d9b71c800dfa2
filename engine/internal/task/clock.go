package task

import "time"

// Clock is the time that a subtask sees. It paces sources, finds idle ones and measures, which decides nothing about results; and it is
// the processing time of operators that ask for it, whose results are not the same in another run (P4, class D3 of P14).
type Clock interface {
	// Now has a monotonic reading beside that of the wall clock, as time.Now has.
	Now() time.Time
	// Timer returns a channel that receives after d, and what ends the timer early.
	Timer(d time.Duration) (after <-chan time.Time, stop func())
}

// SystemClock is the machine's.
type SystemClock struct{}

// Now returns the current time.
func (SystemClock) Now() time.Time { return time.Now() }

// Timer starts a timer.
func (SystemClock) Timer(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}
