package manifest

import (
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weirstream/weir/api/v1alpha1"
)

// Setting is the value of one field, as --set and other flags give it.
type Setting struct {
	// Flag is what it was given with, for messages: --set, -s.
	Flag string
	// Path of the field, such as spec.checkpoint.interval.
	Path string
	// Value is read as the field's type; texts need no quotes.
	Value string
}

// ParseSetting reads path=value, as --set takes it.
func ParseSetting(text string) (Setting, error) {
	path, value, ok := strings.Cut(text, "=")
	s := Setting{Flag: "--set", Path: strings.TrimSpace(path), Value: value}
	if !ok || s.Path == "" {
		return s, &Error{Place: Place{Source: s.Flag}, Msg: shown(&yaml.Node{Value: text}) + " is not a setting",
			Remedy: "write --set spec.parallelism=4"}
	}
	return s, nil
}

// apply reads the setting over spec.
func (s Setting) apply(spec *v1alpha1.StreamJobSpec, places map[string]Place) error {
	refuse := func(msg, remedy string) error {
		return &Error{Place: Place{Source: s.Flag}, Field: s.Path, Msg: msg, Remedy: remedy}
	}
	rest, ok := strings.CutPrefix(s.Path, "spec.")
	if !ok {
		if _, known := fieldByName(reflect.ValueOf(spec).Elem(), strings.Split(s.Path, ".")[0]); known {
			return refuse("only fields of spec can be set", "did you mean spec."+s.Path+"?")
		}
		return refuse("only fields of spec can be set", "write --set spec.parallelism=4")
	}
	d := &decoder{source: s.Flag, places: places, raw: true}
	at, path := reflect.ValueOf(spec).Elem(), "spec"
	for _, name := range strings.Split(rest, ".") {
		if at.Kind() != reflect.Struct {
			return refuse(path+" has no fields", "set "+path+" itself")
		}
		field, ok := fieldByName(at, name)
		if !ok {
			return d.unknown(&yaml.Node{Kind: yaml.ScalarNode, Value: name}, path, at.Type())
		}
		at, path = field, join(path, name)
	}
	if at.Kind() == reflect.Struct {
		return refuse("it is a group of fields", "set one of them: "+strings.Join(fieldNames(at.Type()), ", "))
	}
	return d.value(&yaml.Node{Kind: yaml.ScalarNode, Value: s.Value}, s.Path, at)
}
