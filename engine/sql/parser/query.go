package parser

import "strings"

// query reads blocks joined by UNION ALL or UNION, which bind them from left to right.
func (p *parser) query() (Query, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	at := p.cur().pos
	if p.accept("WITH") {
		return p.with(at)
	}
	first, err := p.queryTerm()
	if err != nil {
		return nil, err
	}
	queries := []Query{first}
	distinct := false
	within := 0 // unions that stand within this one, though no parentheses say so
	defer func() {
		for range within {
			p.leave()
		}
	}()
	for p.at("UNION") || p.at("EXCEPT") || p.at("INTERSECT") || p.at("MINUS") {
		once := false
		switch op := p.cur(); {
		case p.accept("UNION", "ALL"):
		case p.accept("UNION"):
			p.accept("DISTINCT")
			once = true
		default:
			return nil, Unsupported(op.pos, strings.ToUpper(op.text), "of set operations there are UNION and UNION ALL")
		}
		if distinct && !once { // what stands before keeps its equal rows once, what follows does not
			if err := p.enter(); err != nil {
				return nil, err
			}
			within++
			queries = []Query{&Union{at, queries, true}}
		}
		q, err := p.queryTerm()
		if err != nil {
			return nil, err
		}
		queries, distinct = append(queries, q), once
	}
	for _, tail := range [...]string{"ORDER", "LIMIT", "FETCH", "OFFSET"} {
		if p.at(tail) {
			if tail == "ORDER" {
				tail = "ORDER BY"
			}
			return nil, Unsupported(p.cur().pos, tail+" (a stream has no end to sort or count to)", "remove it, and sort or cut what is written")
		}
	}
	if len(queries) == 1 {
		return first, nil
	}
	return &Union{at, queries, distinct}, nil
}

// with reads what follows WITH: name [(columns)] AS (query), ... and the query that they are for.
func (p *parser) with(at Pos) (Query, error) {
	if p.at("RECURSIVE") {
		return nil, Unsupported(p.cur().pos, "WITH RECURSIVE", "")
	}
	w := &With{Pos: at}
	for {
		v := &CreateView{Pos: p.cur().pos}
		var err error
		if v.Name, err = p.object("the name of a query"); err != nil {
			return nil, err
		}
		if p.at("(") {
			if v.Columns, err = p.names("a column"); err != nil {
				return nil, err
			}
		}
		if err := p.expect("AS", "("); err != nil {
			return nil, err
		}
		if v.Query, err = p.query(); err != nil {
			return nil, err
		}
		if err := p.expect(")"); err != nil {
			return nil, err
		}
		w.Views = append(w.Views, v)
		if !p.accept(",") {
			break
		}
	}
	var err error
	w.Query, err = p.query()
	return w, err
}

func (p *parser) queryTerm() (Query, error) {
	switch t := p.cur(); {
	case p.accept("("):
		q, err := p.query()
		if err != nil {
			return nil, err
		}
		return q, p.expect(")")
	case p.at("VALUES"):
		return nil, Unsupported(t.pos, "VALUES", "read the rows from a table")
	case !p.at("SELECT"):
		return nil, p.unexpected("SELECT")
	}
	return p.selectBlock()
}

func (p *parser) selectBlock() (*Select, error) {
	s := &Select{Pos: p.cur().pos}
	p.i++ // SELECT
	var err error
	if s.UID, err = p.hint(); err != nil {
		return nil, err
	}
	if s.Distinct = p.accept("DISTINCT"); !s.Distinct {
		p.accept("ALL")
	}
	for {
		item, err := p.item()
		if err != nil {
			return nil, err
		}
		s.Items = append(s.Items, item)
		if !p.accept(",") {
			break
		}
	}
	if !p.accept("FROM") {
		if p.cur().kind == tokenEnd || p.at(";") || p.at(")") || p.at("UNION") {
			return nil, Unsupported(p.cur().pos, "a query without FROM", "read from a table")
		}
		return nil, p.unexpected("FROM or a comma")
	}
	if s.From, err = p.from(); err != nil {
		return nil, err
	}
	return s, p.clauses(s)
}

