package exchange

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// looked is what a gate says of event time, told by a look at every channel after every change.
type looked struct {
	channels []progress
	told     progress
}

func (l *looked) moved(i int, to progress) (Element, bool) {
	l.channels[i] = to
	idle := func(p progress) bool { return p.idle }
	resting := func(p progress) bool { return p.idle || p.watermark == math.MaxInt64 }
	if all := !slices.ContainsFunc(l.channels, func(p progress) bool { return !resting(p) }) && slices.ContainsFunc(l.channels, idle); all != l.told.idle {
		l.told.idle = all
		if all {
			return Element{Kind: Idle}, true
		}
		return Element{Kind: Active}, true
	}
	lowest, waits, over := int64(math.MaxInt64), false, true
	for _, p := range l.channels {
		over = over && p.watermark == math.MaxInt64
		if !resting(p) {
			lowest, waits = min(lowest, p.watermark), true
		}
	}
	if !waits && !over || lowest <= l.told.watermark {
		return Element{}, false
	}
	l.told.watermark = lowest
	return Element{Kind: Watermark, Value: lowest}, true
}

func TestWhatIsCountedIsWhatALookAtEveryChannelTells(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		n := 1 + r.IntN(5)
		g := newGate(n)
		model := looked{channels: make([]progress, n), told: progress{watermark: math.MinInt64}}
		for i := range model.channels {
			model.channels[i].watermark = math.MinInt64
		}
		for step := range 200 {
			i := r.IntN(n)
			to := model.channels[i]
			switch r.IntN(40) {
			case 0:
				to.watermark = math.MaxInt64
			case 1, 2, 3, 4, 5, 6, 7, 8:
				to.idle = !to.idle
			default:
				to.watermark = max(to.watermark, int64(step/4+r.IntN(10)))
			}
			got, ok := g.moved(&g.channels[i], to)
			want, wanted := model.moved(i, to)
			if ok != wanted || got != want {
				t.Fatalf("seed %d, step %d: channel %d is %+v: got %+v, %v, want %+v, %v", seed, step, i, to, got, ok, want, wanted)
			}
		}
	}
}

func TestASetFindsTheNextMemberInTurn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	for _, n := range []int{1, 63, 64, 65, 200} {
		set, model := indexesBelow(n), make([]bool, n)
		for range 2000 {
			i := r.IntN(n)
			model[i] = r.IntN(8) == 0
			set.set(i, model[i])
			start, want := r.IntN(n), -1
			for k := range n {
				if at := (start + k) % n; model[at] {
					want = at
					break
				}
			}
			if got := set.from(start); got != want {
				t.Fatalf("of %d: the first from %d on is %d, want %d", n, start, got, want)
			}
		}
	}
}

// BenchmarkManyChannels is the end of event time at a gate of a job of parallelism n: each producer sends one watermark.
func BenchmarkManyChannels(b *testing.B) {
	for _, n := range []int{8, 64, 512} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			g := newGate(n)
			ms := int64(0)
			for b.Loop() {
				ms++
				for i := range n {
					if err := g.channels[i].Send(Element{Kind: Watermark, Value: ms}); err != nil {
						b.Fatal(err)
					}
				}
				if e, ok, err := g.Poll(); err != nil || !ok || e.Value != ms {
					b.Fatal(e, ok, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/watermark")
		})
	}
}
