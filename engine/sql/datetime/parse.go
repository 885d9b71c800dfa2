package datetime

import (
	"bytes"
	"strings"

	"github.com/weirstream/weir/engine/codec/sqltime"
)

// fields are what a pattern reads.
type fields struct {
	year, month, day, dayOfYear int
	hour, minute, second, ms    int
	twelve, pm                  bool
}

// Parse reads a timestamp in the pattern's form; fields that the pattern lacks are those of 1970-01-01 00:00:00. A pattern
// that is not readable reads nothing.
func (p *Pattern) Parse(s []byte) (ms int64, ok bool) {
	ms, rest, ok := p.ParsePrefix(s)
	return ms, ok && len(rest) == 0
}

// ParsePrefix reads a timestamp at the start of a text, as Java's SimpleDateFormat does.
func (p *Pattern) ParsePrefix(s []byte) (ms int64, rest []byte, ok bool) {
	if p.writeOnly != 0 {
		return 0, s, false
	}
	f := fields{year: 1970, month: 1, day: 1}
	if rest, ok = f.readAll(p.parts, s); !ok {
		return 0, s, false
	}
	ms, ok = f.timestamp()
	return ms, rest, ok
}

// readAll reads parts one after the other. An optional part that is not there reads nothing.
func (f *fields) readAll(parts []part, s []byte) (rest []byte, ok bool) {
	for i, part := range parts {
		switch {
		case part.optional != nil:
			before := *f
			if rest, ok := f.readAll(part.optional, s); ok {
				s = rest
			} else {
				*f = before
			}
		case part.letter == 0:
			if !bytes.HasPrefix(s, []byte(part.text)) {
				return s, false
			}
			s = s[len(part.text):]
		default:
			// Digits of the next number directly behind: read no more than the width.
			tight := i+1 < len(parts) && parts[i+1].letter != 0
			if s, ok = f.read(part, s, tight); !ok {
				return s, false
			}
		}
	}
	return s, true
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
	case 'H', 'h', 'K', 'k':
		f.hour, rest, ok = readNumber(s, low, min(high, 9))
		return rest, ok && f.clock(p.letter)
	case 'm':
		target = &f.minute
	case 's':
		target = &f.second
	}
	*target, rest, ok = readNumber(s, low, min(high, 9))
	return rest, ok
}

// clock turns the hour that a letter has read into one from 0, of the day or of its half.
func (f *fields) clock(letter byte) bool {
	low, high := 0, 23
	switch letter {
	case 'h':
		low, high = 1, 12
	case 'K':
		high = 11
	case 'k':
		low, high = 1, 24
	}
	f.twelve = high < 13
	valid := f.hour >= low && f.hour <= high
	if f.hour == high && low == 1 {
		f.hour = 0
	}
	return valid
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

// maxYear is the last one that milliseconds in 64 bits count to.
const maxYear = 292_000_000

func (f *fields) timestamp() (int64, bool) {
	hour := f.hour
	if f.twelve && f.pm {
		hour += 12
	}
	if f.year > maxYear || f.minute > 59 || f.second > 59 || !validDate(f.year, f.month, f.day) {
		return 0, false
	}
	days := sqltime.Days(f.year, f.month, f.day)
	if f.dayOfYear > 0 {
		days = sqltime.Days(f.year, 1, 1) + int64(f.dayOfYear) - 1
	}
	return days*DayMS + int64((hour*60+f.minute)*60+f.second)*1000 + int64(f.ms), true
}
