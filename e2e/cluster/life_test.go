package cluster

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/e2e/cluster/lab"
	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/e2e/oracle"
	"github.com/weirstream/weir/engine/outcome"
)

// TestASuspendedJobHasNoPodsAndResumes suspends the job, lets files arrive, and resumes it.
func TestASuspendedJobHasNoPodsAndResumes(t *testing.T) {
	t.Parallel()
	job, feed := running(t, "suspend")
	job.UntilCheckpoint(2)
	state := v1alpha1.Suspended
	job.Declared.Spec.DesiredState = &state
	job.Apply()
	suspended := job.Until(lab.Patience, "the job is suspended", func(seen *v1alpha1.StreamJob) bool {
		return lab.Is(seen, v1alpha1.ConditionReady, metav1.ConditionTrue) && seen.Status.Phase == v1alpha1.PhaseSuspended
	})
	job.Holds(lab.Patience, "its pods are gone", func() bool { return len(job.Pods()) == 0 })
	head := job.Chain().Head()
	if head == nil || head.Outcome != outcome.Stopped || suspended.Status.RecoveryPoint == nil ||
		suspended.Status.RecoveryPoint.CheckpointID != head.ID {
		t.Fatalf("the chain ends with %+v, the status shows %+v", head, suspended.Status.RecoveryPoint)
	}
	feed.More(20)

	state = v1alpha1.Running
	job.Declared.Spec.DesiredState = &state
	job.Apply()
	after := job.UntilReady()
	if id := checkpointID(t, after.Status.RestoredFrom); id != head.ID {
		t.Errorf("resumed from checkpoint %d, and was suspended at %d", id, head.ID)
	}
	finish(t, job, feed)
	requireExact(t, job, oracle.Query{Delay: delay}, feed)
}

// TestAJobStoppedByItsUserRestsUntilItsSpecChanges stops the job with a Savepoint, and lets it run again with another
// parallelism.
func TestAJobStoppedByItsUserRestsUntilItsSpecChanges(t *testing.T) {
	t.Parallel()
	job, feed := running(t, "rest")
	before := job.UntilCheckpoint(2)
	history := job.WatchConditions()
	job.Savepoint("stop", v1alpha1.Stop)
	stop := job.UntilSavepoint("stop")
	rests := func(seen *v1alpha1.StreamJob) bool {
		return lab.Is(seen, v1alpha1.ConditionReady, metav1.ConditionTrue) && lab.Is(seen, v1alpha1.ConditionPaused, metav1.ConditionTrue)
	}
	job.Until(lab.Patience, "the job rests", rests)
	job.Holds(lab.Patience, "its pods are gone", func() bool { return len(job.Pods()) == 0 })
	feed.More(20)
	if now := job.Until(lab.Patience, "the job rests still", rests); now.Status.Attempt != before.Status.Attempt {
		t.Errorf("attempt %d has begun after the stop of attempt %d", now.Status.Attempt, before.Status.Attempt)
	}
	if head := job.Chain().Head(); head == nil || head.Outcome != outcome.Stopped || head.ID != stop.Status.CheckpointID {
		t.Fatalf("the chain ends with %+v, the stop was checkpoint %d", head, stop.Status.CheckpointID)
	}

	three := int32(3)
	job.Declared.Spec.Parallelism = &three
	job.Apply()
	after := job.Until(lab.Patience, "3 subtasks run", func(seen *v1alpha1.StreamJob) bool {
		return lab.Is(seen, v1alpha1.ConditionReady, metav1.ConditionTrue) && seen.Status.Parallelism == three
	})
	if id := checkpointID(t, after.Status.RestoredFrom); id != stop.Status.CheckpointID {
		t.Errorf("restored from checkpoint %d, the stop was %d", id, stop.Status.CheckpointID)
	}
	finish(t, job, feed)
	requireExact(t, job, oracle.Query{Delay: delay}, feed)
	_, reasons := history.History()
	t.Logf("reasons of Ready: %v", reasons)
}

// TestOnDeleteDeleteClearsTheFolder deletes a job that does not want to be kept. Its output stays.
func TestOnDeleteDeleteClearsTheFolder(t *testing.T) {
	t.Parallel()
	job := testbed.NewJob(t, "clear")
	policy := v1alpha1.Delete
	job.Declared.Spec.Checkpoint.OnDelete = &policy
	feed := job.Feed(2000, 40)
	feed.Rest()
	job.Apply()
	job.UntilReady()
	chain, output := job.Chain(), job.Place("out")
	job.Holds(lab.Patience, "there is output", func() bool { return len(output.VisibleListing()) > 0 })
	visible := output.VisibleListing()
	job.Delete()
	job.Holds(lab.Patience, "its pods are gone", func() bool { return len(job.Pods()) == 0 })
	if left := chain.Listing(); len(left) > 0 {
		t.Errorf("this is left in the job's folder: %q", left)
	}
	for _, line := range harness.Difference(visible, output.VisibleListing()) {
		if line[0] == '-' {
			t.Errorf("output is gone: %s", line)
		}
	}
}

// TestANamespaceGoesAlsoWithoutItsBucket deletes a namespace in which everything wants its storage cleared, and nothing can.
func TestANamespaceGoesAlsoWithoutItsBucket(t *testing.T) {
	t.Parallel()
	job := testbed.NewJob(t, "broken")
	policy := v1alpha1.Delete
	job.Declared.Spec.Checkpoint.OnDelete = &policy
	feed := job.Feed(2000, 40)
	feed.Rest()
	job.Apply()
	job.UntilReady()
	job.SavepointToDelete("mine")
	job.UntilSavepoint("mine")
	job.ChangePassword("wrong")

	began := time.Now()
	job.DeleteNamespace()
	t.Logf("the namespace was gone after %v", time.Since(began).Round(time.Second))
}
