// Package catalog knows what a script declares: its tables, and which names are taken.
//
// A table is bound when it is declared: the types of its columns, the expressions of computed ones, NOT NULL, the primary
// key, the time attribute. What a query reads from it is the concern of package bind; what its options mean, of its
// connector. Errors are *parser.Error.
package catalog

import (
	"regexp"
	"slices"
	"strings"

	"github.com/weirstream/weir/engine/connector/table"
	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/types"
)

// MaxColumns is how many columns a table or a query may have: views upon views can double them each time.
const MaxColumns = 4096

// Table is a declared table.
type Table struct {
	parser.Pos
	Name string
	// Physical are the columns that the connector reads or writes; Computed follow them when the table is read.
	Physical      types.Schema
	Computed      []expr.Expr // over the physical columns
	ComputedNames []string
	notNull       []parser.Pos       // where each physical column that is NOT NULL is declared so
	metadata      []*parser.Metadata // of each physical column that is METADATA
	// RowTime is the index of the time attribute among all columns; negative: none.
	RowTime int
	// DelayMS is how far the watermark stays behind, WatermarkAt where it is declared.
	DelayMS     int64
	WatermarkAt parser.Pos
	Options     []parser.Option
}

// Schema has the physical and the computed columns.
func (t *Table) Schema() types.Schema {
	s := slices.Clone(t.Physical)
	for i, e := range t.Computed {
		s = append(s, types.Field{Name: t.ComputedNames[i], Type: e.Type()})
	}
	return s
}

// Option returns the value of an option and whether it is set.
func (t *Table) Option(key string) (string, bool) {
	for _, o := range t.Options {
		if o.Key == key {
			return o.Value, true
		}
	}
	return "", false
}

// PhysicalNames are the names of the physical columns.
func (t *Table) PhysicalNames() []string { return t.Physical.Names() }

// NotNull says whether a physical column is declared NOT NULL, or a part of the primary key, and where.
func (t *Table) NotNull(column int) (at parser.Pos, declared bool) {
	return t.notNull[column], !t.Physical[column].Type.Nullable()
}

// Metadata is what a physical column is declared to be of the metadata; nil: it is none.
func (t *Table) Metadata(column int) *parser.Metadata { return t.metadata[column] }

// Written are the physical columns that a query gives values for when it is inserted: all but those of virtual metadata.
func (t *Table) Written() (columns []int) {
	for i, m := range t.metadata {
		if m == nil || !m.Virtual {
			columns = append(columns, i)
		}
	}
	return columns
}

// bind fills the table from its declaration.
func (t *Table) bind(s *parser.CreateTable) error {
	if err := t.bindColumns(s.Columns); err != nil {
		return err
	}
	if err := t.bindPrimaryKey(s.PrimaryKey); err != nil {
		return err
	}
	if s.Watermark != nil {
		if err := t.bindWatermark(s.Watermark); err != nil {
			return err
		}
	}
	return t.checkOptions()
}

func (t *Table) bindColumns(defs []parser.ColumnDef) error {
	if len(defs) > MaxColumns {
		return parser.Errorf(t.Pos, "", "table %s has more than %d columns", t.Name, MaxColumns)
	}
	seen := map[string]bool{}
	for _, d := range defs {
		if seen[d.Name] {
			return parser.Errorf(d.Pos, "", "table %s has two columns named %s", t.Name, d.Name)
		}
		seen[d.Name] = true
		if d.Computed != nil {
			continue
		}
		typ, err := expr.TypeOf(d.Type)
		if err != nil {
			return err
		}
		place := parser.Pos{}
		if d.NotNull {
			typ, place = typ.NotNull(), d.Pos
		}
		t.Physical = append(t.Physical, types.Field{Name: d.Name, Type: typ})
		t.notNull, t.metadata = append(t.notNull, place), append(t.metadata, d.Metadata)
	}
	if len(t.Physical) == 0 {
		return parser.Errorf(t.Pos, "", "table %s has no column that is not computed", t.Name)
	}
	for _, d := range defs {
		if d.Computed == nil {
			continue
		}
		e, err := expr.Bind(d.Computed, t.resolve, false)
		if err != nil {
			return err
		}
		if e.Type().Is(types.KindNull) {
			return parser.Errorf(d.Computed.At(), "write CAST(NULL AS INT) or the like", "the type of the column %s is not known", d.Name)
		}
		t.Computed, t.ComputedNames = append(t.Computed, e), append(t.ComputedNames, d.Name)
	}
	return nil
}