// clauses reads what follows FROM.
func (p *parser) clauses(s *Select) error {
	var err error
	if p.accept("WHERE") {
		if s.Where, err = p.expr(); err != nil {
			return err
		}
	}
	if p.accept("GROUP", "BY") {
		if err := p.groupBy(s); err != nil {
			return err
		}
	}
	if p.accept("HAVING") {
		if s.Having, err = p.expr(); err != nil {
			return err
		}
	}
	for _, clause := range [...]string{"QUALIFY", "WINDOW"} {
		if p.at(clause) {
			return Unsupported(p.cur().pos, clause, "filter in a query around this one with WHERE")
		}
	}
	return nil
}

func (p *parser) groupBy(s *Select) error {
	for {
		if p.at("GROUPING", "SETS") || p.at("CUBE", "(") || p.at("ROLLUP", "(") {
			return Unsupported(p.cur().pos, strings.ToUpper(p.cur().text), "write one query for each set of columns, joined by UNION ALL")
		}
		e, err := p.expr()
		if err != nil {
			return err
		}
		s.GroupBy = append(s.GroupBy, e)
		if !p.accept(",") {
			return nil
		}
	}
}

// hint reads /*+ UID('x') */ if it comes next.
func (p *parser) hint() (*Name, error) {
	if !p.accept("/*+") {
		return nil, nil
	}
	if !p.at("UID", "(") {
		return nil, Unsupported(p.cur().pos, "the hint "+p.cur().show(), "the only hint is /*+ UID('x') */")
	}
	p.i += 2
	t, err := p.string("a uid")
	if err != nil {
		return nil, err
	}
	if t.text == "" {
		return nil, Errorf(t.pos, "", "a uid cannot be empty")
	}
	return &Name{t.pos, t.text}, p.expect(")", "*/")
}

func (p *parser) item() (Item, error) {
	t := p.cur()
	if p.accept("*") {
		return Item{Pos: t.pos, Star: true}, nil
	}
	if t.isName() && p.peek(1).is(".") && p.peek(2).is("*") {
		p.i += 3
		return Item{Pos: t.pos, Star: true, Table: &Name{t.pos, t.text}}, nil
	}
	e, err := p.expr()
	if err != nil {
		return Item{}, err
	}
	alias, err := p.alias()
	return Item{Pos: t.pos, Expr: e, Alias: alias}, err
}

// from reads relations with commas between them, which bind less than JOIN.
func (p *parser) from() (From, error) {
	joins := 0
	defer func() {
		for range joins {
			p.leave()
		}
	}()
	f, err := p.joins(&joins)
	for err == nil && p.at(",") {
		j := &Join{Pos: p.cur().pos, Left: f}
		p.i++
		if err = p.enter(); err != nil {
			break
		}
		joins++
		j.Right, err = p.joins(&joins)
		f = j
	}
	return f, err
}

// joins reads relations with JOIN between them, from left to right. It counts them as levels.
func (p *parser) joins(levels *int) (From, error) {
	f, err := p.joinable()
	for err == nil {
		j := &Join{Pos: p.cur().pos, Left: f}
		condition := true
		switch {
		case p.accept("JOIN"), p.accept("INNER", "JOIN"):
		case p.accept("LEFT", "JOIN"), p.accept("LEFT", "OUTER", "JOIN"):
			j.Kind = LeftJoin
		case p.accept("RIGHT", "JOIN"), p.accept("RIGHT", "OUTER", "JOIN"):
			j.Kind = RightJoin
		case p.accept("FULL", "JOIN"), p.accept("FULL", "OUTER", "JOIN"):
			j.Kind = FullJoin
		case p.accept("CROSS", "JOIN"):
			condition = false
		case p.at("NATURAL"):
			return nil, Unsupported(j.Pos, "NATURAL JOIN", "write JOIN ... ON a.x = b.x")
		default:
			return f, nil
		}
		if err = p.enter(); err != nil {
			return nil, err
		}
		*levels++
		if j.Right, err = p.joinable(); err != nil {
			return nil, err
		}
		if condition {
			err = p.on(j)
		}
		f = j
	}
	return f, err
}

func (p *parser) on(j *Join) (err error) {
	if p.at("USING") {
		return Unsupported(p.cur().pos, "USING", "write ON a.x = b.x")
	}
	if err = p.expect("ON"); err == nil {
		j.On, err = p.expr()
	}
	return err
}

