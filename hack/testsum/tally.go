package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// maxOutput bounds what is kept of one test's output, in bytes; the end is what explains a failure.
const maxOutput = 256 << 10

// slow is the time in seconds from which a passed test is shown, so that a long run shows life.
const slow = 5

// event is a line of go test -json; see `go doc test2json` and `go help buildjson`.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64 // seconds
}

// inapplicable are the tests of other projects' suites that skip themselves because what they are about is not there to be
// tested, with the reason. They are named at the end and count as nothing; any other skip is a failure.
var inapplicable = map[string]string{
	"github.com/weirstream/weir/engine/storage/filedriver TestTheDriverPassesTheConformanceSuiteOfTheGoCDK/TestNonexistentBucket": "a folder that is not there is an empty place: the first write makes it",
	"github.com/weirstream/weir/engine/storage/filedriver TestTheDriverPassesTheConformanceSuiteOfTheGoCDK/TestSignedURL":         "files have no signed URLs",
}

// counts is what the last line says.
type counts struct{ passed, failed, skipped int }

// tally follows the events of test runs and prints what a person wants to see of them.
type tally struct {
	out io.Writer
	counts
	packages map[string]*pkg // those that have not ended
	cached   int             // packages whose tests did not run now: go test remembers that they passed
	skips    []string
}

type pkg struct {
	output []byte // not of a test
	cached bool
	tests  map[string]*test
}

type test struct {
	output []byte
	action string // pass, fail or skip; empty until it has ended
}

func newTally(out io.Writer) *tally { return &tally{out: out, packages: map[string]*pkg{}} }

// line takes one line of go test's output; what is no event is shown as it is.
func (t *tally) line(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil || e.Action == "" {
		t.print("%s", line)
		return
	}
	switch e.Action {
	case "build-output":
		t.print("%s", e.Output)
	case "start", "run":
		t.open(e)
	case "output":
		p, ts := t.open(e)
		if ts != nil {
			ts.output = appendBounded(ts.output, e.Output)
		} else {
			p.output = appendBounded(p.output, e.Output)
			p.cached = p.cached || strings.HasPrefix(e.Output, "ok  \t") && strings.Contains(e.Output, "\t(cached)")
		}
	case "pass", "fail", "skip":
		if e.Test == "" {
			t.endPackage(e)
		} else {
			t.endTest(e)
		}
	}
}

// open finds the event's package and test, which the first event about them creates. The test is nil if it names none.
func (t *tally) open(e event) (*pkg, *test) {
	p := t.packages[e.Package]
	if p == nil {
		p = &pkg{tests: map[string]*test{}}
		t.packages[e.Package] = p
	}
	if e.Test == "" {
		return p, nil
	}
	ts := p.tests[e.Test]
	if ts == nil {
		ts = &test{}
		p.tests[e.Test] = ts
	}
	return p, ts
}

func (t *tally) endTest(e event) {
	_, ts := t.open(e)
	ts.action = e.Action
	switch {
	case e.Action == "fail":
		t.print("%s", ts.output)
	case e.Action == "skip" && inapplicable[e.Package+" "+e.Test] != "":
		ts.action = "inapplicable"
		t.print("does not apply: %s: %s\n", e.Test, inapplicable[e.Package+" "+e.Test])
	case e.Action == "skip":
		t.skips = append(t.skips, fmt.Sprintf("%s %s\n%s", e.Package, e.Test, ts.output))
	case e.Elapsed >= slow && !strings.Contains(e.Test, "/"):
		t.print("    pass %s (%.1fs)\n", e.Test, e.Elapsed)
	}
	ts.output = nil
}

// endPackage counts the package's tests. One that started and never ended (a panic, a timeout) has failed with its
// package, and a package that fails by none of its tests (it does not compile, its TestMain fails) is one failure.
func (t *tally) endPackage(e event) {
	p, _ := t.open(e)
	delete(t.packages, e.Package)
	for _, name := range slices.Sorted(maps.Keys(p.tests)) {
		if ts := p.tests[name]; ts.action == "" {
			ts.action = "fail"
			t.print("%s--- FAIL: %s (it did not end)\n", ts.output, name)
		}
	}
	c := p.count()
	if e.Action == "fail" {
		if c.failed == 0 {
			c.failed = 1
		}
		t.print("%s", p.output)
	}
	t.passed, t.failed, t.skipped = t.passed+c.passed, t.failed+c.failed, t.skipped+c.skipped
	if c == (counts{}) {
		return
	}
	took := fmt.Sprintf("%.1fs", e.Elapsed)
	if p.cached {
		t.cached++
		took = "not run: passed before, from the cache"
	}
	t.print("%s %s (%s): %s\n", map[bool]string{true: "ok  ", false: "FAIL"}[c.failed == 0], e.Package, took, c)
}

// count counts leaves, and those tests with subtests that did not pass although no subtest failed.
func (p *pkg) count() counts {
	parents, failedBelow := map[*test]bool{}, map[*test]bool{}
	for name, ts := range p.tests {
		if parent := p.parent(name); parent != nil {
			parents[parent] = true
			if ts.action == "fail" {
				failedBelow[parent] = true
			}
		}
	}
	var c counts
	for _, ts := range p.tests {
		if parents[ts] && (ts.action == "pass" || failedBelow[ts]) {
			continue
		}
		switch ts.action {
		case "pass":
			c.passed++
		case "fail":
			c.failed++
		case "skip":
			c.skipped++
		}
	}
	return c
}

// parent is the test that has the named one as its subtest, or nil. The name of a subtest may itself contain slashes.
func (p *pkg) parent(name string) *test {
	for i := strings.LastIndexByte(name, '/'); i > 0; i = strings.LastIndexByte(name[:i], '/') {
		if parent := p.tests[name[:i]]; parent != nil {
			return parent
		}
	}
	return nil
}

// failRun counts a failure that belongs to no package.
func (t *tally) failRun(err error) {
	t.failed++
	t.print("FAIL %v\n", err)
}

// summary ends the run with the plain line, and says whether it was a good one.
func (t *tally) summary() bool {
	for name := range t.packages { // go test was ended before it could say how they ended
		t.endPackage(event{Action: "fail", Package: name})
	}
	for _, s := range t.skips {
		t.print("skipped, which counts as a failure: %s", s)
	}
	if t.cached > 0 {
		t.print("of %d packages the tests did not run: go test remembers their pass (-count=1 runs them)\n", t.cached)
	}
	t.print("%s\n", t.counts)
	return t.failed == 0 && t.skipped == 0 && t.passed > 0
}

func (c counts) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", c.passed, c.failed, c.skipped)
}

// print writes to the terminal; if that is gone, the exit code still tells the result.
func (t *tally) print(format string, args ...any) { _, _ = fmt.Fprintf(t.out, format, args...) }

func appendBounded(b []byte, s string) []byte {
	b = append(b, s...)
	if len(b) > maxOutput {
		b = append(b[:0], b[len(b)-maxOutput/2:]...)
	}
	return b
}
