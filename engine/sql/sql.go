// Package sql turns a script of Flink SQL into the graph of a job.
//
//	text -> parser    the syntax tree
//	     -> catalog   the declared tables
//	     -> bind      names, types, windows, uids
//	     -> logical   what the script means: relations, changes, keys, fingerprints
//	     -> physical  how it is carried out: operators, keyed edges
//	     -> exec      the operators, over the expressions of expr
//	     -> graph     what package job runs
//
// It promises that what it does not support is refused, in one line with the place in the text, the word for it and a
// remedy; that uids and fingerprints depend on the names in the text alone (P9); and that a secret is resolved only where
// the job runs, and shown nowhere (P11). It knows connectors only as [Connectors].
package sql

import (
	"errors"
	"fmt"
	"strings"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/table"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/graph"
	"github.com/weirstream/weir/engine/sql/bind"
	"github.com/weirstream/weir/engine/sql/logical"
	"github.com/weirstream/weir/engine/sql/parser"
	"github.com/weirstream/weir/engine/sql/physical"
)

// Connectors makes the sources and sinks of tables. The name is the value of the option 'connector'.
type Connectors interface {
	// Source says, too, how many rows per second the whole job may read; 0: no limit.
	Source(name string, t table.Spec) (s connector.Source, rowsPerSecond float64, err error)
	Sink(name string, t table.Spec) (connector.Sink, error)
	// Identity says where the rows of a table come from, of which option returns what is set (P9).
	Identity(name string, option func(key string) (value string, set bool)) string
}

// Error is what is wrong with a script. It is a permanent fault (P13).
type Error struct {
	File         string
	Line, Column int
	Msg          string
	Remedy       string
}

// Error reads "file:line:column: message; remedy".
func (e *Error) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Msg)
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return s
}

// Unwrap classifies the error.
func (e *Error) Unwrap() error {
	return &fault.Error{Class: fault.Permanent, Place: fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Column), Remedy: e.Remedy, Err: errors.New(e.Msg)}
}

// Compiler compiles scripts.
type Compiler struct {
	// File is the name of the file that the script stands in, for errors.
	File string
	// Line and Column are where in the file the script begins, and Column where all its lines do; 0: the script is the file.
	Line, Column int
	Connectors   Connectors
	// Secret returns the value of a reference ${secret:name/key}, given as "name/key"; nil: there are no secrets here.
	Secret func(ref string) (string, error)
}

// Compile turns a script into a graph; errors are *Error, or those of connectors as they are.
func Compile(text, file string, c Connectors) (*graph.Graph, error) {
	return Compiler{File: file, Connectors: c}.Compile(text)
}

// Compile turns a script into a graph; errors are *Error, or those of connectors as they are.
func (c Compiler) Compile(text string) (*graph.Graph, error) {
	p, err := c.Plan(text)
	if err != nil {
		return nil, err
	}
	run, err := physical.Build(p, c.File)
	if err != nil {
		return nil, c.place(err)
	}
	g, err := c.lower(run)
	if err != nil {
		return nil, c.place(err)
	}
	if err := g.Check(); err != nil {
		return nil, fault.Permanentf(c.File, "rename a table, view or alias, or give a query another uid with /*+ UID('x') */", "%w", err)
	}
	return g, nil
}

// Plan reads and binds a script without opening any connector: all that can be said of it before it runs.
func (c Compiler) Plan(text string) (*logical.Plan, error) {
	script, err := parser.ParseFrom(text, parser.Pos{Line: max(c.Line, 1), Column: max(c.Column, 1)})
	if err != nil {
		return nil, c.place(err)
	}
	p, err := bind.Script(script)
	return p, c.place(err)
}

// place turns the errors of the parser and the binder, and those about options, into *Error.
func (c Compiler) place(err error) error {
	var syntax *parser.Error
	if errors.As(err, &syntax) {
		return &Error{File: c.File, Line: syntax.Line, Column: syntax.Column, Msg: syntax.Msg, Remedy: syntax.Remedy}
	}
	var option *table.OptionError
	if errors.As(err, &option) {
		var line, column int
		place, inFile := strings.CutPrefix(option.Place, c.File+":")
		if n, _ := fmt.Sscanf(place, "%d:%d", &line, &column); inFile && n == 2 {
			return &Error{File: c.File, Line: line, Column: column, Msg: option.Message(), Remedy: option.Remedy}
		}
	}
	return err
}
