package resources

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/weirstream/weir/api/v1alpha1"
)

const (
	// ContainerName is that of the one container of every pod.
	ContainerName = "weir"
	// PortAPI is where a coordinator serves its API, over TLS.
	PortAPI = 8443
	// PortMetrics is where it serves its metrics.
	PortMetrics = 9090

	// PodEnv is the variable that tells a coordinator the name of its pod.
	PodEnv = "WEIR_POD"

	portNameAPI     = "api"
	portNameMetrics = "metrics"

	// Nobody in particular, and not root: the user and group of the engine's image.
	user = 65532

	// ManifestKey is the key of the ConfigMap, and the name of the file, that a pod reads its job from.
	ManifestKey = "streamjob.yaml"
	// DigestKey is that of the manifest's digest, beside it.
	DigestKey    = ManifestKey + ".sha256"
	manifestDir  = "/etc/weir/job"
	identityDir  = "/etc/weir/identity"
	scratchDir   = "/tmp"
	manifestFlag = "--manifest=" + manifestDir + "/" + ManifestKey

	// gracePeriodSeconds is for the last checkpoint after SIGTERM.
	gracePeriodSeconds = 60
	// heapShare of a memory limit, in percent, is left to Go's heap: the rest is for stacks, buffers of the kernel and the
	// overshoot of its collector.
	heapShare = 90
)

// process is what differs between the pods of a job.
type process struct {
	// component is the value of the label that tells coordinators from the pods of Jobs.
	component string
	// labels are those of the object that the pod belongs to.
	labels map[string]string
	// args are the command line of the image's entrypoint: of weir, or of a program, which has the same verbs.
	args []string
	// serves: it listens, with the job's identity, and is probed.
	serves bool
	// small: it asks for little, because it is to find room beside what runs.
	small bool
	// restart is when the kubelet starts the container again.
	restart corev1.RestartPolicy
}

// pod is the one builder of pods. The user's template adds; where both say something, the operator's word counts.
func (j *Objects) pod(p process) *corev1ac.PodTemplateSpecApplyConfiguration {
	worker := &j.in.Spec.Worker
	template := &worker.PodTemplate
	c := corev1ac.Container().
		WithName(ContainerName).
		WithImage(Image(&j.in.Spec)).
		WithArgs(p.args...).
		WithResources(resourcesOf(p.resources(worker.Resources))).
		WithSecurityContext(restrictedContainer()).
		WithTerminationMessagePath(corev1.TerminationMessagePathDefault).
		WithTerminationMessagePolicy(corev1.TerminationMessageReadFile).
		WithVolumeMounts(mount("job", manifestDir), corev1ac.VolumeMount().WithName("tmp").WithMountPath(scratchDir))
	if secret := j.in.Spec.Checkpoint.CredentialsSecret; secret != nil {
		c.WithEnvFrom(corev1ac.EnvFromSource().WithSecretRef(corev1ac.SecretEnvSource().WithName(*secret)))
	}
	if limit, ok := worker.Resources.Limits[corev1.ResourceMemory]; ok {
		heap := limit.Value() / 100 * heapShare
		c.WithEnv(corev1ac.EnvVar().WithName("GOMEMLIMIT").WithValue(strconv.FormatInt(heap, 10)))
	}
	volumes := []*corev1ac.VolumeApplyConfiguration{
		corev1ac.Volume().WithName("job").WithConfigMap(corev1ac.ConfigMapVolumeSource().WithName(j.name())),
		corev1ac.Volume().WithName("tmp").WithEmptyDir(corev1ac.EmptyDirVolumeSource()),
	}
	if p.serves {
		serve(c)
		volumes = append(volumes, corev1ac.Volume().WithName("identity").
			WithSecret(corev1ac.SecretVolumeSource().WithSecretName(SecretName(j.in.Name)).WithDefaultMode(0o440)))
	}
	spec := corev1ac.PodSpec().
		WithContainers(c).
		WithVolumes(volumes...).
		WithSecurityContext(restrictedPod()).
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithRestartPolicy(p.restart).
		WithTerminationGracePeriodSeconds(gracePeriodSeconds)
	addPlacement(spec, template)
	return corev1ac.PodTemplateSpec().
		WithLabels(over(texts(template.Labels), p.labels, map[string]string{labelComponent: p.component})).
		WithAnnotations(over(template.Annotations, map[string]string{"kubectl.kubernetes.io/default-container": ContainerName})).
		WithSpec(spec)
}

// resources are what the pod asks for. A small one may use as much as the job's, and is placed where there is little left.
func (p process) resources(r v1alpha1.Resources) v1alpha1.Resources {
	if !p.small {
		return r
	}
	requests := corev1.ResourceList{}
	for _, list := range []corev1.ResourceList{r.Limits, r.Requests} { // without a request the limit would be it
		for name, asked := range list {
			if most, ok := smallRequests[name]; ok && asked.Cmp(most) > 0 {
				asked = most
			}
			requests[name] = asked
		}
	}
	r.Requests = requests
	return r
}

