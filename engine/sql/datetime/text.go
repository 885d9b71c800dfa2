package datetime

import (
	"bytes"
	"strconv"

	"github.com/weirstream/weir/engine/codec/sqltime"
)

// ParseDate reads yyyy-MM-dd; month and day may have one digit.
func ParseDate(s []byte) (days int64, ok bool) {
	days, rest, ok := readDate(s)
	return days, ok && len(rest) == 0
}

// CastDate reads what a CAST takes for a DATE, by the rules of Flink's DateTimeUtils.parseDate: a year alone, a year and a
// month, or all three, of as many digits as they have and with white space around each; what follows the first blank behind
// them, such as a time, is not looked at.
func CastDate(s []byte) (days int64, ok bool) {
	if blank := bytes.IndexByte(s, ' '); blank > 0 {
		s = s[:blank]
	}
	parts := [3]int{0, 1, 1}
	for k := range parts {
		part, rest, more := s, []byte(nil), false
		if k < 2 {
			part, rest, more = bytes.Cut(s, []byte{'-'})
		}
		n, tail, whole := readNumber(bytes.TrimFunc(part, func(c rune) bool { return c <= ' ' }), 1, 9)
		if !whole || len(tail) > 0 {
			return 0, false
		}
		parts[k] = n
		if s = rest; !more {
			break
		}
	}
	if parts[0] > 9999 || !validDate(parts[0], parts[1], parts[2]) {
		return 0, false
	}
	return sqltime.Days(parts[0], parts[1], parts[2]), true
}

// ParseTimestamp reads yyyy-MM-dd[ HH:mm:ss[.fraction]], without blanks around it. What is finer than a millisecond is cut
// off.
func ParseTimestamp(s []byte) (ms int64, ok bool) {
	days, rest, ok := readDate(s)
	if !ok || len(rest) == 0 {
		return days * DayMS, ok
	}
	inDay, rest, ok := readTime(rest)
	ms = days*DayMS + inDay
	if !ok || len(rest) == 0 {
		return ms, ok
	}
	rest, ok = readByte(rest, '.')
	if !ok || len(rest) > 9 {
		return 0, false
	}
	fraction, rest, _ := readFraction(rest)
	return ms + int64(fraction), len(rest) == 0
}

// ParseSeconds reads yyyy-MM-dd HH:mm:ss at the start of a text, as UNIX_TIMESTAMP does.
func ParseSeconds(s []byte) (ms int64, ok bool) {
	days, rest, ok := readDate(s)
	if !ok {
		return 0, false
	}
	inDay, _, ok := readTime(rest)
	return days*DayMS + inDay, ok
}

// readTime reads a blank and HH:mm:ss; each may have one digit.
func readTime(s []byte) (ms int64, rest []byte, ok bool) {
	rest, ok0 := readByte(s, ' ')
	hour, rest, ok1 := readNumber(rest, 1, 2)
	rest, ok2 := readByte(rest, ':')
	minute, rest, ok3 := readNumber(rest, 1, 2)
	rest, ok4 := readByte(rest, ':')
	second, rest, ok5 := readNumber(rest, 1, 2)
	if !(ok0 && ok1 && ok2 && ok3 && ok4 && ok5) || hour > 23 || minute > 59 || second > 59 {
		return 0, nil, false
	}
	return int64((hour*60+minute)*60+second) * 1000, rest, true
}

func readDate(s []byte) (days int64, rest []byte, ok bool) {
	year, rest, ok1 := readNumber(s, 4, 4)
	rest, ok2 := readByte(rest, '-')
	month, rest, ok3 := readNumber(rest, 1, 2)
	rest, ok4 := readByte(rest, '-')
	day, rest, ok5 := readNumber(rest, 1, 2)
	if !(ok1 && ok2 && ok3 && ok4 && ok5) || !validDate(year, month, day) {
		return 0, nil, false
	}
	return sqltime.Days(year, month, day), rest, true
}

func validDate(year, month, day int) bool {
	return month >= 1 && month <= 12 && day >= 1 && day <= DaysIn(year, month)
}

// readNumber reads at least low and at most high digits.
func readNumber(s []byte, low, high int) (n int, rest []byte, ok bool) {
	i := 0
	for i < len(s) && i < high && s[i] >= '0' && s[i] <= '9' {
		n = n*10 + int(s[i]-'0')
		i++
	}
	return n, s[i:], i >= low
}

// readFraction reads digits after a point as milliseconds.
func readFraction(s []byte) (ms int, rest []byte, ok bool) {
	i := 0
	for scale := 100; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		ms += int(s[i]-'0') * scale
		scale /= 10
	}
	return ms, s[i:], i > 0
}

func readByte(s []byte, c byte) (rest []byte, ok bool) {
	if len(s) == 0 || s[0] != c {
		return s, false
	}
	return s[1:], true
}

// AppendDate appends yyyy-MM-dd.
func AppendDate(dst []byte, days int64) []byte {
	y, m, d := sqltime.Civil(days)
	dst = appendPadded(dst, y, 4)
	dst = appendPadded(append(dst, '-'), m, 2)
	return appendPadded(append(dst, '-'), d, 2)
}

// AppendTimestamp appends yyyy-MM-dd HH:mm:ss.SSS.
func AppendTimestamp(dst []byte, ms int64) []byte { return AppendPrecise(dst, ms, 3) }

// AppendPrecise appends a timestamp with 0 to 3 digits behind the second.
func AppendPrecise(dst []byte, ms int64, digits int) []byte {
	days, inDay := Split(ms)
	dst = AppendDate(dst, days)
	t := int(inDay)
	dst = appendPadded(append(dst, ' '), t/3_600_000, 2)
	dst = appendPadded(append(dst, ':'), t/60_000%60, 2)
	dst = appendPadded(append(dst, ':'), t/1000%60, 2)
	if digits == 0 {
		return dst
	}
	return appendPadded(append(dst, '.'), t%1000/pow10(3-digits), digits)
}

// appendPadded appends a number with zeros before it to a width.
func appendPadded(dst []byte, n, width int) []byte {
	if n < 0 {
		dst = append(dst, '-')
		n = -n
	}
	for ; width > 1; width-- {
		if n < pow10(width-1) {
			dst = append(dst, '0')
		}
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

func pow10(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}
