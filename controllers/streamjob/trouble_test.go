package streamjob_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/controllertest"
	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/engine/rest"
)

// untouched checks that the pod of a revision is the same, and was not restarted, and that checkpoints go on.
func (s *scenario) untouched(podOf string, uid types.UID) {
	s.t.Helper()
	pod := &corev1.Pod{}
	if err := s.w.Client.Get(s.w.Context(), client.ObjectKey{Namespace: s.w.Namespace, Name: s.name + "-" + podOf + "-0"}, pod); err != nil {
		s.t.Fatal(err)
	}
	if pod.UID != uid || len(pod.Status.ContainerStatuses) != 1 || pod.Status.ContainerStatuses[0].RestartCount != 0 {
		s.t.Errorf("the pod was touched: UID %s, was %s; %+v", pod.UID, uid, pod.Status.ContainerStatuses)
	}
	before := len(s.bucket().Checkpoints())
	s.w.Eventually("another checkpoint", func(context.Context) error {
		if len(s.bucket().Checkpoints()) <= before {
			return errors.New("there is none")
		}
		return nil
	})
	if n := len(s.bucket().Attempts()); n != 1 {
		s.t.Errorf("%d attempts", n)
	}
}

func (s *scenario) podUID(revision string) types.UID {
	s.t.Helper()
	pod := &corev1.Pod{}
	if err := s.w.Client.Get(s.w.Context(), client.ObjectKey{Namespace: s.w.Namespace, Name: s.name + "-" + revision + "-0"}, pod); err != nil {
		s.t.Fatal(err)
	}
	return pod.UID
}

func TestABadSpecLeavesWhatRunsAlone(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	s, job := start(t, w, asIs)
	revision := job.Status.Revision
	uid := s.podUID(revision)
	w.Node.Preflight(func(p controllertest.Preflight) controllertest.PreflightResult {
		if p.SQL == "SELEKT" {
			return controllertest.PreflightResult{Message: "line 1: SELEKT is not known", Remedy: "write SELECT", Permanent: true}
		}
		return controllertest.PreflightResult{OK: true}
	})
	w.Node.FailPull("nowhere/weir:0", true)
	for _, c := range []struct {
		name, reason string
		change       func(*v1alpha1.StreamJobSpec)
	}{
		{"SQL that does not plan", v1alpha1.ReasonPreflightFailed, func(spec *v1alpha1.StreamJobSpec) { spec.SQL = as("SELEKT") }},
		{"an image that cannot be pulled", v1alpha1.ReasonImagePullFailed, func(spec *v1alpha1.StreamJobSpec) { spec.Image = as("nowhere/weir:0") }},
		{"a Savepoint that does not exist", v1alpha1.ReasonSavepointNotFound, func(spec *v1alpha1.StreamJobSpec) {
			spec.Restore = v1alpha1.RestoreSpec{SavepointRef: &v1alpha1.SavepointReference{Name: "nothing"}, Nonce: as(int64(1))}
		}},
		{"storage that moves", v1alpha1.ReasonInvalidSpec, func(spec *v1alpha1.StreamJobSpec) { spec.Checkpoint.Storage = as("s3://elsewhere") }},
		{"a delay above a bound that nobody wrote", v1alpha1.ReasonInvalidSpec, func(spec *v1alpha1.StreamJobSpec) {
			spec.Restart.InitialDelay = &metav1.Duration{Duration: 2 * time.Minute}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			good := w.StreamJob(s.name).Spec
			s.edit(c.change)
			stalled := s.condition(v1alpha1.ConditionStalled, c.reason)
			t.Log(texts(stalled.Status.Conditions)[0])
			s.untouched(revision, uid)
			s.edit(func(spec *v1alpha1.StreamJobSpec) { *spec = good })
			s.ready(v1alpha1.ReasonRunning)
			s.settled([]string{revision}, 1)
			s.untouched(revision, uid)
		})
	}
}

func TestCheckpointsThatFailInARowAreTold(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	s, _ := start(t, w, func(spec *v1alpha1.StreamJobSpec) { // so that none is too old
		spec.Checkpoint.Interval = &metav1.Duration{Duration: time.Hour}
	})
	s.fresh(metav1.ConditionTrue, v1alpha1.ReasonFresh)
	s.bucket().Behave(func(b *controllertest.Behaviour) { b.FailCheckpoints = "the bucket is away" })
	if m := s.fresh(metav1.ConditionFalse, v1alpha1.ReasonStale); !strings.Contains(m, "in a row") || !strings.Contains(m, "the bucket is away") {
		t.Errorf("it says %q", m)
	}
	s.bucket().Behave(func(b *controllertest.Behaviour) { b.FailCheckpoints = "" })
	s.fresh(metav1.ConditionTrue, v1alpha1.ReasonFresh)
	s.ready(v1alpha1.ReasonRunning)
}

