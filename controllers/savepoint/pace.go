package savepoint

import (
	"time"

	"github.com/weirstream/weir/engine/backoff"
)

// Pace is how often things are looked at and tried. The zero value is not usable; see DefaultPace.
type Pace struct {
	// Busy is the least time between two looks at work under way, and Waiting the most.
	Busy, Waiting time.Duration
	// Retry is how long to wait before what failed is tried again.
	Retry backoff.Backoff
	// Patience is how long a finalizer waits for storage to be cleared.
	Patience time.Duration
	// Progress is the least time between two writes of a status of which only the progress is new (P12).
	Progress time.Duration
}

// DefaultPace is that of an operator.
func DefaultPace() Pace {
	return Pace{Busy: 500 * time.Millisecond, Waiting: 5 * time.Second,
		Retry:    backoff.Backoff{First: 10 * time.Second, Most: 5 * time.Minute, Jitter: backoff.UpperHalf},
		Patience: 5 * time.Minute, Progress: 10 * time.Second}
}
