package job_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/connector/filesystem"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/stream"
)

// folderSource reads whatever is below a folder.
type folderSource struct {
	connector.Source
	folder  string
	bounded bool
}

func (s folderSource) Bounded() bool          { return s.bounded }
func (s folderSource) Reads(file string) bool { return strings.Contains(file, s.folder+"/") }

// folderSink writes into a folder.
type folderSink struct{ connector.Sink }

func (s folderSink) Writes(job, uid string) string { return "file:///data/out/part-" + job }

func (s folderSink) Keeps() string { return "file:///data/out/_staging" }

func TestAJobThatWouldReadWhatItWritesIsRefused(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name, folder string
		bounded      bool
		want         string // empty: it runs
	}{
		{"output, for ever", "/data", false, "in: it would read the output of out; let them be folders of which neither is in the other"},
		{"output, listed once", "/data", true, ""},
		{"checkpoints", w.dir, true, "in: it would read the job's own checkpoints (spec.checkpoint.storage)"},
		{"savepoints", w.dir + "/savepoints", true, "in: it would read the job's own savepoints (spec.savepoint.storage)"},
		{"something else", "/elsewhere", true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := stream.New()
			in := stream.From[int](j, "in", folderSource{w.input, c.folder, c.bounded})
			byKey := stream.KeyBy(in, func(r *int) int { return *r })
			stream.To(stream.Process(byKey, "pairs", func(*stream.Setup) stream.Functions[int, [2]int] {
				return stream.Functions[int, [2]int]{Row: func(*stream.Context[[2]int], *int) error { return nil }}
			}), "out", folderSink{w.output})
			g, err := j.Graph()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err = job.Run(ctx, w.config(1), g, job.Options{Started: func(*job.Job) { cancel() }})
			switch {
			case c.want == "" && strings.Contains(fmt.Sprint(err), "it would read"):
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || fault.ClassOf(err) != fault.Permanent):
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// movingSource moves what it has read into a folder.
type movingSource struct {
	folderSource
	to string
}

func (s movingSource) MovesTo() string { return s.to }

func TestFilesAreNotMovedIntoTheWay(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ name, to, want string }{
		{"into the input", "file:///data/in/done", "in: it would read what in has read and moved"},
		{"into the folder of the checkpoints", "file://" + w.dir + "/" + w.config(1).Job, "what in has read and moved would be written into"},
		{"into staged output", "file:///data/out/_staging/x", "what in has read and moved would be written into"},
		{"elsewhere", "file:///data/done", ""},
		{"nowhere", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := stream.New()
			in := stream.From[int](j, "in", movingSource{folderSource{w.input, "/data/in", true}, c.to})
			byKey := stream.KeyBy(in, func(r *int) int { return *r })
			stream.To(stream.Process(byKey, "pairs", func(*stream.Setup) stream.Functions[int, [2]int] {
				return stream.Functions[int, [2]int]{Row: func(*stream.Context[[2]int], *int) error { return nil }}
			}), "out", folderSink{w.output})
			g, err := j.Graph()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err = job.Run(ctx, w.config(1), g, job.Options{Started: func(*job.Job) { cancel() }})
			if c.want == "" && strings.Contains(fmt.Sprint(err), "would") || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// placed reads as one source does, and tells the places of another.
type placed struct {
	connector.Source
	places  connector.PlaceReader
	bounded bool
}

func (s placed) Bounded() bool          { return s.bounded }
func (s placed) Reads(file string) bool { return s.places.Reads(file) }

// placedSink tells places likewise.
type placedSink struct {
	connector.Sink
	places connector.PlaceWriter
}

func (s placedSink) Writes(job, uid string) string { return s.places.Writes(job, uid) }
func (s placedSink) Keeps() string                 { return s.places.Keeps() }

// placedJob is a job with a source and a sink of these paths.
func placedJob(t *testing.T, w *world, source, sink string, bounded bool) *job.Graph {
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
	byKey := stream.KeyBy(stream.From[int](j, "in", placed{w.input, in, bounded}), func(r *int) int { return *r })
	stream.To(stream.Process(byKey, "pairs", func(*stream.Setup) stream.Functions[int, [2]int] {
		return stream.Functions[int, [2]int]{Row: func(*stream.Context[[2]int], *int) error { return nil }}
	}), "out", placedSink{w.output, out})
	g, err := j.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// linkedFolders is a folder with folders in it and links to them.
func linkedFolders(t *testing.T) string {
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

func TestPlacesInEachOthersWayAreRefusedAtStartAndInPreflight(t *testing.T) {
	top := linkedFolders(t)
	for _, c := range []struct {
		name, source, sink, checkpoints, savepoints string
		want                                        string // empty: all is well
	}{
		{"apart", "in", "out", "chk", "sp", ""},
		{"savepoints in the input", "in", "out", "chk", "in/sp", "in: it would read the job's own savepoints"},
		{"savepoints in the input, by a link", "in", "out", "chk", "to-in", "in: it would read the job's own savepoints"},
		{"savepoints in a folder of a glob", "i*/**", "out", "chk", "in/a/b", "in: it would read the job's own savepoints"},
		{"savepoints beside what a glob selects", "in/*.jsonl", "out", "chk", "in", ""},
		{"checkpoints in the input, by a link", "to-in", "out", "in/sub", "sp", "in: it would read the job's own checkpoints"},
		{"chk folders alone are selected", "chk/*/chk-*", "out", "chk", "sp", "in: it would read the job's own checkpoints"},
		{"output in the checkpoints", "in", "chk/counts", "chk", "sp", "the output of out would be written into"},
		{"output in the checkpoints, by a link", "in", "to-chk/deep", "chk", "sp", "the output of out would be written into"},
		{"output beside the checkpoints", "in", "chk", "chk", "sp", ""},
		{"savepoints in the checkpoints", "in", "out", "chk", "chk/counts/sp", "(spec.savepoint.storage) would be written into"},
		{"savepoints in staged output, by a link", "in", "out", "chk", "to-staging/sp", "(spec.savepoint.storage) would be written into"},
		{"checkpoints in staged output", "in", "out", "out/_staging", "sp", "(spec.checkpoint.storage) would be written into"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			g := placedJob(t, w, filepath.Join(top, c.source), filepath.Join(top, c.sink), true)
			cfg := w.config(1)
			cfg.Storage, cfg.SavepointStorage = filepath.Join(top, c.checkpoints), filepath.Join(top, c.savepoints)
			_, err := job.Preflight(t.Context(), cfg, g)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, started := job.Run(ctx, cfg, g, job.Options{Started: func(*job.Job) { cancel() }})
			for _, err := range []error{err, started} {
				if err == nil || !strings.Contains(err.Error(), c.want) || fault.ClassOf(err) != fault.Permanent {
					t.Errorf("got %v, want %s", err, c.want)
				}
			}
		})
	}
}

func TestATargetInTheWayIsABadRequestAndNothingIsWritten(t *testing.T) {
	top := linkedFolders(t)
	w := newWorld(t)
	r := w.start(t, w.config(1), placedJob(t, w, filepath.Join(top, "in"), filepath.Join(top, "out"), false))
	n := 0
	for _, target := range []string{
		filepath.Join(top, "in"), filepath.Join(top, "in/new/folder"), "file://" + top + "/in", filepath.Join(top, "to-in"),
		filepath.Join(top, "to-staging"), filepath.Join(w.dir, "counts"), filepath.Join(w.dir, "counts", "chk-1"),
	} {
		n++
		for name, ask := range map[string]func(*job.Job) error{
			"savepoint": func(j *job.Job) error { _, err := j.Savepoint(t.Context(), fmt.Sprint("a", n), target); return err },
			"stop":      func(j *job.Job) error { _, err := j.Stop(t.Context(), fmt.Sprint("b", n), target, false); return err },
		} {
			var e *rest.Error
			if err := ask(r.job); !errors.As(err, &e) || e.Code != rest.BadRequest || e.Remedy == "" {
				t.Errorf("%s into %q: %v, want BadRequest with the remedy", name, target, err)
			}
		}
	}
	if entries, err := os.ReadDir(filepath.Join(top, "in")); err != nil || len(entries) != 1 {
		t.Errorf("the input has %v (%v), want the one folder", entries, err)
	}
	if op, err := r.job.Savepoint(t.Context(), "fine", filepath.Join(top, "elsewhere")); err != nil {
		t.Error(err)
	} else if op, err = r.job.Operation(t.Context(), op.ID); err != nil || op.Status != rest.Done {
		t.Errorf("afterwards a savepoint is %+v (%v)", op, err)
	}
}
