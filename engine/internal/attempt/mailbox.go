package attempt

import "sync"

// mailbox is an unbounded queue of what has happened, from many goroutines to the one that steps the coordinator. It is
// unbounded so that no subtask ever waits for the coordinator; what is in it is bounded by the subtasks and by the
// effects under way, each of which answers once.
type mailbox struct {
	signal chan struct{} // holds a token while there is something to take
	mu     struct {
		sync.Mutex
		queue []func()
	}
}

func newMailbox() *mailbox { return &mailbox{signal: make(chan struct{}, 1)} }

// put adds an entry; it never blocks.
func (m *mailbox) put(f func()) {
	m.mu.Lock()
	m.mu.queue = append(m.mu.queue, f)
	m.mu.Unlock()
	select {
	case m.signal <- struct{}{}:
	default: // the token is there already
	}
}

// take removes and returns all entries, in order.
func (m *mailbox) take() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	q := m.mu.queue
	m.mu.queue = nil
	return q
}
