package run

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirstream/weir/engine/rest"
)

func TestWhatTheProgressLineSays(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	watermark, end := int64(981_806_400_000), int64(1<<63-1)
	checkpoint := &rest.Checkpoint{ID: 12, TriggerTime: now.Add(-3 * time.Second), DurationMs: 900}
	for _, c := range []struct {
		name string
		job  rest.Job
		rate float64
		want string
	}{
		{"at the begin", rest.Job{ID: "delays", State: rest.Starting}, 0, "delays starting | 0 in, 0 out | 0/s"},
		{"on the way", rest.Job{ID: "delays", State: rest.Running, RecordsIn: 1234567, RecordsOut: 999, LastCheckpoint: checkpoint, WatermarkMs: &watermark}, 41234,
			"delays running | 1,234,567 in, 999 out | 41 k/s | checkpoint 12 2s ago | watermark 2001-02-10 12:00:00"},
		{"with trouble", rest.Job{ID: "delays", State: rest.Recovering, RecordsIn: 1000, RecordsLate: 7, FailedCheckpoints: 2, Restarts: 1}, 1234,
			"delays recovering | 1,000 in, 0 out, 7 late | 1,234/s | 2 failed | 1 restarts"},
		{"at the end of event time", rest.Job{ID: "delays", State: rest.Stopping, WatermarkMs: &end}, 2.5e6,
			"delays stopping | 0 in, 0 out | 2.5 M/s | watermark end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := progressText(c.job, c.rate, now); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestTheRateIsThatOfTheLastTwoSeconds(t *testing.T) {
	var r rate
	at := time.Unix(0, 0)
	records := int64(0)
	var got float64
	for range 100 { // 1,000 a second
		got = r.of(at, records)
		at, records = at.Add(200*time.Millisecond), records+200
	}
	if got != 1000 {
		t.Errorf("%v records per second", got)
	}
	for range 2 * mostSamples { // then none
		got = r.of(at, records)
		at = at.Add(200 * time.Millisecond)
	}
	if got != 0 {
		t.Errorf("%v records per second after a stop", got)
	}
	if got = r.of(at, 0); got != 0 {
		t.Errorf("%v records per second after counting anew", got)
	}
}

// terminal draws what it is sent: lines, and the last one as it stands.
type terminal struct{ lines []string }

func (s *terminal) Write(p []byte) (int, error) {
	if len(s.lines) == 0 {
		s.lines = []string{""}
	}
	for _, part := range strings.SplitAfter(string(p), "\n") {
		last := &s.lines[len(s.lines)-1]
		if i := strings.LastIndex(part, eraseLine); i >= 0 {
			*last, part = "", part[i+len(eraseLine):]
		}
		*last += strings.TrimSuffix(part, "\n")
		if strings.HasSuffix(part, "\n") {
			s.lines = append(s.lines, "")
		}
	}
	return len(p), nil
}

func (s *terminal) String() string { return strings.Join(s.lines, "\n") }

func TestWhatIsWrittenStandsAboveTheProgressLine(t *testing.T) {
	screen := &terminal{}
	p := newProgress(screen, func() int { return 80 })
	p.line("first")
	p.set("10 %")
	p.line("second")
	p.set("20 %")
	if _, err := p.above(screen).Write([]byte("a row\n")); err != nil {
		t.Fatal(err)
	}
	if want := "first\nsecond\na row\n20 %"; screen.String() != want {
		t.Errorf("the screen shows\n%s\nwant\n%s", screen, want)
	}
	p.set("")
	p.line("the end")
	if want := "first\nsecond\na row\nthe end\n"; screen.String() != want {
		t.Errorf("at the end the screen shows\n%s\nwant\n%s", screen, want)
	}
}

func TestTheProgressLineIsDrawnFiveTimesASecondAndFitsTheTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := newProgress(&out, func() int { return 21 })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		records := int64(0)
		p.follow(ctx, func() rest.Job {
			records++
			return rest.Job{ID: "delays", State: rest.Running, RecordsIn: records}
		})
		drawn := strings.Split(out.String(), eraseLine)[1:]
		if len(drawn) < 5 || len(drawn) > 7 || drawn[len(drawn)-1] != "" {
			t.Errorf("drawn %d times in a second: %q", len(drawn), drawn)
		}
		if want := "delays running | 1 i"; drawn[0] != want {
			t.Errorf("got %q, want %q", drawn[0], want)
		}
	})
}
