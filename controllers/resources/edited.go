package resources

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Edited says who changed the spec of a StatefulSet that the operator made, as Kubernetes keeps account of it; empty: nobody.
func Edited(set *appsv1.StatefulSet) string {
	var who []string
	for _, m := range set.ManagedFields {
		if foreign(m) && !slices.Contains(who, m.Manager) {
			who = append(who, m.Manager)
		}
	}
	switch {
	case set.Spec.Replicas != nil && *set.Spec.Replicas > Pods:
		return fmt.Sprintf("StatefulSet %s was scaled to %d pods", set.Name, *set.Spec.Replicas)
	case len(who) > 0:
		return fmt.Sprintf("StatefulSet %s was changed by %s", set.Name, strings.Join(who, ", "))
	default:
		return ""
	}
}

// foreign tells that somebody else than the operator had a hand in an object's spec. The controllers of Kubernetes write
// statuses.
func foreign(m metav1.ManagedFieldsEntry) bool {
	return m.Manager != FieldOwner && m.Subresource != "status" && m.FieldsV1 != nil && strings.Contains(m.FieldsV1.GetRawString(), `"f:spec"`)
}

// Own takes out of a StatefulSet what somebody changed, and that they did: its pods are those of made, and there are at most Pods.
func Own(set, made *appsv1.StatefulSet) {
	if r := set.Spec.Replicas; r == nil || *r > Pods {
		pods := int32(Pods)
		set.Spec.Replicas = &pods
	}
	set.Spec.Template = made.Spec.Template
	set.Spec.UpdateStrategy = made.Spec.UpdateStrategy
	set.ManagedFields = slices.DeleteFunc(set.ManagedFields, foreign)
}

// ServiceFits tells whether a Service leads to the coordinators still.
func (j *Objects) ServiceFits(s *corev1.Service) bool {
	if s.Spec.ClusterIP != corev1.ClusterIPNone || !s.Spec.PublishNotReadyAddresses || !equality.Semantic.DeepEqual(s.Spec.Selector, coordinatorLabels(j.in.Name)) {
		return false
	}
	for _, want := range []int32{PortAPI, PortMetrics} {
		if !slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == want }) {
			return false
		}
	}
	return true
}
