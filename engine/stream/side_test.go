package stream_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/stream"
)

var (
	longWords = stream.NewOutputTag[word]("long")
	overdue   = stream.NewOutputTag[int64]("overdue")
)

// sorts sends long words to one side output, the time of each timer to another, and the rest on.
func sorts(s *stream.Setup) stream.Functions[word, count] {
	long, due := stream.SideOutput(s, longWords), stream.SideOutput(s, overdue)
	n := stream.ValueState[int64](s, "n")
	return stream.Functions[word, count]{
		Row: func(c *stream.Context[count], w *word) error {
			*n.Ref(c)++
			if len(w.Text) > 3 {
				long.Emit(c, *w)
				return nil
			}
			c.Timer(w.At + 100)
			c.Emit(count{w.Text, *n.Ref(c), w.At})
			return nil
		},
		OnTimer: func(c *stream.Context[count], ms int64) error {
			due.Emit(c, ms)
			return nil
		},
	}
}

// at puts the event time of rows into words.
func at[T any](in stream.Stream[T], uid string, say func(*T) string) stream.Stream[string] {
	return stream.Process(stream.KeyBy(in, func(row *T) string { return say(row) }), uid, func(*stream.Setup) stream.Functions[T, string] {
		return stream.Functions[T, string]{Row: func(c *stream.Context[string], row *T) error {
			c.Emit(fmt.Sprintf("%s at %d", say(row), c.Time()))
			return nil
		}}
	})
}

// TestSideOutputsHaveRowsOfTheirOwnTypesOnce with event time, through restarts at other parallelisms.
func TestSideOutputsHaveRowsOfTheirOwnTypesOnce(t *testing.T) {
	var words []word
	var wantMain, wantLong, wantDue []string
	for i := range 700 {
		w := word{Text: []string{"a", "long-one", "b", "another"}[i%4] + fmt.Sprint(i%5), At: int64(i)}
		words = append(words, w)
		if len(w.Text) > 3 {
			wantLong = append(wantLong, fmt.Sprintf("%s at %d", w.Text, w.At))
			continue
		}
		wantMain = append(wantMain, fmt.Sprintf("%s at %d", w.Text, w.At))
		wantDue = append(wantDue, fmt.Sprintf("%d at %d", w.At+100, w.At+100))
	}
	j := stream.New()
	tap := enginetest.NewTap(words, len(words))
	in := stream.FromEvents(j, "words", tap, func(w *word) int64 { return w.At }, 0)
	short := stream.Process(stream.KeyBy(in, func(w *word) string { return w.Text }), "sort", sorts)
	sinks := []*enginetest.Ledger[string]{enginetest.NewLedger[string](), enginetest.NewLedger[string](), enginetest.NewLedger[string]()}
	stream.To(at(short, "main", func(c *count) string { return c.Text }), "main-out", sinks[0])
	stream.To(at(stream.GetSideOutput(short, longWords), "long", func(w *word) string { return w.Text }), "long-out", sinks[1])
	stream.To(at(stream.GetSideOutput(short, overdue), "due", func(ms *int64) string { return fmt.Sprint(*ms) }), "due-out", sinks[2])
	g := graphOf(t, j)
	cfg := config(t, 1)
	for i, open := range []int{150, 400, 401, 700} {
		tap.Open(open)
		cfg.Parallelism = []int{1, 3, 2}[i%3]
		interrupt, started, ended := make(chan struct{}), make(chan *job.Handle, 1), make(chan error, 1)
		go func() {
			r, err := job.Run(t.Context(), cfg, g, job.Options{Process: job.Process{Interrupt: interrupt}, Started: func(j *job.Handle) { started <- j }})
			if err == nil && (r.Outcome == outcome.Completed) != (open == len(words)) {
				err = fmt.Errorf("it ended as %v", r.Outcome)
			}
			ended <- err
		}()
		if open < len(words) {
			waitFor(t, <-started, func(o rest.Job) bool { return tap.Read() >= open && o.State == rest.Running })
			close(interrupt)
		}
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range [][]string{wantMain, wantLong, wantDue} {
		got := sinks[i].Rows()
		slices.Sort(got)
		slices.Sort(want)
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("output %d (-want +got):\n%s", i, diff)
		}
	}
}

