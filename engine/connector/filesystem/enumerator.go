package filesystem

import (
	"bytes"
	"context"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/storage"
)

// enumerator finds splits: those of a bounded source once, those of a monitored folder as files appear.
type enumerator struct {
	source *Source
	bucket storage.Bucket
}

// boundedSeen is the Seen of a bounded source that was listed: it is never listed again, so that files which were read
// may be removed. It does not say which files there were.
var boundedSeen = []byte{boundedFormat}

// wasBounded tells that a source has been listed as a bounded one.
func wasBounded(seen []byte) bool { return bytes.Equal(seen, boundedSeen) }

// Discover lists the path and returns the splits of files that are new since seen.
func (e *enumerator) Discover(ctx context.Context, seenBefore []byte) (connector.Discovery, error) {
	switch {
	case wasBounded(seenBefore) && e.source.Bounded():
		return connector.Discovery{Seen: seenBefore, Done: true}, nil
	case wasBounded(seenBefore):
		return connector.Discovery{}, fault.Permanentf(e.source.location.name,
			"remove the option '"+optionMonitor+"', or give the source another uid to read all files again",
			"the snapshot is of a source that read what was there once, and does not say which files that were")
	}
	known, err := decodeSeen(seenBefore)
	if err != nil {
		return connector.Discovery{}, err
	}
	c := &e.source.config
	files, err := e.source.location.list(ctx, e.bucket, !e.source.Bounded() || len(known.files) > 0)
	if err != nil {
		return connector.Discovery{}, err
	}
	found, changed := known.merge(files)
	for _, o := range changed {
		c.Log.Warn("file refused: it has changed since it was found, and is not read again; give new content a new name",
			"file", e.source.location.at(o.Key), "refused", known.refused)
	}
	e.source.refused.Store(known.refused)
	if e.source.Bounded() {
		return connector.Discovery{Splits: e.splits(found), Seen: boundedSeen, Done: true}, nil
	}
	return connector.Discovery{Splits: e.splits(found), Seen: known.encode(), Next: c.Monitor}, nil
}

func (e *enumerator) splits(files []storage.Object) []connector.Split {
	var out []connector.Split
	for _, o := range files {
		for start := int64(0); start < o.Size; start += e.source.config.SplitBytes {
			f := fileSplit{key: o.Key, size: o.Size, version: o.Version, start: start, end: o.Size}
			if o.Size-start > e.source.config.SplitBytes {
				f.end = start + e.source.config.SplitBytes
			}
			out = append(out, f.split())
		}
	}
	return out
}

// Close closes the bucket.
func (e *enumerator) Close() error { return e.bucket.Close() }
