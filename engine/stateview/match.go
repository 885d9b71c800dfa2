package stateview

import (
	"bytes"
	"encoding/json"
	"strings"
)

// matcher finds a key that a person has written.
type matcher struct {
	text    string // as it was written; empty: all keys match
	compact string // as JSON without white space; empty: it is none
}

func newMatcher(text string) matcher {
	var compact bytes.Buffer
	if json.Compact(&compact, []byte(text)) != nil {
		return matcher{text: text}
	}
	return matcher{text, compact.String()}
}

// match tells whether a key is the one that was asked for: by its JSON, by the array of its columns, or, if it has one column, by
// the value of that or its text.
func (m matcher) match(key json.RawMessage) bool {
	if m.text == "" || m.compact == string(key) {
		return true
	}
	values := columns(key)
	if len(values) == 1 {
		return m.text == textOf(values[0]) || m.compact != "" && m.compact == values[0]
	}
	return m.compact != "" && m.compact == "["+strings.Join(values, ",")+"]"
}

// columns are the values of the columns of a key, as JSON; those of a key that is no object are itself.
func columns(key json.RawMessage) []string {
	d := json.NewDecoder(bytes.NewReader(key))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return []string{string(key)}
	}
	var values []string
	for d.More() {
		var value json.RawMessage
		if _, err := d.Token(); err != nil || d.Decode(&value) != nil {
			return []string{string(key)}
		}
		values = append(values, string(value))
	}
	return values
}

// textOf is a value without the quotes of a text.
func textOf(value string) string {
	var text string
	if json.Unmarshal([]byte(value), &text) != nil {
		return value
	}
	return text
}
