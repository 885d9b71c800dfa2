package backend

import (
	"encoding/binary"

	"github.com/weirstream/weir/engine/snapshot"
)

// A block of changes holds what was changed in one state, in several key groups, since the files before it. One of cells:
//
//	block   = version width *group                   groups in ascending order, each once
//	group   = number drops *start removes *(start length key) windows *window
//	window  = as in a block of cells                 the cells that were changed or inserted
//
// One of a sorted map:
//
//	block   = version *group
//	group   = number removes *(length place) puts *entry
//	entry   = as in a block of a sorted map          the first one of a group shares no bytes
//
// One of timers is like one of a sorted map, with entries as in a block of timers.
//
// version is a byte: 3, 4 of a sorted map, or 6 of timers. number (of the key group), drops, removes, windows and puts (how many follow) are
// unsigned varints. A group is changed in this order: the windows at drops go, then what removes names, then the entries take the
// place of those that are there. What is to go need not be there.
const (
	changesVersion       = 3
	sortedChangesVersion = 4
)

// AppendChanges begins a block of changes of cells.
func AppendChanges(dst []byte, cellBytes int) []byte {
	return binary.AppendUvarint(append(dst, changesVersion), uint64(cellBytes))
}

// AppendSortedChanges begins a block of changes of a sorted map.
func AppendSortedChanges(dst []byte) []byte { return append(dst, sortedChangesVersion) }

// Removals are what went in a key group, in the encoding of a block of changes, and how many that is.
type Removals struct {
	Dropped, Removed []byte
	Drops, Removes   int
}

// Drop adds a window.
func (r *Removals) Drop(window int64) {
	r.Dropped = binary.AppendVarint(r.Dropped, window)
	r.Drops++
}

// Remove adds the key of a cell.
func (r *Removals) Remove(window int64, key []byte) {
	r.Removed = binary.AppendUvarint(binary.AppendVarint(r.Removed, window), uint64(len(key)))
	r.Removed = append(r.Removed, key...)
	r.Removes++
}

// RemovePlace adds the place of an entry of a sorted map.
func (r *Removals) RemovePlace(place []byte) {
	r.Removed = append(binary.AppendUvarint(r.Removed, uint64(len(place))), place...)
	r.Removes++
}

// Then adds what went after it.
func (r *Removals) Then(later Removals) {
	r.Dropped = append(r.Dropped[:len(r.Dropped):len(r.Dropped)], later.Dropped...)
	r.Removed = append(r.Removed[:len(r.Removed):len(r.Removed)], later.Removed...)
	r.Drops += later.Drops
	r.Removes += later.Removes
}

// Bytes is how many bytes they take.
func (r *Removals) Bytes() int { return len(r.Dropped) + len(r.Removed) }

// AppendGroupChanges begins a key group in a block of changes of cells; windows follow, begun by AppendWindow.
func AppendGroupChanges(dst []byte, group int, gone Removals, windows int) []byte {
	dst = binary.AppendUvarint(binary.AppendUvarint(dst, uint64(group)), uint64(gone.Drops))
	dst = binary.AppendUvarint(append(dst, gone.Dropped...), uint64(gone.Removes))
	return binary.AppendUvarint(append(dst, gone.Removed...), uint64(windows))
}

// AppendSortedGroupChanges begins a key group in a block of changes of a sorted map; puts entries follow, as AppendSortedEntry adds
// them.
func AppendSortedGroupChanges(dst []byte, group int, gone Removals, puts int) []byte {
	dst = binary.AppendUvarint(binary.AppendUvarint(dst, uint64(group)), uint64(gone.Removes))
	return binary.AppendUvarint(append(dst, gone.Removed...), uint64(puts))
}

// CellChanges takes what DecodeChanges finds, in its order. Keys and cells alias the content; an error of the kind Refusal is damage.
type CellChanges struct {
	// Wants is asked of each key group first: what is not wanted is only checked.
	Wants  func(group int) bool
	Drop   func(window int64)
	Remove func(window int64, key []byte) error
	Put    func(window int64, key, cell []byte) error
}

