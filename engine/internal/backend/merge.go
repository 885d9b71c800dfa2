package backend

import (
	"context"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/weirstream/weir/engine/snapshot"
)

// Reader reads states of key groups whole, whatever runs they lie in. Groups are best asked for in ascending order: a block of
// changes is of several, and is kept for as long as the groups that are asked for are not above it.
type Reader struct {
	blocks Blocks
	layers map[string][]snapshot.Layer // by state
	held   map[place]held
}

// place is where a block lies.
type place struct {
	file   string
	offset int64
}

// held is a block of changes that may be needed again.
type held struct {
	end     int // the key group after its last
	content []byte
}

// NewReader reads from layers, which lie in blocks.
func NewReader(blocks Blocks, layers []snapshot.Layer) *Reader {
	r := &Reader{blocks: blocks, layers: map[string][]snapshot.Layer{}, held: map[place]held{}}
	for _, l := range layers {
		r.layers[l.Block.State] = append(r.layers[l.Block.State], l)
	}
	return r
}

// Whole is a state of a key group in the encoding of a block that holds it whole.
type Whole struct {
	Block   snapshot.Block // with the highest watermark
	File    string         // of the last layer
	Content []byte         // nil: nothing was written of it
}

// Read returns a state of a key group. Damage is a *snapshot.CorruptError.
func (r *Reader) Read(ctx context.Context, group int, state string) (Whole, error) {
	maps.DeleteFunc(r.held, func(_ place, h held) bool { return h.end <= group })
	whole := Whole{Block: snapshot.Block{Group: group, State: state, Watermark: snapshot.NoTime}}
	var m merger
	for _, l := range r.layers[state] {
		if !l.Of(group) {
			continue
		}
		content, err := r.read(ctx, l)
		if err != nil {
			return whole, err
		}
		whole.File = l.File.Path
		whole.Block.Offset, whole.Block.Watermark = l.Block.Offset, max(whole.Block.Watermark, l.Block.Watermark)
		if l.Block.End == 0 {
			whole.Content, m = content, merger{}
			m.base = &l
			continue
		}
		if err := m.follow(l, group, whole.Content, content); err != nil {
			return whole, err
		}
	}
	if m.changed() {
		whole.Content = m.encode()
	}
	return whole, nil
}

func (r *Reader) read(ctx context.Context, l snapshot.Layer) ([]byte, error) {
	at := place{l.File.Path, l.Block.Offset}
	if h, ok := r.held[at]; ok {
		return h.content, nil
	}
	content, err := r.blocks.ReadBlock(ctx, l.File, l.Block)
	if err == nil && l.Block.End != 0 {
		r.held[at] = held{l.Block.End, content}
	}
	return content, err
}

// merger puts changes of a key group upon what a block holds whole. Before any it holds nothing.
type merger struct {
	base    *snapshot.Layer // nil: no block holds the group whole
	width   int             // of cells
	cells   map[int64]map[string]string
	entries map[string]string // of a sorted map, or timers, by place
	timers  bool
}

func (m *merger) changed() bool { return m.cells != nil || m.entries != nil }

// follow takes changes; whole is the content of the block before all of them, if there is one.
func (m *merger) follow(l snapshot.Layer, group int, whole, content []byte) error {
	wants := func(g int) bool { return g == group }
	if len(content) > 0 && content[0] == timerChangesVersion {
		if err := m.beginTimers(whole); err != nil {
			return err
		}
		return DecodeTimerChanges(l.File.Path, l.Block, content, TimerChanges{
			Wants: wants,
			Remove: func(ms int64, key []byte) error {
				delete(m.entries, string(AppendTimerPlace(nil, ms, key)))
				return nil
			},
			Put: m.putTimer,
		})
	}
	if len(content) > 0 && content[0] == sortedChangesVersion {
		if err := m.beginSorted(whole); err != nil {
			return err
		}
		return DecodeSortedChanges(l.File.Path, l.Block, content, SortedChanges{
			Wants:  wants,
			Remove: func(key, name []byte) error { delete(m.entries, placeOf(key, name)); return nil },
			Put:    m.putEntry,
		})
	}
	width, err := BlockCellBytes(l.File.Path, l.Block, content)
	if err == nil {
		err = m.beginCells(width, whole)
	}
	if err != nil {
		return err
	}
	return DecodeChanges(l.File.Path, l.Block, content, width, CellChanges{
		Wants:  wants,
		Drop:   func(window int64) { delete(m.cells, window) },
		Remove: func(window int64, key []byte) error { delete(m.cells[window], string(key)); return nil },
		Put:    m.putCell,
	})
}

