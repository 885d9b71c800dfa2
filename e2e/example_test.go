package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/e2e/flights"
	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/e2e/oracle"
)

// TestTheExampleGivesTheRightResult runs the main job of the README as it is, in a folder of its own, and once more.
func TestTheExampleGivesTheRightResult(t *testing.T) {
	t.Parallel()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	job := harness.NewJob(t, weir) // for its folder and environment
	example := filepath.Dir(filepath.Dir(flights.Extract))
	if err := os.CopyFS(job.Place(example), os.DirFS(filepath.Join(root, example))); err != nil {
		t.Fatal(err)
	}
	want := expect(t, oracle.Query{Delay: 28 * time.Hour}, input(t, flights.Options{Records: 2000, Files: 1}))
	command := []string{"run", "-f", filepath.Join(example, "streamjob.yaml")}

	job.Weir(command...).Succeed(patience)
	output := harness.Open(t, job.Place("out/flight-delays/result"))
	requireExact(t, want.Rows, output)

	audit := output.Audit()
	audit.Look()
	again := job.Weir(command...)
	again.Succeed(patience)
	requireSays(t, strings.TrimSpace(again.Stdout()+again.Stderr()), "completed")
	audit.Look()
	requireExact(t, want.Rows, output)
}
