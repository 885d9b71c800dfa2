package harness

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// DependsOn tells go test that the running test depends on files, and on all that is in folders, of this module. It keeps
// the result of a test that has passed, and knows what the test itself has opened; it does not know what the programs
// read that a test runs, or from what they were built. So a test that runs one says it here, else a later `go test` may
// report a pass that did not happen. Before the tests run (in TestMain) it has no effect.
func DependsOn(paths ...string) error {
	for _, p := range paths {
		// To list a folder makes the names, sizes and times of all that is in it part of what go test compares.
		if err := filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && path != p && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir // tools, caches, git
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// DependsOnSources is DependsOn for what programs of this module are built from, and the examples that they run: all
// folders of the module but those that builds and jobs write. Start calls it; who runs a program otherwise calls it in
// the test that does.
func DependsOnSources() error { return sources() }

// sources does it once: what one test depends on counts for all of its package.
var sources = sync.OnceValue(func() error {
	root, err := Root()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(root) // so go.mod and go.sum too
	if err != nil {
		return err
	}
	var paths []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "bin" && e.Name() != "out" && !strings.HasPrefix(e.Name(), ".") {
			paths = append(paths, filepath.Join(root, e.Name()))
		}
	}
	return DependsOn(paths...)
})
