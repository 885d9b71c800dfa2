package parser

import (
	"strconv"
	"strings"
)

func (p *parser) statement() ([]Statement, error) {
	at := p.cur().pos
	one := func(s Statement, err error) ([]Statement, error) { return []Statement{s}, err }
	switch {
	case p.accept("CREATE", "TABLE"), p.accept("CREATE", "TEMPORARY", "TABLE"):
		return one(p.createTable(at))
	case p.accept("CREATE", "VIEW"), p.accept("CREATE", "TEMPORARY", "VIEW"):
		return one(p.createView(at))
	case p.accept("INSERT", "INTO"):
		return one(p.insert(at))
	case p.accept("EXECUTE", "STATEMENT", "SET", "BEGIN"), p.accept("BEGIN", "STATEMENT", "SET", ";"):
		return p.statementSet()
	case p.accept("EXECUTE", "INSERT", "INTO"):
		return one(p.insert(at))
	}
	return nil, p.notAStatement()
}

// notAStatement says what is wrong with the start of a statement.
func (p *parser) notAStatement() error {
	t := p.cur()
	switch {
	case p.at("SET"), p.at("RESET"):
		return Unsupported(t.pos, strings.ToUpper(t.text), "set job options in the manifest")
	case p.at("SELECT"):
		return Errorf(t.pos, "write INSERT INTO <table> SELECT ...", "the rows of this query go nowhere")
	case p.at("WITH"):
		return Unsupported(t.pos, "WITH (common table expressions)", "write CREATE VIEW ... AS ... instead")
	case p.at("CREATE"), p.at("INSERT"):
		what := strings.ToUpper(t.text)
		if next := p.peek(1); next.kind == tokenWord {
			what += " " + strings.ToUpper(next.text)
		}
		return Unsupported(t.pos, what, "")
	case p.at("DROP"), p.at("ALTER"), p.at("USE"), p.at("UPDATE"), p.at("DELETE"), p.at("ADD"), p.at("SHOW"), p.at("DESCRIBE"), p.at("EXPLAIN"), p.at("ANALYZE"):
		return Unsupported(t.pos, strings.ToUpper(t.text), "")
	}
	return Errorf(t.pos, "", "expected CREATE TABLE, CREATE VIEW, INSERT INTO or EXECUTE STATEMENT SET, found %s", t.show())
}

func (p *parser) statementSet() ([]Statement, error) {
	var out []Statement
	for {
		for p.accept(";") {
		}
		if p.accept("END") {
			if len(out) == 0 {
				return nil, Errorf(p.tokens[p.i-1].pos, "", "the statement set has no INSERT")
			}
			return out, nil
		}
		at := p.cur().pos
		if err := p.expect("INSERT", "INTO"); err != nil {
			return nil, err
		}
		s, err := p.insert(at)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
		if err := p.expect(";"); err != nil {
			return nil, err
		}
	}
}

func (p *parser) createTable(at Pos) (*CreateTable, error) {
	t := &CreateTable{Pos: at, IfNotExists: p.accept("IF", "NOT", "EXISTS")}
	var err error
	if t.Name, err = p.object("the name of the table"); err != nil {
		return nil, err
	}
	if err := p.list(func() error { return p.tableElement(t) }); err != nil {
		return nil, err
	}
	if err := p.comment(); err != nil {
		return nil, err
	}
	if p.at("PARTITIONED") || p.at("LIKE") || p.at("AS") || p.at("DISTRIBUTED") {
		return nil, Unsupported(p.cur().pos, strings.ToUpper(p.cur().text)+" in CREATE TABLE", "")
	}
	if err := p.expect("WITH"); err != nil {
		return nil, err
	}
	defer func() { p.secret = false }()
	return t, p.list(func() error {
		key, err := p.string("an option")
		if err != nil {
			return err
		}
		p.secret = p.secret || SecretKey(key.text)
		if err := p.expect("="); err != nil {
			return err
		}
		value, err := p.string("the value of the option")
		t.Options = append(t.Options, Option{key.pos, key.text, value.text, value.pos})
		return err
	})
}

func (p *parser) comment() error {
	if !p.accept("COMMENT") {
		return nil
	}
	_, err := p.string("a comment")
	return err
}