// DecodeChanges reads a block of changes of cells. Errors are those of DecodeBlock.
func DecodeChanges(file string, b snapshot.Block, content []byte, cellBytes int, to CellChanges) error {
	d := blockDecoder{file: file, block: b, content: content}
	if err := d.cells(changesVersion, cellBytes); err != nil {
		return err
	}
	for last := b.Group - 1; d.at < len(content); {
		group, err := d.group(&last)
		if err != nil {
			return err
		}
		wanted := to
		if !to.Wants(group) {
			wanted = CellChanges{
				Drop: func(int64) {}, Remove: func(int64, []byte) error { return nil }, Put: func(int64, []byte, []byte) error { return nil },
			}
		}
		if err := d.cellChanges(cellBytes, wanted); err != nil {
			return err
		}
	}
	return nil
}

// group reads the number of a key group, which is above the last.
func (d *blockDecoder) group(last *int) (int, error) {
	start := d.at
	group, err := d.uvarint("number of a key group")
	if err != nil {
		return 0, err
	}
	if group >= uint64(d.block.End) || int(group) <= *last {
		d.at = start
		return 0, d.corrupt("key group %d does not follow", group)
	}
	*last = int(group)
	return *last, nil
}

func (d *blockDecoder) cellChanges(cellBytes int, to CellChanges) error {
	err := d.each("number of windows that went", func() error {
		window, err := d.varint("start of a window")
		if err == nil {
			to.Drop(window)
		}
		return err
	})
	if err != nil {
		return err
	}
	err = d.each("number of keys that went", func() error {
		start := d.at
		window, err := d.varint("start of a window")
		if err != nil {
			return err
		}
		key, err := d.bytes("a key")
		if err != nil {
			return err
		}
		return d.refusedAt(start, to.Remove(window, key))
	})
	if err != nil {
		return err
	}
	return d.each("number of windows", func() error {
		window, err := d.varint("start of a window")
		if err != nil {
			return err
		}
		return d.window(window, cellBytes, to.Put)
	})
}

// each reads how many of something follow, and calls read for each.
func (d *blockDecoder) each(what string, read func() error) error {
	n, err := d.uvarint(what)
	for ; n > 0 && err == nil; n-- {
		err = read()
	}
	return err
}

func (d *blockDecoder) refusedAt(start int, err error) error {
	if err == nil {
		return nil
	}
	return d.refused(start, err)
}

// SortedChanges takes what DecodeSortedChanges finds, in its order. Key and name are valid during the call, values alias the content;
// an error of the kind Refusal is damage.
type SortedChanges struct {
	// Wants is asked of each key group first: what is not wanted is only checked.
	Wants  func(group int) bool
	Remove func(key, name []byte) error
	Put    func(key, name, value []byte) error
}

// DecodeSortedChanges reads a block of changes of a sorted map. Errors are those of DecodeSortedBlock.
func DecodeSortedChanges(file string, b snapshot.Block, content []byte, to SortedChanges) error {
	d := &blockDecoder{file: file, block: b, content: content}
	if err := d.version(sortedChangesVersion); err != nil {
		return err
	}
	wanted := false
	remove := func(start int, place []byte) error {
		key, name, err := d.splitPlace(start, place)
		if err != nil || !wanted {
			return err
		}
		return d.refusedAt(start, to.Remove(key, name))
	}
	put := d.sortedEntry(func(key, name, value []byte) error {
		if !wanted {
			return nil
		}
		return to.Put(key, name, value)
	})
	return d.placeChanges(true, func(group int) { wanted = to.Wants(group) }, remove, put)
}

// placeChanges reads the key groups of a block of changes of entries that have places; group is called before those of each.
func (d *blockDecoder) placeChanges(valued bool, group func(int), remove func(start int, place []byte) error,
	put func(start int, place, value []byte) error,
) error {
	for last := d.block.Group - 1; d.at < len(d.content); {
		g, err := d.group(&last)
		if err != nil {
			return err
		}
		group(g)
		err = d.each("number of entries that went", func() error {
			start := d.at
			place, err := d.bytes("an entry's place")
			if err != nil {
				return err
			}
			return remove(start, place)
		})
		if err != nil {
			return err
		}
		r := placeReader{valued: valued}
		if err := d.each("number of entries", func() error { return r.next(d, put) }); err != nil {
			return err
		}
	}
	return nil
}
