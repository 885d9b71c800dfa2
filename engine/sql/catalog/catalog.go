package catalog

import (
	"github.com/weirstream/weir/engine/connector/table"
	"github.com/weirstream/weir/engine/sql/parser"
)

// Catalog holds the tables that a script has declared so far, and the names of its views. The zero value is empty.
type Catalog struct {
	tables map[string]*Table
	texts  map[string]*parser.CreateTable // of the tables, with what they take from others
	views  map[string]bool
	names  []string // of tables and views, in the order of the text
}

// Declared says whether a name is taken.
func (c *Catalog) Declared(n parser.Name) bool { return c.tables[n.Text] != nil || c.views[n.Text] }

// Table returns the table of a name; nil: there is none.
func (c *Catalog) Table(n parser.Name) *Table { return c.tables[n.Text] }

// IsView says whether a name is that of a view.
func (c *Catalog) IsView(n parser.Name) bool { return c.views[n.Text] }

// CreateTable binds a declaration and takes its name.
func (c *Catalog) CreateTable(s *parser.CreateTable) error {
	s, err := c.like(s)
	if err != nil {
		return err
	}
	if err := c.take(s.Name); err != nil {
		return err
	}
	t := &Table{Pos: s.Name.Pos, Name: s.Name.Text, RowTime: -1, Options: s.Options}
	if err := t.bind(s); err != nil {
		return err
	}
	if c.tables == nil {
		c.tables, c.texts = map[string]*Table{}, map[string]*parser.CreateTable{}
	}
	c.tables[t.Name], c.texts[t.Name] = t, s
	return nil
}

// CreateView takes the name of a view.
func (c *Catalog) CreateView(n parser.Name) error {
	if err := c.take(n); err != nil {
		return err
	}
	if c.views == nil {
		c.views = map[string]bool{}
	}
	c.views[n.Text] = true
	return nil
}

func (c *Catalog) take(n parser.Name) error {
	if c.Declared(n) {
		return parser.Errorf(n.Pos, "give one of them another name", "the name %s is declared twice", n.Text)
	}
	c.names = append(c.names, n.Text)
	return nil
}

// Unknown says that there is nothing of the kind what under a name, and which name is near.
func (c *Catalog) Unknown(n parser.Name, what string) error {
	remedy := "declare it before it is used"
	if near := table.Nearest(n.Text, c.names); near != "" {
		remedy = "did you mean " + near + "?"
	}
	return parser.Errorf(n.Pos, remedy, "there is no %s %s", what, n.Text)
}
