package controllers

import (
	"context"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/api/v1alpha1"
)

const (
	// KeySecret is the Secret, in the operator's namespace, with the key that the identities of all jobs are derived from.
	KeySecret = "weir-operator-key"

	keyField = "key"
	// keyLength is in bytes; it is that of an HMAC-SHA256.
	keyLength = 32
)

// +kubebuilder:rbac:groups="",namespace=weir-system,roleName=weir-operator,resources=secrets,verbs=create
// +kubebuilder:rbac:groups="",namespace=weir-system,roleName=weir-operator,resources=secrets,resourceNames=weir-operator-key,verbs=get

// operatorKey returns the operator's key, which the first operator of a cluster makes. The Secret stays when the operator
// is removed: with another key, pods that run now would not be trusted, nor trust, until they are started again.
func operatorKey(ctx context.Context, c client.Client, namespace string, random io.Reader) ([]byte, error) {
	name := types.NamespacedName{Namespace: namespace, Name: KeySecret}
	var secret corev1.Secret
	err := c.Get(ctx, name, &secret)
	if err == nil {
		return readKey(&secret)
	}
	if !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("read Secret %s: %w", name, err)
	}
	key := make([]byte, keyLength)
	if _, err := io.ReadFull(random, key); err != nil {
		return nil, fmt.Errorf("make the operator's key: %w", err)
	}
	immutable := true
	err = c.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: KeySecret,
			Labels: map[string]string{"app.kubernetes.io/managed-by": v1alpha1.ManagedBy, "app.kubernetes.io/name": "weir-operator"},
		},
		Immutable: &immutable,
		Type:      corev1.SecretTypeOpaque,
		Data:      map[string][]byte{keyField: key},
	})
	switch {
	case err == nil:
		return key, nil
	case apierrors.IsAlreadyExists(err): // another operator was faster, or our own first try succeeded without an answer
		if err := c.Get(ctx, name, &secret); err != nil {
			return nil, fmt.Errorf("read Secret %s: %w", name, err)
		}
		return readKey(&secret)
	default:
		return nil, fmt.Errorf("create Secret %s: %w", name, err)
	}
}

func readKey(secret *corev1.Secret) ([]byte, error) {
	key := secret.Data[keyField]
	if len(key) < keyLength {
		return nil, fmt.Errorf("the Secret %s/%s: field %q has %d bytes and needs %d: put the operator's key back, or delete the Secret and then the pods of all jobs",
			secret.Namespace, secret.Name, keyField, len(key), keyLength)
	}
	return key, nil
}
