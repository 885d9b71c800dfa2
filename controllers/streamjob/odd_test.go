package streamjob_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/controllertest"
	"github.com/weirstream/weir/controllers/resources"
)

// odd is a way in which people and clusters meddle with a job that runs.
type odd struct {
	name string
	do   func(s *scenario, revision string)
}

// delete deletes one of the job's objects.
func (s *scenario) delete(o client.Object, name string, options ...client.DeleteOption) {
	s.t.Helper()
	o.SetNamespace(s.w.Namespace)
	o.SetName(name)
	if err := s.w.Client.Delete(s.w.Context(), o, options...); client.IgnoreNotFound(err) != nil {
		s.t.Fatal(err)
	}
}

// strip removes what a JSON path of an object holds.
func (s *scenario) strip(o client.Object, name, path string) {
	s.t.Helper()
	s.object(o, name)
	patch := fmt.Appendf(nil, `[{"op":"remove","path":%q}]`, path)
	if err := s.w.Client.Patch(s.w.Context(), o, client.RawPatch(types.JSONPatchType, patch)); err != nil {
		s.t.Fatal(err)
	}
}

var odds = []odd{
	{"the StatefulSet is deleted", func(s *scenario, r string) { s.delete(&appsv1.StatefulSet{}, s.name+"-"+r) }},
	{"the StatefulSet is deleted, and its pod stays", func(s *scenario, r string) {
		s.delete(&appsv1.StatefulSet{}, s.name+"-"+r, client.PropagationPolicy(metav1.DeletePropagationOrphan))
	}},
	{"the StatefulSet has no owner any more", func(s *scenario, r string) { s.strip(&appsv1.StatefulSet{}, s.name+"-"+r, "/metadata/ownerReferences") }},
	{"the StatefulSet has lost a label", func(s *scenario, r string) {
		s.strip(&appsv1.StatefulSet{}, s.name+"-"+r, "/metadata/labels/app.kubernetes.io~1managed-by")
	}},
	{"the StatefulSet is restarted as a Deployment would be", func(s *scenario, r string) {
		s.patch(&appsv1.StatefulSet{}, s.name+"-"+r, `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}}}`)
	}},
	{"the ConfigMap is deleted", func(s *scenario, r string) { s.delete(&corev1.ConfigMap{}, s.name+"-"+r) }},
	{"the ConfigMap and the pod are deleted", func(s *scenario, r string) {
		s.delete(&corev1.ConfigMap{}, s.name+"-"+r)
		s.delete(&corev1.Pod{}, s.name+"-"+r+"-0")
	}},
	{"the ConfigMap has lost its annotations", func(s *scenario, r string) { s.strip(&corev1.ConfigMap{}, s.name+"-"+r, "/metadata/annotations") }},
	{"the ConfigMap is empty, and the pod is deleted", func(s *scenario, r string) {
		s.strip(&corev1.ConfigMap{}, s.name+"-"+r, "/data")
		s.delete(&corev1.Pod{}, s.name+"-"+r+"-0")
	}},
	{"the Secret is deleted, then the pod", func(s *scenario, r string) {
		s.delete(&corev1.Secret{}, resources.SecretName(s.name))
		s.delete(&corev1.Pod{}, s.name+"-"+r+"-0")
	}},
	{"all ControllerRevisions are deleted", func(s *scenario, _ string) {
		if err := s.w.Client.DeleteAllOf(s.w.Context(), &appsv1.ControllerRevision{}, client.InNamespace(s.w.Namespace), client.MatchingLabels{v1alpha1.LabelJob: s.name}); err != nil {
			s.t.Fatal(err)
		}
	}},
	{"the pod is deleted, as by a drain of its node", func(s *scenario, r string) { s.delete(&corev1.Pod{}, s.name+"-"+r+"-0") }},
	{"the pod is lost with its node", func(s *scenario, r string) {
		if err := s.w.Node.KillPod(s.w.Context(), s.name+"-"+r+"-0"); err != nil {
			s.t.Fatal(err)
		}
	}},
	{"the pod's node is out of sight, and the pod is forced away", func(s *scenario, r string) {
		if err := s.w.Node.AbandonPod(s.w.Context(), s.name+"-"+r+"-0"); err != nil {
			s.t.Fatal(err)
		}
	}},
	{"the container is killed for its memory", func(s *scenario, r string) { s.w.Node.RestartContainer(s.name + "-" + r + "-0") }},
	{"the status is wiped", func(s *scenario, _ string) {
		job, err := s.get(s.w.Context())
		if err == nil {
			job.Status = v1alpha1.StreamJobStatus{}
			err = s.w.Client.Status().Update(s.w.Context(), job)
		}
		if err != nil && !apierrors.IsConflict(err) {
			s.t.Fatal(err)
		}
	}},
	{"the finalizer is removed", func(s *scenario, _ string) { s.strip(&v1alpha1.StreamJob{}, s.name, "/metadata/finalizers") }},
	{"it is suspended and resumed at once", func(s *scenario, _ string) {
		s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.DesiredState = as(v1alpha1.Suspended) })
		s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.DesiredState = as(v1alpha1.Running) })
	}},
	{"it is changed and changed back at once", func(s *scenario, _ string) {
		s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.SQL = as("INSERT INTO t SELECT 7") })
		s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.SQL = as("INSERT INTO t SELECT 1") })
	}},
}

