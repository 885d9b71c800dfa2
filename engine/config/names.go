package config

import (
	"encoding/json"
	"slices"
	"strings"
)

// Names is a list of names that is compared with ==, so that what holds one can be: settings, and what is done with them. In
// JSON it is an array of strings.
type Names struct{ list string } // each with a zero byte behind it

// NamesOf makes a list. A name ends where it has a zero byte.
func NamesOf(names ...string) Names {
	var list strings.Builder
	for _, n := range names {
		n, _, _ = strings.Cut(n, "\x00")
		list.WriteString(n + "\x00")
	}
	return Names{list.String()}
}

// All returns the names, in their order.
func (n Names) All() []string {
	if n.list == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(n.list, "\x00"), "\x00")
}

// Has tells whether a name is in the list.
func (n Names) Has(name string) bool { return slices.Contains(n.All(), name) }

// Equal is ==, for what compares structs field by field.
func (n Names) Equal(other Names) bool { return n == other }

// MarshalJSON writes an array.
func (n Names) MarshalJSON() ([]byte, error) { return json.Marshal(n.All()) }

// UnmarshalJSON reads an array.
func (n *Names) UnmarshalJSON(text []byte) error {
	var names []string
	if err := json.Unmarshal(text, &names); err != nil {
		return err
	}
	*n = NamesOf(names...)
	return nil
}
