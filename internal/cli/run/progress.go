package run

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir/engine/rest"
)

// redraw is the time between two states of the progress line.
const redraw = 200 * time.Millisecond

// progress is a line at the end of a terminal that shows how a job goes. What else is written, through Write, stands
// above it.
type progress struct {
	out   io.Writer
	width func() int

	mu struct {
		sync.Mutex
		shown string // the line as it stands; empty: there is none
	}
}

func newProgress(out io.Writer, width func() int) *progress { return &progress{out: out, width: width} }

// eraseLine returns to the begin of the line and empties it (ECMA-48: CR, EL).
const eraseLine = "\r\x1b[K"

// Write writes whole lines above the progress line.
func (p *progress) Write(lines []byte) (int, error) { return p.above(p.out).Write(lines) }

// above returns a writer of whole lines to another stream of the same terminal, which then stand above the progress line.
func (p *progress) above(out io.Writer) io.Writer { return above{p, out} }

type above struct {
	p   *progress
	out io.Writer
}

func (a above) Write(lines []byte) (int, error) {
	p := a.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.shown == "" {
		return a.out.Write(lines)
	}
	p.draw(eraseLine)
	n, err := a.out.Write(lines)
	p.draw(p.mu.shown)
	return n, err
}

// line writes one line above.
func (p *progress) line(text string) {
	_, _ = io.WriteString(p, text+"\n") // as in draw
}

// draw sends text to the terminal as it is. One that is gone shows nothing, and the job goes on.
func (p *progress) draw(text string) { _, _ = io.WriteString(p.out, text) }

// set replaces the progress line; empty removes it.
func (p *progress) set(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if text == p.mu.shown {
		return
	}
	p.draw(eraseLine + text)
	p.mu.shown = text
}

// follow keeps the line fresh until ctx is done, and removes it.
func (p *progress) follow(ctx context.Context, overview func() rest.Job) {
	defer p.set("")
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	var r rate
	for {
		o := overview()
		now := time.Now()
		p.set(clip(progressText(o, r.of(now, o.RecordsIn), now), p.width()-1))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// progressText says how a job goes.
func progressText(o rest.Job, perSecond float64, now time.Time) string {
	parts := []string{o.ID + " " + strings.ToLower(string(o.State)), counts(o), fmt.Sprintf("%s/s", compact(perSecond))}
	if c := o.LastCheckpoint; c != nil {
		ended := c.TriggerTime.Add(time.Duration(c.DurationMs) * time.Millisecond)
		parts = append(parts, fmt.Sprintf("checkpoint %d %s ago", c.ID, max(now.Sub(ended), 0).Truncate(time.Second)))
	}
	if o.FailedCheckpoints > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", o.FailedCheckpoints))
	}
	if o.Restarts > 0 {
		parts = append(parts, fmt.Sprintf("%d restarts", o.Restarts))
	}
	if o.WatermarkMs != nil {
		parts = append(parts, "watermark "+eventTime(*o.WatermarkMs))
	}
	return strings.Join(parts, " | ")
}

// eventTime is a time of the data, to the second; the end of all time has a name.
func eventTime(ms int64) string {
	t := time.UnixMilli(ms).UTC()
	if t.Year() > 9999 {
		return "end"
	}
	return t.Format("2006-01-02 15:04:05")
}

// counts says how many records went in and out.
func counts(o rest.Job) string {
	s := fmt.Sprintf("%s in, %s out", grouped(o.RecordsIn), grouped(o.RecordsOut))
	if o.RecordsLate > 0 {
		s += fmt.Sprintf(", %s late", grouped(o.RecordsLate))
	}
	if o.RecordsSkipped > 0 {
		s += fmt.Sprintf(", %s skipped", grouped(o.RecordsSkipped))
	}
	return s
}

// grouped writes a number with a comma before every third digit.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// compact writes a number with two to four digits.
func compact(n float64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.1f M", n/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.0f k", n/1e3)
	}
	return grouped(int64(n))
}

// clip cuts a text to a number of columns, so that the line stays one.
func clip(text string, columns int) string {
	if utf8.RuneCountInString(text) <= columns {
		return text
	}
	return string([]rune(text)[:max(columns, 0)])
}

// rate is the speed over the last samples, about two seconds: a moment's alone would flicker.
type rate struct{ samples []sample }

type sample struct {
	at      time.Time
	records int64
}

// mostSamples bounds the time that the rate is taken over.
const mostSamples = 11

// of adds a sample, and returns the records per second since the oldest.
func (r *rate) of(now time.Time, records int64) float64 {
	if n := len(r.samples); n > 0 && records < r.samples[n-1].records {
		r.samples = nil // counted anew after a restart
	}
	r.samples = append(r.samples, sample{now, records})
	if len(r.samples) > mostSamples {
		r.samples = r.samples[1:]
	}
	first := r.samples[0]
	if d := now.Sub(first.at).Seconds(); d > 0 {
		return float64(records-first.records) / d
	}
	return 0
}