// fresh waits until CheckpointFresh says this, and returns its message.
func (s *scenario) fresh(status metav1.ConditionStatus, reason string) (message string) {
	s.t.Helper()
	s.w.Eventually(fmt.Sprintf("CheckpointFresh is %s because of %s", status, reason), func(ctx context.Context) error {
		job, err := s.get(ctx)
		if err != nil {
			return err
		}
		c := meta.FindStatusCondition(job.Status.Conditions, v1alpha1.ConditionCheckpointFresh)
		if c == nil || c.Status != status || c.Reason != reason {
			return fmt.Errorf("conditions %s", texts(job.Status.Conditions))
		}
		message = c.Message
		return nil
	})
	return message
}

func TestAStopThatFailsLeavesTheJobRunning(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	s, job := start(t, w, asIs)
	s.bucket().Behave(func(b *controllertest.Behaviour) {
		b.Refuse = &rest.Error{Code: rest.BadRequest, Message: "savepoint storage cannot be written"}
	})
	s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.DesiredState = as(v1alpha1.Suspended) })
	s.condition(v1alpha1.ConditionStalled, v1alpha1.ReasonStopFailed)
	s.untouched(job.Status.Revision, s.podUID(job.Status.Revision))
	s.bucket().Behave(func(b *controllertest.Behaviour) { b.Refuse = nil })
	stop := &v1alpha1.Savepoint{}
	stop.Namespace, stop.Name = w.Namespace, "flights-1-g2"
	if err := w.Client.Delete(w.Context(), stop); err != nil {
		t.Fatal(err)
	}
	s.ready(v1alpha1.ReasonSuspended)
}

func TestAJobThatItsUserStoppedRestsUntilItsSpecChanges(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	s, job := start(t, w, asIs)
	stop := &v1alpha1.Savepoint{Spec: v1alpha1.SavepointSpec{JobRef: v1alpha1.JobReference{Name: s.name}, Mode: as(v1alpha1.Stop)}}
	stop.Namespace, stop.Name = w.Namespace, "before-the-holidays"
	if err := w.Client.Create(w.Context(), stop); err != nil {
		t.Fatal(err)
	}
	s.ready(v1alpha1.ReasonSuspended)
	s.settled([]string{job.Status.Revision}, 0)
	s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.Parallelism = as(int32(2)) })
	s.ready(v1alpha1.ReasonRunning)
	if attempts := s.attempts(2); attempts[1].Settings.Parallelism != 2 {
		t.Errorf("attempts are %+v", attempts)
	}
}

func TestWhatStoppedAJobDoesNotHoldAnotherOfItsName(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	s, before := start(t, w, asIs)
	stop := &v1alpha1.Savepoint{Spec: v1alpha1.SavepointSpec{JobRef: v1alpha1.JobReference{Name: s.name}, Mode: as(v1alpha1.Stop)}}
	stop.Namespace, stop.Name = w.Namespace, "the-last"
	if err := w.Client.Create(w.Context(), stop); err != nil {
		t.Fatal(err)
	}
	s.ready(v1alpha1.ReasonSuspended)
	if err := w.Client.Delete(w.Context(), w.StreamJob(s.name)); err != nil {
		t.Fatal(err)
	}
	s.gone()
	s.apply(asIs)
	if after := s.ready(v1alpha1.ReasonRunning); after.UID == before.UID || after.Status.RestoredFrom == "" {
		t.Errorf("the new job was restored from %q", after.Status.RestoredFrom)
	}
}

func TestTwoJobsDoNotShareAFolder(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	s, _ := start(t, w, func(spec *v1alpha1.StreamJobSpec) { spec.JobID = as("shared") })
	other := &scenario{t: t, w: w, name: "other"}
	other.apply(func(spec *v1alpha1.StreamJobSpec) { spec.JobID = as("shared") })
	stalled := other.condition(v1alpha1.ConditionStalled, v1alpha1.ReasonFenced)
	t.Log(texts(stalled.Status.Conditions)[0])
	if n := len(w.Bucket("shared").Attempts()); n != 1 {
		t.Errorf("%d attempts", n)
	}
	if err := w.Client.Delete(w.Context(), w.StreamJob(s.name)); err != nil {
		t.Fatal(err)
	}
	other.ready(v1alpha1.ReasonRunning)
	if a := w.Bucket("shared").Attempts(); len(a) != 2 || a[1].RestoredFrom == "" {
		t.Errorf("attempts are %+v", a)
	}
}

