package harness

import (
	"testing"
	"time"
)

// glance is the time between two looks at a fact. It decides nothing but how soon a test goes on.
const glance = 10 * time.Millisecond

// Await waits until a fact holds, and fails the test when limit is over.
func Await(t testing.TB, limit time.Duration, what string, fact func() bool) {
	t.Helper()
	if !holds(t, limit, fact, nil) {
		t.Fatalf("after %v still not: %s", limit, what)
	}
}

// Pass waits until a moment within a phase that no fact marks, such as "somewhere in the next interval".
func Pass(t testing.TB, d time.Duration) {
	t.Helper()
	holds(t, d, func() bool { return false }, nil)
}

// holds looks until the fact holds (true), or the limit is over or ended is closed (the last look).
func holds(t testing.TB, limit time.Duration, fact func() bool, ended <-chan struct{}) bool {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		if fact() {
			return true
		}
		select {
		case <-tick.C:
		case <-ended:
			return fact()
		case <-deadline.C:
			return fact()
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
}
