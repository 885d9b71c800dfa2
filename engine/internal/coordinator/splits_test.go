package coordinator

import (
	"slices"
	"testing"

	"github.com/weirstream/weir/engine/connector"
	"github.com/weirstream/weir/engine/snapshot"
)

// begin returns a source that knows nothing, with splits that were found.
func begin(t *testing.T, order connector.SplitOrder, ids ...string) *source {
	t.Helper()
	s := &source{cfg: Source{UID: "s", Order: order}, parallelism: 2}
	if err := s.restore(nil); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		s.found(connector.Split{ID: id})
	}
	return s
}

// again restores the source from a checkpoint in which readers have the first n splits of the queue.
func (s *source) again(t *testing.T, n int) {
	t.Helper()
	var readers snapshot.SubtaskState
	for _, p := range s.queue[:n] {
		s.assigned[p.ID] = p
		readers.Splits = append(readers.Splits, snapshot.SplitState{ID: p.ID, Position: []byte("p"), MaxTime: p.maxTime})
	}
	s.queue = s.queue[n:]
	state := &snapshot.OperatorState{Enumerator: s.snapshot(), Subtasks: []snapshot.SubtaskState{readers}}
	if err := s.restore(state); err != nil {
		t.Fatal(err)
	}
}

func TestWaitingSplitsKeepTheirOrderThroughRestores(t *testing.T) {
	s := begin(t, connector.OrderPath, "a", "b")
	s.again(t, 1)
	s.found(connector.Split{ID: "c"})
	s.again(t, 2)
	s.found(connector.Split{ID: "d"})
	s.again(t, 3)
	var order []string
	for _, p := range s.queue {
		order = append(order, p.ID)
	}
	if !slices.Equal(order, []string{"a", "b", "c", "d"}) {
		t.Errorf("the splits start in the order %v", order)
	}
}

// TestWhatASourceHasGotToIsRestored: files that were read to their end are in no queue and in no reader, and event time stays
// where they left it, in whichever order they were read.
func TestWhatASourceHasGotToIsRestored(t *testing.T) {
	for _, order := range []connector.SplitOrder{connector.OrderNone, connector.OrderPath} {
		s := begin(t, order)
		for _, read := range []struct {
			file string
			ms   int64
		}{{"a", 70}, {"b", 100}, {"c", 40}} {
			s.emitted(connector.Split{ID: read.file}, read.ms)
		}
		s.again(t, 0)
		if got := s.reached(); got != 100 {
			t.Errorf("split order %v: event time is at %d after the restore, want 100", order, got)
		}
	}
}

// TestASplitThatHasEmittedNothingCountsAsItsPredecessorLeftIt, and one that lags behind bounds what is followed.
func TestASplitThatHasEmittedNothingCountsAsItsPredecessorLeftIt(t *testing.T) {
	s := begin(t, connector.OrderPath)
	s.assigned["a"] = split{Split: connector.Split{ID: "a"}, maxTime: snapshot.NoTime, before: 30}
	s.assigned["b"] = split{Split: connector.Split{ID: "b"}, maxTime: 50, before: 10}
	s.highest = 90
	if got := s.reached(); got != 30 {
		t.Errorf("the source is at %d, want 30", got)
	}
	s.assigned["a"] = split{Split: connector.Split{ID: "a"}, maxTime: 60, before: 30}
	if got := s.reached(); got != 50 {
		t.Errorf("the source is at %d, want 50", got)
	}
}
