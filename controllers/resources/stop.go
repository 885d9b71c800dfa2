package resources

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weirstream/weir/api/v1alpha1"
)

// StopSavepoint stops an attempt for the sake of this generation of the spec; purpose is the value of
// v1alpha1.LabelPurpose. Its spec is immutable and its name says all that it is made of, so it is created, once: that it
// exists already is as good. Deleting the object leaves the data, unless the operator does it because it is one too many.
func (j *Objects) StopSavepoint(attempt int64, purpose string) *v1alpha1.Savepoint {
	mode, keep, yes := v1alpha1.Stop, v1alpha1.Retain, true
	return &v1alpha1.Savepoint{
		ObjectMeta: metav1.ObjectMeta{
			Name:        StopSavepointName(j.in.Name, attempt, j.in.Generation),
			Namespace:   j.in.Namespace,
			Labels:      with(Labels(j.in.Name), v1alpha1.LabelPurpose, purpose),
			Annotations: j.generation(),
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.StreamJobKind, Name: j.in.Name, UID: j.in.UID,
				Controller: &yes, BlockOwnerDeletion: &yes,
			}},
		},
		Spec: v1alpha1.SavepointSpec{
			JobRef:         v1alpha1.JobReference{Name: j.in.Name},
			Mode:           &mode,
			DeletionPolicy: &keep,
		},
	}
}
