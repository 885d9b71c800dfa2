package backend

import (
	"encoding/binary"

	"github.com/weirstream/weir/engine/snapshot"
)

// A block of timers:
//
//	block = version *entry             entries in ascending order of their place, each place once
//	entry = shared rest suffix         the place is the first bytes, shared many, of the place before, and the suffix
//	place = time key                   the suffix has rest many bytes
//
// version is a byte: 5. time is that of the timer, in ms, plus 1<<63, in eight bytes, big endian: places, compared as bytes, are in
// the order of time, and timers of one time in that of their keys.
const (
	timerBlockVersion   = 5
	timerChangesVersion = 6
	timeBytes           = 8
)

// AppendTimerPlace appends the place of a timer.
func AppendTimerPlace(dst []byte, ms int64, key []byte) []byte {
	return append(binary.BigEndian.AppendUint64(dst, uint64(ms)^1<<63), key...)
}

// TimerOf returns whose place it is that AppendTimerPlace has appended.
func TimerOf(place []byte) (ms int64, key []byte) {
	return int64(binary.BigEndian.Uint64(place) ^ 1<<63), place[timeBytes:]
}

// AppendTimerBlock begins a block.
func AppendTimerBlock(dst []byte) []byte { return append(dst, timerBlockVersion) }

// AppendTimer adds a timer with its place to a block in which the timer before has the place last; nil: it is the first.
func AppendTimer(dst, last, place []byte) []byte { return appendPlace(dst, last, place) }

// AppendTimerChanges begins a block of changes; key groups are begun as those of a sorted map.
func AppendTimerChanges(dst []byte) []byte { return append(dst, timerChangesVersion) }

// DecodeTimerBlock calls f for each timer of a block, in order; key is valid during the call. Errors are those of
// DecodeSortedBlock.
func DecodeTimerBlock(file string, b snapshot.Block, content []byte, f func(ms int64, key []byte) error) error {
	d := &blockDecoder{file: file, block: b, content: content}
	if err := d.version(timerBlockVersion); err != nil {
		return err
	}
	r := placeReader{}
	entry := d.timer(f)
	for d.at < len(content) {
		if err := r.next(d, func(start int, place, _ []byte) error { return entry(start, place) }); err != nil {
			return err
		}
	}
	return nil
}

// TimerChanges takes what DecodeTimerChanges finds, in its order. Keys are valid during the call; an error of the kind Refusal is
// damage.
type TimerChanges struct {
	// Wants is asked of each key group first: what is not wanted is only checked.
	Wants       func(group int) bool
	Remove, Put func(ms int64, key []byte) error
}

// DecodeTimerChanges reads a block of changes of timers. Errors are those of DecodeSortedBlock.
func DecodeTimerChanges(file string, b snapshot.Block, content []byte, to TimerChanges) error {
	d := &blockDecoder{file: file, block: b, content: content}
	if err := d.version(timerChangesVersion); err != nil {
		return err
	}
	wanted := false
	each := func(f func(ms int64, key []byte) error) func(start int, place []byte) error {
		return d.timer(func(ms int64, key []byte) error {
			if !wanted {
				return nil
			}
			return f(ms, key)
		})
	}
	put := each(to.Put)
	return d.placeChanges(false, func(group int) { wanted = to.Wants(group) }, each(to.Remove),
		func(start int, place, _ []byte) error { return put(start, place) })
}

// timer calls f for places of timers.
func (d *blockDecoder) timer(f func(ms int64, key []byte) error) func(start int, place []byte) error {
	return func(start int, place []byte) error {
		if len(place) < timeBytes {
			d.at = start
			return d.corrupt("a timer's place of %d bytes has no time", len(place))
		}
		ms, key := TimerOf(place)
		return d.refusedAt(start, f(ms, key))
	}
}
