package javaregexp

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Error says why a pattern is refused.
type Error struct {
	Msg string
	// Invalid says that it is no regular expression in Java either. Others mean something there.
	Invalid bool
}

func (e *Error) Error() string { return e.Msg }

func invalid(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...), true} }

func unsupported(format string, args ...any) error {
	return &Error{"not supported: " + fmt.Sprintf(format, args...), false}
}

type operation uint8

const (
	opEmpty operation = iota
	opSet
	opAssert
	opConcat
	opAlternate
	opRepeat
	opGroup // captures
)

// node is a part of a pattern.
type node struct {
	op       operation
	set      set
	assert   assertion
	sub      []*node
	min, max int // of opRepeat; max < 0: no end
	lazy     bool
	group    int
}

type flags struct{ ignoreCase, dotAll, multiline, unixLines bool }

const (
	maxDepth  = 200
	maxRepeat = 1000
)

type parser struct {
	src    []rune
	i      int
	flags  flags
	groups int
	depth  int
}

func parse(pattern string) (*node, int, error) {
	if !utf8.ValidString(pattern) {
		return nil, 0, invalid("it is not UTF-8")
	}
	p := &parser{src: []rune(pattern)}
	n, err := p.alternation()
	if err == nil && p.i < len(p.src) {
		err = invalid("an unmatched )")
	}
	return n, p.groups, err
}

// cur is the next character; negative: there is none.
func (p *parser) cur() rune { return p.peek(0) }

func (p *parser) peek(n int) rune {
	if p.i+n < len(p.src) {
		return p.src[p.i+n]
	}
	return -1
}

func (p *parser) accept(s string) bool {
	for k, c := range []rune(s) {
		if p.peek(k) != c {
			return false
		}
	}
	p.i += len([]rune(s))
	return true
}

// alternation reads up to the end of a group. Flags that are set in it end with it.
func (p *parser) alternation() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, unsupported("more than %d groups in one another", maxDepth)
	}
	outer := p.flags
	defer func() { p.depth--; p.flags = outer }()
	out := &node{op: opAlternate}
	for {
		n, err := p.sequence()
		if err != nil {
			return nil, err
		}
		out.sub = append(out.sub, n)
		if !p.accept("|") {
			break
		}
	}
	if len(out.sub) == 1 {
		return out.sub[0], nil
	}
	return out, nil
}

func (p *parser) sequence() (*node, error) {
	out := &node{op: opConcat}
	for p.cur() >= 0 && p.cur() != '|' && p.cur() != ')' {
		if p.accept(`\Q`) {
			if err := p.quoted(out); err != nil {
				return nil, err
			}
			continue
		}
		n, err := p.atom()
		if err != nil {
			return nil, err
		}
		if n == nil {
			continue
		}
		if n, err = p.quantified(n); err != nil {
			return nil, err
		}
		out.sub = append(out.sub, n)
	}
	return out, nil
}

// quoted reads up to \E. A quantifier behind it is one of the last character.
func (p *parser) quoted(out *node) error {
	for p.cur() >= 0 && !p.accept(`\E`) {
		n := p.char(p.cur())
		p.i++
		if p.peek(0) == '\\' && p.peek(1) == 'E' {
			p.i += 2
			var err error
			if n, err = p.quantified(n); err != nil {
				return err
			}
			out.sub = append(out.sub, n)
			return nil
		}
		out.sub = append(out.sub, n)
	}
	return nil
}

// char matches one character, in either case under the flag i.
func (p *parser) char(c rune) *node {
	s := of(c, c)
	if p.flags.ignoreCase {
		s = s.ignoreCase()
	}
	return &node{op: opSet, set: s}
}

func (p *parser) atom() (*node, error) {
	c := p.cur()
	p.i++
	switch c {
	case '(':
		return p.group()
	case '[':
		s, err := p.class()
		return &node{op: opSet, set: s}, err
	case '.':
		return &node{op: opSet, set: p.dot()}, nil
	case '^':
		return p.caret(), nil
	case '$':
		return p.dollar(), nil
	case '*', '+', '?':
		return nil, invalid("a %c behind nothing that it could repeat", c)
	case '{':
		return nil, unsupported(`a { behind nothing that it could repeat; write \{`)
	case '\\':
		return p.escape()
	}
	return p.char(c), nil
}

func (p *parser) dot() set {
	switch {
	case p.flags.dotAll:
		return set(nil).not()
	case p.flags.unixLines:
		return of('\n', '\n').not()
	}
	return lineBreaks.not()
}

