package job_test

import (
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/engine/enginetest"
	"github.com/weirstream/weir/engine/internal/jobtest"
	"github.com/weirstream/weir/engine/job"
	"github.com/weirstream/weir/engine/outcome"
	"github.com/weirstream/weir/engine/stream"
)

// copied is a job that copies the rows of partitions that never end.
func copied(t *testing.T, in *enginetest.Partitions[int], out *enginetest.Ledger[int]) *job.Graph {
	t.Helper()
	j := stream.New()
	stream.To(stream.From[int](j, "in", in), "out", out)
	g, err := j.Graph()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestAllSplitsThatNeverEndAreRead has more of them than subtasks, and one that is found while the job runs; the job is
// interrupted, and goes on with another parallelism.
func TestAllSplitsThatNeverEndAreRead(t *testing.T) {
	in, out := enginetest.NewPartitions[int](4), enginetest.NewLedger[int]()
	w := &jobtest.World{Dir: t.TempDir()}
	var want []int
	for round, parallelism := range []int{2, 3, 1, 8} {
		if round == 1 {
			in.Add()
		}
		for partition := range 4 + min(round, 1) {
			for i := range 300 {
				row := round*100000 + partition*1000 + i
				want = append(want, row)
				in.Append(partition, row)
			}
		}
		r := w.Start(t, w.Config(parallelism), copied(t, in, out))
		tick := time.NewTicker(time.Millisecond)
		for len(out.Rows()) < len(want) {
			select {
			case <-tick.C:
			case <-r.Done:
				t.Fatalf("the job ended as %v, %v", r.Result.Outcome, r.Err)
			}
		}
		tick.Stop()
		close(r.Interrupt)
		if result, err := r.Wait(t); err != nil || result.Outcome != outcome.Interrupted {
			t.Fatalf("the job ended as %v, %v", result.Outcome, err)
		}
		got := out.Rows()
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("at parallelism %d, %d rows were copied; want %d, each once", parallelism, len(got), len(want))
		}
		// Also the last checkpoint, which the interrupt has taken, is told to the readers.
		for partition, offset := range in.Group() {
			if rows := 300 * (round + 1); partition < 4 && offset != rows || partition == 4 && offset != rows-300 {
				t.Errorf("round %d: the readers were told that %d rows of partition %d are in a complete checkpoint", round, offset, partition)
			}
		}
	}
}
