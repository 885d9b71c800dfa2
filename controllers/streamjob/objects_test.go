package streamjob_test

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/api/v1alpha1"
)

// objects are the names of what there is of a job, by kind.
func (s *scenario) objects(ctx context.Context) (map[string][]string, error) {
	all := map[string][]string{}
	for kind, list := range map[string]client.ObjectList{
		"StatefulSet": &appsv1.StatefulSetList{}, "ControllerRevision": &appsv1.ControllerRevisionList{}, "ConfigMap": &corev1.ConfigMapList{},
		"Job": &batchv1.JobList{}, "Pod": &corev1.PodList{}, "Secret": &corev1.SecretList{}, "Service": &corev1.ServiceList{},
	} {
		if err := s.w.Client.List(ctx, list, client.InNamespace(s.w.Namespace), client.MatchingLabels{v1alpha1.LabelJob: s.name,
			"app.kubernetes.io/managed-by": v1alpha1.ManagedBy}); err != nil {
			return nil, err
		}
		all[kind] = namesOf(list)
	}
	return all, nil
}

func namesOf(list client.ObjectList) (names []string) {
	switch l := list.(type) {
	case *appsv1.StatefulSetList:
		names = namesIn(l.Items)
	case *appsv1.ControllerRevisionList:
		for _, o := range l.Items { // a StatefulSet has some of its own
			if len(o.OwnerReferences) > 0 && o.OwnerReferences[0].Kind == v1alpha1.StreamJobKind {
				names = append(names, o.Name)
			}
		}
	case *corev1.ConfigMapList:
		names = namesIn(l.Items)
	case *batchv1.JobList:
		names = namesIn(l.Items)
	case *corev1.PodList:
		names = namesIn(l.Items)
	case *corev1.SecretList:
		names = namesIn(l.Items)
	case *corev1.ServiceList:
		names = namesIn(l.Items)
	}
	return names
}

func namesIn[T any, P interface {
	*T
	client.Object
}](items []T) (names []string) {
	for i := range items {
		names = append(names, P(&items[i]).GetName())
	}
	return names
}
