package docs

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestEveryLinkLeadsSomewhere follows links within the repository, anchors included. Links out of it are not followed:
// whether somebody else's server answers is no property of this text.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	docs := documents(t)
	links := 0
	for _, d := range docs {
		for _, l := range d.links {
			links++
			if err := checkLink(root, d, l, docs); err != nil {
				t.Error(err)
			}
		}
	}
	if links == 0 {
		t.Error("no link was found")
	}
}

func checkLink(root string, d *document, l link, docs []*document) error {
	if strings.Contains(l.target, "://") || strings.HasPrefix(l.target, "mailto:") {
		return nil
	}
	file, fragment, _ := strings.Cut(l.target, "#")
	to := d.path
	if file != "" {
		to = path.Join(path.Dir(d.path), file)
	}
	if _, err := os.Stat(filepath.Join(root, to)); err != nil {
		return fmt.Errorf("%s:%d: the link to %s leads nowhere", d.path, l.line, l.target)
	}
	if fragment == "" {
		return nil
	}
	i := slices.IndexFunc(docs, func(o *document) bool { return o.path == to })
	if i < 0 || !slices.Contains(docs[i].anchors, fragment) {
		return fmt.Errorf("%s:%d: %s has no heading for #%s", d.path, l.line, to, fragment)
	}
	return nil
}

// topFolders begin the paths of the repository that documents name in code spans.
var topFolders = []string{"api/", "bench/", "charts/", "cmd/", "config/", "controllers/", "docs/", "e2e/", "engine/", "examples/", "hack/", "internal/", "job/", "manifest/", ".ci/"}

// TestEveryPathExists checks the files and folders that documents name, and the tests.
func TestEveryPathExists(t *testing.T) {
	paths, tests := 0, 0
	for _, d := range documents(t) {
		p, n, err := checkPaths(root, d)
		if err != nil {
			t.Error(err)
		}
		paths, tests = paths+p, tests+n
	}
	if paths == 0 || tests == 0 {
		t.Errorf("%d paths and %d tests were found", paths, tests)
	}
}

var (
	pathPattern = regexp.MustCompile(`^[A-Za-z0-9._/-]+$`)
	testPattern = regexp.MustCompile(`^((?:Test|Fuzz|Benchmark|Example)[A-Z]\w*)(?:/(.+))?$`)
)

// checkPaths looks for every path in a code span, and for every test, TestName or "TestName/name of a case", in the test
// files that the same line names before it.
func checkPaths(root string, d *document) (paths, tests int, err error) {
	var errs []error
	var files []string
	for i, s := range d.spans {
		if i > 0 && d.spans[i-1].line != s.line {
			files = nil
		}
		if isPath(s.text) {
			paths++
			if _, err := os.Stat(filepath.Join(root, s.text)); err != nil {
				errs = append(errs, fmt.Errorf("%s:%d: there is no %s", d.path, s.line, s.text))
			}
			if strings.HasSuffix(s.text, "_test.go") {
				files = append(files, filepath.Join(root, s.text))
			}
		}
		if m := testPattern.FindStringSubmatch(s.text); m != nil {
			tests++
			if !anyHasTest(files, m[1], m[2]) {
				errs = append(errs, fmt.Errorf("%s:%d: none of the files named before it has %s", d.path, s.line, s.text))
			}
		}
	}
	return paths, tests, errors.Join(errs...)
}

func isPath(s string) bool {
	return pathPattern.MatchString(s) && slices.ContainsFunc(topFolders, func(p string) bool { return strings.HasPrefix(s, p) })
}

func anyHasTest(files []string, name, subtest string) bool {
	return slices.ContainsFunc(files, func(f string) bool {
		text, err := os.ReadFile(f)
		return err == nil && strings.Contains(string(text), "func "+name+"(") && strings.Contains(string(text), subtest)
	})
}

// TestEveryPromiseNamesItsTest: a row of docs/fault-tolerance.md without a test would be a promise that nothing holds.
func TestEveryPromiseNamesItsTest(t *testing.T) {
	d := readDocument(t, "docs/fault-tolerance.md")
	if len(d.rows) < 20 {
		t.Errorf("only %d promises and rules", len(d.rows))
	}
	for _, err := range checkPromises(d) {
		t.Error(err)
	}
	for _, err := range checkScenarios(d, scenarios, missingScenarios) {
		t.Error(err)
	}
}

// scenarios is how many there are in docs/fault-tolerance.md, from 1 on.
const scenarios = 39

// missingScenarios are those that no test can play yet, and what they need.
var missingScenarios = map[int]string{
	2:  "unaligned checkpoints",
	11: "claimMode: Claim",
	37: "unaligned checkpoints",
}

