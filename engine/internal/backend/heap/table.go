package heap

import (
	"math/bits"
	"slices"
	"unsafe"

	"github.com/weirstream/weir/engine/internal/backend"
	"github.com/weirstream/weir/engine/state"
)

// table is one state of an operator: for each key group a slots table in every window. It implements state.Table.
type table struct {
	backend    *Backend
	descriptor state.Descriptor
	windowed   bool
	cellWords  int
	keyWords   int  // of new slots: what the last key that was inserted needed
	wide       bool // there are wide tables, or were
	marked     bool // there are marked tables among the current ones, or were in this epoch
	epoch      int64
	n          int
	keyBuffer  [8]byte // of a key that is handed out

	first, maxParallelism int // first key group of the scope; number of all
	// current holds for each group the slots that were used last, so that a row finds them in one step.
	current []recent
	groups  []*group
	windows []*windowIndex // in ascending order
	gone    removals
	// restored is the width of the cells to restore, and convert, unless nil, how they become those of the state; aging, unless nil,
	// what becomes of their stamps.
	restored int
	convert  func(cell, earlier []byte)
	aging    *aging
	// spare are tables of windows that are gone, by the logarithm of their capacity.
	spare [spareClasses][]*slots
}

// recent is what Resolve needs of slots that were written in this epoch; a freeze forgets it.
type recent struct {
	window int64
	words  unsafe.Pointer // nil: none
	mask   uint64
	width  uintptr        // bytes of a slot
	marks  unsafe.Pointer // nil: the table is not marked
	slots  *slots
}

// group lists the tables of a key group in ascending order of their windows.
type group struct {
	epoch int64 // the last in which the list was changed; see versions
	list  []*slots
}

// windowIndex says where the cells of a window are.
type windowIndex struct {
	start  int64
	cells  int
	groups []int // that have a table for it, counted from the first of the scope
}

// spareClasses bounds the size of the tables that are kept for later windows to 2^(spareClasses-1) slots.
const spareClasses = 12

func newTable(b *Backend, d state.Descriptor) *table {
	n := b.scope.EndGroup - b.scope.FirstGroup
	t := &table{
		backend: b, descriptor: d, windowed: d.Kind == state.WindowValue,
		cellWords: max(1, (d.CellBytes+7)/8), keyWords: narrowWords, epoch: b.epoch,
		first: b.scope.FirstGroup, maxParallelism: b.scope.MaxParallelism,
		current: make([]recent, n), groups: make([]*group, n), gone: newRemovals(b),
	}
	for i := range t.groups {
		t.groups[i] = &group{epoch: b.epoch}
	}
	t.restored = d.CellBytes
	if c, ok := b.scope.Conversions[d.Name]; ok {
		t.restored, t.convert, t.aging = c.CellBytes, c.Convert, newAging(b, d)
	}
	return t
}

// Lookup returns the cell of a key. It may be written, so it is the cell's own copy if the state is frozen.
func (t *table) Lookup(hash uint64, window int64, key []byte) []byte {
	g, s := t.lookup(hash, window)
	if s == nil {
		return nil
	}
	slot, found := s.find(hash, key)
	if !found {
		return nil
	}
	s = t.own(g, s)
	s.mark(slot) // a copy has the same places
	return s.cell(int(slot)*s.stride, t.descriptor.CellBytes)
}

// Delete removes the cell of a key.
func (t *table) Delete(hash uint64, window int64, key []byte) {
	g, s := t.lookup(hash, window)
	if s == nil {
		return
	}
	slot, found := s.find(hash, key)
	if !found {
		return
	}
	t.removeSlot(g, t.own(g, s), slot, key)
}

// removeSlot removes the cell in a slot, and its key, of slots that may be written.
func (t *table) removeSlot(g int, s *slots, slot uint64, key []byte) {
	t.n--
	if s.born != t.epoch { // else no checkpoint knows the table
		t.gone.remove(g, t.n, s.window, key)
	}
	s.remove(slot) // the key may be in it
	if s.count > 0 || !t.windowed {
		return
	}
	index := s.index
	t.unlink(g, s)
	index.groups = slices.DeleteFunc(index.groups, func(other int) bool { return other == g })
	if index.cells == 0 {
		t.dropIndex(index)
	}
}

// Windows appends the windows that hold a cell.
func (t *table) Windows(dst []int64) []int64 {
	if !t.windowed {
		if t.n > 0 {
			dst = append(dst, 0)
		}
		return dst
	}
	for _, w := range t.windows {
		dst = append(dst, w.start)
	}
	return dst
}

