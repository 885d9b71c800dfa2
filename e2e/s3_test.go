package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/e2e/flights"
	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/e2e/oracle"
)

// TestTheMainJobInABucket reads from, writes to and checkpoints in an S3 bucket, through kills at random moments and in the
// middle of a commit.
func TestTheMainJobInABucket(t *testing.T) {
	t.Parallel()
	random, _ := seed(t)
	files := input(t, flights.Options{Records: 6000, Files: 15})
	want := expect(t, oracle.Query{Delay: 28 * time.Hour}, files)
	job := bucketJob(t, harness.NewBucket(t), files)
	job.RowsPerSecond = 500
	chain, output := job.Chain(), harness.Open(t, job.Output)
	audit := output.Audit()

	for _, p := range []int{2, 1, 7, 3} {
		run := job.Start(at(p))
		run.UntilCheckpoint(chain, chain.Newest())
		harness.Pass(t, time.Duration(random.Int64N(int64(job.Interval))))
		run.Kill()
		audit.Look()
	}
	for _, step := range []string{"publish", "commit", "restore"} {
		if run := job.StartToCrash(step, 1); !run.WasKilled() {
			t.Fatalf("the job ended before step %q", step)
		}
		audit.Look()
	}
	last := job.Start()
	last.Succeed(patience)
	audit.Look()
	requireExact(t, want.Rows, output)

	again := job.Start()
	again.Succeed(patience)
	if said := again.Stdout() + again.Stderr(); !strings.Contains(strings.ToLower(said), "completed") {
		t.Errorf("a completed job that is run again does not say so: %s", said)
	}
	audit.Look()
	requireExact(t, want.Rows, output)
}

// TestASavepointInABucketGoesOn takes one while the job runs, and goes on from the path that was printed.
func TestASavepointInABucketGoesOn(t *testing.T) {
	t.Parallel()
	files := input(t, flights.Options{Records: 6000, Files: 15})
	want := expect(t, oracle.Query{Delay: 28 * time.Hour}, files)
	job := bucketJob(t, harness.NewBucket(t), files)
	job.RowsPerSecond = 600
	run := startedWell(t, job)
	taken := savepoint(t, job, "savepoint", job.Name)
	run.Kill()
	before := rows(t, upTo(t, harness.Open(t, job.Output).Visible(), inspect(t, taken).ID))

	heir := job.Copy("heir")
	heir.RowsPerSecond = 0
	heir.Start("-s", taken, at(3)).Succeed(patience)
	after := rows(t, harness.Open(t, heir.Output).Visible())
	if len(after) == 0 || len(before) == 0 {
		t.Errorf("%d rows before the savepoint and %d after it", len(before), len(after))
	}
	for _, d := range oracle.Diff(want.Rows, append(before, after...)) {
		t.Error(d)
	}
}

// bucketJob returns a job with all its places in a bucket, and its input there.
func bucketJob(t *testing.T, bucket *harness.Bucket, files []flights.File) *harness.FlightDelays {
	t.Helper()
	job := harness.NewJob(t, weir)
	job.SplitOrder, job.Interval = "path", 500*time.Millisecond
	job.Input, job.Output = bucket.URL("in"), bucket.URL("out")
	job.Checkpoints, job.Savepoints = bucket.URL("chk"), bucket.URL("sav")
	bucket.Put("in", files)
	return job
}
