package task

import (
	"math"
	"time"
)

// quiet finds out when a source subtask counts as idle: it has no split, none waits to be assigned, and that has been so
// for the source's timeout.
type quiet struct {
	timeout time.Duration // 0: never
	since   time.Time     // zero: it is not quiet
	idle    bool
}

// quietFor returns how long the subtask may still be quiet before it is idle; 0: it is not about to be.
func (s *source) quietFor() time.Duration {
	q := &s.quiet
	if q.timeout == 0 || q.idle || s.paused || s.ended || len(s.splits.active) > 0 || s.splits.hold != math.MaxInt64 {
		return 0
	}
	now := s.task.exec.spec.Clock.Now()
	if q.since.IsZero() {
		q.since = now
	}
	return max(q.timeout-now.Sub(q.since), 1)
}

// becomeIdle says so if it is time.
func (s *source) becomeIdle() error {
	q := &s.quiet
	if q.since.IsZero() || q.idle || s.task.exec.spec.Clock.Now().Sub(q.since) < q.timeout {
		return nil
	}
	q.idle = true
	return s.root.Idle(true)
}

// wake ends idleness and quiet.
func (s *source) wake() error {
	idle := s.quiet.idle
	s.quiet.since, s.quiet.idle = time.Time{}, false
	if !idle {
		return nil
	}
	return s.root.Idle(false)
}
