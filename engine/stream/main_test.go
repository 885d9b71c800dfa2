package stream_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/weirstream/weir/engine/stream"
)

// encoded says that rows go through their encoding between tasks, as between processes.
var encoded bool

// TestMain runs all tests twice: as jobs run in one process, and with all rows between tasks going through their encoding.
func TestMain(m *testing.M) {
	if m.Run() != 0 || flag.Lookup("test.fuzz").Value.String() != "" || flag.Lookup("test.bench").Value.String() != "" {
		return
	}
	encoded = true
	if m.Run() != 0 {
		fmt.Fprintln(os.Stderr, "with rows that go through their encoding between tasks")
	}
}

// graphOf returns the graph of a job.
func graphOf(t testing.TB, j *stream.Job) *stream.Graph {
	t.Helper()
	g, err := j.Graph()
	if err != nil {
		t.Fatal(err)
	}
	g.Encoded = encoded
	return g
}
