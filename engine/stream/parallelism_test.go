package stream_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/stream"
)

// rescaled is a job of everything that rows go through, in which own says the parallelism of each operator in turn; 0: it is that of
// the job.
type rescaled struct {
	taps [2]*enginetest.Tap[reading]
	sink *enginetest.Ledger[chained]
}

const delayOfRescaled = 5

// graph is two sources, a Map, a Union, a FlatMap, a function that passes rows on, and chains.
func (j rescaled) graph(t *testing.T, own func() int) *stream.Graph {
	t.Helper()
	program := stream.New()
	var in [2]stream.Stream[reading]
	for i, tap := range j.taps {
		in[i] = owned(stream.FromEvents(program, fmt.Sprintf("readings %d", i), tap, func(r *reading) int64 { return r.At }, delayOfRescaled), own)
	}
	mapped := owned(stream.Map(in[0], func(r *reading, out *reading) { *out = *r }), own)
	all := owned(stream.Union("all", mapped, in[1]), own)
	flat := owned(stream.FlatMap(all, func(r *reading, emit func(reading)) { emit(*r) }), own)
	passed := owned(stream.Process(stream.KeyBy(flat, func(r *reading) int64 { return r.Key }), "pass", pass), own)
	kept := owned(stream.Filter(passed, func(*reading) bool { return true }), own)
	ordered := owned(stream.ProcessInOrder(stream.KeyBy(kept, func(r *reading) int64 { return r.Key }), "chains", chains), own)
	out := stream.To(ordered, "out", j.sink)
	if n := own(); n > 0 {
		out.Parallelism(n)
	}
	g, err := program.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func owned[T any](s stream.Stream[T], own func() int) stream.Stream[T] {
	if n := own(); n > 0 {
		return s.Parallelism(n)
	}
	return s
}

// pass emits each row, and keeps a state.
func pass(s *stream.Setup) stream.Functions[reading, reading] {
	seen := stream.ValueState[int64](s, "seen")
	return stream.Functions[reading, reading]{Row: func(c *stream.Context[reading], r *reading) error {
		*seen.Ref(c)++
		c.Emit(*r)
		return nil
	}}
}

// TestEveryOperatorMayHaveAParallelismOfItsOwn runs a job in pieces that end with an interrupt or a kill, and begins each with other
// numbers for each operator. Rows are processed in their order, each once, but for those that are late by their split.
func TestEveryOperatorMayHaveAParallelismOfItsOwn(t *testing.T) {
	const n, perSplit = 600, 150
	rows, inOrder, _ := lateRows(n, perSplit, delayOfRescaled)
	want := map[chained]int{}
	for _, rows := range inOrder {
		for _, r := range rows {
			want[r]++
		}
	}
	for seed := range uint64(8) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 21))
			j := rescaled{sink: enginetest.NewLedger[chained]()}
			for i := range j.taps {
				j.taps[i] = enginetest.NewTap(rows[i], perSplit)
			}
			own := func() int { return []int{0, 0, 1, 2, 3, 5}[r.IntN(6)] }
			cfg := config(t, 2)
			for open := 0; open < n; {
				open = min(n, open+1+r.IntN(n/2))
				cfg.Parallelism = 1 + r.IntN(4)
				j.piece(t, cfg, j.graph(t, own), open, open == n, r.IntN(3) == 0)
			}
			got := map[chained]int{}
			for _, c := range j.sink.Rows() {
				got[c]++
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%.2000s", diff)
			}
		})
	}
}

