package filesystem

import (
	"encoding/binary"
	"hash/fnv"
	"slices"
	"time"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/storage"
)

// seen is what an enumerator knows: every file that it ever handed out.
//
// Encoded: format byte, number of files that were passed over, the horizon if it is dated, number of files, and for each, in path
// order, how many bytes its key shares with the one before, the rest of the key, the fingerprints of the version that was found
// first and of the one last refused (equal: none was), and if it is dated, when it was modified.
type seen struct {
	files   []seenFile // in path order
	refused int64      // changed and unreadable files that were met
	more    bool       // others were found, and wait to be handed out
	// dated says that it is noted when files were modified, so that they can be forgotten. horizon is the latest such time of
	// those that were: an unknown file that is no younger may be one of them, and is never read. 0: none was.
	dated   bool
	horizon int64
}

type seenFile struct {
	key string
	// first is the fingerprint of the version that is read, last that of the version last met.
	first, last uint64
	modified    int64 // the latest time of any version, in µs since 1970; 0: it is not known
	listed      bool  // it is in the listing that was compared
}

const (
	// seenFormat is the format byte of a monitored source that has handed out all that it has found, and seenMoreFormat, with
	// the same behind it, of one that has not; datedFormat and datedMoreFormat are those of one that forgets.
	seenFormat      = 1
	seenMoreFormat  = 4
	datedFormat     = 5
	datedMoreFormat = 6
	// boundedFormat is the format byte of what a source has seen that is read once and has handed out all its files. Behind it
	// is the count of these, if it is known.
	boundedFormat = 2
	// handedOutFormat is that of a source that is read once and has handed out a part of them.
	handedOutFormat = 3
)

// count tells sets of files apart without naming them.
type count struct {
	files int64
	// digest is the sum of the hashes of their names and sizes. When they were modified says nothing: folders are copied.
	digest uint64
}

func (c *count) add(files []storage.Object) {
	for _, o := range files {
		h := fnv.New64a()
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(o.Size)))
		h.Write([]byte(o.Key))
		c.files++
		c.digest += h.Sum64()
	}
}

func (c count) append(out []byte) []byte {
	return binary.LittleEndian.AppendUint64(binary.AppendUvarint(out, uint64(c.files)), c.digest)
}

// count reads what append has written.
func (in *input) count() count { return count{files: in.number(), digest: uint64(in.fixed())} }

// finished is the Seen of a bounded source that has handed out all: it is not listed again to be read, so files that were
// read may be removed. known says that the count is that of all files; nobody has counted those of a source that was
// monitored before.
func finished(c count, known bool) []byte {
	out := []byte{boundedFormat}
	if known {
		out = c.append(out)
	}
	return out
}

// isFinished tells that a bounded source has handed out all.
func isFinished(seen []byte) bool { return len(seen) > 0 && seen[0] == boundedFormat }

// decodeFinished returns the count of what a bounded source has handed out; false: it is not known.
func decodeFinished(seen []byte) (c count, known bool) {
	if !isFinished(seen) || len(seen) == 1 {
		return c, false
	}
	in := input{rest: seen[1:]}
	c = in.count()
	return c, !in.bad && len(in.rest) == 0
}

// wasBounded tells that a source has been listed as a bounded one.
func wasBounded(seen []byte) bool {
	return len(seen) > 0 && (seen[0] == boundedFormat || seen[0] == handedOutFormat)
}

// handedOut is how far a bounded source has handed out its files. As it does so in path order, one name says which.
//
// Encoded: format byte, length of last, last, left, count, and earlier to the end.
type handedOut struct {
	last    string // the last file that was handed out; empty: none was
	left    int64  // how many were listed behind it
	count   count  // of those that were
	earlier []byte // the encoded seen of the time when the source was monitored; empty: it never was
}

func (h handedOut) encode() []byte {
	out := []byte{handedOutFormat}
	out = binary.AppendUvarint(out, uint64(len(h.last)))
	out = append(out, h.last...)
	out = binary.AppendUvarint(out, uint64(h.left))
	out = h.count.append(out)
	return append(out, h.earlier...)
}

// decodeHandedOut reads what a bounded source has seen that has not handed out all. The seen of a monitored one is that
// of a source that has handed out nothing since.
func decodeHandedOut(b []byte) (handedOut, error) {
	if len(b) == 0 || b[0] != handedOutFormat {
		return handedOut{earlier: b}, nil
	}
	in := input{rest: b[1:]}
	h := handedOut{last: in.text(), left: in.number(), count: in.count()}
	h.earlier = in.rest
	if in.bad || h.last == "" {
		return h, fault.Permanentf("the place in the list of files in the snapshot", "restore from another snapshot", "it is malformed")
	}
	return h, nil
}

// fingerprint stands for a version of a file.
func fingerprint(o storage.Object) uint64 {
	h := fnv.New64a()
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(o.Size)))
	h.Write([]byte(o.Version))
	return h.Sum64()
}

// seenFormats are the format bytes, by dated and more.
var seenFormats = map[byte]seen{
	seenFormat: {}, seenMoreFormat: {more: true}, datedFormat: {dated: true}, datedMoreFormat: {dated: true, more: true},
}

