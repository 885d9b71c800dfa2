package stream_test

import (
	"cmp"
	cryptorand "crypto/rand"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/stateview"
	"github.com/weirstream/weir/engine/stream"
)

// click is a row of the streams that windows are tested with.
type click struct {
	Key int64
	N   int64
	At  int64
}

// clicks are rows in two splits, in some disorder, each with the watermark of its split before it.
func clicks(n, perSplit int, delay int64) (rows []click, marks []int64) {
	r := rand.New(rand.NewPCG(5, 1))
	highest := int64(math.MinInt64)
	for i := range n {
		if i%perSplit == 0 {
			highest = math.MinInt64 + delay
		}
		at := int64(i%perSplit)*10 + r.Int64N(200)
		if i%perSplit/150%2 == 1 { // with pauses, after which sessions begin
			at = int64(i%perSplit/150)*1500 + r.Int64N(200)
		}
		rows = append(rows, click{Key: r.Int64N(7), N: int64(i), At: at})
		marks = append(marks, highest-delay)
		highest = max(highest, at)
	}
	return rows, marks
}

// sum is the accumulator of the tests, and their result.
type sum struct {
	Key, Start, End, Rows, N int64
}

func addClick(acc sum, c *click) sum {
	acc.Key, acc.Rows, acc.N = c.Key, acc.Rows+1, acc.N+c.N
	return acc
}

var sums = stream.Aggregator[click, sum, sum]{
	Add: addClick,
	Merge: func(a, b sum) sum {
		a.Rows, a.N = a.Rows+b.Rows, a.N+b.N
		return a
	},
	Result: func(c *stream.Context[sum], w stream.TimeWindow, acc sum) error {
		acc.Start, acc.End = w.Start, w.End
		if c.Time() != w.End-1 {
			return fmt.Errorf("the result of a window that ends at %d has the time %d", w.End, c.Time())
		}
		c.Emit(acc)
		return nil
	},
}

// windowModel is what windows come to, with a plain loop.
func windowModel(rows []click, marks []int64, size, slide, lateness int64) (want []sum, late []click) {
	windows := map[[2]int64]sum{}
	for i, row := range rows {
		found := false
		first := row.At - (row.At%slide+slide)%slide
		for start := first; start > row.At-size; start -= slide {
			if start+size-1+lateness <= marks[i] {
				continue
			}
			found = true
			at := [2]int64{row.Key, start}
			acc := addClick(windows[at], &row)
			acc.Start, acc.End = start, start+size
			windows[at] = acc
		}
		if !found {
			late = append(late, row)
		}
	}
	for _, acc := range windows {
		want = append(want, acc)
	}
	return want, late
}

// sessionModel is what sessions come to, from rows in order.
func sessionModel(rows []click, marks []int64, gap, lateness int64) (want []sum, late []click) {
	byKey := map[int64][]click{}
	for i, row := range rows {
		if row.At+lateness <= marks[i] {
			late = append(late, row)
			continue
		}
		byKey[row.Key] = append(byKey[row.Key], row)
	}
	for _, rows := range byKey {
		slices.SortFunc(rows, func(a, b click) int { return cmp.Compare(a.At, b.At) })
		acc := sum{Start: rows[0].At, End: rows[0].At}
		for i := range rows {
			if i > 0 && rows[i].At > acc.End {
				want = append(want, acc)
				acc = sum{Start: rows[i].At}
			}
			acc = addClick(acc, &rows[i])
			acc.End = rows[i].At + gap
		}
		want = append(want, acc)
	}
	return want, late
}

func bySum(a, b sum) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), cmp.Compare(a.Rows, b.Rows))
}

// inRuns runs a job of a tap to its end in several runs, at a parallelism each, and returns the last one's result.
func inRuns[T any](t *testing.T, g *stream.Graph, tap *enginetest.Tap[T], pieces ...int) job.Result {
	t.Helper()
	cfg := config(t, 2)
	var result job.Result
	for i, open := range pieces {
		tap.Open(open)
		cfg.Parallelism = []int{2, 3, 1, 5}[i%4]
		interrupt, started, ended := make(chan struct{}), make(chan *job.Handle, 1), make(chan error, 1)
		go func() {
			var err error
			result, err = job.Run(t.Context(), cfg, g, job.Options{Process: job.Process{Interrupt: interrupt}, Started: func(j *job.Handle) { started <- j }})
			ended <- err
		}()
		last := i == len(pieces)-1
		if !last {
			waitFor(t, <-started, func(o rest.Job) bool { return tap.Read() >= open && o.State == rest.Running })
			close(interrupt)
		}
		if err := <-ended; err != nil || (result.Outcome == outcome.Completed) != last {
			t.Fatalf("opened for %d rows, the job ended as %v: %v", open, result.Outcome, err)
		}
	}
	return result
}

