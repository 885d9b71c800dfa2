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
