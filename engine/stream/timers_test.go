package stream_test

import (
	"container/heap"
	cryptorand "crypto/rand"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/zeebo/xxh3"

	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/rest"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/stateview"
	"github.com/weirstream/weir/engine/stream"
)

// choice is a number that depends on a key and a time alone.
func choice(key string, ms int64, n uint64) int64 {
	return int64(xxh3.HashString(fmt.Sprint(key, ms)) >> 20 % n)
}

// wishes are the timers that a row sets, and those that a timer sets and deletes.
func wishesOfRow(w *word) []int64 {
	return []int64{w.At + 500, w.At + 500 + 10*choice(w.Text, w.At, 30)}
}

func wishesOfTimer(key string, ms int64) (set, unset []int64) {
	const horizon = 14_000
	switch n := choice(key, ms, 8); {
	case n < 3:
		unset = []int64{ms + 10, ms + 20, ms}
	case n < 6 && ms < horizon:
		set = []int64{ms + 30, ms + 10*n}
	}
	if len(set) > 0 && set[1] == ms {
		set[1] = ms - 10 // which has passed
	}
	return set, unset
}

type times []int64

func (h times) Len() int           { return len(h) }
func (h times) Less(i, k int) bool { return h[i] < h[k] }
func (h times) Swap(i, k int)      { h[i], h[k] = h[k], h[i] }
func (h *times) Push(t any)        { *h = append(*h, t.(int64)) }
func (h *times) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// queueOfTimers is what fires for a key: a queue by time, with nothing twice in it.
func queueOfTimers(key string, rows []word) (fired []int64) {
	var q times
	set := map[int64]bool{}
	add := func(ms int64) {
		if !set[ms] {
			set[ms] = true
			heap.Push(&q, ms)
		}
	}
	for i := range rows {
		for q.Len() > 0 && q[0] < rows[i].At {
			fired = fireModel(key, &q, set, add, fired)
		}
		for _, ms := range wishesOfRow(&rows[i]) {
			add(ms)
		}
	}
	for q.Len() > 0 {
		fired = fireModel(key, &q, set, add, fired)
	}
	return fired
}

func fireModel(key string, q *times, set map[int64]bool, add func(int64), fired []int64) []int64 {
	ms := heap.Pop(q).(int64)
	if !set[ms] {
		return fired // deleted
	}
	delete(set, ms)
	more, less := wishesOfTimer(key, ms)
	for _, ms := range more {
		add(ms)
	}
	for _, ms := range less {
		if set[ms] {
			delete(set, ms)
			*q = slices.DeleteFunc(*q, func(other int64) bool { return other == ms })
			heap.Init(q)
		}
	}
	return append(fired, ms)
}

