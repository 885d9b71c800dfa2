package job_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/internal/jobtest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/stream"
)

// contentOf is all that lies in a folder, by path.
func contentOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	content := map[string]string{}
	for _, name := range jobtest.Listing(t, dir) {
		if info, err := os.Stat(name); err != nil || info.IsDir() {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		content[strings.TrimPrefix(name, dir)] = string(text)
	}
	return content
}

// local is the folder of a URL of files.
func local(url string) string { return strings.TrimPrefix(url, "file://") }

// done waits for what was asked for, and returns its path.
func done(t *testing.T, r *jobtest.Run, id string) string {
	t.Helper()
	op, err := r.Job.Operation(t.Context(), id)
	if err != nil || op.Status != rest.Done {
		t.Fatalf("%s became %+v, %v", id, op, err)
	}
	return op.Path
}

// TestOneSnapshotStartsSeveralJobsAndIsTheirsOnlyUntilTheirFirstCheckpoint: jobs that begin from one snapshot at the same time, a
// savepoint or the retained checkpoint of a dead job, leave it as it is byte by byte, and need it no more once they have a
// checkpoint of their own: it is removed then, they are killed, and go on.
func TestOneSnapshotStartsSeveralJobsAndIsTheirsOnlyUntilTheirFirstCheckpoint(t *testing.T) {
	for _, kind := range []string{"savepoint", "checkpoint"} {
		t.Run(kind, func(t *testing.T) {
			w := jobtest.NewWorld(t)
			w.Input.Open(800)
			r := w.Start(t, w.Config(2), w.Graph(t, "count"))
			r.Until(t, "it had read", jobtest.Read(800))
			if _, err := r.Savepoint("sp", ""); err != nil {
				t.Fatal(err)
			}
			from := done(t, r, "sp")
			close(r.Interrupt)
			result, err := r.Wait(t)
			if err != nil {
				t.Fatal(err)
			}
			folder := local(from)
			if kind == "checkpoint" {
				from, folder = result.LastCheckpoint, w.Dir
			}
			before, rows := contentOf(t, folder), w.Output.Rows()

			type fork struct {
				cfg    job.Config
				output *enginetest.Ledger[[2]int]
				run    *jobtest.Run
			}
			var forks []*fork
			for i, parallelism := range []int{1, 3} {
				f := &fork{cfg: w.Config(parallelism), output: enginetest.NewLedger[[2]int]()}
				f.cfg.Job, f.cfg.Storage, f.cfg.Restore.Path = []string{"a", "b"}[i], t.TempDir(), from
				f.run = w.Start(t, f.cfg, w.GraphTo(t, "count", f.output))
				forks = append(forks, f)
			}
			w.Input.Open(1600)
			for _, f := range forks {
				f.run.Until(t, "it had read on", jobtest.Read(100))
				f.run.Until(t, "it had checkpoints of its own", jobtest.Checkpoints(2))
			}
			if diff := cmp.Diff(before, contentOf(t, folder)); diff != "" {
				t.Errorf("what the jobs began from has changed:\n%s", diff)
			}
			if err := os.RemoveAll(folder); err != nil {
				t.Fatal(err)
			}
			for _, f := range forks {
				if _, err := f.run.Cancel("c"); err != nil {
					t.Fatal(err)
				}
				if _, err := f.run.Wait(t); err != nil {
					t.Fatal(err)
				}
			}
			w.Input.Open(jobtest.All)
			for _, f := range forks {
				again := w.Start(t, f.cfg, w.GraphTo(t, "count", f.output))
				if result, err := again.Wait(t); err != nil || result.Outcome != outcome.Completed || !strings.Contains(result.RestoredFrom, "/chk-") {
					t.Fatalf("job %s ended with %+v, %v", f.cfg.Job, result, err)
				}
				got := map[[2]int]bool{}
				for _, row := range slices.Concat(rows, f.output.Rows()) {
					if got[row] {
						t.Errorf("job %s: %v was counted twice", f.cfg.Job, row)
					}
					got[row] = true
				}
				if len(got) != jobtest.All {
					t.Errorf("job %s: %d rows came out, want %d", f.cfg.Job, len(got), jobtest.All)
				}
			}
		})
	}
}

