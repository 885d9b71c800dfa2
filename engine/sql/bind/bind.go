// Package bind gives the statements of a script their meaning: which column a name is, which type an expression has, what
// a window and an aggregate are over, and under which uid a state is kept (P9). What comes out is a plan of package
// logical.
//
// The package reads and decides; it makes no operators and opens no connectors. Errors are *parser.Error.
package bind

import (
	"github.com/weirstream/weir/engine/sql/catalog"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
)

// Script binds a parsed script.
func Script(statements []parser.Statement) (*logical.Plan, error) {
	b := &binder{scans: map[string]logical.Op{}, views: map[string]*logical.Relation{}, inserts: map[string]int{}, advisories: logical.Advisories{}}
	for _, s := range statements {
		if err := b.statement(s); err != nil {
			return nil, err
		}
	}
	if len(b.plan.Inserts) == 0 {
		at := parser.Pos{Line: 1, Column: 1}
		if len(statements) > 0 {
			at = statements[len(statements)-1].At()
		}
		return nil, parser.Errorf(at, "add INSERT INTO <table> SELECT ...", "the script inserts nothing into any table")
	}
	return &b.plan, nil
}

// binder binds the statements of one script, in the order of the text.
type binder struct {
	catalog    catalog.Catalog
	plan       logical.Plan
	scans      map[string]logical.Op        // of tables that are read, so that each is read once
	views      map[string]*logical.Relation // that are bound
	inserts    map[string]int               // how many INSERTs a table has had
	advisories logical.Advisories
	converted  int // branches of UNION ALL that an INSERT has converted to its table
}

func (b *binder) statement(s parser.Statement) error {
	switch s := s.(type) {
	case *parser.CreateTable:
		if s.IfNotExists && b.catalog.Declared(s.Name) {
			return nil
		}
		return b.catalog.CreateTable(s)
	case *parser.CreateView:
		return b.createView(s)
	case *parser.Drop:
		if b.catalog.Declared(s.Name) {
			return parser.Unsupported(s.Pos, "DROP "+s.What+" of what the script declares", "remove it, and give each table and view a name of its own")
		}
	case *parser.Insert:
		return b.insert(s)
	}
	return nil
}

func (b *binder) createView(s *parser.CreateView) error {
	if s.IfNotExists && b.catalog.Declared(s.Name) {
		return nil
	}
	if err := b.catalog.CreateView(s.Name); err != nil {
		return err
	}
	r, err := b.block(s.Name.Text).view(s)
	if err != nil {
		return err
	}
	b.views[s.Name.Text] = r
	return nil
}

// view binds the query of a view. Whoever reads it shares its operators.
func (b *block) view(s *parser.CreateView) (*logical.Relation, error) {
	r, err := b.typedQuery(s.Query)
	if err != nil {
		return nil, err
	}
	r = r.Copy()
	if len(s.Columns) > 0 {
		if len(s.Columns) != len(r.Columns) {
			return nil, parser.Errorf(s.Columns[0].Pos, "", "the view %s names %d columns, its query has %d", s.Name.Text, len(s.Columns), len(r.Columns))
		}
		for i, n := range s.Columns {
			r.Columns[i].Name = n.Text
		}
	}
	if err := checkNames(s.Name, r.Columns); err != nil {
		return nil, err
	}
	b.plan.Views = append(b.plan.Views, r)
	return r, nil
}

// checkNames refuses a view whose columns cannot be told apart.
func checkNames(view parser.Name, columns []logical.Column) error {
	seen := map[string]bool{}
	for i, c := range columns {
		switch {
		case c.Name == "":
			return parser.Errorf(view.Pos, "add AS <name> to it", "column %d of the view %s has no name", i+1, view.Text)
		case seen[c.Name]:
			return parser.Errorf(view.Pos, "rename one with AS", "the view %s has two columns named %s", view.Text, c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}

// relation returns the table or view of a name.
func (b *binder) relation(n parser.Name) (*logical.Relation, error) {
	if v := b.views[n.Text]; v != nil {
		return v, nil
	}
	t := b.catalog.Table(n)
	if t == nil {
		return nil, b.catalog.Unknown(n, "table or view")
	}
	if b.scans[t.Name] == nil {
		b.scans[t.Name] = scan(t)
	}
	return &logical.Relation{Op: b.scans[t.Name], Columns: columnsOf(t)}, nil
}
