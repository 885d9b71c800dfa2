// Package types is the types of SQL: what a column, an expression or a parameter may hold.
//
// A [Type] is an immutable value: a kind, the parameters that the kind has, and whether NULL is one of its values. How the
// values of a type lie in memory is a [batch.Layout], which [Type.Layout] tells; several types share one, and a type that
// has none cannot be read, computed or written yet.
//
// The package knows no values, conversions or functions: which types widen to which is a matter of expressions.
package types

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/weirstream/weir/engine/batch"
)

// Kind is a type without its parameters.
type Kind uint8

// The kinds of types. Of the numbers, each holds more than those before it.
const (
	KindNull Kind = iota // of a NULL whose type nothing tells
	KindBoolean
	KindTinyInt
	KindSmallInt
	KindInt
	KindBigInt
	KindFloat
	KindDouble
	KindDecimal
	KindChar
	KindVarChar // STRING is one
	KindBinary
	KindVarBinary // BYTES is one
	KindDate
	KindTime
	KindTimestamp    // zoneless
	KindTimestampLTZ // a moment, shown in the zone of the session
	KindArray
	KindMap
	KindRow
)

var kindNames = [...]string{"NULL", "BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL", "CHAR", "VARCHAR", "BINARY", "VARBINARY",
	"DATE", "TIME", "TIMESTAMP", "TIMESTAMP_LTZ", "ARRAY", "MAP", "ROW"}

