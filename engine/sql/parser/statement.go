package parser

import (
	"slices"
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
	case p.at("DROP"):
		return p.drop(at)
	case p.at("SET"):
		return nil, p.set()
	}
	return nil, p.notAStatement()
}

// notAStatement says what is wrong with the start of a statement.
func (p *parser) notAStatement() error {
	t := p.cur()
	switch {
	case p.at("RESET"):
		return Unsupported(t.pos, "RESET", "set job options in the manifest")
	case p.at("SELECT"), p.at("WITH"):
		return Errorf(t.pos, "write INSERT INTO <table> "+strings.ToUpper(t.text)+" ...", "the rows of this query go nowhere")
	case p.at("CREATE"), p.at("INSERT"):
		what := strings.ToUpper(t.text)
		if next := p.peek(1); next.kind == tokenWord {
			what += " " + strings.ToUpper(next.text)
		}
		return Unsupported(t.pos, what, "a script has CREATE TABLE, CREATE VIEW, INSERT INTO and EXECUTE STATEMENT SET")
	case p.at("ALTER"), p.at("USE"), p.at("UPDATE"), p.at("DELETE"), p.at("ADD"), p.at("SHOW"), p.at("DESCRIBE"), p.at("EXPLAIN"), p.at("ANALYZE"):
		return Unsupported(t.pos, strings.ToUpper(t.text), "a script has CREATE TABLE, CREATE VIEW, INSERT INTO and EXECUTE STATEMENT SET")
	}
	return Errorf(t.pos, "", "expected CREATE TABLE, CREATE VIEW, INSERT INTO or EXECUTE STATEMENT SET, found %s", t.show())
}

// drop reads DROP TABLE or VIEW IF EXISTS, which does nothing to what the script has not declared.
func (p *parser) drop(at Pos) ([]Statement, error) {
	p.i++
	p.accept("TEMPORARY")
	d := &Drop{Pos: at}
	switch {
	case p.accept("TABLE"):
		d.What = "TABLE"
	case p.accept("VIEW"):
		d.What = "VIEW"
	default:
		return nil, Unsupported(at, "DROP "+strings.ToUpper(p.cur().text), "remove it: nothing outlives a script that it could drop")
	}
	if !p.accept("IF", "EXISTS") {
		return nil, Unsupported(at, "DROP "+d.What+" without IF EXISTS", "remove it: nothing outlives a script that it could drop")
	}
	var err error
	d.Name, err = p.object("the name of the " + strings.ToLower(d.What))
	return []Statement{d}, err
}

// settings are the options of a session that may be set to what they are anyway.
var settings = map[string][]string{
	"table.local-time-zone":             {"UTC", "Etc/UTC", "GMT", "Z", "+00:00"},
	"execution.runtime-mode":            {"streaming"},
	"table.exec.sink.not-null-enforcer": {"error"},
}

// set reads SET 'key' = 'value', and takes what changes nothing.
func (p *parser) set() error {
	at := p.cur().pos
	p.i++
	key, err := p.string("an option")
	if err != nil {
		return Unsupported(at, "SET without an option in '...'", "write SET 'table.local-time-zone' = 'UTC', or set job options in the manifest")
	}
	p.secret = SecretKey(key.text)
	defer func() { p.secret = false }()
	if err := p.expect("="); err != nil {
		return err
	}
	value, err := p.string("the value of the option")
	if err != nil {
		return err
	}
	allowed := settings[key.text]
	switch {
	case slices.ContainsFunc(allowed, func(v string) bool { return strings.EqualFold(v, value.text) }):
		return nil
	case allowed != nil:
		return Unsupported(value.pos, "SET '"+key.text+"' to anything but '"+allowed[0]+"'", "remove it")
	}
	return Unsupported(key.pos, "SET '"+brief(key.text)+"'", "set job options in the manifest")
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
	if err := p.asSelect(); err != nil {
		return nil, err
	}
	if p.at("(") || !p.at("WITH") && !p.at("LIKE") {
		if err := p.list(func() error { return p.tableElement(t) }); err != nil {
			return nil, err
		}
	}
	if err := p.comment(); err != nil {
		return nil, err
	}
	if p.at("PARTITIONED") || p.at("DISTRIBUTED") {
		return nil, Unsupported(p.cur().pos, strings.ToUpper(p.cur().text)+" in CREATE TABLE", "remove it; a table is written to one folder")
	}
	if !p.at("LIKE") {
		if err := p.expect("WITH"); err != nil {
			return nil, err
		}
		if err := p.options(t); err != nil {
			return nil, err
		}
	}
	if err := p.asSelect(); err != nil {
		return nil, err
	}
	if p.accept("LIKE") {
		t.Like, err = p.tableLike()
	} else if len(t.Columns) == 0 {
		err = p.unexpected("LIKE")
	}
	return t, err
}

// asSelect refuses the form of CREATE TABLE that takes its columns from a query.
func (p *parser) asSelect() error {
	if p.at("AS") {
		return Unsupported(p.cur().pos, "CREATE TABLE ... AS SELECT", "declare the columns, and write INSERT INTO ... SELECT")
	}
	return nil
}

