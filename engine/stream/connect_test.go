package stream_test

import (
	"fmt"
	"io/fs"
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

// bid and sale are rows of two streams.
type bid struct {
	Key string
	N   int64
	At  int64
}

type sale struct {
	Key   string
	Price float64
	At    int64
}

// inPieces runs a job of two taps to its end: each time both are opened a bit further, the job is interrupted and begun again
// at another parallelism.
func inPieces[A, B any](t *testing.T, g *stream.Graph, a *enginetest.Tap[A], b *enginetest.Tap[B], all int) *job.Handle {
	t.Helper()
	cfg := config(t, 2)
	var last *job.Handle
	for i, open := range []int{all / 7, all / 3, all/3 + 1, all / 2, all - 1, all} {
		a.Open(open)
		b.Open(open)
		cfg.Parallelism = []int{2, 3, 1, 5}[i%4]
		interrupt, started, ended := make(chan struct{}), make(chan *job.Handle, 1), make(chan error, 1)
		var result job.Result
		go func() {
			var err error
			result, err = job.Run(t.Context(), cfg, g, job.Options{Process: job.Process{Interrupt: interrupt}, Started: func(j *job.Handle) { started <- j }})
			ended <- err
		}()
		last = <-started
		if open < all {
			waitFor(t, last, func(o rest.Job) bool { return a.Read() >= open && b.Read() >= open && o.State == rest.Running })
			close(interrupt)
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if complete := result.Outcome == outcome.Completed; complete != (open == all) {
			t.Fatalf("opened for %d rows, the job ended as %v", open, result.Outcome)
		}
	}
	return last
}

func TestRowsOfTwoStreamsMeetInTheStateOfTheirKey(t *testing.T) {
	const all = 1000
	var bids []bid
	var sales []sale
	want := map[string]string{}
	bidden, sold := map[string]int64{}, map[string]float64{}
	for i := range all {
		key := fmt.Sprintf("k%d", i%23)
		bids = append(bids, bid{Key: key, N: int64(i)})
		sales = append(sales, sale{Key: fmt.Sprintf("k%d", i%29), Price: float64(i) / 4})
		bidden[key] += int64(i)
		sold[sales[i].Key] += sales[i].Price
	}
	for key := range sold {
		want[key] = fmt.Sprintf("%d bidden, sold for %v", bidden[key], sold[key])
	}
	j := stream.New()
	bidTap, saleTap := enginetest.NewTap(bids, 300), enginetest.NewTap(sales, 170)
	byBidder := stream.KeyBy(stream.From[bid](j, "bids", bidTap), func(b *bid) string { return b.Key })
	bySeller := stream.KeyBy(stream.From[sale](j, "sales", saleTap), func(s *sale) string { return s.Key })
	sink := enginetest.NewLedger[told]()
	stream.To(stream.CoProcess(byBidder, bySeller, "both", func(s *stream.Setup) stream.CoFunctions[bid, sale, told] {
		n := stream.ValueState[int64](s, "bidden")
		price := stream.ReducingState(s, "sold", stream.Fixed[float64](), func(a, b float64) float64 { return a + b })
		key := stream.EncodedState(s, "key", stream.Text[string]())
		return stream.CoFunctions[bid, sale, told]{
			First: func(c *stream.Context[told], b *bid) error {
				*n.Ref(c) += b.N
				c.Timer(1)
				key.Put(c, b.Key)
				return nil
			},
			Second: func(c *stream.Context[told], s *sale) error {
				price.Add(c, s.Price)
				c.Timer(1)
				key.Put(c, s.Key)
				return nil
			},
			OnTimer: func(c *stream.Context[told], _ int64) error { // once, when event time ends
				k, _ := key.Get(c)
				p, _ := price.Get(c)
				c.Emit(told{k, fmt.Sprintf("%d bidden, sold for %v", *n.Ref(c), p)})
				return nil
			},
		}
	}), "out", sink)
	g := graphOf(t, j)
	inPieces(t, g, bidTap, saleTap, all)
	got := map[string]string{}
	for _, row := range sink.Rows() {
		if before, twice := got[row.Key]; twice {
			t.Errorf("%s is told twice: %s, then %s", row.Key, before, row.State)
		}
		got[row.Key] = row.State
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStreamsOfTwoJobsAreNotConnected(t *testing.T) {
	a := stream.KeyBy(stream.From[bid](stream.New(), "bids", enginetest.Of([]bid{{}})), func(b *bid) string { return b.Key })
	j := stream.New()
	b := stream.KeyBy(stream.From[bid](j, "bids", enginetest.Of([]bid{{}})), func(b *bid) string { return b.Key })
	stream.To(stream.CoProcess(b, a, "both", func(*stream.Setup) stream.CoFunctions[bid, bid, bid] {
		nothing := func(*stream.Context[bid], *bid) error { return nil }
		return stream.CoFunctions[bid, bid, bid]{First: nothing, Second: nothing}
	}), "out", enginetest.NewLedger[bid]())
	if _, err := j.Graph(); err == nil || !strings.Contains(err.Error(), "operator both: the streams belong to different jobs") {
		t.Errorf("got %v", err)
	}
}

// pair is what a bid and a sale give.
type pair struct {
	Key   string
	Bid   int64
	Price float64
	At    int64
}

// auctions are rows of two streams in splits of so many, of which some are late by the watermark of their split, and some are
// there twice.
func auctions(n, perSplit int, delay int64) (bids []bid, sales []sale, onTime func(i int, times []int64) bool) {
	r := rand.New(rand.NewPCG(3, 5))
	at := func(i int) int64 { return int64(i%perSplit)*2 - r.Int64N(delay+3) }
	for i := range n {
		bids = append(bids, bid{Key: fmt.Sprintf("k%d", r.IntN(6)), N: r.Int64N(4), At: at(i)})
		sales = append(sales, sale{Key: fmt.Sprintf("k%d", r.IntN(7)), Price: float64(r.IntN(3)), At: at(i)})
		if i > 0 && r.IntN(9) == 0 && i%perSplit > 0 {
			bids[i], sales[i] = bids[i-1], sales[i-1]
		}
	}
	return bids, sales, func(i int, times []int64) bool {
		highest := int64(math.MinInt64 / 2)
		for k := i - i%perSplit; k < i; k++ {
			highest = max(highest, times[k])
		}
		return times[i] > highest-delay
	}
}

// nestedLoop is the join of all that comes in time, and how many rows do not.
func nestedLoop(bids []bid, sales []sale, within stream.Interval, onTime func(int, []int64) bool) (out []pair, late int64) {
	var bidTimes, saleTimes []int64
	for i := range bids {
		bidTimes, saleTimes = append(bidTimes, bids[i].At), append(saleTimes, sales[i].At)
	}
	for i, b := range bids {
		if !onTime(i, bidTimes) {
			late++
			continue
		}
		for k, s := range sales {
			if b.Key == s.Key && s.At >= b.At+within.Lower && s.At <= b.At+within.Upper && onTime(k, saleTimes) {
				out = append(out, pair{b.Key, b.N, s.Price, max(b.At, s.At)})
			}
		}
	}
	for k := range sales {
		if !onTime(k, saleTimes) {
			late++
		}
	}
	return out, late
}

func joined(t *testing.T, bids *enginetest.Tap[bid], sales *enginetest.Tap[sale], within stream.Interval, delay int64) (*stream.Graph, *enginetest.Ledger[pair]) {
	t.Helper()
	j := stream.New()
	byBidder := stream.KeyBy(stream.FromEvents(j, "bids", bids, func(b *bid) int64 { return b.At }, delay), func(b *bid) string { return b.Key })
	bySeller := stream.KeyBy(stream.FromEvents(j, "sales", sales, func(s *sale) int64 { return s.At }, delay), func(s *sale) string { return s.Key })
	pairs := stream.IntervalJoin(byBidder, bySeller, "auctions", within, stream.JSON[bid](), stream.JSON[sale](), func(b *bid, s *sale, out *pair) {
		out.Key, out.Bid, out.Price = b.Key, b.N, s.Price
	})
	// The time of a pair is seen by whoever has timers.
	sink := enginetest.NewLedger[pair]()
	byKey := stream.KeyBy(pairs, func(p *pair) string { return p.Key })
	stream.To(stream.Process(byKey, "time", func(*stream.Setup) stream.Functions[pair, pair] {
		return stream.Functions[pair, pair]{Row: func(c *stream.Context[pair], p *pair) error {
			out := *p
			out.At = c.Time()
			c.Emit(out)
			return nil
		}}
	}), "out", sink)
	g := graphOf(t, j)
	return g, sink
}

// counted are rows in any order.
func counted(rows []pair) map[pair]int {
	out := map[pair]int{}
	for _, r := range rows {
		out[r]++
	}
	return out
}

func TestAnIntervalJoinIsANestedLoopOverWhatComesInTime(t *testing.T) {
	const all = 800
	for _, within := range []stream.Interval{
		{Lower: 0, Upper: 0}, {Lower: -20, Upper: 35}, {Lower: 10, Upper: 200}, {Lower: -150, Upper: -60}, {Lower: math.MinInt64, Upper: math.MaxInt64},
	} {
		t.Run(fmt.Sprintf("%d to %d", within.Lower, within.Upper), func(t *testing.T) {
			bids, sales, onTime := auctions(all, 270, 8)
			sane := within // beside which a plain loop does not overflow
			sane.Lower, sane.Upper = max(sane.Lower, -1<<40), min(sane.Upper, 1<<40)
			want, late := nestedLoop(bids, sales, sane, onTime)
			if late == 0 || len(want) == 0 {
				t.Fatal("nothing is late, or nothing is joined")
			}
			for _, parallelism := range []int{1, 3} {
				bidTap, saleTap := enginetest.NewTap(bids, 270), enginetest.NewTap(sales, 270)
				bidTap.Open(all)
				saleTap.Open(all)
				g, sink := joined(t, bidTap, saleTap, within, 8)
				var ran *job.Handle
				cfg := config(t, parallelism)
				cfg.WholeCheckpoints = true // so that the size of the newest is that of what it holds
				if _, err := job.Run(t.Context(), cfg, g, job.Options{Started: func(j *job.Handle) { ran = j }}); err != nil {
					t.Fatal(err)
				}
				const header = 64 // of a file of state that holds nothing
				if bytes := stateBytes(t, cfg.Storage, "auctions"); bytes > header*int64(parallelism) && within.Upper != math.MaxInt64 {
					t.Errorf("parallelism %d: %d bytes of rows are left for which no partner can come", parallelism, bytes)
				}
				if diff := gocmp.Diff(counted(want), counted(sink.Rows())); diff != "" {
					t.Errorf("parallelism %d (-want +got):\n%s", parallelism, diff)
				}
				if got := ran.Overview().RecordsLate; got != late {
					t.Errorf("parallelism %d: %d rows were late, want %d", parallelism, got, late)
				}
			}
			bidTap, saleTap := enginetest.NewTap(bids, 270), enginetest.NewTap(sales, 270)
			g, sink := joined(t, bidTap, saleTap, within, 8)
			inPieces(t, g, bidTap, saleTap, all)
			if diff := gocmp.Diff(counted(want), counted(sink.Rows())); diff != "" {
				t.Errorf("with restarts (-want +got):\n%s", diff)
			}
		})
	}
}

// stateBytes is the size of an operator's state in the newest checkpoint below a folder.
func stateBytes(t *testing.T, folder, uid string) int64 {
	t.Helper()
	newest, bytes := int64(-1), int64(-1)
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "_metadata" {
			return err
		}
		s, err := snapshot.OpenSnapshot(t.Context(), filepath.Dir(path))
		if err != nil {
			return err
		}
		defer s.Close()
		for _, o := range s.Inspect().Operators {
			if o.UID == uid && s.Metadata.ID > newest {
				newest, bytes = s.Metadata.ID, o.StateBytes
			}
		}
		return nil
	})
	if err != nil || newest < 0 {
		t.Fatalf("no checkpoint has operator %s: %v", uid, err)
	}
	return bytes
}

func TestAnIntervalJoinIsRefusedWhereItCannotBeExact(t *testing.T) {
	build := func(within stream.Interval) (*stream.Graph, error) {
		j := stream.New()
		bids := stream.KeyBy(stream.From[bid](j, "bids", enginetest.Of([]bid{{}})), func(b *bid) string { return b.Key })
		sales := stream.KeyBy(stream.From[sale](j, "sales", enginetest.Of([]sale{{}})), func(s *sale) string { return s.Key })
		stream.To(stream.IntervalJoin(bids, sales, "auctions", within, stream.JSON[bid](), stream.JSON[sale](), func(*bid, *sale, *pair) {}),
			"out", enginetest.NewLedger[pair]())
		return j.Graph()
	}
	if _, err := build(stream.Interval{Lower: 2, Upper: 1}); err == nil || !strings.Contains(err.Error(), "operator auctions: the interval from 2 to 1 ms is empty") {
		t.Errorf("an empty interval: %v", err)
	}
	g, err := build(stream.Interval{Lower: 1, Upper: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := job.Run(t.Context(), config(t, 1), g, job.Options{}); err == nil || !strings.Contains(err.Error(), "its rows have no event time; read the source with FromEvents") {
		t.Errorf("without event time the job ended with %v", err)
	}
	for _, upper := range []int64{200, 300} {
		g, err := build(stream.Interval{Lower: 1, Upper: upper})
		if err != nil {
			t.Fatal(err)
		}
		all := ""
		for _, n := range g.Nodes {
			all += n.Fingerprint + "\n"
		}
		if want := fmt.Sprintf("interval from 1 to %d ms\n", upper); !strings.Contains(all, want) {
			t.Errorf("no fingerprint says %q", want)
		}
	}
}

func TestFlatMapGivesAnyNumberOfRowsWithTheTimeOfTheirs(t *testing.T) {
	var words []word
	want := map[count]int{}
	for i := range 500 {
		w := word{Text: strings.Repeat(fmt.Sprintf("w%d ", i%7), i%4), At: int64(i)}
		words = append(words, w)
		for _, text := range strings.Fields(w.Text) {
			want[count{Text: text, At: w.At}]++
		}
	}
	j := stream.New()
	lines := stream.FromEvents(j, "lines", enginetest.Of(words), func(w *word) int64 { return w.At }, 0)
	single := stream.FlatMap(lines, func(w *word, emit func(word)) {
		for _, text := range strings.Fields(w.Text) {
			emit(word{Text: text})
		}
	})
	sink := enginetest.NewLedger[count]()
	stream.To(stream.Process(stream.KeyBy(single, func(w *word) string { return w.Text }), "times", func(*stream.Setup) stream.Functions[word, count] {
		return stream.Functions[word, count]{Row: func(c *stream.Context[count], w *word) error {
			c.Emit(count{Text: w.Text, At: c.Time()})
			return nil
		}}
	}), "out", sink)
	run(t, j, 2)
	got := map[count]int{}
	for _, c := range sink.Rows() {
		got[c]++
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A row that is late by its split is late behind a FlatMap, too.
func TestFlatMapKeepsWhatSaysThatARowIsLate(t *testing.T) {
	rows := []reading{{At: 100, V: 1}, {At: 90, V: 2}, {At: 102, V: 3}}
	j := stream.New()
	in := stream.FromEvents(j, "readings", enginetest.Of(rows), func(r *reading) int64 { return r.At }, 1)
	twice := stream.FlatMap(in, func(r *reading, emit func(reading)) {
		emit(*r)
		emit(*r)
	})
	sink := enginetest.NewLedger[chained]()
	stream.To(stream.ProcessInOrder(stream.KeyBy(twice, func(r *reading) int64 { return r.Key }), "chains", chains), "out", sink)
	g, err := j.Graph()
	if err != nil {
		t.Fatal(err)
	}
	var ran *job.Handle
	if _, err := job.Run(t.Context(), config(t, 1), g, job.Options{Started: func(j *job.Handle) { ran = j }}); err != nil {
		t.Fatal(err)
	}
	if late := ran.Overview().RecordsLate; late != 2 {
		t.Errorf("%d rows were late, want 2", late)
	}
}

func TestAnAggregatingStateHasItsResult(t *testing.T) {
	type sum struct{ N, Total int64 }
	var rows []bid
	for i := range 300 {
		rows = append(rows, bid{Key: fmt.Sprint(i % 3), N: int64(i)})
	}
	j := stream.New()
	sink := enginetest.NewLedger[told]()
	byKey := stream.KeyBy(stream.From[bid](j, "bids", enginetest.Of(rows)), func(b *bid) string { return b.Key })
	stream.To(stream.Process(byKey, "mean", func(s *stream.Setup) stream.Functions[bid, told] {
		mean := stream.AggregatingState(s, "mean", stream.Fixed[sum](),
			func(a sum, n int64) sum { return sum{a.N + 1, a.Total + n} },
			func(a sum) float64 { return float64(a.Total) / float64(a.N) })
		return stream.Functions[bid, told]{Row: func(c *stream.Context[told], b *bid) error {
			if _, found := mean.Get(c); found != (b.N >= 3 && b.N != 150 && b.N != 151 && b.N != 152) {
				t.Errorf("before %d there is a mean: %v", b.N, found)
			}
			mean.Add(c, b.N)
			if b.N == 299 || b.N == 298 || b.N == 297 {
				m, _ := mean.Get(c)
				c.Emit(told{b.Key, fmt.Sprint(m)})
			}
			if b.N >= 147 && b.N < 150 {
				mean.Clear(c)
			}
			return nil
		}}
	}), "out", sink)
	run(t, j, 2)
	got := map[string]string{}
	for _, r := range sink.Rows() {
		got[r.Key] = r.State
	}
	want := map[string]string{"0": "223.5", "1": "224.5", "2": "225.5"} // of what came since it was cleared
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
