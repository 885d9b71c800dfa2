package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// rulePattern finds the number of a rule where code cites it.
var rulePattern = regexp.MustCompile(`\bP(\d{1,2})\b`)

// TestEveryRuleThatCodeCitesIsDocumented: whoever reads (P4) in a comment finds P4 in docs/protocols.md.
func TestEveryRuleThatCodeCitesIsDocumented(t *testing.T) {
	d := readDocument(t, "docs/protocols.md")
	known := map[string]bool{}
	for line := range strings.Lines(d.text) {
		if rule, ok := strings.CutPrefix(line, "## "); ok {
			known[rulePattern.FindString(rule)] = true
		}
	}
	cited := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != root {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(text), "\n") {
			_, comment, isComment := strings.Cut(line, "//")
			if !isComment {
				continue
			}
			for _, rule := range rulePattern.FindAllString(comment, -1) {
				cited++
				if !known[rule] {
					t.Errorf("%s:%d cites %s, which docs/protocols.md does not have", path, i+1, rule)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(known) != 17 || cited < 100 {
		t.Errorf("%d rules are documented, %d citations were found", len(known), cited)
	}
}
