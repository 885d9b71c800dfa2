package enginetest_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/fault"
	"github.com/weirstream/weir/engine/stream"
)

type word struct{ Text string }

type total struct {
	Text  string
	Times int64
}

// counting emits the count of a word with each one of it, and fails for the word "bad".
func counting(words *enginetest.Input[word], totals *enginetest.Ledger[total], stateName string) enginetest.Build {
	return func(j *stream.Job) {
		byText := stream.KeyBy(enginetest.Rows(j, "words", words), func(w *word) string { return w.Text })
		stream.To(stream.Process(byText, "count", func(s *stream.Setup) stream.Functions[word, total] {
			n := stream.ValueState[int64](s, stateName)
			return stream.Functions[word, total]{Row: func(c *stream.Context[total], w *word) error {
				if w.Text == "bad" {
					return fault.Permanentf("", "", "%q is a bad word", w.Text)
				}
				*n.Ref(c)++
				c.Emit(total{w.Text, *n.Ref(c)})
				return nil
			}}
		}), "totals", totals)
	}
}

// TestAJobThatIsKilledAndRescaledCountsEachRowOnce kills it before a checkpoint and after one, with rows under way.
func TestAJobThatIsKilledAndRescaledCountsEachRowOnce(t *testing.T) {
	words, totals := enginetest.NewInput[word](), enginetest.NewLedger[total]()
	c := enginetest.Start(t, counting(words, totals, "n"), enginetest.Parallelism(2))
	var want []total
	push := func(times int) {
		for range times {
			for k := range 20 {
				words.Push(0, word{fmt.Sprint(k)})
			}
		}
	}
	for n := range 60 {
		for k := range 20 {
			want = append(want, total{fmt.Sprint(k), int64(n + 1)})
		}
	}
	push(20)
	c.Kill()
	c.Restart()
	c.Settle()
	totals.Exactly(t, want[:20*20]...)
	push(10)
	c.Kill()
	totals.Exactly(t, want[:20*20]...)
	push(10)
	c.Rescale(5)
	c.Settle()
	totals.Exactly(t, want[:40*20]...)
	push(20)
	c.Rescale(1)
	words.End()
	c.Wait()
	totals.Exactly(t, want...)
}

func TestAJobThatTakesCheckpointsByItselfCommitsWithoutBeingAsked(t *testing.T) {
	words, totals := enginetest.NewInput[word](), enginetest.NewLedger[total]()
	c := enginetest.Start(t, counting(words, totals, "n"), enginetest.CheckpointEvery(time.Millisecond))
	words.Push(0, word{"a"})
	for len(totals.Rows()) == 0 && c.Overview().CompletedCheckpoints < 10_000 {
		runtime.Gosched()
	}
	c.Stop()
	totals.Exactly(t, total{"a", 1})
}

// TestEventTimeIsWhatTheTestSays: rows in any order are not late before Watermark says so.
func TestEventTimeIsWhatTheTestSays(t *testing.T) {
	words, totals := enginetest.NewInput[word](), enginetest.NewLedger[total]()
	c := enginetest.Start(t, func(j *stream.Job) {
		byText := stream.KeyBy(enginetest.Events(j, "words", words), func(w *word) string { return w.Text })
		stream.To(stream.Aggregate(stream.Window(byText, stream.Tumbling(time.Second)), "count", stream.Fixed[int64](), stream.Aggregator[word, int64, total]{
			Add: func(n int64, _ *word) int64 { return n + 1 },
			Result: func(c *stream.Context[total], w stream.TimeWindow, n int64) error {
				c.Emit(total{fmt.Sprint(w.Start), n})
				return nil
			},
		}), "totals", totals)
	})
	words.Push(5_000, word{"a"})
	words.Push(100, word{"a"})
	words.Push(2_000_000_000_000, word{"a"}) // a date of today, as it may be
	words.Push(999, word{"a"})
	c.Settle()
	totals.Exactly(t)
	words.Watermark(999)
	words.Push(500, word{"a"}) // late
	c.Settle()
	totals.Exactly(t, total{"0", 2})
	words.Push(5_001, word{"a"})
	words.Watermark(6_000)
	c.Settle()
	totals.Exactly(t, total{"0", 2}, total{"5000", 2})
	if late := c.Overview().RecordsLate; late != 1 {
		t.Errorf("%d rows were late", late)
	}
	words.End()
	c.Wait()
	totals.Exactly(t, total{"0", 2}, total{"5000", 2}, total{"2000000000000", 1})
}

