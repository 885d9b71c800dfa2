package manifest

import (
	"fmt"
	"strings"
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

// Error reads "file:line:column: field: message; remedy", in one line.
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
	return s
}