// TestASavepointIsNoLinkOfTheChain: checkpoints after it share runs with those before, and a job that is killed right after it
// goes on from a checkpoint, also if the savepoint is gone.
func TestASavepointIsNoLinkOfTheChain(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(400)
	cfg := w.Config(2)
	cfg.Interval = time.Hour
	r := w.Start(t, cfg, w.Graph(t, "count"))
	r.Until(t, "it had read", jobtest.Read(400))
	ask := func(id string, ask func(id string) (rest.Operation, error)) string {
		t.Helper()
		if _, err := ask(id); err != nil {
			t.Fatal(err)
		}
		return done(t, r, id)
	}
	savepoint := func(id string) (rest.Operation, error) { return r.Savepoint(id, "") }
	before, _ := runsOf(t, ask("c1", r.Checkpoint))
	first := ask("s1", savepoint)
	w.Input.Open(402)
	r.Until(t, "it had read on", jobtest.Read(402))
	after, own := runsOf(t, ask("c2", r.Checkpoint))
	if len(own) == 0 || !slices.ContainsFunc(after, func(run string) bool { return slices.Contains(before, run) }) {
		t.Errorf("after the savepoint a checkpoint names %v, of which it has written %v, and none of %v", after, own, before)
	}
	w.Input.Open(500)
	r.Until(t, "it had read more", jobtest.Read(500))
	second := ask("s2", savepoint)
	if _, err := r.Cancel("killed"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Wait(t); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{first, second} {
		if err := os.RemoveAll(local(s)); err != nil {
			t.Fatal(err)
		}
	}
	w.Input.Open(jobtest.All)
	result, err := w.Start(t, w.Config(3), w.Graph(t, "count")).Wait(t)
	if err != nil || result.Outcome != outcome.Completed || !strings.Contains(result.RestoredFrom, "/chk-") {
		t.Fatalf("ended with %+v, %v", result, err)
	}
	w.Exact(t)
}

// TestASourceThatHasEndedIsNotReadAgainAfterARestart, though another one of the job goes on: neither after a kill nor at another
// parallelism; and the last checkpoint commits the output of all.
func TestASourceThatHasEndedIsNotReadAgainAfterARestart(t *testing.T) {
	w := jobtest.NewWorld(t)
	short := make([]int, 7*jobtest.Keys)
	for i := range short {
		short[i] = jobtest.Keys + i%jobtest.Keys
	}
	ended := enginetest.NewTap(short, 40)
	ended.Open(len(short))
	graph := func() *job.Graph {
		j := stream.New()
		in := stream.Union("all", stream.From[int](j, "in", w.Input), stream.From[int](j, "short", ended))
		counts := stream.Process(stream.KeyBy(in, func(r *int) int { return *r }), "count", func(s *stream.Setup) stream.Functions[int, [2]int] {
			n := stream.ValueState[int64](s, "n")
			return stream.Functions[int, [2]int]{Row: func(c *stream.Context[[2]int], r *int) error {
				*n.Ref(c)++
				c.Emit([2]int{*r, int(*n.Ref(c))})
				return nil
			}}
		})
		stream.To(counts, "out", w.Output)
		g, err := j.Graph()
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	opened := 0
	for _, parallelism := range []int{2, 3, 1} {
		opened += 400
		w.Input.Open(opened)
		r := w.Start(t, w.Config(parallelism), graph())
		rows := int64(400)
		if opened == 400 {
			rows += int64(len(short))
		}
		r.Until(t, "it had read what there is", jobtest.Read(rows))
		if _, err := r.Checkpoint("c"); err != nil {
			t.Fatal(err)
		}
		done(t, r, "c")
		if _, err := r.Cancel("killed"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Wait(t); err != nil {
			t.Fatal(err)
		}
	}
	w.Input.Open(jobtest.All)
	if result, err := w.Start(t, w.Config(2), graph()).Wait(t); err != nil || result.Outcome != outcome.Completed {
		t.Fatalf("ended with %+v, %v", result, err)
	}
	if n := ended.Read(); n != len(short) {
		t.Errorf("of the source that had ended %d rows were read, want each of %d once", n, len(short))
	}
	if n := len(w.Output.Rows()); n != jobtest.All+len(short) {
		t.Errorf("%d rows came out, want %d", n, jobtest.All+len(short))
	}
}

// TestARowThatBecomesAMillionAndOneKeyForAllHoldUpNoCheckpoint for good: one is asked for while the row is being expanded, and is
// complete before the input goes on. A kill afterwards loses and repeats nothing of it.
func TestARowThatBecomesAMillionAndOneKeyForAllHoldUpNoCheckpoint(t *testing.T) {
	const many = 1_000_000
	input := enginetest.NewTap([]int{1, many, 1, 1}, 1)
	output := enginetest.NewLedger[int]()
	expanding := make(chan struct{}, 2)
	graph := func() *job.Graph {
		j := stream.New()
		rows := stream.FlatMap(stream.From[int](j, "in", input), func(n *int, emit func(int)) {
			for i := range *n {
				if i == 1 {
					expanding <- struct{}{}
				}
				emit(0)
			}
		})
		counts := stream.Process(stream.KeyBy(rows, func(r *int) int { return *r }), "count", func(s *stream.Setup) stream.Functions[int, int] {
			n := stream.ValueState[int64](s, "n")
			return stream.Functions[int, int]{Row: func(c *stream.Context[int], _ *int) error {
				*n.Ref(c)++
				if *n.Ref(c)%1000 == 3 { // 1, a million, 1, 1: the last comes out
					c.Emit(int(*n.Ref(c)))
				}
				return nil
			}}
		})
		stream.To(counts, "out", output)
		g, err := j.Graph()
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	w := jobtest.NewWorld(t)
	cfg := w.Config(2)
	cfg.Interval = time.Hour
	input.Open(2)
	r := w.Start(t, cfg, graph())
	<-expanding
	if _, err := r.Checkpoint("c"); err != nil {
		t.Fatal(err)
	}
	done(t, r, "c")
	r.Until(t, "it had read what there is", jobtest.Read(2))
	if _, err := r.Checkpoint("d"); err != nil {
		t.Fatal(err)
	}
	done(t, r, "d")
	if _, err := r.Cancel("killed"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Wait(t); err != nil {
		t.Fatal(err)
	}
	input.Open(4)
	if result, err := w.Start(t, cfg, graph()).Wait(t); err != nil || result.Outcome != outcome.Completed {
		t.Fatalf("ended with %+v, %v", result, err)
	}
	rows := output.Rows()
	slices.Sort(rows)
	var want []int
	for n := 3; n <= many+3; n += 1000 {
		want = append(want, n)
	}
	if !slices.Equal(rows, want) {
		t.Errorf("%d rows came out, want %d, the last of them %d", len(rows), len(want), many+3)
	}
	if n := input.Read(); n != 4 {
		t.Errorf("%d rows were read, want each of 4 once", n)
	}
}

// TestASnapshotIsRestoredAtNoParallelismAboveItsKeyGroups: nothing is claimed and nothing is lost, and at another one it goes on.
func TestASnapshotIsRestoredAtNoParallelismAboveItsKeyGroups(t *testing.T) {
	w := jobtest.NewWorld(t)
	w.Input.Open(400)
	r := w.Start(t, w.Config(2), w.Graph(t, "count"))
	r.Until(t, "it had read", jobtest.Read(400))
	close(r.Interrupt)
	if _, err := r.Wait(t); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(w.Dir, "counts")
	before := contentOf(t, folder)
	for _, c := range []struct {
		parallelism, groups int
		want                string
	}{
		{65, 64, "parallelism 65 is more than maxParallelism, 64"},
		{65, 128, "it has 64 key groups, spec.maxParallelism is 128"},
		{2, 32, "it has 64 key groups, spec.maxParallelism is 32"},
	} {
		cfg := w.Config(c.parallelism)
		cfg.MaxParallelism = c.groups
		if _, err := w.Start(t, cfg, w.Graph(t, "count")).Wait(t); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("at parallelism %d with %d key groups: %v, want %s", c.parallelism, c.groups, err, c.want)
		}
	}
	if diff := cmp.Diff(before, contentOf(t, folder)); diff != "" {
		t.Errorf("a refused start changed the job's folder:\n%s", diff)
	}
	w.Input.Open(jobtest.All)
	if _, err := w.Start(t, w.Config(64), w.Graph(t, "count")).Wait(t); err != nil {
		t.Fatal(err)
	}
	w.Exact(t)
}
