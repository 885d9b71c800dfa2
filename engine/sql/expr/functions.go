package expr

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/sql/datetime"
)

// Function describes a function to people; the SQL reference is made from these.
type Function struct{ Name, Signature, Description string }

// Functions returns every function that SQL texts may call, aggregates included, sorted by name.
func Functions() []Function {
	out := slices.Clone(aggregateFunctions)
	for _, f := range functions {
		out = append(out, f.Function)
	}
	slices.SortFunc(out, func(a, b Function) int { return strings.Compare(a.Name, b.Name) })
	return out
}

var aggregateFunctions = []Function{
	{"AVG", "AVG(x number) same type", "The mean of the values that are not NULL; of integers, cut towards zero."},
	{"COUNT", "COUNT(*) or COUNT(x) BIGINT", "The number of rows, or of values that are not NULL."},
	{"MAX", "MAX(x number, DATE or TIMESTAMP) same type", "The greatest value that is not NULL."},
	{"MIN", "MIN(x number, DATE or TIMESTAMP) same type", "The least value that is not NULL."},
	{"SUM", "SUM(x number) same type", "The sum of the values that are not NULL, or NULL if there is none; integers wrap."},
}

// kind is what a function takes in one place.
type kind uint8

const (
	text    kind = iota
	whole        // INT or BIGINT
	real         // any number, as DOUBLE
	numbers      // any number; all such arguments get their common type
	instant      // DATE or TIMESTAMP, as TIMESTAMP
	anyType      // all such arguments get their common type
)

var kindNames = [...]string{"STRING", "INT or BIGINT", "a number", "a number", "DATE or TIMESTAMP(3)", "any type"}

// function is an entry of the table: a plain function with params, or a special form.
type function struct {
	Function
	params   []kind
	required int  // how many of params must be there
	variadic bool // the last one repeats
	// result is the type of the result; Unknown: that of the first argument.
	result batch.Type
	build  builder
	// special says that the binder knows the function by its name: its syntax or types are its own.
	special bool
}

// lookup finds a function by its upper-case name.
func lookup(name string) *function {
	if i := slices.IndexFunc(functions, func(f function) bool { return f.Name == name }); i >= 0 {
		return &functions[i]
	}
	return nil
}

func plain(signature, description string, result batch.Type, build builder, required int, params ...kind) function {
	name, _, _ := strings.Cut(signature, "(")
	return function{Function: Function{name, signature, description}, params: params, required: required, result: result, build: build}
}

func special(signature, description string) function {
	name, _, _ := strings.Cut(signature, "(")
	return function{Function: Function{name, signature, description}, special: true}
}

func extract(signature, description string, u datetime.Unit) function {
	return plain(signature, description, batch.BigInt, buildExtract(u), 1, instant)
}

func math1(signature, description string, f func(float64) float64) function {
	return plain(signature, description, batch.Double, func(_ *Call, args []Eval) Eval { return mapFixed(args[0], f) }, 1, real)
}

// functions is the one table of scalar functions.
var functions = slices.Concat(textFunctions(), numberFunctions(), timeFunctions(), conditionalFunctions())

