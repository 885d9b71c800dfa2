// Package filesystem reads and writes files of lines, on local paths and in buckets: the connector 'filesystem'.
//
// # Source
//
// The path is a file, a folder or a glob; names below its root that begin with '.' or '_' are skipped. Files are read in
// splits of a fixed number of bytes, so splits do not depend on the parallelism. A record belongs to the split that its
// first byte is in. A split names the version of its file (size and etag, or modification time) and is refused, loudly, once
// the file has another. A finished split is never opened again, so its file may be removed.
//
// A monitored folder is listed again and again. Files must appear whole, under a name that is not used again: a known name
// with another version is refused and counted, and never read (P4).
//
// # Sink
//
// Rows are staged below <path>/_staging and become visible when the checkpoint that they belong to is complete (P10):
//
//	<path>/_staging/<job id>/<attempt>.<restart>/<uid8>-<random>
//	<path>/part-<job id>-<uid8>-<checkpoint>-<subtask>-<seq>
//
// uid8 is the short form of the sink's uid: several sinks may write to one path. A visible file never changes and is
// never removed. A subtask without rows writes no file.
//
// The package knows formats only as package codec describes them, and stores only as package storage does. It takes no
// locks: what makes it safe is in the names.
package filesystem