// Range visits the cells of a window.
func (t *table) Range(window int64, f func(hash uint64, key, cell []byte) bool) {
	if !t.windowed {
		for g := range t.groups {
			if s := t.search(g, window); s != nil && !t.visit(s, f) {
				return
			}
		}
		return
	}
	index := t.index(window)
	if index == nil {
		return
	}
	slices.Sort(index.groups) // the same order in every run
	for _, g := range index.groups {
		if !t.visit(t.search(g, window), f) {
			return
		}
	}
}

func (t *table) visit(s *slots, f func(hash uint64, key, cell []byte) bool) bool {
	for at := 0; at < len(s.words); at += s.stride {
		if s.used(at) && !f(s.hash(at), s.key(at, &t.keyBuffer), s.cell(at, t.descriptor.CellBytes)) {
			return false
		}
	}
	return true
}

// DropWindow removes all cells of a window.
func (t *table) DropWindow(window int64) {
	if !t.windowed {
		if window == 0 {
			t.clear()
		}
		return
	}
	index := t.index(window)
	if index == nil {
		return
	}
	t.n -= index.cells
	for _, g := range index.groups {
		t.drop(g, t.search(g, window))
	}
	t.dropIndex(index)
}

// drop takes slots with all that they hold out of their group.
func (t *table) drop(g int, s *slots) {
	if s.born != t.epoch {
		t.gone.drop(g, t.n, s.window)
	}
	t.unlink(g, s)
}

// clear removes all cells of a state without windows.
func (t *table) clear() {
	t.n = 0
	for g := range t.groups {
		if s := t.search(g, 0); s != nil {
			t.drop(g, s)
		}
	}
}

// Len is the number of cells.
func (t *table) Len() int { return t.n }

// put inserts a key, or replaces its cell, by one that was restored; it is how a restore fills the table. It says whether the key was
// new.
func (t *table) put(hash uint64, window int64, key, cell []byte) bool {
	g := state.KeyGroup(hash, t.maxParallelism) - t.first
	stamp, cell, live := t.aging.take(g, cell)
	if !live {
		t.Delete(hash, window, key) // which an earlier run may have put in
		return true
	}
	if r := &t.current[g]; r.words == nil || r.window != window {
		t.prepare(g, window, false)
	}
	before := t.n
	to := unsafe.Slice((*byte)(t.insert(g, hash, key, false)), t.descriptor.CellBytes)
	to = t.aging.stamp(to, stamp)
	if t.convert == nil {
		copy(to, cell)
	} else {
		clear(to) // the key may be there, from an earlier run
		t.convert(to, cell)
	}
	return t.n > before
}

// dropGroup removes all cells of a window in a group; it is how a restore follows what was dropped.
func (t *table) dropGroup(g int, window int64) {
	s := t.search(g, window)
	if s == nil {
		return
	}
	t.n -= s.count
	if index := s.index; index != nil {
		index.cells -= s.count
		index.groups = slices.DeleteFunc(index.groups, func(other int) bool { return other == g })
		if index.cells == 0 {
			t.dropIndex(index)
		}
	}
	t.unlink(g, s)
}

func (t *table) lookup(hash uint64, window int64) (g int, s *slots) {
	g = state.KeyGroup(hash, t.maxParallelism) - t.first
	if r := &t.current[g]; r.words != nil && r.window == window {
		return g, r.slots
	}
	return g, t.search(g, window)
}

// search returns the slots of a window in a group, or nil.
func (t *table) search(g int, window int64) *slots {
	list := t.groups[g].list
	if i, found := position(list, window); found {
		return list[i]
	}
	return nil
}

func position(list []*slots, window int64) (int, bool) {
	return slices.BinarySearchFunc(list, window, func(s *slots, w int64) int {
		switch {
		case s.window < w:
			return -1
		case s.window > w:
			return 1
		}
		return 0
	})
}

// at returns the slots of a window in a group, which it makes if there are none.
func (t *table) at(g int, window int64) *slots {
	s := t.search(g, window)
	if s == nil {
		s = t.take()
		s.epoch, s.born, s.window = t.epoch, t.epoch, window
		if t.windowed {
			s.index = t.makeIndex(window)
			s.index.groups = append(s.index.groups, g)
		}
		list := t.ownList(g)
		i, _ := position(list.list, window)
		list.list = slices.Insert(list.list, i, s)
	}
	return s
}

// remember makes slots of this epoch the recent ones of their group. It must be told of new buffers.
func (t *table) remember(g int, s *slots) {
	r := &t.current[g]
	*r = recent{window: s.window, words: unsafe.Pointer(unsafe.SliceData(s.words)), mask: s.mask, width: uintptr(s.stride) * 8, slots: s}
	if s.marked() {
		r.marks, t.marked = unsafe.Pointer(unsafe.SliceData(s.marks)), true
	}
}

