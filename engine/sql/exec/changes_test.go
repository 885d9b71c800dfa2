package exec

import (
	"math"
	"slices"
	"testing"

	"github.com/weirstream/weir/engine/batch"
)

func TestAHalfOfAnUpdateIsWhatItIsByItself(t *testing.T) {
	const i, ub, ua, d = batch.Insert, batch.UpdateBefore, batch.UpdateAfter, batch.Delete
	all := []batch.RowKind{i, ub, ua, ub, ua, d, ua}
	for _, c := range []struct {
		name string
		sel  []int32
		want []batch.RowKind
	}{
		{"both halves", []int32{0, 1, 2, 3, 4, 5}, []batch.RowKind{i, ub, ua, ub, ua, d}},
		{"the old row alone", []int32{1}, []batch.RowKind{d}},
		{"the new row alone", []int32{2}, []batch.RowKind{i}},
		{"the new one of one, the old one of the next", []int32{2, 3}, []batch.RowKind{i, d}},
		{"the old one of one, the new one of the next", []int32{1, 4}, []batch.RowKind{d, i}},
		{"a new row whose old one was never given", []int32{6}, []batch.RowKind{ua}},
	} {
		kinds := gather(nil, all, c.sel)
		divide(kinds, all, c.sel)
		if !slices.Equal(kinds, c.want) {
			t.Errorf("%s: %v, want %v", c.name, kinds, c.want)
		}
	}
}

// TestSortKeysAreInTheOrderOfTheirValues: each of a list comes before the next, and the other way round if descending.
func TestSortKeysAreInTheOrderOfTheirValues(t *testing.T) {
	text := &batch.Strings{}
	for _, s := range []string{"", "\x00", "\x00\x00", "\x00a", "a", "a\x00", "a\x00b", "aa", "b", "\xff"} {
		text.AppendString(s)
	}
	for name, v := range map[string]batch.Vector{
		"STRING":  text,
		"BIGINT":  fixedOf[int64](int64(math.MinInt64), int64(-1), int64(0), int64(1), int64(math.MaxInt64)),
		"INT":     fixedOf[int32](int32(math.MinInt32), int32(-1), int32(0), int32(1), int32(math.MaxInt32)),
		"BOOLEAN": fixedOf[bool](false, true),
		"DOUBLE": fixedOf[float64](math.Inf(-1), -math.MaxFloat64, -1.0, -math.SmallestNonzeroFloat64, math.Copysign(0, -1), 0.0, math.SmallestNonzeroFloat64,
			1.5, math.MaxFloat64, math.Inf(1), math.NaN()),
	} {
		back := batch.NewVector(layoutOf(v))
		for i := range v.Len() {
			up, down := appendSorted(nil, v, i, ordering{}), appendSorted(nil, v, i, ordering{descending: true})
			if err := decodeSorted(up, back); err != nil {
				t.Fatalf("%s: value %d, %x: %v", name, i, up, err)
			}
			if again := appendSorted(nil, back, i, ordering{}); !slices.Equal(again, up) {
				t.Errorf("%s: value %d, %x, is read back as %x", name, i, up, again)
			}
			for o, key := range map[ordering][]byte{{}: up, {descending: true}: down} {
				if end, err := sortedEnd(append(slices.Clone(key), 7, 7), v, o); err != nil || end != len(key) {
					t.Errorf("%s: value %d ends at %d (%v), not %d", name, i, end, err, len(key))
				}
				for n := range key {
					if end, err := sortedEnd(key[:n], v, o); err == nil {
						t.Errorf("%s: value %d cut to %d bytes ends at %d", name, i, n, end)
					}
				}
			}
			if i > 0 {
				if last := appendSorted(nil, v, i-1, ordering{}); slices.Compare(last, up) >= 0 {
					t.Errorf("%s: value %d, %x, does not come before the next, %x", name, i-1, last, up)
				}
				if last := appendSorted(nil, v, i-1, ordering{descending: true}); slices.Compare(last, down) <= 0 {
					t.Errorf("%s: descending, value %d, %x, does not come after the next, %x", name, i-1, last, down)
				}
			}
		}
		null := batch.NewVector(layoutOf(v))
		null.AppendNull()
		for _, o := range []ordering{{}, {descending: true}} {
			for i := range v.Len() {
				value := appendSorted(nil, v, i, o)
				if first := appendSorted(nil, null, 0, o); slices.Compare(first, value) >= 0 {
					t.Errorf("%s: NULL, %x, does not come first: %x", name, first, value)
				}
				last := o
				last.nullsLast = true
				if key := appendSorted(nil, null, 0, last); slices.Compare(key, value) <= 0 {
					t.Errorf("%s: NULL, %x, does not come last: %x", name, key, value)
				}
			}
		}
	}
}

func TestASumOfDoublesForgetsWhatIsTakenBack(t *testing.T) {
	values := fixedOf[float64](0.1, 1e14, math.Inf(1), math.NaN(), 0.2, math.Inf(-1))
	a := exactSum{0, false}
	cell := make([]byte, exactBytes)
	cells := make([][]byte, values.Len())
	for i := range cells {
		cells[i] = cell
	}
	step := func(row int32, sign int8) float64 {
		signs := make([]int8, values.Len())
		signs[row] = sign
		a.apply(cells, []int32{row}, signs, values)
		out := &batch.Fixed[float64]{}
		if err := a.result(groupKey{cell: cell}, out); err != nil {
			t.Fatal(err)
		}
		if out.Null(0) {
			return -1
		}
		return out.V[0]
	}
	for i, c := range []struct {
		row  int32
		sign int8
		want float64
	}{
		{0, 1, 0.1}, {1, 1, 1e14 + 0.1}, {2, 1, math.Inf(1)}, {4, 1, math.Inf(1)}, {5, 1, math.NaN()}, {2, -1, math.Inf(-1)}, {5, -1, 1e14 + 0.3},
		{3, 1, math.NaN()}, {3, -1, 1e14 + 0.3}, {1, -1, 0.30000000000000004}, {0, -1, 0.2}, {4, -1, -1},
	} {
		if got := step(c.row, c.sign); got != c.want && !(got != got && c.want != c.want) {
			t.Errorf("step %d: %v, want %v", i, got, c.want)
		}
	}
	if !slices.Equal(cell, make([]byte, exactBytes)) {
		t.Errorf("%x is left of nothing", cell)
	}
}

func TestEachKeyOfABatchIsFoundOnce(t *testing.T) {
	var f fold
	for _, keys := range [][]string{{"a", "b", "a", "", "c", "b", ""}, {"b"}, {}, {"x", "x"}} {
		b := &batch.Batch{}
		for _, k := range keys {
			b.Keys.AppendString(k)
			b.Hash = append(b.Hash, uint64(len(k))) // keys of one length meet in one slot
		}
		f.begin(b)
		for i, k := range keys {
			if got := string(f.keys.Keys.At(int(f.of[i]))); got != k {
				t.Errorf("row %d of %q has the key %q", i, keys, got)
			}
		}
		seen := map[string]bool{}
		for i := range f.len() {
			seen[string(f.keys.Keys.At(i))] = true
		}
		if len(seen) != f.len() {
			t.Errorf("%d of the %d keys of %q differ", len(seen), f.len(), keys)
		}
	}
}
