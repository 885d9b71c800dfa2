package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weirstream/weir/api/v1alpha1"
)

// +kubebuilder:rbac:groups="",roleName=weir-cluster-id,resources=namespaces,resourceNames=kube-system,verbs=get

// clusterID is what tells this cluster from others in the claims of attempts (P1): the UID of the namespace kube-system,
// which lives as long as the cluster.
func clusterID(ctx context.Context, c client.Reader) (string, error) {
	var system corev1.Namespace
	if err := c.Get(ctx, types.NamespacedName{Name: metav1.NamespaceSystem}, &system); err != nil {
		return "", fmt.Errorf("read the UID of namespace %s, which identifies the cluster: %w", metav1.NamespaceSystem, err)
	}
	return string(system.UID), nil
}

// discoverer tells what a group and version of the API serves.
type discoverer interface {
	ServerResourcesForGroupVersion(groupVersion string) (*metav1.APIResourceList, error)
}

// needed are the resources without which the operator cannot work. A CRD of an older release may lack the later ones.
var needed = []string{"streamjobs", "streamjobs/status", "streamjobs/scale", "savepoints", "savepoints/status"}

// crdPatience is for CRDs that are being installed together with the operator.
const crdPatience = 30 * time.Second

// awaitCRDs returns when the cluster serves the kinds of the operator, or says which it does not.
func awaitCRDs(ctx context.Context, d discoverer) error {
	ctx, cancel := context.WithTimeout(ctx, crdPatience)
	defer cancel()
	var missing error
	err := wait.PollUntilContextCancel(ctx, time.Second, true, func(context.Context) (bool, error) {
		missing = checkCRDs(d)
		return missing == nil, nil
	})
	if err != nil {
		return errors.Join(missing, context.Cause(ctx))
	}
	return nil
}

func checkCRDs(d discoverer) error {
	version := v1alpha1.GroupVersion.String()
	served, err := d.ServerResourcesForGroupVersion(version)
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("ask the cluster what it serves of %s: %w", version, err)
	}
	have := map[string]bool{}
	if served != nil {
		for _, r := range served.APIResources {
			have[r.Name] = true
		}
	}
	var lacks []string
	for _, name := range needed {
		if !have[name] {
			lacks = append(lacks, name)
		}
	}
	if len(lacks) > 0 {
		return fmt.Errorf("the cluster does not serve %s of %s: install the CRDs of this release, with the Helm chart or `kubectl apply --server-side -k config/crd`",
			strings.Join(lacks, ", "), version)
	}
	return nil
}
