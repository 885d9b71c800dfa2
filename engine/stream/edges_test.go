package stream_test

import (
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/stream"
)

// Each row of a broadcast stream comes to every subtask; one that is rebalanced comes to one.
func TestRowsGoAlongTheEdgeThatTheStreamNames(t *testing.T) {
	const rows, parallelism = 90, 3
	var orders []order
	for i := range int32(rows) {
		orders = append(orders, order{Item: i, N: 1})
	}
	same := func(in *order, out *order) { *out = *in }
	for name, c := range map[string]struct {
		way func(stream.Stream[order]) stream.Stream[order]
		all int
	}{
		"broadcast": {stream.Broadcast[order], rows * parallelism},
		"rebalance": {stream.Rebalance[order], rows},
		"forward":   {stream.Forward[order], rows},
	} {
		t.Run(name, func(t *testing.T) {
			j := stream.New()
			mapped := stream.Map(stream.From[order](j, "orders", enginetest.Of(orders)), same) // all are of one split
			sink := enginetest.NewLedger[order]()
			stream.To(stream.Map(c.way(mapped), same), "out", sink)
			run(t, j, parallelism)
			if got := len(sink.Rows()); got != c.all {
				t.Errorf("%d rows came out, want %d", got, c.all)
			}
			seen := map[int32]int{}
			for _, o := range sink.Rows() {
				seen[o.Item]++
			}
			for item, n := range seen {
				if n != c.all/rows {
					t.Errorf("row %d came %d times", item, n)
				}
			}
		})
	}
}

func TestAForwardEdgeBetweenOtherParallelismsIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		from, to int // 0: that of the job, or of the one before
		refused  bool
	}{
		"neither says any":      {0, 0, false},
		"the first says it":     {3, 0, false},
		"both say the same":     {3, 3, false},
		"they say others":       {3, 2, true},
		"only the second does":  {0, 2, true},
		"a sink, of one before": {2, 2, false},
	} {
		j := stream.New()
		in := stream.From[order](j, "orders", enginetest.Of([]order{{}}))
		if c.from > 0 {
			in = in.Parallelism(c.from)
		}
		sink := stream.To(stream.Forward(in), "out", enginetest.NewLedger[order]())
		if c.to > 0 {
			sink.Parallelism(c.to)
		}
		_, err := j.Graph()
		if (err != nil) != c.refused || c.refused && !strings.Contains(err.Error(), "rows go forward to it from orders") {
			t.Errorf("%s: %v, refused %v", name, err, c.refused)
		}
	}
}
