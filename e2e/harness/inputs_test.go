package harness

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAPassIsNotRememberedWhenWhatItDependsOnHasChanged runs go test on a module whose test depends on a folder.
func TestAPassIsNotRememberedWhenWhatItDependsOnHasChanged(t *testing.T) {
	source, err := os.ReadFile("inputs.go")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// What was written a moment ago is never remembered, so all files are old; age is how old the changed one is.
	write := func(name, text string, age time.Duration) {
		t.Helper()
		path, then := filepath.Join(dir, filepath.FromSlash(name)), time.Now().Add(-age)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644), os.Chtimes(path, then, then),
			os.Chtimes(filepath.Dir(path), then, then)); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.org/m\n\ngo 1.26\n", time.Hour)
	write("inputs.go", string(source), time.Hour)
	write("root.go", "package harness\n\nimport \"os\"\n\nfunc Root() (string, error) { return os.Getwd() }\n", time.Hour)
	write("it_test.go", `package harness

import "testing"

func TestIt(t *testing.T) {
	if err := DependsOn("data"); err != nil {
		t.Fatal(err)
	}
	if err := DependsOnSources(); err != nil {
		t.Fatal(err)
	}
}
`, time.Hour)
	write("data/deep/file", "a", time.Hour)
	write("engine/deep/code.sql", "a", time.Hour)
	remembered := func() bool {
		t.Helper()
		test := exec.Command("go", "test", ".")
		test.Dir = dir
		out, err := test.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.Contains(string(out), "(cached)")
	}
	if remembered() {
		t.Fatal("a test that never ran is remembered")
	}
	if !remembered() {
		t.Fatal("go test remembers nothing here, so this test proves nothing")
	}
	for _, name := range []string{"data/deep/file", "engine/deep/code.sql", "go.mod"} {
		text := "b"
		if name == "go.mod" {
			text = "module example.org/m // changed\n\ngo 1.26\n"
		}
		write(name, text, time.Minute)
		if remembered() {
			t.Errorf("%s has changed, and the pass of before is reported", name)
		}
		if !remembered() {
			t.Errorf("after the change of %s the test is not remembered", name)
		}
	}
}

func TestToDependOnNothingIsAnError(t *testing.T) {
	if err := DependsOn("no such folder"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}
