package task

import "time"

// Clock is the time that a subtask sees. It decides nothing about results: it paces sources, finds idle ones and
// measures.
type Clock interface {
	// Now is monotonic.
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