// TestOddHandling does to one job, one after the other, what people and clusters do. Each time it comes back by itself, never
// empty, and nothing of what happened is left.
func TestOddHandling(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	s, _ := start(t, w, func(spec *v1alpha1.StreamJobSpec) { spec.Checkpoint.OnDelete = as(v1alpha1.Delete) })
	for _, o := range odds {
		if !t.Run(o.name, func(t *testing.T) {
			s.t = t
			job, err := s.get(w.Context())
			if err != nil {
				t.Fatal(err)
			}
			o.do(s, job.Status.Revision)
			s.comesBack()
		}) {
			break
		}
	}
	for i, a := range s.bucket().Attempts() {
		if (a.RestoredFrom == "") != (i == 0) {
			t.Errorf("attempt %d began from %q", a.Number, a.RestoredFrom)
		}
	}
}

// comesBack waits until the job runs as its spec says, with all its objects and one pod, and takes checkpoints.
func (s *scenario) comesBack() {
	s.t.Helper()
	before := len(s.bucket().Checkpoints())
	s.w.Eventually("the job has all that it needs, and goes on", func(ctx context.Context) error {
		job, err := s.get(ctx)
		if err != nil {
			return err
		}
		got, err := s.objects(ctx)
		if err != nil {
			return err
		}
		for kind, n := range map[string]int{"StatefulSet": 1, "ConfigMap": 1, "Job": 0, "Pod": 1, "Secret": 1, "Service": 1} {
			if len(got[kind]) != n {
				return fmt.Errorf("there are %s of kind %s, and are to be %d; %s", got[kind], kind, n, texts(job.Status.Conditions))
			}
		}
		set := &appsv1.StatefulSet{}
		if err := s.w.Client.Get(ctx, client.ObjectKey{Namespace: s.w.Namespace, Name: got["StatefulSet"][0]}, set); err != nil {
			return err
		}
		ready := false
		for _, c := range job.Status.Conditions {
			ready = ready || c.Type == v1alpha1.ConditionReady && c.Status == metav1.ConditionTrue && c.Reason == v1alpha1.ReasonRunning && c.ObservedGeneration == job.Generation
		}
		switch {
		case !metav1.IsControlledBy(set, job) || set.DeletionTimestamp != nil: // the pod of a former one runs on, and is ready
			return fmt.Errorf("StatefulSet %s is not the job's, or is about to go", set.Name)
		case !ready:
			return fmt.Errorf("it is not ready: %s", texts(job.Status.Conditions))
		case len(job.Finalizers) != 1:
			return errors.New("it has no finalizer")
		case len(s.bucket().Checkpoints()) < before+3:
			return errors.New("it takes no checkpoints")
		}
		return nil
	})
}

