package resources

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/weirstream/weir/api/v1alpha1"
)

// ConfigMap holds the resolved manifest. A new generation of the same revision changes it in place: the pod is told its
// settings when an attempt is activated, and reads the rest when it starts.
func (j *Objects) ConfigMap() *corev1ac.ConfigMapApplyConfiguration {
	return corev1ac.ConfigMap(j.name(), j.in.Namespace).
		WithLabels(j.labels()).
		WithAnnotations(j.generation()).
		WithOwnerReferences(j.owner()).
		WithData(map[string]string{ManifestKey: j.manifest, DigestKey: digest(j.manifest)})
}

// digest is that of a manifest's text, by which a pod knows that nobody has changed it since the operator wrote it.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// CheckManifest tells whether a pod's manifest is what the operator wrote for a revision: digest is that which stands beside
// it; empty: none does, as from an earlier operator. known says that every field of it is known here, without which the
// revision's hash says nothing.
func CheckManifest(text, beside, revision string, spec *v1alpha1.StreamJobSpec, known bool) error {
	const advice = "it was changed by hand, which only the operator may: change the StreamJob instead"
	if beside != "" && strings.TrimSpace(beside) != digest(text) {
		return errors.New("the manifest is not what its digest says: " + advice)
	}
	if is := Revision(spec); known && is != revision {
		return fmt.Errorf("the manifest is that of revision %s, and not of %s: %s", is, revision, advice)
	}
	return nil
}

// ReadConfigMap returns the resolved spec that a ConfigMap of this package holds, and the generation it was resolved from.
func ReadConfigMap(c *corev1.ConfigMap) (spec v1alpha1.StreamJobSpec, generation int64, err error) {
	generation, err = strconv.ParseInt(c.Annotations[v1alpha1.AnnotationGeneration], 10, 64)
	if err != nil {
		return spec, 0, fmt.Errorf("read ConfigMap %s: annotation %s: %w", c.Name, v1alpha1.AnnotationGeneration, err)
	}
	var job v1alpha1.StreamJob
	if err := yaml.Unmarshal([]byte(c.Data[ManifestKey]), &job); err != nil {
		return spec, 0, fmt.Errorf("read ConfigMap %s: %w", c.Name, err)
	}
	if !runnable(&job.Spec) {
		return spec, 0, fmt.Errorf("read ConfigMap %s: it holds no resolved spec", c.Name)
	}
	if err := CheckManifest(c.Data[ManifestKey], c.Data[DigestKey], c.Labels[v1alpha1.LabelRevision], &job.Spec, true); err != nil {
		return spec, 0, fmt.Errorf("read ConfigMap %s: %w", c.Name, err)
	}
	return job.Spec, generation, nil
}

// Service gives the coordinators of all revisions names in DNS, ready or not: one on standby is asked too.
func (j *Objects) Service() *corev1ac.ServiceApplyConfiguration {
	return corev1ac.Service(ServiceName(j.in.Name), j.in.Namespace).
		WithLabels(Labels(j.in.Name)).
		WithOwnerReferences(j.owner()).
		WithSpec(corev1ac.ServiceSpec().
			WithClusterIP(corev1.ClusterIPNone).
			WithPublishNotReadyAddresses(true).
			WithSelector(coordinatorLabels(j.in.Name)).
			WithPorts(servicePort(portNameAPI, PortAPI), servicePort(portNameMetrics, PortMetrics)))
}

func servicePort(name string, port int32) *corev1ac.ServicePortApplyConfiguration {
	return corev1ac.ServicePort().WithName(name).WithPort(port).WithProtocol(corev1.ProtocolTCP)
}

// StatefulSet runs the revision's coordinator in its pods, or none; replicas is Pods or 0. It never replaces a running pod
// because its template changed, as with another release of the operator: only the upgrade's handover stops a job.
func (j *Objects) StatefulSet(replicas int32) *appsv1ac.StatefulSetApplyConfiguration {
	selector := with(coordinatorLabels(j.in.Name), v1alpha1.LabelRevision, j.in.Revision)
	return appsv1ac.StatefulSet(j.name(), j.in.Namespace).
		WithLabels(j.labels()).
		WithAnnotations(j.generation()).
		WithOwnerReferences(j.owner()).
		WithSpec(appsv1ac.StatefulSetSpec().
			WithReplicas(replicas).
			WithServiceName(ServiceName(j.in.Name)).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(selector)).
			WithPodManagementPolicy(appsv1.ParallelPodManagement).
			WithUpdateStrategy(appsv1ac.StatefulSetUpdateStrategy().WithType(appsv1.OnDeleteStatefulSetStrategyType)).
			WithRevisionHistoryLimit(1).
			WithTemplate(j.pod(process{
				component: componentCoordinator,
				labels:    j.labels(),
				args: []string{
					"coordinator", manifestFlag,
					"--revision=" + j.in.Revision, "--owner=" + j.in.Owner,
					"--identity=" + identityDir,
					fmt.Sprintf("--listen=:%d", PortAPI), fmt.Sprintf("--metrics=:%d", PortMetrics),
				},
				serves:  true,
				restart: corev1.RestartPolicyAlways,
			})))
}