func TestAJobWhoseFolderIsEmptiedDoesNotStartEmpty(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	s, job := start(t, w, asIs)
	s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.DesiredState = as(v1alpha1.Suspended) })
	s.ready(v1alpha1.ReasonSuspended)
	s.settled([]string{job.Status.Revision}, 0)
	s.bucket().Empty()
	s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.DesiredState = as(v1alpha1.Running) })
	s.condition(v1alpha1.ConditionStalled, v1alpha1.ReasonStateMissing)
	if n := len(s.bucket().Attempts()); n != 0 {
		t.Errorf("%d attempts", n)
	}
}

func TestDeletionDoesNotHang(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	s, _ := start(t, w, func(spec *v1alpha1.StreamJobSpec) { spec.Checkpoint.OnDelete = as(v1alpha1.Delete) })
	w.Node.Hang("discard", true)
	if err := w.Client.Delete(w.Context(), w.StreamJob(s.name)); err != nil {
		t.Fatal(err)
	}
	w.Eventually("the discard is tried", func(ctx context.Context) error {
		got, err := s.objects(ctx)
		if err != nil || len(got["Job"]) != 1 {
			return fmt.Errorf("jobs %v, %w", got["Job"], errors.Join(err, errors.New("not yet")))
		}
		return nil
	})
	s.clock.Forward(6 * time.Minute)
	s.gone()
}

// TestANamespaceThatGoesLeavesTheFolderAndItsNameInTheLog: neither a Job nor an Event can be made in a namespace that is
// being deleted.
func TestANamespaceThatGoesLeavesTheFolderAndItsNameInTheLog(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	s, _ := start(t, w, func(spec *v1alpha1.StreamJobSpec) { spec.Checkpoint.OnDelete = as(v1alpha1.Delete) })
	if err := w.Client.Delete(w.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.Namespace}}); err != nil {
		t.Fatal(err)
	}
	s.gone()
	folder := *w.StreamJob(s.name).Spec.Checkpoint.Storage + "/" + w.Namespace + ".flights"
	named := slices.ContainsFunc(strings.Split(w.Log(), "\n"), func(line string) bool {
		return strings.Contains(line, "its folder in storage stays") && strings.Contains(line, folder)
	})
	if s.bucket().Discarded() == 0 && !named {
		t.Errorf("%s was not discarded, and the log does not name it", folder)
	}
}

func TestAnActivationThatIsRefusedIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	_, clock := startOperator(w, quick())
	s := &scenario{t: t, w: w, name: "flights", clock: clock}
	s.bucket().Behave(func(b *controllertest.Behaviour) {
		b.RefuseActivation = &rest.Error{Code: rest.Unavailable, Message: "storage is away", Remedy: "look at the bucket"}
	})
	s.apply(asIs)
	stalled := s.condition(v1alpha1.ConditionStalled, v1alpha1.ReasonActivationFailed)
	t.Log(texts(stalled.Status.Conditions)[0])
	s.bucket().Behave(func(b *controllertest.Behaviour) { b.RefuseActivation = nil })
	s.ready(v1alpha1.ReasonRunning)
	if n := len(s.attempts(1)); n != 1 {
		t.Errorf("%d attempts", n)
	}
}

// TestANameThatIsTaken: what is somebody else's stays theirs.
func TestANameThatIsTaken(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	startOperator(w, quick())
	theirs := &corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}
	theirs.Namespace, theirs.Name = w.Namespace, resources.ServiceName("flights")
	if err := w.Client.Create(w.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	s := &scenario{t: t, w: w, name: "flights"}
	s.apply(asIs)
	stalled := s.condition(v1alpha1.ConditionStalled, v1alpha1.ReasonInvalidSpec)
	t.Log(texts(stalled.Status.Conditions)[0])
	if err := w.Client.Get(w.Context(), client.ObjectKeyFromObject(theirs), theirs); err != nil || len(theirs.OwnerReferences) > 0 || theirs.Spec.Ports[0].Port != 80 {
		t.Errorf("it was changed: %+v, %v", theirs, err)
	}
	if err := w.Client.Delete(w.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	s.ready(v1alpha1.ReasonRunning)
}
