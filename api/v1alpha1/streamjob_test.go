package v1alpha1

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// TestEveryFieldIsDocumentedByItsJSONName reads the source, because what `kubectl explain` shows is made of it: a field's
// comment begins with its name in JSON, and an optional scalar is a pointer whose comment tells its default.
func TestEveryFieldIsDocumentedByItsJSONName(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "streamjob.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	fields := 0
	ast.Inspect(file, func(n ast.Node) bool {
		s, ok := n.(*ast.StructType)
		if !ok {
			return true
		}
		for _, f := range s.Fields.List {
			tag, err := strconv.Unquote(f.Tag.Value)
			if err != nil {
				t.Fatal(err)
			}
			name, options, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
			if name == "" { // inline
				continue
			}
			fields++
			comment := f.Doc.Text()
			if !strings.HasPrefix(comment, name+" ") {
				t.Errorf("the comment of %s begins %.30q", name, comment)
			}
			_, pointer := f.Type.(*ast.StarExpr)
			if optional := strings.Contains(options, "omitempty"); optional != pointer {
				t.Errorf("%s: optional %t, pointer %t", name, optional, pointer)
			}
			if lower := strings.ToLower(comment); pointer && name != "sql" && !strings.Contains(lower, "default") {
				t.Errorf("the comment of %s does not tell its default", name)
			}
		}
		return true
	})
	if fields == 0 {
		t.Error("no field was read")
	}
}