// piece runs the job until it has read what is open, or to its end.
func (j rescaled) piece(t *testing.T, cfg job.Config, g *stream.Graph, open int, end, kill bool) {
	t.Helper()
	before := [2]int{j.taps[0].Read(), j.taps[1].Read()}
	for _, tap := range j.taps {
		tap.Open(open)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	interrupt, started, ended := make(chan struct{}), make(chan *job.Handle, 1), make(chan error, 1)
	var result job.Result
	go func() {
		var err error
		result, err = job.Run(ctx, cfg, g, job.Options{Process: job.Process{Interrupt: interrupt}, Started: func(j *job.Handle) { started <- j }})
		ended <- err
	}()
	running := <-started
	if !end {
		waitFor(t, running, func(o rest.Job) bool {
			return o.State == rest.Running && (j.taps[0].Read() > before[0] || j.taps[1].Read() > before[1])
		})
		if kill {
			cancel()
		} else {
			close(interrupt)
		}
	}
	if err := <-ended; err != nil && !kill {
		t.Fatal(err)
	}
	if complete := result.Outcome == outcome.Completed; complete != end {
		t.Fatalf("opened for %d rows, the job ended as %v", open, result.Outcome)
	}
}

// TestTheSameRowsAreLateAtEveryParallelism: neither a function in between nor rows that change subtasks on a forward edge decide what is late.
func TestTheSameRowsAreLateAtEveryParallelism(t *testing.T) {
	const n, perSplit = 600, 150
	rows, _, late := lateRows(n, perSplit, delayOfRescaled)
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 22))
		j := rescaled{sink: enginetest.NewLedger[chained]()}
		for i := range j.taps {
			j.taps[i] = enginetest.NewTap(rows[i], perSplit)
			j.taps[i].Open(n)
		}
		g := j.graph(t, func() int { return []int{0, 1, 2, 3, 5}[r.IntN(5)] })
		var ran *job.Handle
		if _, err := job.Run(t.Context(), config(t, 1+int(seed%3)), g, job.Options{Started: func(j *job.Handle) { ran = j }}); err != nil {
			t.Fatal(err)
		}
		if got := ran.Overview().RecordsLate; got != late {
			t.Errorf("seed %d: %d rows were late, want %d", seed, got, late)
		}
	}
}

func TestASnapshotSaysTheParallelismOfEachOperator(t *testing.T) {
	rows, _ := readings(100)
	j := rescaled{sink: enginetest.NewLedger[chained]()}
	for i := range j.taps {
		j.taps[i] = enginetest.NewTap(rows, len(rows))
	}
	next := 0
	g := j.graph(t, func() int {
		next++
		return map[int]int{1: 2, 3: 4, 6: 5, 9: 1}[next]
	})
	cfg := config(t, 3)
	started, ended := make(chan *job.Handle, 1), make(chan error, 1)
	go func() {
		_, err := job.Run(t.Context(), cfg, g, job.Options{Started: func(j *job.Handle) { started <- j }})
		ended <- err
	}()
	running := <-started
	waitFor(t, running, func(o rest.Job) bool { return o.State == rest.Running })
	want := map[string]int{
		"readings 0": 2, "readings 1": 3, "readings 0/map.1": 4, "all": 3, "all/flatmap.1": 3, "all/flatmap.1/key.1": 3, "pass": 5, "pass/filter.1": 3,
		"pass/filter.1/key.1": 3, "pass/filter.1/key.1/late.1": 3, "chains": 3, "out": 1,
	}
	got := map[string]int{}
	for _, o := range running.Operators() {
		got[o.UID] = o.Parallelism
		if len(o.Subtasks) != o.Parallelism {
			t.Errorf("operator %s has %d subtasks, and a parallelism of %d", o.UID, len(o.Subtasks), o.Parallelism)
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("the API (-want +got):\n%s", diff)
	}
	for _, tap := range j.taps {
		tap.Open(len(rows))
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	folders, err := filepath.Glob(filepath.Join(cfg.Storage, cfg.Job, "chk-*"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("%d checkpoints: %v", len(folders), err)
	}
	snap, err := snapshot.OpenSnapshot(t.Context(), folders[len(folders)-1])
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	if p := snap.Metadata.Parallelism; p != 3 {
		t.Errorf("the snapshot is of a job with parallelism %d, want 3", p)
	}
	got = map[string]int{}
	for _, o := range snap.Metadata.Operators {
		got[o.UID] = o.Parallelism
		if len(o.Subtasks) != o.Parallelism {
			t.Errorf("operator %s has %d parts, and a parallelism of %d", o.UID, len(o.Subtasks), o.Parallelism)
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("the snapshot (-want +got):\n%s", diff)
	}
}

func TestAParallelismThatCannotBeIsRefused(t *testing.T) {
	for n, want := range map[int]string{0: "operator readings: its parallelism is 0", -1: "is not positive", 33: "room for 32 subtasks", math.MaxInt: "room for 32"} {
		j := stream.New()
		in := stream.From[reading](j, "readings", enginetest.Of([]reading{{}})).Parallelism(n)
		stream.To(in, "out", enginetest.NewLedger[reading]())
		g, err := j.Graph()
		if err == nil {
			_, err = job.Run(t.Context(), config(t, 1), g, job.Options{})
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parallelism %d: got %v, want %q", n, err, want)
		}
	}
}
