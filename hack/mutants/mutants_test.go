package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const root = "../.."

// TestEveryFaultFitsTheCode holds the fault files to the code without running them, so that who changes a line that a
// fault is about learns of it at once.
func TestEveryFaultFitsTheCode(t *testing.T) {
	faults, err := readFaults("faults")
	if err != nil {
		t.Fatal(err)
	}
	if len(faults) == 0 {
		t.Fatal("there are no faults")
	}
	for _, f := range faults {
		if _, err := f.apply(root); err != nil {
			t.Error(err)
		}
		there, err := f.hasTest(root)
		if err != nil {
			t.Fatal(err)
		}
		if !there {
			t.Errorf("hack/mutants/faults/%s.txt: no test of %s fits -run '%s': name the test as it is called now", f.name, f.pkg, f.test)
		}
	}
}

const wellFormed = "It adds wrongly.\n\nfile: sum/sum.go\ntest: ./sum -run 'TestSum'\n-- old --\na + b\n-- new --\na - b\n"

func TestAFaultFileIsReadWholeOrRefused(t *testing.T) {
	f, err := parseFault("sum.txt", []byte(wellFormed))
	want := fault{name: "sum", what: "It adds wrongly.", file: "sum/sum.go", pkg: "./sum", test: "TestSum", old: "a + b", new: "a - b"}
	if err != nil || f != want {
		t.Errorf("%+v, %v; want %+v", f, err, want)
	}
	for _, c := range []struct{ name, from, to, want string }{
		{"no sentence", "It adds wrongly.", "", "sentence"},
		{"no file", "file: sum/sum.go\n", "", "wants a line"},
		{"no test", "test: ./sum -run 'TestSum'\n", "", "wants a line"},
		{"a test without a pattern", " -run 'TestSum'", "", "is not of the form"},
		{"a pattern that is none", "'TestSum'", "'Test('", "missing closing"},
		{"a test of another package", "./sum", "./product", "is not the package of"},
		{"a test file", "sum.go", "sum_test.go", "no path from the root"},
		{"no new text", "-- new --\na - b\n", "", "two sections"},
		{"no old text", "a + b\n", "", "old text is empty"},
		{"no fault", "a - b", "a + b", "new text is the old one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(wellFormed, c.from, c.to, 1)
			if _, err := parseFault("sum.txt", []byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestAStaleFaultNamesTheFileAndWhatToDo(t *testing.T) {
	dir := module(t)
	f := fault{name: "sum", file: "sum/sum.go", pkg: "./sum", old: "a * b", new: "a"}
	_, err := f.apply(dir)
	for _, want := range []string{"faults/sum.txt", "sum/sum.go", "0 times", "copy it anew"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
	f.old = "b"
	if _, err := f.apply(dir); !errors.As(err, new(*staleError)) || !strings.Contains(err.Error(), "2 times") {
		t.Errorf("a text that occurs twice: %v", err)
	}
	f.file = "sum/gone.go"
	if _, err := f.apply(dir); !errors.As(err, new(*staleError)) {
		t.Errorf("a file that is gone: %v", err)
	}
}

// TestEachVerdict runs real faults of a small module.
func TestEachVerdict(t *testing.T) {
	dir := module(t)
	base := fault{what: "It is broken.", file: "sum/sum.go", pkg: "./sum", test: "TestSum", old: "a + b"}
	with := func(name string, change func(*fault)) fault {
		f := base
		f.name = name
		change(&f)
		return f
	}
	faults := []fault{
		with("wrong", func(f *fault) { f.new = "a - b" }),
		with("unseen", func(f *fault) { f.new = "b + a" }),
		with("endless", func(f *fault) { f.new = "func() int { select {} }() + b" }),
		with("compiles-not", func(f *fault) { f.new = "a +" }),
		with("old", func(f *fault) { f.old = "a * b" }),
		with("misnamed", func(f *fault) { f.test, f.new = "TestSum/no such", "b + a" }),
		with("red", func(f *fault) { f.file, f.pkg, f.old, f.new = "red/red.go", "./red", "1", "2" }),
	}
	var out strings.Builder
	r := &runner{module: dir, timeout: 2 * time.Second, parallel: 2, out: &out}
	good, err := r.all(t.Context(), faults)
	if err != nil {
		t.Fatal(err)
	}
	report := out.String()
	for _, want := range []struct {
		name string
		verdict
		detail string
	}{
		{"wrong", found, "TestSum/small"}, {"unseen", notFound, ""}, {"endless", hanging, ""}, {"compiles-not", noCompile, "sum.go"},
		{"old", stale, "0 times"}, {"misnamed", noTest, ""}, {"red", failsAlready, "always red"},
	} {
		line := lineOf(report, want.name)
		if !strings.HasPrefix(line, string(want.verdict)) || !strings.Contains(line, want.detail) {
			t.Errorf("%s: %q, want %q with %q", want.name, line, want.verdict, want.detail)
		}
	}
	last := "1 of 7 faults found; 1 NOT FOUND, 1 only by hanging, 1 no such test, 1 stale, 1 does not compile, 1 fails already\n"
	if !strings.HasSuffix(report, last) || good {
		t.Errorf("good %v, report\n%s\nwant the last line\n%s", good, report, last)
	}
	out.Reset()
	if good, err := r.all(t.Context(), faults[:1]); err != nil || !good || !strings.HasSuffix(out.String(), "1 of 1 faults found\n") {
		t.Errorf("one that is found: %v, %v\n%s", good, err, out.String())
	}
}

func TestFaultsAreChosenByNameAndByWhatChanged(t *testing.T) {
	faults := []fault{{name: "claim-a", file: "s/claim.go"}, {name: "claim-b", file: "s/list.go"}, {name: "sum", file: "sum/sum.go"}}
	names := func(faults []fault) string {
		var s []string
		for _, f := range faults {
			s = append(s, f.name)
		}
		return strings.Join(s, " ")
	}
	for _, c := range []struct{ args, want string }{{"", "claim-a claim-b sum"}, {"sum.txt claim-a", "sum claim-a"}, {"claim-* claim-a", "claim-a claim-b"}} {
		if got, err := named(faults, strings.Fields(c.args)); err != nil || names(got) != c.want {
			t.Errorf("named %q: %q, %v", c.args, names(got), err)
		}
	}
	if _, err := named(faults, []string{"nobody"}); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("a name that fits nothing: %v", err)
	}
	for _, c := range []struct{ changed, want string }{
		{"s/claim.go", "claim-a"}, {"s/x_test.go", "claim-a claim-b"}, {"hack/mutants/faults/sum.txt", "sum"}, {"sum/other.go", ""},
	} {
		if got := names(touched(faults, []string{c.changed})); got != c.want {
			t.Errorf("%s changed: %q, want %q", c.changed, got, c.want)
		}
	}
}

// module writes a module with one package that adds and one whose test is always red.
func module(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":          "module example.org/m\n\ngo 1.26\n",
		"sum/sum.go":      "package sum\n\nfunc sum(a, x int) int { b := x; return a + b } // + x\n",
		"sum/sum_test.go": "package sum\n\nimport \"testing\"\n\nfunc TestSum(t *testing.T) {\n\tt.Run(\"small\", func(t *testing.T) {\n\t\tif sum(1, 2) != 3 {\n\t\t\tt.Error(\"wrong\")\n\t\t}\n\t})\n}\n",
		"red/red.go":      "package red\n\nconst one = 1\n",
		"red/red_test.go": "package red\n\nimport \"testing\"\n\nfunc TestSum(t *testing.T) { t.Error(\"always red\", one) }\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// lineOf is the report's line about a fault.
func lineOf(report, name string) string {
	for line := range strings.Lines(report) {
		if strings.Contains(line, " "+name+" ") {
			return line
		}
	}
	return ""
}
