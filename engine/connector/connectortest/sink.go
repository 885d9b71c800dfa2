package connectortest

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/batch"
	"github.com/weirstream/weir/engine/connector"
)

// Sink describes a sink that commits to the suite.
type Sink struct {
	// New makes the sink anew, as a restarted process does. All sinks of one test write to the place that Place made.
	New func(t *testing.T, place string) connector.Sink
	// Place returns a new, empty place to write to.
	Place func(t *testing.T) string
	// Batch returns a batch with the rows from..from+n-1 of an endless sequence of different rows.
	Batch func(from, n int) *batch.Batch
	// Row is row i of that sequence, as Visible shows it.
	Row func(i int) string
	// Visible returns the rows that a reader of the place sees, by the name of the object that holds them.
	Visible func(t *testing.T, place string) map[string][]string
	// Staged counts the objects that are written but not visible.
	Staged func(t *testing.T, place string) int
}

// RunSink tests a sink that commits.
func RunSink(t *testing.T, s Sink) {
	for _, c := range []struct {
		name string
		test func(*run)
	}{
		{"rows are visible when they are committed, and not before", s.commits},
		{"a second commit changes nothing", s.commitsTwice},
		{"a checkpoint without rows leaves nothing", s.emptyCheckpoint},
		{"what was not prepared is dropped on close", s.dropsUnprepared},
		{"what is staged is forgotten once the commit is confirmed", s.forgets},
		{"a crash before the checkpoint is complete leaves nothing", s.crashBeforeComplete},
		{"a crash before the commit: the next attempt commits", s.crashBeforeCommit},
		{"a crash in the middle of the commit: the next attempt completes it", s.crashInCommit},
		{"a crash before the confirmation: the next attempt commits again", s.crashBeforeConfirm},
		{"several checkpoints are committed at once", s.commitsSeveral},
		{"subtasks and restarts do not meet", s.subtasks},
		{"a zombie's rows stay invisible, and its commits change nothing", s.zombie},
		{"a zombie sweeps nothing of a higher attempt", s.zombieSweeps},
		{"an attempt sweeps nothing of its own", s.ownSweeps},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(&run{Sink: s, t: t, ctx: within(t), place: s.Place(t)}) })
	}
}

// run is one test: it plays the runtime against one place.
type run struct {
	Sink
	t     *testing.T
	ctx   context.Context
	place string
}

const (
	testJob = "default.job"
	testUID = "sink/out"
)

