package task

import (
	"sync"

	"github.com/weirstream/weir/engine/internal/message"
)

// commandQueue is the FIFO from the coordinator to one source subtask. It is unbounded, so that the coordinator never waits for
// a subtask; the coordinator has few commands under way at a time.
type commandQueue struct {
	// signal holds a token after a put; it may be an old one.
	signal chan struct{}
	mu     struct {
		sync.Mutex
		queue []message.Command
	}
}

func newCommandQueue() *commandQueue { return &commandQueue{signal: make(chan struct{}, 1)} }

func (q *commandQueue) put(c message.Command) {
	q.mu.Lock()
	q.mu.queue = append(q.mu.queue, c)
	q.mu.Unlock()
	select {
	case q.signal <- struct{}{}:
	default: // the token is there
	}
}

// take removes and returns the commands that have come since the last call.
func (q *commandQueue) take() []message.Command {
	q.mu.Lock()
	defer q.mu.Unlock()
	commands := q.mu.queue
	q.mu.queue = nil
	return commands
}