func textFunctions() []function {
	charLengthBuild := func(_ *Call, args []Eval) Eval { return charLength(args[0]) }
	return []function{
		plain("CHAR_LENGTH(s STRING) INT", "The number of characters.", batch.Int, charLengthBuild, 1, text),
		plain("CHARACTER_LENGTH(s STRING) INT", "The same as CHAR_LENGTH.", batch.Int, charLengthBuild, 1, text),
		plain("UPPER(s STRING) STRING", "The string in upper case.", batch.String, mapRunes(upperASCII, unicode.ToUpper), 1, text),
		plain("LOWER(s STRING) STRING", "The string in lower case.", batch.String, mapRunes(lowerASCII, unicode.ToLower), 1, text),
		plain("INITCAP(s STRING) STRING", "Each word with its first letter in upper case, the others in lower case.", batch.String, perRow(initCap), 1, text),
		plain("CONCAT(s STRING, ...) STRING", "The strings one after the other; NULL if any is NULL.", batch.String, perRow(concat), 1, text).many(),
		plain("CONCAT_WS(separator STRING, s STRING, ...) STRING", "The strings that are not NULL with the separator between them.", batch.String, buildConcatWS, 2, text, text).many(),
		plain("SUBSTRING(s STRING, start INT[, length INT]) STRING", "Characters from start, counted from 1; also SUBSTRING(s FROM start FOR length). A negative start counts from the end.", batch.String, perRow(substring), 2, text, whole, whole),
		plain("SUBSTR(s STRING, start INT[, length INT]) STRING", "The same as SUBSTRING.", batch.String, perRow(substring), 2, text, whole, whole),
		plain("LEFT(s STRING, n INT) STRING", "The first n characters.", batch.String, perRow(left), 2, text, whole),
		plain("RIGHT(s STRING, n INT) STRING", "The last n characters.", batch.String, perRow(right), 2, text, whole),
		plain("LPAD(s STRING, n INT, pad STRING) STRING", "The string, padded on the left or cut to n characters.", batch.String, buildPad(true), 3, text, whole, text),
		plain("RPAD(s STRING, n INT, pad STRING) STRING", "The string, padded on the right or cut to n characters.", batch.String, buildPad(false), 3, text, whole, text),
		plain("REPEAT(s STRING, n INT) STRING", "The string n times.", batch.String, buildRepeat, 2, text, whole),
		plain("REPLACE(s STRING, search STRING, by STRING) STRING", "The string with every occurrence of search replaced.", batch.String, buildReplace, 3, text, text, text),
		plain("REVERSE(s STRING) STRING", "The characters in reverse order.", batch.String, perRow(reverse), 1, text),
		plain("POSITION(needle STRING IN s STRING) INT", "Where needle first occurs in s, from 1; 0 if it does not.", batch.Int, intPerRow(func(a *row) int32 { return find(a.text(1), a.text(0)) }), 2, text, text),
		plain("LOCATE(needle STRING, s STRING) INT", "The same as POSITION(needle IN s).", batch.Int, intPerRow(func(a *row) int32 { return find(a.text(1), a.text(0)) }), 2, text, text),
		plain("INSTR(s STRING, needle STRING) INT", "The same as POSITION(needle IN s).", batch.Int, intPerRow(func(a *row) int32 { return find(a.text(0), a.text(1)) }), 2, text, text),
		plain("STARTSWITH(s STRING, prefix STRING) BOOLEAN", "Whether s begins with prefix.", batch.Boolean, boolPerRow(func(a *row) bool { return bytes.HasPrefix(a.text(0), a.text(1)) }), 2, text, text),
		plain("ENDSWITH(s STRING, suffix STRING) BOOLEAN", "Whether s ends with suffix.", batch.Boolean, boolPerRow(func(a *row) bool { return bytes.HasSuffix(a.text(0), a.text(1)) }), 2, text, text),
		plain("SPLIT_INDEX(s STRING, separator STRING, n INT) STRING", "Part n, from 0, of s split at the separator; NULL if there is none.", batch.String, perRow(splitIndex), 3, text, text, whole),
		special("TRIM([BOTH | LEADING | TRAILING] [characters STRING FROM] s STRING) STRING", "The string without spaces, or the characters, at its ends."),
		plain("LTRIM(s STRING[, characters STRING]) STRING", "The string without spaces, or the characters, at its start.", batch.String, buildTrim(true, false), 1, text, text),
		plain("RTRIM(s STRING[, characters STRING]) STRING", "The string without spaces, or the characters, at its end.", batch.String, buildTrim(false, true), 1, text, text),
		plain("BTRIM(s STRING[, characters STRING]) STRING", "The string without spaces, or the characters, at its ends.", batch.String, buildTrim(true, true), 1, text, text),
	}
}

func numberFunctions() []function {
	return []function{
		plain("ABS(x number) same type", "The value without its sign.", batch.Unknown, buildUnary(absolute[int32], absolute[int64], math.Abs), 1, numbers),
		plain("SIGN(x number) same type", "-1, 0 or 1.", batch.Unknown, buildUnary(sign[int32], sign[int64], sign[float64]), 1, numbers),
		special("FLOOR(x number) same type", "The greatest whole number that is not greater; FLOOR(ts TO unit) is the start of the unit that holds the TIMESTAMP."),
		special("CEIL(x number) same type", "The least whole number that is not less; CEIL(ts TO unit) is the next start of a unit."),
		special("CEILING(x number) same type", "The same as CEIL."),
		special("ROUND(x number[, digits INT]) same type", "The value rounded to decimal digits, halves away from zero."),
		special("MOD(a INT or BIGINT, b INT or BIGINT) same type", "The rest of a / b, with the sign of a; the same as a % b."),
		plain("POWER(x DOUBLE, y DOUBLE) DOUBLE", "x to the power of y.", batch.Double, func(_ *Call, args []Eval) Eval {
			return rowFixed(args, func(_ *Run, a *row) (float64, bool) { return math.Pow(a.float(0), a.float(1)), true })
		}, 2, real, real),
		math1("SQRT(x DOUBLE) DOUBLE", "The square root.", math.Sqrt),
		math1("EXP(x DOUBLE) DOUBLE", "e to the power of x.", math.Exp),
		math1("LN(x DOUBLE) DOUBLE", "The natural logarithm.", math.Log),
		math1("LOG10(x DOUBLE) DOUBLE", "The logarithm to base 10.", math.Log10),
		plain("GREATEST(x any, ...) common type", "The greatest argument; NULL if any is NULL.", batch.Unknown, buildExtreme(1), 1, anyType).many(),
		plain("LEAST(x any, ...) common type", "The least argument; NULL if any is NULL.", batch.Unknown, buildExtreme(-1), 1, anyType).many(),
	}
}