func (r *run) writer(attempt, restart int64, subtask int) connector.Writer {
	r.t.Helper()
	w, err := r.New(r.t, r.place).Writer(r.ctx, connector.WriterContext{
		Job: testJob, UID: testUID, Attempt: attempt, Restart: restart, Subtask: subtask, Parallelism: 2,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return w
}

func (r *run) committer(attempt int64) connector.Committer {
	r.t.Helper()
	c, err := r.New(r.t, r.place).Committer(r.ctx, connector.CommitterContext{Job: testJob, UID: testUID, Attempt: attempt})
	if err != nil {
		r.t.Fatal(err)
	}
	if c == nil {
		r.t.Fatal("the sink has no committer")
	}
	r.t.Cleanup(func() { closed(r.t, c) })
	return c
}

func (r *run) write(w connector.Writer, from, n int) {
	r.t.Helper()
	if err := w.Write(r.ctx, r.Batch(from, n)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *run) prepare(w connector.Writer, checkpoint int64) [][]byte {
	r.t.Helper()
	committables, err := w.Prepare(r.ctx, checkpoint)
	if err != nil {
		r.t.Fatal(err)
	}
	return committables
}

// prepared stages rows for checkpoint 1 of attempt 1, and closes the writer as a crash would not, but might as well.
func (r *run) prepared(from, n int) [][]byte {
	r.t.Helper()
	w := r.writer(1, 0, 0)
	r.write(w, from, n)
	out := r.prepare(w, 1)
	closed(r.t, w)
	if len(out) == 0 {
		r.t.Fatal("rows were prepared without a committable")
	}
	return out
}

func (r *run) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// see checks that exactly the rows 0..n-1 are visible, and returns the objects.
func (r *run) see(n int) map[string][]string {
	r.t.Helper()
	visible := r.Visible(r.t, r.place)
	var got []string
	for _, name := range slices.Sorted(maps.Keys(visible)) {
		got = append(got, visible[name]...)
	}
	want := []string{}
	for i := range n {
		want = append(want, r.Row(i))
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, append([]string{}, got...)); diff != "" {
		r.t.Fatalf("the visible rows differ: %s", diff)
	}
	return visible
}

// same checks that no visible object has changed or vanished.
func (r *run) same(before map[string][]string) {
	r.t.Helper()
	after := r.Visible(r.t, r.place)
	for name, rows := range before {
		if diff := cmp.Diff(rows, after[name]); diff != "" {
			r.t.Errorf("visible object %s has changed: %s", name, diff)
		}
	}
}

func (r *run) staged(want int) {
	r.t.Helper()
	if got := r.Staged(r.t, r.place); got != want {
		r.t.Errorf("%d objects are staged, want %d", got, want)
	}
}

func (Sink) commits(r *run) {
	w := r.writer(1, 0, 0)
	defer closed(r.t, w)
	r.write(w, 0, 10)
	r.see(0)
	first := r.prepare(w, 1)
	r.see(0)
	r.write(w, 10, 5)
	r.must(r.committer(1).Commit(r.ctx, first))
	before := r.see(10)
	r.must(r.committer(1).Commit(r.ctx, r.prepare(w, 2)))
	r.see(15)
	r.same(before)
}

func (Sink) commitsTwice(r *run) {
	out := r.prepared(0, 10)
	c := r.committer(1)
	r.must(c.Commit(r.ctx, out))
	before := r.see(10)
	r.must(c.Commit(r.ctx, out))
	r.see(10)
	r.same(before)
}

func (Sink) emptyCheckpoint(r *run) {
	w := r.writer(1, 0, 0)
	defer closed(r.t, w)
	if out := r.prepare(w, 1); len(out) > 0 {
		r.t.Errorf("%d committables of no rows", len(out))
	}
	r.must(r.committer(1).Commit(r.ctx, nil))
	r.see(0)
	r.staged(0)
}

func (Sink) dropsUnprepared(r *run) {
	w := r.writer(1, 0, 0)
	r.write(w, 0, 10)
	closed(r.t, w)
	r.see(0)
	r.staged(0)
}

func (Sink) forgets(r *run) {
	out := r.prepared(0, 10)
	c := r.committer(1)
	r.must(c.Commit(r.ctx, out))
	before := r.see(10)
	for range 2 {
		r.must(c.Forget(r.ctx, out))
		r.staged(0)
		r.same(before)
	}
	// The checkpoint that recorded the confirmation may be lost: the commit is repeated.
	r.must(c.Commit(r.ctx, out))
	r.see(10)
}

func (Sink) crashBeforeComplete(r *run) {
	r.prepared(0, 10)
	r.must(r.committer(2).Sweep(r.ctx, nil))
	r.see(0)
	r.staged(0)
}

func (Sink) crashBeforeCommit(r *run) {
	out := r.prepared(0, 10)
	c := r.committer(2)
	r.must(c.Sweep(r.ctx, out))
	r.must(c.Commit(r.ctx, out))
	r.see(10)
}

func (Sink) crashInCommit(r *run) {
	a, b := r.writer(1, 0, 0), r.writer(1, 0, 1)
	r.write(a, 0, 10)
	r.write(b, 10, 10)
	out := append(r.prepare(a, 1), r.prepare(b, 1)...)
	closed(r.t, a)
	closed(r.t, b)
	r.must(r.committer(1).Commit(r.ctx, out[:1]))
	before := r.see(10)
	c := r.committer(2)
	r.must(c.Sweep(r.ctx, out))
	r.must(c.Commit(r.ctx, out))
	r.see(20)
	r.same(before)
}

func (Sink) crashBeforeConfirm(r *run) {
	out := r.prepared(0, 10)
	r.must(r.committer(1).Commit(r.ctx, out))
	before := r.see(10)
	c := r.committer(2)
	r.must(c.Sweep(r.ctx, out))
	r.must(c.Commit(r.ctx, out))
	r.must(c.Forget(r.ctx, out))
	r.see(10)
	r.same(before)
	r.staged(0)
}

func (Sink) commitsSeveral(r *run) {
	w := r.writer(1, 0, 0)
	defer closed(r.t, w)
	var out [][]byte
	for i := range 3 {
		r.write(w, i*10, 10)
		out = append(out, r.prepare(w, int64(i+1))...)
	}
	r.must(r.committer(1).Commit(r.ctx, out))
	r.see(30)
}

func (Sink) subtasks(r *run) {
	var out [][]byte
	for restart := range 2 {
		for subtask := range 2 {
			w := r.writer(1, int64(restart), subtask)
			r.write(w, subtask*10, 10)
			if prepared := r.prepare(w, int64(restart+1)); restart == 1 { // the first was lost with its workers
				out = append(out, prepared...)
			}
			closed(r.t, w)
		}
	}
	r.must(r.committer(1).Commit(r.ctx, out))
	r.see(20)
}

func (Sink) zombie(r *run) {
	committed := r.prepared(0, 10)
	zombie := r.committer(1)
	asleep := r.writer(1, 0, 1)
	r.write(asleep, 100, 5)

	c := r.committer(2)
	r.must(c.Sweep(r.ctx, committed))
	r.must(c.Commit(r.ctx, committed))
	before := r.see(10)

	// It wakes: its checkpoint can never be complete, so all it may do is commit again what was complete before it slept.
	if _, err := asleep.Prepare(r.ctx, 2); err == nil {
		r.see(10)
	}
	closed(r.t, asleep)
	r.must(zombie.Commit(r.ctx, committed))
	r.see(10)
	r.same(before)
	r.must(r.committer(3).Sweep(r.ctx, nil))
	r.must(c.Forget(r.ctx, committed))
	r.staged(0)
	r.same(before)
}

func (Sink) zombieSweeps(r *run) {
	zombie := r.committer(1)
	w := r.writer(2, 0, 0)
	r.write(w, 0, 10)
	out := r.prepare(w, 5)
	closed(r.t, w)
	r.must(zombie.Sweep(r.ctx, nil))
	r.must(r.committer(2).Commit(r.ctx, out))
	r.see(10)
}

// ownSweeps sweeps as the runtime does, when the attempt's first commit is confirmed: later checkpoints may be staged by
// then, and rows that belong to none yet are with the writer. No live committable names either.
func (Sink) ownSweeps(r *run) {
	r.prepared(1000, 10) // of an attempt before, in no complete checkpoint
	w := r.writer(2, 0, 0)
	defer closed(r.t, w)
	r.write(w, 0, 10)
	out := r.prepare(w, 1)
	r.write(w, 10, 10)
	out = append(out, r.prepare(w, 2)...)
	r.write(w, 20, 10)
	c := r.committer(2)
	r.must(c.Sweep(r.ctx, nil))
	out = append(out, r.prepare(w, 3)...)
	r.must(c.Commit(r.ctx, out))
	r.see(30)
	r.must(c.Forget(r.ctx, out))
	r.staged(0)
}

// RunPlainSink tests a sink that has nothing to commit. newBatch returns a batch that it takes.
func RunPlainSink(t *testing.T, newSink func(t *testing.T) connector.Sink, newBatch func() *batch.Batch) {
	t.Run("it has no committer and prepares nothing", func(t *testing.T) {
		ctx := within(t)
		sink := newSink(t)
		c, err := sink.Committer(ctx, connector.CommitterContext{Job: testJob, UID: testUID, Attempt: 1})
		if c != nil || err != nil {
			t.Fatalf("committer %v, %v", c, err)
		}
		w, err := sink.Writer(ctx, connector.WriterContext{Job: testJob, UID: testUID, Attempt: 1, Parallelism: 1})
		if err != nil {
			t.Fatal(err)
		}
		for checkpoint := range int64(3) {
			if err := w.Write(ctx, newBatch()); err != nil {
				t.Fatal(err)
			}
			if out, err := w.Prepare(ctx, checkpoint+1); len(out) > 0 || err != nil {
				t.Errorf("%d committables, %v", len(out), err)
			}
		}
		closed(t, w)
	})
}
