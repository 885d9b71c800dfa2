package streamjob

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/google/go-cmp/cmp"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/controllers/plan"
	"github.com/weirstream/weir/controllers/resources"
	"github.com/weirstream/weir/engine/rest"
)

func podWith(c corev1.ContainerStatus) *corev1.Pod {
	c.Name, c.Image = resources.ContainerName, "weir:1"
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "flights-0-0"},
		Status: corev1.PodStatus{PodIP: "10.0.0.1", ContainerStatuses: []corev1.ContainerStatus{c}}}
}

func waitingFor(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

func TestWhatIsWrongWithAPodIsToldWithWhatToDo(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	oom := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}}
	for _, c := range []struct {
		name string
		pod  *corev1.Pod
		want plan.Pod
	}{
		{"it runs", podWith(corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}),
			plan.Pod{Running: true}},
		{"its image does not exist", podWith(corev1.ContainerStatus{State: waitingFor("ImagePullBackOff", "not found")}),
			plan.Pod{Trouble: &plan.Trouble{Reason: v1alpha1.ReasonImagePullFailed, Message: `image "weir:1" cannot be pulled (ImagePullBackOff: not found): ` +
				"set spec.image to one that exists, or spec.worker.podTemplate.imagePullSecrets for a private registry"}}},
		{"it has not enough memory", podWith(corev1.ContainerStatus{State: waitingFor("CrashLoopBackOff", "back-off"), RestartCount: 4, LastTerminationState: oom}),
			plan.Pod{Trouble: &plan.Trouble{Reason: v1alpha1.ReasonPodUnhealthy, Message: "pod flights-0-0 has crashed 4 times, last with exit code 137 (OOMKilled); " +
				"raise the memory in spec.worker.resources: see `kubectl logs flights-0-0 --previous`"}}},
		{"it crashed, and is started again", podWith(corev1.ContainerStatus{State: waitingFor("CrashLoopBackOff", "back-off"), RestartCount: 3, LastTerminationState: oom}),
			plan.Pod{Waiting: "it has crashed 3 times, last with exit code 137 (OOMKilled); raise the memory in spec.worker.resources, and is started again"}},
		{"its Secret is not there", podWith(corev1.ContainerStatus{State: waitingFor("CreateContainerConfigError", `secret "bucket" not found`)}),
			plan.Pod{Trouble: &plan.Trouble{Reason: v1alpha1.ReasonPodUnhealthy, Message: `pod flights-0-0 cannot be started (CreateContainerConfigError: ` +
				`secret "bucket" not found): put right what it names, such as the Secret of spec.checkpoint.credentialsSecret`}}},
		{"its image is being pulled", podWith(corev1.ContainerStatus{State: waitingFor("ContainerCreating", "")}),
			plan.Pod{Waiting: "ContainerCreating"}},
		{"no node has room", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "flights-0-0"}, Status: corev1.PodStatus{Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/3 nodes are available", LastTransitionTime: metav1.NewTime(at)}}}},
			plan.Pod{Waiting: "0/3 nodes are available", HomelessSince: at}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Exists, c.want.Name = true, "flights-0-0"
			if diff := cmp.Diff(c.want, podFacts(c.pod)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// check is a preflight Job of generation 3 with these pods.
func check(conditions []batchv1.JobCondition, pods ...*corev1.Pod) (*scope, *batchv1.Job) {
	task := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "flights-pf", UID: "task", CreationTimestamp: metav1.Unix(1, 0), Annotations: map[string]string{v1alpha1.AnnotationGeneration: "3"}},
		Status: batchv1.JobStatus{Conditions: conditions}}
	s := &scope{job: &v1alpha1.StreamJob{}, resolution: resolution{revision: "0123456789"}}
	yes := true
	for _, p := range pods {
		p.OwnerReferences = []metav1.OwnerReference{{UID: "task", Controller: &yes}}
		s.pods = append(s.pods, *p)
	}
	return s, task
}

func endedWith(t *testing.T, at time.Time, code int32, result resources.Result) *corev1.Pod {
	t.Helper()
	text, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	return podWith(corev1.ContainerStatus{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, Message: string(text), FinishedAt: metav1.NewTime(at)}}})
}

