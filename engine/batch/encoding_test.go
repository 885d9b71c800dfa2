package batch_test

import (
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weirstream/weir/engine/batch"
)

var update = flag.Bool("update", false, "write the golden encoding anew")

var everyLayout = &batch.Schema{Fields: []batch.Field{
	{Name: "text", Layout: batch.Text}, {Name: "yes", Layout: batch.Bool}, {Name: "small", Layout: batch.Int32},
	{Name: "large", Layout: batch.Int64}, {Name: "real", Layout: batch.Float64},
}}

// randomRows fills a batch of n rows. Each optional part is there or not, as are NULLs in each column.
func randomRows(r *rand.Rand, n int) *batch.Batch {
	c := batch.NewColumns(everyLayout)
	b := batch.Of(c)
	var nullable [5]bool
	for i := range nullable {
		nullable[i] = r.IntN(2) == 0
	}
	null := func(i int) bool { return nullable[i] && r.IntN(3) == 0 }
	for range n {
		if s := c.Cols[0].(*batch.Strings); null(0) {
			s.AppendNull()
		} else {
			s.Append(randomBytes(r))
		}
		appendFixed(c.Cols[1], null(1), r.IntN(2) == 0)
		appendFixed(c.Cols[2], null(2), int32(r.Uint32()))
		appendFixed(c.Cols[3], null(3), int64(r.Uint64()))
		appendFixed(c.Cols[4], null(4), math.Float64frombits(r.Uint64()>>r.IntN(12)))
	}
	c.N = n
	for i, part := range []*[]int64{&b.Time, &b.SplitWatermark, &b.Window} {
		if r.IntN(2) == 0 || i == 0 {
			for range n {
				*part = append(*part, int64(r.Uint64()))
			}
		}
	}
	keyed, kinds := r.IntN(2) == 0, r.IntN(2) == 0
	for range n {
		if keyed {
			b.Hash = append(b.Hash, r.Uint64())
			b.Keys.Append(randomBytes(r))
		}
		if kinds {
			b.Kind = append(b.Kind, batch.RowKind(r.IntN(4)))
		}
	}
	return b
}

func appendFixed[T batch.Value](v batch.Vector, null bool, value T) {
	if null {
		v.AppendNull()
		return
	}
	v.(*batch.Fixed[T]).Append(value)
}

func randomBytes(r *rand.Rand) []byte {
	b := make([]byte, r.IntN(12))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// sameRows compares batches; NaN is itself, and what is empty is nil.
func sameRows(want, got *batch.Batch) string {
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateNaNs())
}

func TestABatchIsReadAsItWasWritten(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	codec := batch.ColumnCodec(everyLayout)
	into := batch.Of(codec.New()) // recycled, as by an exchange
	for range 300 {
		b := randomRows(r, r.IntN(40))
		encoded, err := batch.AppendBatch([]byte("before"), b, codec)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		encoded = encoded[len("before"):]
		into.Reset()
		err = batch.DecodeBatch(encoded, into, codec)
		clear(encoded)
		if diff := sameRows(b, into); err != nil || diff != "" {
			t.Fatalf("seed %d: %v (-want +got)\n%s", seed, err, diff)
		}
	}
}

// Strings of a list may begin anywhere in its buffer.
func TestStringsThatDoNotBeginWithTheirBuffer(t *testing.T) {
	schema := &batch.Schema{Fields: []batch.Field{{Name: "s", Layout: batch.Text}}}
	codec := batch.ColumnCodec(schema)
	c := &batch.Columns{Schema: schema, N: 2, Cols: []batch.Vector{
		&batch.Strings{Bytes: batch.Bytes{Off: []uint32{2, 3, 5}, Buf: []byte("__abc__")}}}}
	encoded, err := batch.AppendBatch(nil, batch.Of(c), codec)
	if err != nil {
		t.Fatal(err)
	}
	into := batch.Of(codec.New())
	if err := batch.DecodeBatch(encoded, into, codec); err != nil {
		t.Fatal(err)
	}
	if s := into.Data.(*batch.Columns).Cols[0].(*batch.Strings); string(s.At(0))+"|"+string(s.At(1)) != "a|bc" {
		t.Errorf("the strings are %q and %q", s.At(0), s.At(1))
	}
}

