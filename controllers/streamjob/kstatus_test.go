package streamjob_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/controllertest"
)

// TestConditionsTellTheTruthAtAllTimes takes a job through its life, and reads every version of it that the API server ever
// told about as kstatus does: whoever waits for Ready, at whatever moment, is never told so too early.
func TestConditionsTellTheTruthAtAllTimes(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	recording := w.Record(&v1alpha1.StreamJobList{})
	s, _ := start(t, w, asIs)
	s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.SQL = as("INSERT INTO t SELECT 2") })
	s.ready(v1alpha1.ReasonRunning)
	s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.Parallelism = as(int32(2)) })
	running := s.ready(v1alpha1.ReasonRunning)
	s.settled([]string{running.Status.Revision}, 1)
	if err := w.Node.KillPod(w.Context(), "flights-"+running.Status.Revision+"-0"); err != nil {
		t.Fatal(err)
	}
	s.attempts(4)
	s.ready(v1alpha1.ReasonRunning)
	w.Node.Preflight(func(p controllertest.Preflight) controllertest.PreflightResult {
		return controllertest.PreflightResult{OK: p.SQL != "SELEKT", Message: "line 1: SELEKT is not known", Permanent: true}
	})
	s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.SQL = as("SELEKT") })
	s.condition(v1alpha1.ConditionStalled, v1alpha1.ReasonPreflightFailed)
	s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.SQL = as("INSERT INTO t SELECT 2") })
	s.ready(v1alpha1.ReasonRunning)
	s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.DesiredState = as(v1alpha1.Suspended) })
	s.ready(v1alpha1.ReasonSuspended)
	s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.DesiredState = as(v1alpha1.Running) })
	s.ready(v1alpha1.ReasonRunning)
	s.bucket().Behave(func(b *controllertest.Behaviour) { b.CompleteJob = true })
	last := s.ready(v1alpha1.ReasonCompleted)

	var versions []client.Object
	w.Eventually("the recording has come to the end", func(context.Context) error {
		versions = recording.Versions("flights")
		if !slices.ContainsFunc(versions, func(o client.Object) bool { return o.GetResourceVersion() == last.ResourceVersion }) {
			return fmt.Errorf("%d versions, and not %s", len(versions), last.ResourceVersion)
		}
		return nil
	})
	seen := map[string]bool{}
	var previous *v1alpha1.StreamJob
	for i, o := range versions {
		job, ok := o.(*v1alpha1.StreamJob)
		if !ok {
			t.Fatalf("version %d is a %T", i, o)
		}
		checkVersion(t, i, job, previous)
		if c := meta.FindStatusCondition(job.Status.Conditions, v1alpha1.ConditionReady); c != nil {
			seen[c.Reason] = true
		}
		previous = job
	}
	for _, reason := range []string{v1alpha1.ReasonPreflight, v1alpha1.ReasonStandby, v1alpha1.ReasonStopping, v1alpha1.ReasonActivating,
		v1alpha1.ReasonSuspending, v1alpha1.ReasonSuspended, v1alpha1.ReasonCompleted} {
		if !seen[reason] {
			t.Errorf("no version of %d was Ready or not because of %s", len(versions), reason)
		}
	}
	t.Logf("%d versions; Ready's reasons were %v", len(versions), keysOf(seen))
}

func keysOf(m map[string]bool) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// checkVersion holds what kstatus and `kubectl wait` rely on.
func checkVersion(t *testing.T, i int, job, previous *v1alpha1.StreamJob) {
	t.Helper()
	status := &job.Status
	if status.ObservedGeneration == 0 {
		if len(status.Conditions) > 0 {
			t.Errorf("version %d has conditions about no generation", i)
		}
		return
	}
	is := func(kind string) bool { return meta.IsStatusConditionTrue(status.Conditions, kind) }
	truths := 0
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionProgressing, v1alpha1.ConditionStalled} {
		if is(kind) {
			truths++
		}
	}
	said := fmt.Sprintf("version %d (generation %d, observed %d, %s)", i, job.Generation, status.ObservedGeneration, texts(status.Conditions))
	if truths != 1 {
		t.Errorf("%s: %d of Ready, Progressing and Stalled are true", said, truths)
	}
	for _, c := range status.Conditions {
		if c.ObservedGeneration != status.ObservedGeneration {
			t.Errorf("%s: %s is about generation %d", said, c.Type, c.ObservedGeneration)
		}
		checkTransition(t, said, c, previous)
	}
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	if is(v1alpha1.ConditionReady) && ready.Reason == v1alpha1.ReasonRunning {
		switch {
		case status.LastCheckpoint == nil || !is(v1alpha1.ConditionCheckpointFresh):
			t.Errorf("%s: Ready without a fresh checkpoint", said)
		case status.Parallelism == 0 || status.Attempt == 0 || status.Phase != v1alpha1.PhaseRunning || status.Upgrade != nil:
			t.Errorf("%s: Ready, and phase %s, attempt %d, parallelism %d, upgrade %v", said, status.Phase, status.Attempt, status.Parallelism, status.Upgrade)
		}
	}
	if previous != nil && status.Attempt < previous.Status.Attempt {
		t.Errorf("%s: attempt %d after %d", said, status.Attempt, previous.Status.Attempt)
	}
	if previous != nil && previous.Status.RecoveryPoint != nil && status.RecoveryPoint == nil {
		t.Errorf("%s: the recovery point is forgotten", said)
	}
}

// checkTransition: the time of a transition changes with the condition's status, and only then.
func checkTransition(t *testing.T, said string, c metav1.Condition, previous *v1alpha1.StreamJob) {
	t.Helper()
	if previous == nil {
		return
	}
	was := meta.FindStatusCondition(previous.Status.Conditions, c.Type)
	if was != nil && was.Status == c.Status && !was.LastTransitionTime.Equal(&c.LastTransitionTime) {
		t.Errorf("%s: %s changed its transition time without a transition", said, c.Type)
	}
}
