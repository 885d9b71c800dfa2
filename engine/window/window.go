// Package window is the arithmetic of time windows: which windows a moment belongs to, and when a window is over.
//
// It is pure and knows no rows, state or watermark generators. Times are ms since the epoch and may be negative; they and
// the sizes must stay below 2^61, so that no sum overflows. A window is named by its start; it holds start <= t < end.
package window

import (
	"fmt"
	"time"
)

// Assigner assigns moments to windows of one size that begin every slide. For tumbling windows the slide is the size.
type Assigner struct {
	// SizeMS is the length of a window, SlideMS the distance between the starts of two, OffsetMS the start of one of them.
	SizeMS, SlideMS, OffsetMS int64
}

// Tumble returns windows that follow each other without gap or overlap.
func Tumble(sizeMS, offsetMS int64) Assigner { return Assigner{sizeMS, sizeMS, offsetMS} }

// Hop returns windows that overlap: one starts every slide.
func Hop(slideMS, sizeMS, offsetMS int64) Assigner { return Assigner{sizeMS, slideMS, offsetMS} }

// maxOverlap is how many windows may hold one moment: every record is worth as many.
const maxOverlap = 100_000

// Check says what is wrong with the sizes. As in Flink, the size of hopping windows is a multiple of the slide.
func (a Assigner) Check() error {
	switch {
	case a.SizeMS <= 0:
		return fmt.Errorf("the size of a window must be positive, not %s", Span(a.SizeMS))
	case a.SlideMS <= 0:
		return fmt.Errorf("the slide of a window must be positive, not %s", Span(a.SlideMS))
	case a.SizeMS/a.SlideMS > maxOverlap:
		return fmt.Errorf("a slide of %s puts each row into %d windows of %s; at most %d are possible", Span(a.SlideMS), a.SizeMS/a.SlideMS, Span(a.SizeMS), maxOverlap)
	case a.SizeMS%a.SlideMS != 0:
		return fmt.Errorf("the size of a hopping window (%s) must be a multiple of its slide (%s)", Span(a.SizeMS), Span(a.SlideMS))
	}
	return nil
}

// Tumbling says whether every moment belongs to exactly one window.
func (a Assigner) Tumbling() bool { return a.SizeMS == a.SlideMS }

// Last returns the start of the last window that holds t.
func (a Assigner) Last(t int64) int64 {
	into := (t - a.OffsetMS) % a.SlideMS
	if into < 0 {
		into += a.SlideMS
	}
	return t - into
}

// End returns the end of the window that begins at start.
func (a Assigner) End(start int64) int64 { return start + a.SizeMS }

// Over says whether a watermark closes the window that begins at start: all its moments are at or below it (P4).
func (a Assigner) Over(start, watermark int64) bool { return start+a.SizeMS-1 <= watermark }

// Append appends the starts of the windows that hold t and are not over at the split watermark just before it, latest first. None
// means that t is late.
func (a Assigner) Append(dst []int64, t, mark int64) []int64 {
	for start := a.Last(t); start > t-a.SizeMS && !a.Over(start, mark); start -= a.SlideMS {
		dst = append(dst, start)
	}
	return dst
}

// String is the readable form that fingerprints keep (P9).
func (a Assigner) String() string {
	s := Span(a.SizeMS)
	if !a.Tumbling() {
		s = "slide " + Span(a.SlideMS) + ", size " + s
	}
	if a.OffsetMS != 0 {
		s += ", offset " + Span(a.OffsetMS)
	}
	return s
}

// Span writes a time span in ms with the largest unit that divides it, such as "1 h".
func Span(ms int64) string {
	for _, u := range [...]struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if n := u.length.Milliseconds(); ms != 0 && ms%n == 0 {
			return fmt.Sprintf("%d %s", ms/n, u.name)
		}
	}
	return fmt.Sprintf("%d ms", ms)
}
