package heap

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/state"
)

// ordered is a state of entries that have places: a tree for each key group. What a place is depends on the kind of the state.
type ordered struct {
	backend    *Backend
	descriptor state.Descriptor
	encoding   encoding
	trees      []tree // by key group, from the first of the scope on
	gone       removals
	n          int
	buffer     []byte // of what is looked for

	expired, untimed batch.Bytes // places that a sweep has found
}

// encoding is how entries stand in blocks.
type encoding struct {
	begin, beginChanges func(dst []byte) []byte
	entry               func(dst, last, place, value []byte) []byte
}

func newOrdered(b *Backend, d state.Descriptor, e encoding) ordered {
	return ordered{backend: b, descriptor: d, encoding: e, trees: make([]tree, b.scope.EndGroup-b.scope.FirstGroup), gone: newRemovals(b)}
}

// group is the key group of a hash, from the first of the scope on.
func (o *ordered) group(hash uint64) int {
	return state.KeyGroup(hash, o.backend.scope.MaxParallelism) - o.backend.scope.FirstGroup
}

func (o *ordered) writer(group int) *writer {
	return &writer{versions: o.backend, group: group, epoch: o.backend.epoch, based: o.backend.based()}
}

// put sets the value at a place of a group, and says whether there was none.
func (o *ordered) put(group int, at, value []byte) bool {
	t := &o.trees[group]
	before := t.n
	o.writer(group).put(t, at, value)
	o.n += t.n - before
	return t.n > before
}

// remove removes what is at a place of a group, and says whether it was there.
func (o *ordered) remove(group int, at []byte) bool {
	if !o.writer(group).remove(&o.trees[group], at) {
		return false
	}
	o.n--
	o.gone.removePlace(group, o.n, at)
	return true
}

// Len is the number of entries.
func (o *ordered) Len() int { return o.n }

// freeze returns the trees as they are now.
func (o *ordered) freeze() frozenState {
	f := &frozenOrdered{descriptor: o.descriptor, encoding: o.encoding, trees: make([]frozenTree, len(o.trees)), frozenRemovals: o.gone.freeze()}
	for g := range o.trees {
		f.trees[g] = frozenTree{o.trees[g].root, o.trees[g].n}
	}
	return f
}

// frozenOrdered is an ordered state at a freeze.
type frozenOrdered struct {
	descriptor state.Descriptor
	encoding   encoding
	trees      []frozenTree // by key group
	frozenRemovals
}

type frozenTree struct {
	root *node
	n    int // entries
}

func (f *frozenOrdered) name() string { return f.descriptor.Name }

func (f *frozenOrdered) begin(dst []byte) []byte { return f.encoding.begin(dst) }

func (f *frozenOrdered) encode(dst []byte, g int) (block []byte, entries int) {
	var last []byte
	f.trees[g].root.each(func(at, value []byte) bool {
		dst = f.encoding.entry(dst, last, at, value)
		last = at
		entries++
		return true
	})
	return dst, entries
}

func (f *frozenOrdered) beginChanges(dst []byte) []byte { return f.encoding.beginChanges(dst) }

func (f *frozenOrdered) measure(g int, based int64) (changed, all int) {
	f.trees[g].root.eachChanged(based, func([]byte, []byte) { changed++ })
	return changed, f.trees[g].n
}

func (f *frozenOrdered) changes(dst []byte, g, number int, based int64) []byte {
	puts, _ := f.measure(g, based)
	gone := f.since(g, based)
	if puts == 0 && gone.Bytes() == 0 {
		return dst
	}
	dst = backend.AppendSortedGroupChanges(dst, number, gone, puts)
	var last []byte
	f.trees[g].root.eachChanged(based, func(at, value []byte) {
		dst = f.encoding.entry(dst, last, at, value)
		last = at
	})
	return dst
}

// sorted is a state of the kind SortedMap. An entry stands under the length of its key, the key and its name, so that the entries of
// a key are together. It implements state.Sorted.
type sorted struct {
	ordered
	aging    *aging                                    // of what is restored; nil: entries are as they were
	convert  func(dst, earlier []byte) ([]byte, error) // of what is restored; nil: values are as they were
	restored []byte                                    // such an entry
}

var sortedEncoding = encoding{backend.AppendSortedBlock, backend.AppendSortedChanges, backend.AppendSortedEntry}

func newSorted(b *Backend, d state.Descriptor) *sorted {
	return &sorted{ordered: newOrdered(b, d, sortedEncoding), aging: newAging(b, d), convert: b.scope.Conversions[d.Name].Value}
}

// place returns the tree of a key, its group, and under what an entry stands in it: valid until the next call.
func (s *sorted) place(hash uint64, key, name []byte) (t *tree, group int, at []byte) {
	group = s.group(hash)
	s.buffer = append(appendPrefix(s.buffer[:0], key), name...)
	return &s.trees[group], group, s.buffer
}

// appendPrefix appends what all entries of a key begin with in their tree.
func appendPrefix(dst, key []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(key))), key...)
}

// Get returns the value of an entry.
func (s *sorted) Get(hash uint64, key, name []byte) ([]byte, bool) {
	t, _, at := s.place(hash, key, name)
	return t.get(at)
}

// Put sets the value of an entry.
func (s *sorted) Put(hash uint64, key, name, value []byte) {
	_, group, at := s.place(hash, key, name)
	s.put(group, at, value)
}

// Delete removes an entry.
func (s *sorted) Delete(hash uint64, key, name []byte) bool {
	_, group, at := s.place(hash, key, name)
	return s.remove(group, at)
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
		s.remove(group, at)
		removed++
	}
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
