package csv

import (
	"bytes"

	"github.com/weirstream/weir/engine/codec"
)

// framing finds the ends of records. What it takes for a quoted value is what the decoder takes for one.
type framing struct {
	codec.Lines
	f Format
}

// Ends is every line feed, if no value can hold one.
func (r framing) Ends() codec.Ends {
	if r.singleLine() {
		return codec.Lines{}
	}
	return nil
}

// singleLine says that no value can hold a line feed.
func (r framing) singleLine() bool { return r.f.SingleLine || r.f.Quote == 0 && r.f.Escape == 0 }

// Next ends a record with LF, CRLF or CR that is neither quoted nor escaped.
func (r framing) Next(data []byte, last bool) (n, lines int) {
	line := data
	end := bytes.IndexByte(data, '\n')
	if end >= 0 {
		line = data[:end]
	}
	if !r.singleLine() && r.mayBreak(line) && !(r.f.AllowComments && isComment(line)) {
		return r.scan(data, last)
	}
	return lineEnd(line, end, last)
}

// mayBreak says whether a line holds what could make its end a part of a value.
func (r framing) mayBreak(line []byte) bool {
	return r.f.Quote != 0 && bytes.IndexByte(line, r.f.Quote) >= 0 || r.f.Escape != 0 && bytes.IndexByte(line, r.f.Escape) >= 0
}

// lineEnd ends a record within line, which has no LF, or with the LF at end; negative: there is none.
func lineEnd(line []byte, end int, last bool) (n, lines int) {
	// A CR ends the record unless an LF follows, which then does. At the end of data that cannot be told yet.
	if cr := bytes.IndexByte(line, '\r'); cr >= 0 && cr+1 < len(line) {
		return cr + 1, 1
	}
	switch {
	case end >= 0:
		return end + 1, 1
	case last:
		return len(line), 1
	}
	return 0, 0
}

// firstLine ends a record that is broken with its first line.
func firstLine(data []byte) (n, lines int) {
	if end := bytes.IndexByte(data, '\n'); end >= 0 {
		return lineEnd(data[:end], end, true)
	}
	return lineEnd(data, -1, true)
}

// scan reads value after value up to the end of the record.
func (r framing) scan(data []byte, last bool) (n, lines int) {
	for p := 0; ; p++ { // p is where a value begins: the decoder looks for a quote nowhere else
		if r.f.Quote != 0 && p < len(data) && data[p] == r.f.Quote {
			behind := r.closing(data, p+1, last)
			switch {
			case behind >= 0:
				p = behind
			case last:
				return firstLine(data)
			default:
				return 0, 0
			}
		}
		for ; p < len(data) && (r.f.Delimiter != data[p]); p++ {
			switch c := data[p]; {
			case c == r.f.Escape && r.f.Escape != 0:
				p++
			case c == '\n':
				return ended(data, p+1)
			case c == '\r' && p+1 < len(data) && data[p+1] == '\n':
				return ended(data, p+2)
			case c == '\r' && (p+1 < len(data) || last):
				return ended(data, p+1)
			}
		}
		if p >= len(data) {
			if last {
				return ended(data, len(data))
			}
			return 0, 0
		}
	}
}

// closing returns the offset behind the quote that closes the value whose text begins at p, or -1: it is not in data.
func (r framing) closing(data []byte, p int, last bool) int {
	for p < len(data) {
		if r.f.Escape == 0 {
			i := bytes.IndexByte(data[p:], r.f.Quote)
			if i < 0 {
				return -1
			}
			p += i
		}
		switch c := data[p]; {
		case c == r.f.Quote && p+1 == len(data) && !last:
			return -1 // another quote may follow
		case c == r.f.Quote && p+1 < len(data) && data[p+1] == r.f.Quote:
			p += 2
		case c == r.f.Quote:
			return p + 1
		case c == r.f.Escape && r.f.Escape != 0:
			p += 2
		default:
			p++
		}
	}
	return -1
}

// ended counts the lines of a record of n bytes.
func ended(data []byte, n int) (int, int) { return n, max(bytes.Count(data[:n], []byte{'\n'}), 1) }

// isComment says whether a line is a comment where such are allowed: blanks may stand before the '#'.
func isComment(line []byte) bool {
	line = bytes.TrimLeft(line, " ")
	return len(line) > 0 && line[0] == '#'
}