func (s *seen) format() byte {
	switch {
	case s.dated && s.more:
		return datedMoreFormat
	case s.dated:
		return datedFormat
	case s.more:
		return seenMoreFormat
	}
	return seenFormat
}

func (s *seen) encode() []byte {
	out := []byte{s.format()}
	out = binary.AppendUvarint(out, uint64(s.refused))
	if s.dated {
		out = binary.LittleEndian.AppendUint64(out, uint64(s.horizon))
	}
	out = binary.AppendUvarint(out, uint64(len(s.files)))
	before := ""
	for _, f := range s.files {
		shared := 0
		for shared < len(f.key) && shared < len(before) && f.key[shared] == before[shared] {
			shared++
		}
		out = binary.AppendUvarint(out, uint64(shared))
		out = binary.AppendUvarint(out, uint64(len(f.key)-shared))
		out = append(out, f.key[shared:]...)
		out = binary.LittleEndian.AppendUint64(out, f.first)
		out = binary.LittleEndian.AppendUint64(out, f.last)
		if s.dated {
			out = binary.LittleEndian.AppendUint64(out, uint64(f.modified))
		}
		before = f.key
	}
	return out
}

// decodeSeen reads what encode wrote; nothing is the very start.
func decodeSeen(b []byte) (*seen, error) {
	if len(b) == 0 {
		return &seen{}, nil
	}
	in := input{rest: b}
	s, isSeen := seenFormats[in.byte()]
	s.refused = in.number()
	if s.dated {
		s.horizon = in.fixed()
	}
	n := in.number()
	before := ""
	for ; n > 0 && !in.bad; n-- {
		shared := in.number()
		if shared > int64(len(before)) {
			in.bad = true
			break
		}
		f := seenFile{key: before[:shared] + in.text()}
		f.first, f.last = uint64(in.fixed()), uint64(in.fixed())
		if s.dated {
			f.modified = in.fixed()
		}
		in.bad = in.bad || len(s.files) > 0 && f.key <= before
		s.files = append(s.files, f)
		before = f.key
	}
	if in.bad || len(in.rest) > 0 || !isSeen {
		return nil, fault.Permanentf("the list of known files in the snapshot", "restore from another snapshot", "it is malformed")
	}
	return &s, nil
}

// passOver adds files that cannot be read, in path order, and returns those that are new. Each is counted once.
func (s *seen) passOver(foreign []foreignFile) (fresh []foreignFile) {
	objects := make([]storage.Object, len(foreign))
	for i, f := range foreign {
		objects[i] = f.Object
	}
	found, _ := s.compare(objects)
	for _, f := range foreign {
		if len(fresh) < len(found) && f.Key == found[len(fresh)].Key {
			fresh = append(fresh, f)
		}
	}
	s.add(found)
	s.refused += int64(len(fresh))
	return fresh
}

// compare returns the files of a listing, in path order, that are not known, and those that have changed, each version once.
func (s *seen) compare(listed []storage.Object) (found, changed []storage.Object) {
	known := s.files
	for _, o := range listed {
		for len(known) > 0 && known[0].key < o.Key {
			known = known[1:]
		}
		if len(known) == 0 || known[0].key != o.Key {
			found = append(found, o)
			continue
		}
		f := &known[0]
		f.listed, f.modified = true, max(f.modified, o.ModTime.UnixMicro())
		print := fingerprint(o)
		if print != f.first && print != f.last {
			changed = append(changed, o)
			s.refused++
		}
		f.last = print
	}
	return found, changed
}

// add makes files known that were not, in path order.
func (s *seen) add(files []storage.Object) {
	merged := make([]seenFile, 0, len(s.files)+len(files))
	known := s.files
	for _, o := range files {
		for len(known) > 0 && known[0].key < o.Key {
			merged = append(merged, known[0])
			known = known[1:]
		}
		print := fingerprint(o)
		merged = append(merged, seenFile{key: o.Key, first: print, last: print, modified: o.ModTime.UnixMicro(), listed: true})
	}
	merged = append(merged, known...)
	s.files = merged
}

// forget drops files that are not in the listing that was compared, and that are older by age than the newest that is known. Not
// to be listed is not enough: a folder may be away in part. One that comes back as it was is behind the horizon. The files that
// were found and are not known yet stay before it, also if they are handed out after a restart only.
func (s *seen) forget(age time.Duration, found []storage.Object) {
	s.dated = true
	newest := int64(0)
	for i := range s.files {
		newest = max(newest, s.files[i].modified)
	}
	before := newest - age.Microseconds()
	for _, o := range found {
		before = min(before, o.ModTime.UnixMicro())
	}
	s.files = slices.DeleteFunc(s.files, func(f seenFile) bool {
		if f.listed || f.modified == 0 || f.modified >= before {
			return false
		}
		s.horizon = max(s.horizon, f.modified)
		return true
	})
}

// passOverOld takes from files that are not known those that may be forgotten ones, counts them and makes them known.
func (s *seen) passOverOld(files []storage.Object) (found, old []storage.Object) {
	if s.horizon == 0 {
		return files, nil
	}
	for _, o := range files {
		if o.ModTime.UnixMicro() <= s.horizon {
			old = append(old, o)
		} else {
			found = append(found, o)
		}
	}
	s.add(old)
	s.refused += int64(len(old))
	return found, old
}
