// Package csv is the format 'csv': delimited text (RFC 4180), one row on each line, with Flink's options and conversions.
//
// Reading: values stand in the order of the columns; there is no header. A quoted value may hold delimiters and doubled
// quotes, but no line break: a record is one line. A row has exactly one value for each column, unless parse errors are
// ignored. Numbers and truth values may have white space around them. Blank lines are skipped.
//
// NULL is the literal of 'csv.null-literal', unquoted. Without one, an empty value is NULL where the column is not a
// STRING, and the empty string where it is; so set one to tell NULL from the empty string in what is written.
//
// Writing: what needs quotes gets them; doubles in their shortest exact form. It reads back to the same values, but for
// strings with line breaks, which other readers of RFC 4180 understand and this one refuses.
package csv

import (
	"strings"
	"unicode/utf8"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/connector/table"
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
	// AllowComments skips lines that begin with '#'.
	AllowComments bool
	// IgnoreParseErrors makes a value that does not fit its column NULL, fills short rows with NULL, drops what rows
	// have beyond the last column, and skips lines that are not CSV.
	IgnoreParseErrors bool
}

// New returns the format with Flink's defaults.
func New() Format { return Format{Delimiter: ',', Quote: '"'} }

// The options of the format, as in Flink.
const (
	fieldDelimiter = "csv.field-delimiter"
	quoteCharacter = "csv.quote-character"
	disableQuote   = "csv.disable-quote-character"
	escapeChar     = "csv.escape-character"
	nullLiteral    = "csv.null-literal"
	allowComments  = "csv.allow-comments"
	ignoreErrors   = "csv.ignore-parse-errors"

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
	f.NullLiteral, f.HasNullLiteral = o.Get(nullLiteral)
	if strings.ContainsAny(f.NullLiteral, "\r\n"+string(rune(f.Delimiter))+string(rune(f.Quote))) {
		return nil, o.Errorf(nullLiteral, `write a word such as 'NULL' or '\N'`, "it must hold neither delimiter nor quote nor line break")
	}
	if f.AllowComments, err = o.Bool(allowComments, false); err != nil {
		return nil, err
	}
	if f.IgnoreParseErrors, err = o.Bool(ignoreErrors, false); err != nil {
		return nil, err
	}
	return f, nil
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
	if len(v) != 1 || v[0] >= utf8.RuneSelf || v[0] == '\n' || v[0] == '\r' || v[0] == 0 {
		return 0, o.Errorf(key, `write a character such as ';', or '\t' for a tab`, "it must be one ASCII character and no line break")
	}
	return v[0], nil
}

// Name is "csv".
func (Format) Name() string { return "csv" }

// Decoder reads rows of the schema.
func (f Format) Decoder(s *batch.Schema) codec.Decoder {
	return &decoder{format: f, cols: codec.NewColumns(s)}
}

// Encoder writes rows of the schema.
func (f Format) Encoder(s *batch.Schema) codec.Encoder { return newEncoder(f, s) }
