package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of the types of this package.
var GroupVersion = schema.GroupVersion{Group: "weir.stream", Version: "v1alpha1"}

// The kinds of this package.
const (
	StreamJobKind = "StreamJob"
	SavepointKind = "Savepoint"
)

// AddToScheme makes the types known to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &StreamJob{}, &StreamJobList{}, &Savepoint{}, &SavepointList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
