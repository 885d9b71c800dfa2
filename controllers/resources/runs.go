package resources

import corev1 "k8s.io/api/core/v1"

// Container is the status of the one container of a pod; nil: the kubelet has not told yet.
func Container(p *corev1.Pod) *corev1.ContainerStatus {
	for i := range p.Status.ContainerStatuses {
		if p.Status.ContainerStatuses[i].Name == ContainerName {
			return &p.Status.ContainerStatuses[i]
		}
	}
	return nil
}

// CoordinatorRuns says whether there is a coordinator in a pod that can be asked: its process runs, and has an address. One whose pod is
// being deleted can be, too: it knows what came of what it was asked for, and nobody else does while it takes its last checkpoint. What it
// is not asked for any more is something new.
func CoordinatorRuns(p *corev1.Pod) bool {
	c := Container(p)
	return c != nil && c.State.Running != nil && p.Status.PodIP != ""
}
