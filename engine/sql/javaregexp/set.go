package javaregexp

import (
	"slices"
	"unicode"
)

// set is a set of characters: pairs of a first and a last one, ascending, apart from each other.
type set []rune

func of(pairs ...rune) set { return normal(pairs) }

// normal sorts and joins pairs.
func normal(pairs []rune) set {
	type span struct{ low, high rune }
	spans := make([]span, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		spans = append(spans, span{pairs[i], pairs[i+1]})
	}
	slices.SortFunc(spans, func(a, b span) int { return int(a.low - b.low) })
	var out set
	for _, s := range spans {
		if n := len(out); n > 0 && s.low <= out[n-1]+1 {
			out[n-1] = max(out[n-1], s.high)
			continue
		}
		out = append(out, s.low, s.high)
	}
	return out
}

func (s set) union(other set) set { return normal(slices.Concat(s, other)) }

func (s set) not() set {
	var out set
	next := rune(0)
	for i := 0; i < len(s); i += 2 {
		if s[i] > next {
			out = append(out, next, s[i]-1)
		}
		next = s[i+1] + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, next, unicode.MaxRune)
	}
	return out
}

func (s set) and(other set) set { return s.not().union(other.not()).not() }

// ignoreCase adds the other case of the ASCII letters; Java knows no other cases without the flag u.
func (s set) ignoreCase() set {
	out := slices.Clone(s)
	for c := 'a'; c <= 'z'; c++ {
		switch upper := c - 'a' + 'A'; {
		case s.has(c):
			out = append(out, upper, upper)
		case s.has(upper):
			out = append(out, c, c)
		}
	}
	return normal(out)
}

func (s set) has(c rune) bool {
	low, high := 0, len(s)/2
	for low < high {
		switch mid := (low + high) / 2; {
		case c < s[2*mid]:
			high = mid
		case c > s[2*mid+1]:
			low = mid + 1
		default:
			return true
		}
	}
	return false
}

// ofTable returns the characters of a table of Unicode.
func ofTable(t *unicode.RangeTable) set {
	var pairs []rune
	add := func(low, high, stride rune) {
		if stride == 1 {
			pairs = append(pairs, low, high)
			return
		}
		for c := low; c <= high; c += stride {
			pairs = append(pairs, c, c)
		}
	}
	for _, r := range t.R16 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	for _, r := range t.R32 {
		add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
	}
	return normal(pairs)
}

var (
	digits     = of('0', '9')
	words      = of('0', '9', 'A', 'Z', '_', '_', 'a', 'z')
	blanks     = of('\t', '\r', ' ', ' ')
	horizontal = of('\t', '\t', ' ', ' ', 0xa0, 0xa0, 0x1680, 0x1680, 0x180e, 0x180e, 0x2000, 0x200a, 0x202f, 0x202f, 0x205f, 0x205f, 0x3000, 0x3000)
	vertical   = of('\n', '\r', 0x85, 0x85, 0x2028, 0x2029)
	lineBreaks = of('\n', '\n', '\r', '\r', 0x85, 0x85, 0x2028, 0x2029)
)

// posix are the classes of ASCII, as Java names them.
var posix = map[string]set{
	"Lower": of('a', 'z'), "Upper": of('A', 'Z'), "ASCII": of(0, 0x7f), "Alpha": of('A', 'Z', 'a', 'z'), "Digit": digits,
	"Alnum": of('0', '9', 'A', 'Z', 'a', 'z'), "Punct": of('!', '/', ':', '@', '[', '`', '{', '~'), "Graph": of('!', '~'),
	"Print": of(' ', '~'), "Blank": of('\t', '\t', ' ', ' '), "Cntrl": of(0, 0x1f, 0x7f, 0x7f),
	"XDigit": of('0', '9', 'A', 'F', 'a', 'f'), "Space": blanks,
}
