// Package parser reads the text of a SQL script into a syntax tree in which every node knows its line and column.
//
// The dialect is Flink's. The parser accepts what the binder can name: a construct that the engine does not support yet
// is refused here, with its place and its word, as long as it can be recognised by its syntax alone. It knows no tables,
// no types and no functions.
//
// Hostile text is refused quickly (P13): at most [MaxBytes] long, and at most [MaxDepth] levels deep, whether the levels
// are parentheses, subqueries or a chain of operators.
package parser

import "fmt"

const (
	// MaxBytes is the longest text that is read (P13).
	MaxBytes = 256 << 10
	// MaxDepth is how deep expressions and queries may be nested (P13).
	MaxDepth = 200
)

// Pos is a place in the text: line and column, both from 1; columns count characters, not bytes.
type Pos struct{ Line, Column int }

// At returns the position itself; nodes embed it.
func (p Pos) At() Pos { return p }

// Error says what is wrong with the text, where, and what to write instead.
type Error struct {
	Pos
	Msg string
	// Remedy is empty when the message says it all.
	Remedy string
}

// Error reads "line:column: message; remedy".
func (e *Error) Error() string {
	s := fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Msg)
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return s
}

// Errorf returns an error at a place.
func Errorf(at Pos, remedy, format string, args ...any) *Error {
	return &Error{Pos: at, Msg: fmt.Sprintf(format, args...), Remedy: remedy}
}

// Unsupported returns the error for what the dialect has and the engine has not.
func Unsupported(at Pos, what, remedy string) *Error {
	return Errorf(at, remedy, "not supported yet: %s", what)
}