// TestAJobThatIsSuspendedInEveryPhaseOfAnUpgrade comes to rest, and goes on with what is wanted.
func TestAJobThatIsSuspendedInEveryPhaseOfAnUpgrade(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	s, _ := start(t, w, asIs)
	for i, step := range []v1alpha1.UpgradeStep{v1alpha1.StepPreflight, v1alpha1.StepStandby, v1alpha1.StepStopping, v1alpha1.StepActivating} {
		s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.SQL = as(fmt.Sprintf("INSERT INTO t SELECT %d", i+10)) })
		w.Eventually("the upgrade is at its step, or past it", func(ctx context.Context) error {
			job, err := s.get(ctx)
			if err != nil {
				return err
			}
			if u := job.Status.Upgrade; job.Status.ObservedGeneration != job.Generation || u != nil && u.Step != step {
				return fmt.Errorf("it is %+v", u)
			}
			return nil
		})
		s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.DesiredState = as(v1alpha1.Suspended) })
		s.ready(v1alpha1.ReasonSuspended)
		s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.DesiredState = as(v1alpha1.Running) })
		job := s.ready(v1alpha1.ReasonRunning)
		s.settled([]string{job.Status.Revision}, 1)
	}
}

// TestTheCheckIsMeddledWith: its Job is paused, deleted, and its pod is.
func TestTheCheckIsMeddledWith(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	s, before := start(t, w, asIs)
	w.Node.Hang("preflight", true)
	s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.SQL = as("INSERT INTO t SELECT 2") })
	check := &batchv1.Job{}
	var name string
	w.Eventually("there is a check", func(ctx context.Context) error {
		got, err := s.objects(ctx)
		if err != nil || len(got["Job"]) != 1 {
			return fmt.Errorf("there are %s (%w)", got["Job"], err)
		}
		name = got["Job"][0]
		return nil
	})
	s.patch(check, name, `{"spec":{"suspend":true}}`)
	s.clock.Forward(time.Minute)
	s.condition(v1alpha1.ConditionStalled, v1alpha1.ReasonPodUnhealthy)
	s.clock.Back()
	w.Node.Hang("preflight", false)
	s.delete(check, name, client.PropagationPolicy(metav1.DeletePropagationBackground))
	if after := s.ready(v1alpha1.ReasonRunning); after.Status.Revision == before.Status.Revision {
		t.Error("the old revision runs on")
	}
}

// TestAPodThatHasLostItsLabelsIsTold: its StatefulSet knows it no more, and cannot make another of its name. Whoever did it
// is told where to look.
func TestAPodThatHasLostItsLabelsIsTold(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	s, job := start(t, w, asIs)
	pod := s.name + "-" + job.Status.Revision + "-0"
	s.strip(&corev1.Pod{}, pod, "/metadata/labels/weir.stream~1job")
	w.Eventually("the operator sees no pod", func(ctx context.Context) error {
		got, err := s.objects(ctx)
		if now, e := s.get(ctx); err == nil && e == nil && len(got["Pod"]) == 0 && now.Status.Phase == v1alpha1.PhaseRecovering {
			return nil
		}
		return fmt.Errorf("pods %s (%w)", got["Pod"], err)
	})
	s.clock.Forward(2 * time.Minute)
	s.condition(v1alpha1.ConditionStalled, v1alpha1.ReasonPodUnhealthy)
	s.clock.Back()
	s.delete(&corev1.Pod{}, pod)
	s.ready(v1alpha1.ReasonRunning)
}

// TestTwoOperators: both see all, and both act.
func TestTwoOperators(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	startOperator(w, quick())
	s, _ := start(t, w, asIs)
	for i := range 3 {
		s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.SQL = as(fmt.Sprintf("INSERT INTO t SELECT %d", i+2)) })
		job := s.ready(v1alpha1.ReasonRunning)
		s.settled([]string{job.Status.Revision}, 1)
	}
	s.attempts(4)
}
