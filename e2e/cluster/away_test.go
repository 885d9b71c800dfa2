package cluster

import (
	"slices"
	"testing"
	"time"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/e2e/cluster/lab"
	"github.com/weirstream/weir/e2e/oracle"
	"github.com/weirstream/weir/engine/outcome"
)

// These tests take the operator away, so they are not run beside others.

// running applies the job with some input behind it, and more to come as long as the test runs.
func running(t *testing.T, name string) (*lab.FlightDelays, *lab.Feed) {
	t.Helper()
	job := testbed.NewJob(t, name)
	feed := job.Feed(4000, 400)
	feed.More(20)
	feed.Trickle(300*time.Millisecond, 0)
	job.Apply()
	job.UntilReady()
	return job, feed
}

// finish feeds the rest and drains the job, so that its output is all there will ever be.
func finish(t *testing.T, job *lab.FlightDelays, feed *lab.Feed) {
	t.Helper()
	feed.Rest()
	untilAllRead(t, job, feed)
	job.Savepoint("drain", v1alpha1.Drain)
	job.UntilSavepoint("drain")
}

// untilAllRead waits until a checkpoint has all that was fed behind it: a drain does not wait for files that were not found
// yet.
func untilAllRead(t *testing.T, job *lab.FlightDelays, feed *lab.Feed) {
	t.Helper()
	chain := job.Chain()
	job.Holds(lab.Patience, "all that is in the bucket is read", func() bool {
		id := chain.Newest()
		return id > 0 && total(recordsRead(t, job.CheckpointURL(id), feed.Files)) == total(fedRecords(feed))
	})
}

// TestAJobRunsAndRecoversWithoutTheOperator takes the operator away before it kills the job's pod, and then the
// process in the next one.
func TestAJobRunsAndRecoversWithoutTheOperator(t *testing.T) {
	job, feed := running(t, "away")
	chain := job.Chain()
	seen := job.UntilCheckpoint(2)
	attempt := chain.Attempts()
	testbed.ScaleOperator(t, 0)
	t.Cleanup(func() { testbed.RestoreOperator(t) })

	pod, last := job.Pod(), chain.Newest()
	job.Kill(pod)
	job.UntilReplaced(pod)
	job.Holds(lab.Patience, "the next attempt completes checkpoints", func() bool { return chain.Newest() > last+3 })
	last = chain.Newest()
	job.Container(job.Pod()).Kill()
	job.Holds(lab.Patience, "the one after it completes checkpoints", func() bool { return chain.Attempts() > attempt+1 && chain.Newest() > last+3 })
	if now := chain.Attempts(); now != attempt+2 {
		t.Errorf("attempt %d runs, want %d: there were two kills", now, attempt+2)
	}
	if now := job.Seen(); now.Status.Attempt != seen.Status.Attempt {
		t.Errorf("the status says attempt %d: the operator was not away", now.Status.Attempt)
	}

	testbed.ScaleOperator(t, 1)
	after := job.Until(lab.Patience, "the operator has seen the newest attempt", func(seen *v1alpha1.StreamJob) bool {
		return seen.Status.Attempt == attempt+2 && lab.Is(seen, v1alpha1.ConditionReady, "True")
	})
	restored := checkpointID(t, after.Status.RestoredFrom)
	behind := total(recordsRead(t, after.Status.RestoredFrom, feed.Files))
	if restored < last || behind == 0 || int(after.Status.RecordsIn) >= total(fedRecords(feed)) {
		t.Errorf("restored from checkpoint %d with %d records behind it, %d read since: %d was complete before the kill, and %d records were fed",
			restored, behind, after.Status.RecordsIn, last, total(fedRecords(feed)))
	}
	finish(t, job, feed)
	requireExact(t, job, oracle.Query{Delay: delay}, feed)
	chain.RequireOneEmptyStart()
}

// TestAnOperatorThatDiesInTheMidstOfAnUpgradeFinishesIt kills the operator when it has asked for the stop: the job stops, and
// nobody is there to activate the new revision.
func TestAnOperatorThatDiesInTheMidstOfAnUpgradeFinishesIt(t *testing.T) {
	job, feed := running(t, "dies")
	before := job.UntilCheckpoint(2)
	chain := job.Chain()
	attempt := chain.Attempts()

	job.Where("distance >= 500")
	job.Apply()
	stops := func() []v1alpha1.Savepoint {
		return slices.DeleteFunc(job.Savepoints(), func(s v1alpha1.Savepoint) bool { return s.Labels[v1alpha1.LabelPurpose] != "upgrade" })
	}
	job.Holds(lab.Patience, "the operator has asked for the stop", func() bool {
		s := stops()
		return len(s) == 1 && s[0].Status.Phase != "" && s[0].Status.Phase != v1alpha1.SavepointPending
	})
	testbed.KillOperator(t)
	t.Cleanup(func() { testbed.RestoreOperator(t) })
	job.Holds(lab.Patience, "the chain ends with the stop", func() bool {
		head := chain.Head()
		return head != nil && head.Outcome == outcome.Stopped
	})
	if now := chain.Attempts(); now != attempt {
		t.Fatalf("attempt %d has begun: the operator was killed too late for this test", now)
	}

	testbed.ScaleOperator(t, 1)
	after := job.UntilReady()
	if after.Status.Revision == before.Status.Revision {
		t.Errorf("revision %s runs still", after.Status.Revision)
	}
	if s := stops(); len(s) != 1 || s[0].Status.Phase != v1alpha1.SavepointCompleted {
		t.Errorf("the stops of the upgrade are %+v, want one that is completed", s)
	}
	read := recordsRead(t, after.Status.RestoredFrom, feed.Files)
	finish(t, job, feed)
	far := func(r oracle.Record) bool { return r.Distance >= 500 }
	requireExact(t, job, oracle.Query{Delay: delay, Keep: since(read, all, far)}, feed)
	chain.RequireOneEmptyStart()
}

// TestWhatWasDeletedRightAfterAStopGoesOn deletes all that the cluster knows of a stopped job, and applies it again.
func TestWhatWasDeletedRightAfterAStopGoesOn(t *testing.T) {
	t.Parallel()
	job, feed := running(t, "deleted")
	job.UntilCheckpoint(2)
	job.Savepoint("stop", v1alpha1.Stop)
	stop := job.UntilSavepoint("stop")
	pods := job.Pods()
	job.Delete()
	for i := range pods {
		job.KillIfThere(&pods[i])
	}
	job.Holds(lab.Patience, "its pods are gone", func() bool { return len(job.Pods()) == 0 })

	job.Apply()
	after := job.UntilReady()
	if id := checkpointID(t, after.Status.RestoredFrom); id != stop.Status.CheckpointID {
		t.Errorf("restored from checkpoint %d, the stop was %d", id, stop.Status.CheckpointID)
	}
	finish(t, job, feed)
	requireExact(t, job, oracle.Query{Delay: delay}, feed)
	job.Chain().RequireOneEmptyStart()
}
