package expr

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/sql/datetime"
	"github.com/weirstream/weir/engine/types"
)

// castable says which types a CAST converts into which.
func castable(from, to types.Type) bool {
	switch {
	case from.Same(to), from.Is(types.KindNull), from.Is(types.KindVarChar), to.Is(types.KindVarChar):
		return true
	case numeric(from):
		return numeric(to) || to.Is(types.KindBoolean)
	case from.Is(types.KindBoolean):
		return numeric(to)
	}
	return from.Is(types.KindDate) && to.Is(types.KindTimestamp) || from.Is(types.KindTimestamp) && to.Is(types.KindDate)
}

// castBuilder makes a conversion. What a string does not mean is an error, or NULL for TRY_CAST. Numbers are narrowed as
// Flink (Java) does: integers wrap, DOUBLE is cut towards zero and stops at the ends of the range.
func castBuilder(from, to types.Type, try bool) builder {
	return func(c *Call, args []Eval) Eval {
		arg := args[0]
		switch {
		case from.Same(to):
			return arg
		case from.Is(types.KindVarChar):
			return castFromText(c, args, to, try)
		case to.Is(types.KindVarChar):
			return castToText(args, from)
		}
		switch from.Kind() {
		case types.KindInt:
			return castNumber[int32](arg, to)
		case types.KindBigInt:
			return castNumber[int64](arg, to)
		case types.KindDouble:
			return castDouble(arg, to)
		case types.KindBoolean:
			return castBoolean(arg, to)
		case types.KindDate:
			return mapFixed(arg, func(v int32) int64 { return int64(v) * datetime.DayMS })
		}
		return mapFixed(arg, func(v int64) int32 { days, _ := datetime.Split(v); return int32(days) })
	}
}

func castNumber[A int32 | int64](arg Eval, to types.Type) Eval {
	switch to.Kind() {
	case types.KindInt:
		return convert[A, int32](arg)
	case types.KindBigInt:
		return convert[A, int64](arg)
	case types.KindDouble:
		return convert[A, float64](arg)
	}
	return mapFixed(arg, func(v A) bool { return v != 0 })
}

// convert is the hot conversion: the widening of numbers.
func convert[A int32 | int64, R number](arg Eval) Eval {
	var out batch.Fixed[R]
	return func(r *Run, sel []int32) batch.Vector {
		v := arg(r, sel).(*batch.Fixed[A])
		prepare(&out, r.In.N)
		for _, i := range sel {
			out.V[i] = R(v.V[i])
		}
		inherit(&out, v.Nulls, sel)
		return &out
	}
}

func castDouble(arg Eval, to types.Type) Eval {
	switch to.Kind() {
	case types.KindInt:
		return mapFixed(arg, func(v float64) int32 { return int32(saturate(v, math.MinInt32, math.MaxInt32)) })
	case types.KindBigInt:
		return mapFixed(arg, func(v float64) int64 { return saturate(v, math.MinInt64, math.MaxInt64) })
	}
	return mapFixed(arg, func(v float64) bool { return v != 0 })
}

// saturate is Java's narrowing of a double (JLS 5.1.3).
func saturate(v float64, low, high int64) int64 {
	switch {
	case math.IsNaN(v):
		return 0
	case v <= float64(low):
		return low
	case v >= float64(high):
		return high
	}
	return int64(v)
}

func castBoolean(arg Eval, to types.Type) Eval {
	switch to.Kind() {
	case types.KindInt:
		return mapFixed(arg, oneOrZero[int32])
	case types.KindBigInt:
		return mapFixed(arg, oneOrZero[int64])
	}
	return mapFixed(arg, oneOrZero[float64])
}

func oneOrZero[T number | int](v bool) T {
	if v {
		return 1
	}
	return 0
}

func castToText(args []Eval, from types.Type) Eval {
	write := map[types.Kind]func(*row, []byte) []byte{
		types.KindInt:       func(a *row, dst []byte) []byte { return strconv.AppendInt(dst, a.int(0), 10) },
		types.KindBigInt:    func(a *row, dst []byte) []byte { return strconv.AppendInt(dst, a.int(0), 10) },
		types.KindDouble:    func(a *row, dst []byte) []byte { return codec.AppendJavaDouble(dst, a.float(0)) },
		types.KindDate:      func(a *row, dst []byte) []byte { return datetime.AppendDate(dst, a.int(0)) },
		types.KindTimestamp: func(a *row, dst []byte) []byte { return datetime.AppendTimestamp(dst, a.int(0)) },
		types.KindBoolean: func(a *row, dst []byte) []byte {
			if a.bool(0) {
				return append(dst, "TRUE"...)
			}
			return append(dst, "FALSE"...)
		},
	}[from.Kind()]
	return rowText(args, true, func(_ *Run, a *row, dst []byte) ([]byte, bool) { return write(a, dst), true })
}