// checkScenarios looks for every scenario, by the number in its first cell, once and in order. Only those that may be are missing, and
// say what they need; that the others name a test is checkPromises's.
func checkScenarios(d *document, count int, mayMiss map[int]string) []error {
	var errs []error
	next := 1
	for _, r := range d.rows {
		n, err := strconv.Atoi(r.cells[0])
		if err != nil {
			continue
		}
		if n != next {
			errs = append(errs, fmt.Errorf("%s:%d: scenario %d follows %d", d.path, r.line, n, next-1))
		}
		next = n + 1
		needs, may := mayMiss[n]
		switch missing := isMissing(r); {
		case missing && !may:
			errs = append(errs, fmt.Errorf("%s:%d: scenario %d is missing, and may not be", d.path, r.line, n))
		case missing && !strings.Contains(r.cells[len(r.cells)-1], needs):
			errs = append(errs, fmt.Errorf("%s:%d: scenario %d does not say that it needs %q", d.path, r.line, n, needs))
		case !missing && may:
			errs = append(errs, fmt.Errorf("%s:%d: scenario %d is there, and still counts as missing", d.path, r.line, n))
		}
	}
	if next != count+1 {
		errs = append(errs, fmt.Errorf("%s: the last scenario is %d, not %d", d.path, next-1, count))
	}
	return errs
}

func isMissing(r row) bool { return strings.HasPrefix(r.cells[len(r.cells)-1], "missing: ") }

func checkPromises(d *document) []error {
	var errs []error
	for _, r := range d.rows {
		named := isMissing(r)
		for _, m := range spanPattern.FindAllStringSubmatch(strings.Join(r.cells, " "), -1) {
			named = named || testPattern.MatchString(m[1])
		}
		if !named {
			errs = append(errs, fmt.Errorf("%s:%d: %q names no test", d.path, r.line, r.cells[0]))
		}
	}
	return errs
}

func TestTheChecksOfReferencesFind(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("engine/a_test.go", "func TestThere(t *testing.T) { \"a case\" }")
	write("docs/x.md", "# There")
	for _, c := range []struct{ name, text, want string }{
		{"what is there", "`engine/a_test.go` `TestThere` `TestThere/a case` [x](x.md#there)", ""},
		{"a path that is not there", "`engine/b.go`", "there is no engine/b.go"},
		{"a test that is not there", "`engine/a_test.go` `TestGone`", "has TestGone"},
		{"a case that is not there", "`engine/a_test.go` `TestThere/another case`", "has TestThere/another case"},
		{"a test whose file another line names", "`engine/a_test.go`\n`TestThere`", "has TestThere"},
		{"a link to nothing", "[x](y.md)", "leads nowhere"},
		{"a link to no heading", "[x](x.md#gone)", "no heading"},
		{"a promise without a test", "| p | t |\n|---|---|\n| it lasts | none |", "names no test"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := parse("docs/y.md", c.text)
			if err != nil {
				t.Fatal(err)
			}
			other, err := parse("docs/x.md", "# There")
			if err != nil {
				t.Fatal(err)
			}
			errs := checkPromises(d)
			_, _, err = checkPaths(dir, d)
			errs = append(errs, err)
			for _, l := range d.links {
				errs = append(errs, checkLink(dir, d, l, []*document{d, other}))
			}
			got := ""
			if err := errors.Join(errs...); err != nil {
				got = err.Error()
			}
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestTheCheckOfScenariosFinds(t *testing.T) {
	for _, c := range []struct{ name, rows, want string }{
		{"all of them", "| 1 | a | `TestA` |\n| 2 | b | missing: needs rain |", ""},
		{"one that is left out", "| 1 | a | `TestA` |", "the last scenario is 1, not 2"},
		{"one that comes twice", "| 1 | a | `TestA` |\n| 1 | a | `TestA` |\n| 2 | b | missing: needs rain |", "scenario 1 follows 1"},
		{"one that may not be missing", "| 1 | a | missing: needs rain |\n| 2 | b | missing: needs rain |", "scenario 1 is missing, and may not be"},
		{"another reason", "| 1 | a | `TestA` |\n| 2 | b | missing: needs time |", `does not say that it needs "rain"`},
		{"one that is there now", "| 1 | a | `TestA` |\n| 2 | b | `TestB` |", "still counts as missing"},
		{"one without a test", "| 1 | a | |\n| 2 | b | missing: needs rain |", "names no test"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := parse("docs/y.md", "| no. | scenario | played by |\n|---|---|---|\n"+c.rows)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := errors.Join(append(checkScenarios(d, 2, map[int]string{2: "rain"}), checkPromises(d)...)...); err != nil {
				got = err.Error()
			}
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// metricName is the name of a metric of ours in a document.
var metricName = regexp.MustCompile("`(weir_[a-z_]+)(?:\\{[a-z,]*\\})?`")

// metricSources are where the metrics are declared: the golden text of a job's, and the operator's descriptions.
var metricSources = []string{"engine/internal/web/testdata/metrics.txt", "controllers/metrics.go"}

// TestEveryMetricExists checks the names of metrics, by which users write alerts.
func TestEveryMetricExists(t *testing.T) {
	var declared strings.Builder
	for _, s := range metricSources {
		text, err := os.ReadFile(filepath.Join(root, s))
		if err != nil {
			t.Fatal(err)
		}
		declared.Write(text)
	}
	known := map[string]bool{}
	for _, name := range regexp.MustCompile(`weir_[a-z_]+`).FindAllString(declared.String(), -1) {
		known[name] = true
	}
	named := 0
	for _, d := range documents(t) {
		text, err := os.ReadFile(filepath.Join(root, d.path))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range metricName.FindAllStringSubmatch(string(text), -1) {
			if named++; !known[m[1]] {
				t.Errorf("%s: there is no metric %s", d.path, m[1])
			}
		}
	}
	if named == 0 {
		t.Error("no metric is named")
	}
}
