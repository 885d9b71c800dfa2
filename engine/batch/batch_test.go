package batch_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/engine/batch"
)

var schema = &batch.Schema{Fields: []batch.Field{
	{Name: "s", Layout: batch.Text}, {Name: "b", Layout: batch.Bool}, {Name: "i", Layout: batch.Int32},
	{Name: "l", Layout: batch.Int64}, {Name: "d", Layout: batch.Float64}, {Name: "t", Layout: batch.Int64},
}}

// random fills a payload with values of which about a quarter are NULL.
func random(r *rand.Rand, rows int, nulls bool) *batch.Columns {
	c := batch.NewColumns(schema)
	for range rows {
		for _, v := range c.Cols {
			if nulls && r.IntN(4) == 0 {
				v.AppendNull()
				continue
			}
			switch v := v.(type) {
			case *batch.Strings:
				v.AppendString(string(rune('a' + r.IntN(26))))
			case *batch.Fixed[bool]:
				v.Append(r.IntN(2) == 0)
			case *batch.Fixed[int32]:
				v.Append(r.Int32())
			case *batch.Fixed[int64]:
				v.Append(r.Int64())
			case *batch.Fixed[float64]:
				v.Append(r.Float64())
			}
		}
		c.N++
	}
	return c
}

// cells lists the values of a payload row by row, nil for NULL.
func cells(c *batch.Columns) [][]any {
	out := make([][]any, c.Len())
	for i := range out {
		for _, v := range c.Cols {
			var cell any
			if !v.Null(i) {
				switch v := v.(type) {
				case *batch.Strings:
					cell = string(v.At(i))
				case *batch.Fixed[bool]:
					cell = v.V[i]
				case *batch.Fixed[int32]:
					cell = v.V[i]
				case *batch.Fixed[int64]:
					cell = v.V[i]
				case *batch.Fixed[float64]:
					cell = v.V[i]
				}
			}
			out[i] = append(out[i], cell)
		}
	}
	return out
}

func TestAppendSelectedCopiesExactlyTheSelectedRowsWithTheirNulls(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	dst := batch.NewColumns(schema)
	var want [][]any
	for round := range 200 {
		if round%40 == 0 { // also into memory that was used before
			dst.Reset()
			want = nil
		}
		src := random(r, 1+r.IntN(20), r.IntN(2) == 0)
		var sel []int32
		for i := range src.Len() {
			if r.IntN(2) == 0 {
				sel = append(sel, int32(i))
				want = append(want, cells(src)[i])
			}
		}
		dst.AppendSelected(src, sel)
		if diff := cmp.Diff(want, append([][]any(nil), cells(dst)...)); diff != "" {
			t.Fatalf("round %d: %s", round, diff)
		}
	}
}

func TestABatchCarriesEverythingButMarksAcrossAnEdge(t *testing.T) {
	src := batch.Of(&batch.Rows[int]{V: []int{10, 11, 12}})
	src.Time, src.SplitWatermark, src.Window, src.Hash = []int64{1, 2, 3}, []int64{0, 1, 2}, []int64{7, 8, 9}, []uint64{4, 5, 6}
	src.Kind = []batch.RowKind{batch.Insert, batch.Delete, batch.Insert}
	for _, k := range []string{"x", "", "zz"} {
		src.Keys.AppendString(k)
	}
	dst := src.New()
	dst.AppendSelected(src, []int32{1, 2})
	want := &batch.Batch{
		Data: &batch.Rows[int]{V: []int{11, 12}}, Time: []int64{2, 3}, Window: []int64{8, 9}, Hash: []uint64{5, 6},
		Kind: []batch.RowKind{batch.Delete, batch.Insert}, Keys: batch.Bytes{Off: []uint32{0, 0, 2}, Buf: []byte("zz")},
	}
	if diff := cmp.Diff(want, dst); diff != "" {
		t.Error(diff)
	}
	dst.Reset()
	if dst.Len() != 0 || dst.Keys.Len() != 0 {
		t.Errorf("after Reset there are %d rows and %d keys", dst.Len(), dst.Keys.Len())
	}
}

func TestRecycledBatchesAreFilledWithoutAllocating(t *testing.T) {
	src := batch.Of(random(rand.New(rand.NewPCG(3, 4)), 256, true))
	src.Time, src.Hash = make([]int64, 256), make([]uint64, 256)
	sel := make([]int32, 0, 128)
	for i := range 128 {
		sel = append(sel, int32(2*i))
	}
	dst := src.New()
	if n := testing.AllocsPerRun(20, func() { dst.Reset(); dst.AppendSelected(src, sel) }); n > 0 {
		t.Errorf("filling a recycled batch allocates %v times", n)
	}
}
