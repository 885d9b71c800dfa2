package e2e

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/weirstream/weir/e2e/flights"
	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/e2e/oracle"
	engine "github.com/weirstream/weir/engine/job"
)

// TestFilesThatWereReadAreRemovedAndNoRowIsLost kills a job that deletes its input, at every step that has a name and in
// between: a file that is removed too early would be missing after the restart, and end the job.
func TestFilesThatWereReadAreRemovedAndNoRowIsLost(t *testing.T) {
	t.Parallel()
	_, n := seed(t)
	files := input(t, flights.Options{Records: 3000, Files: 12})
	want := expect(t, oracle.Query{Delay: 28 * time.Hour}, files)
	steps := []engine.Step{engine.StepDeployed, engine.StepPublished, engine.StepCommit, engine.StepCommitted, engine.StepRetire, engine.StepRetired}
	random := rand.New(rand.NewPCG(n, 3))
	job := harness.NewJob(t, weir)
	job.AfterRead, job.RowsPerSecond, job.Interval = "delete", 1500, 100*time.Millisecond
	job.Feed(files)
	output := harness.Open(t, job.Output)
	audit := output.Audit()
	for i := range len(steps) {
		run := job.StartToCrash(string(steps[i]), 1+random.IntN(2), at(parallelisms[random.IntN(len(parallelisms))]))
		harness.Pass(t, time.Duration(300+random.Int64N(300))*time.Millisecond)
		run.End()
		audit.Look()
	}
	job.RowsPerSecond = 0
	job.Start(at(2)).Succeed(patience)
	audit.Look()
	requireExact(t, want.Rows, output)
	job.Start(at(2)).Succeed(patience) // what a kill between the last checkpoint and its removals has left goes now
	left, err := os.ReadDir(job.Input)
	if err != nil || len(left) > 0 {
		t.Errorf("%d of %d files are left: %v", len(left), len(files), err)
	}
}
