package lab

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/api/v1alpha1"
	"github.com/weirstream/weir/engine/rest"
)

// Pods returns the pods that run or stand by for the job, by name; those of its Jobs are not among them.
func (j *FlightDelays) Pods() []corev1.Pod {
	j.t.Helper()
	var list corev1.PodList
	err := j.lab.Client.List(j.t.Context(), &list, client.InNamespace(j.Namespace()),
		client.MatchingLabels{v1alpha1.LabelJob: j.Name(), "app.kubernetes.io/component": "coordinator"})
	if err != nil {
		j.t.Fatal(err)
	}
	slices.SortFunc(list.Items, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return list.Items
}

// Pod returns the pod that runs the job, as its status says.
func (j *FlightDelays) Pod() *corev1.Pod {
	j.t.Helper()
	var pod corev1.Pod
	key := client.ObjectKey{Namespace: j.Namespace(), Name: fmt.Sprintf("%s-%s-0", j.Name(), j.Seen().Status.Revision)}
	if err := j.lab.Client.Get(j.t.Context(), key, &pod); err != nil {
		j.t.Fatal(err)
	}
	return &pod
}

// Kill deletes a pod at once, without a word to it.
func (j *FlightDelays) Kill(pod *corev1.Pod) {
	j.t.Helper()
	if err := j.lab.Client.Delete(j.t.Context(), pod.DeepCopy(), client.GracePeriodSeconds(0)); err != nil {
		j.t.Fatal(err)
	}
}

// KillIfThere is Kill of a pod that may be gone already.
func (j *FlightDelays) KillIfThere(pod *corev1.Pod) {
	j.t.Helper()
	if err := j.lab.Client.Delete(j.t.Context(), pod.DeepCopy(), client.GracePeriodSeconds(0)); client.IgnoreNotFound(err) != nil {
		j.t.Fatal(err)
	}
}

// UntilReplaced waits until another pod has a pod's name and is ready, and returns it.
func (j *FlightDelays) UntilReplaced(old *corev1.Pod) *corev1.Pod {
	j.t.Helper()
	var pod corev1.Pod
	j.Holds(Patience, "another pod "+old.Name+" is ready", func() bool {
		err := j.lab.Client.Get(j.t.Context(), client.ObjectKeyFromObject(old), &pod)
		if apierrors.IsNotFound(err) {
			return false
		}
		if err != nil {
			j.t.Fatal(err)
		}
		return pod.UID != old.UID && slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		})
	})
	return &pod
}

// Restarts counts those of a pod's containers.
func Restarts(pod *corev1.Pod) int32 {
	var n int32
	for _, c := range pod.Status.ContainerStatuses {
		n += c.RestartCount
	}
	return n
}

// Token is what users of the job's REST API bear.
func (j *FlightDelays) Token() string {
	j.t.Helper()
	var identity corev1.Secret
	key := client.ObjectKey{Namespace: j.Namespace(), Name: j.Name() + "-weir-identity"}
	if err := j.lab.Client.Get(j.t.Context(), key, &identity); err != nil {
		j.t.Fatal(err)
	}
	return string(identity.Data[rest.TokenFile])
}

// Failure asks the coordinator of the pod that runs, or tries to, for the last error that it met; empty: none, or it does
// not answer.
func (j *FlightDelays) Failure() string {
	j.t.Helper()
	var pod corev1.Pod
	key := client.ObjectKey{Namespace: j.Namespace(), Name: fmt.Sprintf("%s-%s-0", j.Name(), j.Seen().Status.Revision)}
	if err := j.lab.Client.Get(j.t.Context(), key, &pod); apierrors.IsNotFound(err) {
		return ""
	} else if err != nil {
		j.t.Fatal(err)
	}
	process, err := findContainer(&pod)
	if err != nil {
		return "" // it is just being started
	}
	process.job = j
	says, _ := process.Overview()
	return says.Failure
}
