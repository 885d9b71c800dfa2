package v1alpha1

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"
)

// field is one field of a struct, as the source has it.
type field struct {
	file, owner, name, options string
	comment                    string
	optional                   bool // by the marker in the comment, which is for the generator
	kind                       ast.Expr
}

func (f field) String() string { return f.file + ": " + f.owner + "." + f.name }

// inStatus tells of what the operator writes; all else is what users write.
func (f field) inStatus() bool { return f.file == "status.go" || f.owner == "SavepointStatus" }

// fields reads the fields of all types with their comments, except those of lists and embedded ones.
func fields(t *testing.T) []field {
	t.Helper()
	var all []field
	for _, name := range []string{"streamjob.go", "savepoint.go", "status.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			s, ok := spec.Type.(*ast.StructType)
			if !ok || strings.HasSuffix(spec.Name.Name, "List") {
				return false
			}
			for _, f := range s.Fields.List {
				tag, err := strconv.Unquote(f.Tag.Value)
				if err != nil {
					t.Fatal(err)
				}
				json, options, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
				if json == "" || json == "-" { // inline, or in no JSON
					continue
				}
				optional := f.Doc != nil && slices.ContainsFunc(f.Doc.List, func(c *ast.Comment) bool { return c.Text == "// +optional" })
				all = append(all, field{name, spec.Name.Name, json, options, f.Doc.Text(), optional, f.Type})
			}
			return false
		})
	}
	if len(all) == 0 {
		t.Fatal("no field was read")
	}
	return all
}

// TestEveryFieldIsDocumentedByItsJSONName reads the source, because what `kubectl explain` shows is made of it.
func TestEveryFieldIsDocumentedByItsJSONName(t *testing.T) {
	for _, f := range fields(t) {
		if !strings.HasPrefix(f.comment, f.name+" ") {
			t.Errorf("the comment of %v begins %.30q", f, f.comment)
		}
		if name := strings.ToLower(f.name[:1]) + f.name[1:]; name != f.name {
			t.Errorf("%v begins with a capital", f)
		}
	}
}

// TestWhatIsNotSaidIsToldFromAnyValue holds the rule of the package comment: optional scalars of a spec are pointers, whose
// comments tell their defaults.
func TestWhatIsNotSaidIsToldFromAnyValue(t *testing.T) {
	for _, f := range fields(t) {
		if f.inStatus() || f.owner == "Toleration" { // it is as in a pod, where empty is not said
			continue
		}
		_, pointer := f.kind.(*ast.StarExpr)
		_, list := f.kind.(*ast.ArrayType)
		_, mapping := f.kind.(*ast.MapType)
		if s, ok := f.kind.(*ast.SelectorExpr); ok {
			mapping = s.Sel.Name == "ResourceList"
		}
		if optional := strings.Contains(f.options, "omitempty"); optional != (pointer || list || mapping) {
			t.Errorf("%v: optional %t, pointer %t", f, optional, pointer)
		}
		told := strings.Contains(strings.ToLower(f.comment), "default")
		if pointer && !told && f.name != "sql" && f.name != "program" && f.name != "savepointRef" {
			t.Errorf("the comment of %v does not tell its default", f)
		}
	}
}

// TestOptionalFieldsAreMarked: the schema says what may be missing by a marker, encoding/json by a tag. They agree, except
// where a number is shown even if it is 0.
func TestOptionalFieldsAreMarked(t *testing.T) {
	shown := map[string]bool{"parallelism": true, "workers": true}
	for _, f := range fields(t) {
		omitted := strings.Contains(f.options, "omitempty") || strings.Contains(f.options, "omitzero")
		switch {
		case f.name == "metadata", f.inStatus() && shown[f.name]:
		case f.optional != omitted:
			t.Errorf("%v: +optional %t, left out of JSON %t", f, f.optional, omitted)
		}
	}
}

// constants reads the string constants of conditions.go whose names begin with a prefix, with their values.
func constants(t *testing.T, prefix string) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "conditions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, name := range v.Names {
			if !strings.HasPrefix(name.Name, prefix) {
				continue
			}
			value, err := strconv.Unquote(v.Values[i].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all[name.Name] = value
		}
		return false
	})
	if len(all) == 0 {
		t.Fatalf("there is no constant %s...", prefix)
	}
	return all
}

func TestConditionsAndReasonsAreWordsThatKubernetesTakes(t *testing.T) {
	// Of metav1.Condition, for its reason; types take more.
	word := regexp.MustCompile(`^[A-Z][A-Za-z]*$`)
	for _, prefix := range []string{"Condition", "Reason"} {
		seen := map[string]string{}
		for name, value := range constants(t, prefix) {
			if !word.MatchString(value) || len(value) > 63 {
				t.Errorf("%s is %q", name, value)
			}
			if other, twice := seen[value]; twice {
				t.Errorf("%s and %s are both %q", name, other, value)
			}
			seen[value] = name
		}
	}
}

func TestLabelsAreOfTheGroup(t *testing.T) {
	for _, prefix := range []string{"Label", "Annotation", "Finalizer"} {
		for name, value := range constants(t, prefix) {
			if len(validation.IsQualifiedName(value)) > 0 || !strings.HasPrefix(value, GroupVersion.Group+"/") {
				t.Errorf("%s is %q", name, value)
			}
		}
	}
}

func TestAllKindsAreKnownToAScheme(t *testing.T) {
	s := runtime.NewScheme()
	if err := AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{StreamJobKind, StreamJobKind + "List", SavepointKind, SavepointKind + "List"} {
		object, err := s.New(GroupVersion.WithKind(kind))
		if err != nil {
			t.Error(err)
			continue
		}
		if name := reflect.TypeOf(object).Elem().Name(); name != kind {
			t.Errorf("the kind %s is the type %s", kind, name)
		}
	}
}
