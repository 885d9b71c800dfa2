package task

import (
	"math"
	"time"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/internal/message"
)

// A split that is idle holds the watermark of its subtask back no more, and a subtask that is idle not the watermark of the subtasks behind
// it (P15). Both have to do with time, which decides nothing else about results:
//
//   - A split is idle if, for the source's timeout, no row of it has come, and its reader says that there is none. Splits
//     whose reader cannot say that are never idle: they end.
//   - A subtask is idle if all of its splits are, and no split waits to be assigned. Without a split, that has to be so for
//     the timeout.
type idleness struct {
	timeout time.Duration         // 0: nothing is ever idle
	lag     connector.LagReporter // nil: no split is
	since   time.Time             // the subtask has no split since then; zero: it has one, or was not asked yet
	idle    bool                  // the subtask is
}

// splitsWait says whether splits wait to be assigned, which hold the watermark back.
func (s *source) splitsWait() bool { return s.splits.bound != math.MaxInt64 }

// idleIn returns how long it may take until something is idle; 0: nothing is about to be.
func (s *source) idleIn() time.Duration {
	q := &s.idleness
	if q.timeout == 0 || q.idle || s.paused || s.ended {
		return 0
	}
	now := s.task.exec.cfg.Clock.Now()
	next := time.Duration(math.MaxInt64)
	for _, sp := range s.splits.active {
		if !sp.idle && q.lag != nil {
			next = min(next, q.timeout-now.Sub(sp.since))
		}
	}
	if len(s.splits.active) == 0 && !s.splitsWait() {
		if q.since.IsZero() {
			q.since = now
		}
		next = q.timeout - now.Sub(q.since)
	}
	if next == math.MaxInt64 {
		return 0
	}
	return max(next, 1)
}

// becomeIdle finds out what is idle by now, and says so.
func (s *source) becomeIdle() error {
	q := &s.idleness
	if q.timeout == 0 || q.idle || s.paused || s.ended {
		return nil
	}
	now := s.task.exec.cfg.Clock.Now()
	all := true
	for _, sp := range s.splits.active {
		if !sp.idle && q.lag != nil && now.Sub(sp.since) >= q.timeout {
			if q.lag.CaughtUp(sp.ID) {
				s.setIdle(sp, true)
			} else {
				sp.since = now // there are rows, which wait for the reader
			}
		}
		all = all && sp.idle
	}
	if len(s.splits.active) == 0 {
		all = !q.since.IsZero() && now.Sub(q.since) >= q.timeout
	}
	if !all || s.splitsWait() {
		return nil
	}
	if err := s.advance(); err != nil {
		return err
	}
	q.idle = true
	return s.root.Idle(true)
}

func (s *source) setIdle(sp *split, idle bool) {
	sp.idle = idle
	s.task.report(message.SplitIdle{Subtask: s.task.id, Split: sp.ID, Idle: idle})
}

// woken notes that rows of a split have come.
func (s *source) woken(sp *split) error {
	if s.idleness.timeout > 0 && s.idleness.lag != nil {
		sp.since = s.task.exec.cfg.Clock.Now()
		if sp.idle {
			s.setIdle(sp, false)
		}
	}
	return s.wake()
}

// wake ends the idleness of the subtask.
func (s *source) wake() error {
	idle := s.idleness.idle
	s.idleness.since, s.idleness.idle = time.Time{}, false
	if !idle {
		return nil
	}
	return s.root.Idle(false)
}
