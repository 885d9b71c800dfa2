package parser

// Statement is one statement of a script: *CreateTable, *CreateView, *Insert or *Drop.
type Statement interface {
	At() Pos
	statement()
}

type (
	// CreateTable declares a source or sink.
	CreateTable struct {
		Pos
		Name        Name
		IfNotExists bool // a name that is declared already stays as it is
		Columns     []ColumnDef
		Watermark   *Watermark // nil: none
		PrimaryKey  []Name     // of PRIMARY KEY ... NOT ENFORCED; empty: none
		Options     []Option
		Like        *TableLike // nil: none
	}
	// TableLike is LIKE of CREATE TABLE: what the table takes from another.
	TableLike struct {
		Table    Name
		Features []LikeFeature
	}
	// LikeFeature is INCLUDING, EXCLUDING or OVERWRITING, and of what: ALL, CONSTRAINTS, GENERATED and so on.
	LikeFeature struct {
		Pos
		Strategy, Feature string
	}
	// ColumnDef is a physical column, or a computed one if Computed is set.
	ColumnDef struct {
		Pos
		Name     string
		Type     TypeName // of a physical column
		NotNull  bool
		Computed Expr
		Metadata *Metadata // nil: the column is none of metadata
	}
	// Metadata says that a column is taken from what the connector knows of a row.
	Metadata struct {
		Pos
		Key     string // what the connector calls it: the name of the column, or that behind FROM
		Virtual bool   // it is not written
	}
	// Watermark declares the time attribute of a table.
	Watermark struct {
		Pos
		Column Name
		Expr   Expr
	}
	// Option is one entry of a WITH clause.
	Option struct {
		Pos      // of the key
		Key      string
		Value    string
		ValuePos Pos
	}
	// CreateView names a query.
	CreateView struct {
		Pos
		Name        Name
		IfNotExists bool
		Columns     []Name // empty: those of the query
		Query       Query
	}
	// Insert writes the rows of a query into a table. The inserts of EXECUTE STATEMENT SET stand here one by one.
	Insert struct {
		Pos
		Table   Name
		Columns []Name // empty: all, in the order of the table
		Query   Query
	}
)

// Drop is DROP TABLE or DROP VIEW with IF EXISTS.
type Drop struct {
	Pos
	What string // TABLE or VIEW
	Name Name
}

func (*CreateTable) statement() {}
func (*Drop) statement()        {}
func (*CreateView) statement()  {}
func (*Insert) statement()      {}

// Name is an identifier where it stands.
type Name struct {
	Pos
	Text string
}

// TypeName is a type as it is written, in upper case: "TIMESTAMP" with Args [3].
type TypeName struct {
	Pos
	Name string
	Args []int
}

// Query is *Select, *Union or *With.
type Query interface {
	At() Pos
	query()
}

type (
	// Union is UNION ALL of two or more queries, or UNION, which keeps equal rows once.
	Union struct {
		Pos
		Queries  []Query
		Distinct bool
	}
	// With names queries for each other, in their order, and for the one behind them.
	With struct {
		Pos
		Views []*CreateView
		Query Query
	}
	// Select is one query block.
	Select struct {
		Pos
		UID      *Name // of the hint /*+ UID('x') */
		Distinct bool
		Items    []Item
		From     From // nil: none
		Where    Expr
		GroupBy  []Expr
		Having   Expr
	}
	// Item is an entry of a select list.
	Item struct {
		Pos
		Star  bool
		Table *Name // of t.*
		Expr  Expr
		Alias *Name
	}
)

func (*Union) query()  {}
func (*Select) query() {}
func (*With) query()   {}

// From is *TableRef, *Subquery, *WindowTVF or *Join.
type From interface {
	At() Pos
	from()
}

type (
	// Alias is what a query calls something that it reads.
	Alias struct {
		Name    *Name  // nil: none
		Columns []Name // empty: as they are called
	}
	// TableRef reads a table or view.
	TableRef struct {
		Pos
		Name  Name
		Alias Alias
	}
	// Subquery reads a query.
	Subquery struct {
		Pos
		Query Query
		Alias Alias
	}
	// WindowTVF is a windowing table-valued function, such as TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR)).
	WindowTVF struct {
		Pos
		Function string // upper case
		Args     []TVFArg
		Alias    Alias
	}
	// TVFArg is an argument of a TVF: one of Table, Descriptor and Value is set.
	TVFArg struct {
		Pos
		Param      string // upper case; empty: by position
		Table      From   // *TableRef or *Subquery, without alias
		Descriptor []Name
		Value      Expr
	}
)

