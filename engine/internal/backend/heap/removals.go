package heap

import (
	"slices"

	"github.com/weirstream/weir/engine/internal/backend"
)

// removals keep, for each key group of a state, what went from it since the newest complete checkpoint, for the next run: of a key
// that is not there any more there is no place for a mark.
type removals struct {
	backend *Backend
	groups  []*gone // nil: nothing went
}

// gone is what went in a key group. One that was frozen is not changed any more.
type gone struct {
	epoch int64
	now   backend.Removals // in epoch
	older backend.Removals // in those before, up to olderEpoch

	olderEpoch int64
	// lost is the last epoch in which more went than is worth keeping: the group must be written whole. 0: none.
	lost int64
}

// minRemovals is how many bytes of removals are kept for a key group, however little it holds.
const minRemovals = 4 << 10

func newRemovals(b *Backend) removals {
	return removals{backend: b, groups: make([]*gone, b.scope.EndGroup-b.scope.FirstGroup)}
}

// remove notes that a key went from a state that holds n cells, drop that a window did, removePlace an entry of a sorted map.
func (r *removals) remove(g, n int, window int64, key []byte) {
	if now := r.at(g); now != nil {
		now.Remove(window, key)
		r.bound(g, n)
	}
}

func (r *removals) drop(g, n int, window int64) {
	if now := r.at(g); now != nil {
		now.Drop(window)
		r.bound(g, n)
	}
}

func (r *removals) removePlace(g, n int, place []byte) {
	if now := r.at(g); now != nil {
		now.RemovePlace(place)
		r.bound(g, n)
	}
}

// at returns where to note what goes; nil: it need not be noted.
func (r *removals) at(g int) *backend.Removals {
	if !r.backend.follows() {
		return nil
	}
	e := r.groups[g]
	if e == nil || e.epoch != r.backend.epoch {
		e = e.next(r.backend.epoch, r.backend.based())
		r.groups[g] = e
	}
	if e.lost == e.epoch {
		return nil
	}
	return &e.now
}

// next begins an epoch; what went up to epoch based is in a complete checkpoint.
func (e *gone) next(epoch, based int64) *gone {
	n := &gone{epoch: epoch}
	if e == nil || e.epoch <= based {
		return n
	}
	n.olderEpoch = e.epoch
	if e.olderEpoch > based {
		n.older = e.older
	}
	n.older.Then(e.now)
	if e.lost > based {
		n.lost = e.lost
	}
	return n
}

// bound forgets what went in a group once that is about half of what a state of n entries holds in one.
func (r *removals) bound(g, n int) {
	e := r.groups[g]
	if e.now.Bytes()+e.older.Bytes() > minRemovals+8*n/len(r.groups) {
		e.lost, e.now, e.older = e.epoch, backend.Removals{}, backend.Removals{}
	}
}

func (r *removals) freeze() frozenRemovals { return frozenRemovals{slices.Clone(r.groups)} }

// frozenRemovals are the removals at a freeze.
type frozenRemovals struct{ gone []*gone }

// since returns what went in a group after an epoch.
func (f *frozenRemovals) since(g int, based int64) backend.Removals {
	e := f.gone[g]
	if e == nil || e.epoch <= based {
		return backend.Removals{}
	}
	if e.olderEpoch <= based {
		return e.now
	}
	all := e.older
	all.Then(e.now)
	return all
}

// lost tells whether more went in a group after an epoch than was kept.
func (f *frozenRemovals) lost(g int, based int64) bool {
	return f.gone[g] != nil && f.gone[g].lost > based
}
