// Package parser reads the text of a SQL script into a syntax tree in which every node knows its line and column.
//
// The dialect is Flink's. The parser accepts what the binder can name: a construct that the engine does not support yet
// is refused here, with its place and its word, as long as it can be recognised by its syntax alone. It knows no tables,
// no types and no functions.
//
// Hostile text is refused quickly (P13): at most [MaxBytes] long, and at most [MaxDepth] levels deep, whether the levels
// are parentheses, subqueries or a chain of operators.
package parser

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

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

// Errorf returns an error at a place. Names and values of the text are shown shortened.
func Errorf(at Pos, remedy, format string, args ...any) *Error {
	shown := make([]any, len(args))
	for i, a := range args {
		if s, ok := a.(string); ok {
			a = brief(s)
		}
		shown[i] = a
	}
	return &Error{Pos: at, Msg: briefWords(fmt.Sprintf(format, shown...)), Remedy: briefWords(remedy)}
}

// Unsupported returns the error for what the dialect has and the engine has not.
func Unsupported(at Pos, what, remedy string) *Error {
	return &Error{Pos: at, Msg: briefWords("not supported yet: " + what), Remedy: briefWords(remedy)}
}

// maxShown is how many characters of a name or a value an error shows whole.
const maxShown = 80

// brief cuts what is longer than an error may show.
func brief(s string) string {
	if utf8.RuneCountInString(s) <= maxShown {
		return s
	}
	return string([]rune(s)[:maxShown/2]) + "..."
}

// briefWords cuts long names in a message that is put together already.
func briefWords(s string) string {
	if len(s) <= maxShown {
		return s
	}
	words := strings.Split(s, " ")
	for i, w := range words {
		words[i] = brief(w)
	}
	return strings.Join(words, " ")
}
