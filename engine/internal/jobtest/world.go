package jobtest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/stream"
)

// Keys is how many keys the input has.
const Keys = 50

// PerKey is how many rows each key has.
const PerKey = 100

// All is how far to open the input for all of it.
const All = Keys * PerKey

// World is what outlives the runs of a job: its input, its output and its storage.
type World struct {
	Input  *enginetest.Tap[int]
	Output *enginetest.Ledger[[2]int] // key and count
	Dir    string                     // checkpoint storage; savepoints lie below it
	// Whole: every checkpoint is written whole, so that damage of one harms no other.
	Whole bool
	// UID is that of the operator that counts, in the jobs of pods; empty: count.
	UID string
}

// NewWorld returns a world whose input is closed, with Keys keys in turn.
func NewWorld(t *testing.T) *World {
	rows := make([]int, Keys*PerKey)
	for i := range rows {
		rows[i] = i % Keys
	}
	return &World{Input: enginetest.NewTap(rows, 40), Output: enginetest.NewLedger[[2]int](), Dir: t.TempDir()}
}

// Graph counts the rows of each key, in an operator with this uid.
func (w *World) Graph(t *testing.T, uid string) *job.Graph {
	t.Helper()
	return w.GraphTo(t, uid, w.Output)
}

// GraphTo is Graph with another sink.
func (w *World) GraphTo(t *testing.T, uid string, sink connector.Sink) *job.Graph {
	t.Helper()
	j := stream.New()
	in := stream.From[int](j, "in", w.Input)
	byKey := stream.KeyBy(in, func(r *int) int { return *r })
	counts := stream.Process(byKey, uid, func(s *stream.Setup) stream.Functions[int, [2]int] {
		n := stream.ValueState[int64](s, "n")
		return stream.Functions[int, [2]int]{Row: func(c *stream.Context[[2]int], r *int) error {
			*n.Ref(c)++
			c.Emit([2]int{*r, int(*n.Ref(c))})
			return nil
		}}
	})
	stream.To(counts, "out", sink)
	g, err := j.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Config lets checkpoints follow each other quickly.
func (w *World) Config(parallelism int) job.Config {
	return job.Config{
		Job: "counts", Owner: "test", Revision: "1", Storage: w.Dir, MaxParallelism: 64,
		Settings: job.Settings{
			SavepointStorage:  filepath.Join(w.Dir, "savepoints"),
			Parallelism:       parallelism,
			Interval:          5 * time.Millisecond,
			Timeout:           time.Minute,
			Retained:          3,
			WholeCheckpoints:  w.Whole,
			TolerableFailures: 3,
			Restart:           job.Restart{InitialDelay: time.Millisecond, MaxDelay: 10 * time.Millisecond, ResetAfter: time.Hour},
		},
	}
}

// Exact checks that every key was counted from 1 to PerKey, each once.
func (w *World) Exact(t *testing.T) {
	t.Helper()
	got := map[[2]int]int{}
	for _, r := range w.Output.Rows() {
		got[r]++
	}
	want := map[[2]int]int{}
	for k := range Keys {
		for n := range PerKey {
			want[[2]int{k, n + 1}] = 1
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the output is not exact (-want +got):\n%s", diff)
	}
}

// Listing lists a folder and all below it.
func Listing(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
		files = append(files, p)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
