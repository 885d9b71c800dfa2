package table

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options are the WITH options of one table. Values of secrets are resolved already, so no error quotes a value that
// came from one. It is not safe for concurrent use.
type Options struct {
	table  string
	place  string
	prefix string // of the keys that are asked for
	given  map[string]option
	keys   []string        // of given, in the order of the text
	known  map[string]bool // keys that the connector knows
}

type option struct {
	value, place string
	secret       bool
}

// NewOptions returns the options of a table that is declared at place, written as file:line:column.
func NewOptions(table, place string) *Options {
	return &Options{table: table, place: place, given: map[string]option{}, known: map[string]bool{}}
}

// Set adds an option that stands at place; secret says that its value must not be shown.
func (o *Options) Set(key, value, place string, secret bool) {
	if _, ok := o.given[key]; !ok {
		o.keys = append(o.keys, key)
	}
	o.given[key] = option{value: value, place: place, secret: secret}
}

// Under are the same options, asked for by what follows a prefix of their keys: 'json.x' is 'key.json.x' under 'key.'. Errors name the
// whole key, and what is asked for is known to both.
func (o *Options) Under(prefix string) *Options {
	under := *o
	under.prefix += prefix
	return &under
}

// Table is the name of the table.
func (o *Options) Table() string { return o.table }

// Allow says that the connector knows the keys though it does not read them now, as a source does with the options of
// the sink that shares its name.
func (o *Options) Allow(keys ...string) {
	for _, k := range keys {
		o.known[o.prefix+k] = true
	}
}

// Get returns the value of an option and whether it is set.
func (o *Options) Get(key string) (value string, ok bool) {
	o.known[o.prefix+key] = true
	v, ok := o.given[o.prefix+key]
	return v.value, ok
}

// Place is where the option stands, or the table's place if it is not set.
func (o *Options) Place(key string) string {
	if v, ok := o.given[o.prefix+key]; ok {
		return v.place
	}
	return o.place
}

// Errorf returns the error for an option.
func (o *Options) Errorf(key, remedy, format string, args ...any) error {
	return &OptionError{Table: o.table, Key: o.prefix + key, Place: o.Place(key), Msg: fmt.Sprintf(format, args...), Remedy: remedy}
}

// Required returns the value of an option that must be set; remedy says how.
func (o *Options) Required(key, remedy string) (string, error) {
	v, ok := o.Get(key)
	if !ok || v == "" {
		return "", o.Errorf(key, remedy, "it is required and is not set")
	}
	return v, nil
}

// String returns the value of an option, or the default.
func (o *Options) String(key, def string) string {
	if v, ok := o.Get(key); ok {
		return v
	}
	return def
}

// OneOf returns the value of an option that has a fixed set of values; the first is the default.
func (o *Options) OneOf(key string, values ...string) (string, error) {
	v, ok := o.Get(key)
	if !ok {
		return values[0], nil
	}
	if !slices.Contains(values, v) {
		return "", o.Errorf(key, "write one of '"+strings.Join(values, "', '")+"'", "%s is not one of its values", o.quote(key))
	}
	return v, nil
}

