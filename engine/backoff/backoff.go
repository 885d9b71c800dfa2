// Package backoff says how long to wait before what has failed is tried again: longer after each failure, up to a bound, with
// jitter, so that what failed together is not tried together. It is pure: who waits counts the failures and has the clock.
package backoff

import "time"

// Backoff is an exponential one.
type Backoff struct {
	// First is about the pause after the first failure, and Most about the longest.
	First, Most time.Duration
	Jitter      Jitter
}

// Jitter is the part of a pause that is drawn: from Low to High of it.
type Jitter struct{ Low, High float64 }

// The jitters in use.
var (
	// Around is for whom users have given the delays: a tenth more or less.
	Around = Jitter{0.9, 1.1}
	// UpperHalf is for many that fail together.
	UpperHalf = Jitter{0.5, 1}
	// Exactly draws nothing.
	Exactly = Jitter{1, 1}
)

// Pause returns how long to wait after so many failures, from 1. random is in [0, 1).
func (b Backoff) Pause(failures int, random float64) time.Duration {
	d := b.First
	for range failures - 1 {
		if d >= b.Most/2 {
			d = b.Most
			break
		}
		d *= 2
	}
	d = min(d, b.Most)
	return time.Duration(float64(d) * (b.Jitter.Low + (b.Jitter.High-b.Jitter.Low)*random))
}
