package expr

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/weirstream/weir/engine/sql/datetime"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/types"
)

// Function describes a function to people; the SQL reference is made from these.
type Function struct{ Name, Signature, Description string }

// Functions returns every function that SQL texts may call, aggregates included, sorted by name.
func Functions() []Function {
	var out []Function
	for _, f := range functions() {
		out = append(out, f.Function)
	}
	slices.SortFunc(out, func(a, b Function) int { return strings.Compare(a.Name, b.Name) })
	return out
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

// function is an entry of the registry: a plain function with params, or a form of its own.
type function struct {
	Function
	params   []kind
	required int  // how many of params must be there
	variadic bool // the last one repeats
	// result is the type of the result; that of a bare NULL: the type of the first argument.
	result types.Type
	build  builder
	// check refuses constant arguments that can never do; nil: there is nothing to check.
	check func(args []Expr) error
	// bind binds a form whose syntax or types are its own; nil: params, result and build say all.
	bind form
	// aggregate functions take *, DISTINCT and FILTER.
	aggregate bool
	// givesNull says that the result may be NULL though no argument is; else an argument that is NULL is the only reason.
	givesNull bool
}

// form binds a call whose syntax or types are its own.
type form func(*binder, *parser.Call) (Expr, error)

// registry is made when it is first asked for: forms look others up, so it cannot be the value of a variable.
var registry struct {
	once   sync.Once
	byName map[string]*function
	all    []function
}

// functions are all that SQL texts may call. This is the one place that knows them: what is added here can be called, and
// stands in the SQL reference.
func functions() []function {
	registry.once.Do(func() {
		registry.all = slices.Concat(aggregateFunctions(), textFunctions(), regexpFunctions(), encodingFunctions(), numberFunctions(), trigonometry(), timeFunctions(), conditionalFunctions())
		registry.byName = make(map[string]*function, len(registry.all))
		for i := range registry.all {
			registry.byName[registry.all[i].Name] = &registry.all[i]
		}
	})
	return registry.all
}

// lookup finds a function by its upper-case name.
func lookup(name string) *function {
	functions()
	return registry.byName[name]
}

func plain(signature, description string, result types.Type, build builder, required int, params ...kind) function {
	name, _, _ := strings.Cut(signature, "(")
	return function{Function: Function{name, signature, description}, params: params, required: required, result: result, build: build}
}

func special(signature, description string, bind form) function {
	name, _, _ := strings.Cut(signature, "(")
	return function{Function: Function{name, signature, description}, bind: bind}
}

func extract(signature, description string, u datetime.Unit) function {
	return plain(signature, description, types.BigInt(), buildExtract(u), 1, instant)
}

func math1(signature, description string, f func(float64) float64) function {
	return plain(signature, description, types.Double(), func(_ *Call, args []Eval) Eval { return mapFixed(args[0], f) }, 1, real)
}

func aggregateFunctions() []function {
	return []function{
		aggregate("AVG(x number) same type", "The mean of the values that are not NULL; of integers, cut towards zero."),
		aggregate("COUNT(*) or COUNT(x) BIGINT", "The number of rows, or of values that are not NULL."),
		aggregate("MAX(x any) same type", "The greatest value that is not NULL. NaN is greater than all numbers."),
		aggregate("MIN(x any) same type", "The least value that is not NULL."),
		aggregate("SUM(x number) same type", "The sum of the values that are not NULL, or NULL if there is none; integers wrap."),
	}
}

func aggregate(signature, description string) function {
	f := special(signature, description, (*binder).aggregate)
	f.aggregate = true
	return f
}

func textFunctions() []function {
	charLengthBuild := func(_ *Call, args []Eval) Eval { return charLength(args[0]) }
	return []function{
		plain("CHAR_LENGTH(s STRING) INT", "The number of characters.", types.Int(), charLengthBuild, 1, text),
		plain("CHARACTER_LENGTH(s STRING) INT", "The same as CHAR_LENGTH.", types.Int(), charLengthBuild, 1, text),
		plain("UPPER(s STRING) STRING", "The string in upper case.", types.String(), mapRunes(upperASCII, appendUpper), 1, text),
		plain("LOWER(s STRING) STRING", "The string in lower case.", types.String(), mapRunes(lowerASCII, appendLower), 1, text),
		plain("INITCAP(s STRING) STRING", "Each word with its first letter in upper case, the others in lower case.", types.String(), perRow(initCap), 1, text),
		plain("CONCAT(s STRING, ...) STRING", "The strings one after the other; NULL if any is NULL.", types.String(), perRow(concat), 1, text).many(),
		plain("CONCAT_WS(separator STRING, s STRING, ...) STRING", "The strings that are not NULL with the separator between them.", types.String(), buildConcatWS, 2, text, text).many(),
		plain("SUBSTRING(s STRING, start INT[, length INT]) STRING", "Characters from start, counted from 1; also SUBSTRING(s FROM start FOR length). A negative start counts from the end.", types.String(), perRow(substring), 2, text, whole, whole).orNull(),
		plain("SUBSTR(s STRING, start INT[, length INT]) STRING", "The same as SUBSTRING.", types.String(), perRow(substring), 2, text, whole, whole).orNull(),
		plain("LEFT(s STRING, n INT) STRING", "The first n characters.", types.String(), perRow(left), 2, text, whole),
		plain("RIGHT(s STRING, n INT) STRING", "The last n characters.", types.String(), perRow(right), 2, text, whole),
		plain("LPAD(s STRING, n INT, pad STRING) STRING", "The string, padded on the left or cut to n characters.", types.String(), buildPad(true), 3, text, whole, text).orNull(),
		plain("RPAD(s STRING, n INT, pad STRING) STRING", "The string, padded on the right or cut to n characters.", types.String(), buildPad(false), 3, text, whole, text).orNull(),
		plain("REPEAT(s STRING, n INT) STRING", "The string n times.", types.String(), buildRepeat, 2, text, whole),
		plain("REPLACE(s STRING, search STRING, by STRING) STRING", "The string with every occurrence of search replaced.", types.String(), buildReplace, 3, text, text, text),
		plain("REVERSE(s STRING) STRING", "The characters in reverse order.", types.String(), perRow(reverse), 1, text),
		plain("POSITION(needle STRING IN s STRING) INT", "Where needle first occurs in s, from 1; 0 if it does not.", types.Int(), intPerRow(func(a *row) int32 { return find(a.text(1), a.text(0)) }), 2, text, text),
		plain("LOCATE(needle STRING, s STRING[, start INT]) INT", "Where needle first occurs in s, from 1, looking from start on; 0 if it does not.", types.Int(), intPerRow(locate), 2, text, text, whole),
		plain("INSTR(s STRING, needle STRING) INT", "The same as POSITION(needle IN s).", types.Int(), intPerRow(func(a *row) int32 { return find(a.text(0), a.text(1)) }), 2, text, text),
		plain("STARTSWITH(s STRING, prefix STRING) BOOLEAN", "Whether s begins with prefix.", types.Boolean(), boolPerRow(func(a *row) bool { return bytes.HasPrefix(a.text(0), a.text(1)) }), 2, text, text),
		plain("ENDSWITH(s STRING, suffix STRING) BOOLEAN", "Whether s ends with suffix.", types.Boolean(), boolPerRow(func(a *row) bool { return bytes.HasSuffix(a.text(0), a.text(1)) }), 2, text, text),
		plain("SPLIT_INDEX(s STRING, separator STRING, n INT) STRING", "Part n, from 0, of s split at the separator, or at white space if that is empty; NULL if there is none.", types.String(), perRow(splitIndex), 3, text, text, whole).orNull(),
		plain("ELT(n INT, s STRING, ...) STRING", "String n of the arguments, from 1; NULL if there is none.", types.String(), buildElt, 2, whole, text).many().orNull(),
		plain("OVERLAY(s STRING PLACING by STRING FROM start INT [FOR length INT]) STRING", "The string with length characters from start replaced; without a length, as many as by has.", types.String(), perRow(overlay), 3, text, text, whole, whole),
		plain("TRANSLATE(s STRING, from STRING, to STRING) STRING", "The string with each character of from replaced by the one at its place in to, or left out if there is none. A NULL in from or to counts as the empty string.", types.String(), buildTranslate, 3, text, text, text),
		special("TRIM([BOTH | LEADING | TRAILING] [characters STRING FROM] s STRING) STRING", "The string without spaces, or the characters, at its ends.", bindTrim),
		plain("LTRIM(s STRING[, characters STRING]) STRING", "The string without spaces, or the characters, at its start.", types.String(), buildTrim(true, false), 1, text, text),
		plain("RTRIM(s STRING[, characters STRING]) STRING", "The string without spaces, or the characters, at its end.", types.String(), buildTrim(false, true), 1, text, text),
		plain("BTRIM(s STRING[, characters STRING]) STRING", "The string without spaces, or the characters, at its ends.", types.String(), buildTrim(true, true), 1, text, text),
	}
}

func numberFunctions() []function {
	return []function{
		plain("ABS(x number) same type", "The value without its sign.", types.Null(), buildUnary(absolute[int32], absolute[int64], math.Abs), 1, numbers),
		plain("SIGN(x number) same type", "-1, 0 or 1.", types.Null(), buildUnary(sign[int32], sign[int64], sign[float64]), 1, numbers),
		special("FLOOR(x number) same type", "The greatest whole number that is not greater; FLOOR(ts TO unit) is the start of the unit that holds the TIMESTAMP.", bindFloor),
		special("CEIL(x number) same type", "The least whole number that is not less; CEIL(ts TO unit) is the next start of a unit.", bindFloor),
		special("CEILING(x number) same type", "The same as CEIL.", bindFloor),
		special("ROUND(x number[, digits INT]) same type", "The value rounded to decimal digits, halves away from zero.", bindRound(buildRound)),
		special("TRUNCATE(x number[, digits INT]) same type", "The value cut to decimal digits, towards zero.", bindRound(buildTruncate)),
		special("PI() DOUBLE", "The number pi.", bindConstant(math.Pi)),
		special("E() DOUBLE", "The base of natural logarithms.", bindConstant(math.E)),
		special("MOD(a INT or BIGINT, b INT or BIGINT) same type", "The rest of a / b, with the sign of a; the same as a % b.", bindMod),
		plain("POWER(x DOUBLE, y DOUBLE) DOUBLE", "x to the power of y.", types.Double(), func(_ *Call, args []Eval) Eval {
			return rowFixed(args, func(_ *Run, a *row) (float64, bool) { return power(a.float(0), a.float(1)), true })
		}, 2, real, real),
		math1("SQRT(x DOUBLE) DOUBLE", "The square root.", squareRoot),
		math1("EXP(x DOUBLE) DOUBLE", "e to the power of x.", math.Exp),
		math1("LOG2(x DOUBLE) DOUBLE", "The logarithm to base 2.", func(x float64) float64 { return ln(x) / math.Ln2 }),
		plain("LOG([base DOUBLE,] x DOUBLE) DOUBLE", "The logarithm to the base, or the natural one.", types.Double(), buildLog, 1, real, real),
		math1("LN(x DOUBLE) DOUBLE", "The natural logarithm.", ln),
		math1("LOG10(x DOUBLE) DOUBLE", "The logarithm to base 10.", log10),
		plain("GREATEST(x any, ...) common type", "The greatest argument; NULL if any is NULL. NaN is greater than all numbers.", types.Null(), buildExtreme(1), 1, anyType).many(),
		plain("LEAST(x any, ...) common type", "The least argument; NULL if any is NULL.", types.Null(), buildExtreme(-1), 1, anyType).many(),
	}
}

func trigonometry() []function {
	return []function{
		math1("SIN(x DOUBLE) DOUBLE", "The sine of an angle in radians.", math.Sin),
		math1("COS(x DOUBLE) DOUBLE", "The cosine.", math.Cos),
		math1("TAN(x DOUBLE) DOUBLE", "The tangent.", math.Tan),
		math1("COT(x DOUBLE) DOUBLE", "The cotangent.", func(x float64) float64 { return 1 / math.Tan(x) }),
		math1("ASIN(x DOUBLE) DOUBLE", "The angle of a sine.", math.Asin),
		math1("ACOS(x DOUBLE) DOUBLE", "The angle of a cosine.", math.Acos),
		math1("ATAN(x DOUBLE) DOUBLE", "The angle of a tangent.", math.Atan),
		plain("ATAN2(y DOUBLE, x DOUBLE) DOUBLE", "The angle of the point x, y.", types.Double(), func(_ *Call, args []Eval) Eval {
			return rowFixed(args, func(_ *Run, a *row) (float64, bool) { return math.Atan2(a.float(0), a.float(1)), true })
		}, 2, real, real),
		math1("SINH(x DOUBLE) DOUBLE", "The hyperbolic sine.", math.Sinh),
		math1("COSH(x DOUBLE) DOUBLE", "The hyperbolic cosine.", math.Cosh),
		math1("TANH(x DOUBLE) DOUBLE", "The hyperbolic tangent.", math.Tanh),
		math1("DEGREES(x DOUBLE) DOUBLE", "An angle in radians as one in degrees.", func(x float64) float64 { return x * (180 / math.Pi) }),
		math1("RADIANS(x DOUBLE) DOUBLE", "An angle in degrees as one in radians.", func(x float64) float64 { return x * (math.Pi / 180) }),
	}
}

// patterned checks the date format of a function, its second argument, if it is a constant; reads says that texts are read
// by it.
func (f function) patterned(reads bool) function {
	f.check = checkPattern(reads)
	return f
}

func timeFunctions() []function {
	return []function{
		special("EXTRACT(unit FROM ts TIMESTAMP) BIGINT", "A part of a DATE or TIMESTAMP: YEAR, QUARTER, MONTH, WEEK, DAY, DOY, DOW (1 is Sunday), HOUR, MINUTE, SECOND, MILLISECOND or EPOCH.", bindExtract),
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
		plain("DATE_FORMAT(ts TIMESTAMP, format STRING) STRING", "The TIMESTAMP in a format of Java's letters, such as 'yyyy-MM-dd HH:mm'.", types.String(), buildDateFormat, 2, instant, text).patterned(false),
		plain("TO_TIMESTAMP(s STRING[, format STRING]) TIMESTAMP(3)", "The TIMESTAMP that s means, by default as 'yyyy-MM-dd HH:mm:ss', also where it does not fit the format; NULL if it means none.", types.Timestamp(3), buildToTimestamp, 1, text, text).patterned(true).orNull(),
		plain("TO_DATE(s STRING[, format STRING]) DATE", "The DATE that s means, by default as 'yyyy-MM-dd'; NULL if it means none.", types.Date(), buildToDate, 1, text, text).patterned(true).orNull(),
		plain("TO_TIMESTAMP_LTZ(n BIGINT[, precision INT]) TIMESTAMP(3)", "The TIMESTAMP, in UTC, n seconds (precision 0) or milliseconds (3, the default) after 1970-01-01 00:00:00.", types.Timestamp(3), buildFromEpoch, 1, whole, whole),
		plain("FROM_UNIXTIME(n BIGINT[, format STRING]) STRING", "The time, in UTC, n seconds after 1970-01-01 00:00:00, by default as 'yyyy-MM-dd HH:mm:ss'.", types.String(), buildFromUnixTime, 1, whole, text).patterned(false),
		plain("UNIX_TIMESTAMP(s STRING[, format STRING]) BIGINT", "The seconds from 1970-01-01 00:00:00 to the time, in UTC, that s means; NULL if it means none.", types.BigInt(), buildUnixTimestamp, 1, text, text).patterned(true).orNull(),
		special("TIMESTAMPADD(unit, n INT, ts TIMESTAMP) TIMESTAMP(3)", "The TIMESTAMP n units later.", bindTimestampAdd),
		special("TIMESTAMPDIFF(unit, a TIMESTAMP, b TIMESTAMP) INT", "The number of whole units from a to b.", bindTimestampDiff),
	}
}

func conditionalFunctions() []function {
	return []function{
		special("COALESCE(x any, ...) common type", "The first argument that is not NULL; later ones are not evaluated.", bindCoalesce),
		special("IFNULL(x any, y any) common type", "The same as COALESCE(x, y).", bindCoalesce),
		special("NULLIF(a any, b any) type of a", "NULL if a = b, else a.", bindNullIf),
		special("IF(condition BOOLEAN, a any, b any) common type", "a if the condition is true, else b; only one of them is evaluated.", bindIf),
	}
}

// orNull says that the result may be NULL though no argument is.
func (f function) orNull() function {
	f.givesNull = true
	return f
}

// many lets the last parameter repeat.
func (f function) many() function {
	f.variadic = true
	return f
}

// unrepeatable are functions of Flink whose value is another one each time that a row is read. Output after a failure would
// not be that without one (P4), so they stay out.
var unrepeatable = wordSet(`NOW CURRENT_TIMESTAMP CURRENT_DATE CURRENT_TIME LOCALTIME LOCALTIMESTAMP CURRENT_ROW_TIMESTAMP PROCTIME RAND
	RAND_INTEGER UUID`)

// groupWindowParts are functions of windows in GROUP BY, which windowing table functions have replaced.
var groupWindowParts = wordSet(`TUMBLE_START TUMBLE_END TUMBLE_ROWTIME TUMBLE_PROCTIME HOP_START HOP_END HOP_ROWTIME HOP_PROCTIME SESSION_START
	SESSION_END SESSION_ROWTIME SESSION_PROCTIME`)

// unsupported are functions of Flink that the engine does not have yet.
var unsupported = wordSet(`CONVERT_TZ JSON_VALUE JSON_QUERY JSON_EXISTS JSON_STRING JSON_OBJECT JSON_ARRAY JSON_QUOTE JSON_UNQUOTE ENCODE DECODE UNHEX
	LISTAGG COLLECT FIRST_VALUE LAST_VALUE STDDEV_POP STDDEV_SAMP VAR_POP VAR_SAMP VARIANCE ROW_NUMBER RANK DENSE_RANK LAG LEAD NTILE CUME_DIST
	PERCENT_RANK PERCENTILE APPROX_COUNT_DISTINCT ARRAY_AGG PARSE_URL STR_TO_MAP CARDINALITY ELEMENT TYPEOF IS_ALPHA IS_DECIMAL IS_DIGIT SPLIT
	REGEXP_EXTRACT_ALL PRINTF GROUPING GROUPING_ID`)

func wordSet(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}
