package connector

// OpenSplit is a split that a snapshot has not wholly behind it.
type OpenSplit struct {
	Split
	// Position is where its reader goes on; empty: it has not begun.
	Position []byte
}

// CompleteSplit is a split of a complete checkpoint.
type CompleteSplit struct {
	OpenSplit
	// Ended says that Position is its end.
	Ended bool
}

// FilePosition is how far a source had read a file, or another input that is a range of bytes, when a snapshot was taken.
type FilePosition struct {
	// File is its path, in its bucket or below a local root.
	File string
	// Done says that all of it was read, or passed over; the numbers are 0 then.
	Done bool
	// Start and End are the range of the split, Offset is where the next record begins, all in bytes.
	Start, End, Offset int64
	// Lines is the number of those read in the split.
	Lines int64
}