// joinable reads one relation of FROM.
func (p *parser) joinable() (From, error) {
	f, err := p.relation()
	if err == nil && p.at("FOR") {
		err = Unsupported(p.cur().pos, "FOR SYSTEM_TIME AS OF", "read the table without it")
	}
	return f, err
}

// tableAlias reads what may follow a table: an alias, which may name the columns, and refuses what looks like one.
func (p *parser) tableAlias() (a Alias, err error) {
	for _, clause := range [...]string{"MATCH_RECOGNIZE", "PIVOT", "UNPIVOT", "TABLESAMPLE"} {
		if next := p.peek(1); p.at(clause) && (next.is("(") || clause == "TABLESAMPLE" && next.kind == tokenWord) {
			return a, Unsupported(p.cur().pos, clause, "")
		}
	}
	if a.Name, err = p.alias(); err == nil && a.Name != nil && p.at("(") {
		a.Columns, err = p.names("a column")
	}
	return a, err
}

func (p *parser) relation() (From, error) {
	at := p.cur().pos
	switch {
	case p.at("TABLE", "("):
		p.i += 2
		f, err := p.windowTVF(p.cur().pos)
		if err != nil {
			return nil, err
		}
		if err := p.expect(")"); err != nil {
			return nil, err
		}
		f.Alias, err = p.tableAlias()
		return f, err
	case p.at("LATERAL"), p.at("UNNEST"):
		return nil, Unsupported(at, strings.ToUpper(p.cur().text), "there are no arrays to unnest; write one row for each element into the source")
	case p.accept("("):
		q, err := p.query()
		if err != nil {
			return nil, err
		}
		if err := p.expect(")"); err != nil {
			return nil, err
		}
		alias, err := p.tableAlias()
		return &Subquery{at, q, alias}, err
	case p.cur().isName() && p.peek(1).is("("):
		f, err := p.windowTVF(at)
		if err != nil {
			return nil, err
		}
		f.Alias, err = p.tableAlias()
		return f, err
	}
	n, err := p.object("a table or view")
	if err != nil {
		return nil, err
	}
	if p.at("/*+") {
		return nil, Unsupported(p.cur().pos, "hints on tables", "set the options in CREATE TABLE")
	}
	alias, err := p.tableAlias()
	return &TableRef{at, n, alias}, err
}

func (p *parser) windowTVF(at Pos) (*WindowTVF, error) {
	n, err := p.name("a windowing function such as TUMBLE or HOP")
	if err != nil {
		return nil, err
	}
	f := &WindowTVF{Pos: at, Function: strings.ToUpper(n.Text)}
	return f, p.list(func() error {
		arg, err := p.tvfArg(f.Function)
		f.Args = append(f.Args, arg)
		return err
	})
}

func (p *parser) tvfArg(function string) (a TVFArg, err error) {
	a.Pos = p.cur().pos
	// OFFSET is a reserved word in Flink, where it stands in backquotes.
	if (p.cur().kind == tokenWord || p.cur().kind == tokenQuoted) && p.peek(1).is("=>") {
		a.Param = strings.ToUpper(p.cur().text)
		p.i += 2
	}
	switch {
	case p.at("TABLE", "("), p.at("(", "SELECT"), p.at("(", "WITH"), p.at("(", "("):
		p.accept("TABLE")
		return a, p.tvfQuery(&a)
	case p.accept("TABLE"):
		n, err := p.object("a table or view")
		a.Table = &TableRef{Pos: n.Pos, Name: n}
		if err == nil && p.at("PARTITION") {
			err = Unsupported(p.cur().pos, "PARTITION BY in a window", "add the columns to GROUP BY")
			if function == "SESSION" {
				err = Unsupported(a.Pos, "SESSION windows", "TUMBLE, HOP and CUMULATE are supported")
			}
		}
		return a, err
	case p.accept("DESCRIPTOR"):
		a.Descriptor, err = p.names("a column")
		return a, err
	}
	a.Value, err = p.expr()
	return a, err
}

// tvfQuery reads a query in parentheses as the table of a window.
func (p *parser) tvfQuery(a *TVFArg) error {
	if err := p.expect("("); err != nil {
		return err
	}
	q, err := p.query()
	if err != nil {
		return err
	}
	a.Table = &Subquery{Pos: a.Pos, Query: q}
	return p.expect(")")
}
