package state

// Sorted is keyed state of the kind SortedMap: for each key any number of entries, each a name and a value of any length, in the
// order of the names as bytes (bytes.Compare). What orders names of other types is whoever encodes them.
//
// What is returned aliases the state: it may be read until the state is changed, and never written.
type Sorted interface {
	// Get returns the value of an entry.
	Get(hash uint64, key, name []byte) (value []byte, found bool)
	// Put sets the value of an entry. Name and value are copied; together they have at most MaxEntryBytes.
	Put(hash uint64, key, name, value []byte)
	// Delete removes an entry, and says whether it was there.
	Delete(hash uint64, key, name []byte) bool
	// Clear removes all entries of a key, and returns how many there were.
	Clear(hash uint64, key []byte) int
	// Cursor returns a new cursor. It may be used again and again, also for other keys.
	Cursor() Cursor
	// Range calls f for every entry until it returns false: group by group, the entries of a key together and in order. f must
	// not change the state.
	Range(f func(hash uint64, key, name, value []byte) bool)
	// Len is the number of entries of all keys.
	Len() int
}

// MaxEntryBytes bounds name and value of an entry of a SortedMap.
const MaxEntryBytes = 256 << 20

// Cursor goes through the entries of one key. The state may be changed meanwhile: the cursor goes on from the name at which it
// stands, whether or not that entry is still there.
type Cursor interface {
	// Seek goes to the place before the first entry of a key whose name is not below from: Next returns that one, Prev the one
	// before.
	Seek(hash uint64, key, from []byte)
	// SeekEnd goes behind the last entry of a key.
	SeekEnd(hash uint64, key []byte)
	// Next and Prev go to the next entry of the key, or the one before, and say whether there is one. After the end, the cursor
	// must seek again.
	Next() bool
	Prev() bool
	// Name and Value are those of the entry at which the cursor stands. The name is valid until the cursor moves, the value
	// until the state is changed or the cursor moves.
	Name() []byte
	Value() []byte
}
