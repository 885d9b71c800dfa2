package streamjob_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/controllertest"
	"github.com/weirstream/weir/controllers/resources"
)

// object reads one of the job's objects into o.
func (s *scenario) object(o client.Object, name string) {
	s.t.Helper()
	if err := s.w.Client.Get(s.w.Context(), client.ObjectKey{Namespace: s.w.Namespace, Name: name}, o); err != nil {
		s.t.Fatal(err)
	}
}

// patch changes an object as kubectl does.
func (s *scenario) patch(o client.Object, name, patch string) {
	s.t.Helper()
	s.object(o, name)
	if err := s.w.Client.Patch(s.w.Context(), o, client.RawPatch(types.MergePatchType, []byte(patch)), client.FieldOwner("kubectl-edit")); err != nil {
		s.t.Fatal(err)
	}
}

// again waits until a fact about an object holds.
func (s *scenario) again(o client.Object, name, what string, fact func() bool) {
	s.t.Helper()
	s.w.Eventually(what, func(ctx context.Context) error {
		if err := s.w.Client.Get(ctx, client.ObjectKey{Namespace: s.w.Namespace, Name: name}, o); err != nil {
			return err
		}
		if !fact() {
			return fmt.Errorf("%s is %+v", name, o)
		}
		return nil
	})
}

// TestWhatIsEditedByHandIsPutBack: the objects of a job that runs are edited and deleted one after the other. What runs is
// not touched.
func TestWhatIsEditedByHandIsPutBack(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	s, job := start(t, w, asIs)
	name := s.name + "-" + job.Status.Revision
	uid := s.podUID(job.Status.Revision)

	config := &corev1.ConfigMap{}
	s.object(config, name)
	was := config.Data[resources.ManifestKey]
	edited := strings.Replace(was, "SELECT 1", "SELECT 1 + 1", 1)
	config.Data[resources.ManifestKey] = edited
	if err := w.Client.Update(w.Context(), config); err != nil || edited == was {
		t.Fatal(err)
	}
	s.again(config, name, "the ConfigMap says what it said", func() bool { return config.Data[resources.ManifestKey] == was })

	set := &appsv1.StatefulSet{}
	for what, patch := range map[string]string{
		"the arguments":  `[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--more"}]`,
		"an environment": `[{"op":"add","path":"/spec/template/spec/containers/0/env","value":[{"name":"AWS_REGION","value":"elsewhere"}]}]`,
		"the image":      `[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"weir:evil"}]`,
	} {
		s.object(set, name)
		before := set.Spec.Template.DeepCopy()
		if err := w.Client.Patch(w.Context(), set, client.RawPatch(types.JSONPatchType, []byte(patch)), client.FieldOwner("kubectl-edit")); err != nil {
			t.Fatal(err)
		}
		s.again(set, name, what+" of the StatefulSet is as it was", func() bool {
			return slices.Equal(set.Spec.Template.Spec.Containers[0].Args, before.Spec.Containers[0].Args) &&
				len(set.Spec.Template.Spec.Containers[0].Env) == len(before.Spec.Containers[0].Env) &&
				set.Spec.Template.Spec.Containers[0].Image == before.Spec.Containers[0].Image && resources.Edited(set) == ""
		})
	}

	service := &corev1.Service{}
	s.patch(service, resources.ServiceName(s.name), `{"spec":{"selector":{"app":"another"}}}`)
	s.again(service, resources.ServiceName(s.name), "the Service selects the coordinators", func() bool {
		return service.Spec.Selector[v1alpha1.LabelJob] == s.name && len(service.Spec.Selector) == 2
	})
	old := service.UID
	if err := w.Client.Delete(w.Context(), service); err != nil {
		t.Fatal(err)
	}
	s.again(service, resources.ServiceName(s.name), "there is a Service", func() bool { return service.UID != old })

	revision := &appsv1.ControllerRevision{}
	s.object(revision, name)
	if err := w.Client.Delete(w.Context(), revision); err != nil {
		t.Fatal(err)
	}
	s.again(revision, name, "there is a ControllerRevision", func() bool { return true })
	s.ready(v1alpha1.ReasonRunning)
	s.untouched(job.Status.Revision, uid)
}

