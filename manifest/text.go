package manifest

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// Text is the SQL of a job, and where it is written.
type Text struct {
	Text string

	source string
	// A text that stands in the file as it is begins after line in it, each of its lines after indent columns. One that
	// was folded or quoted has no such lines: its places are told within the text.
	verbatim     bool
	line, indent int
}

// Place returns where a line and column of the text, both beginning with 1, stand in the file.
func (t Text) Place(line, column int) Place {
	if !t.verbatim {
		return Place{Source: t.source, Line: line, Column: column}
	}
	return Place{Source: t.source, Line: t.line + line, Column: t.indent + column}
}

// textOf finds out where the value of a node is written.
func textOf(f File, n *yaml.Node) Text {
	t := Text{Text: n.Value, source: Place{f.Name, n.Line, n.Column}.String() + ": spec.sql"}
	if n.Style&yaml.LiteralStyle == 0 {
		return t
	}
	lines := strings.Split(string(f.Text), "\n")
	if n.Line > len(lines) {
		return t
	}
	lines = lines[n.Line:]
	content := strings.Split(strings.TrimRight(n.Value, "\n"), "\n")
	if len(content) > len(lines) {
		return t
	}
	indent := -1
	for i, want := range content {
		have := strings.TrimSuffix(lines[i], "\r")
		if indent < 0 && want != "" {
			indent = len(have) - len(want)
		}
		if !strings.HasSuffix(have, want) || want != "" && len(have)-len(want) != indent {
			return t
		}
	}
	t.source, t.verbatim, t.line, t.indent = f.Name, true, n.Line, max(indent, 0)
	return t
}
