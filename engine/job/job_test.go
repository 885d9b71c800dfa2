package job_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/stream"
)

const keys, perKey = 50, 100

// world is what outlives the runs of a job: its input, its output and its storage.
type world struct {
	input  *enginetest.Tap[int]
	output *enginetest.Ledger[[2]int] // key and count
	dir    string
}

func newWorld(t *testing.T) *world {
	rows := make([]int, keys*perKey)
	for i := range rows {
		rows[i] = i % keys
	}
	return &world{input: enginetest.NewTap(rows, 40), output: enginetest.NewLedger[[2]int](), dir: t.TempDir()}
}

// all is how far to open the input for all of it.
const all = keys * perKey

func (w *world) graph(t *testing.T, uid string) *job.Graph {
	t.Helper()
	return w.graphTo(t, uid, w.output)
}

func (w *world) graphTo(t *testing.T, uid string, sink connector.Sink) *job.Graph {
	t.Helper()
	j := stream.New()
	in := stream.From[int](j, "in", w.input)
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

func (w *world) config(parallelism int) job.Config {
	return job.Config{
		Job: "counts", Owner: "test", Revision: "1", Storage: w.dir, MaxParallelism: 64,
		Settings: job.Settings{
			SavepointStorage:  filepath.Join(w.dir, "savepoints"),
			Parallelism:       parallelism,
			Interval:          5 * time.Millisecond,
			Timeout:           time.Minute,
			Retained:          3,
			TolerableFailures: 3,
			Restart:           job.Restart{InitialDelay: time.Millisecond, MaxDelay: 10 * time.Millisecond, ResetAfter: time.Hour},
		},
	}
}

// run is a job that runs beside the test.
type run struct {
	job       *job.Job
	interrupt chan struct{}
	done      chan struct{}
	result    job.Result
	err       error
}

func (w *world) start(t *testing.T, cfg job.Config, g *job.Graph) *run {
	t.Helper()
	r := &run{interrupt: make(chan struct{}), done: make(chan struct{})}
	started := make(chan *job.Job, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	opt := job.Options{Interrupt: r.interrupt, Started: func(j *job.Job) { started <- j }, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
	go func() {
		defer cancel()
		defer close(r.done)
		r.result, r.err = job.Run(ctx, cfg, g, opt)
	}()
	t.Cleanup(func() { cancel(); <-r.done })
	select {
	case r.job = <-started:
	case <-r.done:
	}
	return r
}

// wait returns when the run has ended.
func (r *run) wait(t *testing.T) (job.Result, error) {
	t.Helper()
	<-r.done
	return r.result, r.err
}

// until waits for a fact about the running job.
func (r *run) until(t *testing.T, what string, fact func(rest.Job) bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !fact(r.job.Overview()) {
		select {
		case <-tick.C:
		case <-r.done:
			t.Fatalf("the job ended as %v (%v) before %s", r.result.Outcome, r.err, what)
		}
	}
}

func checkpoints(n int64) func(rest.Job) bool {
	return func(o rest.Job) bool { return o.CompletedCheckpoints >= n }
}

// read says that so many rows have passed the source.
func read(n int64) func(rest.Job) bool {
	return func(o rest.Job) bool { return o.RecordsIn >= n && o.State == rest.Running }
}

// exact checks that every key was counted from 1 to perKey, each once.
func (w *world) exact(t *testing.T) {
	t.Helper()
	got := map[[2]int]int{}
	for _, r := range w.output.Rows() {
		got[r]++
	}
	want := map[[2]int]int{}
	for k := range keys {
		for n := range perKey {
			want[[2]int{k, n + 1}] = 1
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the output is not exact (-want +got):\n%s", diff)
	}
}

func TestAnInterruptedJobGoesOnWhereItWasAtAnyParallelism(t *testing.T) {
	w := newWorld(t)
	for i, parallelism := range []int{2, 1, 3, 7} {
		w.input.Open(500 * (i + 1))
		r := w.start(t, w.config(parallelism), w.graph(t, "count"))
		r.until(t, "it had read what there is", read(500))
		close(r.interrupt)
		result, err := r.wait(t)
		if err != nil || result.Outcome != outcome.Interrupted || result.LastCheckpoint == "" {
			t.Fatalf("run %d ended with %+v, %v", i, result, err)
		}
		if (i > 0) != (result.RestoredFrom != "") {
			t.Errorf("run %d was restored from %q", i, result.RestoredFrom)
		}
	}
	if n := w.input.Read(); n != 4*500 {
		t.Errorf("%d rows were read, want each of 2000 once: nothing is read again after a last checkpoint", n)
	}
	w.input.Open(all)
	result, err := w.start(t, w.config(2), w.graph(t, "count")).wait(t)
	if err != nil || result.Outcome != outcome.Completed {
		t.Fatalf("the last run ended with %+v, %v", result, err)
	}
	w.exact(t)
	again, err := w.start(t, w.config(2), w.graph(t, "count")).wait(t)
	if err != nil || again.Outcome != outcome.Completed || !again.Already {
		t.Errorf("run again, the completed job ended with %+v, %v", again, err)
	}
	w.exact(t)
}

func TestACancelledJobReadsAgainButWritesNothingTwice(t *testing.T) {
	w := newWorld(t)
	w.input.Open(1200)
	r := w.start(t, w.config(2), w.graph(t, "count"))
	r.until(t, "two checkpoints were complete", checkpoints(2))
	if _, err := r.job.Cancel(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	if result, err := r.wait(t); err != nil || result.Outcome != outcome.Cancelled {
		t.Fatalf("ended with %+v, %v", result, err)
	}
	w.input.Open(all)
	if _, err := w.start(t, w.config(3), w.graph(t, "count")).wait(t); err != nil {
		t.Fatal(err)
	}
	w.exact(t)
}

func TestAStopGivesItsSavepointAndTheJobGoesOnFromIt(t *testing.T) {
	w := newWorld(t)
	w.input.Open(800)
	r := w.start(t, w.config(2), w.graph(t, "count"))
	r.until(t, "it had read", read(800))
	if _, err := r.job.Stop(t.Context(), "s1", "", false); err != nil {
		t.Fatal(err)
	}
	op, err := r.job.Operation(t.Context(), "s1")
	if err != nil || op.Status != rest.Done || !strings.HasSuffix(op.Path, "/savepoint-counts-s1") {
		t.Fatalf("the stop became %+v, %v", op, err)
	}
	if result, err := r.wait(t); err != nil || result.Outcome != outcome.Stopped {
		t.Fatalf("ended with %+v, %v", result, err)
	}
	w.input.Open(all)
	if _, err := w.start(t, w.config(1), w.graph(t, "count")).wait(t); err != nil {
		t.Fatal(err)
	}
	w.exact(t)
}

func TestASavepointIsOneForItsIDAndRestoresElsewhere(t *testing.T) {
	w := newWorld(t)
	w.input.Open(800)
	r := w.start(t, w.config(2), w.graph(t, "count"))
	r.until(t, "it had read", read(800))
	var paths []string
	for range 2 {
		if _, err := r.job.Savepoint(t.Context(), "sp", ""); err != nil {
			t.Fatal(err)
		}
		op, err := r.job.Operation(t.Context(), "sp")
		if err != nil || op.Status != rest.Done {
			t.Fatalf("the savepoint became %+v, %v", op, err)
		}
		paths = append(paths, op.Path)
	}
	if paths[0] != paths[1] {
		t.Errorf("asked for twice, the savepoints are %v", paths)
	}
	if _, err := r.job.Savepoint(t.Context(), "sp", t.TempDir()); err == nil {
		t.Error("the id was accepted for another target")
	}
	close(r.interrupt)
	if _, err := r.wait(t); err != nil {
		t.Fatal(err)
	}

	// The savepoint alone, moved, is enough for another job with output of its own to go on from there.
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(strings.TrimPrefix(paths[0], "file://"), moved); err != nil {
		t.Fatal(err)
	}
	before := w.output.Rows()
	w.output = enginetest.NewLedger[[2]int]()
	w.input.Open(all)
	cfg := w.config(3)
	cfg.Job, cfg.Storage, cfg.Restore.Path = "fork", t.TempDir(), moved
	if _, err := w.start(t, cfg, w.graph(t, "count")).wait(t); err != nil {
		t.Fatal(err)
	}
	if got := len(before) + len(w.output.Rows()); got != keys*perKey {
		t.Errorf("before and after the savepoint %d rows came out, want %d", got, keys*perKey)
	}
}

func TestALaterAttemptFencesAnEarlierOne(t *testing.T) {
	w := newWorld(t)
	w.input.Open(400)
	cfg := w.config(2)
	cfg.Storage = "mem://" + rand.Text() // no folder that could be locked
	old := w.start(t, cfg, w.graph(t, "count"))
	old.until(t, "two checkpoints were complete", checkpoints(2))
	heir := w.start(t, cfg, w.graph(t, "count"))
	var fenced *job.FencedError
	if _, err := old.wait(t); !errors.As(err, &fenced) || fenced.Attempt != 2 {
		t.Fatalf("the old attempt ended with %v", err)
	}
	w.input.Open(all)
	if result, err := heir.wait(t); err != nil || result.Outcome != outcome.Completed {
		t.Fatalf("the new attempt ended with %+v, %v", result, err)
	}
	w.exact(t)
}

func TestStateThatDoesNotFitIsRefusedBeforeAnythingIsTouched(t *testing.T) {
	w := newWorld(t)
	w.input.Open(400)
	r := w.start(t, w.config(2), w.graph(t, "count"))
	r.until(t, "a checkpoint was complete", checkpoints(1))
	close(r.interrupt)
	if _, err := r.wait(t); err != nil {
		t.Fatal(err)
	}
	before := listing(t, w.dir)
	for name, c := range map[string]struct {
		uid    string
		change func(*job.Config)
		want   string
	}{
		"another uid":            {"another", func(*job.Config) {}, "operator count does not fit the job: the job no longer has this operator"},
		"another maxParallelism": {"count", func(c *job.Config) { c.MaxParallelism = 128 }, "set spec.maxParallelism to 64"},
	} {
		cfg := w.config(2)
		c.change(&cfg)
		_, err := w.start(t, cfg, w.graph(t, c.uid)).wait(t)
		if err == nil || !strings.Contains(err.Error(), c.want) || fault.ClassOf(err) != fault.Permanent {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(before, listing(t, w.dir)); diff != "" {
		t.Errorf("a refused job left something:\n%s", diff)
	}
	cfg := w.config(2)
	cfg.Restore.AllowNonRestoredState = true
	w.input.Open(all)
	if result, err := w.start(t, cfg, w.graph(t, "another")).wait(t); err != nil || result.Outcome != outcome.Completed {
		t.Errorf("with the state left behind, the job ended with %+v, %v", result, err)
	}
}

// growing grows the chain at the moment between a job's look at it and its claim.
type growing struct {
	grow func()
	once sync.Once
}

func (g *growing) Read(p []byte) (int, error) {
	g.once.Do(g.grow)
	return rand.Read(p)
}

func TestAChainThatGrewBetweenTheLookAndTheClaimIsComparedAgain(t *testing.T) {
	w := newWorld(t)
	cfg := w.config(2)
	cfg.Storage, cfg.Interval = "mem://"+rand.Text(), time.Hour // no folder that could be locked, and no checkpoint unasked
	w.input.Open(400)
	old := w.start(t, cfg, w.graph(t, "count"))
	old.until(t, "it had read", read(400))
	nonce := &growing{grow: func() {
		if _, err := old.job.Checkpoint(t.Context(), "c"); err != nil {
			t.Error(err)
		}
		if op, err := old.job.Operation(t.Context(), "c"); err != nil || op.Status != rest.Done {
			t.Errorf("the checkpoint became %+v, %v", op, err)
		}
	}}
	started, interrupt := false, make(chan struct{})
	_, err := job.Run(t.Context(), cfg, w.graph(t, "another"), job.Options{Random: nonce, Interrupt: interrupt, Started: func(*job.Job) {
		started = true
		close(interrupt)
	}})
	if err == nil || !strings.Contains(err.Error(), "operator count does not fit the job: the job no longer has this operator") || started {
		t.Errorf("started: %v, ended with %v", started, err)
	}
	if rows := len(w.output.Rows()); rows != 400 {
		t.Errorf("%d rows are visible, want those of the one checkpoint", rows)
	}
}

// plain is a sink that commits nothing: rows are out when they are written.
type plain struct{ connector.Sink }

func (plain) Committer(context.Context, connector.CommitterContext) (connector.Committer, error) {
	return nil, nil
}

func (plain) Writer(context.Context, connector.WriterContext) (connector.Writer, error) {
	return nowhere{}, nil
}

type nowhere struct{}

func (nowhere) Write(context.Context, *batch.Batch) error        { return nil }
func (nowhere) Prepare(context.Context, int64) ([][]byte, error) { return nil, nil }
func (nowhere) Close() error                                     { return nil }

func TestOutputIsNotGivenUpWhenASinkThatCommitsNothingTakesItsPlace(t *testing.T) {
	for name, c := range map[string]struct {
		allow bool
		end   func(r *run)
		want  string
	}{
		"interrupted":          {false, func(r *run) { close(r.interrupt) }, "operator out does not fit the job: its connector commits nothing, and the output of its last checkpoint may not be committed"},
		"interrupted, with -n": {true, func(r *run) { close(r.interrupt) }, ""},
		"stopped": {false, func(r *run) {
			if _, err := r.job.Stop(t.Context(), "s", "", false); err != nil {
				t.Error(err)
			}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			cfg := w.config(2)
			cfg.Interval, cfg.Restore.AllowNonRestoredState = time.Hour, c.allow // so that the last checkpoint has output
			w.input.Open(400)
			r := w.start(t, cfg, w.graph(t, "count"))
			r.until(t, "it had read", read(400))
			c.end(r)
			if _, err := r.wait(t); err != nil {
				t.Fatal(err)
			}
			visible := len(w.output.Rows())
			w.input.Open(all)
			heir := w.start(t, cfg, w.graphTo(t, "count", plain{enginetest.NewLedger[[2]int]()}))
			_, err := heir.wait(t)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || heir.job != nil) {
				t.Errorf("ended with %v, want %q", err, c.want)
			}
			if c.want == "" {
				return
			}
			if n := len(w.output.Rows()); n != visible {
				t.Errorf("%d rows were visible, now %d", visible, n)
			}
			if _, err := w.start(t, cfg, w.graph(t, "count")).wait(t); err != nil {
				t.Errorf("the old text ended with %v", err)
			}
			w.exact(t)
		})
	}
}

func listing(t *testing.T, dir string) (files []string) {
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

func TestADamagedHeadIsNotPassedOverWhenOutputWouldRepeat(t *testing.T) {
	w := newWorld(t)
	w.input.Open(400)
	cfg := w.config(2)
	cfg.Interval = time.Hour // so that there is output between the last two checkpoints
	r := w.start(t, cfg, w.graph(t, "count"))
	r.until(t, "it had read", read(400))
	if _, err := r.job.Checkpoint(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	if op, err := r.job.Operation(t.Context(), "c1"); err != nil || op.Status != rest.Done {
		t.Fatalf("the checkpoint became %+v, %v", op, err)
	}
	w.input.Open(800)
	r.until(t, "it had read more", read(800))
	close(r.interrupt)
	result, err := r.wait(t)
	if err != nil {
		t.Fatal(err)
	}
	s, err := snapshot.OpenSnapshot(t.Context(), result.LastCheckpoint)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(strings.TrimPrefix(result.LastCheckpoint, "file://"), s.Metadata.Files()[0].Path)
	if err := os.Truncate(file, 10); err != nil {
		t.Fatal(err)
	}
	_, err = w.start(t, w.config(2), w.graph(t, "count")).wait(t)
	var repeat *snapshot.RepeatError
	if !errors.As(err, &repeat) || !strings.Contains(err.Error(), filepath.Base(file)) {
		t.Fatalf("the job ended with %v", err)
	}
	cfg.Restore.AllowRepeatedOutput = true
	w.input.Open(all)
	if result, err := w.start(t, cfg, w.graph(t, "count")).wait(t); err != nil || result.Outcome != outcome.Completed {
		t.Errorf("with repeated output allowed, the job ended with %+v, %v", result, err)
	}
}

func TestATransientFailureIsRestartedAndAPermanentOneIsNot(t *testing.T) {
	for name, c := range map[string]struct {
		fail error
		ends bool
	}{
		"transient": {fault.AsTransient(errors.New("the network is away")), false},
		"permanent": {fault.Permanentf("row 7", "mend it", "it is poisoned"), true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.input.Open(all)
			failed := false
			j := stream.New()
			in := stream.From[int](j, "in", w.input)
			byKey := stream.KeyBy(in, func(r *int) int { return *r })
			stream.To(stream.Process(byKey, "count", func(*stream.Setup) stream.Functions[int, [2]int] {
				seen := 0
				return stream.Functions[int, [2]int]{Row: func(*stream.Context[[2]int], *int) error {
					if seen++; seen == all/2 && !failed {
						failed = true
						return c.fail
					}
					return nil
				}}
			}), "out", w.output)
			g, err := j.Graph()
			if err != nil {
				t.Fatal(err)
			}
			result, err := w.start(t, w.config(1), g).wait(t)
			if c.ends && (err == nil || !strings.Contains(err.Error(), "row 7: it is poisoned; mend it")) {
				t.Errorf("ended with %v", err)
			}
			if !c.ends && (err != nil || result.Outcome != outcome.Completed) {
				t.Errorf("ended with %+v, %v", result, err)
			}
		})
	}
}

func TestACommitThatFailsIsRepeatedUntilItSucceeds(t *testing.T) {
	w := newWorld(t)
	w.output.FailCommits(fault.AsTransient(fmt.Errorf("the store is away")))
	w.input.Open(all)
	r := w.start(t, w.config(2), w.graph(t, "count"))
	r.until(t, "all was read", func(o rest.Job) bool { return o.RecordsIn >= all })
	if n := len(w.output.Rows()); n != 0 {
		t.Errorf("%d rows are visible without a commit", n)
	}
	w.output.FailCommits(nil)
	if result, err := r.wait(t); err != nil || result.Outcome != outcome.Completed {
		t.Fatalf("ended with %+v, %v", result, err)
	}
	w.exact(t)
}
