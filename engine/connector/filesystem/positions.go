package filesystem

import (
	"github.com/weirstream/weir/engine/connector"
)

// Positions tells how far a source had read its files, from what a snapshot holds: what the enumerator had seen, and the
// splits that are not read to the end. Files that a monitored folder had and that have no open split are done. A source
// that reads what is there once does not keep the names of files that it has read; there, the open splits are all.
func Positions(seenBefore []byte, open []connector.OpenSplit) ([]connector.FilePosition, error) {
	var all []connector.FilePosition
	unfinished := map[string]bool{}
	for _, o := range open {
		f, err := decodeSplit(o.Split)
		if err != nil {
			return nil, err
		}
		at := position{offset: f.start}
		if len(o.Position) > 0 {
			if at, err = decodePosition(&f, o.Position); err != nil {
				return nil, err
			}
		}
		unfinished[f.key] = true
		all = append(all, connector.FilePosition{File: f.key, Start: f.start, End: f.end, Offset: at.offset, Lines: at.lines})
	}
	if wasBounded(seenBefore) {
		return all, nil
	}
	known, err := decodeSeen(seenBefore)
	if err != nil {
		return nil, err
	}
	for _, f := range known.files {
		if !unfinished[f.key] {
			all = append(all, connector.FilePosition{File: f.key, Done: true})
		}
	}
	return all, nil
}