func TestAPreflightIsReadFromItsPods(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	failed := []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue, Reason: "DeadlineExceeded",
		Message: "Job was active longer than specified deadline", LastTransitionTime: metav1.NewTime(at)}}
	away := resources.Result{Message: "storage is away", Remedy: "look after it"}
	for _, c := range []struct {
		name       string
		conditions []batchv1.JobCondition
		pods       []*corev1.Pod
		want       plan.Preflight
	}{
		{"no pod yet", nil, nil, plan.Preflight{State: plan.Checking}},
		{"a pod says that it is fine, before its Job has counted it", nil, []*corev1.Pod{endedWith(t, at, 0, resources.Result{OK: true})},
			plan.Preflight{State: plan.Passed}},
		{"the text does not plan: the Job's other tries are not waited for", nil,
			[]*corev1.Pod{endedWith(t, at, 1, resources.Result{Message: "line 1", Remedy: "write SELECT", Permanent: true})},
			plan.Preflight{State: plan.Refused, Message: "line 1", Remedy: "write SELECT", Permanent: true, FinishedAt: at}},
		{"storage is away: the Job tries again", nil, []*corev1.Pod{endedWith(t, at, 1, away), podWith(corev1.ContainerStatus{State: waitingFor("ContainerCreating", "")})},
			plan.Preflight{State: plan.Checking, Trouble: &plan.Trouble{Reason: v1alpha1.ReasonPreflightFailed, Message: "storage is away; look after it"}}},
		{"storage stays away", failed, []*corev1.Pod{endedWith(t, at, 1, away)},
			plan.Preflight{State: plan.Refused, Message: "storage is away", Remedy: "look after it", FinishedAt: at}},
		{"its image cannot be pulled", nil, []*corev1.Pod{podWith(corev1.ContainerStatus{State: waitingFor("ErrImagePull", "no")})},
			plan.Preflight{State: plan.Checking, Trouble: trouble(podWith(corev1.ContainerStatus{State: waitingFor("ErrImagePull", "no")}))}},
		{"it never ended, and its pod is gone", failed, nil, plan.Preflight{State: plan.Refused, FinishedAt: at,
			Message: "the check of revision 0123456789 did not end (DeadlineExceeded: Job was active longer than specified deadline)",
			Remedy:  "it is repeated; see the Events of its pods for what they waited for"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, task := check(c.conditions, c.pods...)
			c.want.Name, c.want.Generation = "flights-pf", 3
			got := s.preflight(task)
			if missing := !got.PodlessSince.IsZero(); missing != (len(c.pods) == 0) || got.Pod.Exists != (len(c.pods) > 0) {
				t.Errorf("of %d pods it tells %+v, podless since %v", len(c.pods), got.Pod, got.PodlessSince)
			}
			got.Pod, got.PodlessSince = plan.Pod{}, time.Time{}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestTheCoordinatorIsInThePodThatTheRevisionIsToHave: pods of an earlier StatefulSet of the name, and those that somebody
// scaled a StatefulSet to, are not asked.
func TestTheCoordinatorIsInThePodThatTheRevisionIsToHave(t *testing.T) {
	set := appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "flights-a", UID: "now", Labels: map[string]string{v1alpha1.LabelRevision: "a"}}}
	pod := func(name string, of types.UID) corev1.Pod {
		yes := true
		p := *podWith(corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}})
		p.Name, p.UID = name, types.UID(name)+"-of-"+of
		p.OwnerReferences = []metav1.OwnerReference{{Kind: "StatefulSet", Name: "flights-a", UID: of, Controller: &yes}}
		return p
	}
	for _, c := range []struct {
		name string
		pods []corev1.Pod
		want []string
	}{
		{"none", nil, nil},
		{"its own", []corev1.Pod{pod("flights-a-0", "now")}, []string{"flights-a-0"}},
		{"one that it was scaled to", []corev1.Pod{pod("flights-a-1", "now"), pod("flights-a-0", "now")}, []string{"flights-a-0"}},
		{"that alone", []corev1.Pod{pod("flights-a-1", "now")}, nil},
		{"of an earlier StatefulSet", []corev1.Pod{pod("flights-a-0", "before")}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scope{memory: (&memory{}).job(types.NamespacedName{}), sets: []appsv1.StatefulSet{set}, pods: c.pods}
			var asked []string
			revisions := s.revisions(func(p *corev1.Pod) (*rest.Job, bool) {
				asked = append(asked, p.Name)
				return &rest.Job{}, false
			})
			var seen []string
			for _, p := range revisions[0].Pods {
				seen = append(seen, p.Name)
			}
			if !slices.Equal(seen, c.want) || !slices.Equal(asked, c.want) {
				t.Errorf("pods %q, asked %q, want %q", seen, asked, c.want)
			}
		})
	}
}
