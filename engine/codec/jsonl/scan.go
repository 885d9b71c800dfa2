package jsonl

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// syntaxError is the reason why a line is not JSON, and where.
type syntaxError struct {
	at     int
	reason string
}

func (e *syntaxError) Error() string { return e.reason }

func wrong(at int, format string, args ...any) *syntaxError {
	return &syntaxError{at: at, reason: fmt.Sprintf(format, args...)}
}

// maxDepth bounds the nesting of values that are skipped, as Jackson does.
const maxDepth = 1000

// space returns the offset of the first byte from p on that is not white space.
func space(b []byte, p int) int {
	for p < len(b) && b[p] <= ' ' && (b[p] == ' ' || b[p] == '\t' || b[p] == '\r' || b[p] == '\n') {
		p++
	}
	return p
}

// plain returns the offset of the first byte from p on that cannot stand in a string as it is; of b, if there is none, its
// length.
func plain(b []byte, p int) int {
	for ; ; p += 8 {
		if marks := special(word(b, p)); marks != 0 {
			return min(p+lowest(marks), len(b))
		}
	}
}

// str scans the string whose quote is at p. It returns the offset behind its end and whether it has escapes.
func str(b []byte, p int) (end int, escaped bool, err *syntaxError) {
	start := p + 1
	for p = start; ; {
		p = plain(b, p)
		switch {
		case p == len(b):
			return p, false, wrong(p, "a string does not end")
		case b[p] == '"':
			if !utf8.Valid(b[start:p]) {
				return p, false, wrong(start, "a string is not UTF-8")
			}
			return p + 1, escaped, nil
		case b[p] != '\\':
			return p, false, wrong(p, "a string holds a control character")
		}
		escaped = true
		if p += 2; p > len(b) { // what is escaped is checked by unescape; it may be a quote
			return len(b), false, wrong(len(b), "a string does not end")
		}
	}
}

