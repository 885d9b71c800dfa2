package stream_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/stream"
)

// reading has bytes between its fields that belong to none.
type reading struct {
	Hot  bool
	Key  int64
	V    int32
	At   int64
	Last bool
}

// chained is the state of a key after a row, or at a timer: what it is depends on the order of all rows before.
type chained struct{ Key, At, Chain, Timers int64 }

// chains is a function to which the order of rows matters, and that of timers among them.
func chains(s *stream.Setup) stream.Functions[reading, chained] {
	state := stream.ValueState[chained](s, "chain")
	return stream.Functions[reading, chained]{
		Row: func(c *stream.Context[chained], r *reading) error {
			k := state.Ref(c)
			*k = k.after(*r)
			c.Timer(r.At/50*50 + 50)
			c.Emit(*k)
			return nil
		},
		OnTimer: func(c *stream.Context[chained], ms int64) error {
			k := state.Ref(c)
			k.Timers, k.At, k.Chain = k.Timers+1, ms, k.Chain*7+ms
			c.Emit(*k)
			return nil
		},
	}
}

func (k chained) after(r reading) chained {
	return chained{Key: r.Key, At: r.At, Chain: k.Chain*31 + int64(r.V), Timers: k.Timers}
}

// oneByOne is what chains gives for the rows of one key, in order.
func oneByOne(rows []reading) (out []chained) {
	var k chained
	due := []int64{}
	fire := func(before int64) {
		for len(due) > 0 && due[0] < before {
			k.Timers, k.At, k.Chain = k.Timers+1, due[0], k.Chain*7+due[0]
			out, due = append(out, k), due[1:]
		}
	}
	for _, r := range rows {
		fire(r.At)
		k = k.after(r)
		out = append(out, k)
		if at := r.At/50*50 + 50; !slices.Contains(due, at) {
			due = append(due, at)
		}
	}
	fire(1 << 40)
	return out
}

// readings are in order in each of two splits, and mixed between them.
func readings(n int) (rows []reading, want map[int64][]chained) {
	r := rand.New(rand.NewPCG(7, 11))
	for range 2 {
		at := int64(0)
		for range n / 2 {
			at += r.Int64N(4)
			rows = append(rows, reading{Hot: r.IntN(2) == 0, Key: r.Int64N(5), V: r.Int32N(100), At: at})
		}
	}
	ofKey := map[int64][]reading{}
	for _, row := range rows {
		ofKey[row.Key] = append(ofKey[row.Key], row)
	}
	want = map[int64][]chained{}
	for key, rows := range ofKey {
		// Rows of one time are in the order of their bytes, little endian: Hot stands first, then Key, then V.
		slices.SortStableFunc(rows, func(a, b reading) int {
			hot := map[bool]int{true: 1}
			return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(hot[a.Hot], hot[b.Hot]), cmp.Compare(a.V, b.V))
		})
		want[key] = oneByOne(rows)
	}
	return rows, want
}

func inOrder(t *testing.T, rows *enginetest.Tap[reading], delay int64) (*stream.Graph, *enginetest.Ledger[chained]) {
	t.Helper()
	j := stream.New()
	in := stream.FromEvents(j, "readings", rows, func(r *reading) int64 { return r.At }, delay)
	byKey := stream.KeyBy(in, func(r *reading) int64 { return r.Key })
	sink := enginetest.NewLedger[chained]()
	stream.To(stream.ProcessInOrder(byKey, "chains", chains), "out", sink)
	g := graphOf(t, j)
	return g, sink
}

func config(t *testing.T, parallelism int) job.Config {
	return job.Config{
		Job: "ordered", Owner: "test", Storage: t.TempDir(), MaxParallelism: 32,
		Settings: job.Settings{
			Parallelism: parallelism,
			Interval:    5 * time.Millisecond,
			Timeout:     time.Minute,
			Retained:    2,
			Restart:     job.Restart{InitialDelay: time.Millisecond, MaxDelay: time.Second, ResetAfter: time.Hour},
		},
	}
}

func byKey(rows []chained) map[int64][]chained {
	out := map[int64][]chained{}
	for _, r := range rows {
		out[r.Key] = append(out[r.Key], r)
	}
	return out
}

