// Package sqltime reads and writes DATE and TIMESTAMP(3) as text: `yyyy-MM-dd` and `yyyy-MM-dd HH:mm:ss[.fraction]`.
//
// Values are zoneless, in the proleptic Gregorian calendar: days, or milliseconds, since 1970-01-01. What Append writes for
// years 0000 to 9999, Parse reads back to the same value. Nothing allocates. The package knows no patterns, and of time
// zones only the offset that an ISO 8601 timestamp may end in, which it converts to UTC.
//
// Days are counted with the algorithms of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"
// (howardhinnant.github.io/date_algorithms.html).
package sqltime

// Milliseconds in larger units.
const (
	SecondMS = 1000
	MinuteMS = 60 * SecondMS
	HourMS   = 60 * MinuteMS
	DayMS    = 24 * HourMS
)

// Layout says how a timestamp is written.
type Layout byte

const (
	// SQL is `yyyy-MM-dd HH:mm:ss[.fraction]`.
	SQL Layout = ' '
	// ISO is `yyyy-MM-ddTHH:mm[:ss[.fraction]]`, and may end in Z or an offset, `+HH[[:]mm]`: the value is then the time in
	// UTC (RFC 3339). It is written with seconds and without offset.
	ISO Layout = 'T'
)

// String is the layout as messages name it.
func (l Layout) String() string {
	if l == ISO {
		return "yyyy-MM-ddTHH:mm:ss[.SSS][Z or offset]"
	}
	return "yyyy-MM-dd HH:mm:ss[.SSS]"
}

// text is what can be parsed.
type text interface{ ~string | ~[]byte }

// Days returns the day number of a date of the proleptic Gregorian calendar; 1970-01-01 is 0.
func Days(year, month, day int) int64 {
	y := int64(year)
	if month <= 2 {
		y--
	}
	era := floorDiv(y, 400)
	yearOfEra := y - era*400
	dayOfYear := int64((153*((month+9)%12)+2)/5 + day - 1) // of a year that begins in March
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	return era*146097 + dayOfEra - 719468
}

// Civil returns the date of a day number.
func Civil(days int64) (year, month, day int) {
	z := days + 719468
	era := floorDiv(z, 146097)
	dayOfEra := z - era*146097
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := int(dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100))
	shifted := (5*dayOfYear + 2) / 153 // month, counted from March
	day = dayOfYear - (153*shifted+2)/5 + 1
	month = (shifted+2)%12 + 1
	year = int(yearOfEra + era*400)
	if month <= 2 {
		year++
	}
	return year, month, day
}

// ParseDate reads `yyyy-MM-dd`.
func ParseDate[T text](s T) (days int32, ok bool) {
	if len(s) != 10 {
		return 0, false
	}
	d, ok := parseDay(s)
	return int32(d), ok
}

// ParseShortDate reads `yyyy-[M]M-[d]d`, as java.sql.Date.valueOf does.
func ParseShortDate[T text](s T) (days int32, ok bool) {
	if len(s) == 10 {
		return ParseDate(s)
	}
	if len(s) < 8 || len(s) > 9 {
		return 0, false
	}
	whole := [10]byte{0: s[0], 1: s[1], 2: s[2], 3: s[3], 4: s[4], 7: '-'}
	month := 1 // its digits
	if s[6] != '-' {
		month = 2
	}
	if s[5+month] != '-' || len(s) < 7+month || len(s) > 8+month {
		return 0, false
	}
	whole[5], whole[6] = '0', s[5]
	if month == 2 {
		whole[5], whole[6] = s[5], s[6]
	}
	whole[8], whole[9] = '0', s[len(s)-1]
	if len(s) == 8+month {
		whole[8] = s[len(s)-2]
	}
	return ParseDate(whole[:])
}

// ParseTimestamp reads a timestamp in the layout. Digits of the fraction beyond milliseconds, up to nine, are dropped.
func ParseTimestamp[T text](s T, layout Layout) (ms int64, ok bool) {
	if len(s) < len("yyyy-MM-dd HH:mm") || s[13] != ':' || s[10] != byte(layout) && (layout != ISO || s[10] != 't') {
		return 0, false
	}
	days, ok := parseDay(s)
	hour, minute := digits2(s, 11), digits2(s, 14)
	if !ok || hour > 23 || minute > 59 {
		return 0, false
	}
	ms = days*DayMS + int64(hour)*HourMS + int64(minute)*MinuteMS
	end := len(s)
	if layout == ISO {
		offset := int64(0)
		if end, offset, ok = parseOffset(s); !ok {
			return 0, false
		}
		ms -= offset
	}
	if end == len("yyyy-MM-dd HH:mm") {
		return ms, layout == ISO
	}
	if end < len("yyyy-MM-dd HH:mm:ss") || s[16] != ':' {
		return 0, false
	}
	second := digits2(s, 17)
	if second > 59 {
		return 0, false
	}
	fraction, ok := parseFraction(s, 19, end)
	return ms + int64(second)*SecondMS + fraction, ok
}