// goldenBatch has every part, every layout, and NULLs.
func goldenBatch() *batch.Batch {
	c := batch.NewColumns(everyLayout)
	text, yes := c.Cols[0].(*batch.Strings), c.Cols[1].(*batch.Fixed[bool])
	text.AppendString("weir")
	text.AppendNull()
	yes.Append(true)
	yes.Append(false)
	appendFixed(c.Cols[2], false, int32(-2))
	appendFixed(c.Cols[2], true, int32(0))
	appendFixed(c.Cols[3], false, int64(1)<<40)
	appendFixed(c.Cols[3], false, int64(-1))
	appendFixed(c.Cols[4], false, 1.5)
	appendFixed(c.Cols[4], false, math.Inf(-1))
	c.N = 2
	b := &batch.Batch{Data: c, Time: []int64{1000, -1}, SplitWatermark: []int64{math.MinInt64, 900}, Window: []int64{0, 3600}, Hash: []uint64{1 << 63, 7},
		Kind: []batch.RowKind{batch.Insert, batch.Delete}}
	b.Keys.AppendString("a")
	b.Keys.AppendString("")
	return b
}

// TestTheEncodingOfABatchStays holds it against what was written before: processes of two versions that meet must not take the rows of
// one for others.
func TestTheEncodingOfABatchStays(t *testing.T) {
	codec := batch.ColumnCodec(everyLayout)
	encoded, err := batch.AppendBatch(nil, goldenBatch(), codec)
	if err != nil {
		t.Fatal(err)
	}
	got := codec.Layout() + "\n" + hex.Dump(encoded)
	const golden = "testdata/encoding.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("the encoding has changed (-want +got); then its layout must, too:\n%s", diff)
	}
}

func TestAMalformedBatchIsRefused(t *testing.T) {
	codec := batch.ColumnCodec(everyLayout)
	whole, err := batch.AppendBatch(nil, goldenBatch(), codec)
	if err != nil {
		t.Fatal(err)
	}
	decode := func(b []byte, c batch.Codec) error { return batch.DecodeBatch(b, batch.Of(c.New()), c) }
	for n := range whole {
		if decode(whole[:n], codec) == nil {
			t.Errorf("cut off after %d bytes it is read", n)
		}
	}
	if decode(append(slices.Clone(whole), 0), codec) == nil {
		t.Error("with a byte behind it, it is read")
	}
	one := func(l batch.Layout) batch.Codec {
		return batch.ColumnCodec(&batch.Schema{Fields: []batch.Field{{Name: "c", Layout: l}}})
	}
	none := batch.ColumnCodec(&batch.Schema{})
	for name, c := range map[string]struct {
		bytes []byte
		codec batch.Codec
		want  string
	}{
		"more rows than bytes":          {[]byte{0xff, 0xff, 0xff, 0xff, 7, 0, 0}, one(batch.Int64), "cut off"},
		"more rows than there can be":   {[]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0}, none, "does not begin with its rows"},
		"an unknown part":               {[]byte{1, 64}, none, "parts 0x40"},
		"parts of no rows":              {[]byte{0, 1}, none, "0 rows with the parts"},
		"an unknown kind of row":        {[]byte{1, 32, 4}, none, "a kind that there is not"},
		"strings that go back":          {[]byte{2, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 'a', 'b'}, one(batch.Text), "ends before it begins"},
		"a bool that is none":           {[]byte{1, 0, 0, 2}, one(batch.Bool), "is no bool"},
		"a mask that is none":           {[]byte{1, 0, 2, 2}, one(batch.Bool), "whether NULLs are in it is told as 2"},
		"a mask with a bool of its own": {[]byte{1, 0, 1, 3, 0}, one(batch.Bool), "is no bool"},
		"a NULL that is a number":       {[]byte{1, 0, 1, 1, 5, 0, 0, 0}, one(batch.Int32), "is NULL and 5"},
		"a NULL that is a text":         {[]byte{1, 0, 1, 1, 1, 0, 0, 0, 'x'}, one(batch.Text), "is NULL and a text"},
	} {
		if err := decode(c.bytes, c.codec); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	odd := goldenBatch()
	odd.Hash = odd.Hash[:1]
	if _, err := batch.AppendBatch(nil, odd, codec); err == nil {
		t.Error("two rows with one hash are written")
	}
	if _, err := batch.AppendBatch(nil, goldenBatch(), one(batch.Text)); err == nil {
		t.Error("five columns are written as one")
	}
}