func (p *parser) caret() *node {
	switch {
	case p.flags.multiline && p.flags.unixLines:
		return &node{op: opAssert, assert: unixLineStart}
	case p.flags.multiline:
		return &node{op: opAssert, assert: lineStart}
	}
	return &node{op: opAssert, assert: textStart}
}

func (p *parser) dollar() *node {
	a := lastLineEnd
	if p.flags.multiline {
		a = lineEnd
	}
	if p.flags.unixLines {
		a += unixLastLineEnd - lastLineEnd
	}
	return &node{op: opAssert, assert: a}
}

// group reads what follows a parenthesis. A nil node is a setting of flags.
func (p *parser) group() (*node, error) {
	n := &node{op: opGroup}
	inner := p.flags
	switch {
	case !p.accept("?"):
		p.groups++
		n.group = p.groups
	case p.accept("<=") || p.accept("<!") || p.accept("=") || p.accept("!"):
		return nil, unsupported("looking around, (?=...), (?!...), (?<=...), (?<!...)")
	case p.accept(">"):
		return nil, unsupported("atomic groups, (?>...)")
	case p.accept("<"):
		if err := p.groupName(); err != nil {
			return nil, err
		}
		p.groups++
		n.group = p.groups
	default:
		only, err := p.setFlags(&inner)
		if err != nil {
			return nil, err
		}
		if only {
			p.flags = inner
			return nil, nil
		}
	}
	outer := p.flags
	p.flags = inner
	body, err := p.alternation()
	p.flags = outer
	if err != nil {
		return nil, err
	}
	if !p.accept(")") {
		return nil, invalid("a group that is not closed")
	}
	if n.group == 0 {
		return body, nil
	}
	n.sub = []*node{body}
	return n, nil
}

func (p *parser) groupName() error {
	start := p.i
	for ; p.cur() != '>'; p.i++ {
		c := p.cur()
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' && p.i > start) {
			return invalid("a name of a group that is none")
		}
	}
	if p.i == start {
		return invalid("a group with an empty name")
	}
	p.i++
	return nil
}

// setFlags reads (?flags-flags) or (?flags-flags:; only: nothing else follows in the parentheses.
func (p *parser) setFlags(f *flags) (only bool, err error) {
	on := true
	for {
		c := p.cur()
		p.i++
		switch c {
		case 'i':
			f.ignoreCase = on
		case 's':
			f.dotAll = on
		case 'm':
			f.multiline = on
		case 'd':
			f.unixLines = on
		case 'u', 'x', 'U':
			return false, unsupported("the flag %c; the flags are i, s, m and d", c)
		case '-':
			if !on {
				return false, invalid("two - between flags")
			}
			on = false
		case ':', ')':
			return c == ')', nil
		default:
			return false, invalid("an unknown group (?%c", max(c, ' '))
		}
	}
}

// quantified reads the quantifier behind a node, if there is one.
func (p *parser) quantified(n *node) (*node, error) {
	out := &node{op: opRepeat, sub: []*node{n}, max: -1}
	switch c := p.cur(); c {
	case '*':
	case '+':
		out.min = 1
	case '?':
		out.max = 1
	case '{':
		if err := p.counts(out); err != nil {
			return nil, err
		}
	default:
		return n, nil
	}
	p.i++
	switch {
	case p.accept("?"):
		out.lazy = true
	case p.cur() == '+':
		return nil, unsupported("possessive quantifiers, such as a++")
	}
	if p.cur() == '{' {
		return nil, unsupported("a quantifier behind another")
	}
	return out, nil
}

// counts reads {n}, {n,} or {n,m} up to its last brace.
func (p *parser) counts(n *node) error {
	p.i++
	var err error
	if n.min, err = p.count(); err != nil {
		return err
	}
	n.max = n.min
	if p.accept(",") {
		n.max = -1
		if p.cur() != '}' {
			if n.max, err = p.count(); err != nil {
				return err
			}
		}
	}
	switch {
	case p.cur() != '}':
		return invalid("a repetition that is not closed")
	case n.max >= 0 && n.max < n.min:
		return invalid("a repetition of at least %d and at most %d times", n.min, n.max)
	case max(n.min, n.max) > maxRepeat:
		return unsupported("a repetition of more than %d times", maxRepeat)
	}
	return nil
}

func (p *parser) count() (int, error) {
	start := p.i
	for p.cur() >= '0' && p.cur() <= '9' {
		p.i++
	}
	if start == p.i {
		return 0, invalid(`a repetition without a number; write \{ for the character`)
	}
	n, err := strconv.ParseInt(string(p.src[start:p.i]), 10, 32)
	if err != nil {
		return 0, invalid("a repetition with a number that is too large")
	}
	return int(n), nil
}
