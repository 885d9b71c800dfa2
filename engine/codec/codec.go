// Package codec is the contract of formats: records in, rows of [batch.Columns] out, and back. Each format is a
// package below this one; package sqltime holds the text of dates and timestamps that they share.
//
// What is particular to the bytes of a format its [Framing] says: whether they are text, where a record ends (mostly with its line), and
// how a file splits ([Ends]).
// Who reads the bytes, from files or elsewhere, is the caller's business. What a format writes it reads back to the same rows, as far as its own options
// allow; what it could not read back it refuses to write. No format allocates for a record once its buffers have grown.
package codec

import (
	"bytes"
	"fmt"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec/sqltime"
	"github.com/weirstream/weir/engine/types"
)

// Format makes decoders and encoders. It is immutable and may be shared.
type Format interface {
	WriteFormat
	// Framing says where records end, and how files split.
	Framing() Framing
	// Decoder reads rows of the schema, which it keeps.
	Decoder(s types.Schema) Decoder
}

// WriteFormat makes encoders. It is immutable and may be shared.
type WriteFormat interface {
	// Name is the format's name in SQL.
	Name() string
	// Encoder writes rows of the schema, which it keeps.
	Encoder(s types.Schema) Encoder
}

// Framing says where the records of a format end. It has no state, and may be shared.
type Framing interface {
	// Text says that files are text in UTF-8. Who reads them skips a byte order mark that one begins with, refuses what begins
	// like no such text, and names lines in errors. Otherwise all bytes are the format's.
	Text() bool
	// Next returns the length of the record at the start of data, what ends it included, such as a line feed, and how many
	// lines it spans, if they are text. 0: the record does not end in data. If last, nothing follows data, and there is always a
	// record; one that is broken so that no end can be found is its first line. A record may be a whole file: its end is found only if last.
	Next(data []byte, last bool) (n, lines int)
	// Content returns what a Decoder takes of a record of Next: without a line feed that ends it.
	Content(record []byte) []byte
	// Ends finds the ends of records from anywhere in a file, so that it may be read in splits. Nil: only who has read a file
	// from its start knows where its records end, so that it is one split.
	Ends() Ends
}

// Ends finds the ends of records in a part of a file, without having seen what is before it. offset is where data begins in
// the file.
type Ends interface {
	// First returns the length of data up to the first byte that ends a record, and with it; 0: none does.
	First(data []byte, offset int64) int
	// Last is First for the last such byte.
	Last(data []byte, offset int64) int
}

// Lines is the framing of formats whose records are lines.
type Lines struct{}

// Text is true.
func (Lines) Text() bool { return true }

// Next ends a record with its line feed.
func (Lines) Next(data []byte, last bool) (n, lines int) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, 1
	}
	if last {
		return len(data), 1
	}
	return 0, 0
}

// Content is the line without its line feed.
func (Lines) Content(record []byte) []byte {
	if n := len(record); n > 0 && record[n-1] == '\n' {
		return record[:n-1]
	}
	return record
}

// Ends is every line feed.
func (Lines) Ends() Ends { return Lines{} }

// First looks for the first line feed.
func (Lines) First(data []byte, _ int64) int { return bytes.IndexByte(data, '\n') + 1 }

// Last looks for the last line feed.
func (Lines) Last(data []byte, _ int64) int { return bytes.LastIndexByte(data, '\n') + 1 }

// Decoder turns records into rows. One goroutine uses it.
type Decoder interface {
	// Into names the columns, of the decoder's schema, that the following records are appended to. The caller must not
	// exchange their vectors before the next Into.
	Into(c *batch.Columns)
	// Decode appends the rows of a record, of which it takes the content (see [Framing]), and says whether there were any: blank lines,
	// comments and what the format was told to ignore have none. An error is an *Error, and leaves no part of the
	// record behind.
	Decode(record []byte) (bool, error)
	// Skipped is how many records were dropped, since the decoder was made, because they could not be read and the
	// format was told to ignore that.
	Skipped() int64
}

// HeaderDecoder is a decoder whose files begin with a header.
type HeaderDecoder interface {
	Decoder
	// Header takes a record where a file's header may be, and says whether it was the header: blank lines and comments
	// may stand before it. An error is an *Error.
	Header(record []byte) (bool, error)
}

// Encoder turns rows into lines. One goroutine uses it.
type Encoder interface {
	// AppendHeader appends what every file begins with; of most formats nothing. Errors are those of Append.
	AppendHeader(dst []byte) ([]byte, error)
	// Append appends all rows of c, each with a line end. An error is an *Error: a row that would be read back as
	// another one, or not at all. Nothing was appended then.
	Append(dst []byte, c *batch.Columns) ([]byte, error)
}

// ChangelogEncoder is an Encoder of rows of all kinds: what it writes says of each whether it comes or goes. Append writes rows that
// come.
type ChangelogEncoder interface {
	Encoder
	// AppendChanges appends all rows of c, as Append does. kinds has the kind of each; nil: all are inserts.
	AppendChanges(dst []byte, c *batch.Columns, kinds []batch.RowKind) ([]byte, error)
}

// Error says what is wrong with a record.
type Error struct {
	// At is the offset in the record, in bytes.
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

// OtherLayout is the part of a remedy that names the option which says how timestamps are written, where they have the
// layout now.
func OtherLayout(option string, now sqltime.Layout) string {
	other, standard := sqltime.ISO, "ISO-8601"
	if now == sqltime.ISO {
		other, standard = sqltime.SQL, "SQL"
	}
	return fmt.Sprintf("set '%s' = '%s' if they are written %s, or ", option, standard, other)
}