// smallRequests are enough to plan a text and to read what a snapshot says of itself.
var smallRequests = corev1.ResourceList{
	corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi"),
}

// addPlacement says where and as whom the user wants the pod to run.
func addPlacement(spec *corev1ac.PodSpecApplyConfiguration, t *v1alpha1.PodTemplate) {
	if t.ServiceAccountName != nil {
		spec.WithServiceAccountName(*t.ServiceAccountName)
	}
	if t.PriorityClassName != nil {
		spec.WithPriorityClassName(*t.PriorityClassName)
	}
	for i, s := range t.ImagePullSecrets {
		if !slices.Contains(t.ImagePullSecrets[:i], s) { // server-side apply takes a name once
			spec.WithImagePullSecrets(corev1ac.LocalObjectReference().WithName(s.Name))
		}
	}
	if len(t.NodeSelector) > 0 {
		spec.WithNodeSelector(texts(t.NodeSelector))
	}
	for i := range t.Tolerations {
		spec.WithTolerations(toleration(&t.Tolerations[i]))
	}
}

// texts are labels as pods have them.
func texts(labels map[string]v1alpha1.LabelValue) map[string]string {
	all := make(map[string]string, len(labels))
	for name, value := range labels {
		all[name] = string(value)
	}
	return all
}

// toleration leaves out what the user did not say.
func toleration(t *v1alpha1.Toleration) *corev1ac.TolerationApplyConfiguration {
	ac := corev1ac.Toleration()
	if t.Key != "" {
		ac.WithKey(t.Key)
	}
	if t.Operator != "" {
		ac.WithOperator(t.Operator)
	}
	if t.Value != "" {
		ac.WithValue(string(t.Value))
	}
	if t.Effect != "" {
		ac.WithEffect(t.Effect)
	}
	if t.TolerationSeconds != nil {
		ac.WithTolerationSeconds(*t.TolerationSeconds)
	}
	return ac
}

// serve opens the ports of a coordinator, proves its identity and lets the kubelet probe it. Healthy is a process that
// answers; ready is one in which an attempt runs, which a standby may never become.
func serve(c *corev1ac.ContainerApplyConfiguration) {
	c.WithPorts(
		corev1ac.ContainerPort().WithName(portNameAPI).WithContainerPort(PortAPI).WithProtocol(corev1.ProtocolTCP),
		corev1ac.ContainerPort().WithName(portNameMetrics).WithContainerPort(PortMetrics).WithProtocol(corev1.ProtocolTCP),
	)
	c.WithVolumeMounts(mount("identity", identityDir))
	c.WithEnv(corev1ac.EnvVar().WithName(PodEnv).WithValueFrom(
		corev1ac.EnvVarSource().WithFieldRef(corev1ac.ObjectFieldSelector().WithAPIVersion("v1").WithFieldPath("metadata.name"))))
	c.WithStartupProbe(probe("/healthz").WithPeriodSeconds(2).WithFailureThreshold(60))
	c.WithLivenessProbe(probe("/healthz").WithPeriodSeconds(10).WithFailureThreshold(6))
	c.WithReadinessProbe(probe("/readyz").WithPeriodSeconds(2).WithFailureThreshold(3))
}

func probe(path string) *corev1ac.ProbeApplyConfiguration {
	return corev1ac.Probe().
		WithHTTPGet(corev1ac.HTTPGetAction().WithPath(path).WithPort(intstr.FromString(portNameAPI)).WithScheme(corev1.URISchemeHTTPS)).
		WithTimeoutSeconds(5).
		WithSuccessThreshold(1)
}

func mount(volume, dir string) *corev1ac.VolumeMountApplyConfiguration {
	return corev1ac.VolumeMount().WithName(volume).WithMountPath(dir).WithReadOnly(true)
}

// resourcesOf repeats what the user asked for.
func resourcesOf(r v1alpha1.Resources) *corev1ac.ResourceRequirementsApplyConfiguration {
	ac := corev1ac.ResourceRequirements()
	if len(r.Limits) > 0 {
		ac.WithLimits(r.Limits)
	}
	if len(r.Requests) > 0 {
		ac.WithRequests(r.Requests)
	}
	return ac
}

// restrictedContainer and restrictedPod are what the pod security standard "restricted" asks for, and a read-only image.
func restrictedContainer() *corev1ac.SecurityContextApplyConfiguration {
	return corev1ac.SecurityContext().
		WithAllowPrivilegeEscalation(false).
		WithReadOnlyRootFilesystem(true).
		WithCapabilities(corev1ac.Capabilities().WithDrop("ALL"))
}

func restrictedPod() *corev1ac.PodSecurityContextApplyConfiguration {
	return corev1ac.PodSecurityContext().
		WithRunAsNonRoot(true).
		WithRunAsUser(user).
		WithRunAsGroup(user).
		WithFSGroup(user). // so that it can read its identity, and nobody else can
		WithSeccompProfile(corev1ac.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))
}
