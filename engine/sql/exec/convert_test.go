package exec

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/weirstream/weir/engine/batch"
)

// calls are all kinds of aggregates, with the names that snapshots have for them.
var calls = map[string]AggregateCall{
	"COUNT(*)":             {Function: "COUNT", Column: -1},
	"COUNT(v INT)":         {Function: "COUNT"},
	"SUM(v INT)":           {Function: "SUM", Layout: batch.Int32},
	"SUM(v BIGINT)":        {Function: "SUM", Layout: batch.Int64},
	"AVG(v DOUBLE)":        {Function: "AVG", Layout: batch.Float64},
	"MIN(v DATE)":          {Function: "MIN", Layout: batch.Int32},
	"MAX(v TIMESTAMP(3))":  {Function: "MAX", Layout: batch.Int64},
	"MAX(v INT)":           {Function: "MAX", Layout: batch.Int32},
	"SUM(f(a, b) BIGINT)":  {Function: "SUM", Layout: batch.Int64},
	"MIN(v TIMESTAMP(10))": {}, // of a type that this version does not know
}

func specOf(names []string) AggregateSpec {
	s := AggregateSpec{CallNames: names}
	for _, n := range names {
		s.Calls = append(s.Calls, calls[n])
	}
	return s
}

// TestCellsBecomeThoseOfOtherCalls gives each call of a cell a mark of its own, and looks for the marks in the cell of other calls.
func TestCellsBecomeThoseOfOtherCalls(t *testing.T) {
	names := []string{"COUNT(*)", "COUNT(v INT)", "SUM(v INT)", "SUM(v BIGINT)", "AVG(v DOUBLE)", "MIN(v DATE)", "MAX(v TIMESTAMP(3))", "MAX(v INT)", "SUM(f(a, b) BIGINT)"}
	r := rand.New(rand.NewPCG(1, 2))
	some := func() []string {
		var out []string
		for _, i := range r.Perm(len(names))[:r.IntN(len(names))] {
			out = append(out, names[i])
		}
		return out
	}
	// mark is what a call has in its i-th word.
	mark := func(name string, i int) uint64 {
		for k, n := range names {
			if n == name {
				return uint64(100*(k+1) + i)
			}
		}
		return 0
	}
	for range 500 {
		was, is := some(), some()
		var earlier, want []byte
		had := map[string]bool{}
		for _, n := range was {
			had[n] = true
			for i := range calls[n].bytes() / 8 {
				earlier = binary.LittleEndian.AppendUint64(earlier, mark(n, i))
			}
		}
		for _, n := range is {
			for i := range calls[n].bytes() / 8 {
				word := uint64(0)
				if had[n] {
					word = mark(n, i)
				}
				want = binary.LittleEndian.AppendUint64(want, word)
			}
		}
		s := specOf(is)
		c, err := s.Convert(was)
		if err != nil {
			t.Fatal(err)
		}
		if before := specOf(was).Descriptor().CellBytes; c.CellBytes != before {
			t.Fatalf("cells of %v have %d bytes, it says %d", was, before, c.CellBytes)
		}
		cell := make([]byte, s.Descriptor().CellBytes)
		c.Convert(cell, earlier)
		if string(cell) != string(want) {
			t.Fatalf("from %v to %v:\n got %x\nwant %x", was, is, cell, want)
		}
	}
}

func TestCellsOfUnknownCallsAreNotConverted(t *testing.T) {
	for _, name := range []string{"MIN(v TIMESTAMP(10))", "SUM(v", "SUM(v STRING)", "MEDIAN(v INT)", "", "(v INT)"} {
		if _, err := specOf([]string{"COUNT(*)"}).Convert([]string{"COUNT(*)", name}); err == nil {
			t.Errorf("%q is converted", name)
		}
	}
}
