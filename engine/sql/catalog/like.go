package catalog

import (
	"slices"

	"github.com/weirstream/weir/engine/sql/parser"
)

// strategies says for each feature of a table what LIKE does with it: INCLUDING takes it, and refuses what both tables have;
// OVERWRITING takes what the new table has not; EXCLUDING leaves it. Columns that are not computed are always INCLUDING.
type strategies map[string]string

// strategiesOf reads the options of a LIKE clause, as Flink does: what is named counts before ALL, and by default options are
// overwritten and all else is included.
func strategiesOf(features []parser.LikeFeature) (strategies, error) {
	s := strategies{"CONSTRAINTS": "INCLUDING", "GENERATED": "INCLUDING", "OPTIONS": "OVERWRITING", "WATERMARKS": "INCLUDING"}
	named := map[string]bool{}
	for _, f := range features {
		if named[f.Feature] {
			return nil, parser.Errorf(f.Pos, "say it once", "LIKE says twice what to do with %s", f.Feature)
		}
		named[f.Feature] = true
		if f.Feature != "ALL" {
			s[f.Feature] = f.Strategy
		}
	}
	for _, f := range features {
		for feature := range s {
			if f.Feature == "ALL" && !named[feature] {
				s[feature] = f.Strategy
			}
		}
	}
	return s, nil
}

// like returns a declaration with what it takes from the table that LIKE names.
func (c *Catalog) like(s *parser.CreateTable) (*parser.CreateTable, error) {
	if s.Like == nil {
		return s, nil
	}
	base := c.texts[s.Like.Table.Text]
	if base == nil {
		if c.IsView(s.Like.Table) {
			return nil, parser.Errorf(s.Like.Table.Pos, "name a table", "%s is a view", s.Like.Table.Text)
		}
		return nil, c.Unknown(s.Like.Table, "table")
	}
	how, err := strategiesOf(s.Like.Features)
	if err != nil {
		return nil, err
	}
	m := merge{new: s, base: base, how: how}
	out := *s
	if out.Columns, err = m.columns(); err != nil {
		return nil, err
	}
	if out.Options, err = m.options(); err != nil {
		return nil, err
	}
	if len(base.PrimaryKey) > 0 && how["CONSTRAINTS"] != "EXCLUDING" {
		if len(s.PrimaryKey) > 0 {
			return nil, m.both(s.PrimaryKey[0].Pos, "a primary key", "CONSTRAINTS", false)
		}
		out.PrimaryKey = base.PrimaryKey
	}
	switch strategy := how["WATERMARKS"]; {
	case base.Watermark == nil || strategy == "EXCLUDING" || strategy == "OVERWRITING" && s.Watermark != nil:
	case s.Watermark != nil:
		return nil, m.both(s.Watermark.Pos, "a watermark", "WATERMARKS", true)
	default:
		out.Watermark = base.Watermark
	}
	return &out, nil
}

// merge is a declaration and the one that it takes from.
type merge struct {
	new, base *parser.CreateTable
	how       strategies
}

// both refuses what both have.
func (m merge) both(at parser.Pos, what, feature string, overwriting bool) error {
	remedy := "write LIKE " + m.base.Name.Text + " (EXCLUDING " + feature + ")"
	if overwriting {
		remedy += ", or OVERWRITING"
	}
	return parser.Errorf(at, remedy, "the tables %s and %s, which it is like, both have %s", m.new.Name.Text, m.base.Name.Text, what)
}

// columns are those of the base, then the new ones. Which are there twice is found when they are bound, except computed ones that are
// to take the place of those of the base.
func (m merge) columns() ([]parser.ColumnDef, error) {
	var out []parser.ColumnDef
	for _, c := range m.base.Columns {
		own := slices.IndexFunc(m.new.Columns, func(d parser.ColumnDef) bool { return d.Name == c.Name })
		switch strategy := m.how["GENERATED"]; {
		case c.Computed != nil && strategy == "EXCLUDING":
		case own < 0:
			out = append(out, c)
		case c.Computed == nil:
			return nil, parser.Errorf(m.new.Columns[own].Pos, "give it another name", "the table %s, which %s is like, has a column %s", m.base.Name.Text, m.new.Name.Text, c.Name)
		case strategy == "OVERWRITING" && m.new.Columns[own].Computed != nil:
		default:
			return nil, m.both(m.new.Columns[own].Pos, "a column "+c.Name, "GENERATED", m.new.Columns[own].Computed != nil)
		}
	}
	return append(out, m.new.Columns...), nil
}

func (m merge) options() ([]parser.Option, error) {
	var out []parser.Option
	for _, o := range m.base.Options {
		own := slices.IndexFunc(m.new.Options, func(n parser.Option) bool { return n.Key == o.Key })
		switch strategy := m.how["OPTIONS"]; {
		case strategy == "EXCLUDING", own >= 0 && strategy == "OVERWRITING":
		case own >= 0:
			return nil, m.both(m.new.Options[own].Pos, "the option '"+o.Key+"'", "OPTIONS", true)
		default:
			out = append(out, o)
		}
	}
	return append(out, m.new.Options...), nil
}
