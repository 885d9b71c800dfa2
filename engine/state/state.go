// Package state holds the contracts of keyed state: what an operator declares and what it gets.
//
// State belongs to an operator's uid and is divided into key groups, the unit in which a rescale moves it. An operator
// sees only the groups of its own subtask. All methods are called by the one goroutine that owns the subtask.
package state

import "github.com/weirstream/weir/engine/batch"

// Kind is the shape of a state.
type Kind uint8

const (
	// Value is one cell for each key.
	Value Kind = iota + 1
	// WindowValue is one cell for each key in each window.
	WindowValue
	// SortedMap is any number of entries for each key, of any size, in the order of their names.
	SortedMap
	// Timer is a set of times for each key, in the order of the times over all keys.
	Timer
	// OperatorList is a list of a subtask's own, which a rescale divides item by item; see Items.
	OperatorList
	// UnionList is a list of a subtask's own, of which each subtask gets all after a restore.
	UnionList
	// Broadcast is a map of a subtask's own, which is the same in all subtasks.
	Broadcast
)

// OfOperator tells whether a state of the kind belongs to a subtask, and not to keys.
func (k Kind) OfOperator() bool { return k == OperatorList || k == UnionList || k == Broadcast }

// String names the kind as snapshots do.
func (k Kind) String() string {
	switch k {
	case Value:
		return "value"
	case WindowValue:
		return "window-value"
	case SortedMap:
		return "sorted-map"
	case Timer:
		return "timer"
	case OperatorList:
		return "operator-list"
	case UnionList:
		return "union-list"
	case Broadcast:
		return "broadcast"
	}
	return "unknown"
}

// Descriptor declares a state of an operator.
type Descriptor struct {
	// Name is unique in the operator.
	Name string
	Kind Kind
	// Key and Value describe the fields for people and for the check on restore; a changed key or value is refused.
	Key, Value []string
	// CellBytes is the fixed width of a cell, its stamp included; 0 for a SortedMap and a Timer.
	CellBytes int
	// TTL is for how long entries are there; nil: until they are removed. Timers have none.
	TTL *TTL
	// Evolve says how values of a SortedMap, or of an operator state, become those of other fields, which a snapshot has, or why they cannot. Nil:
	// none can.
	Evolve func(fields []string) (func(dst, earlier []byte) ([]byte, error), error)
}

// Conversion makes what a state holds from what an earlier version of the job has written. Stamps are no part of what it is given, nor
// of what it makes: backends write those that follow from both TTLs.
type Conversion struct {
	// CellBytes is the width of the earlier cells, their stamps included.
	CellBytes int
	// Convert fills a cell of zero bytes from an earlier one. Neither is kept. Nil: cells are as they were.
	Convert func(cell, earlier []byte)
	// Value appends the value of an entry of a SortedMap, made from an earlier one. Nil: values are as they were.
	Value func(dst, earlier []byte) ([]byte, error)
	// TTL is that of the earlier state; nil: it had none. What had expired by it is not restored. What had none, or by another clock,
	// is as if it had been written when it is restored: by processing time then, or by the watermark that its key group had acted on.
	TTL *TTL
}

// KeyGroup returns the key group of a key by the hash of its encoding: the top bits decide, so that the low bits
// stay free for the slot in the group's table.
func KeyGroup(hash uint64, maxParallelism int) int {
	return int(((hash >> 32) * uint64(maxParallelism)) >> 32)
}

// GroupRange returns the first key group of a subtask and the one after its last. Together with [Owner] it is
// Flink's assignment (KeyGroupRangeAssignment): ranges are contiguous and differ by at most one in length.
func GroupRange(subtask, parallelism, maxParallelism int) (first, end int) {
	first = (subtask*maxParallelism + parallelism - 1) / parallelism
	end = ((subtask+1)*maxParallelism-1)/parallelism + 1
	return first, end
}

// Owner returns the subtask that owns a key group.
func Owner(group, parallelism, maxParallelism int) int { return group * parallelism / maxParallelism }

// Table is keyed state of fixed-width, pointer-free cells. A key that has no cell gets one of zero bytes, so the zero
// cell is the initial state.
type Table interface {
	// Resolve finds, or inserts, the cells of the rows from of b on, by Hash and Keys (and Window for WindowValue), and
	// puts them into cells[from:]. It resolves a prefix, at least one row, and returns the index after it; cells are
	// valid until the next call of any method of the table. The rows are counted by len(b.Hash), which len(cells) must be
	// at least; b.Data is not looked at, and may be nil.
	Resolve(b *batch.Batch, from int, cells [][]byte) (end int)
	// Lookup returns the cell of a key, or nil. For Value kind, window is 0.
	Lookup(hash uint64, window int64, key []byte) []byte
	// Delete removes the cell of a key if there is one.
	Delete(hash uint64, window int64, key []byte)
	// Windows appends the windows that hold a cell in any group, each once, in ascending order.
	Windows(dst []int64) []int64
	// Range calls f for every cell of a window until it returns false, group by group. f must not call the table, and must
	// not change the cell.
	Range(window int64, f func(hash uint64, key, cell []byte) bool)
	// DropWindow removes all cells of a window.
	DropWindow(window int64)
	// Len is the number of cells.
	Len() int
}
