package bind

import (
	"github.com/weirstream/weir/engine/sql/catalog"
	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
)

// scope resolves the names of one FROM clause: a relation whose columns are those of one or more named parts in turn.
type scope struct {
	*logical.Relation
	parts []part
}

// part is a table, view or subquery that FROM names: the columns from to end-1 of the scope.
type part struct {
	name      string // empty: a subquery without an alias
	from, end int
}

// single is the scope of a FROM with one relation.
func single(r *logical.Relation, name string) scope {
	return scope{r, []part{{name, 0, len(r.Columns)}}}
}

// part finds what a query calls by a name.
func (s scope) part(name string) (part, bool) {
	for _, p := range s.parts {
		if p.name == name {
			return p, true
		}
	}
	return part{}, false
}

// noPart says that nothing has the name.
func (s scope) noPart(at parser.Pos, name string) error {
	remedy := ""
	if len(s.parts) == 1 && s.parts[0].name != "" {
		remedy = "the table of this query is called " + s.parts[0].name
	}
	return parser.Errorf(at, remedy, "there is no table %s in this query", name)
}

// resolve finds the column of a name, among those of the part that the name is qualified with.
func (s scope) resolve(c *parser.Column) (expr.Expr, error) {
	in := part{"", 0, len(s.Columns)}
	if c.Table != "" {
		var ok bool
		if in, ok = s.part(c.Table); !ok {
			return nil, s.noPart(c.Pos, c.Table)
		}
	}
	found := -1
	for i := in.from; i < in.end; i++ {
		if s.Columns[i].Name != c.Name {
			continue
		}
		if found >= 0 {
			return nil, parser.Errorf(c.Pos, "rename one with AS", "the column %s is ambiguous", c.Name)
		}
		found = i
	}
	if found < 0 {
		return nil, catalog.UnknownColumn(c, names(s.Columns[in.from:in.end]))
	}
	return s.Of(found, c.Pos), nil
}

func names(columns []logical.Column) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.Name
	}
	return out
}

// item is a bound entry of a select list.
type item struct {
	expr expr.Expr
	name string
	at   parser.Pos
}

// items binds a select list; aggregates are allowed.
func (s scope) items(list []parser.Item) ([]item, error) {
	var out []item
	for _, i := range list {
		if i.Star {
			columns, err := s.star(i)
			if err != nil {
				return nil, err
			}
			if out = append(out, columns...); len(out) > catalog.MaxColumns {
				return nil, parser.Errorf(i.Pos, "name the columns that are needed", "the query has more than %d columns", catalog.MaxColumns)
			}
			continue
		}
		e, err := expr.Bind(i.Expr, s.resolve, true)
		if err != nil {
			return nil, err
		}
		name := ""
		if c, ok := i.Expr.(*parser.Column); ok {
			name = c.Name
		}
		out = append(out, item{e, aliasOr(i.Alias, name), i.Expr.At()})
	}
	return out, nil
}

// star are all columns, or those of one part.
func (s scope) star(i parser.Item) (out []item, err error) {
	in := part{"", 0, len(s.Columns)}
	if i.Table != nil {
		var ok bool
		if in, ok = s.part(i.Table.Text); !ok {
			return nil, parser.Errorf(i.Pos, "", "there is no table %s in this query", i.Table.Text)
		}
	}
	for k := in.from; k < in.end; k++ {
		out = append(out, item{s.Of(k, i.Pos), s.Columns[k].Name, i.Pos})
	}
	return out, nil
}

func aliasOr(alias *parser.Name, name string) string {
	if alias != nil {
		return alias.Text
	}
	return name
}
