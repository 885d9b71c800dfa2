package filesystem

import (
	"encoding/binary"
	"hash/fnv"

	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/storage"
)

// seen is what an enumerator knows: every file that it ever handed out.
//
// Encoded: format byte, number of files that were passed over, number of files, and for each, in path order, how many bytes its key
// shares with the one before, the rest of the key, and the fingerprints of the version that was found first and of the
// one last refused (equal: none was).
type seen struct {
	files   []seenFile // in path order
	refused int64      // changed and unreadable files that were met
	more    bool       // others were found, and wait to be handed out
}

type seenFile struct {
	key string
	// first is the fingerprint of the version that is read, last that of the version last met.
	first, last uint64
}

const (
	// seenFormat is the format byte of a monitored source that has handed out all that it has found, and seenMoreFormat, with
	// the same behind it, of one that has not.
	seenFormat     = 1
	seenMoreFormat = 4
	// boundedFormat is the format byte, and all, of what a source has seen that is read once and has handed out all its files.
	boundedFormat = 2
	// handedOutFormat is that of a source that is read once and has handed out a part of them.
	handedOutFormat = 3
)

// boundedSeen is the Seen of a bounded source that has handed out all: it is never listed again, so that files which were
// read may be removed. It does not say which files there were.
var boundedSeen = []byte{boundedFormat}

// wasBounded tells that a source has been listed as a bounded one.
func wasBounded(seen []byte) bool {
	return len(seen) > 0 && (seen[0] == boundedFormat || seen[0] == handedOutFormat)
}

// handedOut is how far a bounded source has handed out its files. As it does so in path order, one name says which.
//
// Encoded: format byte, length of last, last, left, and earlier to the end.
type handedOut struct {
	last    string // the last file that was handed out; empty: none was
	left    int64  // how many were listed behind it
	earlier []byte // the encoded seen of the time when the source was monitored; empty: it never was
}

func (h handedOut) encode() []byte {
	out := []byte{handedOutFormat}
	out = binary.AppendUvarint(out, uint64(len(h.last)))
	out = append(out, h.last...)
	out = binary.AppendUvarint(out, uint64(h.left))
	return append(out, h.earlier...)
}

// decodeHandedOut reads what a bounded source has seen that has not handed out all. The seen of a monitored one is that
// of a source that has handed out nothing since.
func decodeHandedOut(b []byte) (handedOut, error) {
	if len(b) == 0 || b[0] != handedOutFormat {
		return handedOut{earlier: b}, nil
	}
	in := input{rest: b[1:]}
	h := handedOut{last: in.text(), left: in.number()}
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

func (s *seen) encode() []byte {
	out := []byte{seenFormat}
	if s.more {
		out[0] = seenMoreFormat
	}
	out = binary.AppendUvarint(out, uint64(s.refused))
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
		before = f.key
	}
	return out
}

// decodeSeen reads what encode wrote; nothing is the very start.
func decodeSeen(b []byte) (*seen, error) {
	s := &seen{}
	if len(b) == 0 {
		return s, nil
	}
	in := input{rest: b}
	format := in.byte()
	s.more = format == seenMoreFormat
	s.refused = in.number()
	n := in.number()
	before := ""
	for ; n > 0 && !in.bad; n-- {
		shared := in.number()
		if shared > int64(len(before)) {
			in.bad = true
			break
		}
		f := seenFile{key: before[:shared] + in.text()}
		if prints := in.bytes(16); !in.bad {
			f.first, f.last = binary.LittleEndian.Uint64(prints), binary.LittleEndian.Uint64(prints[8:])
		}
		in.bad = in.bad || len(s.files) > 0 && f.key <= before
		s.files = append(s.files, f)
		before = f.key
	}
	if in.bad || len(in.rest) > 0 || format != seenFormat && format != seenMoreFormat {
		return nil, fault.Permanentf("the list of known files in the snapshot", "restore from another snapshot", "it is malformed")
	}
	return s, nil
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
		merged = append(merged, seenFile{key: o.Key, first: print, last: print})
	}
	s.files = append(merged, known...)
}
