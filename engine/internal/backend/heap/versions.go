package heap

import (
	"math/bits"
	"slices"
	"sync/atomic"
)

// Copy on write. The backend counts epochs: a freeze ends one. Every slots table and every group's list carries the last
// epoch in which it was written, so that one comparison tells whether it may be part of a frozen version; only then is it
// asked which. A version that is released, or has written the group already, does not count: then the epoch is
// brought up to date and nothing is copied. Who writes is the goroutine that owns the subtask; a version only reads what
// was there when it was made, until it marks the group as done.

// version is the state at a freeze.
type version struct {
	epoch    int64
	done     []atomic.Bool // by group: its content is not needed any more
	released atomic.Bool
}

// held tells whether a version that is alive may still read what was written last in an epoch.
func (b *Backend) held(g int, epoch int64) bool {
	for _, v := range b.versions {
		if v.epoch >= epoch && !v.released.Load() && !v.done[g].Load() {
			return true
		}
	}
	return false
}

// own returns slots that may be written: s itself, or a copy that has taken its place.
func (t *table) own(g int, s *slots) *slots {
	if s.epoch == t.epoch {
		return s
	}
	if t.backend.held(g, s.epoch) {
		list := t.ownList(g)
		i, _ := position(list.list, s.window)
		s = s.clone()
		list.list[i] = s
	}
	s.turn(t.epoch, t.backend.based())
	return s
}

// ownList returns the list of a group so that it may be changed.
func (t *table) ownList(g int) *group {
	list := t.groups[g]
	if list.epoch == t.epoch {
		return list
	}
	if t.backend.held(g, list.epoch) {
		list = &group{list: slices.Clone(list.list)}
		t.groups[g] = list
	}
	list.epoch = t.epoch
	return list
}

func spareClass(capacity int) int { return bits.Len(uint(capacity)) - 1 }
