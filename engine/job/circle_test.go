package job_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/fault"
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
