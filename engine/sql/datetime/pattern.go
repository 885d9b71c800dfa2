package datetime

import (
	"fmt"
	"strings"

	"github.com/weirstream/weir/engine/codec/sqltime"
)

// Pattern is a compiled date format with the letters of Java's DateTimeFormatter: text in single quotes, parts in brackets
// that a text may lack, and all that is not a letter as it stands. Names are English; weeks are those of the locale of
// Java's default in Flink's images, en_US: they begin on Sunday, and the first one holds 1 January.
type Pattern struct {
	parts []part
	// writeOnly is a letter that no text can be read by; 0: there is none.
	writeOnly byte
}

// part is a letter with its width, text, or an optional part.
type part struct {
	letter   byte // 0: text, or optional
	width    int
	text     string
	optional []part
}

var (
	monthNames = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	dayNames   = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
	ordinals   = [...]string{"1st", "2nd", "3rd", "4th"}
)

// widest is how often a letter may stand side by side.
var widest = map[byte]int{
	'y': 18, 'u': 18, 'Y': 18, 'Q': 5, 'q': 5, 'M': 5, 'L': 5, 'w': 2, 'W': 1, 'D': 3, 'd': 2, 'F': 1, 'E': 5, 'e': 5, 'c': 5, 'a': 1,
	'H': 2, 'h': 2, 'K': 2, 'k': 2, 'm': 2, 's': 2, 'S': 9, 'n': 18, 'N': 18, 'A': 18, 'G': 5,
}

// writeOnly are the letters of what says too little to be read: weeks, quarters and eras.
const writeOnly = "YQqwWFecGnNA"

// CompilePattern reads a pattern.
func CompilePattern(p string) (*Pattern, error) {
	out := &Pattern{}
	parts, rest, err := compileParts(out, p, 0)
	if err == nil && rest != "" {
		err = fmt.Errorf("a ] without a [ before it")
	}
	out.parts = parts
	return out, err
}

// maxOptional is how deep optional parts may stand in one another.
const maxOptional = 20

// compileParts reads up to the end, or up to the ] of the optional part that it is in.
func compileParts(out *Pattern, p string, depth int) (parts []part, rest string, err error) {
	if depth > maxOptional {
		return nil, "", fmt.Errorf("optional parts are more than %d deep", maxOptional)
	}
	for len(p) > 0 {
		c, n := p[0], 1
		switch {
		case c == '\'':
			var text string
			if text, n, err = quotedText(p); err != nil {
				return nil, "", err
			}
			parts = append(parts, part{text: text})
		case c == '[':
			inner, after, err := compileParts(out, p[1:], depth+1)
			if err != nil {
				return nil, "", err
			}
			parts = append(parts, part{optional: inner})
			p, n = strings.TrimPrefix(after, "]"), 0
		case c == ']':
			return parts, p, nil
		case c == '{' || c == '}' || c == '#':
			return nil, "", fmt.Errorf("the character %q is reserved; write '%c'", c, c)
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			for n < len(p) && p[n] == c {
				n++
			}
			l, err := letterPart(out, c, n)
			if err != nil {
				return nil, "", err
			}
			parts = append(parts, l)
		default:
			parts = append(parts, part{text: p[:1]})
		}
		p = p[n:]
	}
	return parts, "", nil
}

func letterPart(out *Pattern, c byte, n int) (part, error) {
	switch most := widest[c]; {
	case strings.IndexByte("zZXxOVv", c) >= 0:
		return part{}, fmt.Errorf("the letter %q means a zone, which a TIMESTAMP does not have", c)
	case most == 0:
		return part{}, fmt.Errorf("the letter %q means nothing in a date format", c)
	case n > most, c == 'c' && n == 2:
		return part{}, fmt.Errorf("the letter %q stands %d times side by side", c, n)
	}
	if strings.IndexByte(writeOnly, c) >= 0 || n == 5 && strings.IndexByte("MLE", c) >= 0 {
		out.writeOnly = c
	}
	switch c {
	case 'u':
		c = 'y'
	case 'L':
		c = 'M'
	case 'q':
		c = 'Q'
	}
	return part{letter: c, width: n}, nil
}

