package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// fault is one file of faults/.
type fault struct {
	name string // of the file, without .txt
	what string // the sentence
	file string // from the root of the module, with slashes
	pkg  string // as go test takes it: ./engine/snapshot
	test string // of -run
	old  string
	new  string
}

// readFaults reads all faults of a folder, in the order of their names, and tells of every file that is none.
func readFaults(dir string) ([]fault, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var faults []fault
	var bad []error
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		f, err := parseFault(e.Name(), text)
		if err != nil {
			bad = append(bad, fmt.Errorf("hack/mutants/faults/%s: %w", e.Name(), err))
			continue
		}
		faults = append(faults, f)
	}
	return faults, errors.Join(bad...)
}

// testLine is what `test:` may say: one package, and one pattern, in quotes or without.
var testLine = regexp.MustCompile(`^(\./\S+) -run[ =](?:'([^']+)'|"([^"]+)"|(\S+))$`)

func parseFault(name string, text []byte) (fault, error) {
	f := fault{}
	var ok bool
	if f.name, ok = strings.CutSuffix(name, ".txt"); !ok {
		return f, errors.New("not named .txt")
	}
	comment, rest, hasOld := bytes.Cut(text, []byte("-- old --\n"))
	old, replacement, hasNew := bytes.Cut(rest, []byte("-- new --\n"))
	if !hasOld || !hasNew {
		return f, errors.New("wants two sections, `-- old --` and then `-- new --`")
	}
	f.old, f.new = strings.TrimSuffix(string(old), "\n"), strings.TrimSuffix(string(replacement), "\n")
	for line := range strings.Lines(string(comment)) {
		line = strings.TrimSpace(line)
		if file, ok := strings.CutPrefix(line, "file:"); ok {
			f.file = strings.TrimSpace(file)
		} else if test, ok := strings.CutPrefix(line, "test:"); ok {
			m := testLine.FindStringSubmatch(strings.TrimSpace(test))
			if m == nil {
				return f, fmt.Errorf("%q is not of the form `test: ./engine/snapshot -run 'TestName'`", line)
			}
			f.pkg, f.test = m[1], m[2]+m[3]+m[4]
		} else {
			f.what = strings.TrimSpace(f.what + " " + line)
		}
	}
	return f, f.check()
}

func (f fault) check() error {
	switch {
	case f.what == "":
		return errors.New("wants a sentence that says what is broken")
	case f.file == "" || f.pkg == "":
		return errors.New("wants a line `file: path/from/root.go` and a line `test: ./pkg -run 'TestName'`")
	case path.Clean(f.file) != f.file || strings.HasSuffix(f.file, "_test.go"):
		return fmt.Errorf("file: %s is no path from the root to code that is shipped", f.file)
	case "./"+path.Dir(f.file) != path.Clean("./"+f.pkg) && path.Dir(f.file) != path.Clean(f.pkg):
		return fmt.Errorf("test: %s is not the package of %s, whose own tests are to find the fault", f.pkg, f.file)
	case strings.TrimSpace(f.old) == "":
		return errors.New("the old text is empty")
	case f.old == f.new:
		return errors.New("the new text is the old one")
	}
	if _, err := regexp.Compile(f.test); err != nil {
		return fmt.Errorf("test: %w", err)
	}
	return nil
}

// staleError says that a fault no longer fits the code.
type staleError struct {
	name, file string
	times      int
}

func (e *staleError) Error() string {
	return fmt.Sprintf("hack/mutants/faults/%s.txt is stale: its old text occurs %d times in %s, not once: copy it anew from the code as it is now, or remove the fault if what it broke is gone",
		e.name, e.times, e.file)
}

// apply is the broken source file.
func (f fault) apply(module string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(module, filepath.FromSlash(f.file)))
	if errors.Is(err, os.ErrNotExist) {
		return nil, &staleError{f.name, f.file, 0}
	}
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(text, []byte(f.old)); n != 1 {
		return nil, &staleError{f.name, f.file, n}
	}
	return bytes.Replace(text, []byte(f.old), []byte(f.new), 1), nil
}

// hasTest says whether a test or fuzz test of the package fits the first element of the pattern.
func (f fault) hasTest(module string) (bool, error) {
	files, err := filepath.Glob(filepath.Join(module, filepath.FromSlash(f.pkg), "*_test.go"))
	if err != nil {
		return false, err
	}
	pattern, err := regexp.Compile(f.topLevel())
	if err != nil {
		return false, err
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return false, err
		}
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if ok && fn.Recv == nil && isTest(fn.Name.Name) && pattern.MatchString(fn.Name.Name) {
				return true, nil
			}
		}
	}
	return false, nil
}

func isTest(name string) bool {
	return strings.HasPrefix(name, "Test") && name != "TestMain" || strings.HasPrefix(name, "Fuzz") || strings.HasPrefix(name, "Example")
}

// topLevel is the part of the pattern that chooses test functions; what follows a slash chooses subtests.
func (f fault) topLevel() string {
	top, _, _ := strings.Cut(f.test, "/")
	return top
}
