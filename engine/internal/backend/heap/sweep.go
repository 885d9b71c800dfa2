package heap

import (
	"math"

	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/state"
)

// States with a TTL are swept: all entries are looked at again and again, a few at a time, and those that have expired are removed. There
// is no index of what expires when, which would be as large as the state: looking at an entry costs some nanoseconds.
//
// A round over all entries takes an eighth of the TTL, by its clock: who expires is looked at within it. Only an entry that moves within
// its table, because others come and go, may be passed over, and no entry is in every round. If the clock goes faster than the sweep,
// as event time does that is read from a file, a round is of as many calls as it takes to look at all: there is a call with each batch
// of rows, and one after the other when there are none.
const (
	roundsOfTTL = 8
	// maxLooks is how many entries a call looks at, and maxExpired how many it removes, which takes a third of a millisecond. Where entries
	// have come since the call before, it does as much more as they are, so that it keeps up with them.
	maxLooks   = 1 << 14
	maxExpired = 256
	// minTickMS and maxTickMS bound how long a state that expires by processing time goes without a call.
	minTickMS = 10
	maxTickMS = 10_000
)

// sweeper sweeps one state.
type sweeper struct {
	of      sweepable
	ttl     *state.TTL
	begun   bool
	counted int64 // the time up to which owed counts
	owed    int   // entries to look at
	n       int   // entries after the call before
	group   int   // that is looked at next
	from    []byte
}

// sweepable is a state whose entries have stamps.
type sweepable interface {
	Len() int
	// sweep looks at the entries of a key group from a place in it on; nil: its beginning. If it has not come to the end of the group, it
	// returns where to go on.
	sweep(g int, from []byte, b *budget) (next []byte, more bool)
}

// budget is what a call may still do.
type budget struct {
	ttl             *state.TTL
	now             func(g int) int64
	looks, removals int
	looked          int
}

// fate says what becomes of an entry.
type fate uint8

const (
	stays fate = iota
	goes
	isTimed // it gets its first stamp
)

func (b *budget) fate(stamp, now int64) fate {
	switch {
	case stamp == state.Untimed && now > state.Untimed:
		return isTimed
	case b.ttl.Live(stamp, now):
		return stays
	}
	return goes
}

// Sweep removes a part of what has expired.
func (b *Backend) Sweep(now int64) (next int64) {
	next = math.MaxInt64
	for _, s := range b.sweepers {
		at := now
		if !s.ttl.Processing {
			if at = b.acted; at == snapshot.NoTime || at == math.MaxInt64 {
				continue // at the end of input what is there stays in the last snapshot
			}
		}
		s.slice(b, at)
		switch {
		case s.owed > 0:
			next = min(next, now)
		case s.ttl.Processing && s.n > 0:
			next = min(next, now+min(max(s.ttl.MS/(4*roundsOfTTL), minTickMS), maxTickMS))
		}
	}
	return next
}

// slice does what is due at a time of the state's clock, as far as one call goes.
func (s *sweeper) slice(b *Backend, at int64) {
	n := s.of.Len()
	s.accrue(at, n)
	grown := max(n-s.n, 0)
	todo := budget{ttl: s.ttl, now: func(int) int64 { return at }, looks: min(s.owed, maxLooks+2*roundsOfTTL*grown), removals: maxExpired + 2*grown}
	if !s.ttl.Processing {
		todo.now = func(g int) int64 { return max(at, b.restored[g]) }
	}
	for todo.looked < todo.looks && todo.removals > 0 && s.of.Len() > 0 {
		var more bool
		if s.from, more = s.of.sweep(s.group, s.from, &todo); !more {
			s.group, s.from = (s.group+1)%len(b.restored), s.from[:0]
		}
	}
	s.n = s.of.Len()
	s.owed = min(max(s.owed-todo.looked, 0), s.n)
}

// accrue adds to what is owed for the time that has passed: all n entries in a round.
func (s *sweeper) accrue(at int64, n int) {
	if !s.begun || n == 0 {
		s.begun, s.counted, s.owed = true, at, 0
		return
	}
	round := float64(max(s.ttl.MS/roundsOfTTL, 1))
	passed := float64(at) - float64(s.counted)
	if passed >= round {
		s.counted, s.owed = at, n
		return
	}
	if due := int(float64(n) * passed / round); due > 0 {
		s.owed = min(s.owed+due, n)
		s.counted += int64(float64(due) * round / float64(n))
	}
}

// sweep looks at a key group. All tables of it are looked at in one go, unless it removes more than it may: then the group is begun again,
// because entries have moved.
func (t *table) sweep(g int, _ []byte, b *budget) (next []byte, more bool) {
	now := b.now(g)
	list := t.groups[g].list
	if len(list) > 1 { // tables that become empty are taken out of it
		list = append([]*slots(nil), list...)
	}
	looked := 0
	for _, s := range list {
		looked += s.count
		removed := false
		for slot := uint64(0); slot <= s.mask; {
			at := int(slot) * s.stride
			if !s.used(at) {
				slot++
				continue
			}
			switch b.fate(state.Stamp(s.cell(at, state.StampBytes)), now) {
			case goes:
				if b.removals == 0 {
					return nil, true
				}
				b.removals--
				b.looked++
				looked--
				s, removed = t.own(g, s), true
				t.removeSlot(g, s, slot, s.key(at, &t.keyBuffer)) // another entry may be in the slot now
				continue
			case isTimed:
				s = t.own(g, s)
				s.mark(slot)
				state.PutStamp(s.cell(at, state.StampBytes), now)
			case stays:
			}
			slot++
		}
		if removed && s.count > 0 && s.shrink() && t.current[g].slots == s {
			t.remember(g, s)
		}
	}
	b.looked += max(looked, 0)
	return nil, false
}

// sweep looks at a key group.
func (o *ordered) sweep(g int, from []byte, b *budget) (next []byte, more bool) {
	now := b.now(g)
	o.expired.Reset()
	o.untimed.Reset()
	var p path
	p.seek(&o.trees[g], from, false)
	more = p.here()
	for ; more && b.looked < b.looks && b.removals > 0; more = p.next() {
		at, entry := p.entry()
		b.looked++
		switch b.fate(state.Stamp(entry), now) {
		case goes:
			b.removals--
			o.expired.Append(at)
		case isTimed:
			b.removals-- // it costs as much
			o.untimed.Append(at)
		case stays:
		}
	}
	next = from[:0]
	if more {
		at, _ := p.entry()
		next = append(next, at...)
	}
	for i := range o.expired.Len() {
		o.remove(g, o.expired.At(i))
	}
	for i := range o.untimed.Len() {
		at := o.untimed.At(i)
		entry, _ := o.trees[g].get(at)
		o.put(g, at, state.AppendStamped(nil, now, entry[state.StampBytes:]))
	}
	return next, more
}
