package exchange

import "github.com/weirstream/weir/engine/batch"

// ring is a queue. It grows with what it has to hold, because most channels of a large job never hold much.
type ring struct {
	slots []Element // a power of two of them
	head  int
	n     int
}

func (r *ring) push(e Element) {
	if r.n == len(r.slots) {
		r.grow()
	}
	r.slots[(r.head+r.n)&(len(r.slots)-1)] = e
	r.n++
}

func (r *ring) grow() {
	slots := make([]Element, max(4, 2*r.n))
	for i := range r.n {
		slots[i] = r.slots[(r.head+i)&(len(r.slots)-1)]
	}
	r.slots, r.head = slots, 0
}

func (r *ring) pop() Element {
	e := r.slots[r.head]
	r.slots[r.head] = Element{}
	r.head = (r.head + 1) & (len(r.slots) - 1)
	r.n--
	return e
}

// last is the newest element, or nil.
func (r *ring) last() *Element {
	if r.n == 0 {
		return nil
	}
	return &r.slots[(r.head+r.n-1)&(len(r.slots)-1)]
}

// Send puts an element at the end of the queue; it waits for room.
func (c *channel) Send(e Element) error {
	if e.Kind == Batch {
		e.size = e.Batch.SizeBytes()
	}
	g := c.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	for !g.mu.cancelled && !c.roomLocked(e.Kind) {
		c.waiting = true
		c.space.Wait()
		c.waiting = false
	}
	if g.mu.cancelled {
		return ErrCancelled
	}
	if last := c.queue.last(); last != nil && last.Kind == Watermark && e.Kind == Watermark {
		last.Value = e.Value // nothing is between them
		return nil
	}
	e.Input, e.channel = c.input, c
	c.queue.push(e)
	if e.Kind == Batch {
		c.batches++
		c.bytes += e.size
	}
	c.lookLocked()
	if !c.blocked {
		g.wakeLocked()
	}
	return nil
}

func (c *channel) roomLocked(k Kind) bool {
	if c.queue.n == maxElements {
		return false
	}
	return k != Batch || c.batches == 0 || c.batches < maxBatches && c.bytes < maxBytes
}

// popLocked takes the first element of the queue, which is not empty.
func (c *channel) popLocked() Element {
	e := c.queue.pop()
	c.lookLocked()
	if e.Kind == Batch {
		c.batches--
		c.bytes -= e.size
	}
	if c.waiting {
		c.space.Signal()
	}
	return e
}

// Cancel cancels the gate: without one of its producers its consumer has no input that it could go on with.
func (c *channel) Cancel() { c.gate.Cancel() }

// Borrow returns an empty batch for rows like those of a batch.
func (c *channel) Borrow(like *batch.Batch) *batch.Batch {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	n := len(c.free)
	if n == 0 {
		return like.New()
	}
	b := c.free[n-1]
	c.free = c.free[:n-1]
	return b
}
