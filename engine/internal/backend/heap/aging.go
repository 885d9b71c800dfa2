package heap

import "github.com/weirstream/weir/engine/state"

// aging is what becomes of stamps when a state is restored whose TTL was another one, or that had none, or has none any more.
type aging struct {
	backend *Backend
	was, is *state.TTL // nil: none
}

// newAging returns nil for a state whose entries keep their stamps.
func newAging(b *Backend, d state.Descriptor) *aging {
	c, converted := b.scope.Conversions[d.Name]
	if !converted || c.TTL == nil && d.TTL == nil {
		return nil
	}
	return &aging{b, c.TTL, d.TTL}
}

// take divides an entry that is restored into a stamp, unless the state has none, and its value, and says whether it is there.
func (a *aging) take(g int, entry []byte) (stamp int64, value []byte, live bool) {
	if a == nil {
		return 0, entry, true
	}
	value = entry
	if a.was != nil {
		stamp, value = state.Stamp(entry), entry[state.StampBytes:]
		if !a.was.Live(stamp, a.at(a.was, g)) {
			return 0, nil, false
		}
	}
	if a.is != nil && (a.was == nil || a.was.Processing != a.is.Processing) {
		stamp = a.at(a.is, g)
	}
	return stamp, value, true
}

// stamp puts a stamp into a cell, unless the state has none, and returns the rest of it.
func (a *aging) stamp(cell []byte, ms int64) []byte {
	if a == nil || a.is == nil {
		return cell
	}
	state.PutStamp(cell, ms)
	return cell[state.StampBytes:]
}

// at is the time in a key group when it is restored.
func (a *aging) at(ttl *state.TTL, g int) int64 {
	if ttl.Processing {
		return a.backend.scope.Now
	}
	return a.backend.restored[g]
}
