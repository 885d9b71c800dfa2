package javaregexp

import (
	"strconv"
	"strings"
	"unicode"
)

// class reads a class behind its bracket, with unions and intersections, as Java 9 and later do: && binds less than what
// stands side by side, and ^ negates the whole.
func (p *parser) class() (set, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, unsupported("more than %d classes in one another", maxDepth)
	}
	defer func() { p.depth-- }()
	negated := p.accept("^")
	left, some, err := p.operand(true)
	if err != nil {
		return nil, err
	}
	for p.accept("&&") {
		right, any, err := p.operand(false)
		switch {
		case err != nil:
			return nil, err
		case !any:
			return nil, unsupported("&& in a class with nothing behind it")
		case !some:
			left, some = right, true
		default:
			left = left.and(right)
		}
	}
	if !p.accept("]") {
		return nil, invalid("a class that is not closed")
	}
	if negated {
		left = left.not()
	}
	return left, nil
}

// operand reads the union of what stands side by side, up to ] or &&. A ] that comes first is a character.
func (p *parser) operand(first bool) (out set, some bool, err error) {
	for {
		switch c := p.cur(); {
		case c < 0:
			return nil, false, invalid("a class that is not closed")
		case c == ']' && (some || !first), c == '&' && p.peek(1) == '&':
			return out, some, nil
		}
		var s set
		if p.accept("[") {
			s, err = p.class()
		} else {
			s, err = p.classItem()
		}
		if err != nil {
			return nil, false, err
		}
		out, some = out.union(s), true
	}
}

// classItem reads a character, a range, an escape or a quote.
func (p *parser) classItem() (set, error) {
	if p.accept(`\Q`) {
		var out set
		for p.cur() >= 0 && !p.accept(`\E`) {
			out = append(out, p.cur(), p.cur())
			p.i++
		}
		return p.cased(normal(out)), nil
	}
	low, s, err := p.classChar()
	if err != nil || s != nil {
		return s, err
	}
	high := low
	if next := p.peek(1); p.cur() == '-' && next != '[' && next != ']' && next >= 0 {
		p.i++
		if high, s, err = p.classChar(); err != nil {
			return nil, err
		}
		if s != nil || high < low {
			return nil, invalid("a range in a class that ends before it begins")
		}
	}
	return p.cased(of(low, high)), nil
}

func (p *parser) cased(s set) set {
	if p.flags.ignoreCase {
		return s.ignoreCase()
	}
	return s
}

// classChar reads one character, or an escape that is a set.
func (p *parser) classChar() (c rune, s set, err error) {
	c = p.cur()
	p.i++
	if c != '\\' {
		return c, nil, nil
	}
	if s, err = p.predefined(); s != nil || err != nil {
		return 0, s, err
	}
	c, err = p.escapedChar()
	return c, nil, err
}

// escape reads what follows a backslash outside of a class.
func (p *parser) escape() (*node, error) {
	switch c := p.cur(); c {
	case 'A':
		p.i++
		return &node{op: opAssert, assert: textStart}, nil
	case 'z':
		p.i++
		return &node{op: opAssert, assert: textEnd}, nil
	case 'Z':
		p.i++
		if p.flags.unixLines {
			return &node{op: opAssert, assert: unixLastLineEnd}, nil
		}
		return &node{op: opAssert, assert: lastLineEnd}, nil
	case 'b', 'B':
		if p.peek(1) == '{' {
			return nil, unsupported(`\b{g}`)
		}
		p.i++
		if c == 'b' {
			return &node{op: opAssert, assert: wordBoundary}, nil
		}
		return &node{op: opAssert, assert: noWordBoundary}, nil
	case 'R':
		p.i++
		crlf := &node{op: opConcat, sub: []*node{{op: opSet, set: of('\r', '\r')}, {op: opSet, set: of('\n', '\n')}}}
		return &node{op: opAlternate, sub: []*node{crlf, {op: opSet, set: vertical}}}, nil
	case '1', '2', '3', '4', '5', '6', '7', '8', '9', 'k':
		return nil, unsupported(`references to groups, such as \1`)
	case 'G', 'X', 'N':
		return nil, unsupported(`\%c`, c)
	}
	if s, err := p.predefined(); s != nil || err != nil {
		return &node{op: opSet, set: s}, err
	}
	c, err := p.escapedChar()
	if err != nil {
		return nil, err
	}
	return p.char(c), nil
}