// Int returns a whole number, or the default.
func (o *Options) Int(key string, def int64) (int64, error) {
	v, ok := o.Get(key)
	if !ok {
		return def, nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
	if err != nil {
		return 0, o.Errorf(key, "write digits such as '100'", "%s is not a whole number", o.quote(key))
	}
	return n, nil
}

// Float returns a number, or the default.
func (o *Options) Float(key string, def float64) (float64, error) {
	v, ok := o.Get(key)
	if !ok {
		return def, nil
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, o.Errorf(key, "write a number such as '0.5'", "%s is not a number", o.quote(key))
	}
	return f, nil
}

// Bool returns a truth value, or the default.
func (o *Options) Bool(key string, def bool) (bool, error) {
	v, ok := o.Get(key)
	if !ok {
		return def, nil
	}
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, o.Errorf(key, "write 'true' or 'false'", "%s is neither true nor false", o.quote(key))
}

// Duration returns a time span, or the default. It reads what Flink reads ('10 s', '1min', '500 ms', '1 d', a bare
// number being milliseconds) and what Go reads ('1m30s').
func (o *Options) Duration(key string, def time.Duration) (time.Duration, error) {
	v, ok := o.Get(key)
	if !ok {
		return def, nil
	}
	d, err := parseDuration(v)
	if err != nil {
		return 0, o.Errorf(key, "write a span such as '10 s', '5 min' or '1 h'", "%s is not a time span", o.quote(key))
	}
	return d, nil
}

// MemorySize returns a number of bytes, or the default. It reads what Flink reads: '128mb', '64 kb', '1g', a bare
// number being bytes; kilo is 1024.
func (o *Options) MemorySize(key string, def int64) (int64, error) {
	v, ok := o.Get(key)
	if !ok {
		return def, nil
	}
	n, unit, err := splitUnit(v)
	factor, known := memoryUnits[unit]
	if err != nil || !known || n > math.MaxInt64/factor {
		return 0, o.Errorf(key, "write a size such as '64 kb' or '128 mb'", "%s is not a memory size", o.quote(key))
	}
	return n * factor, nil
}

// Check refuses the first option that nobody asked for. It is called once the connector has read what it knows.
func (o *Options) Check() error {
	unknown := o.Unknown()
	if len(unknown) == 0 {
		return nil
	}
	key := unknown[0]
	remedy := "remove it"
	if near := Nearest(key, o.Known()); near != "" {
		remedy = "did you mean '" + near + "'?"
	} else if known := o.Known(); len(known) > 0 {
		remedy = "the known options are '" + strings.Join(known, "', '") + "'"
	}
	return o.Errorf(key, remedy, "there is no such option")
}

// Unknown returns the keys that are set but were never asked for, in the order of the text.
func (o *Options) Unknown() []string {
	var out []string
	for _, k := range o.keys {
		if !o.known[k] {
			out = append(out, k)
		}
	}
	return out
}

// Known returns the keys that were asked for or allowed, sorted.
func (o *Options) Known() []string {
	out := make([]string, 0, len(o.known))
	for k := range o.known {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// quote shows the value of an option in an error, unless it is a secret (P11).
func (o *Options) quote(key string) string {
	v := o.given[o.prefix+key]
	if v.secret {
		return "the secret"
	}
	return "'" + v.value + "'"
}

var durationUnits = map[string]time.Duration{
	"":  time.Millisecond,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
	"ms": time.Millisecond, "milli": time.Millisecond, "millis": time.Millisecond,
	"millisecond": time.Millisecond, "milliseconds": time.Millisecond,
	"us": time.Microsecond, "ns": time.Nanosecond,
}

var memoryUnits = map[string]int64{
	"": 1, "b": 1, "bytes": 1,
	"k": 1 << 10, "kb": 1 << 10, "kibibytes": 1 << 10,
	"m": 1 << 20, "mb": 1 << 20, "mebibytes": 1 << 20,
	"g": 1 << 30, "gb": 1 << 30, "gibibytes": 1 << 30,
	"t": 1 << 40, "tb": 1 << 40, "tebibytes": 1 << 40,
}

// splitUnit reads a number that is not negative and the lower-case unit after it.
func splitUnit(v string) (n int64, unit string, err error) {
	v = strings.ToLower(strings.TrimSpace(v))
	i := 0
	for i < len(v) && v[i] >= '0' && v[i] <= '9' {
		i++
	}
	n, err = strconv.ParseInt(v[:i], 10, 64)
	return n, strings.TrimSpace(v[i:]), err
}

func parseDuration(v string) (time.Duration, error) {
	n, unit, err := splitUnit(v)
	if factor, ok := durationUnits[unit]; err == nil && ok {
		if n > math.MaxInt64/int64(factor) {
			return 0, fmt.Errorf("%s is too long a time", v)
		}
		return time.Duration(n) * factor, nil
	}
	d, err := time.ParseDuration(strings.TrimSpace(v))
	if err == nil && d < 0 {
		err = fmt.Errorf("%s is negative", v)
	}
	return d, err
}
