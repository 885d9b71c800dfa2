package resources_test

import (
	"encoding/json"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/controllers/resources"
)

func entry(manager, subresource, fields string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: manager, Subresource: subresource, FieldsV1: metav1.NewFieldsV1(fields)}
}

func TestWhoHasChangedAStatefulSetIsTold(t *testing.T) {
	const spec, status, labels = `{"f:spec":{"f:replicas":{}}}`, `{"f:status":{"f:replicas":{}}}`, `{"f:metadata":{"f:labels":{"f:team":{}}}}`
	for _, c := range []struct {
		name     string
		replicas int32
		by       []metav1.ManagedFieldsEntry
		want     string
	}{
		{"nobody", 1, []metav1.ManagedFieldsEntry{entry("weir", "", spec), entry("kube-controller-manager", "status", status)}, ""},
		{"a label of somebody's", 1, []metav1.ManagedFieldsEntry{entry("weir", "", spec), entry("kubectl-label", "", labels)}, ""},
		{"kubectl edit", 1, []metav1.ManagedFieldsEntry{entry("weir", "", spec), entry("kubectl-edit", "", spec)}, "StatefulSet flights-a was changed by kubectl-edit"},
		{"kubectl scale to nothing", 0, []metav1.ManagedFieldsEntry{entry("kubectl", "scale", spec)}, "StatefulSet flights-a was changed by kubectl"},
		{"kubectl scale", 2, []metav1.ManagedFieldsEntry{entry("kubectl", "scale", spec)}, "StatefulSet flights-a was scaled to 2 pods"},
	} {
		set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "flights-a", ManagedFields: c.by}, Spec: appsv1.StatefulSetSpec{Replicas: &c.replicas}}
		if got := resources.Edited(set); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
		resources.Own(set, &appsv1.StatefulSet{})
		if got := resources.Edited(set); got != "" || *set.Spec.Replicas > 1 || c.replicas == 0 && *set.Spec.Replicas != 0 {
			t.Errorf("%s: put back it says %q with %d pods", c.name, got, *set.Spec.Replicas)
		}
	}
}

func TestAServiceThatLeadsElsewhereIsNotTheJobs(t *testing.T) {
	j := newJob(t, plain(t))
	for name, change := range map[string]func(*corev1.ServiceSpec){
		"as it was made":     nil,
		"another selector":   func(s *corev1.ServiceSpec) { s.Selector = map[string]string{"app": "another"} },
		"no port of the API": func(s *corev1.ServiceSpec) { s.Ports = s.Ports[1:] },
		"ready pods alone":   func(s *corev1.ServiceSpec) { s.PublishNotReadyAddresses = false },
	} {
		var service corev1.Service
		if err := json.Unmarshal(encode(t, j.Service()), &service); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(&service.Spec)
		}
		if got := j.ServiceFits(&service); got != (change == nil) {
			t.Errorf("%s: %t", name, got)
		}
	}
}