// parseOffset reads the offset from UTC that s may end in; end is where it begins, or the length of s.
func parseOffset[T text](s T) (end int, ms int64, ok bool) {
	end = len(s)
	if last := s[end-1]; last == 'Z' || last == 'z' {
		return end - 1, 0, true
	}
	at := end - 1
	for at > len("yyyy-MM-ddTHH:m") && s[at] != '+' && s[at] != '-' {
		at--
	}
	if at == len("yyyy-MM-ddTHH:m") {
		return end, 0, true
	}
	digits, minutes := end-at-1, at+3
	if digits == len("HH:mm") && s[at+3] == ':' {
		minutes++
		digits--
	}
	if digits != 2 && digits != 4 {
		return end, 0, false
	}
	hour, minute := digits2(s, at+1), uint(0)
	if digits == 4 {
		minute = digits2(s, minutes)
	}
	if hour > 18 || minute > 59 { // as java.time.ZoneOffset bounds it
		return end, 0, false
	}
	ms = int64(hour)*HourMS + int64(minute)*MinuteMS
	if s[at] == '-' {
		ms = -ms
	}
	return at, ms, true
}

// parseFraction reads the fraction of a second in s[from:to]: nothing, or a point and up to nine digits.
func parseFraction[T text](s T, from, to int) (ms int64, ok bool) {
	if from == to {
		return 0, true
	}
	if s[from] != '.' || to-from > 10 {
		return 0, false
	}
	unit := int64(100)
	for i := from + 1; i < to; i++ {
		digit := s[i] - '0'
		if digit > 9 {
			return 0, false
		}
		ms += int64(digit) * unit
		unit /= 10
	}
	return ms, true
}

// AppendDate writes `yyyy-MM-dd`.
func AppendDate(dst []byte, days int32) []byte { return appendDay(dst, int64(days)) }

// AppendTimestamp writes a timestamp; of the fraction as much as is not zero.
func AppendTimestamp(dst []byte, ms int64, layout Layout) []byte {
	days := floorDiv(ms, DayMS)
	return appendTime(appendDay(dst, days), int(ms-days*DayMS), layout)
}

// parseDay reads the first ten bytes, which must be there, as `yyyy-MM-dd`.
func parseDay[T text](s T) (days int64, ok bool) {
	high, low, month, day := digits2(s, 0), digits2(s, 2), digits2(s, 5), digits2(s, 8)
	if high > 99 || low > 99 || s[4] != '-' || s[7] != '-' || month-1 > 11 || day-1 > 30 {
		return 0, false
	}
	year := int(high*100 + low)
	if day > 28 && int(day) > daysOfMonth(year, int(month)) {
		return 0, false
	}
	return Days(year, int(month), int(day)), true
}

func daysOfMonth(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// digits2 reads two digits; anything else gives a number above 99.
func digits2[T text](s T, i int) uint {
	tens, ones := uint(s[i]-'0'), uint(s[i+1]-'0')
	if tens > 9 || ones > 9 {
		return 1000
	}
	return tens*10 + ones
}

func appendDigits2(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// appendDay writes a date. A year beyond 9999 takes more digits, one before 0000 a sign: neither is read back.
func appendDay(dst []byte, days int64) []byte {
	year, month, day := Civil(days)
	if year < 0 {
		dst = append(dst, '-')
		year = -year
	}
	if year > 9999 {
		dst = appendNumber(dst, year/10000)
		year %= 10000
	}
	dst = appendDigits2(dst, year/100)
	dst = appendDigits2(dst, year%100)
	dst = append(dst, '-')
	dst = appendDigits2(dst, month)
	dst = append(dst, '-')
	return appendDigits2(dst, day)
}

func appendNumber(dst []byte, n int) []byte {
	if n >= 10 {
		dst = appendNumber(dst, n/10)
	}
	return append(dst, byte('0'+n%10))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