// String is the kind's name in SQL.
func (k Kind) String() string {
	if int(k) >= len(kindNames) {
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
	return kindNames[k]
}

// Type is a type of SQL. Constructors return types that have NULL as a value; [Type.NotNull] takes it away. The zero value is
// the type of a bare NULL.
type Type struct {
	kind    Kind
	notNull bool
	// precision is the digits of a DECIMAL, the digits behind the second of a time, the length of a string.
	precision int
	scale     int
	fields    []Field // the fields of a ROW, the element of an ARRAY, the key and the value of a MAP; never changed
}

// Field is a column of a table, or a field of a ROW.
type Field struct {
	Name string
	Type Type
}

// The bounds that Flink sets to the parameters of types.
const (
	MaxLength    = math.MaxInt32 // of strings: that of STRING and BYTES
	MaxDigits    = 38            // of DECIMAL
	MaxPrecision = 9             // of times, in digits behind the second
)

// Null is the type of a bare NULL: it is that of any column that the NULL is needed for.
func Null() Type { return Type{} }

// Boolean is BOOLEAN.
func Boolean() Type { return Type{kind: KindBoolean} }

// TinyInt is TINYINT, an integer of 8 bits.
func TinyInt() Type { return Type{kind: KindTinyInt} }

// SmallInt is SMALLINT, an integer of 16 bits.
func SmallInt() Type { return Type{kind: KindSmallInt} }

// Int is INT, an integer of 32 bits.
func Int() Type { return Type{kind: KindInt} }

// BigInt is BIGINT, an integer of 64 bits.
func BigInt() Type { return Type{kind: KindBigInt} }

// Float is FLOAT, a binary number of 32 bits.
func Float() Type { return Type{kind: KindFloat} }

// Double is DOUBLE, a binary number of 64 bits.
func Double() Type { return Type{kind: KindDouble} }

// Decimal is DECIMAL(precision, scale): a number of at most precision digits, scale of them behind the point.
func Decimal(precision, scale int) Type {
	within("the precision of DECIMAL", precision, 1, MaxDigits)
	within("the scale of DECIMAL", scale, 0, precision)
	return Type{kind: KindDecimal, precision: precision, scale: scale}
}

// Char is CHAR(length): texts of that many characters.
func Char(length int) Type { return sized(KindChar, length) }

// VarChar is VARCHAR(length): texts of at most that many characters.
func VarChar(length int) Type { return sized(KindVarChar, length) }

// String is STRING, which is VARCHAR(MaxLength).
func String() Type { return VarChar(MaxLength) }

// Binary is BINARY(length): that many bytes.
func Binary(length int) Type { return sized(KindBinary, length) }

// VarBinary is VARBINARY(length): at most that many bytes.
func VarBinary(length int) Type { return sized(KindVarBinary, length) }

// Bytes is BYTES, which is VARBINARY(MaxLength).
func Bytes() Type { return VarBinary(MaxLength) }

// Date is DATE: a day, without a zone.
func Date() Type { return Type{kind: KindDate} }

// Time is TIME(precision): a time of day.
func Time(precision int) Type { return timed(KindTime, precision) }

// Timestamp is TIMESTAMP(precision): a day and a time of day, without a zone.
func Timestamp(precision int) Type { return timed(KindTimestamp, precision) }

// TimestampLTZ is TIMESTAMP_LTZ(precision): a moment.
func TimestampLTZ(precision int) Type { return timed(KindTimestampLTZ, precision) }

// Array is ARRAY<element>.
func Array(element Type) Type { return Type{kind: KindArray, fields: []Field{{Type: element}}} }

// Map is MAP<key, value>.
func Map(key, value Type) Type {
	return Type{kind: KindMap, fields: []Field{{Type: key}, {Type: value}}}
}

// Row is ROW<fields>.
func Row(fields ...Field) Type { return Type{kind: KindRow, fields: slices.Clone(fields)} }

func sized(k Kind, length int) Type {
	within("the length of "+k.String(), length, 1, MaxLength)
	return Type{kind: k, precision: length}
}

func timed(k Kind, precision int) Type {
	within("the precision of "+k.String(), precision, 0, MaxPrecision)
	return Type{kind: k, precision: precision}
}

// within panics if a parameter is out of bounds: who reads it from a text checks it there, where its place is known.
func within(what string, n, least, most int) {
	if n < least || n > most {
		panic(fmt.Sprintf("%s is %d: it must be from %d to %d", what, n, least, most))
	}
}

// Kind is the kind of the type.
func (t Type) Kind() Kind { return t.kind }

// Is says whether the type is of one of the kinds.
func (t Type) Is(kinds ...Kind) bool { return slices.Contains(kinds, t.kind) }

// Nullable says whether NULL is a value of the type.
func (t Type) Nullable() bool { return !t.notNull }

// NotNull is the type without NULL.
func (t Type) NotNull() Type { return t.WithNull(false) }

// WithNull is the type with NULL, or without. A bare NULL stays one.
func (t Type) WithNull(nullable bool) Type {
	t.notNull = !nullable && t.kind != KindNull
	return t
}

// Precision is how many digits a DECIMAL has, or a time behind the second.
func (t Type) Precision() int { return t.precision }

// Scale is how many digits of a DECIMAL are behind the point.
func (t Type) Scale() int { return t.scale }

// Length is how many characters a CHAR or VARCHAR, or bytes a BINARY or VARBINARY, has at most.
func (t Type) Length() int { return t.precision }

// Element is the type of the elements of an ARRAY, or of the values of a MAP.
func (t Type) Element() Type { return t.fields[len(t.fields)-1].Type }

// Key is the type of the keys of a MAP.
func (t Type) Key() Type { return t.fields[0].Type }

// Fields are those of a ROW. They must not be changed.
func (t Type) Fields() []Field { return t.fields }

// Equal says whether two types are one.
func (t Type) Equal(o Type) bool { return t.notNull == o.notNull && t.Same(o) }

// Same says whether two types are one but for NULL.
func (t Type) Same(o Type) bool {
	same := func(a, b Field) bool { return a.Name == b.Name && a.Type.Equal(b.Type) }
	return t.kind == o.kind && t.precision == o.precision && t.scale == o.scale && slices.EqualFunc(t.fields, o.fields, same)
}

// String is the type as SQL has it, but for a NOT NULL of its own: what errors and fingerprints say. Whether a column may be
// NULL neither makes two types incompatible nor gives a state another meaning.
func (t Type) String() string {
	switch t.kind {
	case KindDecimal:
		return fmt.Sprintf("DECIMAL(%d, %d)", t.precision, t.scale)
	case KindVarChar, KindVarBinary:
		if t.precision == MaxLength {
			return map[Kind]string{KindVarChar: "STRING", KindVarBinary: "BYTES"}[t.kind]
		}
		return fmt.Sprintf("%v(%d)", t.kind, t.precision)
	case KindChar, KindBinary, KindTime, KindTimestamp, KindTimestampLTZ:
		return fmt.Sprintf("%v(%d)", t.kind, t.precision)
	case KindArray, KindMap, KindRow:
		return t.kind.String() + "<" + t.nested() + ">"
	}
	return t.kind.String()
}

// SQL is the type as it is declared, such as DECIMAL(10, 2) NOT NULL.
func (t Type) SQL() string {
	if t.notNull {
		return t.String() + " NOT NULL"
	}
	return t.String()
}

// nested is what stands between the angle brackets.
func (t Type) nested() string {
	parts := make([]string, len(t.fields))
	for i, f := range t.fields {
		parts[i] = f.Type.SQL()
		if t.kind == KindRow {
			parts[i] = "`" + strings.ReplaceAll(f.Name, "`", "``") + "` " + parts[i]
		}
	}
	return strings.Join(parts, ", ")
}

// Layout is how a column of the type lies in memory; ok is false for a type that no column can have yet.
func (t Type) Layout() (l batch.Layout, ok bool) {
	switch t.kind {
	case KindBoolean:
		return batch.Bool, true
	case KindInt, KindDate: // a date as days since 1970-01-01
		return batch.Int32, true
	case KindBigInt:
		return batch.Int64, true
	case KindDouble:
		return batch.Float64, true
	case KindVarChar: // UTF-8; a limited length takes who cuts what is longer
		return batch.Text, t.precision == MaxLength
	case KindTimestamp: // as ms since 1970-01-01 00:00:00
		return batch.Int64, t.precision <= 3
	}
	return 0, false
}

// Schema is the columns of a table or an intermediate result, by their SQL types. It is never changed once it is in use.
type Schema []Field

// Layout is how rows of the columns lie in memory. It panics if a column has a type that no column can have.
func (s Schema) Layout() *batch.Schema {
	out := &batch.Schema{Fields: make([]batch.Field, len(s))}
	for i, f := range s {
		out.Fields[i] = batch.Field{Name: f.Name, Layout: MustLayout(f.Type)}
	}
	return out
}

// MustLayout is the layout of a type that a column has.
func MustLayout(t Type) batch.Layout {
	l, ok := t.Layout()
	if !ok {
		panic("a column of the type " + t.SQL())
	}
	return l
}

// Names are the names of the columns.
func (s Schema) Names() []string {
	names := make([]string, len(s))
	for i, f := range s {
		names[i] = f.Name
	}
	return names
}