func FuzzDecodeBatch(f *testing.F) {
	codec := batch.ColumnCodec(everyLayout)
	for _, b := range []*batch.Batch{goldenBatch(), randomRows(rand.New(rand.NewPCG(1, 1)), 3), batch.Of(codec.New())} {
		encoded, err := batch.AppendBatch(nil, b, codec)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		read := batch.Of(codec.New())
		if batch.DecodeBatch(b, read, codec) != nil {
			return
		}
		encoded, err := batch.AppendBatch(nil, read, codec)
		if err != nil {
			t.Fatal(err)
		}
		again := batch.Of(codec.New())
		err = batch.DecodeBatch(encoded, again, codec)
		if diff := sameRows(read, again); err != nil || diff != "" {
			t.Errorf("written and read again it differs (-want +got):\n%s%v", diff, err)
		}
	})
}

func TestEncodingABatchAllocatesNothing(t *testing.T) {
	codec := batch.ColumnCodec(everyLayout)
	b, into := randomRows(rand.New(rand.NewPCG(1, 2)), batch.TargetRows), batch.Of(codec.New())
	var encoded []byte
	round := func() {
		var err error
		if encoded, err = batch.AppendBatch(encoded[:0], b, codec); err != nil {
			t.Fatal(err)
		}
		into.Reset()
		if err := batch.DecodeBatch(encoded, into, codec); err != nil {
			t.Fatal(err)
		}
	}
	round()
	if n := testing.AllocsPerRun(100, round); n > 0 {
		t.Errorf("%v allocations for a batch", n)
	}
}

// keyedRows are of 48 bytes each: a key, its hash, a window, and two columns.
func keyedRows(rows int) *batch.Batch {
	c := batch.NewColumns(&batch.Schema{Fields: []batch.Field{{Name: "name", Layout: batch.Text}, {Name: "n", Layout: batch.Int64}}})
	b := batch.Of(c)
	for i := range rows {
		c.Cols[0].(*batch.Strings).AppendString("eight by")
		c.Cols[1].(*batch.Fixed[int64]).Append(int64(i))
		b.Hash = append(b.Hash, uint64(i)<<32)
		b.Window = append(b.Window, int64(i))
		b.Keys.AppendString("eight by")
	}
	c.N = rows
	return b
}

// BenchmarkEncoding encodes and decodes a batch, beside the copy that an exchange makes of each.
func BenchmarkEncoding(b *testing.B) {
	for _, rows := range []int{8, 64, 256} {
		from := keyedRows(rows)
		codec := batch.ColumnCodec(from.Data.(*batch.Columns).Schema)
		into := batch.Of(codec.New())
		encoded, err := batch.AppendBatch(nil, from, codec)
		if err != nil {
			b.Fatal(err)
		}
		measure := func(name string, once func()) {
			b.Run(fmt.Sprintf("%s/rows=%d", name, rows), func(b *testing.B) {
				b.SetBytes(int64(len(encoded)))
				b.ReportAllocs()
				for b.Loop() {
					into.Reset()
					once()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
			})
		}
		measure("encode and decode", func() {
			if encoded, err = batch.AppendBatch(encoded[:0], from, codec); err != nil {
				b.Fatal(err)
			}
			if err := batch.DecodeBatch(encoded, into, codec); err != nil {
				b.Fatal(err)
			}
		})
		all := make([]int32, rows)
		for i := range all {
			all[i] = int32(i)
		}
		measure("copy", func() { into.AppendSelected(from, all) })
	}
}