func (m *merger) beginCells(width int, whole []byte) error {
	if m.cells != nil {
		return nil
	}
	m.width, m.cells = width, map[int64]map[string]string{}
	if m.base == nil {
		return nil
	}
	return DecodeBlock(m.base.File.Path, m.base.Block, whole, width, m.putCell)
}

func (m *merger) putCell(window int64, key, cell []byte) error {
	if m.cells[window] == nil {
		m.cells[window] = map[string]string{}
	}
	m.cells[window][string(key)] = string(cell)
	return nil
}

func (m *merger) beginSorted(whole []byte) error {
	if m.entries != nil {
		return nil
	}
	m.entries = map[string]string{}
	if m.base == nil {
		return nil
	}
	return DecodeSortedBlock(m.base.File.Path, m.base.Block, whole, m.putEntry)
}

func (m *merger) beginTimers(whole []byte) error {
	if m.entries != nil {
		return nil
	}
	m.entries, m.timers = map[string]string{}, true
	if m.base == nil {
		return nil
	}
	return DecodeTimerBlock(m.base.File.Path, m.base.Block, whole, m.putTimer)
}

func (m *merger) putTimer(ms int64, key []byte) error {
	m.entries[string(AppendTimerPlace(nil, ms, key))] = ""
	return nil
}

func (m *merger) putEntry(key, name, value []byte) error {
	m.entries[placeOf(key, name)] = string(value)
	return nil
}

// placeOf is under what an entry stands in a block of a sorted map.
func placeOf(key, name []byte) string {
	at := append(binary.AppendUvarint(nil, uint64(len(key))), key...)
	return string(append(at, name...))
}

// encode returns what there is now: the same for the same entries.
func (m *merger) encode() []byte {
	if m.timers {
		dst := AppendTimerBlock(nil)
		var last []byte
		for _, at := range slices.Sorted(maps.Keys(m.entries)) {
			dst = AppendTimer(dst, last, []byte(at))
			last = []byte(at)
		}
		return dst
	}
	if m.entries != nil {
		dst := AppendSortedBlock(nil)
		var last []byte
		for _, at := range slices.Sorted(maps.Keys(m.entries)) {
			dst = AppendSortedEntry(dst, last, []byte(at), []byte(m.entries[at]))
			last = []byte(at)
		}
		return dst
	}
	dst := AppendBlock(nil, m.width)
	for _, window := range slices.Sorted(maps.Keys(m.cells)) {
		cells := m.cells[window]
		if len(cells) == 0 {
			continue
		}
		dst = AppendWindow(dst, window, len(cells))
		for _, key := range slices.Sorted(maps.Keys(cells)) {
			dst = AppendEntry(dst, []byte(key), []byte(cells[key]))
		}
	}
	return dst
}

// WriteWhole writes what a subtask has in runs into one file that needs no other, if it has anything. It is what snapshot.Export asks
// for.
func WriteWhole(ctx context.Context, from *snapshot.Snapshot, subtask snapshot.SubtaskState, w snapshot.WholeWriter) error {
	layers := snapshot.Layers([]snapshot.SubtaskState{subtask}, 0, snapshot.MaxGroups)
	if len(layers) == 0 {
		return nil
	}
	var states []string
	first, end := snapshot.MaxGroups, 0
	for _, l := range layers {
		states = append(states, l.Block.State)
		first, end = min(first, l.Block.Group), max(end, l.Block.Through())
	}
	slices.Sort(states)
	states = slices.Compact(states)
	r := NewReader(from, layers)
	for group := first; group < end; group++ {
		if err := writeWholeGroup(ctx, r, group, states, w); err != nil {
			return err
		}
		w.Progress(group-first+1, end-first)
	}
	return nil
}

// writeWholeGroup writes what a key group has. One without entries still has a block if it has acted on a watermark (P4).
func writeWholeGroup(ctx context.Context, r *Reader, group int, states []string, to snapshot.WholeWriter) error {
	var blocks []Whole
	watermark := int64(snapshot.NoTime)
	for _, state := range states {
		w, err := r.Read(ctx, group, state)
		if err != nil {
			return err
		}
		if w.Content != nil {
			blocks = append(blocks, w)
		}
		watermark = max(watermark, w.Block.Watermark)
	}
	full := slices.DeleteFunc(slices.Clone(blocks), func(w Whole) bool { return isEmpty(w.Content) })
	if len(full) == 0 && watermark != snapshot.NoTime {
		full = blocks[:1]
	}
	for _, w := range full {
		if err := to.Block(ctx, group, w.Block.State, watermark, w.Content); err != nil {
			return err
		}
	}
	return nil
}

// isEmpty tells whether the content of a whole block has no entries.
func isEmpty(content []byte) bool {
	begun := 1
	if content[0] == blockVersion {
		_, width := binary.Uvarint(content[1:])
		begun += width
	}
	return len(content) == begun
}
