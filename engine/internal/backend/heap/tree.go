package heap

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// A tree is an ordered map from byte strings to byte strings, as a B+-tree: the entries are in leaves, one buffer for each, so
// that there is no pointer for an entry. It is persistent in the way of versions.go: a node that a frozen version may still read
// is copied when it is first written, with the nodes above it, so a write after a freeze copies one leaf at most.
//
// A node was written last in its epoch or in an earlier one than all nodes above it, because a write goes through these. So a
// node that no version reads is part of no tree that a version reads.
type tree struct {
	root *node
	n    int // entries
	// changes counts the writes, so that a cursor notices them.
	changes uint64
}

// node is a leaf, or has children.
type node struct {
	epoch int64 // the last in which it was written
	// olderEpoch is the last in which an entry was written that has olderBit; 0: none has.
	olderEpoch int64

	children []*node
	// separators[i] is above all keys of children[i] and not above any of children[i+1].
	separators [][]byte

	// Of a leaf: where its entries begin in data, in the order of their keys. An entry is the length of the key, the key, the
	// length of the value and the value; lengths are unsigned varints. The two highest bits of a start are changedBit and olderBit.
	starts  []uint32
	data    []byte
	garbage int // bytes of data that belong to no entry
}

const (
	// leafBytes is the size above which a leaf is divided, unless it has only one entry. Only a leaf with a large entry can
	// stay above it: by no more than that entry.
	leafBytes = 4 << 10
	// sparseBytes is the size below which a leaf is put together with a neighbour.
	sparseBytes = leafBytes / 4
	// maxChildren is the number above which a node is divided, sparseChildren the one below which it is put together.
	maxChildren    = 64
	sparseChildren = maxChildren / 4

	// changedBit says of an entry that it was put in the epoch of its leaf, olderBit that it was in one before, up to olderEpoch. What
	// a checkpoint has is forgotten when the leaf is next written (turn). An entry has at most MaxEntryBytes, and at most two thirds
	// of a leaf are garbage before it is tidied, so that starts need less than 30 bits.
	changedBit = uint32(1) << 31
	olderBit   = uint32(1) << 30
	startMask  = olderBit - 1
)

func (n *node) leaf() bool { return n.children == nil }

// live is how many bytes the entries of a leaf take.
func (n *node) live() int { return len(n.data) - n.garbage }

// entry returns an entry of a leaf; both alias the leaf.
func (n *node) entry(i int) (key, value []byte) {
	key, end := n.key(i)
	length, from := lengthAt(n.data, end)
	end = from + length
	return key, n.data[from:end:end]
}

// key returns the key of an entry, and where its value's length stands.
func (n *node) key(i int) (key []byte, end int) {
	length, from := lengthAt(n.data, int(n.starts[i]&startMask))
	end = from + length
	return n.data[from:end:end], end
}

// lengthAt reads a length, and returns what follows it. Nearly all are a byte.
func lengthAt(b []byte, at int) (length, next int) {
	if c := b[at]; c < 0x80 {
		return int(c), at + 1
	}
	v, width := binary.Uvarint(b[at:])
	return int(v), at + width
}

// entryBytes is how many bytes an entry takes in data.
func entryBytes(key, value []byte) int {
	return uvarintBytes(len(key)) + len(key) + uvarintBytes(len(value)) + len(value)
}

func uvarintBytes(n int) int {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}

func appendEntry(dst, key, value []byte) []byte {
	dst = append(binary.AppendUvarint(dst, uint64(len(key))), key...)
	return append(binary.AppendUvarint(dst, uint64(len(value))), value...)
}

// find returns the place of a key in a leaf: of its entry, or where that would be.
func (n *node) find(key []byte) (i int, found bool) {
	low, high := 0, len(n.starts)
	for low < high {
		middle := int(uint(low+high) >> 1)
		other, _ := n.key(middle)
		switch c := bytes.Compare(other, key); {
		case c < 0:
			low = middle + 1
		case c > 0:
			high = middle
		default:
			return middle, true
		}
	}
	return low, false
}

