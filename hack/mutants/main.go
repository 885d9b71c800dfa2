// Command mutants breaks the code on purpose, one fault at a time, and demands that a named test notices.
//
//	mutants [-root .] [-parallel 2] [-timeout 60s] [-range main..HEAD] [name or glob]...
//
// A fault is a file of faults/, a txtar archive. Its comment says in a sentence what is broken, and then where, and which
// test is to find it, a test of the package that is broken. Two files follow: a text that occurs exactly once in the
// source file, and what stands there instead.
//
//	The claimant does not list again, so two may believe that they have claimed.
//
//	file: engine/snapshot/claim.go
//	test: ./engine/snapshot -run 'TestScripts/claim'
//	-- old --
//		if higher(list) {
//	-- new --
//		if false {
//
// The tree is not touched: each fault is a file of its own that `go test -overlay` puts in the place of the real one.
// First the tests run without any fault, because a test that fails anyway has found nothing. Each line then says one
// of these; all but the first are failures of the tests, or of the fault file, and give exit code 1:
//
//	found             the named test failed
//	NOT FOUND         it passed: nothing holds this line of code
//	only by hanging   it ran into the time limit, which tells nobody what is wrong: wait for a bounded time, with a name
//	no such test      -run fits no test
//	stale             the old text does not occur once: the code has moved on, and the fault file must follow
//	does not compile  the new text is no Go
//	fails already     the test fails without the fault
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	good, err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
	}
	if err != nil || !good {
		os.Exit(1)
	}
}

// run says whether all chosen faults were found.
func run(ctx context.Context, args []string, out io.Writer) (bool, error) {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	root := flags.String("root", ".", "the folder of the module")
	parallel := flags.Int("parallel", 2, "how many faults are tried at once")
	timeout := flags.Duration("timeout", time.Minute, "how long a test may run before it counts as hanging")
	revisions := flags.String("range", "", "only faults in files that `git diff` of this range names (main..HEAD; one revision: up to the working tree)")
	if err := flags.Parse(args); err != nil {
		return false, err
	}
	module, err := filepath.Abs(*root)
	if err != nil {
		return false, err
	}
	faults, err := readFaults(filepath.Join(module, "hack/mutants/faults"))
	if err != nil {
		return false, err
	}
	if faults, err = named(faults, flags.Args()); err != nil {
		return false, err
	}
	if *revisions != "" {
		changed, err := changedFiles(ctx, module, *revisions)
		if err != nil {
			return false, err
		}
		faults = touched(faults, changed)
	}
	r := &runner{module: module, timeout: *timeout, parallel: max(*parallel, 1), out: out}
	return r.all(ctx, faults)
}

// named keeps the faults that a name or a glob fits; all if there is none. A name that fits nothing is a mistake.
func named(faults []fault, names []string) ([]fault, error) {
	if len(names) == 0 {
		return faults, nil
	}
	var kept []fault
	for _, n := range names {
		any := false
		for _, f := range faults {
			fits, err := path.Match(strings.TrimSuffix(n, ".txt"), f.name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", n, err)
			}
			any = any || fits
			if fits && !slices.Contains(kept, f) {
				kept = append(kept, f)
			}
		}
		if !any {
			return nil, fmt.Errorf("no fault is named %s: hack/mutants/faults holds them", n)
		}
	}
	return kept, nil
}

// touched keeps the faults whose own file, broken file, or tests are among the changed ones.
func touched(faults []fault, changed []string) []fault {
	return slices.DeleteFunc(slices.Clone(faults), func(f fault) bool {
		return !slices.ContainsFunc(changed, func(c string) bool {
			return c == f.file || c == "hack/mutants/faults/"+f.name+".txt" ||
				path.Dir(c) == path.Dir(f.file) && strings.HasSuffix(c, "_test.go")
		})
	})
}
