package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weirstream/weir/api/v1alpha1"
)

// Marshal writes a StreamJob down for its pods: what [Load] reads to the same spec, if the spec is complete. The same values
// give the same bytes. Nothing of a StreamJob is a secret: it only names them (P11).
func Marshal(name, namespace string, spec v1alpha1.StreamJobSpec) ([]byte, error) {
	type metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace,omitempty"`
	}
	text, err := json.Marshal(struct {
		APIVersion string                 `json:"apiVersion"`
		Kind       string                 `json:"kind"`
		Metadata   metadata               `json:"metadata"`
		Spec       v1alpha1.StreamJobSpec `json:"spec"`
	}{v1alpha1.GroupVersion.String(), v1alpha1.StreamJobKind, metadata{name, namespace}, spec})
	if err != nil {
		return nil, fmt.Errorf("write the StreamJob %s: %w", name, err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	tree, err := nodeOf(d)
	if err != nil {
		return nil, fmt.Errorf("write the StreamJob %s: %w", name, err)
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(tree); err != nil {
		return nil, fmt.Errorf("write the StreamJob %s: %w", name, err)
	}
	return out.Bytes(), nil
}

// nodeOf reads one JSON value as YAML, fields in their order.
func nodeOf(d *json.Decoder) (*yaml.Node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case string:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v, Style: styleOf(v)}, nil
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: v.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(v)}, nil
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
	}
	n := &yaml.Node{Kind: yaml.MappingNode}
	if token == json.Delim('[') {
		n.Kind = yaml.SequenceNode
	}
	for d.More() { // of a mapping its keys and values in turn, as YAML has them
		child, err := nodeOf(d)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, child)
	}
	_, err = d.Token()
	return n, err
}

// words are what YAML reads as something else than a text: 1.1 as true or false, which 1.2, as here, does not, and both as
// the merging of mappings.
var words = []string{"y", "n", "yes", "no", "on", "off", "<<"}

// styleOf lets a text of several lines stand in the file as it is, where that is without doubt: white space at the wrong
// places, or what is not printable, would not be read back.
func styleOf(text string) yaml.Style {
	if !strings.Contains(text, "\n") {
		if slices.Contains(words, strings.ToLower(text)) {
			return yaml.DoubleQuotedStyle
		}
		return 0 // quoted where it must be
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		unsafe := strings.ContainsFunc(line, func(c rune) bool { return c < ' ' || c > '~' })
		if unsafe || strings.HasSuffix(line, " ") {
			return yaml.DoubleQuotedStyle
		}
	}
	if strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\n") {
		return yaml.DoubleQuotedStyle
	}
	return yaml.LiteralStyle
}