// bindPrimaryKey makes the columns of a primary key NOT NULL. Nobody checks that it is unique.
func (t *Table) bindPrimaryKey(key []parser.Name) error {
	names := t.PhysicalNames()
	seen := map[string]bool{}
	for _, n := range key {
		i := slices.Index(names, n.Text)
		switch {
		case i < 0:
			return UnknownColumn(&parser.Column{Pos: n.Pos, Name: n.Text}, names)
		case seen[n.Text]:
			return parser.Errorf(n.Pos, "name it once", "the column %s is twice in the primary key", n.Text)
		}
		seen[n.Text] = true
		if column := &t.Physical[i]; column.Type.Nullable() {
			column.Type, t.notNull[i] = column.Type.NotNull(), n.Pos
		}
	}
	return nil
}

// resolve finds a physical column, or an earlier computed one, which is then computed again in its place.
func (t *Table) resolve(c *parser.Column) (expr.Expr, error) {
	for i, f := range t.Physical {
		if f.Name == c.Name && c.Table == "" {
			return &expr.Column{Pos: c.Pos, Index: i, Name: f.Name, T: f.Type}, nil
		}
	}
	for i, n := range t.ComputedNames {
		if n == c.Name && c.Table == "" {
			return t.Computed[i], nil
		}
	}
	return nil, UnknownColumn(c, append(t.PhysicalNames(), t.ComputedNames...))
}

// UnknownColumn says that none of the names is that of a column, and which is near.
func UnknownColumn(c *parser.Column, names []string) error {
	name := c.Name
	if c.Table != "" {
		name = c.Table + "." + c.Name
	}
	remedy := "the columns are " + strings.Join(names, ", ")
	if near := table.Nearest(c.Name, names); near != "" {
		remedy = "did you mean " + near + "?"
	} else if len(names) == 0 || len(remedy) > 200 {
		remedy = ""
	}
	return parser.Errorf(c.Pos, remedy, "there is no column %s", name)
}

// bindWatermark reads WATERMARK FOR ts AS ts [- INTERVAL].
func (t *Table) bindWatermark(w *parser.Watermark) error {
	t.WatermarkAt = w.Pos
	for i, f := range t.Schema() {
		if f.Name != w.Column.Text {
			continue
		}
		if !f.Type.Is(types.KindTimestamp) {
			return parser.Errorf(w.Column.Pos, "add a computed column: ts AS TO_TIMESTAMP("+f.Name+")", "the time attribute %s must be TIMESTAMP(3), not %v", f.Name, f.Type)
		}
		t.RowTime = i
		return t.bindDelay(w)
	}
	_, err := t.resolve(&parser.Column{Pos: w.Column.Pos, Name: w.Column.Text})
	return err
}

func (t *Table) bindDelay(w *parser.Watermark) error {
	isColumn := func(e parser.Expr) bool {
		c, ok := e.(*parser.Column)
		return ok && c.Name == w.Column.Text && c.Table == ""
	}
	if isColumn(w.Expr) {
		return nil
	}
	b, ok := w.Expr.(*parser.Binary)
	if ok && b.Op == "-" && isColumn(b.L) {
		if i, ok := b.R.(*parser.Interval); ok {
			months, ms, err := expr.ParseInterval(i)
			if err != nil {
				return err
			}
			if months != 0 || ms < 0 {
				return parser.Errorf(i.Pos, "write INTERVAL '5' SECOND or the like", "the delay of a watermark must be a positive number of days or less")
			}
			t.DelayMS = ms
			return nil
		}
	}
	return parser.Unsupported(w.Expr.At(), "this watermark", "write "+w.Column.Text+" - INTERVAL '5' SECOND or the like")
}

var secretReference = regexp.MustCompile(`\$\{secret:[^}]+\}`)

// checkOptions refuses what no connector has to be asked about: options that are set twice, and secrets in the text (P11).
func (t *Table) checkOptions() error {
	seen := map[string]bool{}
	for _, o := range t.Options {
		if seen[o.Key] {
			return parser.Errorf(o.Pos, "", "the option '%s' of table %s is set twice", o.Key, t.Name)
		}
		seen[o.Key] = true
		if parser.SecretKey(t.withoutColumn(o.Key)) && !secretReference.MatchString(o.Value) {
			return parser.Errorf(o.ValuePos, "leave it out: credentials are taken from the environment, in pods from spec.checkpoint.credentialsSecret", "the option '%s' of table %s holds a secret in the text", o.Key, t.Name)
		}
	}
	if !seen["connector"] {
		return parser.Errorf(t.Pos, "add 'connector' = 'filesystem' or the like to WITH", "table %s has no connector", t.Name)
	}
	return nil
}

// withoutColumn is the key of an option without the column that it is about, as in 'fields.<column>.kind': that a column is
// called token makes no secret of how it is generated.
func (t *Table) withoutColumn(key string) string {
	for _, f := range t.Physical {
		if rest, ok := strings.CutPrefix(key, "fields."+f.Name+"."); ok {
			return rest
		}
	}
	return key
}