// TestARecordThatCannotBeReadIsTold: neither the job that runs nor its end depends on it.
func TestARecordThatCannotBeReadIsTold(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	s, job := start(t, w, func(spec *v1alpha1.StreamJobSpec) { spec.Checkpoint.OnDelete = as(v1alpha1.Delete) })
	uid := s.podUID(job.Status.Revision)
	nonsense := func() *appsv1.ControllerRevision {
		r := &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "flights-nonsense", Labels: resources.Labels(s.name)},
			Data: runtime.RawExtension{Raw: []byte(`{"spec": "SELECT 1"}`)}, Revision: 7}
		r.Labels[v1alpha1.LabelRevision] = "nonsense"
		if err := controllerutil.SetControllerReference(job, r, w.Scheme); err != nil {
			t.Fatal(err)
		}
		if err := w.Client.Create(w.Context(), r); err != nil {
			t.Fatal(err)
		}
		return r
	}

	r := nonsense()
	stalled := s.condition(v1alpha1.ConditionStalled, v1alpha1.ReasonRecordUnreadable)
	if c := meta.FindStatusCondition(stalled.Status.Conditions, v1alpha1.ConditionStalled); !strings.Contains(c.Message, r.Name) || !strings.Contains(c.Message, "delete it") {
		t.Errorf("it says %q", c.Message)
	}
	s.untouched(job.Status.Revision, uid)
	if err := w.Client.Delete(w.Context(), r); err != nil {
		t.Fatal(err)
	}
	s.ready(v1alpha1.ReasonRunning)
	s.untouched(job.Status.Revision, uid)

	nonsense()
	s.condition(v1alpha1.ConditionStalled, v1alpha1.ReasonRecordUnreadable)
	if err := w.Client.Delete(w.Context(), w.StreamJob(s.name)); err != nil {
		t.Fatal(err)
	}
	s.gone()
}

func TestASecondPodIsTakenAwayAtOnce(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	s, job := start(t, w, asIs)
	name := s.name + "-" + job.Status.Revision
	s.patch(&appsv1.StatefulSet{}, name, `{"spec":{"replicas":2}}`)
	set := &appsv1.StatefulSet{}
	s.again(set, name, "the StatefulSet has one pod", func() bool { return *set.Spec.Replicas == 1 && resources.Edited(set) == "" })
	s.ready(v1alpha1.ReasonRunning)
	s.settled([]string{job.Status.Revision}, 1)

	s.patch(&appsv1.StatefulSet{}, name, `{"spec":{"replicas":0}}`)
	s.again(set, name, "the StatefulSet has its pod again", func() bool { return *set.Spec.Replicas == 1 && resources.Edited(set) == "" })
	s.ready(v1alpha1.ReasonRunning)
	s.settled([]string{job.Status.Revision}, 1)
}

// TestAPodThatIsTakenAwayWhileItIsStoppedComesBack: a suspended job's stop is under way when its StatefulSet is scaled to no
// pods, or deleted. Without a pod nobody can end the stop, and the job would wait for that.
func TestAPodThatIsTakenAwayWhileItIsStoppedComesBack(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(*scenario, string){
		"scaled":  func(s *scenario, set string) { s.patch(&appsv1.StatefulSet{}, set, `{"spec":{"replicas":0}}`) },
		"deleted": func(s *scenario, set string) { s.delete(&appsv1.StatefulSet{}, set) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := controllertest.NewWorld(t)
			s, job := start(t, w, asIs)
			s.bucket().Behave(func(b *controllertest.Behaviour) { b.HoldOperations = true })
			s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.DesiredState = as(v1alpha1.Suspended) })
			stop := &v1alpha1.Savepoint{}
			s.again(stop, "flights-1-g2", "the stop is in progress", func() bool { return stop.Status.Phase == v1alpha1.SavepointInProgress })
			take(s, s.name+"-"+job.Status.Revision)
			s.bucket().Behave(func(b *controllertest.Behaviour) { b.HoldOperations = false })
			s.edit(func(spec *v1alpha1.StreamJobSpec) { spec.DesiredState = as(v1alpha1.Running) })
			s.ready(v1alpha1.ReasonRunning)
			s.settled([]string{job.Status.Revision}, 1)
		})
	}
}