// predefined reads an escape that is a set; nil: it is none.
func (p *parser) predefined() (set, error) {
	c := p.cur()
	s := map[rune]set{'d': digits, 'w': words, 's': blanks, 'h': horizontal, 'v': vertical}[unicode.ToLower(c)]
	switch {
	case c == 'p' || c == 'P':
		p.i++
		s, err := p.property()
		if err == nil && c == 'P' {
			s = s.not()
		}
		return s, err
	case s == nil || c > unicode.MaxASCII:
		return nil, nil
	}
	p.i++
	if unicode.IsUpper(c) {
		s = s.not()
	}
	return s, nil
}

// property reads the name behind \p.
func (p *parser) property() (set, error) {
	name := string(max(p.cur(), ' '))
	p.i++
	if name == "{" {
		start := p.i
		for ; p.cur() != '}'; p.i++ {
			if p.cur() < 0 {
				return nil, invalid("a property that is not closed")
			}
		}
		name = string(p.src[start:p.i])
		p.i++
	}
	if p.flags.ignoreCase && (strings.HasSuffix(name, "Lower") || strings.HasSuffix(name, "Upper") || strings.HasSuffix(name, "case") ||
		strings.HasSuffix(name, "Ll") || strings.HasSuffix(name, "Lu") || strings.HasSuffix(name, "Lt")) {
		return nil, unsupported(`\p{%s} under the flag i`, name)
	}
	if s, ok := posix[name]; ok {
		return s, nil
	}
	short := name
	if rest, ok := strings.CutPrefix(name, "Is"); ok {
		short = rest
	}
	if t, ok := unicode.Categories[short]; ok && len(short) <= 2 && short != "Cn" && short != "C" && short != "LC" {
		return ofTable(t), nil
	}
	if t, ok := unicode.Scripts[short]; ok && short != name {
		return ofTable(t), nil
	}
	return nil, unsupported(`\p{%s}; the properties are Java's of ASCII such as Alpha, general categories such as Lu, and scripts such as IsLatin`, name)
}

// escapedChar reads an escape that is one character.
func (p *parser) escapedChar() (rune, error) {
	c := p.cur()
	p.i++
	switch c {
	case 't':
		return '\t', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 'f':
		return '\f', nil
	case 'a':
		return 7, nil
	case 'e':
		return 27, nil
	case '0':
		return p.octal()
	case 'x':
		if p.accept("{") {
			return p.hex(1, 6, true)
		}
		return p.hex(2, 2, false)
	case 'u':
		return p.utf16()
	case 'c':
		control := p.cur()
		p.i++
		if control < 0 || control > unicode.MaxASCII {
			return 0, unsupported(`\c behind which no ASCII character stands`)
		}
		return control ^ 64, nil
	case 'N':
		return 0, unsupported(`\%c`, c)
	case -1:
		return 0, invalid(`a \ at the end`)
	}
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '1' && c <= '9' {
		return 0, invalid(`the escape \%c`, c)
	}
	return c, nil
}

// octal reads one to three digits, of which the first of three is at most 3.
func (p *parser) octal() (rune, error) {
	n, k := rune(0), 0
	for ; k < 3 && p.cur() >= '0' && p.cur() <= '7' && (k < 2 || n <= 0o37); k++ {
		n = n*8 + p.cur() - '0'
		p.i++
	}
	if k == 0 {
		return 0, invalid(`\0 without digits`)
	}
	return n, nil
}

func (p *parser) hex(low, high int, braced bool) (rune, error) {
	start := p.i
	for p.i-start < high && strings.ContainsRune("0123456789abcdefABCDEF", p.cur()) && p.cur() >= 0 {
		p.i++
	}
	n, err := strconv.ParseUint(string(p.src[start:p.i]), 16, 32)
	if err != nil || p.i-start < low || n > unicode.MaxRune || braced && !p.accept("}") {
		return 0, invalid("a character by its number that is none")
	}
	return rune(n), nil
}

// utf16 reads \uXXXX; two surrogates are one character.
func (p *parser) utf16() (rune, error) {
	c, err := p.hex(4, 4, false)
	if err != nil || c < 0xd800 || c > 0xdfff {
		return c, err
	}
	if c <= 0xdbff && p.accept(`\u`) {
		low, err := p.hex(4, 4, false)
		if err == nil && low >= 0xdc00 && low <= 0xdfff {
			return (c-0xd800)<<10 + (low - 0xdc00) + 0x10000, nil
		}
	}
	return 0, unsupported("half of a surrogate pair")
}
