package docs

import (
	"flag"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/sql/expr"
)

var update = flag.Bool("update", false, "write the generated sections anew")

// generated are the sections of documents that are made from the code, by the name in their markers.
var generated = []struct {
	file, name string
	make       func(t *testing.T) string
}{
	{"docs/sql.md", "functions", functionTable},
	{"docs/manifests.md", "fields", fieldTable},
	{"docs/cli.md", "commands", commandReference},
	{"docs/architecture.md", "packages", packageTable},
}

func TestGeneratedSectionsAreFresh(t *testing.T) {
	for _, g := range generated {
		t.Run(g.file+" "+g.name, func(t *testing.T) {
			path := filepath.Join(root, g.file)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			fresh, err := replaceSection(string(text), g.name, g.make(t))
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(path, []byte(fresh), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if line := firstDifference(string(text), fresh); line != "" {
				t.Errorf("it is stale: run make generate; %s", line)
			}
		})
	}
}

// replaceSection puts content between the markers of a section.
func replaceSection(text, name, content string) (string, error) {
	begin := "<!-- begin " + name + ": written by make generate -->\n"
	end := "<!-- end " + name + " -->\n"
	before, rest, ok := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", fmt.Errorf("there are no lines %q and %q", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return before + begin + content + end + after, nil
}

func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d is\n%s\nand should be\n%s", i+1, a[i], b[i])
		}
	}
	if len(a) != len(b) {
		return fmt.Sprintf("it has %d lines and should have %d", len(a), len(b))
	}
	return ""
}

func TestAStaleSectionIsFound(t *testing.T) {
	text := "a\n<!-- begin x: written by make generate -->\nold\n<!-- end x -->\nb\n"
	fresh, err := replaceSection(text, "x", "new\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := firstDifference(text, fresh); !strings.Contains(got, "line 3 is\nold") {
		t.Errorf("got %q", got)
	}
	if _, err := replaceSection(text, "y", ""); err == nil {
		t.Error("a section without markers is no error")
	}
}

// functionTable lists the functions of SQL as package expr describes them.
func functionTable(*testing.T) string {
	var b strings.Builder
	b.WriteString("\n| function | value |\n|---|---|\n")
	for _, f := range expr.Functions() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", cell(f.Signature), cell(f.Description))
	}
	return b.String() + "\n"
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// fieldTable lists the fields of a StreamJob's spec with the comments of their Go types.
func fieldTable(t *testing.T) string {
	structs := map[string]*ast.StructType{}
	for _, f := range parseFolder(t, filepath.Join(root, "api/v1alpha1")) {
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.TypeSpec); ok {
				if st, ok := s.Type.(*ast.StructType); ok {
					structs[s.Name.Name] = st
				}
			}
			return true
		})
	}
	if structs["StreamJobSpec"] == nil {
		t.Fatal("api/v1alpha1 has no StreamJobSpec")
	}
	var b strings.Builder
	b.WriteString("\n| field | what it says |\n|---|---|\n")
	writeFields(t, &b, structs, "StreamJobSpec", "spec.")
	return b.String() + "\n"
}

func writeFields(t *testing.T, b *strings.Builder, structs map[string]*ast.StructType, name, prefix string) {
	for _, f := range structs[name].Fields.List {
		key := jsonName(f)
		text := fieldComment(f)
		if key == "" || text == "" {
			t.Errorf("a field of %s has no JSON name or no comment", name)
		}
		fmt.Fprintf(b, "| `%s%s` | %s |\n", prefix, key, cell(text))
		kind := f.Type
		if pointer, ok := kind.(*ast.StarExpr); ok {
			kind = pointer.X
		}
		if typeName, ok := kind.(*ast.Ident); ok && structs[typeName.Name] != nil {
			writeFields(t, b, structs, typeName.Name, prefix+key+".")
		}
	}
}

func jsonName(f *ast.Field) string {
	_, tag, _ := strings.Cut(f.Tag.Value, `json:"`)
	name, _, _ := strings.Cut(tag, `"`)
	name, _, _ = strings.Cut(name, ",")
	return name
}

// fieldComment is the first paragraph of a field's comment, without its markers, as one line.
func fieldComment(f *ast.Field) string {
	var words []string
	for line := range strings.Lines(f.Doc.Text()) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "+") {
			break
		}
		words = append(words, line)
	}
	return strings.Join(words, " ")
}

// parseFolder reads the files of a package that are not tests.
func parseFolder(t *testing.T, dir string) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, p := range paths {
		if strings.HasSuffix(p, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// docLink is a link of a Go comment, such as [Gate] or [batch.Columns].
var docLink = regexp.MustCompile(`\[([\w.]+)\]`)

// packageTable lists the packages of the module with the first sentence of their comments.
func packageTable(t *testing.T) string {
	synopses := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		for _, f := range parseFolder(t, path) {
			name := strings.TrimPrefix(filepath.ToSlash(path), root+"/")
			if s := new(doc.Package).Synopsis(f.Doc.Text()); s != "" {
				synopses[name] = s
			} else if _, ok := synopses[name]; !ok {
				synopses[name] = ""
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(synopses))
	for n, s := range synopses {
		if s == "" {
			t.Errorf("%s has no package comment", n)
		}
		names = append(names, n)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString("\n| package | what it is |\n|---|---|\n")
	for _, n := range names {
		_, says, _ := strings.Cut(synopses[n], " ") // "Package x is ..." or "Weir runs ..."
		if strings.HasPrefix(synopses[n], "Package ") {
			_, says, _ = strings.Cut(says, " ")
		} else {
			says = synopses[n]
		}
		fmt.Fprintf(&b, "| [`%s`](../%s) | %s |\n", n, n, cell(docLink.ReplaceAllString(says, "`$1`")))
	}
	return b.String() + "\n"
}