// JoinKind says which rows a join gives that match none of the other side.
type JoinKind uint8

// The kinds of joins.
const (
	InnerJoin JoinKind = iota
	LeftJoin           // those of the left side
	RightJoin          // those of the right side
	FullJoin           // those of both
)

// Join is l JOIN r ON condition. Its position is that of the word, or comma, between them.
type Join struct {
	Pos
	Kind        JoinKind
	Left, Right From
	On          Expr // nil: of CROSS JOIN and a comma, whose condition is a part of WHERE
}

func (*Join) from()      {}
func (*TableRef) from()  {}
func (*Subquery) from()  {}
func (*WindowTVF) from() {}

// Expr is a scalar expression.
type Expr interface{ At() Pos }

// LiteralKind is the kind of a literal.
type LiteralKind uint8

// The kinds of literals.
const (
	NullLiteral LiteralKind = iota
	BoolLiteral             // Text is TRUE or FALSE
	IntLiteral
	DecimalLiteral // with a point or an exponent
	StringLiteral
	DateLiteral      // DATE '...'
	TimestampLiteral // TIMESTAMP '...'
)

type (
	// Column names a column, perhaps with its table.
	Column struct {
		Pos
		Table string
		Name  string
	}
	// Literal is a constant as it is written.
	Literal struct {
		Pos
		Kind LiteralKind
		Text string
	}
	// Interval is INTERVAL '5' MINUTE, or INTERVAL '1 12:00' DAY TO MINUTE.
	Interval struct {
		Pos
		Text string
		Unit string // singular, upper case
		To   string // the last of several units; empty: there is one
	}
	// Unary is + - NOT.
	Unary struct {
		Pos
		Op string
		X  Expr
	}
	// Binary is an operator between two expressions: + - * / % || = <> < <= > >=, IS DISTINCT FROM, IS NOT DISTINCT FROM. Its
	// position is that of the operator.
	Binary struct {
		Pos
		Op   string
		L, R Expr
	}
	// Logical is a chain of AND or of OR.
	Logical struct {
		Pos
		Op   string
		Args []Expr
	}
	// Is is a postfix test: NULL, TRUE, FALSE, UNKNOWN.
	Is struct {
		Pos
		X    Expr
		What string
		Not  bool
	}
	// Between is X [NOT] BETWEEN [SYMMETRIC] Low AND High.
	Between struct {
		Pos
		X, Low, High Expr
		Not          bool
		Symmetric    bool // the bounds may be in either order
	}
	// In is X [NOT] IN (list), or (SELECT ...).
	In struct {
		Pos
		X     Expr
		List  []Expr
		Query Query // of IN (SELECT ...), which has no List
		Not   bool
	}
	// Exists is EXISTS (SELECT ...).
	Exists struct {
		Pos
		Query Query
	}
	// Like is X [NOT] LIKE Pattern [ESCAPE Escape].
	Like struct {
		Pos
		X, Pattern, Escape Expr
		Not                bool
	}
	// Case is CASE [Operand] WHEN ... THEN ... [ELSE ...] END.
	Case struct {
		Pos
		Operand Expr
		Whens   []When
		Else    Expr
	}
	// When is one branch of a Case. CASE x WHEN a, b THEN ... has further values in Or.
	When struct {
		Cond Expr
		Or   []Expr
		Then Expr
	}
	// Cast is CAST or TRY_CAST.
	Cast struct {
		Pos
		X    Expr
		Type TypeName
		Try  bool
	}
	// Call is a function. Special forms are calls too, with a unit or keyword in Unit: EXTRACT(unit FROM x),
	// FLOOR(x TO unit), TIMESTAMPADD(unit, n, x), TRIM(BOTH y FROM x).
	Call struct {
		Pos
		Name     string // upper case
		Unit     string
		Star     bool // COUNT(*)
		Distinct bool
		Args     []Expr
		Filter   Expr // of FILTER (WHERE ...)
		Over     *Over
	}
	// Over is OVER (PARTITION BY ... ORDER BY ...).
	Over struct {
		Pos
		Partition []Expr
		Order     []Order
	}
	// Order is one expression of ORDER BY.
	Order struct {
		Expr       Expr
		Descending bool
		NullsLast  bool
	}
)
