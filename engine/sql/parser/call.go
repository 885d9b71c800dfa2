package parser

import "strings"

// call reads the arguments of a function, its opening parenthesis being taken already.
func (p *parser) call(at Pos, name string) (Expr, error) {
	c := &Call{Pos: at, Name: name}
	if err := p.arguments(c); err != nil {
		return nil, err
	}
	if err := p.expect(")"); err != nil {
		return nil, err
	}
	if p.accept("FILTER") {
		if err := p.expect("(", "WHERE"); err != nil {
			return nil, err
		}
		var err error
		if c.Filter, err = p.expr(); err != nil {
			return nil, err
		}
		if err := p.expect(")"); err != nil {
			return nil, err
		}
	}
	switch next := p.cur(); {
	case p.accept("OVER"):
		return c, p.over(c, next.pos)
	case p.at("WITHIN"):
		return nil, Unsupported(next.pos, "WITHIN GROUP", "")
	}
	return c, nil
}

// over reads (PARTITION BY ... ORDER BY ...).
func (p *parser) over(c *Call, at Pos) error {
	if !p.at("(") {
		return Unsupported(p.cur().pos, "the WINDOW clause", "write OVER (PARTITION BY ... ORDER BY ...)")
	}
	p.i++
	c.Over = &Over{Pos: at}
	if p.accept("PARTITION", "BY") {
		for {
			e, err := p.expr()
			if err != nil {
				return err
			}
			if c.Over.Partition = append(c.Over.Partition, e); !p.accept(",") {
				break
			}
		}
	}
	if p.accept("ORDER", "BY") {
		for {
			o, err := p.order()
			if err != nil {
				return err
			}
			if c.Over.Order = append(c.Over.Order, o); !p.accept(",") {
				break
			}
		}
	}
	if p.at("ROWS") || p.at("RANGE") {
		return Unsupported(p.cur().pos, strings.ToUpper(p.cur().text)+" of OVER", "of what stands before OVER there is ROW_NUMBER(), which counts all rows")
	}
	return p.expect(")")
}

// order reads x [ASC | DESC] [NULLS FIRST | LAST]. Without the latter NULL is the least value.
func (p *parser) order() (o Order, err error) {
	if o.Expr, err = p.expr(); err != nil {
		return o, err
	}
	if o.Descending = p.accept("DESC"); !o.Descending {
		p.accept("ASC")
	}
	o.NullsLast = o.Descending
	switch {
	case p.accept("NULLS", "FIRST"):
		o.NullsLast = false
	case p.accept("NULLS", "LAST"):
		o.NullsLast = true
	}
	return o, nil
}

// arguments reads up to the closing parenthesis; some functions have a syntax of their own.
func (p *parser) arguments(c *Call) error {
	switch c.Name {
	case "EXTRACT":
		return p.unitThen(c, "FROM")
	case "TIMESTAMPADD", "TIMESTAMPDIFF":
		return p.unitThen(c, ",")
	case "TRIM":
		return p.trimArguments(c)
	}
	switch {
	case p.at(")"):
		return nil
	case p.accept("*"):
		c.Star = true
		return nil
	case p.accept("DISTINCT"):
		c.Distinct = true
	default:
		p.accept("ALL")
	}
	for {
		e, err := p.argument(c)
		if err != nil {
			return err
		}
		c.Args = append(c.Args, e)
		if !p.separator(c) {
			return nil
		}
	}
}

// separator takes what stands between two arguments: a comma, or a keyword of the function.
func (p *parser) separator(c *Call) bool {
	switch c.Name {
	case "SUBSTRING", "SUBSTR":
		return p.accept(",") || len(c.Args) == 1 && p.accept("FROM") || len(c.Args) == 2 && p.accept("FOR")
	case "POSITION":
		return p.accept(",") || len(c.Args) == 1 && p.accept("IN")
	case "OVERLAY":
		return p.accept(",") || len(c.Args) == 1 && p.accept("PLACING") || len(c.Args) == 2 && p.accept("FROM") || len(c.Args) == 3 && p.accept("FOR")
	}
	return p.accept(",")
}

// argument reads one argument. FLOOR(x TO HOUR) has a unit; in POSITION(a IN b), IN separates.
func (p *parser) argument(c *Call) (Expr, error) {
	if c.Name == "POSITION" && len(c.Args) == 0 {
		return p.sum()
	}
	e, err := p.expr()
	if err == nil && (c.Name == "FLOOR" || c.Name == "CEIL" || c.Name == "CEILING") && p.accept("TO") {
		c.Unit, err = p.unit()
	}
	return e, err
}

// unitThen reads unit separator x, ....
func (p *parser) unitThen(c *Call, separator string) error {
	var err error
	if c.Unit, err = p.unit(); err != nil {
		return err
	}
	if err := p.expect(separator); err != nil {
		return err
	}
	for {
		e, err := p.expr()
		if err != nil {
			return err
		}
		c.Args = append(c.Args, e)
		if !p.accept(",") {
			return nil
		}
	}
}

// trimArguments reads TRIM([BOTH|LEADING|TRAILING] [characters] FROM x) or TRIM(x); Args are x and then the characters.
func (p *parser) trimArguments(c *Call) error {
	for _, side := range [...]string{"BOTH", "LEADING", "TRAILING"} {
		if p.accept(side) {
			c.Unit = side
			break
		}
	}
	var chars Expr
	if c.Unit == "" || !p.at("FROM") {
		e, err := p.expr()
		if err != nil {
			return err
		}
		if c.Unit == "" && !p.at("FROM") {
			c.Args = []Expr{e}
			return nil
		}
		chars = e
	}
	if err := p.expect("FROM"); err != nil {
		return err
	}
	x, err := p.expr()
	if err != nil {
		return err
	}
	c.Args = []Expr{x}
	if chars != nil {
		c.Args = append(c.Args, chars)
	}
	return nil
}
