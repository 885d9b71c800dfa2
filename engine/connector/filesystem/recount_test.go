package filesystem

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/weirstream/weir/engine/connector"
)

// TestASourceThatIsReadOnceKnowsWhetherItsInputHasChanged: by names and sizes, without naming the files.
func TestASourceThatIsReadOnceKnowsWhetherItsInputHasChanged(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file("a", "1\n")
	file("b", "2\n")
	s := newSource(t, SourceConfig{Path: dir})
	e, err := s.Enumerator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	d, err := e.Discover(t.Context(), nil)
	if err != nil || !d.Done {
		t.Fatalf("done %v, %v", d.Done, err)
	}
	recounted := func(name string, seen []byte, want connector.Recount) {
		t.Helper()
		got, err := e.(connector.Recounter).Recount(t.Context(), seen)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
	recounted("nothing has changed", d.Seen, connector.Recount{Then: 2, Now: 2})
	file("b", "2\n") // with a new time of change
	recounted("a file was copied to where it is", d.Seen, connector.Recount{Then: 2, Now: 2})
	file("c", "3\n")
	recounted("a file has come", d.Seen, connector.Recount{Then: 2, Now: 3, Changed: true})
	if err := os.Remove(filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	recounted("another has gone", d.Seen, connector.Recount{Then: 2, Now: 2, Changed: true})
	for _, name := range []string{"b", "c"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	recounted("all are gone, which is no input", d.Seen, connector.Recount{Then: 2})
	file("d", "4\n")
	recounted("a snapshot from before files were counted", []byte{boundedFormat}, connector.Recount{})
}
