package cluster

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/e2e/cluster/lab"
	"github.com/weirstream/weir/e2e/harness"
	"github.com/weirstream/weir/e2e/oracle"
)

// walkthrough is the main job's life, and what was measured in it.
type walkthrough struct {
	t        *testing.T
	job      *lab.FlightDelays
	feed     *lab.Feed
	arrivals *lab.Arrivals
	audit    *harness.Audit
	history  *lab.Conditions

	lastSeen, restored int64 // checkpoints before the kill, and of the recovery
	readAgain, behind  int   // records read after the recovery's checkpoint, and before it
	recovery           time.Duration
	savepoint          *v1alpha1.Savepoint
	stopped            []int // records of each file behind the upgrade's stop
	upgrade, rescale   time.Duration
}

// TestTheWalkthrough is the demo: the main job of the examples as a user runs it, with everything happening to it that must not
// change its result.
func TestTheWalkthrough(t *testing.T) {
	job := testbed.Walkthrough(t)
	s := &walkthrough{t: t, job: job, feed: job.Feed(6000, 400), arrivals: job.WatchOutput(), audit: job.Place("out").Audit(),
		history: job.WatchConditions()}
	stop := s.begin()
	s.kill()
	s.takeSavepoint()
	s.change()
	s.scale()
	stop()
	s.drain()
	s.report()
}

// begin applies the manifest of the examples. Files keep appearing until stop is called.
func (s *walkthrough) begin() (stop func()) {
	section("kubectl apply -f " + lab.Examples + "/streamjob.yaml")
	s.feed.More(20)
	s.job.Apply()
	s.job.Kubectl("wait", "--for=condition=Ready", "streamjob/"+s.job.Name(), "--timeout="+lab.Patience.String())
	job := s.job.UntilReady()
	stop = s.feed.Trickle(300*time.Millisecond, 0)
	say("Ready: attempt %d of revision %s runs with parallelism %d", job.Status.Attempt, job.Status.Revision, job.Status.Parallelism)
	for range 3 {
		job = s.job.UntilCheckpoint(job.Status.LastCheckpoint.ID)
		c := job.Status.LastCheckpoint
		say("checkpoint %d is complete: %d bytes in %v; %d records in, %d rows out", c.ID, c.Size, c.Duration.Duration, job.Status.RecordsIn, job.Status.RecordsOut)
	}
	return stop
}

// kill deletes the job's pod without a word to it.
func (s *walkthrough) kill() {
	section("kubectl delete pod --force --grace-period=0")
	t, job := s.t, s.job
	before := job.UntilCheckpoint(job.Seen().Status.LastCheckpoint.ID)
	job.Holds(lab.Patience, "there is output", func() bool { _, _, ok := s.arrivals.Gap(0); return ok })
	s.lastSeen = before.Status.LastCheckpoint.ID
	pod := job.Pod()
	killed := time.Now()
	job.Kill(pod)
	job.UntilReplaced(pod)
	after := job.Until(lab.Patience, "the next attempt runs", func(seen *v1alpha1.StreamJob) bool {
		return seen.Status.Attempt > before.Status.Attempt && seen.Status.RestoredFrom != ""
	})
	s.restored = checkpointID(t, after.Status.RestoredFrom)
	if s.restored < s.lastSeen {
		t.Errorf("restored from checkpoint %d, although %d was seen complete", s.restored, s.lastSeen)
	}
	s.behind = total(recordsRead(t, after.Status.RestoredFrom, s.feed.Files))
	s.recovery = s.firstOutputAfter(s.restored).Sub(killed)
	after = job.UntilReady()
	s.readAgain = int(after.Status.RecordsIn)
	if s.behind == 0 || s.readAgain >= total(fedRecords(s.feed)) {
		t.Errorf("%d records were behind the restored checkpoint and %d were read after it, of %d: it has begun again",
			s.behind, s.readAgain, total(fedRecords(s.feed)))
	}
	s.audit.Look()
	say("attempt %d goes on from %s; checkpoint %d was the last one seen", after.Status.Attempt, folder(after.Status.RestoredFrom), s.lastSeen)
	say("new output %.1f s after the kill", s.recovery.Seconds())
}

// fedRecords are the records of the files that are in the bucket.
func fedRecords(feed *lab.Feed) []int {
	var all []int
	for _, f := range feed.Files[:feed.Fed()] {
		all = append(all, f.Records)
	}
	return all
}

// firstOutputAfter waits for output of a checkpoint above an id, and returns when it was there.
func (s *walkthrough) firstOutputAfter(id int64) time.Time {
	s.t.Helper()
	var at time.Time
	s.job.Holds(lab.Patience, "there is new output", func() (there bool) {
		_, at, there = s.arrivals.Gap(id)
		return there
	})
	return at
}

// takeSavepoint applies the Savepoint of the examples.
func (s *walkthrough) takeSavepoint() {
	section("kubectl apply -f " + lab.Examples + "/savepoint.yaml")
	s.apply("savepoint.yaml")
	s.savepoint = s.job.UntilSavepoint("before-the-change")
	status := s.savepoint.Status
	say("Completed: %s, %d bytes of checkpoint %d", folder(status.Path), status.SizeBytes, status.CheckpointID)
	if _, err := testbed.Snapshot(s.t.Context(), "verify", status.Path); err != nil {
		s.t.Error(err)
	}
	say("weir snapshot verify: every byte is as its checksum says")
}

// apply applies another manifest of the examples.
func (s *walkthrough) apply(name string) {
	s.t.Helper()
	s.job.Kubectl("apply", "-f", filepath.Join(testbed.Root(), lab.Examples, name))
}