// nothingLeft wants no state in a job's last checkpoint.
func nothingLeft(t *testing.T, r job.Result) {
	t.Helper()
	s, err := snapshot.OpenSnapshot(t.Context(), r.LastCheckpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := 0
	if err := stateview.Each(t.Context(), s, stateview.Filter{}, func(e stateview.Entry) error {
		if n++; n < 5 {
			t.Errorf("%s of %s still has %s %s %s: %s", e.State, e.UID, e.Key, e.Window, e.Name, e.Value)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestWindowsComeToWhatAPlainLoopSays of every kind, with the same late rows, in pieces and at other parallelisms; and leave no state.
func TestWindowsComeToWhatAPlainLoopSays(t *testing.T) {
	const n, perSplit, delay = 1200, 600, 60
	rows, marks := clicks(n, perSplit, delay)
	for _, c := range []struct {
		name       string
		windows    stream.Windows
		lateness   int64
		want       func() ([]sum, []click)
		everyFinal bool // each result is final
	}{
		{"tumbling", stream.Tumbling(100 * time.Millisecond), 0, func() ([]sum, []click) { return windowModel(rows, marks, 100, 100, 0) }, true},
		{"tumbling, some lateness", stream.Tumbling(100 * time.Millisecond), 70, func() ([]sum, []click) { return windowModel(rows, marks, 100, 100, 70) }, false},
		{"sliding", stream.Sliding(80*time.Millisecond, 20*time.Millisecond), 0, func() ([]sum, []click) { return windowModel(rows, marks, 80, 20, 0) }, true},
		{"sliding, some lateness", stream.Sliding(80*time.Millisecond, 20*time.Millisecond), 30, func() ([]sum, []click) { return windowModel(rows, marks, 80, 20, 30) }, false},
		{"sessions", stream.Session(30 * time.Millisecond), 0, func() ([]sum, []click) { return sessionModel(rows, marks, 30, 0) }, true},
		{"sessions, some lateness", stream.Session(30 * time.Millisecond), 70, func() ([]sum, []click) { return sessionModel(rows, marks, 30, 70) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			want, late := c.want()
			slices.SortFunc(want, bySum)
			if len(want) < 30 || len(late) == 0 {
				t.Fatalf("%d windows and %d late rows are too few to try anything", len(want), len(late))
			}
			j := stream.New()
			tap := enginetest.NewTap(rows, perSplit)
			in := stream.FromEvents(j, "clicks", tap, func(c *click) int64 { return c.At }, delay)
			byKey := stream.KeyBy(in, func(c *click) int64 { return c.Key })
			tag := stream.NewOutputTag[click]("late")
			w := stream.Window(byKey, c.windows).AllowedLateness(time.Duration(c.lateness) * time.Millisecond).SideOutputLateData(tag)
			results := stream.Aggregate(w, "windows", stream.Fixed[sum](), sums)
			sink, lateSink := enginetest.NewLedger[sum](), enginetest.NewLedger[click]()
			stream.To(results, "out", sink)
			stream.To(stream.GetSideOutput(results, tag), "late", lateSink)
			g, err := j.Graph()
			if err != nil {
				t.Fatal(err)
			}
			nothingLeft(t, inRuns(t, g, tap, 300, 700, 701, 1199, n))
			got := sink.Rows()
			slices.SortFunc(got, bySum)
			if !c.everyFinal {
				got = slices.DeleteFunc(got, func(s sum) bool { _, final := slices.BinarySearchFunc(want, s, bySum); return !final })
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%.3000s", diff)
			}
			gotLate := lateSink.Rows()
			for _, rows := range [][]click{gotLate, late} {
				slices.SortFunc(rows, func(a, b click) int { return cmp.Compare(a.N, b.N) })
			}
			if diff := gocmp.Diff(late, gotLate); diff != "" {
				t.Errorf("late (-want +got):\n%.3000s", diff)
			}
		})
	}
}

// TestARowAtTheEndOfASessionBelongsToIt however far event time was when it came: it is in time, so the session is not over.
func TestARowAtTheEndOfASessionBelongsToIt(t *testing.T) {
	rows := []click{{1, 1, 0}, {2, 1, 29}, {1, 1, 30}, {3, 1, 500}}
	for _, pieces := range [][]int{{4}, {2, 4}, {1, 2, 3, 4}} {
		j := stream.New()
		tap := enginetest.NewTap(rows, len(rows))
		in := stream.FromEvents(j, "clicks", tap, func(c *click) int64 { return c.At }, 0)
		w := stream.Window(stream.KeyBy(in, func(c *click) int64 { return c.Key }), stream.Session(30*time.Millisecond))
		sink := enginetest.NewLedger[sum]()
		stream.To(stream.Aggregate(w, "sessions", stream.Fixed[sum](), sums), "out", sink)
		g, err := j.Graph()
		if err != nil {
			t.Fatal(err)
		}
		inRuns(t, g, tap, pieces...) // each run ends with all watermarks that its rows make
		got := sink.Rows()
		slices.SortFunc(got, bySum)
		if want := []sum{{1, 0, 60, 2, 2}, {2, 29, 59, 1, 1}, {3, 500, 530, 1, 1}}; !slices.Equal(got, want) {
			t.Errorf("in runs up to %v rows: %v, want %v", pieces, got, want)
		}
	}
}

// TestWhatComesOfASessionIsInTime for what is behind it, whose windows end when the session does.
func TestWhatComesOfASessionIsInTime(t *testing.T) {
	rows := []click{{1, 1, 0}, {2, 1, 19}, {3, 1, 300}} // the second one brings event time to the last ms of the first one's session
	j := stream.New()
	tap := enginetest.NewTap(rows, len(rows))
	in := stream.FromEvents(j, "clicks", tap, func(c *click) int64 { return c.At }, 0)
	sessions := stream.Aggregate(stream.Window(stream.KeyBy(in, func(c *click) int64 { return c.Key }), stream.Session(20*time.Millisecond)),
		"sessions", stream.Fixed[sum](), sums)
	counted := stream.Aggregate(stream.Window(stream.KeyBy(sessions, func(*sum) bool { return true }), stream.Tumbling(time.Millisecond)), "moments", stream.Fixed[sum](),
		stream.Aggregator[sum, sum, sum]{
			Add:    func(acc sum, s *sum) sum { return sum{Rows: acc.Rows + 1, N: acc.N + s.N} },
			Result: func(c *stream.Context[sum], _ stream.TimeWindow, acc sum) error { c.Emit(acc); return nil },
		})
	sink := enginetest.NewLedger[sum]()
	stream.To(counted, "out", sink)
	g, err := j.Graph()
	if err != nil {
		t.Fatal(err)
	}
	inRuns(t, g, tap, 1, 2, 3)
	var sessionsIn, clicksIn int64
	for _, s := range sink.Rows() {
		sessionsIn, clicksIn = sessionsIn+s.Rows, clicksIn+s.N
	}
	if sessionsIn != 3 || clicksIn != 3 {
		t.Errorf("%d sessions of %d clicks came, want 3 of 3", sessionsIn, clicksIn)
	}
}

// TestAllRowsOfAWindowAreKeptForApply though sessions become one.
func TestAllRowsOfAWindowAreKeptForApply(t *testing.T) {
	const n, perSplit, delay = 800, 400, 60
	rows, marks := clicks(n, perSplit, delay)
	for name, c := range map[string]struct {
		windows stream.Windows
		want    func() ([]sum, []click)
	}{
		"tumbling": {stream.Tumbling(100 * time.Millisecond), func() ([]sum, []click) { return windowModel(rows, marks, 100, 100, 0) }},
		"sessions": {stream.Session(30 * time.Millisecond), func() ([]sum, []click) { return sessionModel(rows, marks, 30, 0) }},
	} {
		t.Run(name, func(t *testing.T) {
			want, _ := c.want()
			slices.SortFunc(want, bySum)
			j := stream.New()
			tap := enginetest.NewTap(rows, perSplit)
			in := stream.FromEvents(j, "clicks", tap, func(c *click) int64 { return c.At }, delay)
			byKey := stream.KeyBy(in, func(c *click) int64 { return c.Key })
			results := stream.Apply(stream.Window(byKey, c.windows), "windows", stream.JSON[click](),
				func(c *stream.Context[sum], w stream.TimeWindow, rows iter.Seq[click]) error {
					acc := sum{Start: w.Start, End: w.End}
					for row := range rows {
						acc = addClick(acc, &row)
					}
					c.Emit(acc)
					return nil
				})
			sink := enginetest.NewLedger[sum]()
			stream.To(results, "out", sink)
			g, err := j.Graph()
			if err != nil {
				t.Fatal(err)
			}
			nothingLeft(t, inRuns(t, g, tap, 300, 500, 501, n))
			got := sink.Rows()
			slices.SortFunc(got, bySum)
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%.3000s", diff)
			}
		})
	}
}

// TestTriggersSayWhenAWindowGivesAResult for so many rows, at its end, or both; and whether it begins anew.
func TestTriggersSayWhenAWindowGivesAResult(t *testing.T) {
	var rows []click
	for i := range int64(8) {
		rows = append(rows, click{Key: 1, N: 1, At: i * 10})
	}
	for name, c := range map[string]struct {
		windows stream.Windows
		trigger stream.Trigger
		want    []int64
	}{
		"for every 3 rows":                        {stream.Global(), stream.CountTrigger(3), []int64{3, 6}},
		"for every 3 rows, anew":                  {stream.Global(), stream.PurgingTrigger(stream.CountTrigger(3)), []int64{3, 3}},
		"not at the end":                          {stream.Tumbling(time.Second), stream.CountTrigger(3), []int64{3, 6}},
		"at the end":                              {stream.Tumbling(time.Second), stream.TimeTrigger(), []int64{8}},
		"at the end, and for every 3 rows":        {stream.Tumbling(time.Second), stream.TimeTrigger().AndCount(3), []int64{3, 6, 8}},
		"at the end, and for every 3 rows, anew":  {stream.Tumbling(time.Second), stream.PurgingTrigger(stream.TimeTrigger().AndCount(3)), []int64{3, 3, 2}},
		"sessions, for every 3 rows":              {stream.Session(time.Second), stream.CountTrigger(3), []int64{3, 6}},
		"sessions, for every 4 rows, and the end": {stream.Session(time.Second), stream.TimeTrigger().AndCount(4), []int64{4, 8, 8}},
		"sessions, for every 4 rows, anew":        {stream.Session(time.Second), stream.PurgingTrigger(stream.TimeTrigger().AndCount(4)), []int64{4, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			j := stream.New()
			in := stream.FromEvents(j, "clicks", enginetest.Of(rows), func(c *click) int64 { return c.At }, 0)
			w := stream.Window(stream.KeyBy(in, func(c *click) int64 { return c.Key }), c.windows).Trigger(c.trigger)
			sink := enginetest.NewLedger[click]()
			stream.To(stream.Reduce(w, "windows", stream.Fixed[click](), func(a, b click) click {
				a.N += b.N
				return a
			}), "out", sink)
			run(t, j, 1)
			var got []int64
			for _, c := range sink.Rows() {
				got = append(got, c.N)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("the results are of %v rows, want %v", got, c.want)
			}
		})
	}
}

// TestWindowsOfProcessingTimeEndWithTheClock and no others: what is not over when the job stops goes on with the next.
func TestWindowsOfProcessingTimeEndWithTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := enginetest.NewPartitions[click](1)
		var calls called
		j := stream.New()
		byKey := stream.KeyBy(stream.From[click](j, "clicks", in), func(c *click) int64 { return c.Key })
		say := func(kind string) stream.Aggregator[click, sum, sum] {
			f := sums
			f.Result = func(c *stream.Context[sum], w stream.TimeWindow, acc sum) error {
				calls.add(fmt.Sprintf("%s of %d s: %d rows of %d", kind, (w.End-w.Start)/1000, acc.Rows, acc.Key))
				c.Emit(acc)
				return nil
			}
			return f
		}
		tumbling := stream.Aggregate(stream.Window(byKey, stream.Tumbling(10*time.Second).InProcessingTime()), "tumbling", stream.Fixed[sum](), say("window"))
		sessions := stream.Aggregate(stream.Window(byKey, stream.Session(7*time.Second).InProcessingTime()), "sessions", stream.Fixed[sum](), say("session"))
		stream.To(stream.Union("all", tumbling, sessions), "out", enginetest.NewLedger[sum]())
		g, err := j.Graph()
		if err != nil {
			t.Fatal(err)
		}
		cfg := config(t, 1)
		cfg.Storage, cfg.Interval = "mem://"+cryptorand.Text(), time.Hour // a name that no other run has
		begin := func() (stop func()) {
			interrupt, ended := make(chan struct{}), make(chan error, 1)
			go func() {
				_, err := job.Run(t.Context(), cfg, g, job.Options{Process: job.Process{Interrupt: interrupt}})
				ended <- err
			}()
			return func() {
				t.Helper()
				close(interrupt)
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
			}
		}
		pass := func(d time.Duration, want string) {
			t.Helper()
			<-time.After(d) // of the test's own clock
			synctest.Wait()
			if got := calls.take(); got != want {
				t.Errorf("these were called: %s\nwant %s", got, want)
			}
		}
		<-time.After(time.Until(time.Now().Truncate(10 * time.Second).Add(10 * time.Second))) // windows begin now
		stop := begin()
		in.Append(0, click{Key: 1}, click{Key: 2})
		pass(4*time.Second, "")
		in.Append(0, click{Key: 1})
		pass(5*time.Second, "session of 7 s: 1 rows of 2")
		pass(time.Second+500*time.Millisecond, "window of 10 s: 1 rows of 2, window of 10 s: 2 rows of 1")
		pass(time.Second, "session of 11 s: 2 rows of 1")
		in.Append(0, click{Key: 3})
		pass(time.Second, "")
		stop()
		stop = begin()
		pass(time.Minute, "session of 7 s: 1 rows of 3, window of 10 s: 1 rows of 3")
		stop()
	})
}

func TestWindowsThatCannotBeAreRefused(t *testing.T) {
	j := stream.New()
	in := stream.FromEvents(j, "clicks", enginetest.Of([]click{{}}), func(c *click) int64 { return c.At }, 0)
	byKey := stream.KeyBy(in, func(c *click) int64 { return c.Key })
	add := func(uid string, w stream.Windowed[int64, click]) {
		stream.To(stream.Reduce(w, uid, stream.Fixed[click](), func(a, _ click) click { return a }), uid+"-out", enginetest.NewLedger[click]())
	}
	second := stream.Tumbling(time.Second)
	add("slide", stream.Window(byKey, stream.Sliding(time.Second, 300*time.Millisecond)))
	add("micro", stream.Window(byKey, stream.Tumbling(time.Microsecond)))
	add("gap", stream.Window(byKey, stream.Session(0)))
	add("global", stream.Window(byKey, stream.Global()))
	add("lateness", stream.Window(byKey, second).AllowedLateness(-time.Second))
	add("processing", stream.Window(byKey, second.InProcessingTime()).SideOutputLateData(stream.NewOutputTag[click]("late")))
	stream.To(stream.Aggregate(stream.Window(byKey, stream.Session(time.Second)), "merge", stream.Fixed[sum](),
		stream.Aggregator[click, sum, sum]{Add: addClick, Result: sums.Result}), "merge-out", enginetest.NewLedger[sum]())
	_, err := j.Graph()
	if err == nil {
		t.Fatal("windows that cannot be were accepted")
	}
	for _, want := range []string{
		"operator slide: the size of a hopping window (1 s) must be a multiple of its slide (300 ms)",
		"operator micro: 1µs is no whole number of milliseconds",
		"operator gap: the gap of sessions must be positive",
		"operator global: its windows never give a result: they need a Trigger",
		"operator lateness: -1s is no lateness",
		"operator processing: only in windows of event time there are late rows",
		"operator merge: sessions may become one, so its Aggregator needs Merge",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not told: %v", want, err)
		}
	}
	j = stream.New()
	stream.To(stream.Reduce(stream.Window(stream.KeyBy(stream.From[click](j, "clicks", enginetest.Of([]click{{}})), func(c *click) int64 { return c.Key }), second),
		"timeless", stream.Fixed[click](), func(a, _ click) click { return a }), "out", enginetest.NewLedger[click]())
	g, err := j.Graph()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := job.Run(t.Context(), config(t, 1), g, job.Options{}); err == nil || !strings.Contains(err.Error(), "its rows have no event time; read the source with FromEvents") {
		t.Errorf("without event time the job ended with %v", err)
	}
}
