package enginetest

import (
	"sync"
	"time"
)

// Clock is the processing time of a job, which passes when the test says so. It begins at a moment of its own, and goes on
// while the job does not run.
type Clock struct {
	mu struct {
		sync.Mutex
		now    time.Time
		timers map[*clockTimer]bool
	}
}

type clockTimer struct {
	at time.Time
	c  chan time.Time
}

// NewClock returns a clock that shows a time.
func NewClock(now time.Time) *Clock {
	k := &Clock{}
	k.mu.now, k.mu.timers = now, map[*clockTimer]bool{}
	return k
}

// Advance lets time pass. What becomes due by it has come due when Cluster.Settle returns.
func (k *Clock) Advance(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mu.now = k.mu.now.Add(d)
	for t := range k.mu.timers {
		if !t.at.After(k.mu.now) {
			t.c <- k.mu.now
			delete(k.mu.timers, t)
		}
	}
}

// Now is the time that it shows.
func (k *Clock) Now() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.mu.now
}

// Timer returns a channel that receives when so much time has passed, and what ends that early.
func (k *Clock) Timer(d time.Duration) (after <-chan time.Time, stop func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := &clockTimer{at: k.mu.now.Add(d), c: make(chan time.Time, 1)}
	if d <= 0 {
		t.c <- k.mu.now
		return t.c, func() {}
	}
	k.mu.timers[t] = true
	return t.c, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.mu.timers, t)
	}
}
