package exec

import (
	"bytes"
	"math"

	"github.com/weirstream/weir/engine/batch"
)

// accumulator makes that of a call.
func (g *group) accumulator(i int) groupAccumulator {
	c, at := g.spec.Calls[i], g.layout.at[i]
	switch k := g.spec.kept(c); {
	case k.best:
		return bestOf{g, i}
	case !k.cell:
		return extremeOfValues{g, i}
	case c.Function == "COUNT":
		return groupCount{at}
	case c.Function == "MIN" || c.Function == "MAX":
		return groupExtreme{newExtreme(at, c.AggregateCall)}
	case c.Layout == batch.Float64:
		return exactSum{at, c.Function == "AVG"}
	case c.Layout == batch.Int32:
		return groupSum[int32]{at, c.Function == "AVG"}
	}
	return groupSum[int64]{at, c.Function == "AVG"}
}

// groupCount is COUNT: one word.
type groupCount struct{ at int }

func (a groupCount) apply(cells [][]byte, sel []int32, signs []int8, arg batch.Vector) {
	var nulls []bool
	if arg != nil {
		nulls = arg.NullMask()
	}
	for _, i := range sel {
		if len(nulls) == 0 || !nulls[i] {
			store(cells[i], a.at, load(cells[i], a.at)+uint64(int64(signs[i])))
		}
	}
}

func (a groupCount) result(g groupKey, to batch.Vector) error {
	count(a).result(g.cell, to)
	return nil
}

// groupSum is SUM or AVG of integers: a word for the sum, one for the number of values.
type groupSum[T int32 | int64] struct {
	at   int
	mean bool
}

func (a groupSum[T]) apply(cells [][]byte, sel []int32, signs []int8, arg batch.Vector) {
	v := arg.(*batch.Fixed[T])
	for _, i := range sel {
		if v.Null(int(i)) {
			continue
		}
		c, sign := cells[i], int64(signs[i])
		store(c, a.at, load(c, a.at)+uint64(sign*int64(v.V[i])))
		store(c, a.at+8, load(c, a.at+8)+uint64(sign))
	}
}

func (a groupSum[T]) result(g groupKey, to batch.Vector) error {
	sum[T](a).result(g.cell, to)
	return nil
}

// groupExtreme is MIN or MAX of numbers that are never taken back.
type groupExtreme struct{ accumulator }

func (a groupExtreme) apply(cells [][]byte, sel []int32, _ []int8, arg batch.Vector) {
	for _, i := range sel {
		a.add(cells, arg, int(i), int(i)+1)
	}
}

func (a groupExtreme) result(g groupKey, to batch.Vector) error {
	a.accumulator.result(g.cell, to)
	return nil
}

// exactSum is SUM or AVG of DOUBLE, whose result depends neither on the order of the rows nor on those that were taken back, as far as
// 106 bits hold all that the values have: a word for the sum, one for what rounding has left out of it (the sum of both is exact as long
// as it has 106 bits), one for the number of values, and one each for how many of these are NaN, Infinity and -Infinity, which no
// number can be taken out of again.
type exactSum struct {
	at   int
	mean bool
}

const exactBytes = 48

func (a exactSum) apply(cells [][]byte, sel []int32, signs []int8, arg batch.Vector) {
	v := arg.(*batch.Fixed[float64])
	for _, i := range sel {
		if v.Null(int(i)) {
			continue
		}
		c, x, sign := cells[i][a.at:], v.V[i], int64(signs[i])
		n := load(c, 16) + uint64(sign)
		store(c, 16, n)
		switch {
		case x != x:
			store(c, 24, load(c, 24)+uint64(sign))
		case math.IsInf(x, 1):
			store(c, 32, load(c, 32)+uint64(sign))
		case math.IsInf(x, -1):
			store(c, 40, load(c, 40)+uint64(sign))
		default:
			a.add(c, x*float64(sign))
		}
		if n == 0 {
			clear(c[:exactBytes])
		}
	}
}

// add adds a number to a sum of two words: D. Knuth, The Art of Computer Programming, volume 2, 4.2.2, theorem B, once for
// the number and once for what the first sum leaves out.
func (exactSum) add(c []byte, x float64) {
	high, low := math.Float64frombits(load(c, 0)), math.Float64frombits(load(c, 8))
	sum, rest := twoSum(high, x)
	sum, rest = twoSum(sum, rest+low)
	if math.IsInf(sum, 0) {
		rest = 0
	}
	store(c, 0, math.Float64bits(sum))
	store(c, 8, math.Float64bits(rest))
}

func twoSum(a, b float64) (sum, rest float64) {
	sum = a + b
	t := sum - a
	return sum, (a - (sum - t)) + (b - t)
}

func (a exactSum) result(g groupKey, to batch.Vector) error {
	c := g.cell[a.at:]
	n := int64(load(c, 16))
	if n == 0 {
		to.AppendNull()
		return nil
	}
	total := math.Float64frombits(load(c, 0))
	nan, up, down := load(c, 24) > 0, load(c, 32) > 0, load(c, 40) > 0
	switch {
	case nan || up && down:
		total = math.NaN()
	case up:
		total = math.Inf(1)
	case down:
		total = math.Inf(-1)
	}
	if a.mean {
		total /= float64(n)
	}
	to.(*batch.Fixed[float64]).Append(total)
	return nil
}

// extremeOfValues is MIN or MAX of what may be taken back: the first or last of the values of the group.
type extremeOfValues struct {
	of   *group
	call int
}

func (extremeOfValues) apply([][]byte, []int32, []int8, batch.Vector) {}

func (a extremeOfValues) result(k groupKey, to batch.Vector) error {
	g := a.of
	argument := g.counted[a.call]
	g.name = valuesOf(g.name[:0], argument)
	var found bool
	if g.spec.Calls[a.call].Function == "MIN" {
		g.cursor.Seek(k.hash, k.key, g.name)
		found = g.cursor.Next()
	} else {
		g.cursor.Seek(k.hash, k.key, valuesOf(g.count[:0], argument+1))
		found = g.cursor.Prev()
	}
	if !found || !bytes.HasPrefix(g.cursor.Name(), g.name) {
		to.AppendNull()
		return nil
	}
	return decodeSorted(g.cursor.Name()[len(g.name):], to)
}

// bestOf is MIN or MAX of strings that are never taken back.
type bestOf struct {
	of   *group
	call int
}

func (bestOf) apply([][]byte, []int32, []int8, batch.Vector) {}

func (a bestOf) result(k groupKey, to batch.Vector) error {
	best, found := a.of.best.Get(k.hash, k.key, a.of.bestName(a.call))
	if !found {
		to.AppendNull()
		return nil
	}
	return decodeSorted(best, to)
}