// TestTimersFireAsFromAQueueByTime that has none twice, from which some are taken and into which some are put while others fire;
// and they survive restarts and rescales.
func TestTimersFireAsFromAQueueByTime(t *testing.T) {
	var words []word
	byText, want := map[string][]word{}, map[string][]int64{}
	for i := range 1000 {
		w := word{Text: fmt.Sprint("k", i*i%41), At: int64(i) * 10}
		words = append(words, w)
		byText[w.Text] = append(byText[w.Text], w)
	}
	for key, rows := range byText {
		want[key] = queueOfTimers(key, rows)
	}
	j := stream.New()
	tap := enginetest.NewTap(words, len(words))
	in := stream.FromEvents(j, "words", tap, func(w *word) int64 { return w.At }, 0)
	fired := stream.Process(stream.KeyBy(in, func(w *word) string { return w.Text }), "timers", func(s *stream.Setup) stream.Functions[word, count] {
		n := stream.ValueState[int64](s, "n")
		return stream.Functions[word, count]{
			Row: func(c *stream.Context[count], w *word) error {
				for _, ms := range wishesOfRow(w) {
					c.Timer(ms)
				}
				c.Timer(math.MaxInt64) // which never comes
				return nil
			},
			OnTimer: func(c *stream.Context[count], ms int64) error {
				key := string(c.Key())
				*n.Ref(c)++
				c.Emit(count{key, *n.Ref(c), ms})
				set, unset := wishesOfTimer(key, ms)
				for _, ms := range set {
					c.Timer(ms)
				}
				for _, ms := range unset {
					c.DeleteTimer(ms)
				}
				if c.Time() != ms || c.Watermark() < ms {
					return fmt.Errorf("a timer for %d fires at %d, when event time is at %d", ms, c.Time(), c.Watermark())
				}
				return nil
			},
		}
	})
	sink := enginetest.NewLedger[count]()
	stream.To(fired, "out", sink)
	g := graphOf(t, j)
	cfg := config(t, 2)
	for i, open := range []int{200, 330, 331, 700, 999, 1000} {
		tap.Open(open)
		cfg.Parallelism = []int{2, 3, 1, 5}[i%4]
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
	got := map[string][]int64{}
	rows := sink.Rows()
	slices.SortStableFunc(rows, func(a, b count) int { return int(a.N - b.N) })
	for _, c := range rows {
		got[c.Text] = append(got[c.Text], c.At)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestATimerForAnEarlierTimeComesFirst though others of the time of the one that sets it are still to fire.
func TestATimerForAnEarlierTimeComesFirst(t *testing.T) {
	j := stream.New()
	in := stream.FromEvents(j, "words", enginetest.Of([]word{{"a", 10}, {"b", 10}, {"c", 10}}), func(w *word) int64 { return w.At }, 0)
	out := stream.Process(stream.KeyBy(in, func(w *word) string { return w.Text }), "timers", func(s *stream.Setup) stream.Functions[word, count] {
		return stream.Functions[word, count]{
			Row: func(c *stream.Context[count], w *word) error {
				c.Timer(100)
				return nil
			},
			OnTimer: func(c *stream.Context[count], ms int64) error {
				c.Emit(count{At: ms})
				if ms == 100 {
					c.Timer(50)
				}
				return nil
			},
		}
	})
	sink := enginetest.NewLedger[count]()
	stream.To(out, "out", sink)
	run(t, j, 1)
	var got []int64
	for _, c := range sink.Rows() {
		got = append(got, c.At)
	}
	if want := []int64{100, 50, 100, 50, 100, 50}; !slices.Equal(got, want) {
		t.Errorf("timers fired at %v, want %v", got, want)
	}
}

// called is what functions have been called for, by whichever subtask.
type called struct {
	mu    sync.Mutex
	lines []string
}

func (c *called) add(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, line)
}

// take returns the lines since it was last called, in the order of the alphabet.
func (c *called) take() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.Sort(c.lines)
	all := strings.Join(c.lines, ", ")
	c.lines = nil
	return all
}

// TestProcessingTimersFireWhenTheClockSaysSo while there is nothing to read; those that became due while the job did not run fire at
// once when it is restored.
func TestProcessingTimersFireWhenTheClockSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		epoch := time.Now().UnixMilli()
		in := enginetest.NewPartitions[word](1)
		var calls called
		j := stream.New()
		words := stream.From[word](j, "words", in)
		fired := stream.Process(stream.KeyBy(words, func(w *word) string { return w.Text }), "timers", func(*stream.Setup) stream.Functions[word, count] {
			return stream.Functions[word, count]{
				Row: func(c *stream.Context[count], w *word) error {
					c.ProcessingTimer(c.ProcessingTime() + w.At)
					c.ProcessingTimer(c.ProcessingTime() + w.At) // one call
					if w.At == 7000 {
						c.DeleteProcessingTimer(c.ProcessingTime() + 7000)
					}
					return nil
				},
				OnProcessingTimer: func(c *stream.Context[count], ms int64) error {
					calls.add(fmt.Sprintf("%s at %d, in time: %v", c.Key(), ms-epoch, c.ProcessingTime() == ms))
					c.Emit(count{Text: string(c.Key())})
					if string(c.Key()) == "again" && ms < epoch+6000 {
						c.ProcessingTimer(ms + 1000)
					}
					return nil
				},
			}
		})
		sink := enginetest.NewLedger[count]()
		stream.To(fired, "out", sink)
		g := graphOf(t, j)
		cfg := config(t, 1)
		cfg.Storage, cfg.Interval = "mem://"+cryptorand.Text(), time.Hour // a name that no other run has
		pass := func(d time.Duration, want string) {
			t.Helper()
			<-time.After(d) // of the test's own clock
			synctest.Wait()
			if got := calls.take(); got != want {
				t.Errorf("at %d these were called: %s\nwant %s", time.Now().UnixMilli()-epoch, got, want)
			}
		}
		run := func() (stop func()) {
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
		stop := run()
		pass(500*time.Millisecond, "")
		in.Append(0, word{"a", 2000}, word{"again", 3000}, word{"b", 60_000}, word{"c", 7000}, word{"d", 100_000})
		begun := time.Now().UnixMilli() - epoch
		pass(1999*time.Millisecond, "")
		pass(time.Millisecond, fmt.Sprintf("a at %d, in time: true", begun+2000))
		pass(2*time.Second, fmt.Sprintf("again at %d, in time: true, again at %d, in time: true", begun+3000, begun+4000))
		stop()
		<-time.After(80 * time.Second)
		cfg.Parallelism = 3
		stop = run()
		// A timer that is set for a time that has passed is due at once, too.
		pass(100*time.Millisecond, fmt.Sprintf("again at %d, in time: false, again at %d, in time: false, b at %d, in time: false",
			begun+5000, begun+6000, begun+60_000))
		stop()
		if got := len(sink.Rows()); got != 6 {
			t.Errorf("%d rows came out, want 6", got)
		}
	})
}

