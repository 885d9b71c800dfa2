package parser

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenQuoted // `name`
	tokenNumber
	tokenString
	tokenSymbol
)

type token struct {
	kind tokenKind
	text string // without quotes
	pos  Pos
}

// is says whether the token is the keyword or symbol w, which is written in upper case.
func (t token) is(w string) bool {
	return t.kind == tokenSymbol && t.text == w || t.kind == tokenWord && strings.EqualFold(t.text, w)
}

// show is the token as an error quotes it.
func (t token) show() string {
	switch t.kind {
	case tokenEnd:
		return "the end of the text"
	case tokenString:
		return "'" + shorten(t.text) + "'"
	}
	return `"` + shorten(t.text) + `"`
}

// shorten makes a piece of the text fit into one line.
func shorten(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "..."
	}
	return s
}

type lexer struct {
	src  string
	i    int // next byte
	line int
	col  int
	left int // the column that lines begin with
	out  []token
}

// advance moves over n bytes and keeps the position.
func (l *lexer) advance(n int) {
	for end := l.i + n; l.i < end; {
		r, size := utf8.DecodeRuneInString(l.src[l.i:])
		l.i += size
		if r == '\n' {
			l.line, l.col = l.line+1, l.left
		} else {
			l.col++
		}
	}
}

func (l *lexer) pos() Pos { return Pos{l.line, l.col} }

func (l *lexer) emit(kind tokenKind, n int) {
	l.out = append(l.out, token{kind, l.src[l.i : l.i+n], l.pos()})
	l.advance(n)
}

// lex splits the text, which begins at a place of its file, into tokens, the last of which is tokenEnd. Hints /*+ ... */ stay as the symbols /*+ and */.
func lex(src string, from Pos) ([]token, error) {
	l := &lexer{src: src, line: from.Line, col: from.Column, left: from.Column}
	if len(src) > MaxBytes {
		return nil, Errorf(l.pos(), "split it into several jobs", "the SQL text has %d bytes; the limit is %d (256 KiB)", len(src), MaxBytes)
	}
	if !utf8.ValidString(src) {
		for r, n := rune(0), 0; r != utf8.RuneError || n != 1; r, n = utf8.DecodeRuneInString(src[l.i:]) {
			l.advance(n)
		}
		return nil, Errorf(l.pos(), "save the file as UTF-8", "the SQL text is not UTF-8")
	}
	for l.i < len(src) {
		if err := l.next(); err != nil {
			return nil, err
		}
	}
	return append(l.out, token{tokenEnd, "", l.pos()}), nil
}

func (l *lexer) next() error {
	rest := l.src[l.i:]
	c := rest[0]
	switch {
	case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		l.advance(1)
	case strings.HasPrefix(rest, "--"):
		n := strings.IndexByte(rest, '\n')
		if n < 0 {
			n = len(rest)
		}
		l.advance(n)
	case strings.HasPrefix(rest, "/*+"):
		l.emit(tokenSymbol, 3)
	case strings.HasPrefix(rest, "/*"):
		n := strings.Index(rest[2:], "*/")
		if n < 0 {
			return Errorf(l.pos(), "add */", "the comment is not closed")
		}
		l.advance(n + 4)
	case c == '\'' || c == '`':
		return l.quoted(c)
	case (c == 'U' || c == 'u') && strings.HasPrefix(rest[1:], "&'"):
		return l.unicodeString()
	case digit(c) || c == '.' && len(rest) > 1 && digit(rest[1]):
		return l.number()
	case letter(c):
		n := 1
		for n < len(rest) && (letter(rest[n]) || digit(rest[n])) {
			n++
		}
		l.emit(tokenWord, n)
	default:
		return l.symbol()
	}
	return nil
}

func (l *lexer) quoted(quote byte) error {
	at, j := l.pos(), l.i+1
	var text strings.Builder
	for ; ; j++ {
		if j >= len(l.src) {
			what := "string"
			if quote == '`' {
				what = "name"
			}
			return Errorf(at, "add "+string(quote), "the %s is not closed", what)
		}
		if l.src[j] == quote {
			if j+1 >= len(l.src) || l.src[j+1] != quote {
				break
			}
			j++
		}
		text.WriteByte(l.src[j])
	}
	kind := tokenString
	if quote == '`' {
		kind = tokenQuoted
	}
	l.out = append(l.out, token{kind, text.String(), at})
	l.advance(j + 1 - l.i)
	return nil
}

// unicodeString reads U&'...', in which \XXXX and \+XXXXXX are characters by their numbers, and \\ is a backslash.
func (l *lexer) unicodeString() error {
	at := l.pos()
	l.advance(2)
	if err := l.quoted('\''); err != nil {
		return err
	}
	t := &l.out[len(l.out)-1]
	t.pos = at
	var out strings.Builder
	for rest := t.text; rest != ""; {
		before, after, escaped := strings.Cut(rest, `\`)
		out.WriteString(before)
		if rest = after; !escaped {
			break
		}
		if tail, ok := strings.CutPrefix(rest, `\`); ok {
			out.WriteByte('\\')
			rest = tail
			continue
		}
		width := 4
		if tail, ok := strings.CutPrefix(rest, "+"); ok {
			rest, width = tail, 6
		}
		n, err := strconv.ParseUint(rest[:min(width, len(rest))], 16, 32)
		if err != nil || len(rest) < width || !utf8.ValidRune(rune(n)) {
			return Errorf(at, `write U&'\0041', or U&'\+01F600'`, "an escape in the string is not the number of a character")
		}
		out.WriteRune(rune(n))
		rest = rest[width:]
	}
	t.text = out.String()
	return nil
}

// number reads digits, an optional fraction and an optional exponent.
func (l *lexer) number() error {
	rest := l.src[l.i:]
	n := digits(rest, 0)
	if n < len(rest) && rest[n] == '.' {
		n = digits(rest, n+1)
	}
	if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') {
		m := n + 1
		if m < len(rest) && (rest[m] == '+' || rest[m] == '-') {
			m++
		}
		if end := digits(rest, m); end > m {
			n = end
		}
	}
	if n < len(rest) && (letter(rest[n]) || digit(rest[n]) || rest[n] == '.') {
		return Errorf(l.pos(), "write digits such as 12, 1.5 or 1e3", "%q is not a number", shorten(rest[:n+1]))
	}
	l.emit(tokenNumber, n)
	return nil
}

func digits(s string, i int) int {
	for i < len(s) && digit(s[i]) {
		i++
	}
	return i
}

func (l *lexer) symbol() error {
	rest := l.src[l.i:]
	for _, two := range [...]string{"<>", "<=", ">=", "=>", "||", "!=", "*/"} {
		if strings.HasPrefix(rest, two) {
			l.emit(tokenSymbol, 2)
			return nil
		}
	}
	if strings.IndexByte("+-*/%=<>(),.;[]{}:", rest[0]) >= 0 {
		l.emit(tokenSymbol, 1)
		return nil
	}
	r, _ := utf8.DecodeRuneInString(rest)
	remedy := ""
	if r == '"' {
		remedy = "write strings in '...' and names in `...`"
	}
	return Errorf(l.pos(), remedy, "unexpected character %q", r)
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func letter(c byte) bool {
	return c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf
}