func (p *parser) tableElement(t *CreateTable) error {
	at := p.cur().pos
	switch {
	case p.accept("WATERMARK", "FOR"):
		if t.Watermark != nil {
			return Errorf(at, "", "table %s has two watermarks", t.Name.Text)
		}
		w := &Watermark{Pos: at}
		var err error
		if w.Column, err = p.name("the time attribute"); err != nil {
			return err
		}
		if err := p.expect("AS"); err != nil {
			return err
		}
		w.Expr, err = p.expr()
		t.Watermark = w
		return err
	case p.at("PRIMARY", "KEY"), p.at("CONSTRAINT"):
		return Unsupported(at, "PRIMARY KEY", "remove it; only rows that are appended are written")
	}
	return p.columnDef(t)
}

func (p *parser) columnDef(t *CreateTable) error {
	n, err := p.name("a column")
	if err != nil {
		return err
	}
	c := ColumnDef{Pos: n.Pos, Name: n.Text}
	if p.accept("AS") {
		if c.Computed, err = p.expr(); err != nil {
			return err
		}
	} else if c.Type, err = p.typeName(); err != nil {
		return err
	}
	at := p.cur().pos
	switch {
	case p.at("NOT", "NULL"):
		return Unsupported(at, "NOT NULL on columns", "remove it; every column may be NULL")
	case p.at("PRIMARY"):
		return Unsupported(at, "PRIMARY KEY", "remove it; only rows that are appended are written")
	case p.at("METADATA"):
		return Unsupported(at, "METADATA columns", "")
	}
	p.accept("NULL")
	t.Columns = append(t.Columns, c)
	return p.comment()
}

func (p *parser) typeName() (TypeName, error) {
	t := p.cur()
	if t.kind != tokenWord {
		return TypeName{}, p.unexpected("a type")
	}
	p.i++
	out := TypeName{Pos: t.pos, Name: strings.ToUpper(t.text)}
	if p.at("<") || out.Name == "ROW" {
		return out, Unsupported(t.pos, "the type "+out.Name, "declare a STRING to read it as JSON text")
	}
	if out.Name == "DOUBLE" {
		p.accept("PRECISION")
	}
	if p.at("(") {
		if err := p.list(func() error { return p.typeArg(&out) }); err != nil {
			return out, err
		}
	}
	if out.Name == "TIMESTAMP" || out.Name == "TIME" {
		switch {
		case p.accept("WITHOUT", "TIME", "ZONE"):
		case p.accept("WITH", "TIME", "ZONE"), p.accept("WITH", "LOCAL", "TIME", "ZONE"):
			out.Name += "_LTZ"
		}
	}
	return out, nil
}

func (p *parser) typeArg(t *TypeName) error {
	n, err := strconv.Atoi(p.cur().text)
	if p.cur().kind != tokenNumber || err != nil {
		return p.unexpected("a number")
	}
	p.i++
	t.Args = append(t.Args, n)
	return nil
}

func (p *parser) createView(at Pos) (*CreateView, error) {
	v := &CreateView{Pos: at, IfNotExists: p.accept("IF", "NOT", "EXISTS")}
	var err error
	if v.Name, err = p.object("the name of the view"); err != nil {
		return nil, err
	}
	if p.at("(") {
		if v.Columns, err = p.names("a column"); err != nil {
			return nil, err
		}
	}
	if err := p.comment(); err != nil {
		return nil, err
	}
	if err := p.expect("AS"); err != nil {
		return nil, err
	}
	v.Query, err = p.query()
	return v, err
}

func (p *parser) insert(at Pos) (*Insert, error) {
	s := &Insert{Pos: at}
	var err error
	if s.Table, err = p.object("the table to insert into"); err != nil {
		return nil, err
	}
	if p.at("PARTITION") {
		return nil, Unsupported(p.cur().pos, "PARTITION", "")
	}
	// INSERT INTO t (SELECT ...) has a query in parentheses where a column list may stand.
	if p.at("(") && !p.at("(", "SELECT") && !p.at("(", "(") {
		if s.Columns, err = p.names("a column"); err != nil {
			return nil, err
		}
	}
	s.Query, err = p.query()
	return s, err
}
