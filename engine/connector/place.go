package connector

// PlaceReader is a Source that can tell beforehand which files it would read. A job is refused that would read what it
// writes itself.
type PlaceReader interface {
	// Reads tells whether the source would read a file, named by its URL, if it were there.
	Reads(file string) bool
}

// PlaceWriter is a Sink that can tell where its output becomes visible.
type PlaceWriter interface {
	// Writes returns the URL of a file such as the sink makes for an operator of a job.
	Writes(job, uid string) string
}
