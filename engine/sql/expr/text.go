package expr

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"github.com/weirstream/weir/engine/batch"
)

// perRow makes a builder of a text function from what it does for one row without NULLs.
func perRow(f func(r *Run, a *row, dst []byte) ([]byte, bool)) builder {
	return func(_ *Call, args []Eval) Eval { return rowText(args, true, f) }
}

// intPerRow makes a builder of a function with an INT result, which is never NULL for arguments that are not.
func intPerRow(f func(a *row) int32) builder {
	return func(_ *Call, args []Eval) Eval {
		return rowFixed(args, func(_ *Run, a *row) (int32, bool) { return f(a), true })
	}
}

// boolPerRow does the same for a BOOLEAN result.
func boolPerRow(f func(a *row) bool) builder {
	return func(_ *Call, args []Eval) Eval {
		return rowFixed(args, func(_ *Run, a *row) (bool, bool) { return f(a), true })
	}
}

func concat(_ *Run, a *row, dst []byte) ([]byte, bool) {
	for k := range a.v {
		dst = append(dst, a.text(k)...)
	}
	return dst, true
}

// buildConcatWS makes CONCAT_WS: NULL for a NULL separator; other NULLs are left out.
func buildConcatWS(_ *Call, args []Eval) Eval {
	return rowText(args, false, func(_ *Run, a *row, dst []byte) ([]byte, bool) {
		if a.v[0].Null(a.i) {
			return dst, false
		}
		first := true
		for k := 1; k < len(a.v); k++ {
			if a.v[k].Null(a.i) {
				continue
			}
			if !first {
				dst = append(dst, a.text(0)...)
			}
			first = false
			dst = append(dst, a.text(k)...)
		}
		return dst, true
	})
}

// mapRunes makes UPPER or LOWER.
func mapRunes(ascii func(byte) byte, other func([]byte, rune) []byte) builder {
	return perRow(func(_ *Run, a *row, dst []byte) ([]byte, bool) {
		s := a.text(0)
		for i := 0; i < len(s); {
			if s[i] < utf8.RuneSelf {
				dst = append(dst, ascii(s[i]))
				i++
				continue
			}
			r, n := utf8.DecodeRune(s[i:])
			dst = other(dst, r)
			i += n
		}
		return dst, true
	})
}

// appendUpper knows, of the characters that become several, the one that is common.
func appendUpper(dst []byte, r rune) []byte {
	if r == 'ß' {
		return append(dst, "SS"...)
	}
	return utf8.AppendRune(dst, unicode.ToUpper(r))
}

func appendLower(dst []byte, r rune) []byte { return utf8.AppendRune(dst, unicode.ToLower(r)) }

func upperASCII(c byte) byte {
	if c >= 'a' && c <= 'z' {
		c -= 'a' - 'A'
	}
	return c
}