func TestRowsOfAKeyAreProcessedInTheOrderOfTheirTimeWhateverSplitTheyComeFrom(t *testing.T) {
	rows, want := readings(2000)
	for _, parallelism := range []int{1, 2, 3} {
		tap := enginetest.NewTap(rows, len(rows)/2)
		tap.Open(len(rows))
		g, sink := inOrder(t, tap, 1)
		if _, err := job.Run(t.Context(), config(t, parallelism), g, job.Options{}); err != nil {
			t.Fatal(err)
		}
		// A timer's row comes between those of the rows: the sink has one subtask for each key.
		if diff := gocmp.Diff(want, byKey(sink.Rows())); diff != "" {
			t.Errorf("parallelism %d (-want +got):\n%s", parallelism, diff)
		}
	}
}

func TestRowsThatWaitAreStateThatSurvivesRestartsAndRescales(t *testing.T) {
	rows, want := readings(3000)
	tap := enginetest.NewTap(rows, len(rows)/2)
	g, sink := inOrder(t, tap, 1)
	cfg := config(t, 2)
	// The second split is opened bit by bit: each time some rows of the first have their turn, and others wait on.
	for i, open := range []int{900, 1500, 1700, 2100, 2101, 2900, 3000} {
		tap.Open(open)
		cfg.Parallelism = []int{2, 3, 1, 5}[i%4]
		interrupt := make(chan struct{})
		started := make(chan *job.Handle, 1)
		ended := make(chan error, 1)
		var result job.Result
		go func() {
			r, err := job.Run(t.Context(), cfg, g, job.Options{Process: job.Process{Interrupt: interrupt}, Started: func(j *job.Handle) { started <- j }})
			result = r
			ended <- err
		}()
		running := <-started
		if open < len(rows) {
			waitFor(t, running, func(o rest.Job) bool { return tap.Read() >= open && o.State == rest.Running })
			close(interrupt)
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if complete := result.Outcome == outcome.Completed; complete != (open == len(rows)) {
			t.Fatalf("opened for %d rows, the job ended as %v", open, result.Outcome)
		}
	}
	if diff := gocmp.Diff(want, byKey(sink.Rows())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRestoredRowsHaveTheirTurnThoughNoOtherComes(t *testing.T) {
	// The delay lets all rows wait. After the restore there is nothing more to read, so that only they are left.
	rows, want := readings(200)
	tap := enginetest.NewTap(rows, len(rows)/2)
	tap.Open(len(rows) - 1) // the last split does not end
	g, sink := inOrder(t, tap, 1<<30)
	cfg := config(t, 2)
	interrupt, started, ended := make(chan struct{}), make(chan *job.Handle, 1), make(chan error, 1)
	go func() {
		_, err := job.Run(t.Context(), cfg, g, job.Options{Process: job.Process{Interrupt: interrupt}, Started: func(j *job.Handle) { started <- j }})
		ended <- err
	}()
	waitFor(t, <-started, func(o rest.Job) bool { return tap.Read() >= len(rows)-1 && o.State == rest.Running })
	close(interrupt)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if n := len(sink.Rows()); n != 0 {
		t.Fatalf("%d rows did not wait", n)
	}
	tap.Open(len(rows))
	cfg.Parallelism = 5 // some subtasks get no row but the restored ones
	if _, err := job.Run(t.Context(), cfg, g, job.Options{}); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, byKey(sink.Rows())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func waitFor(t *testing.T, j *job.Handle, fact func(rest.Job) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !fact(j.Overview()) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the job stays at %+v", j.Overview())
		}
	}
}

func TestARowBehindItsSplitsWatermarkIsLateAndOneAtTheSameTimeNeedsADelay(t *testing.T) {
	rows := []reading{{At: 100, V: 1}, {At: 100, V: 2}, {At: 90, V: 3}, {At: 99, V: 4}, {At: 101, V: 5}}
	for delay, want := range map[int64]int{0: 2, 1: 3, 2: 4, 20: 5} {
		tap := enginetest.Of(rows)
		g, sink := inOrder(t, tap, delay)
		var ran *job.Handle
		if _, err := job.Run(t.Context(), config(t, 1), g, job.Options{Started: func(j *job.Handle) { ran = j }}); err != nil {
			t.Fatal(err)
		}
		late := ran.Overview().RecordsLate
		timers := int64(0)
		for _, c := range sink.Rows() {
			timers = max(timers, c.Timers)
		}
		n := len(sink.Rows()) - int(timers)
		if n != want || late != int64(len(rows)-want) {
			t.Errorf("delay %d: %d rows were processed and %d late, want %d", delay, n, late, want)
		}
	}
}

func TestWhatCannotBePutInOrderIsRefused(t *testing.T) {
	j := stream.New()
	words := stream.FromEvents(j, "words", enginetest.Of([]word{{"a", 1}}), func(w *word) int64 { return w.At }, 0)
	nothing := func(*stream.Setup) stream.Functions[word, count] {
		return stream.Functions[word, count]{Row: func(*stream.Context[count], *word) error { return nil }}
	}
	stream.To(stream.ProcessInOrder(stream.KeyBy(words, func(w *word) string { return w.Text }), "ordered", nothing), "out", enginetest.NewLedger[count]())
	const want = "operator ordered: rows that wait for their turn are state: field Text: a string cannot be state"
	if _, err := j.Graph(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}

	j = stream.New()
	in := stream.From[reading](j, "readings", enginetest.Of([]reading{{At: 1}}))
	stream.To(stream.ProcessInOrder(stream.KeyBy(in, func(r *reading) int64 { return r.Key }), "ordered", chains), "out", enginetest.NewLedger[chained]())
	g := graphOf(t, j)
	if _, err := job.Run(t.Context(), config(t, 1), g, job.Options{}); err == nil || !strings.Contains(err.Error(), "its rows have no event time; read the source with FromEvents") {
		t.Errorf("without event time the job ended with %v", err)
	}
}

// lateRows are two streams in order but for some rows that are late by the watermark of their own split, in splits of so many.
func lateRows(n, perSplit int, delay int64) (rows [2][]reading, want map[int64][]chained, late int64) {
	r := rand.New(rand.NewPCG(3, 9))
	ofKey := map[int64][]reading{}
	for s := range rows {
		var highest int64
		for i := range n {
			if i%perSplit == 0 {
				highest = math.MinInt64 + delay
			}
			row := reading{Key: r.Int64N(5), V: r.Int32N(100), At: int64(i*2) + r.Int64N(40)}
			rows[s] = append(rows[s], row)
			if row.At <= highest-delay {
				late++
			} else {
				ofKey[row.Key] = append(ofKey[row.Key], row)
			}
			highest = max(highest, row.At)
		}
	}
	want = map[int64][]chained{}
	for key, rows := range ofKey {
		slices.SortStableFunc(rows, func(a, b reading) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.V, b.V)) })
		want[key] = oneByOne(rows)
	}
	return rows, want, late
}

