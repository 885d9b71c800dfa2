package exchange

import (
	"math"
	"sync"
	"time"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/checkpoint"
)

// Gate merges the channels of a consumer subtask. Senders use its channels, the goroutine of the consumer calls Poll and
// Recycle, and waits for Ready; Abort and Cancel may be called by anyone.
//
// An element costs no look at every channel: a job of parallelism p has p times p of them, and each producer tells all of
// its consumers how far event time is.
type Gate struct {
	channels []channel
	mu       struct {
		sync.Mutex
		waiting   bool // the consumer has found nothing, and waits for ready
		cancelled bool
		alignment *checkpoint.Alignment
		readable  indexes   // the channels that hold something and are not blocked
		next      int       // channel to look at first, for fairness
		out       []Element // to be returned before anything else is read; lies in out0
		out0      [2]Element
	}
	ready chan struct{}    // holds a token when there is something to look at again; it may be an old one
	now   func() time.Time // monotonic; read when an alignment begins and ends

	// Only the consumer uses these.
	merged
	ended int
	began time.Time // of the pending alignment
	took  time.Duration
}

// channel is the queue from one producer subtask. Its fields are guarded by the gate's lock, but for the last group.
type channel struct {
	gate  *Gate
	index int
	input int

	queue   ring
	batches int
	bytes   int
	free    []*batch.Batch
	blocked bool
	space   sync.Cond // the producer waits here
	// waiting says that the producer does.
	waiting bool

	// Only the consumer uses these.
	progress
	ended bool
}

// NewGate makes a gate with one channel for each entry of inputs, which says what input of the consumer's operator the
// channel belongs to.
func NewGate(inputs []int, now func() time.Time) *Gate {
	n := len(inputs)
	g := &Gate{channels: make([]channel, n), now: now, ready: make(chan struct{}, 1), merged: mergedOf(n)}
	g.mu.alignment = checkpoint.New(n)
	g.mu.readable = indexesBelow(n)
	for i, input := range inputs {
		c := &g.channels[i]
		c.gate, c.index, c.input, c.progress = g, i, input, progress{watermark: math.MinInt64}
		c.space.L = &g.mu
	}
	return g
}

// Ready has a token, or gets one, when there is something to Poll after a Poll that found nothing.
func (g *Gate) Ready() <-chan struct{} { return g.ready }

// Poll returns the next element that concerns the consumer, if there is one. A gate that was cancelled returns
// ErrCancelled.
func (g *Gate) Poll() (e Element, ok bool, err error) {
	for {
		e, ok, err := g.read()
		if err != nil || !ok {
			return Element{}, false, err
		}
		if e, ok = g.merge(e); ok {
			return e, true, nil
		}
	}
}

// read takes the next element from a channel that is not blocked.
func (g *Gate) read() (Element, bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		if g.mu.cancelled {
			return Element{}, false, ErrCancelled
		}
		if len(g.mu.out) > 0 {
			e := g.mu.out[0]
			g.mu.out = g.mu.out[1:]
			return e, true, nil
		}
		c := g.readableLocked()
		if c == nil {
			g.mu.waiting = true
			return Element{}, false, nil
		}
		e := c.popLocked()
		if e.Kind != Barrier {
			return e, true, nil
		}
		g.stepLocked(checkpoint.Event{Kind: checkpoint.Barrier, Channel: c.index, ID: e.Value})
	}
}

// wakeLocked lets the consumer look again.
func (g *Gate) wakeLocked() {
	if !g.mu.waiting {
		return
	}
	g.mu.waiting = false
	select {
	case g.ready <- struct{}{}:
	default: // the token is there
	}
}

// readableLocked returns the next channel in turn that can be read, or nil.
func (g *Gate) readableLocked() *channel {
	at := g.mu.readable.from(g.mu.next)
	if at < 0 {
		return nil
	}
	g.mu.next = (at + 1) % len(g.channels)
	return &g.channels[at]
}

// lookLocked notes whether the channel can be read, after a change of its queue or of blocked.
func (c *channel) lookLocked() { c.gate.mu.readable.set(c.index, !c.blocked && c.queue.n > 0) }

