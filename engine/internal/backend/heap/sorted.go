package heap

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/state"
)

// sorted is a state of the kind SortedMap: a tree for each key group. In it, an entry stands under the length of its key, the key
// and its name, so that the entries of a key are together. It implements state.Sorted.
type sorted struct {
	backend    *Backend
	descriptor state.Descriptor
	trees      []tree // by key group, from the first of the scope on
	gone       removals
	n          int
	buffer     []byte // of what is looked for
}

func newSorted(b *Backend, d state.Descriptor) *sorted {
	return &sorted{backend: b, descriptor: d, trees: make([]tree, b.scope.EndGroup-b.scope.FirstGroup), gone: newRemovals(b)}
}

// place returns the tree of a key, its group, and under what an entry stands in it: valid until the next call.
func (s *sorted) place(hash uint64, key, name []byte) (t *tree, group int, at []byte) {
	group = state.KeyGroup(hash, s.backend.scope.MaxParallelism) - s.backend.scope.FirstGroup
	s.buffer = append(appendPrefix(s.buffer[:0], key), name...)
	return &s.trees[group], group, s.buffer
}

// appendPrefix appends what all entries of a key begin with in their tree.
func appendPrefix(dst, key []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(key))), key...)
}

func (s *sorted) writer(group int) *writer {
	return &writer{versions: s.backend, group: group, epoch: s.backend.epoch, based: s.backend.based()}
}

// Get returns the value of an entry.
func (s *sorted) Get(hash uint64, key, name []byte) ([]byte, bool) {
	t, _, at := s.place(hash, key, name)
	return t.get(at)
}

// Put sets the value of an entry.
func (s *sorted) Put(hash uint64, key, name, value []byte) {
	t, group, at := s.place(hash, key, name)
	before := t.n
	s.writer(group).put(t, at, value)
	s.n += t.n - before
}

// Delete removes an entry.
func (s *sorted) Delete(hash uint64, key, name []byte) bool {
	t, group, at := s.place(hash, key, name)
	if !s.writer(group).remove(t, at) {
		return false
	}
	s.n--
	s.gone.removePlace(group, s.n, at)
	return true
}

// Clear removes all entries of a key.
func (s *sorted) Clear(hash uint64, key []byte) int {
	t, group, prefix := s.place(hash, key, nil)
	var p path
	var at []byte
	removed := 0
	for {
		p.seek(t, prefix, false)
		if !p.here() {
			break
		}
		next, _ := p.entry()
		if !bytes.HasPrefix(next, prefix) {
			break
		}
		at = append(at[:0], next...) // next is in the leaf that is about to change
		s.writer(group).remove(t, at)
		s.gone.removePlace(group, s.n, at)
		removed++
	}
	s.n -= removed
	return removed
}

// Range visits all entries.
func (s *sorted) Range(f func(hash uint64, key, name, value []byte) bool) {
	for g := range s.trees {
		var last []byte
		var hash uint64
		if !s.trees[g].root.each(func(at, value []byte) bool {
			key, name := split(at)
			if last == nil || !bytes.Equal(key, last) {
				last, hash = key, xxh3.Hash(key)
			}
			return f(hash, key, name, value)
		}) {
			return
		}
	}
}

// split returns the key and the name of what an entry stands under.
func split(at []byte) (key, name []byte) {
	length, width := binary.Uvarint(at)
	end := width + int(length)
	return at[width:end:end], at[end:]
}

// Len is the number of entries.
func (s *sorted) Len() int { return s.n }

// freeze returns the trees as they are now.
func (s *sorted) freeze() frozenState {
	f := &frozenSorted{descriptor: s.descriptor, trees: make([]frozenTree, len(s.trees)), frozenRemovals: s.gone.freeze()}
	for g := range s.trees {
		f.trees[g] = frozenTree{s.trees[g].root, s.trees[g].n}
	}
	return f
}

// frozenSorted is a SortedMap at a freeze.
type frozenSorted struct {
	descriptor state.Descriptor
	trees      []frozenTree // by key group
	frozenRemovals
}

type frozenTree struct {
	root *node
	n    int // entries
}

