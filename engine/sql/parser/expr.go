package parser

import "strings"

// expr reads an expression. From loosest to tightest: OR, AND, NOT, comparisons and tests, + - ||, * / %, signs.
func (p *parser) expr() (Expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	return p.logical("OR", func() (Expr, error) { return p.logical("AND", p.not) })
}

// logical reads a chain, which is one level whatever its length.
func (p *parser) logical(op string, operand func() (Expr, error)) (Expr, error) {
	first, err := operand()
	if err != nil || !p.at(op) {
		return first, err
	}
	l := &Logical{p.cur().pos, op, []Expr{first}}
	for p.accept(op) {
		e, err := operand()
		if err != nil {
			return nil, err
		}
		l.Args = append(l.Args, e)
	}
	return l, nil
}

func (p *parser) not() (Expr, error) {
	at := p.cur().pos
	if !p.accept("NOT") {
		return p.predicate()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	x, err := p.not()
	return &Unary{at, "NOT", x}, err
}

// predicate reads comparisons and postfix tests, which chain from left to right.
func (p *parser) predicate() (Expr, error) {
	x, err := p.sum()
	for n := 1; err == nil; n++ {
		at := p.cur().pos
		before := p.i
		x, err = p.test(x, at)
		if p.i == before {
			break
		}
		if p.depth+n > MaxDepth {
			return nil, p.tooDeep(at)
		}
	}
	return x, err
}

// test reads one comparison or test with x before it; with none there, it returns x and takes nothing.
func (p *parser) test(x Expr, at Pos) (Expr, error) {
	for _, op := range [...]string{"=", "<>", "!=", "<=", ">=", "<", ">"} {
		if !p.accept(op) {
			continue
		}
		if p.at("ALL") || p.at("ANY") || p.at("SOME") {
			return nil, Unsupported(p.cur().pos, "comparisons with a subquery", "")
		}
		if op == "!=" {
			op = "<>"
		}
		y, err := p.sum()
		return &Binary{at, op, x, y}, err
	}
	if p.accept("IS") {
		return p.is(x, at)
	}
	not := false
	if next := p.peek(1); p.at("NOT") && (next.is("BETWEEN") || next.is("IN") || next.is("LIKE") || next.is("SIMILAR")) {
		p.i++
		not = true
	}
	switch {
	case p.accept("BETWEEN"):
		return p.between(x, at, not)
	case p.accept("IN"):
		return p.in(x, at, not)
	case p.accept("LIKE"):
		return p.like(x, at, not)
	case p.at("SIMILAR"):
		return nil, Unsupported(p.cur().pos, "SIMILAR TO", "use LIKE")
	}
	return x, nil
}

func (p *parser) is(x Expr, at Pos) (Expr, error) {
	not := p.accept("NOT")
	if p.accept("DISTINCT", "FROM") {
		op := "IS DISTINCT FROM"
		if not {
			op = "IS NOT DISTINCT FROM"
		}
		y, err := p.sum()
		return &Binary{at, op, x, y}, err
	}
	if p.at("JSON") {
		return nil, Unsupported(p.cur().pos, "IS JSON", "use REGEXP to test a text")
	}
	for _, what := range [...]string{"NULL", "TRUE", "FALSE", "UNKNOWN"} {
		if p.accept(what) {
			return &Is{at, x, what, not}, nil
		}
	}
	return nil, p.unexpected("NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM")
}

func (p *parser) between(x Expr, at Pos, not bool) (Expr, error) {
	symmetric := p.accept("SYMMETRIC")
	if !symmetric {
		p.accept("ASYMMETRIC")
	}
	low, err := p.sum()
	if err != nil {
		return nil, err
	}
	if err := p.expect("AND"); err != nil {
		return nil, err
	}
	high, err := p.sum()
	return &Between{at, x, low, high, not, symmetric}, err
}

func (p *parser) in(x Expr, at Pos, not bool) (Expr, error) {
	in := &In{Pos: at, X: x, Not: not}
	if p.at("(", "SELECT") {
		var err error
		in.Query, err = p.subquery()
		return in, err
	}
	return in, p.list(func() error {
		e, err := p.expr()
		in.List = append(in.List, e)
		return err
	})
}

// subquery reads ( query ).
func (p *parser) subquery() (Query, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	q, err := p.query()
	if err != nil {
		return nil, err
	}
	return q, p.expect(")")
}

func (p *parser) like(x Expr, at Pos, not bool) (Expr, error) {
	pattern, err := p.sum()
	if err != nil {
		return nil, err
	}
	l := &Like{Pos: at, X: x, Pattern: pattern, Not: not}
	if p.accept("ESCAPE") {
		l.Escape, err = p.sum()
	}
	return l, err
}

func (p *parser) sum() (Expr, error) { return p.chain(p.product, "+", "-", "||") }

func (p *parser) product() (Expr, error) { return p.chain(p.unary, "*", "/", "%") }

// chain reads operators of one precedence from left to right; each is a level of the tree.
func (p *parser) chain(operand func() (Expr, error), ops ...string) (Expr, error) {
	x, err := operand()
	for n := 1; err == nil; n++ {
		at, op := p.cur().pos, ""
		for _, o := range ops {
			if p.accept(o) {
				op = o
				break
			}
		}
		if op == "" {
			return x, nil
		}
		if p.depth+n > MaxDepth {
			return nil, p.tooDeep(at)
		}
		var y Expr
		y, err = operand()
		x = &Binary{at, op, x, y}
	}
	return nil, err
}

func (p *parser) unary() (Expr, error) {
	t := p.cur()
	if !p.accept("-") && !p.accept("+") {
		return p.primary()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	x, err := p.unary()
	if lit, ok := x.(*Literal); ok && err == nil && t.text == "-" && (lit.Kind == IntLiteral || lit.Kind == DecimalLiteral) && !strings.HasPrefix(lit.Text, "-") {
		return &Literal{t.pos, lit.Kind, "-" + lit.Text}, nil
	}
	return &Unary{t.pos, t.text, x}, err
}

func (p *parser) primary() (Expr, error) {
	t := p.cur()
	switch t.kind {
	case tokenNumber:
		p.i++
		if strings.ContainsAny(t.text, ".eE") {
			return &Literal{t.pos, DecimalLiteral, t.text}, nil
		}
		return &Literal{t.pos, IntLiteral, t.text}, nil
	case tokenString:
		p.i++
		return &Literal{t.pos, StringLiteral, t.text}, nil
	case tokenSymbol:
		if p.accept("(") {
			return p.parenthesised()
		}
		if p.at("[") || p.at("{") {
			return nil, Unsupported(t.pos, "arrays and maps", "")
		}
	case tokenWord:
		return p.word(t)
	case tokenQuoted:
		return p.column()
	}
	return nil, p.unexpected("an expression")
}

func (p *parser) parenthesised() (Expr, error) {
	if p.at("SELECT") {
		return nil, Unsupported(p.cur().pos, "a subquery as a value", "")
	}
	e, err := p.expr()
	if err != nil {
		return nil, err
	}
	if p.at(",") {
		return nil, Unsupported(p.cur().pos, "row values", "")
	}
	return e, p.expect(")")
}

// word reads what starts with a word: a literal, a special form, a function or a column.
func (p *parser) word(t token) (Expr, error) {
	switch upper := strings.ToUpper(t.text); {
	case upper == "NULL":
		p.i++
		return &Literal{t.pos, NullLiteral, ""}, nil
	case upper == "TRUE" || upper == "FALSE":
		p.i++
		return &Literal{t.pos, BoolLiteral, upper}, nil
	case upper == "DATE" && p.peek(1).kind == tokenString:
		p.i += 2
		return &Literal{t.pos, DateLiteral, p.tokens[p.i-1].text}, nil
	case upper == "TIMESTAMP" && p.peek(1).kind == tokenString:
		p.i += 2
		return &Literal{t.pos, TimestampLiteral, p.tokens[p.i-1].text}, nil
	case upper == "INTERVAL":
		return p.interval(t.pos)
	case upper == "CASE":
		p.i++
		return p.caseExpr(t.pos)
	case upper == "CAST" || upper == "TRY_CAST":
		p.i++
		return p.cast(t.pos, upper == "TRY_CAST")
	case (upper == "ARRAY" || upper == "MAP") && p.peek(1).is("["), upper == "ROW" && p.peek(1).is("("):
		return nil, Unsupported(t.pos, "arrays, maps and rows", "")
	case upper == "EXISTS":
		p.i++
		q, err := p.subquery()
		return &Exists{t.pos, q}, err
	case upper == "X" && p.peek(1).kind == tokenString:
		return nil, Unsupported(t.pos, "binary literals", "write the text as a string, or its characters as U&'\\0041'")
	case upper == "TIME" && p.peek(1).kind == tokenString:
		return nil, Unsupported(t.pos, "the type TIME", "use a STRING, or a TIMESTAMP with a day")
	case strings.HasPrefix(upper, "JSON_") && p.peek(1).is("("):
		return nil, Unsupported(t.pos, "the function "+upper, "declare what is needed as columns of the table; a STRING column holds JSON text")
	case bareFunctions[upper] && !p.peek(1).is("(") && !p.peek(1).is("."):
		p.i++
		return &Call{Pos: t.pos, Name: upper}, nil
	case p.peek(1).is("(") && (!reserved[upper] || upper == "LEFT" || upper == "RIGHT"):
		p.i += 2
		return p.call(t.pos, upper)
	}
	return p.column()
}

func (p *parser) column() (Expr, error) {
	n, err := p.name("an expression")
	if err != nil {
		return nil, err
	}
	if !p.accept(".") {
		return &Column{n.Pos, "", n.Text}, nil
	}
	c, err := p.name("a column")
	if err == nil && p.at(".") {
		return nil, Unsupported(p.cur().pos, "fields of a column", "")
	}
	return &Column{n.Pos, n.Text, c.Text}, err
}

// bareFunctions are functions that are called without parentheses; Flink reserves their names.
var bareFunctions = wordSet("CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_ROW_TIMESTAMP LOCALTIME LOCALTIMESTAMP")

// units are the words of intervals and of EXTRACT, with their singular.
var units = map[string]string{
	"MILLISECONDS": "MILLISECOND", "SECONDS": "SECOND", "MINUTES": "MINUTE", "HOURS": "HOUR", "DAYS": "DAY",
	"WEEKS": "WEEK", "MONTHS": "MONTH", "QUARTERS": "QUARTER", "YEARS": "YEAR",
}

// unit reads a word such as HOUR or HOURS.
func (p *parser) unit() (string, error) {
	t := p.cur()
	if t.kind != tokenWord {
		return "", p.unexpected("a unit such as HOUR")
	}
	p.i++
	upper := strings.ToUpper(t.text)
	if singular, ok := units[upper]; ok {
		return singular, nil
	}
	return upper, nil
}

func (p *parser) interval(at Pos) (Expr, error) {
	p.i++
	minus := p.accept("-")
	t, err := p.string("the length of the interval")
	if err != nil {
		return nil, err
	}
	if minus {
		t.text = "-" + t.text
	}
	unit, err := p.unit()
	if err != nil {
		return nil, err
	}
	if p.at("(") {
		if err := p.list(func() error { return p.typeArg(&TypeName{}) }); err != nil {
			return nil, err
		}
	}
	to := ""
	if p.accept("TO") {
		if to, err = p.unit(); err != nil {
			return nil, err
		}
		if p.at("(") {
			if err := p.list(func() error { return p.typeArg(&TypeName{}) }); err != nil {
				return nil, err
			}
		}
	}
	return &Interval{at, t.text, unit, to}, nil
}

func (p *parser) caseExpr(at Pos) (Expr, error) {
	c := &Case{Pos: at}
	var err error
	if !p.at("WHEN") {
		if c.Operand, err = p.expr(); err != nil {
			return nil, err
		}
	}
	for p.accept("WHEN") {
		var w When
		if w.Cond, err = p.expr(); err != nil {
			return nil, err
		}
		for c.Operand != nil && p.accept(",") {
			value, err := p.expr()
			if err != nil {
				return nil, err
			}
			w.Or = append(w.Or, value)
		}
		if err := p.expect("THEN"); err != nil {
			return nil, err
		}
		if w.Then, err = p.expr(); err != nil {
			return nil, err
		}
		c.Whens = append(c.Whens, w)
	}
	if len(c.Whens) == 0 {
		return nil, p.unexpected("WHEN")
	}
	if p.accept("ELSE") {
		if c.Else, err = p.expr(); err != nil {
			return nil, err
		}
	}
	return c, p.expect("END")
}

func (p *parser) cast(at Pos, try bool) (Expr, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	x, err := p.expr()
	if err != nil {
		return nil, err
	}
	if err := p.expect("AS"); err != nil {
		return nil, err
	}
	t, err := p.typeName()
	if err != nil {
		return nil, err
	}
	return &Cast{at, x, t, try}, p.expect(")")
}
