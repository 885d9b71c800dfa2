package filesystem

import (
	"fmt"
	"strings"

	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
	"github.com/weirstream/weir/engine/storage/storageurl"
)

// Reads tells whether the source would read a file (connector.PlaceReader).
func (s *Source) Reads(file string) bool {
	root, err := storageurl.Parse(s.location.root)
	if err != nil {
		return false // NewSource has parsed it
	}
	u, err := storageurl.Parse(file)
	if err != nil || u.Scheme != root.Scheme || u.Host != root.Host {
		return false
	}
	at := s.location.pattern.root()
	if s.location.literal { // found by its name, whatever that begins with
		root.Path, at = strings.TrimSuffix(root.Path, "/")+"/"+s.location.pattern[0], s.location.below()
	}
	folder, name := storage.FollowLinks(root), storage.FollowLinks(u)
	if name == folder {
		return true
	}
	below, ok := strings.CutPrefix(name, strings.TrimSuffix(folder, "/")+"/")
	if !ok {
		return false
	}
	for part := range strings.SplitSeq(below, "/") {
		at = s.location.pattern.next(at, part)
	}
	return s.location.pattern.selects(at)
}

// MovesTo names the folder for files that were read (connector.PlaceMover).
func (s *Source) MovesTo() string {
	if s.config.AfterRead != MoveFiles {
		return ""
	}
	to, err := s.moveTo()
	if err != nil {
		return "" // NewSource has parsed it
	}
	return to.String()
}

// Writes names the first file of the sink's first checkpoint (connector.PlaceWriter).
func (s *Sink) Writes(job, uid string) string {
	file, err := storageurl.Join(s.config.Path, fmt.Sprintf("part-%s-%s-1-0-0", job, snapshot.ShortUID(uid)))
	if err != nil {
		return "" // NewSink has parsed the path
	}
	return file
}

// Keeps names the folder of what is staged (connector.PlaceWriter).
func (s *Sink) Keeps() string {
	folder, err := storageurl.Join(s.config.Path, stagingFolder)
	if err != nil {
		return "" // NewSink has parsed the path
	}
	return folder
}
