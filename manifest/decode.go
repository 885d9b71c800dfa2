package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/engine/connector/table"
)

// maxNodes bounds how many nodes are read of a document, aliases followed: a few lines of aliases of aliases would
// otherwise be billions.
const maxNodes = 100_000

// decoder puts YAML nodes into Go values by the names of their JSON tags, and remembers where each field is written. A
// field that is not in the YAML keeps its value, so that one document can be read over another.
type decoder struct {
	source string
	places map[string]Place // of the fields read, by their paths
	nodes  int              // read so far
	// raw: text is what the user typed for one field, not YAML: a string needs no quotes to be one.
	raw bool
	// tolerant: an unknown field is left out with a note.
	tolerant bool
	notes    []string
}

var (
	durationType = reflect.TypeFor[metav1.Duration]()
	quantityType = reflect.TypeFor[resource.Quantity]()
)

// at is the place of a node.
func (d *decoder) at(n *yaml.Node) Place {
	return Place{Source: d.source, Line: n.Line, Column: n.Column}
}

func (d *decoder) errorf(n *yaml.Node, path, remedy, format string, args ...any) error {
	return &Error{Place: d.at(n), Field: path, Msg: fmt.Sprintf(format, args...), Remedy: remedy}
}

// value reads a node into a settable value.
func (d *decoder) value(n *yaml.Node, path string, into reflect.Value) error {
	if d.nodes++; d.nodes > maxNodes {
		return d.errorf(n, path, "write it without aliases of aliases", "the document has more than %d values", maxNodes)
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.ShortTag() == "!!null" && !d.raw {
		return nil
	}
	d.places[path] = d.at(n)
	if into.Kind() == reflect.Pointer {
		// Read before it is pointed to: a value that is refused replaces nothing.
		fresh := reflect.New(into.Type().Elem())
		if err := d.value(n, path, fresh.Elem()); err != nil {
			return err
		}
		into.Set(fresh)
		return nil
	}
	switch into.Type() {
	case durationType:
		return d.duration(n, path, into)
	case quantityType:
		return d.quantity(n, path, into)
	}
	if _, ok := into.Addr().Interface().(json.Unmarshaler); ok {
		return d.throughJSON(n, path, into)
	}
	switch into.Kind() {
	case reflect.Struct:
		return d.structure(n, path, into)
	case reflect.Map:
		return d.dictionary(n, path, into)
	case reflect.Slice:
		return d.list(n, path, into)
	case reflect.String, reflect.Bool, reflect.Int32, reflect.Int64:
		return d.scalar(n, path, into)
	default:
		return d.throughJSON(n, path, into)
	}
}

// structure reads a mapping into a struct.
func (d *decoder) structure(n *yaml.Node, path string, into reflect.Value) error {
	if n.Kind != yaml.MappingNode {
		return d.errorf(n, path, "write its fields, each in a line of its own: "+strings.Join(fieldNames(into.Type()), ", "), "%s is not a group of fields", shown(n))
	}
	seen := map[string]*yaml.Node{}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		fieldPath := join(path, key.Value)
		if err := d.once(seen, key, path); err != nil {
			return err
		}
		field, ok := fieldByName(into, key.Value)
		if !ok {
			err := d.unknown(key, path, into.Type())
			if !d.tolerant {
				return err
			}
			d.notes = append(d.notes, "left out: "+err.Error())
			continue
		}
		if err := d.value(value, fieldPath, field); err != nil {
			return err
		}
	}
	return nil
}

// once refuses a key that stood before, and those that are no names.
func (d *decoder) once(seen map[string]*yaml.Node, key *yaml.Node, path string) error {
	if key.Kind != yaml.ScalarNode {
		return d.errorf(key, path, "write a name before the colon", "a key is not a name")
	}
	if key.ShortTag() == "!!merge" {
		return d.errorf(key, path, "write the fields out", "merge keys (<<) are not read")
	}
	if first, twice := seen[key.Value]; twice {
		return d.errorf(key, join(path, key.Value), "remove one of the two", "it is there already, in line %d", first.Line)
	}
	seen[key.Value] = key
	return nil
}

