// Package changejson writes rows and their changes as JSON, one object on each line, in the forms of the tools that read the changes of
// databases: the formats 'debezium-json', 'canal-json' and 'maxwell-json', as Flink writes them. An update is two lines, the old row
// that goes and the new one that comes. Rows and values are written as by package jsonl.
package changejson

import (
	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/jsonl"
	"github.com/weirstream/weir/engine/connector/table"
	"github.com/weirstream/weir/engine/types"
)

// Format is one of the formats.
type Format struct {
	form form
	rows jsonl.Format
}

// form is what stands around a row that comes, and one that goes.
type form struct {
	name        string
	comes, goes [2]string
}

var forms = [...]form{
	{"debezium-json", [2]string{`{"before":null,"after":`, `,"op":"c"}`}, [2]string{`{"before":`, `,"after":null,"op":"d"}`}},
	{"canal-json", [2]string{`{"data":[`, `],"type":"INSERT"}`}, [2]string{`{"data":[`, `],"type":"DELETE"}`}},
	{"maxwell-json", [2]string{`{"data":`, `,"type":"insert"}`}, [2]string{`{"data":`, `,"type":"delete"}`}},
}

// Names are those of the formats.
func Names() []string {
	var names []string
	for _, f := range forms {
		names = append(names, f.name)
	}
	return names
}

// FromOptions returns what reads the options of a format of a table.
func FromOptions(name string) func(*table.Options) (codec.WriteFormat, error) {
	return func(o *table.Options) (codec.WriteFormat, error) {
		f := Format{}
		for _, known := range forms {
			if known.name == name {
				f.form = known
			}
		}
		var err error
		if f.rows.EncodeIgnoreNullFields, err = o.Bool(name+".encode.ignore-null-fields", false); err != nil {
			return nil, err
		}
		standard, err := o.OneOf(name+".timestamp-format.standard", "SQL", "ISO-8601")
		f.rows.ISO8601 = standard == "ISO-8601"
		return f, err
	}
}

// Name is that in SQL.
func (f Format) Name() string { return f.form.name }

// Encoder writes rows of the schema.
func (f Format) Encoder(s types.Schema) codec.Encoder { return &encoder{f.form, f.rows.Objects(s)} }

type encoder struct {
	form form
	rows jsonl.Objects
}

// AppendHeader appends nothing.
func (e *encoder) AppendHeader(dst []byte) ([]byte, error) { return dst, nil }

// Append appends rows that come.
func (e *encoder) Append(dst []byte, c *batch.Columns) ([]byte, error) {
	return e.AppendChanges(dst, c, nil)
}

// AppendChanges appends rows of all kinds.
func (e *encoder) AppendChanges(dst []byte, c *batch.Columns, kinds []batch.RowKind) ([]byte, error) {
	e.rows.Of(c)
	for row := range c.N {
		around := &e.form.comes
		if len(kinds) > 0 && (kinds[row] == batch.Delete || kinds[row] == batch.UpdateBefore) {
			around = &e.form.goes
		}
		dst = append(dst, around[0]...)
		dst = e.rows.Append(dst, row)
		dst = append(append(dst, around[1]...), '\n')
	}
	return dst, nil
}
