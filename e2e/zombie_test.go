package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirstream/weir/e2e/flights"
	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/e2e/oracle"
	"github.com/weirstream/weir/engine/snapshot"
	"github.com/weirstream/weir/engine/storage"
)

// stores are the places where fencing must hold.
var stores = []struct {
	name string
	// job returns a job whose output and chain are there.
	job func(t *testing.T) *harness.FlightDelays
	// letIn makes room for a second process, as if it were on another host.
	letIn func(t *testing.T, job *harness.FlightDelays)
}{
	{
		name: "file",
		job:  func(t *testing.T) *harness.FlightDelays { return harness.NewJob(t, weir) },
		letIn: func(t *testing.T, job *harness.FlightDelays) {
			// A host that shares the folder over a network need not see the lock of this one: a new lock file is what
			// it has. On one host the second process is refused (see badinput_test.go).
			if err := os.Remove(filepath.Join(job.Folder(), ".weir-lock")); err != nil {
				t.Fatal(err)
			}
		},
	},
	{
		name: "s3",
		job: func(t *testing.T) *harness.FlightDelays {
			job := harness.NewJob(t, weir)
			bucket := harness.NewBucket(t)
			job.Output, job.Checkpoints, job.Savepoints = bucket.URL("out"), bucket.URL("chk"), bucket.URL("sav")
			return job
		},
		letIn: func(*testing.T, *harness.FlightDelays) {},
	},
}

// TestAZombieChangesNothing stops a process, lets another run until nothing that the first one knows is left, stops that one
// too, so that whatever happens now is the zombie's doing, and wakes the zombie.
func TestAZombieChangesNothing(t *testing.T) {
	t.Parallel()
	files := input(t, flights.Options{Records: 8000, Files: 20})
	want := expect(t, oracle.Query{Delay: 28 * time.Hour}, files)
	for i := range 2 * len(stores) {
		store, whole := stores[i/2], i%2 == 1
		t.Run(fmt.Sprintf("%s, incremental %v", store.name, !whole), func(t *testing.T) {
			t.Parallel()
			job := store.job(t)
			job.Whole = whole
			job.SplitOrder, job.RowsPerSecond, job.Interval, job.Retained = "path", 500, 500*time.Millisecond, 2
			job.Feed(files)
			chain, output := job.Chain(), harness.Open(t, job.Output)

			zombie := job.Start()
			known := zombie.UntilCheckpoint(chain, 2)
			zombie.Freeze()
			audit := output.Audit()
			audit.Look()
			store.letIn(t, job)

			heir := job.Start("--take-over") // on one host a second run is refused without it
			heir.UntilCheckpoint(chain, max(known, chain.Newest())+2*int64(job.Retained))
			heir.Freeze()
			chain.Settle()
			output.Settle()
			if slices.Contains(chain.Checkpoints(), known+1) {
				t.Fatalf("checkpoint %d is still there: the zombie would see what has happened", known+1)
			}
			folder, visible := chain.Listing(), output.VisibleListing()
			zombie.Thaw()
			if complaint := zombie.Fail(patience); !strings.Contains(complaint, "attempt 2") {
				t.Errorf("the zombie says %q, and not that attempt 2 has the job", complaint)
			}
			requireNothingButData(t, folder, chain.Listing(), 1)
			if diff := harness.Difference(visible, output.VisibleListing()); len(diff) > 0 {
				t.Errorf("the zombie has changed what is visible: %s", strings.Join(diff, ", "))
			}

			heir.Thaw()
			heir.Succeed(patience)
			audit.Look()
			requireExact(t, want.Rows, output)
		})
	}
}

// dataFile is the name of a data file, or run: what a fenced attempt may leave, because nothing names it (P1).
var dataFile = regexp.MustCompile(`^(?:chk-\d+|shared)/(\d+)\.\d+-`)

// requireNothingButData fails the test if a folder has lost an object, or gained one that is no data file of the attempt.
func requireNothingButData(t *testing.T, before, after []string, attempt int64) {
	t.Helper()
	for _, line := range harness.Difference(before, after) {
		added, isAdded := strings.CutPrefix(line, "+ ")
		name := dataFile.FindStringSubmatch(added)
		if !isAdded || name == nil || name[1] != fmt.Sprint(attempt) {
			t.Errorf("the zombie has changed the job's folder: %s", line)
		}
	}
}

// TestOfFiftyClaimantsOneWins lets fifty claim the same attempt at once, ten times.
func TestOfFiftyClaimantsOneWins(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(store.name, func(t *testing.T) {
			t.Parallel()
			bucket, err := storage.Open(t.Context(), store.job(t).Checkpoints)
			if err != nil {
				t.Fatal(err)
			}
			defer bucket.Close()
			for round := range int64(10) {
				winners := claimAtOnce(t, bucket, 50, round)
				if len(winners) != 1 {
					t.Fatalf("attempt %d has %d winners: %v", round+1, len(winners), winners)
				}
			}
		})
	}
}

// claimAtOnce lets n claim the attempt that follows one, and returns the owners that were told that they have it. Every
// other one must be told who has.
func claimAtOnce(t *testing.T, bucket storage.Bucket, n int, after int64) []string {
	t.Helper()
	start := make(chan struct{})
	winner, loser := make(chan string, n), make(chan string, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			owner := fmt.Sprintf("claimant %d", i)
			<-start
			_, err := snapshot.NewChain(bucket, "job", nil).Claim(t.Context(), after, snapshot.Claimant{Owner: owner})
			var lost *snapshot.LostError
			switch {
			case err == nil:
				winner <- owner
			case errors.As(err, &lost):
				loser <- lost.Owner
			default:
				t.Errorf("%s: %v", owner, err)
			}
		})
	}
	close(start)
	all.Wait()
	close(winner)
	close(loser)
	var winners []string
	for w := range winner {
		winners = append(winners, w)
	}
	for named := range loser {
		if len(winners) == 1 && named != winners[0] {
			t.Errorf("a loser was told that %s has won, and not %s", named, winners[0])
		}
	}
	return winners
}
