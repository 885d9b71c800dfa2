package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/weirstream/weir/e2e/flights"
	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/e2e/oracle"
)

// TestTheSameRecordsAreLateInEveryRun has one record in a hundred beyond the delay. Which those are is a property of the
// input, so the oracle knows them, and the result without them must come out at every parallelism, also of the source alone, killed or not.
func TestTheSameRecordsAreLateInEveryRun(t *testing.T) {
	t.Parallel()
	random, n := seed(t)
	const delay = 12 * time.Hour
	files := input(t, flights.Options{Records: 12_000, Files: 9, Late: 0.01, Delay: delay, Seed: n})
	want := expect(t, oracle.Query{Delay: delay}, files)
	if len(want.Late) < want.Records/200 || len(want.Late) > want.Records/50 {
		t.Fatalf("%d of %d records are late, want about one in a hundred", len(want.Late), want.Records)
	}
	for _, order := range []string{"none", "path"} {
		for _, p := range parallelisms {
			for _, killed := range []bool{false, true} {
				t.Run(fmt.Sprintf("split-order %s, parallelism %d, killed %v", order, p, killed), func(t *testing.T) {
					job := harness.NewJob(t, weir)
					job.SplitOrder, job.WatermarkHours = order, int(delay.Hours())
					job.ScanParallelism = random.IntN(4) // 0: that of the job
					job.Feed(files)
					if killed {
						job.Interval, job.RowsPerSecond = 200*time.Millisecond, 8000
						chain := job.Chain()
						for range 2 {
							run := job.Start(at(p))
							run.UntilCheckpoint(chain, chain.Newest())
							harness.Pass(t, time.Duration(random.Int64N(int64(job.Interval))))
							run.Kill()
						}
						job.RowsPerSecond = 0
					}
					run := job.Start(at(p))
					run.Succeed(patience)
					requireExact(t, want.Rows, harness.Open(t, job.Output))
					if !killed { // the counter is that of one run
						requireSays(t, run.Stderr(), fmt.Sprintf("recordsLate=%d ", len(want.Late)))
					}
				})
			}
		}
	}
}
