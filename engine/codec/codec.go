// Package codec is the contract of text formats: lines in, rows of [batch.Columns] out, and back. Each format is a
// package below this one; package sqltime holds the text of dates and timestamps that they share.
//
// A record is one line. Who finds the lines, in files or elsewhere, is the caller's business; a format never sees a line
// end when it reads, and writes exactly one after each row. What a format writes it reads back to the same rows, as far as
// its own options allow. No format allocates for a record once its buffers have grown.
package codec

import (
	"fmt"

	"github.com/weirstream/weir/engine/batch"
)

// Format makes decoders and encoders. It is immutable and may be shared.
type Format interface {
	// Name is the format's name in SQL.
	Name() string
	// Decoder reads rows of the schema, which it keeps.
	Decoder(s *batch.Schema) Decoder
	// Encoder writes rows of the schema, which it keeps.
	Encoder(s *batch.Schema) Encoder
}

// Decoder turns lines into rows. One goroutine uses it.
type Decoder interface {
	// Into names the columns, of the decoder's schema, that the following lines are appended to. The caller must not
	// exchange their vectors before the next Into.
	Into(c *batch.Columns)
	// Decode appends the row of a line that has no line end, and says whether there was one: blank lines, comments
	// and what the format was told to ignore are none. An error is an *Error, and leaves no part of the row behind.
	Decode(line []byte) (bool, error)
}

// Encoder turns rows into lines. One goroutine uses it.
type Encoder interface {
	// Append appends all rows of c, each with a line end.
	Append(dst []byte, c *batch.Columns) []byte
}

// Error says what is wrong with a line.
type Error struct {
	// At is the offset in the line, in bytes.
	At int
	// Field is the column that the text was meant for; empty if none.
	Field string
	// Reason says what is wrong.
	Reason string
	// Excerpt is the text at the place: short, quoted and escaped.
	Excerpt string
	// Remedy says what can be done about it.
	Remedy string
}

// Error reads "field f: reason at "excerpt"".
func (e *Error) Error() string {
	s := e.Reason
	if e.Field != "" {
		s = fmt.Sprintf("field %q: %s", e.Field, s)
	}
	if e.Excerpt != "" {
		s += " at " + e.Excerpt
	}
	return s
}

// excerptBytes is how much of a line an error quotes.
const excerptBytes = 40

// Excerpt quotes a short part of line from offset at on, in ASCII, so that it may go to any terminal or log.
func Excerpt(line []byte, at int) string {
	at = min(max(at, 0), len(line))
	rest := line[at:]
	if len(rest) == 0 {
		return "the end of the line"
	}
	if len(rest) > excerptBytes {
		return fmt.Sprintf("%+q...", rest[:excerptBytes])
	}
	return fmt.Sprintf("%+q", rest)
}
