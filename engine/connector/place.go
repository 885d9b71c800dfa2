package connector

import "context"

// PlaceReader is a Source that can tell beforehand which files it would read. A job is refused that would read what it
// writes itself.
type PlaceReader interface {
	// Reads tells whether the source would read a file, named by its URL, if it were there.
	Reads(file string) bool
}

// PlaceMover is a Source that moves away what it has read. A job is refused that would read it once more, or clears the folder.
type PlaceMover interface {
	// MovesTo returns the URL of the folder that files are moved to; empty: they are not moved.
	MovesTo() string
}

// VisibleSink is a Sink whose visible output tells which checkpoint made it visible. A job that would go on from an earlier
// one is refused before it writes anything: all that came later would be written again (P2).
type VisibleSink interface {
	// NewestVisible returns the highest checkpoint of the job that output of an operator of it is visible of, 0 if there is
	// none, and the URL of an object of that output.
	NewestVisible(ctx context.Context, job, uid string) (checkpoint int64, object string, err error)
}

// PlaceWriter is a Sink that can tell where its output becomes visible, and where it is before.
type PlaceWriter interface {
	// Writes returns the URL of a file such as the sink makes for an operator of a job.
	Writes(job, uid string) string
	// Keeps returns the URL of the folder of what is not visible yet. The sink removes from it what it does not know.
	Keeps() string
}