// TestProcessingTimersThatAreNotDueWhenTheInputEndsStay in the last snapshot, and are not called for.
func TestProcessingTimersThatAreNotDueWhenTheInputEndsStay(t *testing.T) {
	j := stream.New()
	in := stream.FromEvents(j, "words", enginetest.Of([]word{{"a", 1}, {"b", 2}}), func(w *word) int64 { return w.At }, 0)
	out := stream.Process(stream.KeyBy(in, func(w *word) string { return w.Text }), "timers", func(*stream.Setup) stream.Functions[word, count] {
		return stream.Functions[word, count]{
			Row: func(c *stream.Context[count], w *word) error {
				c.ProcessingTimer(1<<50 + w.At)
				c.Timer(w.At)
				return nil
			},
			OnTimer: func(c *stream.Context[count], _ int64) error {
				c.Emit(count{Text: string(c.Key())})
				return nil
			},
			OnProcessingTimer: func(*stream.Context[count], int64) error { return errors.New("it was called for") },
		}
	})
	sink := enginetest.NewLedger[count]()
	stream.To(out, "out", sink)
	g := graphOf(t, j)
	result, err := job.Run(t.Context(), config(t, 2), g, job.Options{})
	if err != nil || result.Outcome != outcome.Completed || len(sink.Rows()) != 2 {
		t.Fatalf("it ended with %v, %v, %d rows", result.Outcome, err, len(sink.Rows()))
	}
	s, err := snapshot.OpenSnapshot(t.Context(), result.LastCheckpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got []string
	err = stateview.Each(t.Context(), s, stateview.Filter{}, func(e stateview.Entry) error {
		got = append(got, fmt.Sprintf("%s %s at %s: %s", e.State, e.Key, e.Window, e.Value))
		return nil
	})
	slices.Sort(got)
	want := []string{`processing-timers "a" at 1125899906842625: null`, `processing-timers "b" at 1125899906842626: null`}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("the snapshot holds %q, want %q (%v)", got, want, err)
	}
}

func TestTheNamesOfStatesAreTheirOwn(t *testing.T) {
	j := stream.New()
	in := stream.From[word](j, "words", enginetest.Of([]word{{"a", 1}}))
	out := stream.Process(stream.KeyBy(in, func(w *word) string { return w.Text }), "p", func(s *stream.Setup) stream.Functions[word, count] {
		stream.ValueState[int64](s, "timers")
		return stream.Functions[word, count]{OnTimer: func(*stream.Context[count], int64) error { return nil }}
	})
	stream.To(out, "out", enginetest.NewLedger[count]())
	const want = "operator p: two of its states have the name timers"
	if _, err := j.Graph(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestATimerNeedsItsFunction(t *testing.T) {
	j := stream.New()
	in := stream.FromEvents(j, "words", enginetest.Of([]word{{"a", 1}}), func(w *word) int64 { return w.At }, 0)
	out := stream.Process(stream.KeyBy(in, func(w *word) string { return w.Text }), "timers", func(*stream.Setup) stream.Functions[word, count] {
		return stream.Functions[word, count]{Row: func(c *stream.Context[count], w *word) error {
			c.ProcessingTimer(w.At)
			return nil
		}}
	})
	stream.To(out, "out", enginetest.NewLedger[count]())
	g := graphOf(t, j)
	const want = "operator timers: a timer was set, of a kind for which there is no function; give the program's Functions OnTimer"
	if _, err := job.Run(t.Context(), config(t, 1), g, job.Options{}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
