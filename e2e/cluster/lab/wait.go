package lab

import (
	"context"
	"testing"
	"time"
)

// glance is the time between two looks at a fact. It decides nothing but how soon a test goes on.
const glance = 100 * time.Millisecond

// until waits until a fact holds. When limit is over the test fails, and explain, if there is one, says what is instead.
func (l *Lab) until(t testing.TB, limit time.Duration, what string, fact func() bool, explain func() string) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for !fact() {
		select {
		case <-tick.C:
		case <-deadline.C:
			if fact() {
				return
			}
			if explain != nil {
				t.Log(explain())
			}
			t.Fatalf("after %v still not: %s", limit, what)
		case <-t.Context().Done():
			t.Fatalf("%s: %v", what, t.Context().Err())
		}
	}
}

// poll waits until a fact holds, or cannot be found out, or ctx is done.
func poll(ctx context.Context, fact func() (bool, error)) error {
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		if holds, err := fact(); holds || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
