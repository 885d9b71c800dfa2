package filesystem

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestASourceKnowsBeforehandWhatItWouldRead(t *testing.T) {
	folder := t.TempDir()
	t.Chdir(folder)
	if err := os.Mkdir("real", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", "link"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		source, file string
		want         bool
	}{
		{"in", "in/part-1", true},
		{"in", "./in/a/b/part-1", true},
		{"in", filepath.Join(folder, "in", "part-1"), true},
		{".", "out/part-1", true},
		{"/", "out/part-1", true},
		{"in", "in2/part-1", false},
		{"in", "part-1", false},
		{"in/sub", "in/part-1", false},
		{"in/a.jsonl", "in/part-1", false},
		{"in/*.jsonl", "in/part-1", false},
		{"in/*.jsonl", "in/a.jsonl", true},
		{"in/*/x", "in/a", false},
		{"in/*/x", "in/a/x/y", true},
		{".", ".weir/checkpoints/job/attempts/1", false},
		{"in", "in/_staging/x", false},
		{"_in", "_in/part-1", true},
		{"in/part-1", "in/part-1", true},
		{"link", "real/part-1", true},
		{"real", "link/part-1", true},
		{"real", "link/not/there/yet", true},
		{"s3://b/in?region=r", "s3://b/in/part-1", true},
		{"s3://b", "s3://b/out/part-1", true},
		{"s3://b/in", "s3://c/in/part-1", false},
		{"s3://b/in", "in/part-1", false},
	} {
		s, err := NewSource(SourceConfig{Path: c.source})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Reads(c.file); got != c.want {
			t.Errorf("a source of %s reads %s: %v, want %v", c.source, c.file, got, c.want)
		}
	}
}

func TestASinkIsReadBySourcesOfItsFolder(t *testing.T) {
	sink, err := NewSink(SinkConfig{Path: "s3://b/out?region=r"})
	if err != nil {
		t.Fatal(err)
	}
	source, err := NewSource(SourceConfig{Path: "s3://b/o*/part-job-*"})
	if err != nil {
		t.Fatal(err)
	}
	if file := sink.Writes("job", "sink/o"); !source.Reads(file) {
		t.Errorf("%s is not read", file)
	}
}

func TestADeviceIsNoInput(t *testing.T) {
	source := newSource(t, SourceConfig{Path: "/dev/null"})
	e, err := source.Enumerator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := e.Discover(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "/dev/null: it is a device or a pipe") {
		t.Errorf("got %v, want a refusal", err)
	}
}
