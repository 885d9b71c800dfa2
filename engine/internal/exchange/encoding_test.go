package exchange

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weirstream/weir/engine/batch"
)

var (
	numbers = &batch.Schema{Fields: []batch.Field{{Name: "n", Layout: batch.Int64}}}
	codec   = batch.ColumnCodec(numbers)
)

func numbered(rows ...int64) *batch.Batch {
	c := batch.NewColumns(numbers)
	for _, n := range rows {
		c.Cols[0].(*batch.Fixed[int64]).Append(n)
	}
	c.N = len(rows)
	return &batch.Batch{Data: c, Time: rows, Hash: make([]uint64, len(rows))}
}

// sent is an element of every kind that a producer sends.
func sent() []Element {
	return []Element{{Kind: Batch, Batch: numbered(3, 4)}, {Kind: Barrier, Value: 7}, {Kind: Watermark, Value: math.MinInt64}, {Kind: Watermark, Value: -1},
		{Kind: Idle}, {Kind: Active}, {Kind: EndOfInput}}
}

func empty() *batch.Batch { return batch.Of(codec.New()) }

func TestAnElementIsReadAsItWasWritten(t *testing.T) {
	kinds := map[Kind]bool{}
	for _, e := range sent() {
		kinds[e.Kind] = true
		b, err := AppendElement(nil, e, codec)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeElement(b, codec, empty)
		if diff := cmp.Diff(e, got, cmpopts.IgnoreUnexported(Element{}), cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("kind %d: %v\n%s", e.Kind, err, diff)
		}
		if got, err := DecodeElement(append(b, 0), codec, empty); err == nil {
			t.Errorf("with a byte behind it, it is read as %+v", got)
		}
		if got, err := DecodeElement(b[:len(b)-1], codec, empty); err == nil {
			t.Errorf("without its last byte, it is read as %+v", got)
		}
	}
	for kind := range Superseded {
		if !kinds[kind] {
			t.Errorf("an element of kind %d was not tried", kind)
		}
	}
	for _, kind := range []Kind{Superseded, Superseded + 1} {
		if b, err := AppendElement(nil, Element{Kind: kind}, codec); err == nil {
			t.Errorf("kind %d, which no producer sends, is written as %v", kind, b)
		}
		if e, err := DecodeElement([]byte{byte(kind)}, codec, empty); err == nil {
			t.Errorf("kind %d, which no producer sends, is read as %+v", kind, e)
		}
	}
}

// An output that encodes what it sends is one like any other, to both of its sides.
func TestAnEncodingOutputLosesNothing(t *testing.T) {
	g := newGate(1)
	out := toGate(g, 0).WithSplitWatermarks()
	out.Encode(codec)
	marked := numbered(1, 2)
	marked.SplitWatermark = []int64{0, 1}
	for range 3 { // batches come back to both sides
		for _, b := range []*batch.Batch{marked, numbered(3)} {
			if err := out.Emit(b); err != nil {
				t.Fatal(err)
			}
		}
		if err := out.Watermark(5); err != nil {
			t.Fatal(err)
		}
		var rows, split []int64
		for {
			e, ok, err := g.Poll()
			if err != nil {
				t.Fatal(err)
			}
			if !ok || e.Kind != Batch {
				break
			}
			rows = append(rows, e.Batch.Data.(*batch.Columns).Cols[0].(*batch.Fixed[int64]).V...)
			split = append(split, e.Batch.SplitWatermark...)
			g.Recycle(e)
		}
		if diff := cmp.Diff([]int64{1, 2, 3}, rows); diff != "" || !cmp.Equal(split, marked.SplitWatermark) {
			t.Errorf("split watermarks %v, rows (-want +got):\n%s", split, diff)
		}
	}
	without := toGate(newGate(1), 0)
	without.Encode(nil)
	if err := without.Watermark(1); err != nil {
		t.Errorf("without a codec, a watermark is not sent: %v", err)
	}
	if err := without.Emit(numbered(1)); err != nil {
		t.Fatal(err)
	}
	if err := without.Flush(); err == nil || !strings.Contains(err.Error(), "*batch.Columns have no encoding") {
		t.Errorf("without a codec, rows are sent: %v", err)
	}
}

func FuzzDecodeElement(f *testing.F) {
	for _, e := range sent() {
		b, err := AppendElement(nil, e, codec)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		read, err := DecodeElement(b, codec, empty)
		if err != nil {
			return
		}
		encoded, err := AppendElement(nil, read, codec)
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeElement(encoded, codec, empty)
		if diff := cmp.Diff(read, again, cmpopts.IgnoreUnexported(Element{}), cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("written and read again it differs (-want +got):\n%s%v", diff, err)
		}
	})
}