// change applies the manifest with another condition.
func (s *walkthrough) change() {
	const condition = "distance >= 500"
	section("the job is upgraded: WHERE " + condition)
	before := s.job.Seen()
	s.job.Where(condition)
	s.job.Apply()
	after := s.job.UntilReady()
	if after.Status.Revision == before.Status.Revision || after.Status.Attempt <= before.Status.Attempt {
		s.t.Fatalf("attempt %d of revision %s is no upgrade of attempt %d of %s", after.Status.Attempt, after.Status.Revision,
			before.Status.Attempt, before.Status.Revision)
	}
	s.stopped = recordsRead(s.t, after.Status.RestoredFrom, s.feed.Files)
	s.upgrade = s.downtime(after.Status.RestoredFrom)
	s.audit.Look()
	say("revision %s goes on as attempt %d from %s, after %d records", after.Status.Revision, after.Status.Attempt,
		folder(after.Status.RestoredFrom), total(s.stopped))
	say("%.1f s from the last output of the old query to the first of the new one", s.upgrade.Seconds())
}

// downtime is the time without output around a stop.
func (s *walkthrough) downtime(stop string) time.Duration {
	s.t.Helper()
	id := checkpointID(s.t, stop)
	first := s.firstOutputAfter(id)
	last, _, _ := s.arrivals.Gap(id)
	return first.Sub(last)
}

// scale changes the parallelism as a user or an autoscaler does.
func (s *walkthrough) scale() {
	section("kubectl scale streamjob flight-delays --replicas=3")
	before := s.job.Seen()
	pod := s.job.Pod()
	s.job.Kubectl("scale", "streamjob", s.job.Name(), "--replicas=3")
	after := s.job.Until(lab.Patience, "3 subtasks run", func(seen *v1alpha1.StreamJob) bool {
		return lab.Is(seen, v1alpha1.ConditionReady, "True") && seen.Status.Parallelism == 3
	})
	if after.Status.Revision != before.Status.Revision || s.job.Pod().UID != pod.UID {
		s.t.Errorf("a rescale has changed the revision (%s to %s) or the pod", before.Status.Revision, after.Status.Revision)
	}
	s.rescale = s.downtime(after.Status.RestoredFrom)
	s.audit.Look()
	say("attempt %d runs with parallelism %d in the same pod, from %s", after.Status.Attempt, after.Status.Parallelism, folder(after.Status.RestoredFrom))
	say("%.1f s from the last output before to the first after it", s.rescale.Seconds())
}

// drain lets event time end.
func (s *walkthrough) drain() {
	section("kubectl apply -f " + lab.Examples + "/drain.yaml")
	s.feed.Rest()
	s.untilRead()
	s.apply("drain.yaml")
	s.job.UntilSavepoint("the-end")
	job := s.job.Until(lab.Patience, "the job is Completed", func(seen *v1alpha1.StreamJob) bool {
		return seen.Status.Phase == v1alpha1.PhaseCompleted && lab.Is(seen, v1alpha1.ConditionReady, "True")
	})
	s.job.Holds(lab.Patience, "its pods are gone", func() bool { return len(s.job.Pods()) == 0 })
	say("Completed: every window has fired, attempt %d was the last one", job.Status.Attempt)
}

// untilRead waits until a checkpoint has all that was fed behind it.
func (s *walkthrough) untilRead() {
	s.t.Helper()
	seen := int64(0)
	s.job.Holds(lab.Patience, "all that is in the bucket is read", func() bool {
		last := s.job.UntilCheckpoint(seen).Status.LastCheckpoint
		seen = last.ID
		return total(recordsRead(s.t, last.Path, s.feed.Files)) == total(fedRecords(s.feed))
	})
}

// report compares every row with the oracle, and prints what was proved.
func (s *walkthrough) report() {
	section("what was proved")
	far := func(r oracle.Record) bool { return r.Distance >= 500 }
	want := requireExact(s.t, s.job, oracle.Query{Delay: delay, Keep: since(s.stopped, all, far)}, s.feed)
	s.audit.Look()
	job := s.job.Seen()
	figure("output rows, each right, none twice", "%d of %d, in %d files that never changed", len(want.Rows), len(want.Rows), s.audit.Seen())
	figure("records read, by the oracle", "%d; %d of them behind the upgrade's stop", want.Records, total(s.stopped))
	figure("checkpoints", "%d", job.Status.RecoveryPoint.CheckpointID)
	figure("attempts", "%d: %s", job.Status.Attempt, strings.Join(begun(job), ", "))
	versions, reasons := s.history.History()
	figure("conditions of the job", "%d versions, %d turns of Ready, none against the rules", versions, len(reasons))
	s.t.Logf("reasons of Ready: %s", strings.Join(reasons, ", "))
	figure("after the kill: restored from", "checkpoint %d, the last one seen was %d", s.restored, s.lastSeen)
	figure("after the kill: records not read again", "%d; %d were read from there to the next look", s.behind, s.readAgain)
	figure("after the kill: first new output", "%.1f s", s.recovery.Seconds())
	figure("savepoint", "%d bytes in %v", s.savepoint.Status.SizeBytes, s.savepoint.Status.Duration.Duration)
	figure("upgrade: no output for", "%.1f s", s.upgrade.Seconds())
	figure("rescale 2 -> 3: no output for", "%.1f s", s.rescale.Seconds())
}

// begun tells why each attempt was begun, oldest first.
func begun(job *v1alpha1.StreamJob) []string {
	var all []string
	for _, h := range job.Status.History {
		all = append([]string{h.Reason}, all...)
	}
	return all
}

// folder is a URL without its query, as people read it.
func folder(url string) string {
	folder, _, _ := strings.Cut(url, "?")
	return folder
}
