package coordinator

import (
	"slices"

	"github.com/weirstream/weir/engine/snapshot"
)

// continues tells whether the newest checkpoint that the run knows is the newest complete one of the chain, so that no sweep
// deletes what it names: then the next may name its runs again. One that was passed over, or is of another folder, is not.
func (c *Coordinator) continues() bool {
	return c.chain.head != nil && (c.chain.head != c.cfg.Restored || c.cfg.Newest && !c.cfg.Foreign)
}

// strangeRun returns a run that a checkpoint may not name; empty: there is none. A subtask that took another checkpoint for
// complete than the newest would name runs that may be swept.
func (c *Coordinator) strangeRun(m *snapshot.Metadata) string {
	var known []string // in order
	if c.continues() {
		known = c.chain.head.RunKeys()
	}
	for _, f := range m.Files() {
		if f.Checkpoint == 0 || f.Checkpoint == m.ID {
			continue
		}
		if _, found := slices.BinarySearch(known, f.RunKey()); !found {
			return f.Path
		}
	}
	return ""
}