// TestAnOutputMayMeetItselfAgain in a union of the main output and a side output, and another may lead nowhere.
func TestAnOutputMayMeetItselfAgain(t *testing.T) {
	back := stream.NewOutputTag[count]("back")
	nobody := stream.NewOutputTag[string]("nobody")
	var words []word
	for i := range 500 {
		words = append(words, word{Text: fmt.Sprint(i), At: int64(i)})
	}
	for _, parallelism := range []int{1, 2} {
		j := stream.New()
		in := stream.FromEvents(j, "words", enginetest.Of(words), func(w *word) int64 { return w.At }, 0)
		odd := stream.Process(stream.KeyBy(in, func(w *word) string { return w.Text }), "split", func(s *stream.Setup) stream.Functions[word, count] {
			even, lost := stream.SideOutput(s, back), stream.SideOutput(s, nobody)
			return stream.Functions[word, count]{Row: func(c *stream.Context[count], w *word) error {
				lost.Emit(c, w.Text)
				if w.At%2 == 0 {
					even.Emit(c, count{Text: w.Text, At: c.Time()})
					return nil
				}
				c.Emit(count{Text: w.Text, At: c.Time()})
				return nil
			}}
		})
		sink := enginetest.NewLedger[count]()
		stream.To(stream.Union("all", odd, stream.GetSideOutput(odd, back)), "out", sink)
		run(t, j, parallelism)
		seen := map[int64]int{}
		for _, c := range sink.Rows() {
			seen[c.At]++
		}
		if len(seen) != len(words) || len(sink.Rows()) != len(words) {
			t.Errorf("parallelism %d: %d rows, %d of them different, want %d", parallelism, len(sink.Rows()), len(seen), len(words))
		}
	}
}

func TestASideOutputThatIsNotThereIsRefused(t *testing.T) {
	j := stream.New()
	in := stream.From[word](j, "words", enginetest.Of([]word{{"a", 1}}))
	out := stream.Process(stream.KeyBy(in, func(w *word) string { return w.Text }), "p", func(s *stream.Setup) stream.Functions[word, count] {
		stream.SideOutput(s, longWords)
		stream.SideOutput(s, stream.NewOutputTag[int32]("long"))
		stream.SideOutput(s, stream.NewOutputTag[int32](""))
		return stream.Functions[word, count]{}
	})
	stream.To(out, "out", enginetest.NewLedger[count]())
	stream.To(stream.GetSideOutput(out, overdue), "overdue", enginetest.NewLedger[int64]())
	stream.To(stream.GetSideOutput(out, stream.NewOutputTag[int64]("long")), "long", enginetest.NewLedger[int64]())
	stream.To(stream.GetSideOutput(stream.GetSideOutput(out, longWords), longWords), "again", enginetest.NewLedger[word]())
	_, err := j.Graph()
	if err == nil {
		t.Fatal("a job with five mistakes was accepted")
	}
	for _, want := range []string{
		"operator p: side output long is declared twice", "operator p: a side output has no name",
		"operator p: its function declares no side output overdue; declare it with SideOutput",
		"operator p: side output long has rows of another type than int64",
		"operator p: side output long is that of a stream that is a side output itself",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not told: %v", want, err)
		}
	}
}

// TestTheSameRowsAreLateBehindASideOutput however far other splits are: rows take the watermark of their own split with them (P4).
func TestTheSameRowsAreLateBehindASideOutput(t *testing.T) {
	const n, perSplit, delay = 600, 150, 5
	all, _, _ := lateRows(n, perSplit, delay)
	rows := all[0]
	want, highest := 0, int64(math.MinInt64)
	for i, r := range rows {
		if i%perSplit == 0 {
			highest = math.MinInt64 + delay
		}
		if r.At <= highest-delay {
			want++
		}
		highest = max(highest, r.At)
	}
	if want == 0 {
		t.Fatal("nothing is late")
	}
	tag := stream.NewOutputTag[reading]("all")
	for _, parallelism := range []int{1, 2, 3} {
		j := stream.New()
		tap := enginetest.NewTap(rows, perSplit)
		tap.Open(n)
		in := stream.FromEvents(j, "readings", tap, func(r *reading) int64 { return r.At }, delay)
		through := stream.Process(stream.KeyBy(in, func(r *reading) int64 { return r.Key }), "through", func(s *stream.Setup) stream.Functions[reading, string] {
			side := stream.SideOutput(s, tag)
			return stream.Functions[reading, string]{Row: func(c *stream.Context[string], r *reading) error {
				side.Emit(c, *r)
				return nil
			}}
		})
		byKeys := stream.KeyBy(stream.GetSideOutput(through, tag), func(r *reading) int64 { return r.Key })
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
		if got := ran.Overview().RecordsLate; got != int64(want) {
			t.Errorf("parallelism %d: %d rows were late, want %d", parallelism, got, want)
		}
	}
}
