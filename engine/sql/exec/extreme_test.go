package exec

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weirstream/weir/engine/batch"
)

// TestMinAndMaxOfDoublesDoNotDependOnTheOrderOfRows holds the one order of numbers: -0.0 before 0.0, NaN behind all.
func TestMinAndMaxOfDoublesDoNotDependOnTheOrderOfRows(t *testing.T) {
	negativeZero := math.Copysign(0, -1)
	for _, c := range []struct {
		name       string
		values     []float64
		least, top float64
	}{
		{"NaN is the greatest", []float64{1, math.NaN(), math.Inf(1), -2}, -2, math.NaN()},
		{"NaN alone", []float64{math.NaN()}, math.NaN(), math.NaN()},
		{"zeros", []float64{0, negativeZero, 0}, negativeZero, 0},
		{"infinities", []float64{math.Inf(-1), 0, math.Inf(1)}, math.Inf(-1), math.Inf(1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for range 50 {
				r.Shuffle(len(c.values), func(i, j int) { c.values[i], c.values[j] = c.values[j], c.values[i] })
				for function, want := range map[string]float64{"MIN": c.least, "MAX": c.top} {
					if got := extremeOf(function, c.values); math.Float64bits(got) != math.Float64bits(want) && !(got != got && want != want) {
						t.Fatalf("%s of %v is %v, want %v", function, c.values, got, want)
					}
				}
			}
		})
	}
}

func extremeOf(function string, values []float64) float64 {
	accumulators, size := layout([]AggregateCall{{Function: function, Layout: batch.Float64}})
	cell := make([]byte, size)
	for _, v := range values {
		accumulators[0].add([][]byte{cell}, &batch.Fixed[float64]{V: []float64{v}}, 0, 1)
	}
	var out batch.Fixed[float64]
	accumulators[0].result(cell, &out)
	return out.V[0]
}