// TestAPodDoesNotRunAManifestThatWasEdited: the operator is away, the ConfigMap is edited, and the pod is lost.
func TestAPodDoesNotRunAManifestThatWasEdited(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	operator, clock := startOperator(w, quick())
	s := &scenario{t: t, w: w, name: "flights", clock: clock}
	s.apply(asIs)
	job := s.started()
	name := s.name + "-" + job.Status.Revision
	operator.Stop()
	config := &corev1.ConfigMap{}
	s.object(config, name)
	config.Data[resources.ManifestKey] = strings.Replace(config.Data[resources.ManifestKey], "SELECT 1", "SELECT 1 + 1", 1)
	if err := errors.Join(w.Client.Update(w.Context(), config), w.Node.KillPod(w.Context(), name+"-0")); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{}
	s.again(pod, name+"-0", "the pod says that the manifest was changed", func() bool {
		c := pod.Status.ContainerStatuses
		return len(c) == 1 && c[0].State.Waiting != nil && strings.Contains(c[0].State.Waiting.Message, "changed by hand")
	})
	if n := len(s.bucket().Attempts()); n != 1 {
		t.Errorf("%d attempts were made", n)
	}
	operator.Start()
	s.ready(v1alpha1.ReasonRunning)
	if a := s.attempts(2); !a[1].SelfClaimed || a[1].RestoredFrom == "" {
		t.Errorf("the attempts are %+v", a)
	}
}

// TestWhatAFormerJobLeftBehindIsMadeAnew: kubectl delete --cascade=orphan, then apply.
func TestWhatAFormerJobLeftBehindIsMadeAnew(t *testing.T) {
	t.Parallel()
	w := controllertest.NewWorld(t)
	s, before := start(t, w, asIs)
	if err := w.Client.Delete(w.Context(), w.StreamJob(s.name), client.PropagationPolicy("Orphan")); err != nil {
		t.Fatal(err)
	}
	w.Eventually("the StreamJob is gone", func(ctx context.Context) error {
		_, err := s.get(ctx)
		if err == nil {
			return errors.New("it is there")
		}
		return client.IgnoreNotFound(err)
	})
	s.apply(asIs)
	after := s.ready(v1alpha1.ReasonRunning)
	if after.UID == before.UID || after.Status.RestoredFrom == "" {
		t.Errorf("the new job was restored from %q", after.Status.RestoredFrom)
	}
	s.settled([]string{after.Status.Revision}, 1)
	w.Eventually("all objects are the new job's", func(ctx context.Context) error {
		var sets appsv1.StatefulSetList
		var configs corev1.ConfigMapList
		var secrets corev1.SecretList
		in := client.InNamespace(w.Namespace)
		ours := client.MatchingLabels{v1alpha1.LabelJob: s.name}
		if err := errors.Join(w.Client.List(ctx, &sets, in, ours), w.Client.List(ctx, &configs, in, ours), w.Client.List(ctx, &secrets, in, ours)); err != nil {
			return err
		}
		for _, o := range []client.Object{&sets.Items[0], &configs.Items[0], &secrets.Items[0]} {
			if owners := o.GetOwnerReferences(); len(owners) != 1 || owners[0].UID != after.UID {
				return fmt.Errorf("%T %s is owned by %+v", o, o.GetName(), owners)
			}
		}
		return nil
	})
}
