package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// verdict is what became of a fault; the texts are those of the report.
type verdict string

const (
	found        verdict = "found"
	notFound     verdict = "NOT FOUND"
	hanging      verdict = "only by hanging"
	noTest       verdict = "no such test"
	stale        verdict = "stale"
	noCompile    verdict = "does not compile"
	failsAlready verdict = "fails already"
)

// verdicts is all of them in the order of the last line.
var verdicts = []verdict{found, notFound, hanging, noTest, stale, noCompile, failsAlready}

// runner tries faults and reports.
type runner struct {
	module   string
	timeout  time.Duration
	parallel int

	mu struct { // guards what follows, and the order of lines
		sync.Mutex
		counts map[verdict]int
	}
	out io.Writer
}

// all says whether each fault was found.
func (r *runner) all(ctx context.Context, faults []fault) (good bool, err error) {
	r.mu.counts = map[verdict]int{}
	scratch, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()

	sound, err := r.baseline(ctx, faults)
	if err != nil {
		return false, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.parallel)
	for _, f := range faults {
		group.Go(func() error {
			if why := sound[f.pkg]; why != "" {
				r.report(f, failsAlready, why, 0)
				return nil
			}
			start := time.Now()
			v, detail, err := r.try(ctx, f, filepath.Join(scratch, f.name))
			if err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
			r.report(f, v, detail, time.Since(start))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return false, err
	}
	return r.summary(len(faults)), nil
}

// baseline runs the named tests of each package as they are. The answer says for each package what fails; empty is good.
// These runs may come from Go's cache: nothing differs from what it knows.
func (r *runner) baseline(ctx context.Context, faults []fault) (map[string]string, error) {
	tests := map[string][]string{}
	for _, f := range faults {
		if _, err := f.apply(r.module); err != nil {
			continue // reported where it is tried
		}
		if pattern := "(?:" + f.topLevel() + ")"; !slices.Contains(tests[f.pkg], pattern) {
			tests[f.pkg] = append(tests[f.pkg], pattern)
		}
	}
	fails := map[string]string{}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.parallel)
	for pkg, patterns := range tests {
		group.Go(func() error {
			o, err := r.goTest(ctx, pkg, "-run="+strings.Join(patterns, "|"), "-timeout=10m")
			if err != nil || o.passed() {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			fails[pkg] = o.why()
			return nil
		})
	}
	return fails, group.Wait()
}

// try applies a fault in a folder of its own and runs its test.
func (r *runner) try(ctx context.Context, f fault, dir string) (verdict, string, error) {
	broken, err := f.apply(r.module)
	if s := (*staleError)(nil); errors.As(err, &s) {
		return stale, s.Error(), nil
	}
	if err != nil {
		return "", "", err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", "", err
	}
	source := filepath.Join(dir, filepath.Base(f.file))
	overlay, err := json.Marshal(map[string]map[string]string{
		"Replace": {filepath.Join(r.module, filepath.FromSlash(f.file)): source},
	})
	if err != nil {
		return "", "", err
	}
	overlayFile := filepath.Join(dir, "overlay.json")
	if err := errors.Join(os.WriteFile(source, broken, 0o644), os.WriteFile(overlayFile, overlay, 0o644)); err != nil {
		return "", "", err
	}
	o, err := r.goTest(ctx, f.pkg, "-run="+f.test, "-overlay="+overlayFile, "-count=1", "-timeout="+r.timeout.String())
	if err != nil {
		return "", "", err
	}
	v := o.verdict(1 + strings.Count(f.test, "/"))
	return v, o.detail(v), nil
}

// goTest runs one package. That tests fail is an outcome; the error is what kept go test from running.
func (r *runner) goTest(ctx context.Context, pkg string, args ...string) (*outcome, error) {
	// A fault may be something that vet would find; what is asked is whether a test does.
	cmd := exec.CommandContext(ctx, "go", slices.Concat([]string{"test", "-json", "-vet=off"}, args, []string{pkg})...)
	cmd.Dir = r.module
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that go test ends its own children
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	o, readErr := readOutcome(out)
	err = cmd.Wait()
	if err := errors.Join(ctx.Err(), readErr); err != nil {
		return nil, err
	}
	if err != nil && o.ended == "" {
		return nil, fmt.Errorf("go test %s: %w: %s", pkg, err, strings.TrimSpace(stderr.String()))
	}
	return o, nil
}

// report prints a fault's line as soon as it is known.
func (r *runner) report(f fault, v verdict, detail string, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.counts[v]++
	r.print("%-16s %-36s %s (%.1fs)\n", v, f.name, detail, took.Seconds())
	if v != found {
		r.print("    %s: %s\n    test: %s -run '%s'\n", f.file, f.what, f.pkg, f.test)
	}
}

// summary prints the last line, and says whether all is well. No fault at all is well only if none was asked for.
func (r *runner) summary(all int) bool {
	var parts []string
	for _, v := range verdicts {
		if n := r.mu.counts[v]; n > 0 && v != found {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	r.print("%d of %d faults found", r.mu.counts[found], all)
	if len(parts) > 0 {
		r.print("; %s", strings.Join(parts, ", "))
	}
	r.print("\n")
	return r.mu.counts[found] == all
}

// print writes to the terminal; if that is gone, the exit code still tells the result.
func (r *runner) print(format string, args ...any) { _, _ = fmt.Fprintf(r.out, format, args...) }

// changedFiles are the files of a git range, from the root of the module.
func changedFiles(ctx context.Context, module, revisions string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "git", "diff", "--name-only", "--relative", revisions, "--")
	cmd.Dir = module
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil, fmt.Errorf("git diff %s: %s", revisions, bytes.TrimSpace(exit.Stderr))
	}
	if err != nil {
		return nil, err
	}
	var files []string
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		files = append(files, lines.Text())
	}
	return files, nil
}