func (f *frozenSorted) name() string { return f.descriptor.Name }

func (f *frozenSorted) begin(dst []byte) []byte { return backend.AppendSortedBlock(dst) }

func (f *frozenSorted) encode(dst []byte, g int) (block []byte, entries int) {
	var last []byte
	f.trees[g].root.each(func(at, value []byte) bool {
		dst = backend.AppendSortedEntry(dst, last, at, value)
		last = at
		entries++
		return true
	})
	return dst, entries
}

func (f *frozenSorted) beginChanges(dst []byte) []byte { return backend.AppendSortedChanges(dst) }

func (f *frozenSorted) measure(g int, based int64) (changed, all int) {
	f.trees[g].root.eachChanged(based, func([]byte, []byte) { changed++ })
	return changed, f.trees[g].n
}

func (f *frozenSorted) changes(dst []byte, g, number int, based int64) []byte {
	puts, _ := f.measure(g, based)
	gone := f.since(g, based)
	if puts == 0 && gone.Bytes() == 0 {
		return dst
	}
	dst = backend.AppendSortedGroupChanges(dst, number, gone, puts)
	var last []byte
	f.trees[g].root.eachChanged(based, func(at, value []byte) {
		dst = backend.AppendSortedEntry(dst, last, at, value)
		last = at
	})
	return dst
}

// cursor goes through the entries of one key. It implements state.Cursor.
type cursor struct {
	state  *sorted
	tree   *tree
	prefix []byte // of the entries of the key
	at     []byte // where the cursor stands: on the entry there, or before where that is or would be
	before bool
	over   bool // there is nothing more in the direction in which it went, or it never began
	path   path // of at, if the tree has not changed since
	change uint64
	value  []byte
}

// Cursor returns a new cursor.
func (s *sorted) Cursor() state.Cursor { return &cursor{state: s, over: true} }

// Seek goes before the first entry that is not below from.
func (c *cursor) Seek(hash uint64, key, from []byte) {
	t, _, at := c.state.place(hash, key, from)
	c.prefix = append(c.prefix[:0], at[:len(at)-len(from)]...)
	c.seek(t, at)
}

// SeekEnd goes behind the last entry of a key.
func (c *cursor) SeekEnd(hash uint64, key []byte) {
	t, _, at := c.state.place(hash, key, nil)
	c.prefix = append(c.prefix[:0], at...)
	// The first string that is above all that begin with the prefix. It has a byte that can be raised: the last of a length is
	// below 0x80.
	end := slices.Clone(at)
	for end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	end[len(end)-1]++
	c.seek(t, end)
}

func (c *cursor) seek(t *tree, at []byte) {
	c.tree, c.at, c.before, c.over, c.value = t, append(c.at[:0], at...), true, false, nil
	c.path.seek(t, c.at, false)
	c.change = t.changes
}

// Next goes to the next entry of the key.
func (c *cursor) Next() bool {
	if c.over {
		return false
	}
	if c.change != c.tree.changes {
		c.path.seek(c.tree, c.at, !c.before)
		c.change = c.tree.changes
		return c.arrive(c.path.here())
	}
	if c.before {
		return c.arrive(c.path.here())
	}
	return c.arrive(c.path.next())
}

// Prev goes to the entry before.
func (c *cursor) Prev() bool {
	if c.over {
		return false
	}
	if c.change != c.tree.changes {
		c.path.seek(c.tree, c.at, false)
		c.change = c.tree.changes
	}
	return c.arrive(c.path.prev())
}

// arrive takes the entry at the place, if there is one and it is the key's.
func (c *cursor) arrive(there bool) bool {
	c.value, c.over = nil, true
	if !there {
		return false
	}
	at, value := c.path.entry()
	if !bytes.HasPrefix(at, c.prefix) {
		return false
	}
	c.at, c.value, c.before, c.over = append(c.at[:0], at...), value, false, false
	return true
}

// Name is that of the entry at which the cursor stands.
func (c *cursor) Name() []byte { return c.at[len(c.prefix):] }

// Value is that of the entry at which the cursor stands.
func (c *cursor) Value() []byte { return c.value }