// unescape appends the text of a string between its quotes. at is the offset of s in the line, for errors.
func unescape(dst, s []byte, at int) ([]byte, *syntaxError) {
	for i := 0; i < len(s); {
		c := s[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		// str made sure that a byte follows.
		switch e := s[i+1]; e {
		case '"', '\\', '/':
			dst = append(dst, e)
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, n := codeUnits(s[i:])
			if n == 0 {
				return dst, wrong(at+i, "a string has a broken \\u escape or a lone surrogate")
			}
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		default:
			return dst, wrong(at+i, "a string has an unknown escape")
		}
		i += 2
	}
	return dst, nil
}

// codeUnits reads `\uXXXX`, or a surrogate pair of two, at the start of s, and returns the rune and how many bytes it took; 0: none.
func codeUnits(s []byte) (r rune, n int) {
	first, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(first) {
		return first, 6
	}
	second, ok := hex4(s[6:])
	if !ok {
		return 0, 0
	}
	if r = utf16.DecodeRune(first, second); r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

func hex4(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range s[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// number is a scanned JSON number.
type number struct {
	end      int    // offset behind it
	mantissa uint64 // its digits without point and exponent, if digits <= 19
	digits   int    // how many, leading zeros included
	exponent int    // of ten, if the value is mantissa * 10^exponent
	negative bool
	integer  bool // neither point nor exponent
}

// scanNumber reads the number at p.
func scanNumber(b []byte, p int) (n number, err *syntaxError) {
	start := p
	if b[p] == '-' {
		n.negative = true
		p++
	}
	first := p
	for p < len(b) && b[p]-'0' <= 9 {
		n.mantissa = n.mantissa*10 + uint64(b[p]-'0')
		p++
	}
	n.digits, n.integer = p-first, true
	if n.digits == 0 || n.digits > 1 && b[first] == '0' {
		return n, wrong(start, "this is not a JSON value")
	}
	if p < len(b) && b[p] == '.' {
		n.integer = false
		point := p
		for p++; p < len(b) && b[p]-'0' <= 9; p++ {
			n.mantissa = n.mantissa*10 + uint64(b[p]-'0')
		}
		n.exponent = -(p - point - 1)
		if n.exponent == 0 {
			return n, wrong(start, "a number has no digit after its point")
		}
		n.digits -= n.exponent
	}
	if p < len(b) && b[p]|0x20 == 'e' {
		n.integer = false
		if p, err = n.scanExponent(b, p+1); err != nil {
			return n, err
		}
	}
	n.end = p
	return n, nil
}

// scanExponent reads what stands behind the e of a number.
func (n *number) scanExponent(b []byte, p int) (int, *syntaxError) {
	negative := false
	if p < len(b) && (b[p] == '+' || b[p] == '-') {
		negative = b[p] == '-'
		p++
	}
	first, e := p, 0
	for ; p < len(b) && b[p]-'0' <= 9; p++ {
		e = min(e*10+int(b[p]-'0'), 1<<20) // far outside of any double
	}
	if p == first {
		return p, wrong(p, "a number has no digit in its exponent")
	}
	if negative {
		e = -e
	}
	n.exponent += e
	return p, nil
}

// skip returns the offset behind the value at p, which it checks.
func skip(b []byte, p, depth int) (int, *syntaxError) {
	if p == len(b) {
		return p, wrong(p, "a value is missing")
	}
	switch c := b[p]; c {
	case '"':
		return skipString(b, p)
	case '{', '[':
		return skipNested(b, p, depth)
	case 't':
		return literal(b, p, "true")
	case 'f':
		return literal(b, p, "false")
	case 'n':
		return literal(b, p, "null")
	}
	n, err := scanNumber(b, p)
	return n.end, err
}

func skipString(b []byte, p int) (int, *syntaxError) {
	end, escaped, err := str(b, p)
	if err == nil && escaped {
		var text [64]byte // what is longer is allocated: escapes in what is skipped are rare
		_, err = unescape(text[:0], b[p+1:end-1], p+1)
	}
	return end, err
}

// skipNested skips the object or array at p.
func skipNested(b []byte, p, depth int) (int, *syntaxError) {
	if depth == maxDepth {
		return p, wrong(p, "values are nested more than %d deep", maxDepth)
	}
	object, closing := b[p] == '{', b[p]+2 // '[' + 2 is ']', '{' + 2 is '}'
	p = space(b, p+1)
	if p < len(b) && b[p] == closing {
		return p + 1, nil
	}
	var err *syntaxError
	for {
		if object {
			if p, err = skipName(b, p); err != nil {
				return p, err
			}
		}
		if p, err = skip(b, p, depth+1); err != nil {
			return p, err
		}
		p = space(b, p)
		switch {
		case p < len(b) && b[p] == ',':
			p = space(b, p+1)
		case p < len(b) && b[p] == closing:
			return p + 1, nil
		default:
			return p, wrong(p, "',' or '%c' is missing", closing)
		}
	}
}

// skipName skips a member's name and the colon behind it, up to its value.
func skipName(b []byte, p int) (int, *syntaxError) {
	if p == len(b) || b[p] != '"' {
		return p, wrong(p, "the name of a member is missing")
	}
	p, err := skipString(b, p)
	if err != nil {
		return p, err
	}
	return colon(b, p)
}

// colon returns the offset of the value behind the colon that follows at p.
func colon(b []byte, p int) (int, *syntaxError) {
	if p = space(b, p); p == len(b) || b[p] != ':' {
		return p, wrong(p, "':' is missing")
	}
	return space(b, p+1), nil
}

func literal(b []byte, p int, word string) (int, *syntaxError) {
	if len(b)-p < len(word) || string(b[p:p+len(word)]) != word {
		return p, wrong(p, "this is not a JSON value")
	}
	return p + len(word), nil
}

// nullElement skips the null at p; skipValue any value. Unlike skip they return a plain error.
func nullElement(b []byte, p int) (int, error) {
	end, err := literal(b, p, "null")
	if err != nil {
		return p, err
	}
	return end, nil
}

func skipValue(b []byte, p int) (int, error) {
	end, err := skip(b, p, 1)
	if err != nil {
		return p, err
	}
	return end, nil
}
