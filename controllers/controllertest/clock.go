package controllertest

import (
	"sync"
	"time"
)

// Clock is an operator's; a test puts it forward.
type Clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

// Now is the machine's time, put forward.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

// Forward puts it forward.
func (c *Clock) Forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// Back takes back all that it was put forward: the played coordinators stamp their checkpoints with the machine's time, and
// would all be old.
func (c *Clock) Back() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead = 0
}