// stepLocked steps the alignment and does what it says.
func (g *Gate) stepLocked(e checkpoint.Event) {
	if len(g.mu.out) == 0 {
		g.mu.out = g.mu.out0[:0]
	}
	before := g.mu.alignment.Pending()
	for _, a := range g.mu.alignment.Step(e) {
		switch a.Kind {
		case checkpoint.Block:
			g.channels[a.Channel].blocked = true
			g.channels[a.Channel].lookLocked()
		case checkpoint.Unblock:
			for i := range g.channels {
				g.channels[i].blocked = false
				g.channels[i].lookLocked()
			}
		case checkpoint.Aligned:
			if before != a.ID { // one channel
				g.began = g.now()
			}
			g.took = g.now().Sub(g.began)
			g.mu.out = append(g.mu.out, Element{Kind: Barrier, Value: a.ID})
		case checkpoint.GiveUp:
			g.mu.out = append(g.mu.out, Element{Kind: Superseded, Value: a.ID})
		}
	}
	if pending := g.mu.alignment.Pending(); pending != 0 && pending != before {
		g.began = g.now()
	}
}

// AlignmentTime is how long the last aligned checkpoint took from its first barrier to its last. The consumer asks for it
// when it gets the barrier.
func (g *Gate) AlignmentTime() time.Duration { return g.took }

// Abort gives up the alignment of a checkpoint, now or when its barriers come.
func (g *Gate) Abort(id int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stepLocked(checkpoint.Event{Kind: checkpoint.Abort, ID: id})
	g.wakeLocked()
}

// Cancel ends all waiting at the gate, for ever.
func (g *Gate) Cancel() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.cancelled = true
	g.wakeLocked()
	for i := range g.channels {
		g.channels[i].space.Broadcast()
	}
}

// Recycle gives back the batch of an element when its rows are not needed any more.
func (g *Gate) Recycle(e Element) {
	e.Batch.Reset()
	g.mu.Lock()
	defer g.mu.Unlock()
	e.channel.free = append(e.channel.free, e.Batch)
}

// merge applies an element to the state of its channel. ok says whether it concerns the consumer, as e.
func (g *Gate) merge(e Element) (Element, bool) {
	c := e.channel
	switch e.Kind {
	case Batch:
		return e, true
	case Watermark:
		return g.moved(c, progress{max(c.watermark, e.Value), c.idle})
	case Idle, Active:
		return g.moved(c, progress{c.watermark, e.Kind == Idle})
	case EndOfInput:
		if !c.ended {
			c.ended = true
			g.ended++
			return e, g.ended == len(g.channels)
		}
		return e, false
	}
	return e, true // made by the gate
}

// moved takes over how far a channel is now, and returns what that says of all.
func (g *Gate) moved(c *channel, to progress) (Element, bool) {
	g.count(c.progress, -1)
	c.progress = to
	g.count(c.progress, 1)
	return g.updateWatermark()
}

// updateWatermark follows a change of a channel: all may be idle now, or none, or the rest may be further on. A gate that
// becomes active again says so first; that the watermark is further on is told with the next one.
func (g *Gate) updateWatermark() (Element, bool) {
	if idle := g.active == 0 && g.idles > 0; idle != g.idle {
		g.idle = idle
		if idle {
			return Element{Kind: Idle}, true
		}
		return Element{Kind: Active}, true
	}
	return g.advance()
}

// advance returns the minimum over the channels that are not idle, if it is a new one. A channel at the end of event
// time holds nothing back, but does not speak for idle ones either: only when all are there it is the end of all.
func (g *Gate) advance() (Element, bool) {
	lowest := int64(math.MaxInt64)
	switch {
	case g.holding > 0, g.watermark == math.MaxInt64, g.active == 0 && g.over < len(g.channels):
		return Element{}, false
	case g.active > 0:
		for i := range g.channels {
			if c := &g.channels[i]; c.active() {
				lowest = min(lowest, c.watermark)
			}
		}
	}
	g.watermark = lowest
	for i := range g.channels {
		if g.channels[i].holds(lowest) {
			g.holding++
		}
	}
	return Element{Kind: Watermark, Value: lowest}, true
}
