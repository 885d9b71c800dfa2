package parser

import (
	"regexp"
	"strings"
)

// Parse reads a script: statements separated by semicolons. The error is an *Error.
func Parse(src string) ([]Statement, error) { return ParseFrom(src, Pos{1, 1}) }

// ParseFrom reads a script that is a part of a file, such as a block of YAML: its first character stands at the place from,
// and all its lines begin in the same column. Places in the tree and in errors are those of the file.
func ParseFrom(src string, from Pos) ([]Statement, error) {
	tokens, err := lex(src, from)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	var out []Statement
	for {
		for p.accept(";") {
		}
		if p.cur().kind == tokenEnd {
			return out, nil
		}
		statements, err := p.statement()
		if err != nil {
			return nil, err
		}
		out = append(out, statements...)
		if p.cur().kind != tokenEnd {
			if err := p.expect(";"); err != nil {
				return nil, err
			}
		}
	}
}

type parser struct {
	tokens []token
	i      int
	depth  int
	// secret: what comes may be a secret, and no error quotes it (P11).
	secret bool
}

func (p *parser) cur() token { return p.tokens[p.i] }

func (p *parser) peek(n int) token { return p.tokens[min(p.i+n, len(p.tokens)-1)] }

// at says whether the words come next.
func (p *parser) at(words ...string) bool {
	for j, w := range words {
		if !p.peek(j).is(w) {
			return false
		}
	}
	return true
}

// accept takes the words if they come next.
func (p *parser) accept(words ...string) bool {
	if !p.at(words...) {
		return false
	}
	p.i += len(words)
	return true
}

func (p *parser) expect(words ...string) error {
	for _, w := range words {
		if !p.accept(w) {
			return p.unexpected(w)
		}
	}
	return nil
}

func (p *parser) unexpected(wanted string) error {
	found := p.cur().show()
	if p.secret && p.cur().kind != tokenEnd && p.cur().kind != tokenSymbol {
		found = "something else"
	}
	return Errorf(p.cur().pos, "", "expected %s, found %s", wanted, found)
}

// enter counts a level of nesting; every successful enter is followed by a leave.
func (p *parser) enter() error {
	if p.depth >= MaxDepth {
		return p.tooDeep(p.cur().pos)
	}
	p.depth++
	return nil
}

func (p *parser) leave() { p.depth-- }

func (p *parser) tooDeep(at Pos) error {
	return Errorf(at, "split it with views or computed columns", "the SQL text is more than %d levels deep", MaxDepth)
}

var reserved = wordSet(`SELECT FROM WHERE GROUP BY HAVING ORDER LIMIT UNION ALL AND OR NOT CASE WHEN THEN ELSE END AS ON JOIN IS NULL
	IN LIKE BETWEEN CREATE TABLE VIEW INSERT INTO WITH DISTINCT CAST TRY_CAST INTERVAL TRUE FALSE LEFT RIGHT FULL INNER OUTER CROSS OVER
	PARTITION EXECUTE PRIMARY EXCEPT INTERSECT EXISTS ESCAPE FOR USING SET VALUES DESCRIPTOR LATERAL NATURAL`)

func wordSet(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

func (t token) isName() bool {
	return t.kind == tokenQuoted || t.kind == tokenWord && !reserved[strings.ToUpper(t.text)]
}

func (p *parser) name(what string) (Name, error) {
	t := p.cur()
	if !t.isName() {
		if t.kind == tokenWord {
			return Name{}, Errorf(t.pos, "write `"+t.text+"` to use it as a name", "expected %s, found the reserved word %s", what, strings.ToUpper(t.text))
		}
		return Name{}, p.unexpected(what)
	}
	if t.text == "" {
		return Name{}, Errorf(t.pos, "", "a name cannot be empty")
	}
	p.i++
	return Name{t.pos, t.text}, nil
}

// object reads the name of a table or view.
func (p *parser) object(what string) (Name, error) {
	n, err := p.name(what)
	if err == nil && p.at(".") {
		return n, Unsupported(n.Pos, "catalogs and databases in names", "write the table's name alone")
	}
	return n, err
}

// alias reads [AS] name.
func (p *parser) alias() (*Name, error) {
	explicit := p.accept("AS")
	if !explicit && !p.cur().isName() {
		return nil, nil
	}
	n, err := p.name("an alias")
	return &n, err
}

// names reads (a, b, ...).
func (p *parser) names(what string) ([]Name, error) {
	var out []Name
	err := p.list(func() error {
		n, err := p.name(what)
		out = append(out, n)
		return err
	})
	return out, err
}

// list reads ( item , item ... ).
func (p *parser) list(item func() error) error {
	if err := p.expect("("); err != nil {
		return err
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if !p.accept(",") {
			break
		}
	}
	if !p.accept(")") {
		return p.unexpected("a comma or )")
	}
	return nil
}

// string reads a string literal.
func (p *parser) string(what string) (token, error) {
	t := p.cur()
	if t.kind != tokenString {
		return t, p.unexpected(what + " in '...'")
	}
	p.i++
	return t, nil
}

var secretKey = regexp.MustCompile(`(?i)password|secret|token|sasl\.jaas`)

// SecretKey tells whether the option of a table holds a secret, whose value may not stand in the text (P11).
func SecretKey(key string) bool { return secretKey.MatchString(key) }
