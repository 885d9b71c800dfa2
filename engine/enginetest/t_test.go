package enginetest_test

import (
	"fmt"
	"io"
	"os"
	"testing"
)

// t is the test of the example, which has none.
var t testing.TB = &exampleT{}

// exampleT is a test that says what is wrong with it, and does not end by it.
type exampleT struct {
	testing.TB // nil: what is not here is not used
	cleanups   []func()
	said       string
	folders    []string
}

func (*exampleT) Helper() {}

func (e *exampleT) Cleanup(f func()) { e.cleanups = append(e.cleanups, f) }

func (e *exampleT) Errorf(format string, args ...any) { e.said += fmt.Sprintf(format, args...) + "\n" }

func (e *exampleT) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func (e *exampleT) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

func (*exampleT) Output() io.Writer { return io.Discard }

func (e *exampleT) TempDir() string {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	e.folders = append(e.folders, dir)
	return dir
}

// end does what the end of a test does.
func (e *exampleT) end() error {
	for _, f := range e.cleanups {
		f()
	}
	for _, dir := range e.folders {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

func TestMain(m *testing.M) {
	m.Run()
	if err := t.(*exampleT).end(); err != nil {
		panic(err)
	}
}
