package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/engine/connector/table"
)

// Limits of what is read, in bytes.
const (
	// MaxFile bounds a manifest and weir.yaml. Kubernetes takes about as much.
	MaxFile = 1 << 20
	// MaxSQL bounds the text of a job (P13).
	MaxSQL = 256 << 10
)

// documents parses all YAML documents of a file; empty ones are left out.
func documents(f File) ([]*yaml.Node, error) {
	if len(f.Text) > MaxFile {
		return nil, &Error{Place: Place{Source: f.Name}, Msg: fmt.Sprintf("the file has more than %d bytes", MaxFile), Remedy: "split it"}
	}
	if err := checkText(f); err != nil {
		return nil, err
	}
	var docs []*yaml.Node
	for d := yaml.NewDecoder(bytes.NewReader(f.Text)); ; {
		var n yaml.Node
		err := d.Decode(&n)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return nil, syntaxError(f.Name, err)
		}
		if len(n.Content) == 1 && n.Content[0].ShortTag() != "!!null" {
			docs = append(docs, n.Content[0])
		}
	}
}

// checkText names the place of what is no text: the YAML parser refuses it too, but does not say where. UTF-16, which begins
// with a mark that UTF-8 never has, is the parser's.
func checkText(f File) error {
	if bytes.HasPrefix(f.Text, []byte("\xff\xfe")) || bytes.HasPrefix(f.Text, []byte("\xfe\xff")) {
		return nil
	}
	at := Place{Source: f.Name, Line: 1, Column: 1}
	for rest := f.Text; len(rest) > 0; {
		c, size := utf8.DecodeRune(rest)
		switch {
		case c == utf8.RuneError && size == 1:
			return &Error{Place: at, Msg: "this is not YAML: the text is not UTF-8", Remedy: "save the file as UTF-8"}
		case c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f:
			return &Error{Place: at, Msg: "this is not YAML: there is a control character", Remedy: "remove it"}
		case c == '\n':
			at.Line, at.Column = at.Line+1, 1
		default:
			at.Column++
		}
		rest = rest[size:]
	}
	return nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(?:column \d+: )?`)

// syntaxError names the file and line of what the YAML parser says.
func syntaxError(file string, err error) error {
	text := strings.ReplaceAll(err.Error(), "\n", " ")
	e := &Error{Place: Place{Source: file}, Remedy: "check the indentation (spaces only), colons and quotes there"}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		if m[1] != "" {
			// A number that does not fit says no more than none.
			_, _ = fmt.Sscan(m[1], &e.Place.Line)
		}
		text = text[len(m[0]):]
	}
	e.Msg = "this is not YAML: " + text
	return e
}

// header is what every document for Kubernetes says of itself.
type header struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
}

// readHeader looks at a document's header, whatever else is in it.
func readHeader(file string, n *yaml.Node) (header, error) {
	var h header
	if n.Kind != yaml.MappingNode {
		return h, &Error{Place: Place{file, n.Line, n.Column}, Msg: shown(n) + " is not a manifest",
			Remedy: "begin with apiVersion: " + v1alpha1.GroupVersion.String() + " and kind: StreamJob"}
	}
	for i := 0; i < len(n.Content); i += 2 {
		switch key, value := n.Content[i].Value, n.Content[i+1]; key {
		case "apiVersion":
			h.APIVersion = value.Value
		case "kind":
			h.Kind = value.Value
		case "metadata":
			for j := 0; j+1 < len(value.Content) && value.Kind == yaml.MappingNode; j += 2 {
				if value.Content[j].Value == "name" {
					h.Metadata.Name = value.Content[j+1].Value
				}
			}
		}
	}
	return h, nil
}

// streamJobOf finds the one StreamJob among a file's documents, and notes what else is there.
func streamJobOf(file string, docs []*yaml.Node) (job *yaml.Node, notes []string, err error) {
	var others []string
	for _, n := range docs {
		h, err := readHeader(file, n)
		if err != nil {
			return nil, nil, err
		}
		switch ours, err := isStreamJob(file, n, h); {
		case err != nil:
			return nil, nil, err
		case !ours:
			name := strings.TrimSpace(h.Kind + " " + h.Metadata.Name)
			others = append(others, h.Kind)
			notes = append(notes, fmt.Sprintf("%s:%d: %s is left out: only the StreamJob is run", file, n.Line, name))
		case job != nil:
			return nil, nil, &Error{Place: Place{file, n.Line, n.Column}, Msg: fmt.Sprintf("a second StreamJob; the first is in line %d", job.Line),
				Remedy: "put each StreamJob into a file of its own"}
		default:
			job = n
		}
	}
	if job != nil {
		return job, notes, nil
	}
	e := &Error{Place: Place{Source: file}, Msg: "there is no StreamJob in this file",
		Remedy: "begin with apiVersion: " + v1alpha1.GroupVersion.String() + " and kind: StreamJob"}
	if len(others) > 0 {
		e.Msg += ", only " + strings.Join(others, ", ")
	}
	return nil, nil, e
}

// isStreamJob tells StreamJobs from what is meant for others, and refuses what is neither.
func isStreamJob(file string, n *yaml.Node, h header) (bool, error) {
	group, _, _ := strings.Cut(h.APIVersion, "/")
	refuse := func(field, remedy, format string, args ...any) (bool, error) {
		at := Place{file, n.Line, n.Column}
		for i := 0; i < len(n.Content); i += 2 {
			if n.Content[i].Value == field {
				at = Place{file, n.Content[i+1].Line, n.Content[i+1].Column}
			}
		}
		return false, &Error{Place: at, Field: field, Msg: fmt.Sprintf(format, args...), Remedy: remedy}
	}
	want := v1alpha1.GroupVersion.String()
	switch {
	case h.Kind == "":
		return refuse("kind", "write kind: StreamJob", "it is missing")
	case h.APIVersion == "":
		return refuse("apiVersion", "write apiVersion: "+want, "it is missing")
	case h.Kind == v1alpha1.StreamJobKind && h.APIVersion == want:
		return true, nil
	case h.Kind == v1alpha1.StreamJobKind:
		return refuse("apiVersion", "write apiVersion: "+want, "%q has no StreamJob", h.APIVersion)
	case h.Kind == v1alpha1.SavepointKind && h.APIVersion == want:
		return false, nil
	case h.Kind == v1alpha1.SavepointKind && group == v1alpha1.GroupVersion.Group:
		return refuse("apiVersion", "write apiVersion: "+want, "%q has no Savepoint", h.APIVersion)
	case group != v1alpha1.GroupVersion.Group:
		if table.Nearest(h.Kind, []string{v1alpha1.StreamJobKind}) != "" {
			return refuse("kind", "did you mean StreamJob?", "%q is not known", h.Kind)
		}
		return false, nil
	}
	return refuse("kind", "write kind: StreamJob", "%s has no kind %q", want, h.Kind)
}

// readStreamJob reads a StreamJob's document over job.
func (d *decoder) readStreamJob(n *yaml.Node, job *v1alpha1.StreamJob) error {
	return d.structure(n, "", reflect.ValueOf(job).Elem()) // not by its JSON form, which forgives
}

// status takes the status out of a StreamJob's document: it is the operator's, and says nothing about what the job is to be.
func (d *decoder) status(n *yaml.Node, passOver bool) error {
	for i := 0; i+1 < len(n.Content); {
		if n.Content[i].Value != "status" {
			i += 2
			continue
		}
		if !passOver {
			return d.errorf(n.Content[i], "status", "remove it", "it is written by the operator, never by hand")
		}
		n.Content = slices.Delete(n.Content, i, i+2)
	}
	return nil
}

// notGlobal lists what is a job's own: all jobs that have it in common would share one folder, or one past.
var notGlobal = []string{"spec.jobID", "spec.sql", "spec.program", "spec.restore"}

// readGlobal reads weir.yaml over spec. It holds the fields of spec, with or without `spec:` around them.
func (d *decoder) readGlobal(docs []*yaml.Node, spec *v1alpha1.StreamJobSpec) error {
	if len(docs) == 0 {
		return nil
	}
	if len(docs) > 1 {
		return d.errorf(docs[1], "", "put everything into one", "a second document")
	}
	n := docs[0]
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[0].Value == "spec" {
		n = n.Content[1]
	}
	if err := d.value(n, "spec", reflect.ValueOf(spec).Elem()); err != nil {
		return err
	}
	for _, path := range notGlobal {
		if at, ok := d.places[path]; ok {
			return &Error{Place: at, Field: path, Msg: "it cannot be the same for all jobs", Remedy: "write it into the job's own manifest"}
		}
	}
	return nil
}
