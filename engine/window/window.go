// Package window is the arithmetic of time windows: which windows a moment belongs to, and when a window is over.
//
// It is pure and knows no rows, state or watermark generators. Times are ms since the epoch and may be negative; they and
// the sizes must stay below 2^61, so that no sum overflows. A window holds start <= t < end. It is named by its start, and a
// cumulating one, which shares that with others, by its end; so that of two windows the one with the lower name is over first.
package window

import (
	"fmt"
	"time"
)

// Assigner assigns moments to windows of one size that begin every slide. For tumbling windows the slide is the size. Cumulating windows
// grow by the slide from their common start until they have the size, where the next ones start.
type Assigner struct {
	// SizeMS is the length of a window, SlideMS the distance between the starts of two, OffsetMS the start of one of them. Of cumulating
	// windows SizeMS is that of the longest, SlideMS the difference of two.
	SizeMS, SlideMS, OffsetMS int64
	Cumulating                bool
}

// Tumble returns windows that follow each other without gap or overlap.
func Tumble(sizeMS, offsetMS int64) Assigner {
	return Assigner{SizeMS: sizeMS, SlideMS: sizeMS, OffsetMS: offsetMS}
}

// Hop returns windows that overlap: one starts every slide.
func Hop(slideMS, sizeMS, offsetMS int64) Assigner {
	return Assigner{SizeMS: sizeMS, SlideMS: slideMS, OffsetMS: offsetMS}
}

// Cumulate returns windows of step, two steps and so on up to size, which start together every size.
func Cumulate(stepMS, sizeMS, offsetMS int64) Assigner {
	return Assigner{SizeMS: sizeMS, SlideMS: stepMS, OffsetMS: offsetMS, Cumulating: true}
}

// maxOverlap is how many windows may hold one moment: every record is worth as many.
const maxOverlap = 100_000

// Check says what is wrong with the sizes. As in Flink, the size of windows that overlap is a multiple of the slide.
func (a Assigner) Check() error {
	slide, kind := "slide", "hopping"
	if a.Cumulating {
		slide, kind = "step", "cumulating"
	}
	switch {
	case a.SizeMS <= 0:
		return fmt.Errorf("the size of a window must be positive, not %s", Span(a.SizeMS))
	case a.SlideMS <= 0:
		return fmt.Errorf("the %s of a window must be positive, not %s", slide, Span(a.SlideMS))
	case a.SizeMS/a.SlideMS > maxOverlap:
		return fmt.Errorf("a %s of %s puts each row into %d windows of %s; at most %d are possible", slide, Span(a.SlideMS), a.SizeMS/a.SlideMS, Span(a.SizeMS), maxOverlap)
	case a.SizeMS%a.SlideMS != 0:
		return fmt.Errorf("the size of a %s window (%s) must be a multiple of its %s (%s)", kind, Span(a.SizeMS), slide, Span(a.SlideMS))
	}
	return nil
}

// Tumbling says whether every moment belongs to exactly one window, which is named by its start.
func (a Assigner) Tumbling() bool { return a.SizeMS == a.SlideMS && !a.Cumulating }

// before returns the last moment up to t that is a multiple of every away from the offset.
func (a Assigner) before(t, every int64) int64 {
	into := (t - a.OffsetMS) % every
	if into < 0 {
		into += every
	}
	return t - into
}

// Last returns the start of the last window that holds t. It is not for cumulating windows.
func (a Assigner) Last(t int64) int64 { return a.before(t, a.SlideMS) }

// Start returns the start of a window.
func (a Assigner) Start(name int64) int64 {
	if a.Cumulating {
		return a.before(name-1, a.SizeMS)
	}
	return name
}

// End returns the end of a window.
func (a Assigner) End(name int64) int64 {
	if a.Cumulating {
		return name
	}
	return name + a.SizeMS
}

// Over says whether a watermark closes a window: all its moments are at or below it (P4).
func (a Assigner) Over(name, watermark int64) bool { return a.End(name)-1 <= watermark }

// Append appends the names of the windows that hold t and are not over at the split watermark just before it, latest first. None
// means that t is late.
func (a Assigner) Append(dst []int64, t, mark int64) []int64 {
	if a.Cumulating {
		for end := a.before(t, a.SizeMS) + a.SizeMS; end > t && !a.Over(end, mark); end -= a.SlideMS {
			dst = append(dst, end)
		}
		return dst
	}
	for start := a.Last(t); start > t-a.SizeMS && !a.Over(start, mark); start -= a.SlideMS {
		dst = append(dst, start)
	}
	return dst
}

// String is the readable form that fingerprints keep (P9).
func (a Assigner) String() string {
	s := Span(a.SizeMS)
	switch {
	case a.Cumulating:
		s = "step " + Span(a.SlideMS) + ", size " + s
	case !a.Tumbling():
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
