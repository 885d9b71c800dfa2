package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirstream/weir/e2e/flights"
	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/e2e/oracle"
	"github.com/weirstream/weir/e2e/s3proxy"
)

// faultyJob is a job in a bucket that is reached through a proxy, while the test looks at it directly.
type faultyJob struct {
	*harness.FlightDelays
	proxy  *s3proxy.Proxy
	chain  *harness.Chain
	output *harness.Place
	audit  *harness.Audit
	want   []oracle.Row
}

func newFaultyJob(t *testing.T) *faultyJob {
	t.Helper()
	files := input(t, flights.Options{Records: 4000, Files: 10})
	bucket := harness.NewBucket(t)
	direct := bucketJob(t, bucket, files)
	direct.RowsPerSecond = 400
	proxy, err := s3proxy.Start(bucket.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	f := &faultyJob{proxy: proxy, chain: direct.Chain(), output: harness.Open(t, direct.Output),
		want: expect(t, oracle.Query{Delay: 28 * time.Hour}, files).Rows}
	f.audit = f.output.Audit()
	through := func(url string) string { return strings.Replace(url, bucket.Endpoint(), proxy.Endpoint(), 1) }
	f.FlightDelays = direct
	f.Input, f.Output = through(f.Input), through(f.Output)
	f.Checkpoints, f.Savepoints = through(f.Checkpoints), through(f.Savepoints)
	return f
}

// requireResumed checks that the job ends right, and that no attempt after the first has begun from nothing.
func (f *faultyJob) requireResumed(t *testing.T) {
	t.Helper()
	f.Start().Succeed(patience)
	f.audit.Look()
	requireExact(t, f.want, f.output)
	f.chain.RequireOneEmptyStart()
}

func TestAJobGoesOnWhenAnswersAreLost(t *testing.T) {
	t.Parallel()
	for _, k := range []int{5, 3, 2} {
		t.Run(fmt.Sprintf("one in %d", k), func(t *testing.T) {
			t.Parallel()
			f := newFaultyJob(t)
			f.proxy.DropEvery(k)
			f.requireResumed(t)
			dropped, _ := f.proxy.Faults()
			if dropped < 5 {
				t.Errorf("only %d answers were lost: nothing has been shown", dropped)
			}
			t.Logf("%d answers were lost", dropped)
		})
	}
}

func TestAJobGoesOnThroughBurstsOf503(t *testing.T) {
	t.Parallel()
	f := newFaultyJob(t)
	run := f.Start()
	const bursts, burst = 4, 20
	for n := range bursts {
		run.UntilCheckpoint(f.chain, f.chain.Newest())
		f.proxy.Unavailable(burst)
		run.Until(patience, "the burst is over", func() bool {
			_, refused := f.proxy.Faults()
			return refused == (n+1)*burst
		})
	}
	run.Succeed(patience)
	requireExact(t, f.want, f.output)
	f.chain.RequireOneEmptyStart()
}

// TestALostPermissionIsSaidAndStateIsKept denies everything in the middle of a run. Whether the job waits or ends is its
// choice; it says why, and goes on from its state when the permission is back.
func TestALostPermissionIsSaidAndStateIsKept(t *testing.T) {
	t.Parallel()
	f := newFaultyJob(t)
	run := f.Start()
	run.UntilCheckpoint(f.chain, 1)
	f.proxy.Deny(true)
	harness.Await(t, patience, "the job meets the denial twenty times, or ends", func() bool {
		_, refused := f.proxy.Faults()
		return refused >= 20 || run.Ended()
	})
	if run.Ended() {
		requireSays(t, run.Fail(patience), "permission")
	} else {
		run.Kill()
	}
	f.audit.Look()

	before := f.chain.Listing()
	requireSays(t, f.Start().Fail(patience), "permission")
	requireUntouched(t, before, f.chain.Listing())
	f.proxy.Deny(false)
	f.requireResumed(t)
}

func TestWrongCredentialsTouchNothing(t *testing.T) {
	t.Parallel()
	f := newFaultyJob(t)
	run := f.Start()
	run.UntilCheckpoint(f.chain, 1)
	run.Kill()
	before := f.chain.Listing()
	for _, wrong := range []string{"AWS_SECRET_ACCESS_KEY=wrong", "AWS_ACCESS_KEY_ID=nobody"} {
		f.Env = []string{wrong}
		requireSays(t, f.Start().Fail(patience), "permission")
		requireUntouched(t, before, f.chain.Listing())
	}
	f.Env = nil
	f.requireResumed(t)
}

// TestAnotherPrefixDoesNotRepeatOutput moves checkpoint.storage to where the job has no state, while its output is still
// there: starting from nothing would write it all again.
func TestAnotherPrefixDoesNotRepeatOutput(t *testing.T) {
	t.Parallel()
	f := newFaultyJob(t)
	run := f.Start()
	run.Until(patience, "there is output", func() bool { return len(f.output.Visible()) > 0 })
	run.Kill()
	f.audit.Look()
	visible := f.output.VisibleListing()

	right, slowly := f.Checkpoints, f.RowsPerSecond
	// At another speed other rows belong to the first checkpoint, so that no name of a file saves the output.
	f.Checkpoints, f.RowsPerSecond = strings.Replace(right, "chk?", "elsewhere?", 1), 0
	requireSays(t, f.Start().Fail(patience), "output of an earlier run")
	if diff := harness.Difference(visible, f.output.VisibleListing()); len(diff) > 0 {
		t.Errorf("a job without its state has written output: %s", strings.Join(diff, ", "))
	}
	f.Checkpoints, f.RowsPerSecond = right, slowly
	f.requireResumed(t)
}

// TestAFolderWithoutPermissionIsNotAnEmptyOne takes the permission to the job's folder away, before a start and during a run.
func TestAFolderWithoutPermissionIsNotAnEmptyOne(t *testing.T) {
	t.Parallel()
	files := input(t, flights.Options{Records: 4000, Files: 10})
	want := expect(t, oracle.Query{Delay: 28 * time.Hour}, files)
	job := harness.NewJob(t, weir)
	job.RowsPerSecond, job.SplitOrder, job.Interval = 400, "path", 500*time.Millisecond
	job.Feed(files)
	asNobody(t, job)
	chain := job.Chain()
	run := job.Start()
	run.UntilCheckpoint(chain, 1)
	run.Kill()
	before := chain.Listing()

	deny(t, job.Folder())
	requireSays(t, job.Start().Fail(patience), job.Folder())
	allow(t, job.Folder())
	requireUntouched(t, before, chain.Listing())

	run = job.Start()
	run.UntilCheckpoint(chain, chain.Newest())
	deny(t, job.Folder())
	harness.Await(t, patience, "the job says that it cannot write, or ends", func() bool {
		return run.Ended() || strings.Contains(run.Stderr(), "permission")
	})
	allow(t, job.Folder())
	if run.Exit(patience) == 0 {
		t.Log("the job has outlasted it")
	} else {
		requireSays(t, run.Fail(patience), "permission")
	}
	job.Start().Succeed(patience)
	requireExact(t, want.Rows, harness.Open(t, job.Output))
	chain.RequireOneEmptyStart()
}

// asNobody makes a job run as a user whom permissions bind, with folders of its own.
func asNobody(t *testing.T, job *harness.FlightDelays) {
	t.Helper()
	if os.Geteuid() != 0 {
		return // permissions bind this user
	}
	const nobody = 65534
	job.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	err := filepath.WalkDir(job.Dir(), func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, nobody, nobody)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func deny(t *testing.T, folder string) {
	t.Helper()
	if err := os.Chmod(folder, 0); err != nil {
		t.Fatal(err)
	}
}

func allow(t *testing.T, folder string) {
	t.Helper()
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
}

// requireSays checks that a complaint has a word.
func requireSays(t *testing.T, complaint, word string) {
	t.Helper()
	if !strings.Contains(strings.ToLower(complaint), strings.ToLower(word)) {
		t.Errorf("the complaint does not say %q: %s", word, complaint)
	}
}

// requireUntouched checks that a listing is as it was.
func requireUntouched(t *testing.T, before, after []string) {
	t.Helper()
	if diff := harness.Difference(before, after); len(diff) > 0 {
		t.Errorf("something was touched: %s", strings.Join(diff, ", "))
	}
}
