package backend

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/snapshot"
)

// A block holds one state of one key group. One of cells:
//
//	block  = version width *window
//	window = start count *entry     windows in ascending order, each once; a state without windows has the window 0
//	entry  = length key cell        in any order, each key once in its window
//
// version is a byte: 1. width (bytes of a cell), count (at least 1) and length are unsigned varints, start (ms) is a
// zigzag varint, both as in package encoding/binary. A cell is width bytes as they are in memory, numbers little endian.
const blockVersion = 1

// AppendBlock begins a block.
func AppendBlock(dst []byte, cellBytes int) []byte {
	return binary.AppendUvarint(append(dst, blockVersion), uint64(cellBytes))
}

// AppendWindow begins a window of count entries.
func AppendWindow(dst []byte, window int64, count int) []byte {
	return binary.AppendUvarint(binary.AppendVarint(dst, window), uint64(count))
}

// AppendEntry adds an entry to the window that was begun.
func AppendEntry(dst, key, cell []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(key)))
	return append(append(dst, key...), cell...)
}

// DecodeBlock calls entry for each entry of a block, in order; key and cell alias content. Malformed content is a
// *snapshot.CorruptError that names file and offset; so is an entry that is refused with a [Refusal]. Cells of another
// width than cellBytes are a permanent error: the job has changed, not the file.
func DecodeBlock(file string, b snapshot.Block, content []byte, cellBytes int, entry func(window int64, key, cell []byte) error) error {
	d := blockDecoder{file: file, block: b, content: content}
	return d.decode(cellBytes, entry)
}

// BlockCellBytes returns the width of the cells of a block, for who does not know the job.
func BlockCellBytes(file string, b snapshot.Block, content []byte) (int, error) {
	d := blockDecoder{file: file, block: b, content: content}
	want := byte(blockVersion)
	if b.End != 0 {
		want = changesVersion
	}
	if err := d.version(want); err != nil {
		return 0, err
	}
	width, err := d.uvarint("width of a cell")
	if err == nil && width > math.MaxInt32 { // a block without entries may be shorter than a cell
		err = d.corrupt("a cell of %d bytes", width)
	}
	return int(min(width, math.MaxInt32)), err
}

// OfCells tells whether a block, or one of changes, is of cells.
func OfCells(file string, b snapshot.Block, content []byte) (bool, error) {
	if len(content) == 0 {
		d := blockDecoder{file: file, block: b}
		return false, d.corrupt("it is empty")
	}
	return content[0] == blockVersion || content[0] == changesVersion, nil
}

// Refusal is why an entry cannot be part of a block.
type Refusal string

// Error is the reason.
func (r Refusal) Error() string { return string(r) }

type blockDecoder struct {
	file    string
	block   snapshot.Block
	content []byte
	at      int
}

func (d *blockDecoder) decode(cellBytes int, entry func(window int64, key, cell []byte) error) error {
	if err := d.cells(blockVersion, cellBytes); err != nil {
		return err
	}
	for first, last := true, int64(0); d.at < len(d.content); first = false {
		window, err := d.varint("start of a window")
		if err != nil {
			return err
		}
		if !first && window <= last {
			return d.corrupt("window %d follows window %d", window, last)
		}
		last = window
		if err := d.window(window, cellBytes, entry); err != nil {
			return err
		}
	}
	return nil
}

// window reads what follows the start of a window.
func (d *blockDecoder) window(window int64, cellBytes int, entry func(window int64, key, cell []byte) error) error {
	count, err := d.uvarint("number of entries")
	if err != nil {
		return err
	}
	if count == 0 {
		return d.corrupt("window %d has no entries", window)
	}
	for range count {
		start := d.at
		length, err := d.uvarint("length of a key")
		if err != nil {
			return err
		}
		left := uint64(len(d.content) - d.at)
		if length > left || left-length < uint64(cellBytes) {
			return d.corrupt("an entry with a key of %d bytes does not fit in", length)
		}
		end := d.at + int(length)
		key, cell := d.content[d.at:end:end], d.content[end:end+cellBytes:end+cellBytes]
		d.at = end + cellBytes
		if err := entry(window, key, cell); err != nil {
			return d.refused(start, err)
		}
	}
	return nil
}

// cells reads what a block of cells begins with.
func (d *blockDecoder) cells(version byte, cellBytes int) error {
	if err := d.version(version); err != nil {
		return err
	}
	width, err := d.uvarint("width of a cell")
	if err != nil {
		return err
	}
	if width != uint64(cellBytes) {
		return fault.Permanentf("state "+d.block.State, "restore it with the job that wrote it, or give the new state another name",
			"the snapshot has values of %d bytes, the job declares %d", width, cellBytes)
	}
	return nil
}

func (d *blockDecoder) version(want byte) error {
	if len(d.content) == 0 || d.content[0] != want {
		return d.corrupt("it does not begin with version %d of the encoding of keyed state", want)
	}
	d.at = 1
	return nil
}

// refused gives the error of an entry that begins at start its place.
func (d *blockDecoder) refused(start int, err error) error {
	var refusal Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	d.at = start
	return d.corrupt("%s", string(refusal))
}

func (d *blockDecoder) uvarint(what string) (uint64, error) {
	v, n := binary.Uvarint(d.content[d.at:])
	if n <= 0 {
		return 0, d.corrupt("the %s is cut off or too large", what)
	}
	d.at += n
	return v, nil
}

func (d *blockDecoder) varint(what string) (int64, error) {
	v, n := binary.Varint(d.content[d.at:])
	if n <= 0 {
		return 0, d.corrupt("the %s is cut off or too large", what)
	}
	d.at += n
	return v, nil
}

func (d *blockDecoder) corrupt(format string, args ...any) error {
	return &snapshot.CorruptError{Object: d.file, Offset: d.block.Offset + int64(d.at),
		Reason: fmt.Sprintf("block of key group %d, state %q: %s", d.block.Group, d.block.State, fmt.Sprintf(format, args...))}
}