// TestProcessingTimeIsWhatTheTestSays: a timer of an hour comes due in no time, also one that was set before a kill.
func TestProcessingTimeIsWhatTheTestSays(t *testing.T) {
	words, totals := enginetest.NewInput[word](), enginetest.NewLedger[total]()
	clock := enginetest.NewClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	c := enginetest.Start(t, func(j *stream.Job) {
		byText := stream.KeyBy(enginetest.Rows(j, "words", words), func(w *word) string { return w.Text })
		stream.To(stream.Process(byText, "alarm", func(*stream.Setup) stream.Functions[word, total] {
			return stream.Functions[word, total]{
				Row: func(c *stream.Context[total], _ *word) error {
					c.ProcessingTimer(c.ProcessingTime() + time.Hour.Milliseconds())
					return nil
				},
				OnProcessingTimer: func(c *stream.Context[total], ms int64) error {
					c.Emit(total{time.UnixMilli(ms).UTC().Format(time.TimeOnly), c.ProcessingTime() - ms})
					return nil
				},
			}
		}), "totals", totals)
	}, enginetest.WithClock(clock), enginetest.Parallelism(3))
	words.Push(0, word{"a"}, word{"b"})
	c.Settle()
	clock.Advance(59 * time.Minute)
	c.Settle()
	totals.Exactly(t)
	clock.Advance(2 * time.Minute)
	c.Settle()
	totals.Exactly(t, total{"01:00:00", 60_000}, total{"01:00:00", 60_000})
	words.Push(0, word{"c"})
	c.Settle()
	c.Kill()
	clock.Advance(2 * time.Hour)
	c.Restart()
	c.Settle()
	totals.Exactly(t, total{"01:00:00", 60_000}, total{"01:00:00", 60_000}, total{"02:01:00", time.Hour.Milliseconds()})
}

func TestAnotherProgramGoesOnWithTheStateOrIsRefused(t *testing.T) {
	words, totals := enginetest.NewInput[word](), enginetest.NewLedger[total]()
	c := enginetest.Start(t, counting(words, totals, "n"))
	words.Push(0, word{"a"})
	c.Settle()
	if why := c.Refuses(counting(words, totals, "n")); why != "" {
		t.Errorf("the same program is refused: %s", why)
	}
	if why := c.Refuses(counting(words, totals, "m")); !strings.Contains(why, "count") {
		t.Errorf("a program with another state is refused because: %q", why)
	}
	c.Upgrade(func(j *stream.Job) {
		counting(words, totals, "n")(j)
		stream.To(enginetest.Rows(j, "more-words", enginetest.NewInput[word]()), "loud", enginetest.NewLedger[word]())
	})
	words.Push(0, word{"a"})
	c.Checkpoint()
	c.Stop()
	totals.Exactly(t, total{"a", 1}, total{"a", 2})
}

func TestAJobThatFailsSaysWhy(t *testing.T) {
	words, totals := enginetest.NewInput[word](), enginetest.NewLedger[total]()
	c := enginetest.Start(t, counting(words, totals, "n"))
	words.Push(0, word{"bad"})
	var failure *fault.Error
	if err := c.Failure(); !errors.As(err, &failure) || !strings.Contains(err.Error(), `"bad" is a bad word`) {
		t.Errorf("it failed with %v", err)
	}
}

func TestALedgerTellsWhatIsTooOftenAndWhatIsMissing(t *testing.T) {
	words, totals := enginetest.NewInput[word](), enginetest.NewLedger[total]()
	c := enginetest.Start(t, counting(words, totals, "n"))
	words.Push(0, word{"a"}, word{"b"})
	c.Settle()
	for want, rows := range map[string][]total{
		"": {{"b", 1}, {"a", 1}},
		"{Text:b Times:1} was committed 1 times too often\n":                                                 {{"a", 1}},
		"{Text:a Times:1} was committed 1 times too few\n":                                                   {{"a", 1}, {"b", 1}, {"a", 1}},
		"{Text:a Times:1} was committed 1 times too often\n{Text:a Times:2} was committed 2 times too few\n": {{"a", 2}, {"b", 1}, {"a", 2}},
	} {
		e := &exampleT{}
		totals.Exactly(e, rows...)
		if e.said != want {
			t.Errorf("of %v it says %q, want %q", rows, e.said, want)
		}
	}
}
