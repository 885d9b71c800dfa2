// Package csv is the format 'csv': delimited text (RFC 4180), with Flink's options and conversions.
//
// Reading: values stand in the order of the columns. A quoted value may hold delimiters, doubled quotes and line breaks; so
// a record may span lines, and a file is read from its beginning on, in one split, unless nothing can hold a line break. A
// line ends with LF, CRLF or CR. Quotes that are never closed, in the file or within the largest record, are an error on
// their first line, and reading goes on behind that line if errors are ignored. A row has exactly one value for each
// column; one more that is empty is a delimiter at the end of the line, and is dropped. Numbers and truth values may have
// white space around them. Blank lines are skipped. A header, if there is one, is not matched to columns by name, but it is
// refused if it says that a column stands elsewhere.
//
// NULL is the literal of 'csv.null-literal', also in quotes as in Flink, but for the empty one, which is NULL bare and the
// empty string in quotes. Without a literal, an empty value is NULL where the column is not a STRING, and the empty string
// where it is; so set one to tell NULL from the empty string in what is written.
//
// Writing: what needs quotes gets them, or escapes where there are no quotes; doubles as Java writes them. It reads back to
// the same values: a string for which there is no way to be written so is refused.
package csv

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/sqltime"
	"github.com/weirstream/weir/engine/connector/table"
	"github.com/weirstream/weir/engine/types"
)

// Format is the format 'csv'. Use New for Flink's defaults.
type Format struct {
	// Delimiter stands between values.
	Delimiter byte
	// Quote encloses values; 0: nothing does.
	Quote byte
	// Escape makes the byte after it an ordinary one; 0: nothing does.
	Escape byte
	// NullLiteral stands for NULL if HasNullLiteral.
	NullLiteral    string
	HasNullLiteral bool
	// AllowComments skips lines that begin with '#', or with blanks and '#'.
	AllowComments bool
	// IgnoreParseErrors makes a value that does not fit its column NULL, fills short rows with NULL, and skips rows with
	// too many values and what is not CSV.
	IgnoreParseErrors bool
	// Header says that files begin with the names of the columns.
	Header bool
	// SingleLine says that no value holds a line break, so that files can be read in splits.
	SingleLine bool
	// ISO8601 reads and writes timestamps as yyyy-MM-ddTHH:mm:ss; else with a blank for the T.
	ISO8601 bool
}

// New returns the format with Flink's defaults.
func New() Format { return Format{Delimiter: ',', Quote: '"'} }

// The options of the format. Those that Flink has are as in Flink; the last three are Weir's own.
const (
	fieldDelimiter = "csv.field-delimiter"
	quoteCharacter = "csv.quote-character"
	disableQuote   = "csv.disable-quote-character"
	escapeChar     = "csv.escape-character"
	nullLiteral    = "csv.null-literal"
	allowComments  = "csv.allow-comments"
	ignoreErrors   = "csv.ignore-parse-errors"
	header         = "csv.header"
	lineBreaks     = "csv.quoted-line-breaks"
	timestamps     = "csv.timestamp-format.standard"

	ignoreErrorsHint = "correct the data, or set '" + ignoreErrors + "' = 'true' to skip what cannot be read"
)

// FromOptions reads the options csv.* of a table.
func FromOptions(o *table.Options) (codec.Format, error) {
	f := New()
	var err error
	if f.Delimiter, err = character(o, fieldDelimiter, f.Delimiter); err != nil {
		return nil, err
	}
	if f.Quote, err = character(o, quoteCharacter, f.Quote); err != nil {
		return nil, err
	}
	if f.Escape, err = character(o, escapeChar, 0); err != nil {
		return nil, err
	}
	noQuote, err := o.Bool(disableQuote, false)
	if err != nil {
		return nil, err
	}
	if _, set := o.Get(quoteCharacter); noQuote && set {
		return nil, o.Errorf(quoteCharacter, "set only one of the two", "it contradicts '%s'", disableQuote)
	}
	if noQuote {
		f.Quote = 0
	}
	if f.Delimiter == f.Quote || f.Delimiter == f.Escape || f.Quote != 0 && f.Quote == f.Escape {
		return nil, o.Errorf(fieldDelimiter, "give each its own character", "delimiter, quote and escape character must differ")
	}
	if f.Escape != 0 && strings.ContainsAny(string([]byte{f.Delimiter, f.Quote, f.Escape}), "nrt0") {
		return nil, o.Errorf(escapeChar, "use other characters", "behind an escape, n, r, t and 0 stand for line break, carriage return, tab and NUL, so they can be neither delimiter nor quote nor escape")
	}
	if err := f.readSwitches(o); err != nil {
		return nil, err
	}
	f.NullLiteral, f.HasNullLiteral = o.Get(nullLiteral)
	if strings.ContainsAny(f.NullLiteral, "\r\n"+string([]byte{f.Delimiter, f.Quote, f.Escape})) || f.AllowComments && isComment([]byte(f.NullLiteral)) {
		return nil, o.Errorf(nullLiteral, `write a word such as 'NULL'`, "it must hold no delimiter, quote, escape or line break, and not look like a comment")
	}
	return f, nil
}

// readSwitches reads what is either so or so.
func (f *Format) readSwitches(o *table.Options) (err error) {
	breaks := true
	for _, s := range []struct {
		key string
		to  *bool
	}{{allowComments, &f.AllowComments}, {ignoreErrors, &f.IgnoreParseErrors}, {header, &f.Header}, {lineBreaks, &breaks}} {
		if *s.to, err = o.Bool(s.key, *s.to); err != nil {
			return err
		}
	}
	f.SingleLine = !breaks
	standard, err := o.OneOf(timestamps, "SQL", "ISO-8601")
	f.ISO8601 = standard == "ISO-8601"
	return err
}

// escapes are the ways to write a character that SQL text shows badly, as in Flink.
var escapes = map[string]byte{`\t`: '\t', `\\`: '\\', `\0`: 0}

// character reads an option that is one ASCII character.
func character(o *table.Options, key string, def byte) (byte, error) {
	v, ok := o.Get(key)
	if !ok {
		return def, nil
	}
	if c, ok := escapes[v]; ok {
		return c, nil
	}
	if len(v) == len(`\u0000`) && v[:2] == `\u` {
		if c, err := strconv.ParseUint(v[2:], 16, 7); err == nil {
			v = string([]byte{byte(c)})
		}
	}
	if len(v) != 1 || v[0] >= utf8.RuneSelf || v[0] == '\n' || v[0] == '\r' || v[0] == 0 {
		return 0, o.Errorf(key, `write a character such as ';', or '\t' for a tab`, "it must be one ASCII character and no line break")
	}
	return v[0], nil
}

func (f Format) layout() sqltime.Layout {
	if f.ISO8601 {
		return sqltime.ISO
	}
	return sqltime.SQL
}

// Name is "csv".
func (Format) Name() string { return "csv" }

// Framing finds the ends of records that may span lines.
func (f Format) Framing() codec.Framing { return framing{f: f} }

// Decoder reads rows of the schema.
func (f Format) Decoder(s types.Schema) codec.Decoder {
	d := newDecoder(f, s)
	if f.Header {
		return &headerDecoder{d}
	}
	return d
}

// Encoder writes rows of the schema.
func (f Format) Encoder(s types.Schema) codec.Encoder { return newEncoder(f, s) }

// blankIsRow says whether a blank line is a row: it is how the empty value of a table of one column is written where quotes
// are not there, or would make it another value.
func (f *Format) blankIsRow(columns int) bool {
	return columns == 1 && (f.Quote == 0 || f.HasNullLiteral && f.NullLiteral == "")
}