func timeFunctions() []function {
	return []function{
		special("EXTRACT(unit FROM ts TIMESTAMP) BIGINT", "A part of a DATE or TIMESTAMP: YEAR, QUARTER, MONTH, WEEK, DAY, DOY, DOW (1 is Sunday), HOUR, MINUTE, SECOND, MILLISECOND or EPOCH."),
		extract("YEAR(ts TIMESTAMP) BIGINT", "EXTRACT(YEAR FROM ts).", datetime.Year),
		extract("QUARTER(ts TIMESTAMP) BIGINT", "EXTRACT(QUARTER FROM ts).", datetime.Quarter),
		extract("MONTH(ts TIMESTAMP) BIGINT", "EXTRACT(MONTH FROM ts).", datetime.Month),
		extract("WEEK(ts TIMESTAMP) BIGINT", "EXTRACT(WEEK FROM ts): the week by ISO 8601.", datetime.Week),
		extract("DAYOFYEAR(ts TIMESTAMP) BIGINT", "EXTRACT(DOY FROM ts).", datetime.DayOfYear),
		extract("DAYOFMONTH(ts TIMESTAMP) BIGINT", "EXTRACT(DAY FROM ts).", datetime.Day),
		extract("DAYOFWEEK(ts TIMESTAMP) BIGINT", "EXTRACT(DOW FROM ts): 1 is Sunday.", datetime.DayOfWeek),
		extract("HOUR(ts TIMESTAMP) BIGINT", "EXTRACT(HOUR FROM ts).", datetime.Hour),
		extract("MINUTE(ts TIMESTAMP) BIGINT", "EXTRACT(MINUTE FROM ts).", datetime.Minute),
		extract("SECOND(ts TIMESTAMP) BIGINT", "EXTRACT(SECOND FROM ts).", datetime.Second),
		plain("DATE_FORMAT(ts TIMESTAMP, format STRING) STRING", "The TIMESTAMP in a format of Java's letters, such as 'yyyy-MM-dd HH:mm'.", batch.String, buildDateFormat, 2, instant, text),
		plain("TO_TIMESTAMP(s STRING[, format STRING]) TIMESTAMP(3)", "The TIMESTAMP that s means, by default as 'yyyy-MM-dd HH:mm:ss'; NULL if it means none.", batch.Timestamp, buildToTimestamp, 1, text, text),
		plain("TO_DATE(s STRING[, format STRING]) DATE", "The DATE that s means, by default as 'yyyy-MM-dd'; NULL if it means none.", batch.Date, buildToDate, 1, text, text),
		special("TIMESTAMPADD(unit, n INT, ts TIMESTAMP) TIMESTAMP(3)", "The TIMESTAMP n units later."),
		special("TIMESTAMPDIFF(unit, a TIMESTAMP, b TIMESTAMP) INT", "The number of whole units from a to b."),
	}
}

func conditionalFunctions() []function {
	return []function{
		special("COALESCE(x any, ...) common type", "The first argument that is not NULL; later ones are not evaluated."),
		special("IFNULL(x any, y any) common type", "The same as COALESCE(x, y)."),
		special("NULLIF(a any, b any) type of a", "NULL if a = b, else a."),
		special("IF(condition BOOLEAN, a any, b any) common type", "a if the condition is true, else b; only one of them is evaluated."),
	}
}

// many lets the last parameter repeat.
func (f function) many() function {
	f.variadic = true
	return f
}

// unsupported are functions of Flink that the engine does not have yet.
var unsupported = func() map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(`NOW CURRENT_TIMESTAMP CURRENT_DATE CURRENT_TIME LOCALTIME LOCALTIMESTAMP CURRENT_ROW_TIMESTAMP PROCTIME
		UNIX_TIMESTAMP FROM_UNIXTIME TO_TIMESTAMP_LTZ CONVERT_TZ RAND RAND_INTEGER UUID REGEXP REGEXP_REPLACE REGEXP_EXTRACT MD5 SHA1 SHA2
		SHA224 SHA256 SHA384 SHA512 JSON_VALUE JSON_QUERY JSON_EXISTS OVERLAY ASCII CHR ENCODE DECODE TO_BASE64 FROM_BASE64 TRUNCATE LOG LOG2 SIN COS
		TAN ASIN ACOS ATAN ATAN2 DEGREES RADIANS PI E HEX BIN LISTAGG COLLECT FIRST_VALUE LAST_VALUE STDDEV_POP STDDEV_SAMP VAR_POP VAR_SAMP
		VARIANCE ROW_NUMBER RANK DENSE_RANK LAG LEAD NTILE CUME_DIST PERCENT_RANK APPROX_COUNT_DISTINCT ARRAY_AGG COT SINH COSH TANH URL_ENCODE
		URL_DECODE PARSE_URL STR_TO_MAP CARDINALITY ELEMENT TYPEOF IS_ALPHA IS_DECIMAL IS_DIGIT TRANSLATE SPLIT ELT PRINTF GROUPING GROUPING_ID`) {
		m[n] = true
	}
	return m
}()
