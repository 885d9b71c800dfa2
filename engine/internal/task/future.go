package task

import (
	"log/slog"
	"time"
)

// farAhead is how far event time may be ahead of the clock before the source says so.
const farAhead = 366 * 24 * time.Hour

// warnOfFuture says, once, that a row's event time is far in the future: the watermark follows it (P4), so that what comes
// after it in the split is late. The clock decides nothing but whether this is said.
func (s *source) warnOfFuture(sp *split) {
	if s.event == nil || s.warned {
		return
	}
	limit := s.task.exec.cfg.Clock.Now().Add(farAhead).UnixMilli()
	if sp.maxTime <= limit {
		return
	}
	s.warned = true
	s.task.exec.cfg.Logger.Warn("the event time of a row is more than a year in the future: rows behind it are late, and are dropped by windows",
		slog.String("source", s.task.id.Task), slog.String("split", sp.ID), slog.Time("eventTime", time.UnixMilli(sp.maxTime).UTC()),
		slog.String("remedy", "correct the row, or make the time attribute NULL for such rows and set 'scan.watermark.on-null' = 'skip'"))
}
