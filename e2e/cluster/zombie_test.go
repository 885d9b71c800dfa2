package cluster

import (
	"regexp"
	"strings"
	"testing"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/e2e/cluster/lab"
	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/e2e/oracle"
	"github.com/weirstream/weir/engine/rest"
)

// TestAZombiePodChangesNothing freezes a pod's process on the node, together with the process through which the kubelet
// would kill it, lets another pod take over until nothing is left that the first one knows, freezes that one too, so that
// whatever happens now is the zombie's doing, and wakes the zombie.
func TestAZombiePodChangesNothing(t *testing.T) {
	t.Parallel()
	job := testbed.NewJob(t, "zombie")
	retained := int32(2)
	job.Declared.Spec.Checkpoint.Retained = &retained
	feed := job.Feed(4000, 400)
	feed.More(40)
	job.Apply()
	job.UntilReady()
	chain, output := job.Chain(), job.Place("out")
	pod := job.Pod()
	zombie := job.Container(pod)
	zombie.Freeze()
	known := chain.Newest()
	audit := output.Audit()
	audit.Look()

	feed.More(40)
	job.Kill(pod)
	heir := job.UntilReplaced(pod)
	job.Holds(lab.Patience, "the next attempt completes checkpoints", func() bool { return chain.Newest() > known+2*int64(retained) })
	successor := job.Container(heir)
	successor.Freeze()
	chain.Settle()
	output.Settle()
	folder, visible := chain.Listing(), output.VisibleListing()

	feed.More(40) // there is something to read for whoever is awake
	zombie.Thaw()
	job.Holds(lab.Patience, "the zombie says that another attempt has the job", func() bool {
		says, answers := zombie.Overview()
		return answers && says.FailureKind == rest.FailedFenced
	})
	chain.Settle()
	output.Settle()
	requireNothingButData(t, folder, chain.Listing())
	if diff := harness.Difference(visible, output.VisibleListing()); len(diff) > 0 {
		t.Errorf("the zombie has changed what is visible: %s", strings.Join(diff, ", "))
	}
	zombie.ThawShim()
	zombie.UntilGone()
	successor.Thaw()
	successor.ThawShim()
	after := job.Until(lab.Patience, "the job goes on", func(seen *v1alpha1.StreamJob) bool {
		return lab.Is(seen, v1alpha1.ConditionReady, "True") && seen.Status.Attempt >= 2
	})
	t.Logf("attempt %d runs in the end", after.Status.Attempt)
	finish(t, job, feed)
	audit.Look()
	requireExact(t, job, oracle.Query{Delay: delay}, feed)
}

// dataFile is the name of a data file of attempt 1: what a fenced attempt may leave, because nothing names it (P1).
var dataFile = regexp.MustCompile(`^(?:chk-\d+|shared)/1\.\d+-`)

// requireNothingButData fails the test if a folder has lost an object, or gained one that is no data file of attempt 1.
func requireNothingButData(t *testing.T, before, after []string) {
	t.Helper()
	for _, line := range harness.Difference(before, after) {
		added, isAdded := strings.CutPrefix(line, "+ ")
		if !isAdded || !dataFile.MatchString(added) {
			t.Errorf("the zombie has changed the job's folder: %s", line)
		}
	}
}