// tableLike reads what follows LIKE: table [(INCLUDING ALL EXCLUDING OPTIONS ...)].
func (p *parser) tableLike() (*TableLike, error) {
	l := &TableLike{}
	var err error
	if l.Table, err = p.object("the table to take columns and options from"); err != nil || !p.accept("(") {
		return l, err
	}
	for !p.accept(")") {
		f := LikeFeature{Pos: p.cur().pos}
		for _, strategy := range [...]string{"INCLUDING", "EXCLUDING", "OVERWRITING"} {
			if p.accept(strategy) {
				f.Strategy = strategy
			}
		}
		if f.Strategy == "" {
			return nil, p.unexpected("INCLUDING, EXCLUDING, OVERWRITING or )")
		}
		for _, feature := range [...]string{"ALL", "CONSTRAINTS", "DISTRIBUTION", "GENERATED", "METADATA", "OPTIONS", "PARTITIONS", "WATERMARKS"} {
			if p.accept(feature) {
				f.Feature = feature
			}
		}
		switch f.Feature {
		case "":
			return nil, p.unexpected("ALL, CONSTRAINTS, GENERATED, OPTIONS or WATERMARKS")
		case "ALL", "CONSTRAINTS", "DISTRIBUTION", "PARTITIONS":
			if f.Strategy == "OVERWRITING" {
				return nil, Errorf(f.Pos, "write INCLUDING or EXCLUDING", "OVERWRITING "+f.Feature+" means nothing")
			}
		}
		l.Features = append(l.Features, f)
	}
	return l, nil
}

func (p *parser) options(t *CreateTable) error {
	defer func() { p.secret = false }()
	return p.list(func() error {
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
	case p.at("PRIMARY", "KEY"):
		return p.primaryKey(t)
	case p.at("UNIQUE"):
		return Unsupported(at, "UNIQUE", "remove it; nothing would check it")
	case p.accept("CONSTRAINT"):
		if _, err := p.name("the name of the constraint"); err != nil {
			return err
		}
		if !p.at("PRIMARY", "KEY") {
			return Unsupported(p.cur().pos, "this constraint", "remove it; the only one is PRIMARY KEY (...) NOT ENFORCED")
		}
		return p.primaryKey(t)
	}
	return p.columnDef(t)
}

// primaryKey reads PRIMARY KEY (columns) NOT ENFORCED.
func (p *parser) primaryKey(t *CreateTable) error {
	at := p.cur().pos
	p.i += 2
	columns, err := p.names("a column")
	if err != nil {
		return err
	}
	return p.setPrimaryKey(t, at, columns)
}

// setPrimaryKey takes the columns of a primary key, and reads what must follow: that it is not enforced.
func (p *parser) setPrimaryKey(t *CreateTable, at Pos, columns []Name) error {
	if len(t.PrimaryKey) > 0 {
		return Errorf(at, "remove one", "table %s has two primary keys", t.Name.Text)
	}
	t.PrimaryKey = columns
	if !p.accept("NOT", "ENFORCED") {
		return Unsupported(at, "a PRIMARY KEY that is enforced", "write NOT ENFORCED behind it; nothing checks that keys are unique")
	}
	return nil
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
	if at := p.cur().pos; p.accept("NOT", "NULL") {
		if c.Computed != nil {
			return Unsupported(at, "NOT NULL on a computed column", "remove it; COALESCE gives a value instead of NULL")
		}
		c.NotNull = true
	} else {
		p.accept("NULL")
	}
	switch at := p.cur().pos; {
	case p.at("METADATA") && c.Computed == nil:
		if err := p.metadata(&c); err != nil {
			return err
		}
	case p.accept("PRIMARY", "KEY"):
		if err := p.setPrimaryKey(t, at, []Name{n}); err != nil {
			return err
		}
	case p.at("UNIQUE"):
		return Unsupported(at, "UNIQUE", "remove it; nothing would check it")
	}
	t.Columns = append(t.Columns, c)
	return p.comment()
}

// metadata reads METADATA [FROM 'key'] [VIRTUAL].
func (p *parser) metadata(c *ColumnDef) error {
	m := &Metadata{Pos: p.cur().pos, Key: c.Name}
	p.accept("METADATA")
	if p.accept("FROM") {
		key, err := p.string("the key of the metadata")
		if err != nil {
			return err
		}
		m.Key = key.text
	}
	m.Virtual = p.accept("VIRTUAL")
	c.Metadata = m
	return nil
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
		return nil, Unsupported(p.cur().pos, "PARTITION", "select the value as a column")
	}
	// INSERT INTO t (SELECT ...) has a query in parentheses where a column list may stand.
	if p.at("(") && !p.at("(", "SELECT") && !p.at("(", "WITH") && !p.at("(", "(") {
		if s.Columns, err = p.names("a column"); err != nil {
			return nil, err
		}
	}
	s.Query, err = p.query()
	return s, err
}