// Readable says whether texts can be read by the pattern, and if not, because of which letter.
func (p *Pattern) Readable() (letter byte, ok bool) { return p.writeOnly, p.writeOnly == 0 }

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

// Append appends a timestamp in the pattern's form, with all its optional parts.
func (p *Pattern) Append(dst []byte, ms int64) []byte {
	days, inDay := Split(ms)
	at := moment{days: days, inDay: int(inDay)}
	at.year, at.month, at.day = sqltime.Civil(days)
	return at.append(dst, p.parts)
}

// moment is a timestamp that is being written.
type moment struct {
	days             int64
	year, month, day int
	inDay            int // ms
}

func (at *moment) append(dst []byte, parts []part) []byte {
	for _, p := range parts {
		switch {
		case p.letter != 0:
			dst = at.appendLetter(dst, p.letter, p.width)
		case p.optional != nil:
			dst = at.append(dst, p.optional)
		default:
			dst = append(dst, p.text...)
		}
	}
	return dst
}

func (at *moment) appendLetter(dst []byte, letter byte, width int) []byte {
	hour := at.inDay / 3_600_000
	switch letter {
	case 'y':
		return appendYear(dst, at.year, width)
	case 'Y':
		year, _ := usWeek(at.days)
		return appendYear(dst, year, width)
	case 'Q':
		return appendQuarter(dst, (at.month+2)/3, width)
	case 'M':
		if width <= 2 {
			return appendPadded(dst, at.month, width)
		}
		return appendName(dst, monthNames[at.month-1], width)
	case 'E', 'e', 'c':
		weekday := int(floorMod(at.days+4, 7))
		if letter != 'E' && width <= 2 {
			return appendPadded(dst, weekday+1, width)
		}
		return appendName(dst, dayNames[weekday], width)
	case 'G':
		return append(dst, [...]string{"AD", "AD", "AD", "Anno Domini", "A"}[width-1]...)
	case 'S':
		return appendFraction(dst, at.inDay%1000, width)
	case 'a':
		return append(dst, "AMPM"[hour/12*2:hour/12*2+2]...)
	}
	return appendPadded(dst, at.number(letter, hour), width)
}

// number is the value of a letter that is written as a plain number.
func (at *moment) number(letter byte, hour int) int {
	switch letter {
	case 'd':
		return at.day
	case 'D':
		return int(at.days-sqltime.Days(at.year, 1, 1)) + 1
	case 'F':
		return (at.day-1)%7 + 1
	case 'w':
		_, week := usWeek(at.days)
		return week
	case 'W':
		first := floorMod(at.days-int64(at.day)+1+4, 7)
		return (at.day-1+int(first))/7 + 1
	case 'H':
		return hour
	case 'h':
		return (hour+11)%12 + 1
	case 'K':
		return hour % 12
	case 'k':
		return (hour+23)%24 + 1
	case 'm':
		return at.inDay / 60_000 % 60
	case 's':
		return at.inDay / 1000 % 60
	case 'n':
		return at.inDay % 1000 * 1_000_000
	case 'N':
		return at.inDay * 1_000_000
	}
	return at.inDay // A
}

// usWeek returns the week of a day, which begins on Sunday, and the year whose first week holds its 1 January.
func usWeek(days int64) (year, week int) {
	sunday := func(d int64) int64 { return d - floorMod(d+4, 7) }
	start := sunday(days)
	year, _, _ = sqltime.Civil(start + 6)
	return year, int(start-sunday(sqltime.Days(year, 1, 1)))/7 + 1
}

func appendYear(dst []byte, year, width int) []byte {
	if width == 2 {
		return appendPadded(dst, int(floorMod(int64(year), 100)), 2)
	}
	return appendPadded(dst, year, width)
}

func appendQuarter(dst []byte, quarter, width int) []byte {
	switch width {
	case 3:
		return append(dst, 'Q', byte('0'+quarter))
	case 4:
		return append(append(dst, ordinals[quarter-1]...), " quarter"...)
	case 5:
		width = 1
	}
	return appendPadded(dst, quarter, width)
}

func appendName(dst []byte, name string, width int) []byte {
	switch {
	case width < 4:
		name = name[:3]
	case width == 5:
		name = name[:1]
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