func lowerASCII(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// initCap makes the first letter of each word upper case and the others lower case.
func initCap(_ *Run, a *row, dst []byte) ([]byte, bool) {
	inWord := false
	for _, r := range string(a.text(0)) {
		if inWord {
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		} else {
			dst = utf8.AppendRune(dst, unicode.ToUpper(r))
		}
		inWord = unicode.IsLetter(r) || unicode.IsDigit(r)
	}
	return dst, true
}

func reverse(_ *Run, a *row, dst []byte) ([]byte, bool) {
	for s := a.text(0); len(s) > 0; {
		_, n := utf8.DecodeLastRune(s)
		dst = append(dst, s[len(s)-n:]...)
		s = s[:len(s)-n]
	}
	return dst, true
}

// skip returns the byte offset of character n, or the length.
func skip(s []byte, n int64) int {
	i := 0
	for ; n > 0 && i < len(s); n-- {
		_, size := utf8.DecodeRune(s[i:])
		i += size
	}
	return i
}

// substring makes SUBSTRING(s, start[, length]): characters from 1; a negative start counts from the end; a negative
// length gives NULL.
func substring(_ *Run, a *row, dst []byte) ([]byte, bool) {
	s, start := a.text(0), a.int(1)
	length := int64(len(s))
	if len(a.v) > 2 {
		length = a.int(2)
	}
	switch {
	case length < 0:
		return dst, false
	case start > 0:
		start--
	case start < 0:
		if start += int64(utf8.RuneCount(s)); start < 0 {
			return dst, true
		}
	}
	s = s[skip(s, start):]
	return append(dst, s[:skip(s, length)]...), true
}

func left(_ *Run, a *row, dst []byte) ([]byte, bool) {
	s := a.text(0)
	return append(dst, s[:skip(s, a.int(1))]...), true
}

func right(_ *Run, a *row, dst []byte) ([]byte, bool) {
	s, n := a.text(0), a.int(1)
	if n <= 0 {
		return dst, true
	}
	return append(dst, s[skip(s, int64(utf8.RuneCount(s))-n):]...), true
}

// buildPad makes LPAD or RPAD: NULL for a negative length or an empty padding; longer strings are cut.
func buildPad(leftSide bool) builder {
	return func(c *Call, args []Eval) Eval {
		return rowText(args, true, func(r *Run, a *row, dst []byte) ([]byte, bool) {
			s, n, pad := a.text(0), a.int(1), a.text(2)
			if n < 0 || len(pad) == 0 {
				return dst, false
			}
			if n > maxTextBytes {
				r.fail(c.Pos, "ask for fewer characters", "%s makes a string of %d characters; the limit is %d", c.Name, n, maxTextBytes)
				return dst, false
			}
			missing := n - int64(utf8.RuneCount(s))
			if missing < 0 {
				return append(dst, s[:skip(s, n)]...), true
			}
			if !leftSide {
				dst = append(dst, s...)
			}
			for rest := pad; missing > 0; missing-- {
				_, size := utf8.DecodeRune(rest)
				dst = append(dst, rest[:size]...)
				if rest = rest[size:]; len(rest) == 0 {
					rest = pad
				}
			}
			if leftSide {
				dst = append(dst, s...)
			}
			return dst, true
		})
	}
}

func buildRepeat(c *Call, args []Eval) Eval {
	return rowText(args, true, func(r *Run, a *row, dst []byte) ([]byte, bool) {
		s, n := a.text(0), a.int(1)
		if n > 0 && len(s) > 0 && n > int64(maxTextBytes/len(s)) {
			r.fail(c.Pos, "ask for fewer repetitions", "REPEAT makes a string of more than %d bytes", maxTextBytes)
			return dst, false
		}
		for ; n > 0 && len(s) > 0; n-- {
			dst = append(dst, s...)
		}
		return dst, true
	})
}

// buildReplace makes REPLACE(s, search, replacement); an empty search is found beside every character.
func buildReplace(c *Call, args []Eval) Eval {
	return rowText(args, true, func(r *Run, a *row, dst []byte) ([]byte, bool) {
		s, search, by := a.text(0), a.text(1), a.text(2)
		start := len(dst)
		if len(search) == 0 {
			dst = append(dst, by...)
		}
		for len(s) > 0 {
			i, n := bytes.Index(s, search), len(search)
			if n == 0 {
				_, i = utf8.DecodeRune(s)
			}
			if i < 0 {
				break
			}
			dst = append(append(dst, s[:i]...), by...)
			s = s[i+n:]
			if len(dst)-start > maxTextBytes {
				r.fail(c.Pos, "replace by something shorter", "REPLACE makes a string of more than %d bytes", maxTextBytes)
				return dst, false
			}
		}
		return append(dst, s...), true
	})
}

// find returns the position of needle in s in characters from 1, or 0.
func find(s, needle []byte) int32 {
	i := bytes.Index(s, needle)
	if i < 0 {
		return 0
	}
	return int32(utf8.RuneCount(s[:i])) + 1
}

// locate makes LOCATE(needle, s[, start]). The empty needle is at 1 wherever the search begins.
func locate(a *row) int32 {
	needle, s, start := a.text(0), a.text(1), int64(1)
	if len(a.v) > 2 {
		start = a.int(2)
	}
	if len(needle) == 0 {
		return 1
	}
	from := skip(s, max(start-1, 0))
	n := find(s[from:], needle)
	if n == 0 {
		return 0
	}
	return n + int32(utf8.RuneCount(s[:from]))
}

// overlay makes OVERLAY(s PLACING by FROM start [FOR length]). As in Flink, a start outside of s changes nothing, and a
// length that is not positive drops what is behind.
func overlay(_ *Run, a *row, dst []byte) ([]byte, bool) {
	s, by, start := a.text(0), a.text(1), a.int(2)
	length := int64(utf8.RuneCount(by))
	if len(a.v) > 3 {
		length = a.int(3)
	}
	if start < 1 || start > int64(utf8.RuneCount(s)) {
		return append(dst, s...), true
	}
	from := skip(s, start-1)
	dst = append(append(dst, s[:from]...), by...)
	if length > 0 {
		dst = append(dst, s[from+skip(s[from:], length):]...)
	}
	return dst, true
}

// buildTranslate makes TRANSLATE(s, from, to); of a character that is twice in from, the first counts, and NULL is the empty
// string there and in to.
func buildTranslate(_ *Call, args []Eval) Eval { return rowText(args, false, translate) }

func translate(_ *Run, a *row, dst []byte) ([]byte, bool) {
	if a.v[0].Null(a.i) {
		return dst, false
	}
	s, from, to := a.text(0), a.text(1), a.text(2) // of NULL, the empty string
	for len(s) > 0 {
		_, n := utf8.DecodeRune(s)
		at := bytes.Index(from, s[:n])
		if at < 0 {
			dst = append(dst, s[:n]...)
		} else if rest := to[skip(to, int64(utf8.RuneCount(from[:at]))):]; len(rest) > 0 {
			_, size := utf8.DecodeRune(rest)
			dst = append(dst, rest[:size]...)
		}
		s = s[n:]
	}
	return dst, true
}

// buildElt makes ELT(n, s, ...): only the string that it gives may make it NULL.
func buildElt(_ *Call, args []Eval) Eval {
	return rowText(args, false, func(_ *Run, a *row, dst []byte) ([]byte, bool) {
		if a.v[0].Null(a.i) {
			return dst, false
		}
		n := a.int(0)
		if n < 1 || n >= int64(len(a.v)) || a.v[n].Null(a.i) {
			return dst, false
		}
		return append(dst, a.text(int(n))...), true
	})
}

// splitIndex makes SPLIT_INDEX(s, separator, n): part n from 0, or NULL. The empty string has no parts; the empty separator
// stands for each character of white space.
func splitIndex(_ *Run, a *row, dst []byte) ([]byte, bool) {
	s, separator, n := a.text(0), a.text(1), a.int(2)
	if n < 0 || len(s) == 0 {
		return dst, false
	}
	for ; ; n-- {
		part, rest, more := bytes.Cut(s, separator)
		if len(separator) == 0 {
			part, rest, more = cutSpace(s)
		}
		if n == 0 {
			return append(dst, part...), true
		}
		if !more {
			return dst, false
		}
		s = rest
	}
}

// cutSpace cuts at the first character that Java's Character.isWhitespace takes for one.
func cutSpace(s []byte) (before, after []byte, found bool) {
	i := bytes.IndexFunc(s, func(r rune) bool {
		switch r {
		case 0x85, 0xa0, 0x2007, 0x202f:
			return false
		case 0x1c, 0x1d, 0x1e, 0x1f:
			return true
		}
		return unicode.IsSpace(r)
	})
	if i < 0 {
		return s, nil, false
	}
	_, n := utf8.DecodeRune(s[i:])
	return s[:i], s[i+n:], true
}

// buildTrim makes TRIM of spaces, or of any of the given characters, on one side or both.
func buildTrim(leading, trailing bool) builder {
	return perRow(func(_ *Run, a *row, dst []byte) ([]byte, bool) {
		s, chars := a.text(0), []byte{' '}
		if len(a.v) > 1 {
			chars = a.text(1)
		}
		for leading && len(s) > 0 {
			_, n := utf8.DecodeRune(s)
			if !bytes.Contains(chars, s[:n]) {
				break
			}
			s = s[n:]
		}
		for trailing && len(s) > 0 {
			_, n := utf8.DecodeLastRune(s)
			if !bytes.Contains(chars, s[len(s)-n:]) {
				break
			}
			s = s[:len(s)-n]
		}
		return append(dst, s...), true
	})
}

func charLength(arg Eval) Eval {
	var out batch.Fixed[int32]
	return func(r *Run, sel []int32) batch.Vector {
		v := arg(r, sel).(*batch.Strings)
		prepare(&out, r.In.N)
		for _, i := range sel {
			out.V[i] = int32(utf8.RuneCount(v.At(int(i))))
		}
		inherit(&out, v.Nulls, sel)
		return &out
	}
}
