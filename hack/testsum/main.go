// Command testsum runs the tests and ends with one plain line: how many passed, failed and were skipped.
//
//	testsum [go test arguments] [-- go test arguments]...
//
// Each group of arguments is one run of `go test -json`, one after the other; the last line sums all of them. Output of
// a test is shown when the test fails, as soon as it does. The exit code is 1 if a test failed, if a run had no test at
// all, or if a test was skipped: a skipped test proves nothing, and nobody reads about it. A pass that comes from the
// cache of go test is said to, for each package and once more at the end.
//
// What is counted is a test without subtests, and a test with subtests only where it did not fail because of one.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

func main() {
	if !run(os.Args[1:], os.Stdout) {
		os.Exit(1)
	}
}

// run says whether all tests of all groups passed.
func run(args []string, out io.Writer) bool {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	t := newTally(out)
	for _, group := range groups(args) {
		if err := runGroup(ctx, t, group); err != nil {
			t.failRun(fmt.Errorf("go test %s: %w", strings.Join(group, " "), err))
		}
	}
	return t.summary()
}

// groups splits the command line at each "--".
func groups(args []string) [][]string {
	all := [][]string{nil}
	for _, a := range args {
		if a == "--" {
			all = append(all, nil)
			continue
		}
		last := len(all) - 1
		all[last] = append(all[last], a)
	}
	return all
}

// runGroup runs go test once. Failures of tests are the tally's business; the error is what the tally cannot know.
func runGroup(ctx context.Context, t *tally, args []string) error {
	cmd := exec.CommandContext(ctx, "go", slices.Concat([]string{"test"}, args, []string{"-json"})...) // -C must stay first
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }                              // so that go test ends its own children
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	before := t.counts
	if err := cmd.Start(); err != nil {
		return err
	}
	readErr := read(t, out)
	if err := cmd.Wait(); err != nil && t.failed == before.failed {
		return err // for example an unknown flag: no event told of it
	}
	if readErr == nil && t.counts == before {
		return errors.New("no test was run")
	}
	return readErr
}

// read feeds the lines of go test -json to the tally until the output ends.
func read(t *tally, out io.Reader) error {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			t.line(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
