package plan

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector/table"
	"github.com/weirstream/weir/engine/sql/expr"
	"github.com/weirstream/weir/engine/sql/parser"
)

// Table is a declared table.
type Table struct {
	parser.Pos
	Name string
	// Physical are the columns that the connector reads or writes; Computed follow them when the table is read.
	Physical      *batch.Schema
	Computed      []expr.Expr // over the physical columns
	ComputedNames []string
	// NotNull says for each physical column where it is declared NOT NULL, or a part of the primary key; Line 0: it is not.
	NotNull []parser.Pos
	// RowTime is the index of the time attribute among all columns; negative: none.
	RowTime int
	// DelayMS is how far the watermark stays behind, WatermarkAt where it is declared.
	DelayMS     int64
	WatermarkAt parser.Pos
	Options     []parser.Option
}

// Schema has the physical and the computed columns.
func (t *Table) Schema() *batch.Schema {
	s := &batch.Schema{Fields: append([]batch.Field(nil), t.Physical.Fields...)}
	for i, e := range t.Computed {
		s.Fields = append(s.Fields, batch.Field{Name: t.ComputedNames[i], Type: e.Type()})
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

// catalog knows the tables and views declared so far.
type catalog struct {
	tables  map[string]*Table
	scans   map[string]Op
	views   map[string]*Relation
	inserts map[string]int // how many INSERTs a table has had
	// provenances are those of the ops that a state depends on.
	provenances map[Op]provenance
	names       []string // of tables and views, in the order of the text
}

func (c *catalog) declared(n parser.Name) bool {
	return c.tables[n.Text] != nil || c.views[n.Text] != nil
}

func (c *catalog) declare(n parser.Name) error {
	if c.declared(n) {
		return parser.Errorf(n.Pos, "give one of them another name", "the name %s is declared twice", n.Text)
	}
	c.names = append(c.names, n.Text)
	return nil
}

func (c *catalog) unknown(n parser.Name, what string) error {
	remedy := "declare it before it is used"
	if near := table.Nearest(n.Text, c.names); near != "" {
		remedy = "did you mean " + near + "?"
	}
	return parser.Errorf(n.Pos, remedy, "there is no %s %s", what, n.Text)
}

// relation returns the table or view of a name.
func (c *catalog) relation(n parser.Name) (*Relation, error) {
	if v := c.views[n.Text]; v != nil {
		return v, nil
	}
	t := c.tables[n.Text]
	if t == nil {
		return nil, c.unknown(n, "table or view")
	}
	if c.scans == nil {
		c.scans = map[string]Op{}
	}
	if c.scans[t.Name] == nil {
		c.scans[t.Name] = t.scan()
	}
	return &Relation{Op: c.scans[t.Name], Columns: t.columns()}, nil
}

// scan reads the table. Columns that are declared NOT NULL are looked at before anything else is done with the rows.
func (t *Table) scan() Op {
	scan := &Scan{Table: t}
	if !slices.ContainsFunc(t.NotNull, isPlace) {
		return scan
	}
	in := &Relation{Op: scan, Columns: t.columns()}
	check := &Calc{Block: "source/" + t.Name, Input: in}
	for i, c := range in.Columns {
		e := expr.Expr(in.reference(i, parser.Pos{}))
		if i < len(t.NotNull) && isPlace(t.NotNull[i]) {
			e = expr.NotNull(e, t.NotNull[i], "column "+c.Name+" of "+t.Name+" is declared NOT NULL, but a row that is read has NULL in it", "declare it without NOT NULL, and filter or fill in such rows")
		}
		check.Out, check.Names = append(check.Out, e), append(check.Names, c.Name)
	}
	return check
}

func isPlace(p parser.Pos) bool { return p.Line > 0 }

func (t *Table) physicalNames() []string {
	names := make([]string, len(t.Physical.Fields))
	for i, f := range t.Physical.Fields {
		names[i] = f.Name
	}
	return names
}

func (t *Table) columns() []Column {
	var out []Column
	for _, f := range t.Physical.Fields {
		out = append(out, Column{Name: f.Name, Type: f.Type, Origin: f.Name})
	}
	for i, e := range t.Computed {
		origin := expr.Format(e, func(c *expr.Column) string { return c.Name })
		out = append(out, Column{Name: t.ComputedNames[i], Type: e.Type(), Origin: origin})
	}
	if t.RowTime >= 0 {
		out[t.RowTime].Role = RowTime
	}
	return out
}

func (c *catalog) createTable(s *parser.CreateTable) error {
	if s.IfNotExists && c.declared(s.Name) {
		return nil
	}
	if err := c.declare(s.Name); err != nil {
		return err
	}
	t := &Table{Pos: s.Name.Pos, Name: s.Name.Text, Physical: &batch.Schema{}, RowTime: -1, Options: s.Options}
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
	if err := t.checkOptions(); err != nil {
		return err
	}
	c.tables[t.Name] = t
	return nil
}

func (t *Table) bindColumns(defs []parser.ColumnDef) error {
	if len(defs) > maxColumns {
		return parser.Errorf(t.Pos, "", "table %s has more than %d columns", t.Name, maxColumns)
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
		t.Physical.Fields = append(t.Physical.Fields, batch.Field{Name: d.Name, Type: typ})
		place := parser.Pos{}
		if d.NotNull {
			place = d.Pos
		}
		t.NotNull = append(t.NotNull, place)
	}
	if len(t.Physical.Fields) == 0 {
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
		if e.Type() == batch.Unknown {
			return parser.Errorf(d.Computed.At(), "write CAST(NULL AS INT) or the like", "the type of the column %s is not known", d.Name)
		}
		t.Computed, t.ComputedNames = append(t.Computed, e), append(t.ComputedNames, d.Name)
	}
	return nil
}

// bindPrimaryKey makes the columns of a primary key NOT NULL. Nobody checks that it is unique.
func (t *Table) bindPrimaryKey(key []parser.Name) error {
	names := t.physicalNames()
	seen := map[string]bool{}
	for _, n := range key {
		i := slices.Index(names, n.Text)
		switch {
		case i < 0:
			return unknownColumn(&parser.Column{Pos: n.Pos, Name: n.Text}, names)
		case seen[n.Text]:
			return parser.Errorf(n.Pos, "name it once", "the column %s is twice in the primary key", n.Text)
		}
		seen[n.Text] = true
		if !isPlace(t.NotNull[i]) {
			t.NotNull[i] = n.Pos
		}
	}
	return nil
}

// resolve finds a physical column, or an earlier computed one, which is then computed again in its place.
func (t *Table) resolve(c *parser.Column) (expr.Expr, error) {
	for i, f := range t.Physical.Fields {
		if f.Name == c.Name && c.Table == "" {
			return &expr.Column{Pos: c.Pos, Index: i, Name: f.Name, T: f.Type}, nil
		}
	}
	for i, n := range t.ComputedNames {
		if n == c.Name && c.Table == "" {
			return t.Computed[i], nil
		}
	}
	return nil, unknownColumn(c, append(t.physicalNames(), t.ComputedNames...))
}

func unknownColumn(c *parser.Column, names []string) error {
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
	for i, f := range t.Schema().Fields {
		if f.Name != w.Column.Text {
			continue
		}
		if f.Type != batch.Timestamp {
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
	for _, f := range t.Physical.Fields {
		if rest, ok := strings.CutPrefix(key, "fields."+f.Name+"."); ok {
			return rest
		}
	}
	return key
}

func (c *catalog) createView(s *parser.CreateView) error {
	if s.IfNotExists && c.declared(s.Name) {
		return nil
	}
	if err := c.declare(s.Name); err != nil {
		return err
	}
	b := &block{catalog: c, path: s.Name.Text}
	r, err := b.known(s.Query)
	if err != nil {
		return err
	}
	r = r.renamed()
	if w, ok := r.Op.(*Window); ok {
		w.Shared = true
	}
	if len(s.Columns) > 0 {
		if len(s.Columns) != len(r.Columns) {
			return parser.Errorf(s.Columns[0].Pos, "", "the view %s names %d columns, its query has %d", s.Name.Text, len(s.Columns), len(r.Columns))
		}
		for i, n := range s.Columns {
			r.Columns[i].Name = n.Text
		}
	}
	if err := checkNames(s.Name, r.Columns); err != nil {
		return err
	}
	c.views[s.Name.Text] = r
	return nil
}

// checkNames refuses a view whose columns cannot be told apart.
func checkNames(view parser.Name, columns []Column) error {
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

// renamed returns a relation whose columns can be renamed without renaming those of another.
func (r *Relation) renamed() *Relation {
	out := *r
	out.Columns = append([]Column(nil), r.Columns...)
	return &out
}

func (c *catalog) insert(s *parser.Insert) (Insert, error) {
	t := c.tables[s.Table.Text]
	if t == nil {
		if c.views[s.Table.Text] != nil {
			return Insert{}, parser.Errorf(s.Table.Pos, "insert into a table", "%s is a view", s.Table.Text)
		}
		return Insert{}, c.unknown(s.Table, "table")
	}
	c.inserts[t.Name]++
	b := &block{catalog: c, path: t.Name}
	if n := c.inserts[t.Name]; n > 1 {
		b.path += "." + strconv.Itoa(n)
	}
	r, err := b.query(s.Query)
	if err != nil {
		return Insert{}, err
	}
	targets, err := t.targets(s, r)
	if err != nil {
		return Insert{}, err
	}
	r, err = b.into(t, targets, r, s.Query.At())
	return Insert{At: s.Pos, Into: t, Input: r}, err
}

// targets returns, for each physical column of the table, the column of the query that it gets; negative: NULL.
func (t *Table) targets(s *parser.Insert, r *Relation) ([]int, error) {
	out := make([]int, len(t.Physical.Fields))
	want := len(out)
	if len(s.Columns) > 0 {
		want = len(s.Columns)
	}
	if len(r.Columns) != want {
		return nil, parser.Errorf(s.Query.At(), "", "the query has %d columns, but %s takes %d", len(r.Columns), t.Name, want)
	}
	for i := range out {
		out[i] = i
		if len(s.Columns) > 0 {
			out[i] = -1
		}
	}
	names := t.physicalNames()
	for k, n := range s.Columns {
		i := slices.Index(names, n.Text)
		if i < 0 {
			return nil, unknownColumn(&parser.Column{Pos: n.Pos, Name: n.Text}, names)
		}
		if out[i] >= 0 {
			return nil, parser.Errorf(n.Pos, "", "the column %s is named twice", n.Text)
		}
		out[i] = k
	}
	return out, nil
}
