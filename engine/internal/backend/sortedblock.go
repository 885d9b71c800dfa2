package backend

import (
	"bytes"
	"encoding/binary"

	"github.com/weirstream/weir/engine/snapshot"
)

// A block of a sorted map:
//
//	block = version *entry                        entries in ascending order of their place, each place once
//	entry = shared rest suffix length value       the place is the first bytes, shared many, of the place before, and the suffix
//	place = length key name                       the suffix has rest many bytes
//
// version is a byte: 2. All numbers are unsigned varints, as in package encoding/binary. Places are compared as bytes, so the
// entries of a key are together, in the order of their names.
const sortedBlockVersion = 2

// AppendSortedBlock begins a block.
func AppendSortedBlock(dst []byte) []byte { return append(dst, sortedBlockVersion) }

// AppendSortedEntry adds an entry with its place to a block in which the entry before has the place last; nil: it is the first.
func AppendSortedEntry(dst, last, place, value []byte) []byte {
	dst = appendPlace(dst, last, place)
	dst = binary.AppendUvarint(dst, uint64(len(value)))
	return append(dst, value...)
}

// appendPlace adds a place behind another one.
func appendPlace(dst, last, place []byte) []byte {
	shared := 0
	for shared < min(len(last), len(place)) && last[shared] == place[shared] {
		shared++
	}
	dst = binary.AppendUvarint(dst, uint64(shared))
	dst = binary.AppendUvarint(dst, uint64(len(place)-shared))
	return append(dst, place[shared:]...)
}

// DecodeSortedBlock calls entry for each entry of a block, in order; key and name are valid during the call, value aliases content.
// Malformed content is a *snapshot.CorruptError that names file and offset; so is an entry that is refused with a [Refusal].
func DecodeSortedBlock(file string, b snapshot.Block, content []byte, entry func(key, name, value []byte) error) error {
	d := blockDecoder{file: file, block: b, content: content}
	if err := d.version(sortedBlockVersion); err != nil {
		return err
	}
	r := placeReader{valued: true}
	for d.at < len(content) {
		if err := r.next(&d, d.sortedEntry(entry)); err != nil {
			return err
		}
	}
	return nil
}

// placeReader reads entries that follow each other in the order of their places.
type placeReader struct {
	valued      bool // entries have values
	place, last []byte
	begun       bool
}

// next reads an entry, which begins at start.
func (r *placeReader) next(d *blockDecoder, entry func(start int, place, value []byte) error) error {
	start := d.at
	shared, err := d.uvarint("number of shared bytes")
	if err != nil {
		return err
	}
	if shared > uint64(len(r.last)) {
		return d.corrupt("an entry shares %d bytes with one of %d", shared, len(r.last))
	}
	suffix, err := d.bytes("an entry's place")
	if err != nil {
		return err
	}
	r.place = append(append(r.place[:0], r.last[:shared]...), suffix...)
	if r.begun && bytes.Compare(r.last, r.place) >= 0 {
		d.at = start
		return d.corrupt("an entry is not above the one before")
	}
	var value []byte
	if r.valued {
		if value, err = d.bytes("a value"); err != nil {
			return err
		}
	}
	if err := entry(start, r.place, value); err != nil {
		return err
	}
	r.place, r.last, r.begun = r.last, r.place, true
	return nil
}

// sortedEntry calls f for entries of a sorted map.
func (d *blockDecoder) sortedEntry(f func(key, name, value []byte) error) func(start int, place, value []byte) error {
	return func(start int, place, value []byte) error {
		key, name, err := d.splitPlace(start, place)
		if err != nil {
			return err
		}
		return d.refusedAt(start, f(key, name, value))
	}
}

// splitPlace returns the key and the name of the place of an entry that begins at start.
func (d *blockDecoder) splitPlace(start int, place []byte) (key, name []byte, err error) {
	length, width := binary.Uvarint(place)
	if width <= 0 || length > uint64(len(place)-width) {
		d.at = start
		return nil, nil, d.corrupt("the key of an entry does not fit in")
	}
	end := width + int(length)
	return place[width:end:end], place[end:], nil
}

// bytes reads a length and so many bytes.
func (d *blockDecoder) bytes(what string) ([]byte, error) {
	length, err := d.uvarint("length of " + what)
	if err != nil {
		return nil, err
	}
	if length > uint64(len(d.content)-d.at) {
		return nil, d.corrupt("%s of %d bytes does not fit in", what, length)
	}
	from := d.at
	d.at += int(length)
	return d.content[from:d.at:d.at], nil
}
