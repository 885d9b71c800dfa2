// Package table is what SQL and a connector say to each other: the declaration of a table, and its WITH options with
// the place of each in the text.
//
// It promises that no option is ignored in silence: [Options] records which keys a connector asked for, and
// [Options.Check] refuses the others with their place and the nearest key that exists. It knows no connector and no SQL.
package table

import (
	"fmt"

	"github.com/weirstream/weir/engine/types"
)

// Spec declares a table to a connector.
type Spec struct {
	// Name is the table's name in the script.
	Name string
	// Schema has the physical columns, in the order of the declaration: computed columns are not the connector's.
	Schema types.Schema
	// Metadata are those of the columns that are declared METADATA: they are no part of a record's content.
	Metadata []Metadata
	// RowsPerSecond is the rate at which the whole job reads the table, for a connector that has to know; the runtime keeps
	// it. 0: no limit, or the table is written.
	RowsPerSecond float64
	// Options are those of the WITH clause, 'connector' and 'format' included.
	Options *Options
}

// Metadata is a column that a connector takes from what it knows of a record beside its content, and gives to it when it writes.
type Metadata struct {
	// Column is its place in the schema.
	Column int
	// Key is what the connector calls it.
	Key string
	// Virtual says that it is read only, and is not among the columns that are written.
	Virtual bool
	// Place is where it is declared, as file:line:column.
	Place string
}

// OptionError says what is wrong with one option of a table.
type OptionError struct {
	Table string
	Key   string
	// Place is where the option stands, as file:line:column.
	Place string
	Msg   string
	// Remedy says what to write instead.
	Remedy string
}

// Error reads "place: option 'key' of table t: what is wrong; remedy".
func (e *OptionError) Error() string {
	s := fmt.Sprintf("%s: %s", e.Place, e.Message())
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return s
}

// Message is the error without place and remedy.
func (e *OptionError) Message() string {
	return fmt.Sprintf("option '%s' of table %s: %s", e.Key, e.Table, e.Msg)
}