// take returns empty slots, used ones if there are any.
func (t *table) take() *slots {
	for class := range t.spare {
		if n := len(t.spare[class]); n > 0 {
			s := t.spare[class][n-1]
			t.spare[class] = t.spare[class][:n-1]
			return s
		}
	}
	return newSlots(minCapacity, t.keyWords, t.cellWords)
}

// unlink takes slots out of their group.
func (t *table) unlink(g int, s *slots) {
	list := t.ownList(g)
	if i, found := position(list.list, s.window); found {
		list.list = slices.Delete(list.list, i, i+1)
	}
	if t.current[g].slots == s {
		t.current[g] = recent{}
	}
	if t.backend.held(g, s.epoch) {
		return
	}
	class := spareClass(s.capacity())
	if !t.windowed || class >= spareClasses || len(t.spare[class]) >= len(t.groups) {
		return
	}
	s.reset()
	t.spare[class] = append(t.spare[class], s)
}

func (t *table) index(window int64) *windowIndex {
	if i, found := t.windowPlace(window); found {
		return t.windows[i]
	}
	return nil
}

func (t *table) windowPlace(window int64) (int, bool) {
	return slices.BinarySearchFunc(t.windows, window, func(w *windowIndex, start int64) int {
		switch {
		case w.start < start:
			return -1
		case w.start > start:
			return 1
		}
		return 0
	})
}

func (t *table) makeIndex(window int64) *windowIndex {
	i, found := t.windowPlace(window)
	if !found {
		t.windows = slices.Insert(t.windows, i, &windowIndex{start: window})
	}
	return t.windows[i]
}

// dropIndex forgets a window. The first is the one that usually goes, and costs nothing.
func (t *table) dropIndex(index *windowIndex) {
	i, found := t.windowPlace(index.start)
	switch {
	case !found:
	case i == 0:
		t.windows[0] = nil
		t.windows = t.windows[1:]
	default:
		t.windows = slices.Delete(t.windows, i, i+1)
	}
}

// freeze returns the table as it is now, and begins the backend's new epoch.
func (t *table) freeze() frozenState {
	f := &frozenTable{descriptor: t.descriptor, groups: slices.Clone(t.groups), frozenRemovals: t.gone.freeze()}
	t.turn()
	return f
}

// turn follows the backend into a new epoch.
func (t *table) turn() {
	t.epoch, t.marked = t.backend.epoch, false
	clear(t.current)
}

// frozenTable is a state of cells at a freeze.
type frozenTable struct {
	descriptor state.Descriptor
	groups     []*group
	keyBuffer  [8]byte // of a key that is being encoded
	frozenRemovals
}

func (f *frozenTable) name() string { return f.descriptor.Name }

func (f *frozenTable) begin(dst []byte) []byte {
	return backend.AppendBlock(dst, f.descriptor.CellBytes)
}

func (f *frozenTable) encode(dst []byte, g int) (block []byte, cells int) {
	for _, t := range f.groups[g].list {
		if t.count == 0 {
			continue
		}
		cells += t.count
		dst = backend.AppendWindow(dst, t.window, t.count)
		for at := 0; at < len(t.words); at += t.stride {
			if t.used(at) {
				dst = backend.AppendEntry(dst, t.key(at, &f.keyBuffer), t.cell(at, f.descriptor.CellBytes))
			}
		}
	}
	return dst, cells
}

func (f *frozenTable) beginChanges(dst []byte) []byte {
	return backend.AppendChanges(dst, f.descriptor.CellBytes)
}

func (f *frozenTable) measure(g int, based int64) (changed, all int) {
	for _, t := range f.groups[g].list {
		all += t.count
		changed += t.changes(based)
	}
	return changed, all
}

func (f *frozenTable) changes(dst []byte, g, number int, based int64) []byte {
	windows := 0
	for _, t := range f.groups[g].list {
		if t.changes(based) > 0 {
			windows++
		}
	}
	gone := f.since(g, based)
	if windows == 0 && gone.Bytes() == 0 {
		return dst
	}
	dst = backend.AppendGroupChanges(dst, number, gone, windows)
	for _, t := range f.groups[g].list {
		count := t.changes(based)
		if count == 0 {
			continue
		}
		dst = backend.AppendWindow(dst, t.window, count)
		for i := range t.marks {
			for left := t.changed(i, based); left != 0; left &= left - 1 {
				at := (i*64 + bits.TrailingZeros64(left)) * t.stride
				dst = backend.AppendEntry(dst, t.key(at, &f.keyBuffer), t.cell(at, f.descriptor.CellBytes))
			}
		}
	}
	return dst
}