// Behind a Union, too, a row is late by the watermark of its own split, however far the other streams are.
func TestTheSameRowsAreLateBehindAUnion(t *testing.T) {
	const n, perSplit, delay = 600, 150, 5
	rows, want, late := lateRows(n, perSplit, delay)
	if late == 0 {
		t.Fatal("nothing is late")
	}
	for _, parallelism := range []int{1, 2, 3} {
		j := stream.New()
		in := make([]stream.Stream[reading], 2)
		for i := range in {
			tap := enginetest.NewTap(rows[i], perSplit)
			tap.Open(n)
			in[i] = stream.FromEvents(j, fmt.Sprintf("readings %d", i), tap, func(r *reading) int64 { return r.At }, delay)
		}
		byKeys := stream.KeyBy(stream.Union("all", in[0], in[1]), func(r *reading) int64 { return r.Key })
		sink := enginetest.NewLedger[chained]()
		stream.To(stream.ProcessInOrder(byKeys, "chains", chains), "out", sink)
		g, err := j.Graph()
		if err != nil {
			t.Fatal(err)
		}
		var ran *job.Handle
		if _, err := job.Run(t.Context(), config(t, parallelism), g, job.Options{Started: func(j *job.Handle) { ran = j }}); err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(want, byKey(sink.Rows())); diff != "" {
			t.Errorf("parallelism %d (-want +got):\n%.2000s", parallelism, diff)
		}
		if got := ran.Overview().RecordsLate; got != late {
			t.Errorf("parallelism %d: %d rows were late, want %d", parallelism, got, late)
		}
	}
}
