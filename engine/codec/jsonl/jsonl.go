// Package jsonl is the format 'json': one JSON object (RFC 8259) on each line, with Flink's options and conversions.
//
// Reading: members are matched to columns by name, case and all; unknown members are skipped whatever they hold, of equal
// ones the last counts, and a missing one or null is NULL. A line may be an array of objects, which are a row each. A
// STRING takes any value, one that is no string as the JSON text that stands there. Numbers take strings that hold one; INT
// and BIGINT drop a fraction, as Flink does, and refuse what does not fit. BOOLEAN takes true, false and strings that say
// so; unlike in Flink, where any other text is false, the rest is an error. Nothing is repaired: text that is not UTF-8,
// lone surrogates and control characters in strings are errors. But where errors are ignored, a row is kept if Flink keeps
// it: with control characters as they are, U+FFFD for a lone surrogate, and without what follows the object.
//
// Writing: every column in its order; doubles in their shortest exact form, as Java writes them, NaN and the infinities as
// strings, all of which reads back to the same value.
package jsonl

import (
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/sqltime"
	"github.com/weirstream/weir/engine/connector/table"
	"github.com/weirstream/weir/engine/types"
)

// Format is the format 'json'. The zero value has Flink's defaults.
type Format struct {
	// FailOnMissingField makes a row without one of the columns an error; else the column is NULL.
	FailOnMissingField bool
	// IgnoreParseErrors makes a value that does not fit its column NULL, and skips what is no JSON object.
	IgnoreParseErrors bool
	// EncodeIgnoreNullFields leaves out columns that are NULL.
	EncodeIgnoreNullFields bool
	// ISO8601 reads and writes timestamps as yyyy-MM-ddTHH:mm:ss, read with or without an offset; else with a blank for
	// the T.
	ISO8601 bool
}

// The options of the format, as in Flink.
const (
	failOnMissing    = "json.fail-on-missing-field"
	ignoreErrors     = "json.ignore-parse-errors"
	ignoreNulls      = "json.encode.ignore-null-fields"
	timestampFormat  = "json.timestamp-format.standard"
	ignoreErrorsHint = "correct the data, or set '" + ignoreErrors + "' = 'true' to skip what cannot be read"
)

// FromOptions reads the options json.* of a table.
func FromOptions(o *table.Options) (codec.Format, error) {
	var f Format
	var err error
	if f.FailOnMissingField, err = o.Bool(failOnMissing, false); err != nil {
		return nil, err
	}
	if f.IgnoreParseErrors, err = o.Bool(ignoreErrors, false); err != nil {
		return nil, err
	}
	if f.EncodeIgnoreNullFields, err = o.Bool(ignoreNulls, false); err != nil {
		return nil, err
	}
	standard, err := o.OneOf(timestampFormat, "SQL", "ISO-8601")
	if err != nil {
		return nil, err
	}
	f.ISO8601 = standard == "ISO-8601"
	if f.FailOnMissingField && f.IgnoreParseErrors {
		return nil, o.Errorf(failOnMissing, "set only one of the two", "it contradicts '%s'", ignoreErrors)
	}
	return f, nil
}

// Name is "json".
func (Format) Name() string { return "json" }

// Framing ends records with their lines.
func (Format) Framing() codec.Framing { return codec.Lines{} }

// Decoder reads rows of the schema.
func (f Format) Decoder(s types.Schema) codec.Decoder { return newDecoder(f, s) }

// Encoder writes rows of the schema.
func (f Format) Encoder(s types.Schema) codec.Encoder { return newEncoder(f, s) }

func (f Format) layout() sqltime.Layout {
	if f.ISO8601 {
		return sqltime.ISO
	}
	return sqltime.SQL
}
