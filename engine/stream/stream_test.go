package stream_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/stream"
)

type word struct {
	Text string
	At   int64 // ms
}

type count struct {
	Text string
	N    int64
	At   int64
}

func TestAProcessFunctionKeepsAValueForEachKey(t *testing.T) {
	words := make([]word, 0, 3000)
	want := map[string]int64{}
	for i := range 3000 {
		w := word{Text: fmt.Sprintf("w%d", i%17)}
		words = append(words, w)
		if w.Text != "w3" {
			want[strings.ToUpper(w.Text)]++
		}
	}
	for _, parallelism := range []int{1, 2, 3} {
		j := stream.New()
		in := stream.From[word](j, "words", enginetest.Of(words))
		kept := stream.Filter(in, func(w *word) bool { return w.Text != "w3" })
		upper := stream.Map(kept, func(w, out *word) { out.Text = strings.ToUpper(w.Text) })
		sink := enginetest.NewLedger[count]()
		stream.To(countWords(upper), "out", sink)
		run(t, j, parallelism)
		got := map[string]int64{}
		for _, c := range sink.Rows() {
			got[c.Text] = max(got[c.Text], c.N)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("parallelism %d: %s", parallelism, diff)
		}
		if len(sink.Rows()) != 3000-3000/17-1 {
			t.Errorf("parallelism %d: %d rows came out", parallelism, len(sink.Rows()))
		}
	}
}

// A key of two columns has one group of rows for each pair, wherever the one value ends and the other begins.
func TestAKeyOfSeveralFieldsIsEncodedByTheProgram(t *testing.T) {
	type pair struct{ a, b string }
	pairs := []pair{{"ab", "c"}, {"a", "bc"}, {"", "abc"}, {"abc", ""}}
	var rows []word
	want := map[string]int64{}
	for i := range 400 {
		p := pairs[i%len(pairs)]
		rows = append(rows, word{Text: p.a + "|" + p.b})
		want[p.a+"|"+p.b]++
	}
	for _, parallelism := range []int{1, 3} {
		j := stream.New()
		byPair := stream.KeyByEncoded[pair](stream.From[word](j, "pairs", enginetest.Of(rows)), func(dst []byte, w *word) []byte {
			a, b, _ := strings.Cut(w.Text, "|")
			return append(append(append(dst, byte(len(a))), a...), b...)
		})
		sink := enginetest.NewLedger[count]()
		stream.To(stream.Process(byPair, "count", func(s *stream.Setup) stream.Functions[word, count] {
			n := stream.ValueState[int64](s, "n")
			return stream.Functions[word, count]{Row: func(c *stream.Context[count], w *word) error {
				*n.Ref(c)++
				c.Emit(count{Text: w.Text, N: *n.Ref(c)})
				return nil
			}}
		}), "out", sink)
		run(t, j, parallelism)
		got := map[string]int64{}
		for _, c := range sink.Rows() {
			got[c.Text] = max(got[c.Text], c.N)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("parallelism %d: %s", parallelism, diff)
		}
	}
}

func countWords(in stream.Stream[word]) stream.Stream[count] {
	byText := stream.KeyBy(in, func(w *word) string { return w.Text })
	return stream.Process(byText, "count", func(s *stream.Setup) stream.Functions[word, count] {
		n := stream.ValueState[int64](s, "n")
		return stream.Functions[word, count]{Row: func(c *stream.Context[count], w *word) error {
			*n.Ref(c)++
			c.Emit(count{Text: string(c.Key()), N: *n.Ref(c)})
			return nil
		}}
	})
}

