package jobtest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/filesystem"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/stream"
)

// placed reads as one source does, and tells the places of another.
type placed struct {
	connector.Source
	places  connector.PlaceReader
	bounded bool
}

func (s placed) Bounded() bool { return s.bounded }

func (s placed) Reads(file string) bool { return s.places.Reads(file) }

// placedSink tells places likewise.
type placedSink struct {
	connector.Sink
	places connector.PlaceWriter
}

func (s placedSink) Writes(job, uid string) string { return s.places.Writes(job, uid) }

func (s placedSink) Keeps() string { return s.places.Keeps() }

// PlacedGraph reads the world's input and writes its output, as a source and a sink of files at these paths.
func (w *World) PlacedGraph(t *testing.T, source, sink string, bounded bool) *job.Graph {
	t.Helper()
	in, err := filesystem.NewSource(filesystem.SourceConfig{Path: source})
	if err != nil {
		t.Fatal(err)
	}
	out, err := filesystem.NewSink(filesystem.SinkConfig{Path: sink})
	if err != nil {
		t.Fatal(err)
	}
	j := stream.New()
	byKey := stream.KeyBy(stream.From[int](j, "in", placed{w.Input, in, bounded}), func(r *int) int { return *r })
	stream.To(stream.Process(byKey, "pairs", func(*stream.Setup) stream.Functions[int, [2]int] {
		return stream.Functions[int, [2]int]{Row: func(*stream.Context[[2]int], *int) error { return nil }}
	}), "out", placedSink{w.Output, out})
	g, err := j.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// LinkedFolders is a folder with folders in it and links to them.
func LinkedFolders(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	for _, name := range []string{"in/sub", "out/_staging", "elsewhere", "chk/counts"} {
		if err := os.MkdirAll(filepath.Join(top, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"to-in": "in/sub", "to-staging": "out/_staging", "to-chk": "chk/counts"} {
		if err := os.Symlink(to, filepath.Join(top, link)); err != nil {
			t.Fatal(err)
		}
	}
	return top
}
