package job

import "github.com/weirstream/weir/engine/internal/coordinator"

// AskAtTheEnd lets ask run in the loop of the attempt of c just before the commits of its last checkpoint are confirmed, which
// ends it: what ask mails lies in the mailbox when nobody looks there any more.
func AskAtTheEnd(c *Host, ask func()) {
	d := c.newest().d
	d.box.put(func() {
		ask()
		d.step(coordinator.Committed{Checkpoint: d.coordinator.Status().Newest.ID})
	})
}