func TestTimersFireInTheOrderOfEventTimeWithTheStateOfTheirKey(t *testing.T) {
	words := []word{{"a", 1000}, {"b", 1500}, {"a", 2000}, {"a", 9000}, {"b", 9500}}
	j := stream.New()
	in := stream.FromEvents(j, "words", enginetest.Of(words), func(w *word) int64 { return w.At }, 0)
	byText := stream.KeyBy(in, func(w *word) string { return w.Text })
	sums := stream.Process(byText, "sessions", func(s *stream.Setup) stream.Functions[word, count] {
		n := stream.ValueState[int64](s, "n")
		return stream.Functions[word, count]{
			Row: func(c *stream.Context[count], w *word) error {
				*n.Ref(c)++
				c.Timer(w.At/5000*5000 + 5000) // the end of the word's five seconds; asked for twice, it is one timer
				return nil
			},
			OnTimer: func(c *stream.Context[count], ms int64) error {
				c.Emit(count{string(c.Key()), *n.Ref(c), ms})
				*n.Ref(c) = 0
				return nil
			},
		}
	})
	sink := enginetest.NewLedger[count]()
	stream.To(sums, "out", sink)
	run(t, j, 1)
	got := map[string][]count{}
	for _, c := range sink.Rows() {
		got[c.Text] = append(got[c.Text], c)
	}
	// All rows of one batch are counted before any timer fires: batches decide nothing about results, but a timer is not
	// a barrier between rows. So the words of the second five seconds are in the first call.
	want := map[string][]count{"a": {{"a", 3, 5000}, {"a", 0, 10000}}, "b": {{"b", 2, 5000}, {"b", 0, 10000}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestATimerThatATimerSetsFiresInItsTurn(t *testing.T) {
	j := stream.New()
	in := stream.FromEvents(j, "words", enginetest.Of([]word{{"a", 1000}, {"b", 1000}}), func(w *word) int64 { return w.At }, 0)
	byText := stream.KeyBy(in, func(w *word) string { return w.Text })
	fired := stream.Process(byText, "timers", func(*stream.Setup) stream.Functions[word, count] {
		return stream.Functions[word, count]{
			Row: func(c *stream.Context[count], w *word) error {
				for _, ms := range []int64{4000, 2000, 6000} {
					c.Timer(ms)
				}
				return nil
			},
			OnTimer: func(c *stream.Context[count], ms int64) error {
				c.Emit(count{string(c.Key()), 1, ms})
				if ms == 2000 {
					c.Timer(3000) // before the others that are due at the same watermark
				}
				return nil
			},
		}
	})
	sink := enginetest.NewLedger[count]()
	stream.To(fired, "out", sink)
	run(t, j, 1)
	got := map[string][]int64{}
	for _, c := range sink.Rows() {
		got[c.Text] = append(got[c.Text], c.At)
	}
	want := map[string][]int64{"a": {2000, 3000, 4000, 6000}, "b": {2000, 3000, 4000, 6000}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnionJoinsStreams(t *testing.T) {
	j := stream.New()
	a := stream.From[word](j, "a", enginetest.Of([]word{{Text: "x"}, {Text: "y"}}))
	b := stream.From[word](j, "b", enginetest.Of([]word{{Text: "x"}}))
	sink := enginetest.NewLedger[count]()
	stream.To(countWords(stream.Union("both", a, b)), "out", sink)
	run(t, j, 2)
	got := map[string]int64{}
	for _, c := range sink.Rows() {
		got[c.Text] = max(got[c.Text], c.N)
	}
	if diff := cmp.Diff(map[string]int64{"x": 2, "y": 1}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsWrongWithAJobIsToldBeforeItRuns(t *testing.T) {
	j := stream.New()
	in := stream.From[word](j, "words", enginetest.Of([]word{}))
	byWord := stream.KeyBy(in, func(w *word) word { return *w })
	out := stream.Process(byWord, "p", func(s *stream.Setup) stream.Functions[word, count] {
		stream.ValueState[string](s, "last")
		return stream.Functions[word, count]{}
	})
	stream.To(out, "out", enginetest.NewLedger[count]())
	stream.From[count](j, "other", enginetest.Of([]word{}))
	_, err := j.Graph()
	if err == nil {
		t.Fatal("a job with three mistakes was accepted")
	}
	for _, want := range []string{"use KeyByEncoded", "state last: a string cannot be state", "the source reads"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not told: %v", want, err)
		}
	}
}

// run runs the job to its end.
func run(t *testing.T, j *stream.Job, parallelism int) {
	t.Helper()
	g := graphOf(t, j)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := job.Run(ctx, job.Config{
		Job: fmt.Sprintf("p%d", parallelism), Owner: "test", Storage: "mem://" + rand.Text(), MaxParallelism: 32,
		Settings: job.Settings{
			Parallelism: parallelism,
			Interval:    time.Hour,
			Timeout:     time.Minute,
			Retained:    1,
			Restart:     job.Restart{InitialDelay: time.Millisecond, MaxDelay: time.Second, ResetAfter: time.Hour},
		},
	}, g, job.Options{})
	if err != nil || r.Outcome != outcome.Completed {
		t.Fatalf("the job ended as %q: %v", r.Outcome, err)
	}
}

func TestAnySourceIsReadAtARate(t *testing.T) {
	j := stream.New()
	words := stream.From[word](j, "words", enginetest.Of([]word{{}}), stream.RowsPerSecond(25))
	events := stream.FromEvents(j, "events", enginetest.Of([]word{{}}), func(w *word) int64 { return w.At }, 0, stream.RowsPerSecond(50))
	stream.To(stream.Union("all", words, events), "out", enginetest.NewLedger[word]())
	g := graphOf(t, j)
	if first, second := g.Nodes[0].Source.RowsPerSecond, g.Nodes[1].Source.RowsPerSecond; first != 25 || second != 50 {
		t.Errorf("%v and %v rows per second, want 25 and 50", first, second)
	}
}