func castFromText(c *Call, args []Eval, to types.Type, try bool) Eval {
	refuse := func(r *Run, s []byte) {
		if !try {
			r.fail(c.Pos, "use TRY_CAST to get NULL instead", "cannot cast %s to %v", quote(s), to)
		}
	}
	switch to.Kind() {
	case types.KindBoolean:
		return parseEach(args, parseBool, refuse)
	case types.KindInt:
		return parseEach(args, func(s []byte) (int32, bool) {
			n, ok := parseInteger(s, math.MinInt32, math.MaxInt32)
			return int32(n), ok
		}, refuse)
	case types.KindBigInt:
		return parseEach(args, func(s []byte) (int64, bool) { return parseInteger(s, math.MinInt64, math.MaxInt64) }, refuse)
	case types.KindDouble:
		return parseEach(args, parseDouble, refuse)
	case types.KindDate:
		return parseWhole(args, castDate, refuse)
	}
	return parseWhole(args, datetime.ParseTimestamp, refuse)
}

// parseWhole reads strings with the blanks around them, which mean something to dates.
func parseWhole[R batch.Value](args []Eval, parse func([]byte) (R, bool), refuse func(*Run, []byte)) Eval {
	return rowFixed(args, func(r *Run, a *row) (R, bool) {
		v, ok := parse(a.text(0))
		if !ok {
			refuse(r, a.text(0))
		}
		return v, ok
	})
}

func castDate(s []byte) (int32, bool) {
	days, ok := datetime.CastDate(s)
	return int32(days), ok
}

// parseEach reads strings without the blanks around them; other white space is no blank.
func parseEach[R batch.Value](args []Eval, parse func([]byte) (R, bool), refuse func(*Run, []byte)) Eval {
	return parseWhole(args, func(s []byte) (R, bool) { return parse(bytes.Trim(s, " ")) }, refuse)
}

// quote shows a value of the data in an error, shortened.
func quote(s []byte) string {
	const most = 60
	if len(s) <= most {
		return strconv.Quote(string(s))
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strconv.Quote(string(s[:cut])) + "..."
}

func parseBool(s []byte) (value, ok bool) {
	switch string(bytes.ToLower(s)) {
	case "true", "t", "yes", "y", "1":
		return true, true
	case "false", "f", "no", "n", "0":
		return false, true
	}
	return false, false
}

// parseInteger reads digits with an optional sign; a fraction is dropped, as in Flink.
func parseInteger(s []byte, low, high int64) (int64, bool) {
	negative := len(s) > 0 && s[0] == '-'
	if negative || len(s) > 0 && s[0] == '+' {
		s = s[1:]
	}
	whole, fraction, point := bytes.Cut(s, []byte{'.'})
	if len(whole) == 0 && !point {
		return 0, false
	}
	n := int64(0) // counted downwards, which reaches one further
	for _, d := range whole {
		d -= '0'
		if d > 9 || n < (math.MinInt64+int64(d))/10 {
			return 0, false
		}
		n = n*10 - int64(d)
	}
	for _, d := range fraction {
		if d < '0' || d > '9' {
			return 0, false
		}
	}
	if negative {
		return n, n >= low
	}
	if n == math.MinInt64 {
		return 0, false
	}
	return -n, -n <= high
}

// parseDouble reads what Java's Double.parseDouble does: a letter d or f may end it, NaN and Infinity are written so.
func parseDouble(s []byte) (float64, bool) {
	s = bytes.TrimFunc(s, func(c rune) bool { return c <= ' ' })
	if n := len(s) - 1; n > 0 && bytes.IndexByte([]byte("dDfF"), s[n]) >= 0 && (s[n-1] == '.' || s[n-1] >= '0' && s[n-1] <= '9') {
		s = s[:n]
	}
	switch bare := bytes.TrimLeft(s, "+-"); {
	case len(s)-len(bare) > 1, bytes.IndexByte(s, '_') >= 0:
		return 0, false
	case len(bare) > 0 && bare[0] > '9' && string(bare) != "NaN" && string(bare) != "Infinity":
		return 0, false
	case string(bare) == "NaN":
		return math.NaN(), true
	}
	v, err := strconv.ParseFloat(string(s), 64)
	if err != nil && !math.IsInf(v, 0) {
		return 0, false
	}
	return v, true
}
