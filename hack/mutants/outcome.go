package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxOutput bounds what is kept of a test's output, in bytes; the end explains a failure.
const maxOutput = 64 << 10

// outcome is what go test -json said of one package.
type outcome struct {
	ended    string // pass, fail or skip; of the package
	compiles bool
	ran      int      // tests that ended, subtests included
	depth    int      // the deepest of them; a test that is no subtest has 1
	failed   []string // in the order in which they ended, so a subtest before its parent
	hung     bool
	output   string
}

// readOutcome reads the events of one package to their end.
func readOutcome(events io.Reader) (*outcome, error) {
	o := &outcome{compiles: true}
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			o.line(line)
		}
		if errors.Is(err, io.EOF) {
			return o, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (o *outcome) line(line []byte) {
	var e struct{ Action, Test, Output, FailedBuild string }
	if json.Unmarshal(line, &e) != nil {
		o.keep(string(line))
		return
	}
	switch e.Action {
	case "output", "build-output":
		o.keep(e.Output)
		// The words of package testing; a test that waits by itself fails with words of its own.
		o.hung = o.hung || strings.HasPrefix(e.Output, "panic: test timed out after ") || strings.HasPrefix(e.Output, "*** Test killed with ")
	case "pass", "fail", "skip":
		if e.Test == "" {
			o.ended, o.compiles = e.Action, e.FailedBuild == ""
			return
		}
		o.ran, o.depth = o.ran+1, max(o.depth, 1+strings.Count(e.Test, "/"))
		if e.Action == "fail" {
			o.failed = append(o.failed, e.Test)
		}
	}
}

func (o *outcome) keep(s string) {
	o.output += s
	if len(o.output) > maxOutput {
		o.output = o.output[len(o.output)-maxOutput/2:]
	}
}

// passed says whether there were tests, and all passed.
func (o *outcome) passed() bool { return o.ended == "pass" && o.ran > 0 }

// verdict judges a run of a pattern that has depth elements.
func (o *outcome) verdict(depth int) verdict {
	switch {
	case !o.compiles:
		return noCompile
	case o.hung:
		return hanging
	case o.ended == "fail":
		return found
	case o.depth < depth:
		return noTest
	default:
		return notFound
	}
}

// why says in few words why a package did not pass.
func (o *outcome) why() string {
	switch {
	case !o.compiles:
		return "without any fault it does not compile: " + o.tail()
	case o.ran == 0 && o.ended != "fail":
		return "without any fault no test fits"
	default:
		return "without any fault: " + strings.Join(o.leaves(), ", ") + ": " + o.tail()
	}
}

// detail is what the report's line says beside the verdict.
func (o *outcome) detail(v verdict) string {
	switch v {
	case found:
		leaves := o.leaves()
		if len(leaves) == 0 {
			return "the package as a whole: " + o.tail()
		}
		if more := len(leaves) - 2; more > 0 {
			return fmt.Sprintf("%s and %d more", strings.Join(leaves[:2], ", "), more)
		}
		return strings.Join(leaves, ", ")
	case noCompile:
		return o.tail()
	default:
		return ""
	}
}

// leaves are the failed tests without those that failed because of a subtest.
func (o *outcome) leaves() []string {
	return slices.DeleteFunc(slices.Clone(o.failed), func(name string) bool {
		return slices.ContainsFunc(o.failed, func(other string) bool { return strings.HasPrefix(other, name+"/") })
	})
}

// tail is the end of the output, on one line.
func (o *outcome) tail() string {
	const most = 400
	s := strings.Join(strings.Fields(o.output), " ")
	if len(s) > most {
		s = "… " + s[len(s)-most:]
	}
	return s
}
