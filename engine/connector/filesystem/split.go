package filesystem

import (
	"encoding/binary"
	"fmt"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
)

// fileSplit is a range of bytes of one version of a file.
type fileSplit struct {
	key        string // below the root of the location
	size       int64  // of the file
	version    string // storage.Object.Version
	start, end int64  // the range; the records that begin in it
}

// splitFormat is the first byte of a split's encoding.
const splitFormat = 1

// split returns the split as the runtime knows it. The ID has all that the split depends on (P4).
func (f *fileSplit) split() connector.Split {
	spec := []byte{splitFormat}
	for _, n := range []int64{f.size, f.start, f.end} {
		spec = binary.AppendUvarint(spec, uint64(n))
	}
	for _, s := range []string{f.key, f.version} {
		spec = binary.AppendUvarint(spec, uint64(len(s)))
		spec = append(spec, s...)
	}
	return connector.Split{
		ID:    fmt.Sprintf("%s,%d,%s,%d-%d", f.key, f.size, f.version, f.start, f.end),
		Chain: f.key,
		Spec:  spec,
	}
}

// decodeSplit reads a split's Spec.
func decodeSplit(s connector.Split) (fileSplit, error) {
	var f fileSplit
	in := input{rest: s.Spec}
	format := in.byte()
	f.size, f.start, f.end = in.number(), in.number(), in.number()
	f.key, f.version = in.text(), in.text()
	if in.bad || len(in.rest) > 0 || format != splitFormat || f.start < 0 || f.end < f.start || f.size < f.end {
		return f, fault.Permanentf("split "+s.ID, "restore from a snapshot of this version of Weir", "its description is malformed")
	}
	return f, nil
}

// position is where a reader is in a split.
type position struct {
	offset int64 // of the next record, in the file
	lines  int64 // read so far in the split
}

func (p position) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(p.offset))
	return binary.AppendUvarint(dst, uint64(p.lines))
}

// decodePosition reads a position in the split.
func decodePosition(f *fileSplit, b []byte) (position, error) {
	in := input{rest: b}
	p := position{offset: in.number(), lines: in.number()}
	if in.bad || len(in.rest) > 0 || p.offset < f.start || p.offset > f.size {
		return p, fault.Permanentf(fmt.Sprintf("split %s at %d-%d", f.key, f.start, f.end), "restore from another snapshot", "its position is malformed")
	}
	return p, nil
}

// input reads what encoding/binary wrote, and remembers whether anything was wrong.
type input struct {
	rest []byte
	bad  bool
}

func (in *input) byte() byte {
	if len(in.rest) == 0 {
		in.bad = true
		return 0
	}
	b := in.rest[0]
	in.rest = in.rest[1:]
	return b
}

func (in *input) number() int64 {
	v, n := binary.Uvarint(in.rest)
	if n <= 0 || int64(v) < 0 {
		in.bad = true
		return 0
	}
	in.rest = in.rest[n:]
	return int64(v)
}

func (in *input) bytes(n int64) []byte {
	if n > int64(len(in.rest)) {
		in.bad = true
		return nil
	}
	b := in.rest[:n]
	in.rest = in.rest[n:]
	return b
}

// fixed reads eight bytes.
func (in *input) fixed() int64 {
	b := in.bytes(8)
	if in.bad {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(b))
}

func (in *input) text() string { return string(in.bytes(in.number())) }
