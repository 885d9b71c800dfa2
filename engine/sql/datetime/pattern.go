package datetime

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/weirstream/weir/engine/codec/sqltime"
)

// Pattern is a compiled date format with the letters of Java's DateTimeFormatter: y M d H h m s S a E D, text in
// single quotes, and all that is not a letter as it stands. Names are English.
type Pattern struct{ parts []part }

type part struct {
	letter byte // 0: text
	width  int
	text   string
}

var (
	monthNames = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	dayNames   = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
)

// CompilePattern reads a pattern.
func CompilePattern(p string) (*Pattern, error) {
	out := &Pattern{}
	for i := 0; i < len(p); {
		c := p[i]
		switch {
		case c == '\'':
			text, n, err := quotedText(p[i:])
			if err != nil {
				return nil, err
			}
			out.parts = append(out.parts, part{text: text})
			i += n
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			n := 1
			for i+n < len(p) && p[i+n] == c {
				n++
			}
			if strings.IndexByte("yuMdHhmsSaED", c) < 0 {
				return nil, fmt.Errorf("the letter %q means nothing in a date format", c)
			}
			if c == 'u' {
				c = 'y'
			}
			out.parts = append(out.parts, part{letter: c, width: n})
			i += n
		default:
			out.parts = append(out.parts, part{text: p[i : i+1]})
			i++
		}
	}
	return out, nil
}

// quotedText reads text in quotes. Two quotes side by side are one quote, in the text or alone.
func quotedText(p string) (text string, n int, err error) {
	if strings.HasPrefix(p, "''") {
		return "'", 2, nil
	}
	var b strings.Builder
	for i := 1; i < len(p); i++ {
		if p[i] != '\'' {
			b.WriteByte(p[i])
			continue
		}
		if i+1 < len(p) && p[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		return b.String(), i + 1, nil
	}
	return "", 0, fmt.Errorf("a quote in the date format is not closed")
}

// Append appends a timestamp in the pattern's form.
func (p *Pattern) Append(dst []byte, ms int64) []byte {
	days, rest := Split(ms)
	inDay := int(rest)
	y, m, d := sqltime.Civil(days)
	hour := inDay / 3_600_000
	for _, part := range p.parts {
		switch part.letter {
		case 0:
			dst = append(dst, part.text...)
		case 'y':
			if part.width == 2 {
				dst = appendPadded(dst, int(floorMod(int64(y), 100)), 2)
			} else {
				dst = appendPadded(dst, y, part.width)
			}
		case 'M':
			dst = appendMonth(dst, m, part.width)
		case 'd':
			dst = appendPadded(dst, d, part.width)
		case 'D':
			dst = appendPadded(dst, int(Extract(DayOfYear, ms)), part.width)
		case 'H':
			dst = appendPadded(dst, hour, part.width)
		case 'h':
			dst = appendPadded(dst, (hour+11)%12+1, part.width)
		case 'm':
			dst = appendPadded(dst, inDay/60_000%60, part.width)
		case 's':
			dst = appendPadded(dst, inDay/1000%60, part.width)
		case 'S':
			dst = appendFraction(dst, inDay%1000, part.width)
		case 'a':
			dst = append(dst, "AMPM"[hour/12*2:hour/12*2+2]...)
		case 'E':
			dst = appendName(dst, dayNames[floorMod(days+4, 7)], part.width)
		}
	}
	return dst
}

func appendMonth(dst []byte, month, width int) []byte {
	if width <= 2 {
		return appendPadded(dst, month, width)
	}
	return appendName(dst, monthNames[month-1], width)
}

func appendName(dst []byte, name string, width int) []byte {
	if width < 4 {
		name = name[:3]
	}
	return append(dst, name...)
}

func appendFraction(dst []byte, ms, width int) []byte {
	for scale := 100; width > 0; width-- {
		digit := 0
		if scale > 0 {
			digit = ms / scale % 10
		}
		dst = append(dst, byte('0'+digit))
		scale /= 10
	}
	return dst
}

// fields are what a pattern reads.
type fields struct {
	year, month, day, dayOfYear int
	hour, minute, second, ms    int
	twelve, pm                  bool
}

// Parse reads a timestamp in the pattern's form; fields that the pattern lacks are those of 1970-01-01 00:00:00.
func (p *Pattern) Parse(s []byte) (ms int64, ok bool) {
	f := fields{year: 1970, month: 1, day: 1}
	for i, part := range p.parts {
		if part.letter == 0 {
			if !bytes.HasPrefix(s, []byte(part.text)) {
				return 0, false
			}
			s = s[len(part.text):]
			continue
		}
		// Digits of the next number directly behind: read no more than the width.
		tight := i+1 < len(p.parts) && p.parts[i+1].letter != 0
		if s, ok = f.read(part, s, tight); !ok {
			return 0, false
		}
	}
	return f.timestamp(len(s) == 0)
}

func (f *fields) read(p part, s []byte, tight bool) (rest []byte, ok bool) {
	low, high := p.width, p.width
	if p.width == 1 && !tight {
		low, high = 1, 19
	}
	var target *int
	switch p.letter {
	case 'S':
		n := min(p.width, len(s))
		f.ms, rest, ok = readFraction(s[:n])
		return s[n:], ok && len(rest) == 0 && n == p.width
	case 'E':
		return readName(s, dayNames[:], p.width, new(int))
	case 'a':
		if len(s) < 2 || !strings.EqualFold(string(s[1:2]), "M") {
			return s, false
		}
		f.pm = s[0] == 'P' || s[0] == 'p'
		return s[2:], f.pm || s[0] == 'A' || s[0] == 'a'
	case 'M':
		if p.width > 2 {
			return readName(s, monthNames[:], p.width, &f.month)
		}
		target = &f.month
	case 'y':
		target = &f.year
		if p.width == 2 {
			*target, rest, ok = readNumber(s, 2, 2)
			*target += 2000
			return rest, ok
		}
	case 'd':
		target = &f.day
	case 'D':
		target = &f.dayOfYear
	case 'H', 'h':
		f.twelve = p.letter == 'h'
		target = &f.hour
	case 'm':
		target = &f.minute
	case 's':
		target = &f.second
	}
	*target, rest, ok = readNumber(s, low, min(high, 9))
	return rest, ok
}

// readName reads an English name, whole or its first three letters, and its number from 1.
func readName(s []byte, names []string, width int, to *int) (rest []byte, ok bool) {
	for i, name := range names {
		if width < 4 {
			name = name[:3]
		}
		if len(s) >= len(name) && strings.EqualFold(string(s[:len(name)]), name) {
			*to = i + 1
			return s[len(name):], true
		}
	}
	return s, false
}

func (f *fields) timestamp(whole bool) (int64, bool) {
	if f.twelve {
		if f.hour < 1 || f.hour > 12 {
			return 0, false
		}
		f.hour %= 12
		if f.pm {
			f.hour += 12
		}
	}
	if !whole || f.hour > 23 || f.minute > 59 || f.second > 59 || !validDate(f.year, f.month, f.day) {
		return 0, false
	}
	days := sqltime.Days(f.year, f.month, f.day)
	if f.dayOfYear > 0 {
		days = sqltime.Days(f.year, 1, 1) + int64(f.dayOfYear) - 1
	}
	return days*DayMS + int64((f.hour*60+f.minute)*60+f.second)*1000 + int64(f.ms), true
}