// unknown refuses a field, and says what was perhaps meant.
func (d *decoder) unknown(key *yaml.Node, path string, in reflect.Type) error {
	full := join(path, key.Value)
	if remedy, planned := notYet[full]; planned {
		return d.errorf(key, "", remedy, "not supported yet: %s", full)
	}
	names := fieldNames(in)
	remedy := "it has " + strings.Join(names, ", ")
	if near := table.Nearest(key.Value, names); near != "" {
		remedy = fmt.Sprintf("did you mean %s?", near)
	}
	where := path
	if where == "" {
		where = "the document"
	}
	return d.errorf(key, "", remedy, "%s has no field %.60q", where, key.Value)
}

// dictionary reads a mapping of texts, such as labels.
func (d *decoder) dictionary(n *yaml.Node, path string, into reflect.Value) error {
	if n.Kind != yaml.MappingNode {
		return d.errorf(n, path, "write it as name: value", "%s is not a mapping", shown(n))
	}
	m := reflect.MakeMap(into.Type())
	seen := map[string]*yaml.Node{}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if err := d.once(seen, key, path); err != nil {
			return err
		}
		if n.Content[i+1].ShortTag() == "!!null" {
			continue
		}
		v := reflect.New(into.Type().Elem()).Elem()
		if err := d.value(n.Content[i+1], join(path, key.Value), v); err != nil {
			return err
		}
		m.SetMapIndex(reflect.ValueOf(key.Value).Convert(into.Type().Key()), v)
	}
	into.Set(m)
	return nil
}

// list reads a sequence.
func (d *decoder) list(n *yaml.Node, path string, into reflect.Value) error {
	if n.Kind != yaml.SequenceNode {
		return d.errorf(n, path, "write each value in a line of its own that begins with '- '", "%s is not a list", shown(n))
	}
	s := reflect.MakeSlice(into.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		if err := d.value(item, fmt.Sprintf("%s[%d]", path, i), s.Index(i)); err != nil {
			return err
		}
	}
	into.Set(s)
	return nil
}

// scalar reads a text, a truth or a whole number.
func (d *decoder) scalar(n *yaml.Node, path string, into reflect.Value) error {
	tag := n.ShortTag()
	bad := func(what, remedy string) error { return d.errorf(n, path, remedy, "%s is not %s", shown(n), what) }
	switch into.Kind() {
	case reflect.String:
		if n.Kind != yaml.ScalarNode {
			return bad("a text", "write one value")
		}
		if tag != "!!str" && !d.raw {
			return bad("a text", fmt.Sprintf("put it in quotes: %q", n.Value))
		}
		into.SetString(n.Value)
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || tag != "!!bool" {
			return bad("true or false", "write true or false, without quotes")
		}
		into.SetBool(strings.EqualFold(n.Value, "true"))
	default:
		bits := into.Type().Bits()
		v, err := strconv.ParseInt(n.Value, 10, bits)
		if errors.Is(err, strconv.ErrRange) {
			return bad(fmt.Sprintf("a number of %d bits", bits), "write a smaller one")
		}
		if n.Kind != yaml.ScalarNode || tag != "!!int" || err != nil || octal(n) {
			return bad("a whole number", "write digits, without quotes or unit")
		}
		into.SetInt(v)
	}
	return nil
}

// durationText is how durations are written, here and by the CRD, whose schema cannot look into other forms of a number.
var durationText = regexp.MustCompile(`^([0-9]+([.][0-9]{1,3})?(h|m|s)|[0-9]+ms)+$`)

func (d *decoder) duration(n *yaml.Node, path string, into reflect.Value) error {
	v, err := time.ParseDuration(n.Value)
	// The rules say it better of what is too small, or negative.
	reads := durationText.MatchString(n.Value) || v < 0 || v%time.Millisecond != 0
	if n.Kind != yaml.ScalarNode || err != nil || !reads {
		return d.errorf(n, path, "write a number with its unit, such as 500ms, 10s, 5m or 1h30m", "%s is not a duration", shown(n))
	}
	into.Set(reflect.ValueOf(metav1.Duration{Duration: v}))
	return nil
}

