package javaregexp

import (
	"unicode"
	"unicode/utf8"
)

// assertion is a test of a place between two characters.
type assertion uint8

const (
	textStart       assertion = iota // \A, and ^ without the flag m
	textEnd                          // \z
	lastLineEnd                      // \Z, and $ without m: the end, or before a line break at the end
	lineEnd                          // $ with m
	unixLastLineEnd                  // both with the flag d, for which only \n is a line break
	unixLineEnd
	lineStart // ^ with m
	unixLineStart
	wordBoundary
	noWordBoundary
)

// fits says for which texts the standard library's syntax means the same.
type fits struct {
	none     bool // for none
	ascii    bool // only for ASCII
	unbroken bool // only for those that do not end in a line break
}

func (a assertion) standard(f *fits) string {
	switch a {
	case textStart:
		return `\A`
	case textEnd:
		return `\z`
	case lastLineEnd, unixLastLineEnd:
		f.unbroken = true
		return `\z`
	case wordBoundary:
		f.ascii = true
		return `\b`
	case noWordBoundary:
		f.ascii = true
		return `\B`
	}
	f.none = true
	return ""
}

// holds tells whether an assertion is true at byte i, as java.util.regex.Pattern tests it.
func (a assertion) holds(s []byte, i int) bool {
	switch a {
	case textStart:
		return i == 0
	case textEnd:
		return i == len(s)
	case lastLineEnd:
		return i == len(s) || lineBreakAt(s, i) == len(s)-i
	case lineEnd:
		return i == len(s) || lineBreakAt(s, i) > 0
	case unixLastLineEnd:
		return i == len(s) || i == len(s)-1 && s[i] == '\n'
	case unixLineEnd:
		return i == len(s) || s[i] == '\n'
	case lineStart:
		return i < len(s) && (i == 0 || lineBreakBefore(s, i))
	case unixLineStart:
		return i < len(s) && (i == 0 || s[i-1] == '\n')
	}
	return (wordBefore(s, i) != wordAt(s, i)) == (a == wordBoundary)
}

// lineBreakAt returns the length of the line break that begins at byte i, or 0. None begins within \r\n.
func lineBreakAt(s []byte, i int) int {
	c, n := utf8.DecodeRune(s[i:])
	switch {
	case !lineBreaks.has(c), c == '\n' && i > 0 && s[i-1] == '\r':
		return 0
	case c == '\r' && i+1 < len(s) && s[i+1] == '\n':
		return 2
	}
	return n
}

func lineBreakBefore(s []byte, i int) bool {
	c, _ := utf8.DecodeLastRune(s[:i])
	return lineBreaks.has(c) && (c != '\r' || s[i] != '\n')
}

// endsInLineBreak may err on the side of yes: it looks at the last byte alone.
func endsInLineBreak(s []byte) bool {
	if len(s) == 0 {
		return false
	}
	switch s[len(s)-1] {
	case '\n', '\r', 0x85, 0xa8, 0xa9:
		return true
	}
	return false
}

// isWord is what \b takes for a part of a word; marks belong to the letter before them.
func isWord(c rune) bool { return c == '_' || unicode.IsLetter(c) || unicode.Is(unicode.Nd, c) }

func wordAt(s []byte, i int) bool {
	c, _ := utf8.DecodeRune(s[i:])
	return i < len(s) && (isWord(c) || unicode.Is(unicode.Mn, c) && marksWord(s[:i]))
}

func wordBefore(s []byte, i int) bool {
	c, n := utf8.DecodeLastRune(s[:i])
	return i > 0 && (isWord(c) || unicode.Is(unicode.Mn, c) && marksWord(s[:i-n]))
}

// marksWord says whether a mark behind s belongs to a letter or digit.
func marksWord(s []byte) bool {
	for len(s) > 0 {
		c, n := utf8.DecodeLastRune(s)
		if !unicode.Is(unicode.Mn, c) {
			return unicode.IsLetter(c) || unicode.Is(unicode.Nd, c)
		}
		s = s[:len(s)-n]
	}
	return false
}
