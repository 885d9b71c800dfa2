package window

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

const minute = 60_000

func TestAMomentBelongsToTheWindowsThatHoldIt(t *testing.T) {
	none := int64(math.MinInt64)
	for _, c := range []struct {
		name string
		a    Assigner
		t    int64
		mark int64
		want []int64
	}{
		{"a tumbling window holds its first moment", Tumble(10, 0), 20, none, []int64{20}},
		{"and its last", Tumble(10, 0), 29, none, []int64{20}},
		{"moments before the epoch fall into windows before it", Tumble(10, 0), -1, none, []int64{-10}},
		{"the start of a window before the epoch is in it", Tumble(10, 0), -10, none, []int64{-10}},
		{"an offset moves every window", Tumble(10, 3), 12, none, []int64{3}},
		{"a negative offset does too", Tumble(10, -3), 6, none, []int64{-3}},
		{"hopping windows overlap", Hop(5, 15, 0), 12, none, []int64{10, 5, 0}},
		{"hopping windows overlap before the epoch", Hop(5, 10, 0), -1, none, []int64{-5, -10}},
		{"a window is over when the mark reaches its last moment", Tumble(10, 0), 25, 29, nil},
		{"and not before", Tumble(10, 0), 25, 28, []int64{20}},
		{"of several windows only those that are over are left out", Hop(5, 15, 0), 12, 14, []int64{10, 5}},
		{"cumulating windows grow to their size", Cumulate(5, 15, 0), 12, none, []int64{15}},
		{"and hold what the shorter ones hold", Cumulate(5, 15, 0), 0, none, []int64{15, 10, 5}},
		{"also before the epoch", Cumulate(5, 15, 0), -6, none, []int64{0, -5}},
		{"an offset moves them", Cumulate(5, 15, 3), 2, none, []int64{3}},
		{"of cumulating windows only those that are over are left out", Cumulate(5, 15, 0), 0, 9, []int64{15}},
		{"the end of time closes every window", Hop(5, 15, 0), 12, math.MaxInt64, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.a.Append(nil, c.t, c.mark); !slices.Equal(got, c.want) {
				t.Errorf("windows of %d at mark %d: %v, want %v", c.t, c.mark, got, c.want)
			}
		})
	}
}

func TestWindowsEqualTheirDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		slide := r.Int64N(50) + 1
		a := Assigner{SizeMS: slide * (r.Int64N(5) + 1), SlideMS: slide, OffsetMS: r.Int64N(200) - 100}
		at, mark := r.Int64N(2000)-1000, r.Int64N(2000)-1000
		var want []int64
		for start := at; start > at-a.SizeMS; start-- {
			if (start-a.OffsetMS)%slide == 0 && start+a.SizeMS-1 > mark {
				want = append(want, start)
			}
		}
		if got := a.Append(nil, at, mark); !slices.Equal(got, want) {
			t.Fatalf("%+v: windows of %d at mark %d: %v, want %v", a, at, mark, got, want)
		}
		if last := a.Last(at); last > at || at >= a.End(last) {
			t.Fatalf("%+v: the last window of %d is %d", a, at, last)
		}
	}
}

func TestCumulatingWindowsEqualTheirDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		step := r.Int64N(50) + 1
		a := Cumulate(step, step*(r.Int64N(5)+1), r.Int64N(200)-100)
		at, mark := r.Int64N(2000)-1000, r.Int64N(2000)-1000
		start := at
		for (start-a.OffsetMS)%a.SizeMS != 0 {
			start--
		}
		var want []int64
		for end := start + a.SizeMS; end > start; end -= step {
			if at < end && end-1 > mark {
				want = append(want, end)
			}
		}
		got := a.Append(nil, at, mark)
		if !slices.Equal(got, want) {
			t.Fatalf("%+v: windows of %d at mark %d: %v, want %v", a, at, mark, got, want)
		}
		for _, name := range got {
			if a.Start(name) != start || a.End(name) != name {
				t.Fatalf("%+v: the window %d is from %d to %d, want %d to %d", a, name, a.Start(name), a.End(name), start, name)
			}
		}
	}
}

func TestSizesThatMakeNoWindowsAreRefused(t *testing.T) {
	for _, c := range []struct {
		a    Assigner
		want string
	}{
		{Tumble(0, 0), "the size of a window must be positive, not 0 ms"},
		{Hop(-minute, minute, 0), "the slide of a window must be positive, not -1 min"},
		{Hop(2*minute, 3*minute, 0), "the size of a hopping window (3 min) must be a multiple of its slide (2 min)"},
		{Cumulate(0, minute, 0), "the step of a window must be positive, not 0 ms"},
		{Cumulate(2*minute, 3*minute, 0), "the size of a cumulating window (3 min) must be a multiple of its step (2 min)"},
		{Hop(1, 100_001, 0), "a slide of 1 ms puts each row into 100001 windows of 100001 ms; at most 100000 are possible"},
	} {
		if err := c.a.Check(); err == nil || err.Error() != c.want {
			t.Errorf("%+v: %v, want %q", c.a, err, c.want)
		}
	}
	for _, fine := range []Assigner{Hop(minute, 60*minute, 0), Hop(1, 100_000, 0), Tumble(1, 0)} {
		if err := fine.Check(); err != nil {
			t.Error(err)
		}
	}
}

func TestFingerprintsAreReadable(t *testing.T) {
	for _, c := range []struct {
		a    Assigner
		want string
	}{
		{Tumble(60*minute, 0), "1 h"},
		{Tumble(48*60*minute, 8*60*minute), "2 d, offset 8 h"},
		{Hop(5*minute, 90*minute, 0), "slide 5 min, size 90 min"},
		{Cumulate(5*minute, 90*minute, 0), "step 5 min, size 90 min"},
		{Cumulate(minute, minute, 0), "step 1 min, size 1 min"},
		{Tumble(1500, 0), "1500 ms"},
	} {
		if got := c.a.String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
