package manifest

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Place is where something is written. The zero Place is nowhere: a default.
type Place struct {
	// Source is a file's name, or a flag such as "--set".
	Source string
	// Line and Column begin with 1; 0: the source as a whole.
	Line, Column int
}

func (p Place) String() string {
	switch {
	case p.Line == 0:
		return p.Source
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.Source, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.Source, p.Line, p.Column)
}

// Error refuses a manifest, weir.yaml or setting.
type Error struct {
	Place Place
	// Field is the path of the field, such as spec.checkpoint.interval; empty: it is no field's fault.
	Field string
	Msg   string
	// Remedy is what to do.
	Remedy string
}

// Error reads "file:line:column: field: message; remedy", in one line: names of files, fields and settings are the user's
// own, and one with a line break or bytes that are no text must not break the line or the terminal it is shown in.
func (e *Error) Error() string {
	var parts []string
	for _, s := range []string{e.Place.String(), e.Field, e.Msg} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	s := strings.Join(parts, ": ")
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return printable(s)
}

// printable writes control characters and bytes that are not UTF-8 as Go's escapes; all else stays as it is.
func printable(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		_, size := utf8.DecodeRuneInString(s[i:])
		if unicode.IsControl(r) || r == utf8.RuneError && size == 1 {
			quoted := strconv.Quote(s[i : i+size])
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