// quantity reads an amount as Kubernetes writes it.
func (d *decoder) quantity(n *yaml.Node, path string, into reflect.Value) error {
	v, err := resource.ParseQuantity(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || octal(n) {
		return d.errorf(n, path, "write a number with or without a unit, such as 500m, 2 or 1Gi", "%s is not a quantity", shown(n))
	}
	if broken(n) { // the schema of the CRD knows whole numbers and texts
		return d.errorf(n, path, fmt.Sprintf("put it in quotes: %q", n.Value), "%s is not a whole number", shown(n))
	}
	into.Set(reflect.ValueOf(v))
	return nil
}

// broken tells of a number that is not whole.
func broken(n *yaml.Node) bool {
	v, err := strconv.ParseFloat(n.Value, 64)
	return n.ShortTag() == "!!float" && (err != nil || v != math.Trunc(v))
}

// octal tells of a number that YAML 1.1 reads as one: 010 is eight there, ten in YAML 1.2.
func octal(n *yaml.Node) bool {
	digits := strings.TrimLeft(n.Value, "+-")
	return n.ShortTag() == "!!int" && len(n.Value) > 1 && strings.HasPrefix(digits, "0")
}

// throughJSON reads what has a JSON form of its own, such as the times in metadata.
func (d *decoder) throughJSON(n *yaml.Node, path string, into reflect.Value) error {
	tree, err := d.tree(n, path)
	if err != nil {
		return err
	}
	text, err := json.Marshal(tree)
	if err == nil {
		err = json.Unmarshal(text, into.Addr().Interface())
	}
	if err != nil {
		return d.errorf(n, path, "write it as Kubernetes does, or leave it out", "%s cannot be read: %v", shown(n), err)
	}
	return nil
}

// tree turns a node into what encoding/json takes.
func (d *decoder) tree(n *yaml.Node, path string) (any, error) {
	if d.nodes++; d.nodes > maxNodes {
		return nil, d.errorf(n, path, "write it without aliases of aliases", "the document has more than %d values", maxNodes)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return d.tree(n.Alias, path)
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			v, err := d.tree(n.Content[i+1], path)
			if err != nil {
				return nil, err
			}
			m[n.Content[i].Value] = v
		}
		return m, nil
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			var err error
			if list[i], err = d.tree(item, path); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	if n.ShortTag() == "!!timestamp" {
		return n.Value, nil
	}
	var v any
	if err := n.Decode(&v); err != nil {
		return nil, d.errorf(n, path, "write it as Kubernetes does, or leave it out", "%s cannot be read: %v", shown(n), err)
	}
	return v, nil
}

// join appends a field to a path.
func join(path, field string) string {
	if path == "" {
		return field
	}
	return path + "." + field
}

// shown is a node as a message shows it: short.
func shown(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a group of fields"
	case yaml.SequenceNode:
		return "a list"
	}
	const most = 40
	if len(n.Value) > most {
		return fmt.Sprintf("%q...", n.Value[:most])
	}
	return fmt.Sprintf("%q", n.Value)
}

// jsonName is the name of a struct's field in JSON; inline says that its fields are those of the struct around it.
func jsonName(f reflect.StructField) (name string, inline bool) {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name, f.Anonymous && (name == "" || slices.Contains(strings.Split(options, ","), "inline"))
}

// fieldByName finds the field of a struct with a name in JSON.
func fieldByName(s reflect.Value, name string) (reflect.Value, bool) {
	for i := range s.NumField() {
		have, inline := jsonName(s.Type().Field(i))
		if inline {
			if f, ok := fieldByName(s.Field(i), name); ok {
				return f, true
			}
		} else if have == name && have != "" && have != "-" {
			return s.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// fieldNames lists the names of a struct's fields in JSON, in the order of their declaration.
func fieldNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		name, inline := jsonName(t.Field(i))
		if inline {
			names = append(names, fieldNames(t.Field(i).Type)...)
		} else if name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}
