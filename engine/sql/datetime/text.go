package datetime

import (
	"strconv"

	"github.com/weirstream/weir/engine/codec/sqltime"
)

// ParseDate reads yyyy-MM-dd; month and day may have one digit.
func ParseDate(s []byte) (days int64, ok bool) {
	days, rest, ok := readDate(s)
	return days, ok && len(rest) == 0
}

// ParseTimestamp reads yyyy-MM-dd[ HH:mm:ss[.fraction]]; a T may stand for the space. What is finer than a millisecond
// is cut off.
func ParseTimestamp(s []byte) (ms int64, ok bool) {
	days, rest, ok := readDate(s)
	if !ok || len(rest) == 0 {
		return days * DayMS, ok
	}
	if rest[0] != ' ' && rest[0] != 'T' {
		return 0, false
	}
	hour, rest, ok1 := readNumber(rest[1:], 1, 2)
	rest, ok2 := readByte(rest, ':')
	minute, rest, ok3 := readNumber(rest, 1, 2)
	rest, ok4 := readByte(rest, ':')
	second, rest, ok5 := readNumber(rest, 1, 2)
	if !(ok1 && ok2 && ok3 && ok4 && ok5) || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	ms = days*DayMS + int64((hour*60+minute)*60+second)*1000
	if len(rest) == 0 {
		return ms, true
	}
	rest, ok = readByte(rest, '.')
	if !ok || len(rest) > 9 {
		return 0, false
	}
	fraction, rest, ok := readFraction(rest)
	return ms + int64(fraction), ok && len(rest) == 0
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
func AppendTimestamp(dst []byte, ms int64) []byte {
	days, inDay := Split(ms)
	dst = AppendDate(dst, days)
	t := int(inDay)
	dst = appendPadded(append(dst, ' '), t/3_600_000, 2)
	dst = appendPadded(append(dst, ':'), t/60_000%60, 2)
	dst = appendPadded(append(dst, ':'), t/1000%60, 2)
	return appendPadded(append(dst, '.'), t%1000, 3)
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
