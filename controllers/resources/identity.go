package resources

import (
	corev1 "k8s.io/api/core/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/weirstream/weir/engine/rest"
)

// Secret holds the job's identity, by which its coordinator proves what it is and knows who asks (P11). It is the only
// object with a secret value in it. The identity is derived from the operator's key and the job's UID, so that nobody has
// to read the Secret back.
func (j *Objects) Secret(id *rest.Identity) *corev1ac.SecretApplyConfiguration {
	return corev1ac.Secret(SecretName(j.in.Name), j.in.Namespace).
		WithLabels(Labels(j.in.Name)).
		WithOwnerReferences(j.owner()).
		WithType(corev1.SecretTypeOpaque).
		WithData(id.Files())
}
