package exchange

import "math"

// progress is how far a channel is in event time.
type progress struct {
	watermark int64
	idle      bool
}

// isOver tells that the channel is at the end of event time.
func (p progress) isOver() bool { return p.watermark == math.MaxInt64 }

// active tells that event time waits for the channel.
func (p progress) active() bool { return !p.idle && !p.isOver() }

// holds tells that the channel keeps the watermark of all where it is.
func (p progress) holds(watermark int64) bool { return p.active() && p.watermark <= watermark }

// merged is how far all channels of a gate are: what it was told last, and how many channels are what.
type merged struct {
	watermark int64
	idle      bool

	over    int // at the end of event time
	idles   int // idle, also those that are over
	active  int
	holding int // that hold the watermark; only when there is none left the rest is looked through for the next one
}

// mergedOf is the beginning with n channels.
func mergedOf(n int) merged { return merged{watermark: math.MinInt64, active: n, holding: n} }

// count adds a channel, or takes it away with by = -1.
func (m *merged) count(p progress, by int) {
	if p.isOver() {
		m.over += by
	}
	if p.idle {
		m.idles += by
	}
	if p.active() {
		m.active += by
	}
	if p.holds(m.watermark) {
		m.holding += by
	}
}
