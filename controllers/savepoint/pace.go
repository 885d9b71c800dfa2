package savepoint

import (
	"math"
	"time"
)

// Pace is how often things are looked at and tried. The zero value is not usable; see DefaultPace.
type Pace struct {
	// Busy is the least time between two looks at work under way, and Waiting the most.
	Busy, Waiting time.Duration
	// BackoffFirst is about the time between the first failure and the next try; it doubles with each further one, up to
	// BackoffMax.
	BackoffFirst, BackoffMax time.Duration
	// Patience is how long a finalizer waits for storage to be cleared.
	Patience time.Duration
	// Progress is the least time between two writes of a status of which only the progress is new (P12).
	Progress time.Duration
}

// DefaultPace is that of an operator.
func DefaultPace() Pace {
	return Pace{Busy: 500 * time.Millisecond, Waiting: 5 * time.Second, BackoffFirst: 10 * time.Second,
		BackoffMax: 5 * time.Minute, Patience: 5 * time.Minute, Progress: 10 * time.Second}
}

// backoff is the time until the next try after so many failures, from 1. Half of it is random, so that what failed
// together is not tried together; jitter is in [0,1).
func (p Pace) backoff(failures int32, jitter float64) time.Duration {
	full := float64(p.BackoffFirst) * math.Pow(2, float64(min(max(failures, 1), 32)-1))
	full = min(full, float64(p.BackoffMax))
	return time.Duration(full/2 + full/2*jitter)
}
