package filesystem

import (
	"context"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/storage"
)

// enumerator finds splits: those of a bounded source once, those of a monitored folder as files appear.
type enumerator struct {
	source *Source
	bucket storage.Bucket
}

// boundedSeen is the Seen of a bounded source that was listed: it is never listed again, so that files which were read
// may be removed.
var boundedSeen = []byte{seenFormat, 0, 0}

// Discover lists the path and returns the splits of files that are new since seen.
func (e *enumerator) Discover(ctx context.Context, seenBefore []byte) (connector.Discovery, error) {
	known, err := decodeSeen(seenBefore)
	if err != nil {
		return connector.Discovery{}, err
	}
	c := &e.source.config
	if e.source.Bounded() && len(seenBefore) > 0 {
		return connector.Discovery{Seen: seenBefore, Done: true}, nil
	}
	files, err := e.source.location.list(ctx, e.bucket, !e.source.Bounded())
	if err != nil {
		return connector.Discovery{}, err
	}
	if e.source.Bounded() {
		return connector.Discovery{Splits: e.splits(files), Seen: boundedSeen, Done: true}, nil
	}
	found, changed := known.merge(files)
	for _, o := range changed {
		c.Log.Warn("file refused: it has changed since it was found, and is not read again; give new content a new name",
			"file", e.source.location.at(o.Key), "refused", known.refused)
	}
	e.source.refused.Store(known.refused)
	return connector.Discovery{Splits: e.splits(found), Seen: known.encode(), Next: c.Monitor}, nil
}

func (e *enumerator) splits(files []storage.Object) []connector.Split {
	var out []connector.Split
	for _, o := range files {
		for start := int64(0); start < o.Size; start += e.source.config.SplitBytes {
			f := fileSplit{key: o.Key, size: o.Size, version: o.Version, start: start, end: min(start+e.source.config.SplitBytes, o.Size)}
			out = append(out, f.split())
		}
	}
	return out
}

// Close closes the bucket.
func (e *enumerator) Close() error { return e.bucket.Close() }
