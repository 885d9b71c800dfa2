package exchange

import "github.com/weirstream/weir/engine/batch"

// Sender is a channel as its producer sees it: to a gate in this process ([Gate.Sender]), or to what carries elements to a gate
// elsewhere. One goroutine borrows and sends; anybody may cancel. It is called once for each batch and control element,
// never for each row.
type Sender interface {
	// Borrow returns an empty batch for rows like those of another. It is the caller's until it is sent, and the channel's then.
	Borrow(like *batch.Batch) *batch.Batch
	// Send puts an element behind those that were sent before. It waits for room, which the consumer makes; control elements do
	// not wait for what only batches have to wait for. When either side has cancelled it returns ErrCancelled, now or later: that it
	// returns nil does not say that the element was taken.
	Send(e Element) error
	// Cancel says that the producer is lost: a consumer that waits at its gate is woken, and gets ErrCancelled, as if the
	// consumer had cancelled. It does not wait, and a second one has no effect.
	Cancel()
}

var _ Sender = (*channel)(nil)

// Sender is a channel of the gate, for its producer.
func (g *Gate) Sender(channel int) Sender { return &g.channels[channel] }
