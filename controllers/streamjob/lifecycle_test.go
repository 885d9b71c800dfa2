package streamjob_test

import (
	"testing"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/controllertest"
	"github.com/weirstream/weir/engine/outcome"
)

func as[T any](v T) *T { return &v }

// start applies a job and waits until it is ready and nothing is left to do.
func start(t *testing.T, w *controllertest.World, change func(*v1alpha1.StreamJobSpec)) (*scenario, *v1alpha1.StreamJob) {
	t.Helper()
	_, clock := startOperator(w, quick())
	s := &scenario{t: t, w: w, name: "flights", clock: clock}
	s.apply(change)
	return s, s.started()
}

// started waits until a new job is ready and nothing is left to do.
func (s *scenario) started() *v1alpha1.StreamJob {
	s.t.Helper()
	job := s.ready(v1alpha1.ReasonRunning)
	s.settled([]string{job.Status.Revision}, 1)
	return job
}

// goOn is the scenario of a job that an earlier one started.
func goOn(t *testing.T, w *controllertest.World) (*scenario, *v1alpha1.StreamJob) {
	t.Helper()
	s := &scenario{t: t, w: w, name: "flights"}
	return s, s.started()
}

func asIs(*v1alpha1.StreamJobSpec) {}

func firstStart(t *testing.T, w *controllertest.World) {
	s, job := start(t, w, asIs)
	if a := s.attempts(1); a[0].RestoredFrom != "" || a[0].SelfClaimed || a[0].Revision != job.Status.Revision {
		t.Errorf("the first attempt is %+v", a[0])
	}
	if h := job.Status.History; len(h) != 1 || h[0].Reason != v1alpha1.ReasonStarted || h[0].Outcome != "" {
		t.Errorf("history is %+v", h)
	}
}

func startWithFinalizer(t *testing.T, w *controllertest.World) {
	start(t, w, func(spec *v1alpha1.StreamJobSpec) { spec.Checkpoint.OnDelete = as(v1alpha1.Delete) })
}

func upgrade(t *testing.T, w *controllertest.World) {
	s, before := goOn(t, w)
	s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.SQL = as("INSERT INTO t SELECT 2") })
	after := s.ready(v1alpha1.ReasonRunning)
	if after.Status.Revision == before.Status.Revision {
		t.Errorf("revision %s runs on", before.Status.Revision)
	}
	s.settled([]string{after.Status.Revision}, 1)
	attempts := s.attempts(2)
	stop := s.bucket().Checkpoints()
	for _, c := range stop {
		if c.Attempt == 1 && c.Outcome == outcome.Stopped && attempts[1].RestoredFrom != c.Path {
			t.Errorf("attempt 2 was restored from %s, and the stop is %s", attempts[1].RestoredFrom, c.Path)
		}
	}
	if top := after.Status.History[0]; top.Attempt != 2 || top.Reason != v1alpha1.ReasonUpgraded || after.Status.History[1].Outcome != string(outcome.Stopped) {
		t.Errorf("history is %+v", after.Status.History)
	}
	if n := len(s.bucket().Savepoints()); n != 1 {
		t.Errorf("%d savepoints were written: %v", n, s.bucket().Savepoints())
	}
}

func rescale(t *testing.T, w *controllertest.World) {
	s, before := goOn(t, w)
	s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.Parallelism = as(int32(3)) })
	after := s.ready(v1alpha1.ReasonRunning)
	if after.Status.Revision != before.Status.Revision || after.Status.Parallelism != 3 {
		t.Errorf("revision %s runs with parallelism %d", after.Status.Revision, after.Status.Parallelism)
	}
	s.settled([]string{after.Status.Revision}, 1)
	if attempts := s.attempts(2); attempts[0].Pod != attempts[1].Pod || attempts[1].Settings.Parallelism != 3 {
		t.Errorf("the coordinator did not stay: %+v", attempts)
	}
	if top := after.Status.History[0]; top.Reason != v1alpha1.ReasonRescaled {
		t.Errorf("history is %+v", after.Status.History)
	}
}

func suspendAndResume(t *testing.T, w *controllertest.World) {
	s, before := goOn(t, w)
	s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.DesiredState = as(v1alpha1.Suspended) })
	suspended := s.ready(v1alpha1.ReasonSuspended)
	s.settled([]string{before.Status.Revision}, 0)
	if suspended.Status.Parallelism != 0 || suspended.Status.RecoveryPoint == nil {
		t.Errorf("the status of the suspended job is %+v", suspended.Status)
	}
	checkpoints := s.bucket().Checkpoints()
	if last := checkpoints[len(checkpoints)-1]; last.Outcome != outcome.Stopped {
		t.Errorf("the last checkpoint's outcome is %q", last.Outcome)
	}
	s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.DesiredState = as(v1alpha1.Running) })
	s.ready(v1alpha1.ReasonRunning)
	s.settled([]string{before.Status.Revision}, 1)
	if attempts := s.attempts(2); attempts[1].RestoredFrom != checkpoints[len(checkpoints)-1].Path {
		t.Errorf("attempt 2 was restored from %s", attempts[1].RestoredFrom)
	}
}

func deleteWithStorage(t *testing.T, w *controllertest.World) {
	s, _ := goOn(t, w)
	if err := w.Client.Delete(w.Context(), w.StreamJob(s.name)); err != nil {
		t.Fatal(err)
	}
	s.gone()
	if n := s.bucket().Discarded(); n != 1 {
		t.Errorf("the folder was discarded %d times", n)
	}
}

func deleteAndApplyAgain(t *testing.T, w *controllertest.World) {
	s, before := goOn(t, w)
	if err := w.Client.Delete(w.Context(), w.StreamJob(s.name)); err != nil {
		t.Fatal(err)
	}
	s.gone()
	checkpoints := s.bucket().Checkpoints()
	s.apply(asIs)
	after := s.ready(v1alpha1.ReasonRunning)
	if after.UID == before.UID || after.Status.RestoredFrom != checkpoints[len(checkpoints)-1].Path {
		t.Errorf("the new job was restored from %q", after.Status.RestoredFrom)
	}
}

// steps are the faults of proof: what a crash before a write leaves is, but for requests to coordinators, what one after the
// write before it does. The upgrade, which makes those, is tried with all.
var steps = []controllertest.Fault{controllertest.KillAfter, controllertest.Conflict, controllertest.Stale}

func TestFirstStart(t *testing.T) {
	t.Parallel()
	controllertest.EveryStep(t, firstStart, steps...)
}

func TestUpgrade(t *testing.T) {
	t.Parallel()
	controllertest.EveryStepAfter(t, firstStart, upgrade)
}

func TestRescale(t *testing.T) {
	t.Parallel()
	controllertest.EveryStepAfter(t, firstStart, rescale, steps...)
}

func TestSuspendAndResume(t *testing.T) {
	t.Parallel()
	controllertest.EveryStepAfter(t, firstStart, suspendAndResume, steps...)
}

func TestDeleteWithStorage(t *testing.T) {
	t.Parallel()
	controllertest.EveryStepAfter(t, startWithFinalizer, deleteWithStorage, steps...)
}

func TestDeleteAndApplyAgain(t *testing.T) {
	t.Parallel()
	controllertest.EveryStepAfter(t, firstStart, deleteAndApplyAgain, steps...)
}
