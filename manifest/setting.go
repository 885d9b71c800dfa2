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
	rest, ok := strings.CutPrefix(s.Path, "spec.")
	if !ok {
		if _, known := fieldByName(reflect.ValueOf(spec).Elem(), strings.Split(s.Path, ".")[0]); known {
			return s.refuse("only fields of spec can be set", "did you mean spec."+s.Path+"?")
		}
		return s.refuse("only fields of spec can be set", "write --set spec.parallelism=4")
	}
	d := &decoder{source: s.Flag, places: places, raw: true}
	at, path := reflect.ValueOf(spec).Elem(), "spec"
	for _, name := range strings.Split(rest, ".") {
		group, isGroup := fieldsOf(at)
		switch {
		case collection(at.Type()):
			return s.refuse(path+" is more than one value", "write it into the manifest")
		case !isGroup:
			return s.refuse(path+" has no fields", "set "+path+" itself")
		}
		field, ok := fieldByName(group, name)
		if !ok {
			return d.unknown(&yaml.Node{Kind: yaml.ScalarNode, Value: name}, path, group.Type())
		}
		at, path = field, join(path, name)
	}
	if at.Type() == reflect.TypeFor[[]string]() { // each setting adds one
		one := reflect.New(at.Type().Elem()).Elem()
		if err := d.value(&yaml.Node{Kind: yaml.ScalarNode, Value: s.Value}, s.Path, one); err != nil {
			return err
		}
		at.Set(reflect.Append(at, one))
		return nil
	}
	if collection(at.Type()) {
		return s.refuse("it is more than one value", "write it into the manifest")
	}
	if group, isGroup := fieldsOf(at); isGroup {
		return s.refuse("it is a group of fields", "set one of them: "+strings.Join(fieldNames(group.Type()), ", "))
	}
	return d.value(&yaml.Node{Kind: yaml.ScalarNode, Value: s.Value}, s.Path, at)
}

func (s Setting) refuse(msg, remedy string) error {
	return &Error{Place: Place{Source: s.Flag}, Field: s.Path, Msg: msg, Remedy: remedy}
}

// fieldsOf returns the struct that a field is or points to, made if there is none; ok tells whether it has fields.
func fieldsOf(at reflect.Value) (group reflect.Value, ok bool) {
	t := at.Type()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == durationType || t == quantityType {
		return reflect.Value{}, false
	}
	if at.Kind() != reflect.Pointer {
		return at, true
	}
	if at.IsNil() {
		at.Set(reflect.New(t))
	}
	return at.Elem(), true
}

// collection tells of lists and mappings, whose names and values are the user's own.
func collection(t reflect.Type) bool { return t.Kind() == reflect.Map || t.Kind() == reflect.Slice }
