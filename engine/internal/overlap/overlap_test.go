package overlap_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/internal/jobtest"
	"github.com/weirstream/weir/engine/job"
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
	w := jobtest.NewWorld(t)
	for _, c := range []struct {
		name, folder string
		bounded      bool
		want         string // empty: it runs
	}{
		{"output, for ever", "/data", false, "in: it would read the output of out; let them be folders of which neither is in the other"},
		{"output, listed once", "/data", true, ""},
		{"checkpoints", w.Dir, true, "in: it would read the job's own checkpoints (spec.checkpoint.storage)"},
		{"savepoints", w.Dir + "/savepoints", true, "in: it would read the job's own savepoints (spec.savepoint.storage)"},
		{"something else", "/elsewhere", true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := stream.New()
			in := stream.From[int](j, "in", folderSource{w.Input, c.folder, c.bounded})
			byKey := stream.KeyBy(in, func(r *int) int { return *r })
			stream.To(stream.Process(byKey, "pairs", func(*stream.Setup) stream.Functions[int, [2]int] {
				return stream.Functions[int, [2]int]{Row: func(*stream.Context[[2]int], *int) error { return nil }}
			}), "out", folderSink{w.Output})
			g, err := j.Graph()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err = job.Run(ctx, w.Config(1), g, job.Options{Started: func(*job.Handle) { cancel() }})
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
	w := jobtest.NewWorld(t)
	for _, c := range []struct{ name, to, want string }{
		{"into the input", "file:///data/in/done", "in: it would read what in has read and moved"},
		{"into the folder of the checkpoints", "file://" + w.Dir + "/" + w.Config(1).Job, "what in has read and moved would be written into"},
		{"into staged output", "file:///data/out/_staging/x", "what in has read and moved would be written into"},
		{"elsewhere", "file:///data/done", ""},
		{"nowhere", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := stream.New()
			in := stream.From[int](j, "in", movingSource{folderSource{w.Input, "/data/in", true}, c.to})
			byKey := stream.KeyBy(in, func(r *int) int { return *r })
			stream.To(stream.Process(byKey, "pairs", func(*stream.Setup) stream.Functions[int, [2]int] {
				return stream.Functions[int, [2]int]{Row: func(*stream.Context[[2]int], *int) error { return nil }}
			}), "out", folderSink{w.Output})
			g, err := j.Graph()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err = job.Run(ctx, w.Config(1), g, job.Options{Started: func(*job.Handle) { cancel() }})
			if c.want == "" && strings.Contains(fmt.Sprint(err), "would") || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestPlacesInEachOthersWayAreRefusedAtStartAndInPreflight(t *testing.T) {
	top := jobtest.LinkedFolders(t)
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
			w := jobtest.NewWorld(t)
			g := w.PlacedGraph(t, filepath.Join(top, c.source), filepath.Join(top, c.sink), true)
			cfg := w.Config(1)
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
			_, started := job.Run(ctx, cfg, g, job.Options{Started: func(*job.Handle) { cancel() }})
			for _, err := range []error{err, started} {
				if err == nil || !strings.Contains(err.Error(), c.want) || fault.ClassOf(err) != fault.Permanent {
					t.Errorf("got %v, want %s", err, c.want)
				}
			}
		})
	}
}
