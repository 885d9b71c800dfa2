package resources_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/controllers/resources"
)

func TestACoordinatorCanBeAskedWhileItsProcessRuns(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*corev1.Pod)
		runs   bool
	}{
		{"it runs", func(*corev1.Pod) {}, true},
		{"its pod is being deleted", func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }, true},
		{"it is not ready yet", func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}
		}, true},
		{"it has no address", func(p *corev1.Pod) { p.Status.PodIP = "" }, false},
		{"the kubelet has told nothing", func(p *corev1.Pod) { p.Status.ContainerStatuses = nil }, false},
		{"it has crashed, and its pod is there", func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
		}, false},
		{"it has ended", func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
		}, false},
		{"what runs is somebody else's container", func(p *corev1.Pod) { p.Status.ContainerStatuses[0].Name = "sidecar" }, false},
	} {
		p := &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.0.0.1", ContainerStatuses: []corev1.ContainerStatus{
			{Name: resources.ContainerName, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
		}}}
		c.change(p)
		if got := resources.CoordinatorRuns(p); got != c.runs {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
