package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// document is a Markdown file, as far as the checks need it.
type document struct {
	path   string // from the top of the repository, with slashes
	text   string
	blocks []block
	spans  []span // code in running text
	links  []link
	// anchors are the names that links into the document may use.
	anchors []string
	// rows are the rows of tables, without their heads.
	rows []row
}

// block is a fenced code block.
type block struct {
	file string
	line int // of the fence, from 1
	lang string
	tags []string
	text string
}

// span is `code` in running text.
type span struct {
	line int
	text string
}

type link struct {
	line   int
	target string
}

// row is one row of a table.
type row struct {
	line  int
	cells []string
}

func (b block) at() string { return fmt.Sprintf("%s:%d", b.file, b.line) }

// has says whether the fence bears a tag, such as run in ```console run.
func (b block) has(tag string) bool { return slices.Contains(b.tags, tag) }

// value returns what follows key= among the tags of the fence.
func (b block) value(key string) string {
	for _, t := range b.tags {
		if v, ok := strings.CutPrefix(t, key+"="); ok {
			return v
		}
	}
	return ""
}

var (
	spanPattern    = regexp.MustCompile("`([^`]+)`")
	linkPattern    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	notInAnchor    = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	commentPattern = regexp.MustCompile(`(?s)<!--.*?-->`)
)

// parse reads a document. A fence that is not closed is an error.
func parse(path, text string) (*document, error) {
	d := &document{path: path, text: text}
	lines := strings.Split(text, "\n")
	inTable := false
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if info, ok := strings.CutPrefix(strings.TrimSpace(line), "```"); ok {
			end := slices.IndexFunc(lines[i+1:], func(l string) bool { return strings.TrimSpace(l) == "```" })
			if end < 0 {
				return nil, fmt.Errorf("%s:%d: the code block is not closed", path, i+1)
			}
			d.addBlock(i+1, info, lines[i+1:i+1+end])
			i += end + 1
			continue
		}
		isRow := strings.HasPrefix(line, "|")
		if isRow && inTable && !strings.HasPrefix(line, "|-") && !strings.HasPrefix(line, "|:") {
			d.rows = append(d.rows, row{i + 1, splitRow(line)})
		}
		inTable = isRow
		d.addLine(i+1, line)
	}
	return d, nil
}

func (d *document) addBlock(line int, info string, lines []string) {
	words := strings.Fields(info)
	b := block{file: d.path, line: line, text: strings.Join(lines, "\n") + "\n"}
	if len(words) > 0 {
		b.lang, b.tags = words[0], words[1:]
	}
	d.blocks = append(d.blocks, b)
}

func (d *document) addLine(n int, line string) {
	line = commentPattern.ReplaceAllString(line, "")
	if hashes := len(line) - len(strings.TrimLeft(line, "#")); hashes > 0 && strings.HasPrefix(line[hashes:], " ") {
		d.anchors = append(d.anchors, anchor(line[hashes+1:]))
	}
	for _, m := range spanPattern.FindAllStringSubmatch(line, -1) {
		d.spans = append(d.spans, span{n, m[1]})
	}
	for _, m := range linkPattern.FindAllStringSubmatch(spanPattern.ReplaceAllString(line, "code"), -1) {
		d.links = append(d.links, link{n, m[1]})
	}
}

// anchor is the name that GitHub gives to a heading.
func anchor(heading string) string {
	s := strings.ToLower(strings.TrimSpace(strings.ReplaceAll(heading, "`", "")))
	return strings.ReplaceAll(notInAnchor.ReplaceAllString(s, ""), " ", "-")
}

// splitRow cuts a table row into its cells; \| is a bar within one.
func splitRow(line string) []string {
	const bar = "\x00"
	line = strings.ReplaceAll(strings.TrimSpace(line), `\|`, bar)
	cells := strings.Split(strings.Trim(line, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], bar, "|"))
	}
	return cells
}

const root = ".."

// documents reads everything that users read.
func documents(t *testing.T) []*document {
	t.Helper()
	var paths []string
	for _, pattern := range []string{"README.md", "CONTRIBUTING.md", "docs/*.md", "examples/*/README.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	if len(paths) < 5 {
		t.Fatalf("only %d documents were found: %v", len(paths), paths)
	}
	out := make([]*document, 0, len(paths))
	for _, p := range paths {
		out = append(out, readDocument(t, strings.TrimPrefix(filepath.ToSlash(p), root+"/")))
	}
	return out
}

func readDocument(t *testing.T, path string) *document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	d, err := parse(path, string(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// eachBlock runs f as a subtest for every block that pick selects, and fails if there is none: a check that finds
// nothing to check has been bypassed.
func eachBlock(t *testing.T, pick func(block) bool, f func(t *testing.T, d *document, i int)) {
	t.Helper()
	n := 0
	for _, d := range documents(t) {
		for i, b := range d.blocks {
			if pick(b) {
				n++
				t.Run(b.at(), func(t *testing.T) { f(t, d, i) })
			}
		}
	}
	if n == 0 {
		t.Error("no such sample was found")
	}
}

func TestMarkdownIsReadAsWritten(t *testing.T) {
	d, err := parse("x.md", "# A `b` (c)\n\nsee [it](y.md#z) and `make test`\n\n| h |\n|---|\n| `a\\|b` | c |\n\n```sql refused\nSELECT\n```\n")
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%q %q %v %q %v", d.anchors, d.links[0].target, d.spans, d.rows[0].cells, d.blocks)
	want := "[\"a-b-c\"] \"y.md#z\" [{1 b} {3 make test} {7 a\\|b}] [\"`a|b`\" \"c\"] [{x.md 9 sql [refused] SELECT\n}]"
	if got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
	if _, err := parse("x.md", "```sql\n"); err == nil {
		t.Error("a block that is not closed is no error")
	}
}
