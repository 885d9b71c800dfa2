package state

import "github.com/weirstream/weir/engine/batch"

// Timers is keyed state of the kind Timer: the times, in ms, at which keys wait to be called. A key has a time once, however often
// it is set.
//
// Timers are in the order of time, then key group, then the key as bytes. It is the same in every run and after a restore.
type Timers interface {
	// Set adds a timer, and says whether it was not there.
	Set(hash uint64, ms int64, key []byte) bool
	// Delete removes a timer, and says whether it was there.
	Delete(hash uint64, ms int64, key []byte) bool
	// First is the earliest time for which there is a timer; found is false if there is none at all.
	First() (ms int64, found bool)
	// At appends to Hash and Keys of due the timers for a time, in order, until due has n of them. It removes nothing, so that one
	// which is deleted before its turn is known not to be due: whoever calls a key deletes its timer first.
	At(ms int64, n int, due *batch.Batch)
	// Range calls f for every timer until it returns false, group by group, those of a group in order. f must not change the state.
	Range(f func(hash uint64, ms int64, key []byte) bool)
	// Len is the number of timers of all keys.
	Len() int
}