// child returns which child a key belongs to.
func (n *node) child(key []byte) int {
	low, high := 0, len(n.separators)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if bytes.Compare(n.separators[middle], key) <= 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// get returns the value of a key, which aliases the tree.
func (t *tree) get(key []byte) (value []byte, found bool) {
	n := t.root
	if n == nil {
		return nil, false
	}
	for !n.leaf() {
		n = n.children[n.child(key)]
	}
	i, found := n.find(key)
	if !found {
		return nil, false
	}
	_, value = n.entry(i)
	return value, true
}

// writer changes trees of a key group.
type writer struct {
	versions holder
	group    int
	epoch    int64
	based    int64 // what was written up to this epoch is in a complete checkpoint
}

// holder says whether a version may still read what a key group wrote last in an epoch.
type holder interface {
	held(group int, epoch int64) bool
}

// own returns a node that may be written: n itself, or a copy.
func (w *writer) own(n *node) *node {
	if n.epoch == w.epoch {
		return n
	}
	if w.versions.held(w.group, n.epoch) {
		copied := &node{children: slices.Clone(n.children), separators: slices.Clone(n.separators), starts: slices.Clone(n.starts)}
		if n.leaf() {
			copied.data, copied.garbage = slices.Clone(n.data), n.garbage
		}
		copied.epoch, copied.olderEpoch = n.epoch, n.olderEpoch
		n = copied
	}
	n.turn(w.epoch, w.based)
	return n
}

// turn begins an epoch in a node that may be written: all that was written up to epoch based is in a complete checkpoint.
func (n *node) turn(epoch, based int64) {
	for i, s := range n.starts {
		older := s&changedBit != 0 && n.epoch > based || s&olderBit != 0 && n.olderEpoch > based
		if n.starts[i] = s & startMask; older {
			n.starts[i] |= olderBit
		}
	}
	n.olderEpoch = 0
	if n.leaf() && n.epoch > based {
		n.olderEpoch = n.epoch
	}
	n.epoch = epoch
}

// put sets the value of a key.
func (w *writer) put(t *tree, key, value []byte) {
	t.changes++
	if t.root == nil {
		t.root = &node{epoch: w.epoch}
	}
	t.root = w.own(t.root)
	added, separator, right := w.insert(t.root, key, value)
	if added {
		t.n++
	}
	if right != nil {
		t.root = &node{epoch: w.epoch, children: []*node{t.root, right}, separators: [][]byte{separator}}
	}
}

// insert puts an entry below n, which may be written. If n had to be divided, right is what follows it from separator on.
func (w *writer) insert(n *node, key, value []byte) (added bool, separator []byte, right *node) {
	if n.leaf() {
		i, found := n.find(key)
		n.set(i, found, key, value)
		if n.live() > leafBytes && len(n.starts) > 1 {
			separator, right = n.divideLeaf()
		}
		return !found, separator, right
	}
	i := n.child(key)
	n.children[i] = w.own(n.children[i])
	added, separator, right = w.insert(n.children[i], key, value)
	if right == nil {
		return added, nil, nil
	}
	n.separators = slices.Insert(n.separators, i, separator)
	n.children = slices.Insert(n.children, i+1, right)
	if len(n.children) <= maxChildren {
		return added, nil, nil
	}
	separator, right = n.divide()
	return added, separator, right
}

// set puts an entry at place i of a leaf, instead of the one that is there if it has the same key.
func (n *node) set(i int, found bool, key, value []byte) {
	if !found {
		n.starts = slices.Insert(n.starts, i, uint32(len(n.data))|changedBit)
		n.data = appendEntry(n.data, key, value)
		return
	}
	n.starts[i] |= changedBit
	old, present := n.entry(i)
	if len(present) == len(value) {
		copy(present, value)
		return
	}
	n.garbage += entryBytes(old, present)
	n.starts[i] = uint32(len(n.data)) | n.starts[i]&^startMask
	n.data = appendEntry(n.data, key, value)
	n.tidy()
}

// tidy moves the entries together once half of a leaf belongs to none.
func (n *node) tidy() {
	if n.garbage <= len(n.data)/2 {
		return
	}
	kept := make([]byte, 0, n.live())
	for i := range n.starts {
		key, value := n.entry(i)
		n.starts[i] = uint32(len(kept)) | n.starts[i]&^startMask
		kept = appendEntry(kept, key, value)
	}
	n.data, n.garbage = kept, 0
}

// take appends entries of another leaf from place i on.
func (n *node) take(from *node, i, end int) {
	size := 0
	for k := i; k < end; k++ {
		size += entryBytes(from.entry(k))
	}
	n.starts, n.data = slices.Grow(n.starts, end-i), slices.Grow(n.data, size)
	for ; i < end; i++ {
		key, value := from.entry(i)
		n.starts = append(n.starts, uint32(len(n.data))|from.starts[i]&^startMask)
		n.data = appendEntry(n.data, key, value)
	}
}

// divideLeaf leaves the first half of a leaf's bytes in it. If the last entry is what made it too large, only that one goes:
// keys that come in ascending order then leave full leaves behind.
func (n *node) divideLeaf() (separator []byte, right *node) {
	last := len(n.starts) - 1
	cut := last
	if key, value := n.entry(last); int(n.starts[last]&startMask)+entryBytes(key, value) != len(n.data) || n.garbage > 0 {
		cut = n.middle()
	}
	right = &node{epoch: n.epoch, olderEpoch: n.olderEpoch}
	right.take(n, cut, len(n.starts))
	left := &node{}
	left.take(n, 0, cut)
	n.starts, n.data, n.garbage = left.starts, left.data, 0
	below, _ := n.entry(cut - 1)
	above, _ := right.entry(0)
	return shortest(below, above), right
}

// middle returns the place, neither the first nor behind the last, before which half of a leaf's bytes are.
func (n *node) middle() int {
	sum, half := 0, n.live()/2
	for i := range len(n.starts) - 1 {
		if sum += entryBytes(n.entry(i)); sum >= half {
			return i + 1
		}
	}
	return len(n.starts) - 1
}

// shortest returns the shortest string that is above one key and not above another one that follows it.
func shortest(below, above []byte) []byte {
	i := 0
	for i < len(below) && below[i] == above[i] {
		i++
	}
	return slices.Clone(above[:i+1])
}

// divide leaves the first half of the children in n.
func (n *node) divide() (separator []byte, right *node) {
	half := len(n.children) / 2
	separator = n.separators[half-1]
	right = &node{epoch: n.epoch, children: slices.Clone(n.children[half:]), separators: slices.Clone(n.separators[half:])}
	clear(n.children[half:])
	clear(n.separators[half-1:])
	n.children, n.separators = n.children[:half], n.separators[:half-1]
	return separator, right
}

// remove takes a key out, and says whether it was there.
func (w *writer) remove(t *tree, key []byte) bool {
	if _, found := t.get(key); !found {
		return false // nothing is copied for what is not there
	}
	t.changes++
	t.n--
	if t.n == 0 {
		t.root = nil
		return true
	}
	t.root = w.own(t.root)
	w.cut(t.root, key)
	for !t.root.leaf() && len(t.root.children) == 1 {
		t.root = t.root.children[0]
	}
	return true
}

// cut takes a key that is there out of n, which may be written.
func (w *writer) cut(n *node, key []byte) {
	if n.leaf() {
		i, _ := n.find(key)
		n.garbage += entryBytes(n.entry(i))
		n.starts = slices.Delete(n.starts, i, i+1)
		n.tidy()
		return
	}
	i := n.child(key)
	n.children[i] = w.own(n.children[i])
	w.cut(n.children[i], key)
	w.join(n, i)
}

// join drops the child i of n if it has become empty, and puts it together with a neighbour if it is sparse and both fit into one.
func (w *writer) join(n *node, i int) {
	if n.children[i].empty() {
		n.children = slices.Delete(n.children, i, i+1)
		if len(n.separators) > 0 {
			i = max(i-1, 0)
			n.separators = slices.Delete(n.separators, i, i+1)
		}
		return
	}
	if !n.children[i].sparse() || len(n.children) == 1 {
		return
	}
	if i == len(n.children)-1 {
		i--
	}
	left, right := n.children[i], n.children[i+1]
	if left.leaf() {
		if left.live()+right.live() > leafBytes*3/4 {
			return // it would soon be divided again
		}
		left, right = w.own(left), w.own(right) // of both what was changed is said in the same epochs
		left.take(right, 0, len(right.starts))
		left.olderEpoch = max(left.olderEpoch, right.olderEpoch)
	} else {
		if len(left.children)+len(right.children) > maxChildren*3/4 {
			return
		}
		left = w.own(left)
		left.separators = append(append(left.separators, n.separators[i]), right.separators...)
		left.children = append(left.children, right.children...)
	}
	n.children[i] = left
	n.children = slices.Delete(n.children, i+1, i+2)
	n.separators = slices.Delete(n.separators, i, i+1)
}

func (n *node) empty() bool { return len(n.children) == 0 && len(n.starts) == 0 }

func (n *node) sparse() bool {
	if n.leaf() {
		return n.live() < sparseBytes
	}
	return len(n.children) < sparseChildren
}

// each calls f for the entries below n in order, until it returns false.
func (n *node) each(f func(key, value []byte) bool) bool {
	if n == nil {
		return true
	}
	for _, c := range n.children {
		if !c.each(f) {
			return false
		}
	}
	for i := range n.starts {
		if !f(n.entry(i)) {
			return false
		}
	}
	return true
}

// eachChanged calls f for the entries below n that were put after epoch based, in order.
func (n *node) eachChanged(based int64, f func(key, value []byte)) {
	if n == nil || n.epoch <= based {
		return
	}
	for _, c := range n.children {
		c.eachChanged(based, f)
	}
	which := changedBit
	if n.olderEpoch > based {
		which |= olderBit
	}
	for i, s := range n.starts {
		if s&which != 0 {
			f(n.entry(i))
		}
	}
}

// path is a place in a tree: the nodes from the root down to a leaf, and the place in each.
type path []step

type step struct {
	node *node
	i    int
}

// seek goes to the first entry that is not below key; beyond says, that is above it. The place may be behind the last entry of a leaf.
func (p *path) seek(t *tree, key []byte, beyond bool) {
	*p = (*p)[:0]
	if t.root == nil {
		return
	}
	n := t.root
	for !n.leaf() {
		i := n.child(key)
		*p = append(*p, step{n, i})
		n = n.children[i]
	}
	i, found := n.find(key)
	if found && beyond {
		i++
	}
	*p = append(*p, step{n, i})
}

// here says whether the place is an entry; behind the last one of a leaf, it goes to the next leaf's first.
func (p *path) here() bool {
	if len(*p) == 0 {
		return false
	}
	leaf := (*p)[len(*p)-1]
	return leaf.i < len(leaf.node.starts) || p.turn(1)
}

// next goes to the next entry, and says whether there is one.
func (p *path) next() bool {
	if len(*p) == 0 {
		return false
	}
	(*p)[len(*p)-1].i++
	return p.here()
}

// prev goes to the entry before, and says whether there is one.
func (p *path) prev() bool {
	if len(*p) == 0 {
		return false
	}
	leaf := &(*p)[len(*p)-1]
	leaf.i--
	return leaf.i >= 0 || p.turn(-1)
}

// turn goes to the leaf beside the present one: to the first entry of the next, or the last of the one before.
func (p *path) turn(by int) bool {
	up := len(*p) - 2
	for ; up >= 0; up-- {
		if i := (*p)[up].i + by; i >= 0 && i < len((*p)[up].node.children) {
			break
		}
	}
	if up < 0 {
		return false
	}
	(*p)[up].i += by
	n := (*p)[up].node.children[(*p)[up].i]
	for down := up + 1; ; down++ {
		at := step{node: n}
		switch {
		case n.leaf() && by < 0:
			at.i = len(n.starts) - 1
		case by < 0:
			at.i = len(n.children) - 1
		}
		(*p)[down] = at
		if n.leaf() {
			return true
		}
		n = n.children[at.i]
	}
}

// entry returns the entry at the place.
func (p *path) entry() (key, value []byte) {
	leaf := (*p)[len(*p)-1]
	return leaf.node.entry(leaf.i)
}
